//! GitHub's JSON, built from the world: one file per resource, with the fields GitHub's schema requires.

pub(crate) mod administration;
pub(crate) mod app;
pub(crate) mod check;
pub(crate) mod commit;
pub(crate) mod issue;
pub(crate) mod payload;
pub(crate) mod place;
pub(crate) mod pull;
pub(crate) mod repository;
pub(crate) mod run;

pub(crate) use place::Place;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::engine::snapshot::{Conclusion, Progress};
use crate::engine::time::Timestamp;

/// A GraphQL id made of a resource's kind and number.
pub(crate) fn node_id(kind: &str, id: impl std::fmt::Display) -> String {
    STANDARD.encode(format!("{kind}:{id}"))
}

/// A moment as GitHub writes it.
pub(crate) fn moment(at: Timestamp) -> Value {
    Value::String(at.seconds_text())
}

/// A moment that may not have come yet.
pub(crate) fn moment_or_null(at: Option<Timestamp>) -> Value {
    at.map_or(Value::Null, moment)
}

/// GitHub's word for how far something is.
pub(crate) fn status(progress: Progress) -> &'static str {
    match progress {
        Progress::Queued => "queued",
        Progress::InProgress => "in_progress",
        Progress::Completed => "completed",
    }
}

/// GitHub's word for how something ended, or null.
pub(crate) fn conclusion(ended: Option<Conclusion>) -> Value {
    ended.map_or(Value::Null, |ended| json!(ended.to_string()))
}
