//! The gate before every request: permission, limits, and what must hold before git may be asked to move anything.

use crate::engine::id::{IssueNumber, Login, PullNumber};
use crate::engine::snapshot::{Actor, Permission};
use crate::engine::time::Timestamp;
use crate::forge::world::access::{allows, makes_content, needed, role_for, role_needed};
use crate::forge::world::request::{GitQuestion, PersonAct, Request};
use crate::forge::world::{ACTIONS_BOT, TITLE_CHARACTERS_MAX, World};
use crate::github;
use crate::github::Error;

pub(in crate::forge::world) fn missing(what: impl Into<String>) -> Error {
    Error::Missing { what: what.into() }
}

pub(in crate::forge::world) fn invalid(message: impl Into<String>) -> Error {
    Error::Invalid { message: message.into() }
}

pub(in crate::forge::world) fn conflict(message: impl Into<String>) -> Error {
    Error::Conflict { message: message.into() }
}

pub(in crate::forge::world) fn denied(message: impl Into<String>) -> Error {
    Error::Denied { message: message.into() }
}

impl World {
    /// Whether a request may be applied, and what git must be asked for it.
    pub(in crate::forge::world) fn admit(
        &self,
        request: &Request,
        now: Timestamp,
    ) -> Result<Option<GitQuestion>, Error> {
        match request {
            Request::Api { actor, request, .. } => {
                self.limited(&actor.login, makes_content(request), now)?;
                self.permitted(actor, request)?;
                self.question(request)
            }
            Request::Person { actor, act, .. } => {
                self.person_permitted(&actor.login, act)?;
                match act {
                    PersonAct::Merge { number } => self.merge_question(*number, None).map(Some),
                    PersonAct::Open { .. }
                    | PersonAct::Comment { .. }
                    | PersonAct::EditComment { .. }
                    | PersonAct::Edit { .. }
                    | PersonAct::Tick { .. }
                    | PersonAct::Label { .. }
                    | PersonAct::Unlabel { .. }
                    | PersonAct::Close { .. }
                    | PersonAct::Reopen { .. }
                    | PersonAct::Delete { .. }
                    | PersonAct::BlockedBy { .. }
                    | PersonAct::SubIssue { .. } => Ok(None),
                }
            }
            Request::Pushed { .. } | Request::Runner(_) | Request::Check(_) | Request::Seed(_) => Ok(None),
        }
    }

    /// Permission of an API call. A workflow's token is narrower than its account: whoever checks the token narrows it.
    fn permitted(&self, actor: &Actor, request: &github::Request) -> Result<(), Error> {
        let is_app = actor.bot && actor.login.as_str().strip_suffix("[bot]") == Some(self.setup.app_slug.as_str());
        let may = if is_app {
            allows(&self.setup.app_permissions, needed(request))
        } else if actor.bot {
            actor.login.same(&Login::new(ACTIONS_BOT))
        } else {
            self.role(&actor.login) >= role_needed(request)
        };
        let what = if actor.bot { "integration" } else { "personal access token" };
        if may { Ok(()) } else { Err(denied(format!("Resource not accessible by {what}"))) }
    }

    fn person_permitted(&self, login: &Login, act: &PersonAct) -> Result<(), Error> {
        let wrote =
            |number: &IssueNumber| self.issue(*number).is_some_and(|entry| entry.issue.author.login.same(login));
        let own = match act {
            PersonAct::Edit { number, .. }
            | PersonAct::Tick { number, .. }
            | PersonAct::Close { number }
            | PersonAct::Reopen { number } => wrote(number),
            PersonAct::EditComment { comment, .. } => {
                self.comment(*comment).is_some_and(|entry| entry.comment.author.login.same(login))
            }
            PersonAct::Open { .. }
            | PersonAct::Comment { .. }
            | PersonAct::Label { .. }
            | PersonAct::Unlabel { .. }
            | PersonAct::Delete { .. }
            | PersonAct::BlockedBy { .. }
            | PersonAct::SubIssue { .. }
            | PersonAct::Merge { .. } => false,
        };
        let role = self.role(login);
        if role >= role_for(act) || (own && role > Permission::None) {
            Ok(())
        } else {
            Err(denied(format!("Must have {} rights to the repository.", role_for(act))))
        }
    }

