//! Merges without a checkout: a tree by `git merge-tree`, a commit by `commit-tree`; the caller moves the branch.

use crate::engine::id::Sha;
use crate::forge::repository::{Error, Repository, is_sha, keep, known};

/// The most characters of a diff shown.
const DIFF_BYTES_MAX: usize = 400_000;

/// How a merge went. No branch is moved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MergeOutcome {
    /// The merge commit, which no branch names yet.
    Merged(Sha),
    /// Everything is there already.
    NothingToDo,
    /// Both sides changed the same places.
    Conflict {
        /// The files, sorted.
        paths: Vec<String>,
    },
}

impl Repository {
    /// The tree of `ours` with `theirs` merged in, or the files in conflict. Histories without a common commit merge as
    /// if both had begun from nothing.
    pub async fn merged_tree(&self, ours: &Sha, theirs: &Sha) -> Result<Result<Sha, Vec<String>>, Error> {
        let arguments =
            ["merge-tree", "--write-tree", "-z", "--name-only", "--no-messages", "--allow-unrelated-histories"];
        let failed = |message: &str| Error::Failed { verb: "merge-tree".to_owned(), message: message.to_owned() };
        if !is_sha(ours.as_str()) || !is_sha(theirs.as_str()) {
            return Err(failed("a commit is named by its full hexadecimal name"));
        }
        let mut full = arguments.to_vec();
        full.extend([ours.as_str(), theirs.as_str()]);
        let output = self.git(&full).await?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let mut fields = text.split('\0').map(str::trim).filter(|field| !field.is_empty());
        match (output.code, fields.next()) {
            (0, Some(tree)) if is_sha(tree) => Ok(Ok(Sha::new(tree))),
            (1, Some(_)) => {
                let paths: std::collections::BTreeSet<String> = fields.map(str::to_owned).collect();
                Ok(Err(paths.into_iter().collect()))
            }
            _ => Err(failed(output.stderr.trim())),
        }
    }

    /// Merges `theirs` into `ours` as a commit of two parents.
    pub async fn merge(&self, ours: &Sha, theirs: &Sha, message: &str) -> Result<MergeOutcome, Error> {
        if self.is_ancestor(theirs, ours).await? {
            return Ok(MergeOutcome::NothingToDo);
        }
        match self.merged_tree(ours, theirs).await? {
            Ok(tree) => {
                let commit = self.write_commit(message, &tree, &[ours.clone(), theirs.clone()]).await?;
                Ok(MergeOutcome::Merged(commit))
            }
            Err(paths) => Ok(MergeOutcome::Conflict { paths }),
        }
    }

    /// Whether `head` merges into `base` without a conflict.
    pub async fn mergeable(&self, base: &Sha, head: &Sha) -> Result<bool, Error> {
        let pair = (base.clone(), head.clone());
        if let Some(known) = known(&self.mergeable, &pair) {
            return Ok(known);
        }
        let answer = self.merged_tree(base, head).await?.is_ok();
        Ok(keep(&self.mergeable, pair, answer))
    }

    /// What `head` changes since it left `base`, as a unified diff, cut at a bound that is told.
    pub async fn diff(&self, base: &Sha, head: &Sha) -> Result<String, Error> {
        let range = format!("{base}...{head}");
        let output =
            self.git(&["diff", "--no-ext-diff", "--no-textconv", "--no-color", "--end-of-options", &range]).await?;
        let mut text = String::from_utf8_lossy(&output.ok("diff")?.stdout).into_owned();
        if text.len() > DIFF_BYTES_MAX {
            text.truncate(text.floor_char_boundary(DIFF_BYTES_MAX));
            text.push_str("\n... the rest of this diff is not shown\n");
        }
        Ok(text)
    }

    /// Lines added and removed and the files changed by `head` since it left `base`.
    pub async fn changed_lines(&self, base: &Sha, head: &Sha) -> Result<Vec<(u64, u64, String)>, Error> {
        let pair = (base.clone(), head.clone());
        if let Some(known) = known(&self.changed, &pair) {
            return Ok(known);
        }
        let range = format!("{base}...{head}");
        let output =
            self.git(&["diff", "--no-ext-diff", "--numstat", "--no-renames", "--end-of-options", &range]).await?;
        let text = String::from_utf8_lossy(&output.ok("diff")?.stdout).into_owned();
        let read = |line: &str| {
            let mut fields = line.splitn(3, '\t');
            let added = fields.next()?.parse().unwrap_or(0);
            let removed = fields.next()?.parse().unwrap_or(0);
            Some((added, removed, fields.next()?.to_owned()))
        };
        Ok(keep(&self.changed, pair, text.lines().filter_map(read).collect()))
    }
}
