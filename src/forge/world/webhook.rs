//! Webhooks as references into the world, from which the HTTP side renders GitHub's payloads right after the request
//! that made them.

use serde::{Deserialize, Serialize};

use crate::engine::id::{CheckRunId, IssueNumber, JobId, PullNumber, RunId, Sha};
use crate::engine::snapshot::{Actor, Comment};

/// `action` of the event `issues`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, strum::Display)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum IssuesAction {
    /// Opened.
    Opened,
    /// Title or body edited.
    Edited,
    /// Deleted.
    Deleted,
    /// Closed.
    Closed,
    /// Opened again.
    Reopened,
    /// A label put on.
    Labeled,
    /// A label taken off.
    Unlabeled,
    /// Pinned.
    Pinned,
    /// Unpinned.
    Unpinned,
}

/// `action` of the event `issue_comment`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, strum::Display)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum CommentAction {
    /// Written.
    Created,
    /// Edited.
    Edited,
    /// Deleted.
    Deleted,
}

/// `action` of the event `pull_request`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, strum::Display)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum PullRequestAction {
    /// Opened.
    Opened,
    /// Title or body edited.
    Edited,
    /// Closed; merged if the pull request says so.
    Closed,
    /// Opened again.
    Reopened,
    /// The head branch moved.
    Synchronize,
    /// A label put on.
    Labeled,
    /// A label taken off.
    Unlabeled,
}

/// `action` of `workflow_run`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, strum::Display)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum RunAction {
    /// Asked for.
    Requested,
    /// Its first job started.
    InProgress,
    /// Over.
    Completed,
}

/// `action` of `workflow_job`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, strum::Display)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum JobAction {
    /// Ready for a runner.
    Queued,
    /// Under way.
    InProgress,
    /// Over.
    Completed,
}

/// `action` of `check_run`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, strum::Display)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum CheckAction {
    /// Made.
    Created,
    /// Over.
    Completed,
}

/// One event to be told, in the order it happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Webhook {
    /// `issues`.
    Issues {
        /// What happened.
        action: IssuesAction,
        /// The issue.
        number: IssueNumber,
        /// Who did it.
        sender: Actor,
        /// The label put on or taken off.
        label: Option<String>,
        /// `changes.title.from`.
        title_from: Option<String>,
        /// `changes.body.from`.
        body_from: Option<String>,
    },
    /// `issue_comment`; the comment stands here whole, since a deleted one is gone from the world.
    IssueComment {
        /// What happened.
        action: CommentAction,
        /// The comment after it.
        comment: Box<Comment>,
        /// Who did it.
        sender: Actor,
        /// `changes.body.from`.
        body_from: Option<String>,
    },
    /// `pull_request`.
    PullRequest {
        /// What happened.
        action: PullRequestAction,
        /// The pull request.
        number: PullNumber,
        /// Who did it.
        sender: Actor,
        /// The label put on or taken off.
        label: Option<String>,
        /// `changes.title.from`.
        title_from: Option<String>,
        /// `changes.body.from`.
        body_from: Option<String>,
        /// `before` of `synchronize`.
        before: Option<Sha>,
    },
    /// `push`.
    Push {
        /// The branch, without `refs/heads/`.
        branch: String,
        /// Where it was.
        before: Option<Sha>,
        /// Where it is.
        after: Option<Sha>,
        /// Who pushed.
        sender: Actor,
    },
    /// `workflow_run`.
    WorkflowRun {
        /// What happened.
        action: RunAction,
        /// The run.
        run: RunId,
    },
    /// `workflow_job`.
    WorkflowJob {
        /// What happened.
        action: JobAction,
        /// Its run.
        run: RunId,
        /// The job.
        job: JobId,
    },
    /// `check_run`.
    CheckRun {
        /// What happened.
        action: CheckAction,
        /// The check run.
        id: CheckRunId,
        /// Its commit.
        sha: Sha,
    },
    /// `check_suite`, `completed`: no check run of the App on this commit is under way any more.
    CheckSuiteCompleted {
        /// The commit.
        sha: Sha,
        /// The App, by slug.
        app: String,
    },
}

impl Webhook {
    /// The value of `X-GitHub-Event`.
    pub fn event(&self) -> &'static str {
        match self {
            Self::Issues { .. } => "issues",
            Self::IssueComment { .. } => "issue_comment",
            Self::PullRequest { .. } => "pull_request",
            Self::Push { .. } => "push",
            Self::WorkflowRun { .. } => "workflow_run",
            Self::WorkflowJob { .. } => "workflow_job",
            Self::CheckRun { .. } => "check_run",
            Self::CheckSuiteCompleted { .. } => "check_suite",
        }
    }

    /// The payload's `action`; a push has none.
    pub fn action(&self) -> Option<String> {
        match self {
            Self::Issues { action, .. } => Some(action.to_string()),
            Self::IssueComment { action, .. } => Some(action.to_string()),
            Self::PullRequest { action, .. } => Some(action.to_string()),
            Self::Push { .. } => None,
            Self::WorkflowRun { action, .. } => Some(action.to_string()),
            Self::WorkflowJob { action, .. } => Some(action.to_string()),
            Self::CheckRun { action, .. } => Some(action.to_string()),
            Self::CheckSuiteCompleted { .. } => Some("completed".to_owned()),
        }
    }
}
