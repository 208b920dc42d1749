//! What the world holds of each thing, readable by the pages and the HTTP side.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::engine::id::{IssueNumber, JobId, Login, RunId, Sha};
use crate::engine::snapshot::{
    Actor, BodyEdit, CheckRun, Comment, CommitStatus, Conclusion, Issue, Job, LabelEvent, Progress,
};
use crate::engine::time::Timestamp;
use crate::github::Reaction;

/// An issue, or the issue side of a pull request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IssueEntry {
    /// As the API tells it; `blocked_by_count` is filled in when it is read.
    pub issue: Issue,
    /// When it was closed, while it is.
    pub closed_at: Option<Timestamp>,
    /// Deleted: the API says it is missing.
    pub deleted: bool,
    /// Pinned.
    pub pinned: bool,
    /// Issues that block it.
    pub blocked_by: BTreeSet<IssueNumber>,
    /// Its sub-issues.
    #[serde(default)]
    pub sub_issues: BTreeSet<IssueNumber>,
    /// Labels put on and taken off, oldest first.
    pub label_events: Vec<LabelEvent>,
    /// Edits of the body, oldest first; the first one is the text it was opened with, noted when it is first edited.
    pub edits: Vec<BodyEdit>,
}

/// What a pull request holds beside its [`IssueEntry`] of the same number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PullEntry {
    /// Its head branch.
    pub head_branch: String,
    /// The head's commit; stays where it was once the pull request is closed.
    pub head_sha: Sha,
    /// The branch it goes to.
    pub base_branch: String,
    /// Where that branch was when it was opened or last merged into.
    pub base_sha: Sha,
    /// Draft or ready.
    pub draft: bool,
    /// The merge, once merged.
    pub merged: Option<Merged>,
}

/// A merge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Merged {
    /// The commit it made.
    pub commit: Sha,
    /// Who merged.
    pub by: Actor,
    /// When.
    pub at: Timestamp,
}

/// A comment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommentEntry {
    /// As the API tells it.
    pub comment: Comment,
    /// Who reacted with what.
    pub reactions: BTreeMap<Reaction, BTreeSet<Login>>,
}

/// How a run's end was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cancel {
    /// Steps that always run still run.
    Asked,
    /// At once.
    Forced,
}

/// A stored artifact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Artifact {
    /// Where the runner keeps it: opaque here.
    pub location: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// When it was stored.
    pub at: Timestamp,
}

/// What started a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunEvent {
    /// The event's name.
    pub name: String,
    /// Its action, where it has one.
    pub action: Option<String>,
    /// The issue it is about.
    pub issue: Option<IssueNumber>,
}

impl Default for RunEvent {
    /// Somebody asked for it.
    fn default() -> Self {
        Self { name: "workflow_dispatch".to_owned(), action: None, issue: None }
    }
}

/// A workflow run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunEntry {
    /// Its id.
    pub id: RunId,
    /// Counts runs of the repository, from 1.
    pub number: u64,
    /// The workflow's file name.
    pub workflow: String,
    /// The workflow's name.
    pub name: String,
    /// The run's title.
    pub title: String,
    /// Inputs, defaults filled in.
    pub inputs: BTreeMap<String, String>,
    /// What started it.
    #[serde(default)]
    pub event: RunEvent,
    /// Who asked for it.
    pub actor: Actor,
    /// The branch it runs on.
    pub branch: String,
    /// That branch's commit at the time.
    pub head_sha: Sha,
    /// How far.
    pub progress: Progress,
    /// How it ended.
    pub conclusion: Option<Conclusion>,
    /// 1, and more for re-runs.
    pub attempt: u32,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When this attempt of it began on a runner.
    pub started_at: Option<Timestamp>,
    /// When anything about it last changed.
    pub updated_at: Timestamp,
    /// Whether its end was asked for: the runner obeys.
    pub cancel: Option<Cancel>,
    /// Its jobs of the latest attempt, in the file's order.
    pub jobs: Vec<JobId>,
    /// Its artifacts by name.
    pub artifacts: BTreeMap<String, Artifact>,
}

/// A job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobEntry {
    /// As the API tells it.
    pub job: Job,
    /// Its run.
    pub run: RunId,
    /// The run's attempt it belongs to.
    pub attempt: u32,
    /// Its key in the workflow file.
    pub key: String,
    /// Keys of the jobs that must be over first.
    pub needs: Vec<String>,
    /// Its outputs, once over.
    pub outputs: BTreeMap<String, String>,
    /// The end of its log.
    pub log: String,
}

/// A check run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckEntry {
    /// As the API tells it.
    pub check: CheckRun,
    /// Its commit.
    pub sha: Sha,
    /// When it began.
    pub started_at: Timestamp,
    /// When it was over.
    pub completed_at: Option<Timestamp>,
    /// The end of its output.
    pub log: String,
}

/// A commit status.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusEntry {
    /// Its commit.
    pub sha: Sha,
    /// As the API tells it.
    pub status: CommitStatus,
    /// When it was told.
    pub at: Timestamp,
}
