//! What GitHub is seen to hold, in the engine's own words: the parts of issues, comments, runs, pull requests and
//! checks that decisions rest on. A snapshot is a fact about one moment, never an order; `github` and `forge` translate
//! to and from it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::engine::id::{CheckRunId, CommentId, IssueNumber, JobId, Login, PullNumber, RunId, Sha};
use crate::engine::time::Timestamp;

/// Somebody who acts. A deleted account reads as the login `ghost`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Actor {
    /// The account.
    pub login: Login,
    /// Whether GitHub calls it a bot (`type: Bot`).
    pub bot: bool,
}

/// What an account may do in the repository, weakest first, so that `>=` asks for at least that much.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, strum::Display, strum::EnumString,
)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum Permission {
    /// Nothing; also what an unknown account or role reads as.
    None,
    /// May read.
    Read,
    /// May label, not write.
    Triage,
    /// May push: may label, approve, command and tick.
    Write,
    /// May also change limits and protected paths.
    Maintain,
    /// Everything.
    Admin,
}

/// Open or closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OpenState {
    /// Open.
    Open,
    /// Closed.
    Closed,
}

/// An issue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Issue {
    /// Its number.
    pub number: IssueNumber,
    /// GraphQL id, for pinning.
    pub node_id: String,
    /// Title as written.
    pub title: String,
    /// Body as written; empty where GitHub says null.
    pub body: String,
    /// Open or closed.
    pub state: OpenState,
    /// Label names.
    pub labels: Vec<String>,
    /// Who opened it.
    pub author: Actor,
    /// Who closed it, where it is closed and GitHub tells.
    pub closed_by: Option<Actor>,
    /// When it was opened.
    pub created_at: Timestamp,
    /// When anything about it last changed.
    pub updated_at: Timestamp,
    /// The list of issues also gives pull requests; this tells them apart.
    pub is_pull_request: bool,
    /// How many issues GitHub's native relations name that this one waits for, open and closed: those that block it,
    /// and its sub-issues.
    pub blocked_by_count: u32,
}

/// One label put on or taken off, from the issue's timeline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LabelEvent {
    /// The label's name.
    pub label: String,
    /// Put on (`true`) or taken off.
    pub added: bool,
    /// Who did it.
    pub actor: Actor,
    /// When.
    pub at: Timestamp,
}

/// A comment on an issue or pull request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Comment {
    /// Its id; grows with time.
    pub id: CommentId,
    /// The issue (or pull request) it stands on.
    pub issue: IssueNumber,
    /// Who wrote it.
    pub author: Actor,
    /// Markdown.
    pub body: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last edited.
    pub updated_at: Timestamp,
}

/// One edit of an issue's body, newest last (GraphQL `userContentEdits`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BodyEdit {
    /// Who edited; nobody where GitHub does not tell.
    pub editor: Option<Actor>,
    /// When.
    pub at: Timestamp,
    /// The body after this edit, where GitHub gives it; shared, for a whole history is handed on each time.
    #[serde(with = "shared_text")]
    pub body: Option<Arc<str>>,
}

/// A shared text is stored as any other.
mod shared_text {
    use std::sync::Arc;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(text: &Option<Arc<str>>, serializer: S) -> Result<S::Ok, S::Error> {
        text.as_deref().serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Arc<str>>, D::Error> {
        Ok(Option::<String>::deserialize(deserializer)?.map(Arc::from))
    }
}

/// How far a run, job, step or check is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Progress {
    /// Not started (`queued`, `requested`, `waiting`, `pending`).
    Queued,
    /// Under way.
    InProgress,
    /// Over; the conclusion tells how.
    Completed,
}

/// How a run, job, step or check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, strum::Display, strum::EnumString)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Conclusion {
    /// Well.
    Success,
    /// Badly.
    Failure,
    /// Stopped by somebody or by a newer run.
    Cancelled,
    /// Ran past its limit.
    TimedOut,
    /// Not needed.
    Skipped,
    /// Neither good nor bad.
    Neutral,
    /// Waits for a person's approval.
    ActionRequired,
    /// The workflow file could not be started.
    StartupFailure,
    /// Given up by GitHub.
    Stale,
    /// A word this version does not know; never counts as success.
    Unknown,
}

impl Conclusion {
    /// Whether a check that ended so lets a pull request pass.
    pub fn passes(self) -> bool {
        match self {
            Self::Success | Self::Skipped | Self::Neutral => true,
            Self::Failure
            | Self::Cancelled
            | Self::TimedOut
            | Self::ActionRequired
            | Self::StartupFailure
            | Self::Stale
            | Self::Unknown => false,
        }
    }
}

