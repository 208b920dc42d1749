//! Git's answers to the world's questions. Questions that move a branch are asked in turn only.

use crate::engine::id::Sha;
use crate::engine::snapshot::Ref;
use crate::forge::http::hub::{Hub, with_answer};
use crate::forge::repository::{Error, MergeOutcome, Moved, TreeContent, TreeEntry};
use crate::forge::world::question::{GitAnswer, GitQuestion};
use crate::forge::world::request::Request;
use crate::github::{NewFile, Tip};

impl Hub {
    /// Asks git. What git cannot do is an answer, too.
    pub(crate) async fn ask(&self, question: GitQuestion) -> GitAnswer {
        self.answer(question).await.unwrap_or_else(|error| GitAnswer::Failed { message: error.to_string() })
    }

    async fn answer(&self, question: GitQuestion) -> Result<GitAnswer, Error> {
        match question {
            GitQuestion::Branch { branch } => Ok(at(self.repository.branch(&branch).await?, &branch)),
            GitQuestion::Branches { prefix } => {
                let branches = self.repository.branches().await?.into_iter();
                let named = branches.filter(|(branch, _)| branch.starts_with(&prefix));
                Ok(GitAnswer::Refs(named.map(|(branch, sha)| Ref { branch, sha }).collect()))
            }
            GitQuestion::Tips { branches, path } => Ok(GitAnswer::Tips(self.tips(&branches, &path).await?)),
            GitQuestion::CreateBranch { branch, sha } => {
                let moved = self.repository.move_branch(&branch, None, Some(&sha)).await?;
                Ok(after_move(moved, sha, "Reference already exists"))
            }
            GitQuestion::AdvanceBranch { branch, sha } => self.advance(&branch, sha).await,
            GitQuestion::DeleteBranch { branch } => {
                let Some(present) = self.repository.branch(&branch).await? else { return Ok(GitAnswer::Done) };
                match self.repository.move_branch(&branch, Some(&present), None).await? {
                    Moved::Done => Ok(GitAnswer::Done),
                    Moved::Elsewhere { .. } => Ok(GitAnswer::Refused { message: "the branch moved".to_owned() }),
                    Moved::Refused { message } => Ok(GitAnswer::Refused { message }),
                }
            }
            GitQuestion::Commit { message, files, parent } => self.make_commit(&message, files, parent).await,
            GitQuestion::CommitOnBranch { branch, expected, message, files } => {
                self.commit_on(&branch, expected, &message, files).await
            }
            GitQuestion::File { reference, path } => Ok(match self.repository.file(&reference, &path).await? {
                Some(bytes) => GitAnswer::File(bytes),
                None => GitAnswer::Missing { what: format!("`{path}` at {reference}") },
            }),
            GitQuestion::Folder { commit, path } => Ok(match self.repository.folder(&commit, &path).await? {
                Some(files) => GitAnswer::Folder(files),
                None => GitAnswer::Missing { what: format!("commit {commit}") },
            }),
            GitQuestion::Ahead { base, head } => {
                let (base_sha, head_sha) = (self.repository.branch(&base).await?, self.repository.branch(&head).await?);
                match (base_sha, head_sha) {
                    (Some(base), Some(head)) => {
                        Ok(GitAnswer::Ahead(self.repository.commits_between(&base, &head).await? > 0))
                    }
                    (None, _) => Ok(GitAnswer::Missing { what: format!("branch `{base}`") }),
                    (_, None) => Ok(GitAnswer::Missing { what: format!("branch `{head}`") }),
                }
            }
            GitQuestion::Mergeable { base, head } => {
                Ok(GitAnswer::Mergeable(self.repository.mergeable(&base, &head).await?))
            }
            GitQuestion::Merges { ends } => {
                let mut merges = Vec::with_capacity(ends.len());
                for (base, head) in ends {
                    merges.push(match base {
                        Some(base) => self.repository.mergeable(&base, &head).await?,
                        None => false,
                    });
                }
                Ok(GitAnswer::Merges(merges))
            }
            GitQuestion::Merge { .. } => {
                Ok(GitAnswer::Failed { message: "a merge is asked for with its intent".to_owned() })
            }
        }
    }

    /// Where branches are, each with the text of a file there.
    pub(crate) async fn tips(&self, branches: &[String], path: &str) -> Result<Vec<Option<Tip>>, Error> {
        let mut tips = Vec::with_capacity(branches.len());
        for branch in branches {
            let Some(sha) = self.repository.branch(branch).await? else {
                tips.push(None);
                continue;
            };
            let bytes = self.repository.file(sha.as_str(), path).await?;
            tips.push(Some(Tip { sha, file: bytes.and_then(|bytes| String::from_utf8(bytes).ok()) }));
        }
        Ok(tips)
    }

    async fn advance(&self, branch: &str, sha: Sha) -> Result<GitAnswer, Error> {
        let Some(present) = self.repository.branch(branch).await? else {
            return Ok(GitAnswer::Missing { what: format!("branch `{branch}`") });
        };
        if self.repository.resolve(sha.as_str()).await?.is_none() {
            return Ok(GitAnswer::Missing { what: format!("commit {sha}") });
        }
        let not_forward = "Update is not a fast forward";
        if !self.repository.is_ancestor(&present, &sha).await? {
            return Ok(GitAnswer::Refused { message: not_forward.to_owned() });
        }
        let moved = self.repository.move_branch(branch, Some(&present), Some(&sha)).await?;
        Ok(after_move(moved, sha, not_forward))
    }

