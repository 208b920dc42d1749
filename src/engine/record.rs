//! An attempt's record: the file `record.json` at the tip of `orchestrate-attempt/<issue>.<n>`.
//!
//! The branch is a chain of one-file commits: `claimed`, then exactly one of `result` or `fenced`; or `fenced` alone
//! where nobody claimed. Creating the branch is atomic and every later move is a fast-forward, so that GitHub itself
//! refuses the second comer. The tip repeats what came before it: reading the tip is enough.

use serde::{Deserialize, Serialize};

use crate::engine::id::{AttemptKey, RunId, Sha};
use crate::engine::report::Report;
use crate::engine::time::Timestamp;

/// The one file in a record's commits.
pub const RECORD_FILE: &str = "record.json";
/// The version of [`Record`]'s form. A reader refuses a newer one.
pub const RECORD_PROTOCOL: u32 = 1;

/// Who claimed the attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claimed {
    /// The run that does the attempt's work; every other run of the same attempt ends quietly.
    pub run_id: RunId,
    /// Always 1: a re-run does nothing.
    pub run_attempt: u32,
    /// The key the run was dispatched with. A run with another nonce that finds the branch taken ends all the same.
    pub key: AttemptKey,
    /// The brief's commit.
    pub brief: Sha,
    /// When.
    pub at: Timestamp,
}

/// What publish pushed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Published {
    /// The report, cut; data only.
    pub report: Report,
    /// The commit on the work branch; nothing where there is no work to show.
    pub commit: Option<Sha>,
    /// The files the patch touches, recomputed by publish.
    pub files: Vec<String>,
    /// Lines added.
    pub added: u64,
    /// Lines removed.
    pub removed: u64,
    /// Why publish refused the patch, if it did: each a sentence naming path and rule.
    pub refused: Vec<String>,
    /// The commit the work stands on.
    pub start: Sha,
    /// When the agent was started, if it was.
    pub agent_started_at: Option<Timestamp>,
    /// When the agent ended.
    pub agent_ended_at: Option<Timestamp>,
    /// When.
    pub at: Timestamp,
}

/// Why the orchestrator closed an attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fenced {
    /// A sentence for people.
    pub why: String,
    /// When.
    pub at: Timestamp,
}

/// The record as its tip tells it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// [`RECORD_PROTOCOL`].
    pub protocol: u32,
    /// The claim, if anybody claimed.
    #[serde(default)]
    pub claimed: Option<Claimed>,
    /// The result, if published.
    #[serde(default)]
    pub result: Option<Published>,
    /// The fence, if fenced.
    #[serde(default)]
    pub fenced: Option<Fenced>,
}

impl Record {
    /// A record that begins with a claim.
    pub fn claimed(claimed: Claimed) -> Self {
        Self { protocol: RECORD_PROTOCOL, claimed: Some(claimed), result: None, fenced: None }
    }

    /// The record after its result.
    #[must_use]
    pub fn with_result(self, result: Published) -> Self {
        Self { result: Some(result), ..self }
    }

    /// A fenced record: the claim is kept if there was one.
    pub fn fenced(claimed: Option<Claimed>, fenced: Fenced) -> Self {
        Self { protocol: RECORD_PROTOCOL, claimed, result: None, fenced: Some(fenced) }
    }

    /// Whether nothing may follow.
    pub fn is_closed(&self) -> bool {
        self.result.is_some() || self.fenced.is_some()
    }

    /// Reads `record.json`. A form this version does not know is an error, never a guess.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        let record: Self =
            serde_json::from_slice(bytes).map_err(|error| format!("{RECORD_FILE} cannot be read: {error}"))?;
        if record.protocol > RECORD_PROTOCOL {
            return Err(format!(
                "{RECORD_FILE} has protocol {}, this version knows {RECORD_PROTOCOL}",
                record.protocol
            ));
        }
        Ok(record)
    }

    /// The file's text: readable JSON with a final newline.
    pub fn to_text(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }
}
