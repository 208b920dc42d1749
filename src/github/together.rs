//! What one question tells of several things at once.

use serde::{Deserialize, Serialize};

use crate::engine::id::Sha;
use crate::engine::snapshot::{Checks, PullRequest};

/// Where a branch stands, and a file's text there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tip {
    /// Its commit.
    pub sha: Sha,
    /// The text; nothing where the file is not there, or not to be had so (binary, or too long): ask for it by itself.
    pub file: Option<String>,
}

/// A pull request and what the checks of its head say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PullAndChecks {
    /// The pull request.
    pub pull: PullRequest,
    /// All check runs and statuses of its head; nothing where they are not to be had so (more than one answer holds, or
    /// not told apart from older ones): ask for them by themselves.
    pub checks: Option<Checks>,
}
