//! Why a command did not do its work, as people read it.

use std::process::ExitCode;

use crate::cli::output;

/// Whose mistake it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureKind {
    /// A flag, a file it names or the configuration: exit code 2.
    Usage,
    /// Anything else: exit code 1.
    Failed,
}

/// A failure, printed once, at the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Whose mistake.
    pub kind: FailureKind,
    /// What is wrong, and where.
    pub message: String,
    /// What to do about it, where the message does not say.
    pub hint: Option<String>,
}

impl Failure {
    /// A mistake in what was asked for.
    pub fn usage(message: impl Into<String>) -> Self {
        Self { kind: FailureKind::Usage, message: message.into(), hint: None }
    }

    /// Something went wrong.
    pub fn failed(message: impl Into<String>) -> Self {
        Self { kind: FailureKind::Failed, message: message.into(), hint: None }
    }

    /// The same with a remedy.
    #[must_use]
    pub fn with_hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    /// Prints it and gives the exit code.
    pub fn report(&self) -> ExitCode {
        output::complain("error", &self.message);
        if let Some(hint) = &self.hint {
            output::complain("Remedy", hint);
        }
        match self.kind {
            FailureKind::Usage => ExitCode::from(2),
            FailureKind::Failed => ExitCode::FAILURE,
        }
    }
}

/// A failure nobody branches on: the whole chain of causes, each once.
impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        let mut message = error.to_string();
        for cause in error.chain().skip(1).map(ToString::to_string) {
            if !message.contains(&cause) {
                message = format!("{message}: {cause}");
            }
        }
        Self::failed(message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context as _;

    #[test]
    fn a_chain_says_each_cause_once() {
        let error = Err::<(), _>(std::io::Error::other("the disk is full")).context("the plan was not saved");
        let failure = Failure::from(error.context("the turn ended").expect_err("it failed"));
        assert_eq!(failure.message, "the turn ended: the plan was not saved: the disk is full");
        let repeated = Err::<(), _>(std::io::Error::other("full")).context("not saved: full").expect_err("it failed");
        assert_eq!(Failure::from(repeated).message, "not saved: full");
    }
}
