//! Several things asked at once, and what one question tells of them.

use serde::{Deserialize, Serialize};

use crate::engine::id::Sha;
use crate::engine::snapshot::{Checks, PullRequest};
use crate::github::{Error, GitHub, Request, Response};

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

/// Sends one after the other. Once GitHub asks us to wait nothing more is sent: what is left waits, too.
pub(super) async fn send_singly(
    github: &(impl GitHub + ?Sized),
    requests: Vec<Request>,
) -> Vec<Result<Response, Error>> {
    let mut answers = Vec::with_capacity(requests.len());
    for request in requests {
        answers.push(match answers.last() {
            Some(Err(Error::RateLimited { until })) => Err(Error::RateLimited { until: *until }),
            Some(_) | None => github.send(request).await,
        });
    }
    answers
}
