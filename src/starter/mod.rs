//! The files that a repository needs before anything can run on it: where each goes, what it is for, and its text.
//!
//! The one place that knows them: whoever writes them into a checkout and whoever offers them in a pull request takes
//! them from here. What a file says is tested against the code that reads it.

pub mod onboarding;

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::fmt::Write as _;

use crate::engine::config::{CONFIGURATION_PATH, KEYS};

/// Where the issue form stands.
pub const ISSUE_FORM_PATH: &str = ".github/ISSUE_TEMPLATE/orchestrator-task.yml";
/// Where the task workflow stands, unless the configuration names another file there.
pub const TASK_WORKFLOW_PATH: &str = ".github/workflows/task.yml";

/// Who may put a file on the default branch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Committer {
    /// Anybody, the App among them by a pull request.
    Anybody,
    /// A person with their own rights alone: it is a workflow, and the App has no say in those.
    Person,
}

/// One of the files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StarterFile {
    /// Its path in the repository.
    pub path: &'static str,
    /// What it is for, as half a sentence.
    pub purpose: &'static str,
    /// Its text.
    pub text: Cow<'static, str>,
    /// Who may put it there.
    pub committer: Committer,
}

/// All files of a repository that a server works.
pub fn files() -> Vec<StarterFile> {
    let file = |path, purpose, text, committer| StarterFile { path, purpose, text, committer };
    let form = Cow::Borrowed(include_str!("issue-form.yml"));
    let workflow = Cow::Borrowed(include_str!("../../.github/workflows/task.yml"));
    vec![
        file(ISSUE_FORM_PATH, "asks for what an issue can say about its task", form, Committer::Anybody),
        file(
            CONFIGURATION_PATH,
            "has every setting with its default, as a comment: nothing is set yet",
            Cow::Owned(configuration()),
            Committer::Anybody,
        ),
        file(TASK_WORKFLOW_PATH, "runs one attempt of one task", workflow, Committer::Person),
    ]
}

/// A configuration in which every setting stands with its default, as a comment.
pub fn configuration() -> String {
    let mut text =
        "# How task-orchestrator works on this repository. Each setting below stands with its default, as a \
                    comment: take\n# the `# ` before it away and write another value to change it. What is not known \
                    is refused with its line.\n"
            .to_owned();
    for key in KEYS {
        let value = match key.default.strip_prefix("unset: ") {
            Some(meaning) => format!("# not set: {meaning}"),
            None => key.default.to_owned(),
        };
        // Writing into a text cannot fail.
        let _ = write!(text, "\n# {}\n# {}: {value}\n", key.doc, key.name);
    }
    text
}
