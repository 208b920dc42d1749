//! Why a request has no answer.

use serde::{Deserialize, Serialize};

use crate::engine::time::Timestamp;

/// Why a request has no answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Error {
    /// 404 or 410: it does not exist, or we may not see it.
    #[error("{what} does not exist or is not visible to the App")]
    Missing {
        /// What was asked for.
        what: String,
    },
    /// 401: the credentials are not accepted.
    #[error("GitHub refused the credentials: {message}")]
    Unauthorized {
        /// GitHub's words.
        message: String,
    },
    /// 403 without a rate limit: a permission is missing.
    #[error("GitHub refused: {message}")]
    Denied {
        /// GitHub's words.
        message: String,
    },
    /// 405, 409, or 422 where the state does not allow it (exists already, no fast-forward, moved head, conflict).
    #[error("conflict: {message}")]
    Conflict {
        /// GitHub's words.
        message: String,
    },
    /// Any other 4xx: the request itself is wrong.
    #[error("GitHub did not accept the request: {message}")]
    Invalid {
        /// GitHub's words.
        message: String,
    },
    /// A primary or secondary rate limit: nothing happened, ask again at `until`.
    #[error("rate limited until {until}")]
    RateLimited {
        /// When to ask again.
        until: Timestamp,
    },
    /// By our own count GitHub would refuse this kind of write now: nothing was sent, and nothing else has to wait.
    #[error("put off until {until}, within what GitHub allows")]
    OverBudget {
        /// When there is room again.
        until: Timestamp,
    },
    /// 5xx, a timeout or a cut connection: nobody knows whether a write happened.
    #[error("no answer from GitHub: {message}")]
    Unreachable {
        /// What happened.
        message: String,
    },
    /// The answer cannot be read, or is of another kind than asked for: our failure or GitHub's.
    #[error("unexpected answer: {message}")]
    Unexpected {
        /// What was seen.
        message: String,
    },
}

impl Error {
    /// Whether a write may have happened all the same.
    pub fn leaves_doubt(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Unexpected { .. } => true,
            Self::Missing { .. }
            | Self::Unauthorized { .. }
            | Self::Denied { .. }
            | Self::Conflict { .. }
            | Self::Invalid { .. }
            | Self::RateLimited { .. }
            | Self::OverBudget { .. } => false,
        }
    }
}
