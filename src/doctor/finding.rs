//! What a check says.

use serde::Serialize;

/// How something stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, strum::Display)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum State {
    /// As it should be.
    Ok,
    /// Nobody could look.
    Unknown,
    /// It works, but not as well as it could, or not always.
    Warning,
    /// It does not work.
    Failed,
}

/// One check's word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How it stands.
    pub state: State,
    /// What was found.
    pub found: String,
    /// What to do; nothing where all is well.
    pub remedy: Option<String>,
    /// The page where that is done, or where a person can look.
    pub page: Option<String>,
}

impl Finding {
    /// As it should be.
    pub(super) fn ok(found: impl Into<String>) -> Self {
        Self { state: State::Ok, found: found.into(), remedy: None, page: None }
    }

    /// Worth a look.
    pub(super) fn warning(found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { state: State::Warning, remedy: Some(remedy.into()), ..Self::ok(found) }
    }

    /// Broken.
    pub(super) fn failed(found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { state: State::Failed, remedy: Some(remedy.into()), ..Self::ok(found) }
    }

    /// Nobody could look.
    pub(super) fn unknown(found: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { state: State::Unknown, remedy: Some(remedy.into()), ..Self::ok(found) }
    }

    /// The same with a page.
    pub(super) fn at(self, page: impl Into<String>) -> Self {
        Self { page: Some(page.into()), ..self }
    }
}
