//! Issue text → facts: what an issue says about its files, dependencies, phase, priority and limits.

mod areas;
mod entries;
mod mentions;
mod values;

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use crate::engine::brief::AgentKind;
use crate::engine::footprint::Area;
use crate::engine::id::IssueNumber;
use crate::engine::markdown::Document;
use crate::engine::problem::Problem;
use crate::engine::time::Span;

pub use areas::area;

/// How urgent, most urgent first.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    strum::Display,
    strum::EnumString,
)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase", ascii_case_insensitive)]
pub enum Priority {
    /// First.
    Critical,
    /// Second.
    High,
    /// The default.
    #[default]
    Medium,
    /// Last.
    Low,
}

/// What an escalated task does to its phase's gate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, strum::Display, strum::EnumString)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase", ascii_case_insensitive)]
pub enum OnFail {
    /// The gate stays shut until a person decides.
    #[default]
    Stop,
    /// The gate opens without it.
    Continue,
}

/// Everything an issue's text and labels say.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// Declared areas (`Files:`).
    pub files: Vec<Area>,
    /// `Depends on:`.
    pub depends_on: Vec<IssueNumber>,
    /// `Phase:`.
    pub phase: Option<u32>,
    /// `Priority:` or a label.
    pub priority: Option<Priority>,
    /// `Agent:` or a label.
    pub agent: Option<AgentKind>,
    /// `Timeout:`.
    pub timeout: Option<Span>,
    /// `Retries:`: attempts after the first.
    pub retries: Option<u32>,
    /// `Validate:`.
    pub validate: Vec<String>,
    /// `On fail:`.
    pub on_fail: Option<OnFail>,
    /// `Acceptance:`.
    pub acceptance: Vec<String>,
    /// Texts in title and body that look like paths, outside `Files:`, in order of appearance, each once. Whether they
    /// exist in the repository is not known here.
    pub mentions: Vec<String>,
    /// What could not be read or contradicts itself. The task's id is filled in by the plan.
    pub problems: Vec<Problem>,
}

/// Reads everything an issue's title, body and labels say. Never fails: what cannot be read is a problem in the answer.
/// Scalar keys count where they stand first, the body before labels; lists in several places are added up.
pub fn read(title: &str, body: &str, labels: &[String]) -> Facts {
    let document = Document::read(body);
    let entries = entries::entries(&document);
    let mut facts = values::facts(&entries.entries, labels);
    facts.mentions = mentions::mentions(title, &entries.others);
    facts
}
