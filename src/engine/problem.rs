//! Problems are data: something a person wrote cannot be used as it stands. A problem blocks at most the tasks it
//! names.

use serde::{Deserialize, Serialize};

use crate::engine::id::TaskId;

/// What kind of problem.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, strum::Display)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum ProblemCode {
    /// Tasks wait for each other in a circle.
    Cycle,
    /// A dependency names an issue that does not exist.
    MissingDependency,
    /// A task depends on itself.
    SelfDependency,
    /// A stated phase comes before the phase of something it depends on.
    PhaseOrder,
    /// More phases than ten.
    TooManyPhases,
    /// More declared files than ten sub-issues of three could share.
    TooLarge,
    /// Two places say different things.
    Contradiction,
    /// A value cannot be read.
    Unreadable,
    /// A declared path leaves the repository or is no path.
    BadPath,
    /// A declared path is one that no agent's work may change.
    ProtectedPath,
}

impl ProblemCode {
    /// Whether tasks with this problem may not start. The others are reported and the stronger source is used.
    pub fn blocks(self) -> bool {
        match self {
            Self::Cycle
            | Self::MissingDependency
            | Self::SelfDependency
            | Self::PhaseOrder
            | Self::TooManyPhases
            | Self::TooLarge => true,
            Self::Contradiction | Self::Unreadable | Self::BadPath | Self::ProtectedPath => false,
        }
    }
}

/// One problem.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Problem {
    /// The task concerned; nobody where it concerns the configuration.
    pub task: Option<TaskId>,
    /// What kind.
    pub code: ProblemCode,
    /// What is wrong, where, and what to write instead: one sentence or two.
    pub message: String,
}
