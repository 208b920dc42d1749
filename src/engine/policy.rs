//! What publish lets through: protected paths, links, submodules, size, scope and secrets.

use serde::{Deserialize, Serialize};

/// What to do with files outside the declared footprint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, strum::Display, strum::EnumString)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum Scope {
    /// The pull request is held until a person with write approves the wider scope.
    Hold,
    /// It is said on the pull request.
    Report,
}

/// The policy of one attempt, part of its brief.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PatchPolicy {
    /// Globs nobody may touch without a maintainer's word (`.github/**`, agent configuration).
    pub protected: Vec<String>,
    /// Most files a patch may touch.
    pub files_max: u64,
    /// Most bytes a patch may have.
    pub bytes_max: u64,
}