/// A workflow run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// Its id, kept over re-runs.
    pub id: RunId,
    /// The `run-name` as shown; ours carry the attempt's key.
    pub title: String,
    /// How far.
    pub progress: Progress,
    /// How it ended.
    pub conclusion: Option<Conclusion>,
    /// 1 for the first try, more for re-runs.
    pub run_attempt: u32,
    /// The commit it ran on.
    pub head_sha: Sha,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When anything about it last changed.
    pub updated_at: Timestamp,
    /// Its jobs; empty where only the list of runs was read.
    pub jobs: Vec<Job>,
}

/// A job of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// Its id.
    pub id: JobId,
    /// Its name in the workflow.
    pub name: String,
    /// How far.
    pub progress: Progress,
    /// How it ended.
    pub conclusion: Option<Conclusion>,
    /// When it started on a runner.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub completed_at: Option<Timestamp>,
    /// Its steps so far.
    pub steps: Vec<JobStep>,
}

/// A step of a job: with jobs the only view GitHub's API gives of progress inside a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobStep {
    /// Its name.
    pub name: String,
    /// How far.
    pub progress: Progress,
    /// How it ended.
    pub conclusion: Option<Conclusion>,
}

/// A pull request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PullRequest {
    /// Its number.
    pub number: PullNumber,
    /// Title.
    pub title: String,
    /// Body; empty where GitHub says null.
    pub body: String,
    /// Open or closed (a merged one is closed).
    pub state: OpenState,
    /// Whether it was merged.
    pub merged: bool,
    /// The commit the merge made, once merged and where GitHub tells.
    pub merge_commit: Option<Sha>,
    /// The branch it comes from, without `refs/heads/`.
    pub head_branch: String,
    /// That branch's commit.
    pub head_sha: Sha,
    /// The branch it goes to.
    pub base_branch: String,
    /// Draft or ready.
    pub draft: bool,
    /// Whether it merges cleanly; nobody knows while GitHub computes it.
    pub mergeable: Option<bool>,
    /// Who opened it.
    pub author: Actor,
    /// When anything about it last changed.
    pub updated_at: Timestamp,
}

/// A check run on a commit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckRun {
    /// Its id.
    pub id: CheckRunId,
    /// Its name.
    pub name: String,
    /// How far.
    pub progress: Progress,
    /// How it ended.
    pub conclusion: Option<Conclusion>,
    /// The App that made it, by slug (`github-actions` for workflow jobs).
    pub app: String,
    /// The workflow run it belongs to, where it is one of Actions' jobs.
    pub run: Option<RunId>,
    /// The workflow job it is, where it is one.
    pub job: Option<JobId>,
    /// Its summary text, cut.
    pub summary: String,
}

/// A commit status of the older kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommitStatus {
    /// Its context (name).
    pub context: String,
    /// Pending, or its end.
    pub conclusion: Option<Conclusion>,
    /// Its description.
    pub description: String,
}

/// All checks and statuses of one commit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checks {
    /// The commit.
    pub sha: Sha,
    /// Check runs, the newest of each name.
    pub runs: Vec<CheckRun>,
    /// Commit statuses, the newest of each context.
    pub statuses: Vec<CommitStatus>,
}

impl CheckRun {
    /// Whether it ended, and not well.
    pub fn failed(&self) -> bool {
        self.conclusion.is_some_and(|conclusion| !conclusion.passes())
    }
}

impl CommitStatus {
    /// Whether it ended, and not well.
    pub fn failed(&self) -> bool {
        self.conclusion.is_some_and(|conclusion| !conclusion.passes())
    }
}

impl Checks {
    /// The names of the failed check runs, then of the failed statuses.
    pub fn red_names(&self) -> Vec<String> {
        let runs = self.runs.iter().filter(|run| run.failed()).map(|run| run.name.clone());
        let statuses = self.statuses.iter().filter(|status| status.failed()).map(|status| status.context.clone());
        runs.chain(statuses).collect()
    }
}

/// A branch or other ref and the commit it names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Ref {
    /// Without `refs/heads/`.
    pub branch: String,
    /// Its commit.
    pub sha: Sha,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn red_are_the_runs_and_statuses_that_ended_badly() {
        let run = |name: &str, conclusion: Option<Conclusion>| CheckRun {
            id: CheckRunId(1),
            name: name.to_owned(),
            progress: Progress::Completed,
            conclusion,
            app: String::new(),
            run: None,
            job: None,
            summary: String::new(),
        };
        let status = |context: &str, conclusion: Option<Conclusion>| CommitStatus {
            context: context.to_owned(),
            conclusion,
            description: String::new(),
        };
        let checks = Checks {
            sha: Sha::new("a"),
            runs: vec![
                run("open", None),
                run("bad", Some(Conclusion::TimedOut)),
                run("fine", Some(Conclusion::Skipped)),
            ],
            statuses: vec![status("waits", None), status("worse", Some(Conclusion::Failure))],
        };
        assert_eq!(checks.red_names(), ["bad", "worse"]);
    }
}
