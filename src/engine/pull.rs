//! A task's finished work and its pull request, as rows keep them.

use serde::{Deserialize, Serialize};

use crate::engine::id::{PullNumber, RunId, Sha};
use crate::engine::time::Timestamp;

/// What the checks of a pull request's head say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum CheckState {
    /// Not read yet for this head, or some are still under way.
    Pending,
    /// All passed; `none`: there were none for `checks_grace`.
    Green {
        /// Whether there were none at all.
        none: bool,
    },
    /// Some failed.
    Red {
        /// Their names.
        names: Vec<String>,
    },
}

/// A task's pull request as last seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pull {
    /// Its number.
    pub number: PullNumber,
    /// Its head.
    pub head: Sha,
    /// Whether it is open.
    pub open: bool,
    /// Whether it was merged.
    pub merged: bool,
    /// Its `updated_at` when its head or its state was last seen to change: views from before say nothing.
    #[serde(default)]
    pub changed_at: Timestamp,
    /// Since when this head is known: the grace for its checks counts from here.
    pub head_since: Timestamp,
    /// What its checks say.
    pub checks: CheckState,
    /// Whether this head was seen to have checks at all: they do not go, so that a view without any is an old one.
    #[serde(default)]
    pub has_checks: bool,
    /// The base's head when its checks were last read as green.
    pub checked_base: Option<Sha>,
    /// The head whose failed jobs were run again already.
    pub rerun_head: Option<Sha>,
    /// Workflow runs whose checks failed.
    pub failed_runs: Vec<RunId>,
    /// The end of the failed checks' output.
    pub red_tail: String,
    /// Whether it merges cleanly, where GitHub knows.
    pub mergeable: Option<bool>,
    /// Whether a person asked for its merge (`merge #N`).
    pub merge_asked: bool,
    /// The last merge that GitHub did not do.
    pub merge_refused: Option<MergeRefused>,
}

/// A merge that GitHub did not do: with the same head on the same base it is not asked for again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MergeRefused {
    /// The head.
    pub head: Sha,
    /// The base's head.
    pub base: Sha,
    /// GitHub's words.
    pub message: String,
}

impl Pull {
    /// A pull request as first seen.
    pub fn opened(number: PullNumber, head: Sha, now: Timestamp) -> Self {
        Self {
            number,
            head,
            open: true,
            merged: false,
            changed_at: Timestamp::default(),
            head_since: now,
            checks: CheckState::Pending,
            has_checks: false,
            checked_base: None,
            rerun_head: None,
            failed_runs: Vec::new(),
            red_tail: String::new(),
            mergeable: None,
            merge_asked: false,
            merge_refused: None,
        }
    }
}

/// Finished work that waits for, or stands in, a pull request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Work {
    /// The attempt's number.
    pub n: u32,
    /// The commit.
    pub commit: Sha,
    /// The files it touches.
    pub files: Vec<String>,
    /// Those of them that were hotspots when it was finished: they lock nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hotspots: Vec<String>,
    /// When it was finished.
    pub at: Timestamp,
}
