//! Why a task waits for a person.

use serde::{Deserialize, Serialize};

use crate::engine::id::{Login, PullNumber, Sha};

/// Why a task waits for a person. It stays until a person acts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Hold {
    /// The agent asks something.
    Decision {
        /// What.
        question: String,
    },
    /// A person closed the pull request.
    PullClosed {
        /// Which.
        pull: PullNumber,
        /// Who, where GitHub tells.
        by: Option<Login>,
    },
    /// GitHub refused the dispatch.
    DispatchRefused {
        /// Its words.
        message: String,
    },
    /// The work touches files outside the declared ones.
    Scope {
        /// Which.
        paths: Vec<String>,
    },
    /// The same check fails on the base.
    BaseRed {
        /// Which.
        check: String,
    },
    /// A person pushed to the branch: it is theirs.
    Theirs {
        /// The head they pushed.
        head: Sha,
    },
    /// The orchestrator could not set the branch or open the pull request.
    PublishRefused {
        /// Why.
        message: String,
    },
}
