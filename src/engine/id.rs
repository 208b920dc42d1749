//! Identifiers. Each is a type of its own so that a pull request's number can never stand where an issue's is meant.
//!
//! Numbers are GitHub's (`u64`, never zero in practice); texts are kept exactly as GitHub gives them.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! number {
    ($(#[$meta:meta])* $name:ident) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

macro_rules! text {
    ($(#[$meta:meta])* $name:ident) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub String);

        impl $name {
            /// Wraps a text as it came.
            pub fn new(text: impl Into<String>) -> Self {
                Self(text.into())
            }

            /// The text itself.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

number!(
    /// An issue's number in its repository (`#12`).
    IssueNumber
);
number!(
    /// A pull request's number in its repository.
    PullNumber
);
number!(
    /// GitHub's database id of a workflow run; a re-run keeps it.
    RunId
);
number!(
    /// GitHub's database id of a job inside a run.
    JobId
);
number!(
    /// GitHub's database id of an issue comment.
    CommentId
);
number!(
    /// GitHub's database id of a check run.
    CheckRunId
);

text!(
    /// A commit's full hexadecimal name.
    Sha
);
text!(
    /// An account's login, compared without case (see [`Login::same`]).
    Login
);
text!(
    /// `owner/name`.
    RepositoryName
);
text!(
    /// Who performs outbox entries: one loop of one process, which holds the repository's lease under this name.
    /// Entries keep it for whoever reads a plan; what an earlier owner intended is probed by whoever loads it next.
    Owner
);

impl Login {
    /// Whether both are the same account; GitHub's logins ignore case.
    pub fn same(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl Sha {
    /// The first seven characters, as people write it.
    pub fn short(&self) -> &str {
        self.0.get(..7).unwrap_or(&self.0)
    }
}

/// A task's id: `t<issue>`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct TaskId(pub IssueNumber);

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "t{}", self.0)
    }
}

impl From<TaskId> for String {
    fn from(id: TaskId) -> Self {
        id.to_string()
    }
}

impl TryFrom<String> for TaskId {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.strip_prefix('t')
            .and_then(|digits| digits.parse().ok())
            .map(|number| Self(IssueNumber(number)))
            .ok_or_else(|| format!("`{text}` is no task id; write `t` and the issue's number, as in `t12`"))
    }
}

/// One attempt of one issue: `<issue>.<n>`, as it stands in branch and file names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AttemptId {
    /// The task's issue.
    pub issue: IssueNumber,
    /// Counts dispatches of the issue, from 1; never restarts.
    pub n: u32,
}

/// Where attempt records live: `refs/heads/orchestrate-attempt/<issue>.<n>`.
pub const RECORD_BRANCH_PREFIX: &str = "orchestrate-attempt/";
/// Where publish pushes an attempt's work: `refs/heads/orchestrate-work/<issue>.<n>`.
pub const WORK_BRANCH_PREFIX: &str = "orchestrate-work/";
/// The branch of a task's pull request: `orchestrate/issue-<issue>`; only the orchestrator moves it.
pub const PULL_BRANCH_PREFIX: &str = "orchestrate/issue-";
/// The orphan branch that holds briefs and what GitHub does not hold.
pub const STATE_BRANCH: &str = "orchestrate/state";

/// Whether a branch is one that only the orchestrator and its runs make: a push to it decides nothing, for what they
/// put there is read where it is waited for.
pub fn is_own_branch(branch: &str) -> bool {
    let prefixes = [RECORD_BRANCH_PREFIX, WORK_BRANCH_PREFIX, PULL_BRANCH_PREFIX];
    branch == STATE_BRANCH || prefixes.iter().any(|prefix| branch.starts_with(prefix))
}

impl AttemptId {
    /// The attempt's record branch, without `refs/heads/`.
    pub fn record_branch(self) -> String {
        format!("{RECORD_BRANCH_PREFIX}{self}")
    }

    /// The branch that publish pushes the work to, without `refs/heads/`.
    pub fn work_branch(self) -> String {
        format!("{WORK_BRANCH_PREFIX}{self}")
    }

    /// The brief's path on the state branch.
    pub fn brief_path(self) -> String {
        format!("briefs/{self}.json")
    }

    /// Reads `<issue>.<n>`, as found at the end of a record branch.
    pub fn parse(text: &str) -> Option<Self> {
        let (issue, n) = text.split_once('.')?;
        Some(Self { issue: IssueNumber(issue.parse().ok()?), n: n.parse().ok()? })
    }
}

impl fmt::Display for AttemptId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.issue, self.n)
    }
}

/// The branch of a task's pull request, without `refs/heads/`.
pub fn pull_branch(issue: IssueNumber) -> String {
    format!("{PULL_BRANCH_PREFIX}{issue}")
}

/// An attempt's key, `t<issue>.<n>.<nonce>`: travels in the dispatch input and in the run's name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct AttemptKey {
    /// The attempt it names.
    pub id: AttemptId,
    /// 32 lower-case hexadecimal digits.
    pub nonce: String,
}

/// Hexadecimal digits in a nonce.
pub const NONCE_DIGITS: usize = 32;

impl AttemptKey {
    /// Reads a key; anything but the exact form is refused.
    pub fn parse(text: &str) -> Option<Self> {
        let (attempt, nonce) = text.strip_prefix('t')?.rsplit_once('.')?;
        let hexadecimal = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
        (nonce.len() == NONCE_DIGITS && nonce.chars().all(hexadecimal))
            .then_some(Self { id: AttemptId::parse(attempt)?, nonce: nonce.to_owned() })
    }
}

impl fmt::Display for AttemptKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "t{}.{}", self.id, self.nonce)
    }
}

impl From<AttemptKey> for String {
    fn from(key: AttemptKey) -> Self {
        key.to_string()
    }
}

impl TryFrom<String> for AttemptKey {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
            .ok_or_else(|| format!("`{text}` is no attempt key (`t<issue>.<n>.<{NONCE_DIGITS} hexadecimal digits>`)"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_round_trips_and_nothing_else_is_taken() {
        let text = format!("t12.3.{}", "0a".repeat(16));
        let key = AttemptKey::parse(&text).expect("well formed");
        assert_eq!(key.to_string(), text);
        assert_eq!(key.id, AttemptId { issue: IssueNumber(12), n: 3 });
        for wrong in ["", "t12.3", "12.3.00", "t12.3.0A0A0A0A0A0A0A0A0A0A0A0A0A0A0A0A", "t.3.x", "t12..x"] {
            assert_eq!(AttemptKey::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_task_id_is_t_and_the_issue() {
        assert_eq!(TaskId(IssueNumber(7)).to_string(), "t7");
        assert_eq!(TaskId::try_from("t7".to_owned()), Ok(TaskId(IssueNumber(7))));
        assert!(TaskId::try_from("7".to_owned()).is_err());
    }
}
