//! Git plumbing on a bare mirror: what the orchestrator needs that GitHub's API cannot do.

pub mod checkout;
pub mod command;
pub(crate) mod group;
pub mod mirror;
pub(crate) mod push;
pub mod tree;

use std::collections::BTreeMap;
use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;

use crate::engine::id::Sha;
use crate::git::command::Program;

/// What a push comes to that its sender called off.
const CALLED_OFF: &str = "not sent: it was called off";

/// The repository's git side. `mirror` runs the git program on a bare mirror; the forge's world answers from memory.
pub trait Git: Send + Sync {
    /// Sets a branch to a commit if it still is at `expected` (nothing: if it does not exist), forced.
    fn move_branch(
        &self,
        branch: &str,
        expected: Option<&Sha>,
        to: &Sha,
    ) -> impl Future<Output = Result<(), Error>> + Send;

    /// The same, if `may` says yes, which is asked once everything else is at hand and only the push is left. Where it
    /// says no, nothing was sent: [`Error::Failed`].
    fn move_branch_if(
        &self,
        branch: &str,
        expected: Option<&Sha>,
        to: &Sha,
        may: impl Future<Output = bool> + Send,
    ) -> impl Future<Output = Result<(), Error>> + Send {
        async move {
            if !may.await {
                return Err(Error::Failed { message: CALLED_OFF.to_owned() });
            }
            self.move_branch(branch, expected, to).await
        }
    }

    /// What a commit stands on, the first parent first.
    fn parents(&self, commit: &Sha) -> impl Future<Output = Result<Vec<Sha>, Error>> + Send;

    /// All file paths at a commit, sorted.
    fn paths(&self, commit: &Sha) -> impl Future<Output = Result<Vec<String>, Error>> + Send;

    /// Where the files of a commit can be read, and what led to it.
    fn files(&self, commit: &Sha) -> impl Future<Output = Result<Files, Error>> + Send;

    /// The paths that would conflict if both commits were merged; none: a clean merge.
    fn merge_conflicts(&self, ours: &Sha, theirs: &Sha) -> impl Future<Output = Result<Vec<String>, Error>> + Send;

    /// What a commit changed in these files since it and another one parted, as a unified diff of at most `bytes`
    /// bytes; nothing where they have no common commit.
    fn changes(
        &self,
        other: &Sha,
        commit: &Sha,
        paths: &[String],
        bytes: usize,
    ) -> impl Future<Output = Result<String, Error>> + Send;
}

impl<M: Git> Git for Arc<M> {
    async fn move_branch(&self, branch: &str, expected: Option<&Sha>, to: &Sha) -> Result<(), Error> {
        M::move_branch(self, branch, expected, to).await
    }

    async fn move_branch_if(
        &self,
        branch: &str,
        expected: Option<&Sha>,
        to: &Sha,
        may: impl Future<Output = bool> + Send,
    ) -> Result<(), Error> {
        M::move_branch_if(self, branch, expected, to, may).await
    }

    async fn parents(&self, commit: &Sha) -> Result<Vec<Sha>, Error> {
        M::parents(self, commit).await
    }

    async fn paths(&self, commit: &Sha) -> Result<Vec<String>, Error> {
        M::paths(self, commit).await
    }

    async fn files(&self, commit: &Sha) -> Result<Files, Error> {
        M::files(self, commit).await
    }

    async fn merge_conflicts(&self, ours: &Sha, theirs: &Sha) -> Result<Vec<String>, Error> {
        M::merge_conflicts(self, ours, theirs).await
    }

    async fn changes(&self, other: &Sha, commit: &Sha, paths: &[String], bytes: usize) -> Result<String, Error> {
        M::changes(self, other, commit, paths, bytes).await
    }
}

/// Where the files of a commit can be read.
#[derive(Clone, Debug)]
pub enum Files {
    /// In a git directory that holds the commit.
    Directory {
        /// The program to read with.
        program: Program,
        /// The directory, bare or not.
        directory: PathBuf,
        /// A file in which may be kept what was made of contents, by blob.
        cache: Option<PathBuf>,
    },
    /// These are all, by path, with their contents; what led to them is not known.
    Held(BTreeMap<String, Arc<[u8]>>),
}

/// Why git did not do it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The branch is not where it was expected.
    #[error("the branch is at {}, not where it was expected", found.as_ref().map_or("no commit", Sha::as_str))]
    Moved {
        /// Where it is.
        found: Option<Sha>,
    },
    /// The remote refused, for good (protected branch, missing permission).
    #[error("the remote refused: {message}")]
    Refused {
        /// Its words.
        message: String,
    },
    /// A commit or object is not there.
    #[error("{what} is not in the repository")]
    Missing {
        /// What.
        what: String,
    },
    /// The remote could not be reached, or git failed: nobody knows whether a push happened.
    #[error("git failed: {message}")]
    Failed {
        /// The end of what it printed.
        message: String,
    },
}