    fn question(&self, request: &github::Request) -> Result<Option<GitQuestion>, Error> {
        use crate::github::Request as Call;
        match request {
            Call::CreateBranch { branch, sha } => {
                Ok(Some(GitQuestion::CreateBranch { branch: branch.clone(), sha: sha.clone() }))
            }
            Call::AdvanceBranch { branch, sha } => {
                Ok(Some(GitQuestion::AdvanceBranch { branch: branch.clone(), sha: sha.clone() }))
            }
            Call::DeleteBranch { branch } => Ok(Some(GitQuestion::DeleteBranch { branch: branch.clone() })),
            Call::CreateCommit { message, files, parent } => {
                Ok(Some(GitQuestion::Commit { message: message.clone(), files: files.clone(), parent: parent.clone() }))
            }
            Call::CommitOnBranch { branch, expected, message, files } => Ok(Some(GitQuestion::CommitOnBranch {
                branch: branch.clone(),
                expected: expected.clone(),
                message: message.clone(),
                files: files.clone(),
            })),
            Call::CreatePullRequest { title, body, head, base, .. } => {
                self.pull_possible(title, body, head, base)?;
                Ok(Some(GitQuestion::Ahead { base: base.clone(), head: head.clone() }))
            }
            Call::MergePullRequest { number, head } => self.merge_question(*number, Some(head.as_str())).map(Some),
            Call::MergeBranch { into, from } => {
                if !self.branches.contains_key(into) {
                    return Err(missing(format!("branch `{into}`")));
                }
                let message = format!("Merge {from} into {into}");
                Ok(Some(GitQuestion::Merge { into: into.clone(), from: from.clone(), message }))
            }
            Call::Repository
            | Call::Permission { .. }
            | Call::IssuesLabelled { .. }
            | Call::Issue { .. }
            | Call::LabelEvents { .. }
            | Call::BlockedBy { .. }
            | Call::SubIssues { .. }
            | Call::CommentsSince { .. }
            | Call::Comments { .. }
            | Call::BodyEdits { .. }
            | Call::Branch { .. }
            | Call::Branches { .. }
            | Call::Tips { .. }
            | Call::File { .. }
            | Call::Folder { .. }
            | Call::Runs { .. }
            | Call::Run { .. }
            | Call::JobLog { .. }
            | Call::PullRequest { .. }
            | Call::PullRequests { .. }
            | Call::PullsAndChecks { .. }
            | Call::Checks { .. } => Ok(self.read_question(request)),
            Call::CreateIssue { .. }
            | Call::UpdateIssue { .. }
            | Call::RewriteIssue { .. }
            | Call::CreateComment { .. }
            | Call::DeleteComment { .. }
            | Call::React { .. }
            | Call::Relate { .. }
            | Call::Pin { .. }
            | Call::DispatchWorkflow { .. }
            | Call::SetWorkflow { .. }
            | Call::CancelRun { .. }
            | Call::RerunFailedJobs { .. }
            | Call::UpdatePullRequest { .. } => Ok(None),
        }
    }

    fn read_question(&self, request: &github::Request) -> Option<GitQuestion> {
        use crate::github::Request as Call;
        if let Call::Branch { branch } = request {
            Some(GitQuestion::Branch { branch: branch.clone() })
        } else if let Call::Branches { prefix } = request {
            Some(GitQuestion::Branches { prefix: prefix.clone() })
        } else if let Call::Tips { branches, path } = request {
            Some(GitQuestion::Tips { branches: branches.clone(), path: path.clone() })
        } else if let Call::Folder { commit, path } = request {
            Some(GitQuestion::Folder { commit: commit.clone(), path: path.clone() })
        } else if let Call::File { reference, path } = request {
            Some(GitQuestion::File { reference: reference.clone(), path: path.clone() })
        } else if let Call::PullRequest { number } = request
            && self.is_open(IssueNumber(number.0))
        {
            let pull = self.pulls.get(number)?;
            let base = self.branches.get(&pull.base_branch)?.clone();
            Some(GitQuestion::Mergeable { base, head: pull.head_sha.clone() })
        } else if let Call::PullsAndChecks { numbers } = request {
            let open = numbers.iter().filter(|number| self.is_open(IssueNumber(number.0)));
            let ends = |number: &PullNumber| {
                let pull = self.pulls.get(number)?;
                Some((self.branches.get(&pull.base_branch).cloned(), pull.head_sha.clone()))
            };
            Some(GitQuestion::Merges { ends: open.filter_map(ends).collect() })
        } else {
            None
        }
    }

    fn pull_possible(&self, title: &str, body: &str, head: &str, base: &str) -> Result<(), Error> {
        checked_title(title)?;
        checked_body(body)?;
        for (field, branch) in [("head", head), ("base", base)] {
            if !self.branches.contains_key(branch) {
                return Err(invalid(format!("Validation Failed: PullRequest {field} `{branch}` is invalid")));
            }
        }
        if self.open_heads().any(|(_, pull)| pull.head_branch == head && pull.base_branch == base) {
            let owner = self.setup.repository.as_str().split('/').next().unwrap_or_default();
            return Err(conflict(format!("A pull request already exists for {owner}:{head}.")));
        }
        Ok(())
    }

    /// The merge of a pull request, if it may be tried.
    fn merge_question(&self, number: PullNumber, expected: Option<&str>) -> Result<GitQuestion, Error> {
        let pull = self.pulls.get(&number).ok_or_else(|| missing(format!("pull request #{number}")))?;
        let entry = self.existing(IssueNumber(number.0))?;
        if !self.is_open(IssueNumber(number.0)) {
            return Err(conflict("Pull Request is not mergeable: it is closed"));
        }
        if pull.draft {
            return Err(conflict("Pull Request is still a draft"));
        }
        if expected.is_some_and(|expected| expected != pull.head_sha.as_str()) {
            return Err(conflict("Head branch was modified. Review and try the merge again."));
        }
        let owner = self.setup.repository.as_str().split('/').next().unwrap_or_default();
        let message =
            format!("Merge pull request #{number} from {owner}/{}\n\n{}", pull.head_branch, entry.issue.title);
        Ok(GitQuestion::Merge { into: pull.base_branch.clone(), from: pull.head_sha.as_str().to_owned(), message })
    }
}

pub(in crate::forge::world) fn checked_title(title: &str) -> Result<(), Error> {
    if title.trim().is_empty() {
        return Err(invalid("title can't be blank"));
    }
    if title.chars().count() > TITLE_CHARACTERS_MAX {
        return Err(invalid(format!("title is too long (maximum is {TITLE_CHARACTERS_MAX} characters)")));
    }
    Ok(())
}

pub(in crate::forge::world) fn checked_body(body: &str) -> Result<(), Error> {
    if body.chars().count() > crate::forge::world::BODY_CHARACTERS_MAX {
        let most = crate::forge::world::BODY_CHARACTERS_MAX;
        return Err(invalid(format!("body is too long (maximum is {most} characters)")));
    }
    Ok(())
}