    async fn make_commit(&self, message: &str, files: Vec<NewFile>, parent: Option<Sha>) -> Result<GitAnswer, Error> {
        if let Some(parent) = &parent
            && self.repository.resolve(parent.as_str()).await?.is_none()
        {
            return Ok(GitAnswer::Missing { what: format!("commit {parent}") });
        }
        let entry = |file: NewFile| TreeEntry {
            path: file.path,
            mode: "100644".to_owned(),
            content: TreeContent::Bytes(file.content.into_bytes()),
        };
        let entries: Vec<TreeEntry> = files.into_iter().map(entry).collect();
        let tree = self.repository.write_tree(parent.as_ref(), &entries).await?;
        let parents: Vec<Sha> = parent.into_iter().collect();
        Ok(GitAnswer::Commit(self.repository.write_commit(message, &tree, &parents).await?))
    }

    async fn commit_on(
        &self,
        branch: &str,
        expected: Sha,
        message: &str,
        files: Vec<NewFile>,
    ) -> Result<GitAnswer, Error> {
        let Some(present) = self.repository.branch(branch).await? else {
            return Ok(GitAnswer::Missing { what: format!("branch `{branch}`") });
        };
        if present != expected {
            return Ok(GitAnswer::Refused { message: elsewhere(&expected) });
        }
        let made = self.make_commit(message, files, Some(expected.clone())).await?;
        let GitAnswer::Commit(sha) = made else { return Ok(made) };
        let moved = self.repository.move_branch(branch, Some(&expected), Some(&sha)).await?;
        Ok(after_move(moved, sha, &elsewhere(&expected)))
    }

    /// Merges and moves the branch; the intent is kept before the branch moves. Gives the answered request and the
    /// intent's row.
    pub(crate) async fn merge(
        &self,
        request: Request,
        into: &str,
        from: &str,
        message: &str,
    ) -> (Request, Option<i64>) {
        let merged = self.try_merge(&request, into, from, message).await;
        let (answer, intent) = merged.unwrap_or_else(|message| (GitAnswer::Failed { message }, None));
        (with_answer(request, answer), intent)
    }

    async fn try_merge(
        &self,
        request: &Request,
        into: &str,
        from: &str,
        message: &str,
    ) -> Result<(GitAnswer, Option<i64>), String> {
        let words = |error: Error| error.to_string();
        let missing = |what: &str| Ok((GitAnswer::Missing { what: what.to_owned() }, None));
        let Some(ours) = self.repository.branch(into).await.map_err(words)? else { return missing(into) };
        let Some(theirs) = self.repository.resolve(from).await.map_err(words)? else { return missing(from) };
        let commit = match self.repository.merge(&ours, &theirs, message).await.map_err(words)? {
            MergeOutcome::Merged(commit) => commit,
            MergeOutcome::NothingToDo => return Ok((GitAnswer::NothingToDo, None)),
            MergeOutcome::Conflict { paths } => return Ok((GitAnswer::Conflict { paths }, None)),
        };
        let merged = with_answer(request.clone(), GitAnswer::Merged(commit.clone()));
        let intent = self.store.intend(into, commit.as_str(), &merged).await.map_err(|error| error.to_string())?;
        match self.repository.move_branch(into, Some(&ours), Some(&commit)).await {
            Ok(Moved::Done) => Ok((GitAnswer::Merged(commit), Some(intent))),
            Ok(Moved::Elsewhere { .. }) => Ok((
                GitAnswer::Refused { message: "Base branch was modified. Try the merge again.".to_owned() },
                Some(intent),
            )),
            Ok(Moved::Refused { message }) => Ok((GitAnswer::Failed { message }, Some(intent))),
            Err(error) => {
                // Nobody knows whether the branch moved before git was cut off: the branch itself does.
                let landed = self.repository.branch(into).await.is_ok_and(|found| found.as_ref() == Some(&commit));
                let answer =
                    if landed { GitAnswer::Merged(commit) } else { GitAnswer::Failed { message: error.to_string() } };
                Ok((answer, Some(intent)))
            }
        }
    }
}

/// GitHub's words where a branch does not stand where a commit on it expects it.
fn elsewhere(expected: &Sha) -> String {
    format!("Expected branch to point to \"{expected}\" but it did not. Pull and try again.")
}

fn at(sha: Option<Sha>, branch: &str) -> GitAnswer {
    sha.map_or_else(|| GitAnswer::Missing { what: format!("branch `{branch}`") }, GitAnswer::At)
}

fn after_move(moved: Moved, sha: Sha, elsewhere: &str) -> GitAnswer {
    match moved {
        Moved::Done => GitAnswer::At(sha),
        Moved::Elsewhere { .. } => GitAnswer::Refused { message: elsewhere.to_owned() },
        Moved::Refused { message } if message == "Object does not exist" => GitAnswer::Missing { what: message },
        Moved::Refused { message } => GitAnswer::Refused { message },
    }
}
