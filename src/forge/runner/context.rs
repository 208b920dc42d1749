//! What expressions can see at one place of one run.

use std::collections::BTreeMap;

use secrecy::{ExposeSecret as _, SecretString};

use crate::engine::snapshot::Conclusion;
use crate::forge::runner::expression::{Context, Function, Name, Value};

/// How things stand for the status functions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Status {
    /// Something before has failed.
    pub(super) failed: bool,
    /// All before went well.
    pub(super) well: bool,
    /// The run (for a step: the job) was cancelled.
    pub(super) cancelled: bool,
}

impl Status {
    /// At the beginning.
    pub(super) const WELL: Self = Self { failed: false, well: true, cancelled: false };
}

/// Names with their texts. That a name may be used at all was checked when the file was read; here a name of an open
/// group (`secrets`, `vars`, `env`, outputs) that is not set is null, as on GitHub.
#[derive(Clone, Debug)]
pub(super) struct Names {
    texts: BTreeMap<String, String>,
    secrets: BTreeMap<String, SecretString>,
    pub(super) status: Status,
}

impl Names {
    /// No names, all well.
    pub(super) fn new() -> Self {
        Self { texts: BTreeMap::new(), secrets: BTreeMap::new(), status: Status::WELL }
    }

    /// Sets a name.
    pub(super) fn set(&mut self, group: &str, name: &str, text: impl Into<String>) {
        self.texts.insert(format!("{group}.{name}"), text.into());
    }

    /// Sets a name that stands for a secret.
    pub(super) fn set_secret(&mut self, group: &str, name: &str, secret: &SecretString) {
        self.secrets.insert(format!("{group}.{name}"), secret.clone());
    }

    /// The names of a group that stand for no secrets, with their texts.
    pub(super) fn group<'a>(&'a self, group: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        let inner = move |key: &'a str| key.strip_prefix(group)?.strip_prefix('.');
        self.texts.iter().filter_map(move |(key, text)| Some((inner(key)?, text.as_str())))
    }

    /// All secrets.
    pub(super) fn secrets(&self) -> impl Iterator<Item = &SecretString> {
        self.secrets.values()
    }

    /// The same names, cancelled.
    pub(super) fn cancelled(&self) -> Self {
        Self { status: Status { cancelled: true, well: false, ..self.status }, ..self.clone() }
    }
}

impl Context for Names {
    fn value(&self, name: &Name) -> Option<Value> {
        let key = name.to_string();
        if let Some(text) = self.texts.get(&key) {
            return Some(Value::text(text));
        }
        if let Some(secret) = self.secrets.get(&key) {
            return Some(Value::text(secret.expose_secret()));
        }
        let open = matches!(
            name.parts().as_slice(),
            ["secrets" | "vars" | "env" | "inputs", _] | ["needs" | "steps", _, "outputs", _]
        );
        open.then_some(Value::Null)
    }

    fn status(&self, function: Function) -> bool {
        match function {
            Function::Always => true,
            Function::Success => self.status.well && !self.status.failed && !self.status.cancelled,
            Function::Failure => self.status.failed,
            Function::Cancelled => self.status.cancelled,
            Function::Contains | Function::StartsWith | Function::EndsWith => false,
        }
    }
}

/// A conclusion as expressions name it.
pub(super) fn result_word(conclusion: Conclusion) -> &'static str {
    match conclusion {
        Conclusion::Success | Conclusion::Neutral => "success",
        Conclusion::Skipped => "skipped",
        Conclusion::Cancelled => "cancelled",
        Conclusion::Failure
        | Conclusion::TimedOut
        | Conclusion::ActionRequired
        | Conclusion::StartupFailure
        | Conclusion::Stale
        | Conclusion::Unknown => "failure",
    }
}
