//! The payload's JSON: only the fields that are used, all optional, words as text.

use serde::Deserialize;
use serde::de::IgnoredAny;

#[derive(Debug, Default, Deserialize)]
pub(super) struct Payload {
    pub(super) action: Option<String>,
    pub(super) number: Option<u64>,
    pub(super) repository: Option<Repository>,
    pub(super) installation: Option<Installation>,
    pub(super) repositories: Option<Vec<Repository>>,
    pub(super) repositories_added: Option<Vec<Repository>>,
    pub(super) repositories_removed: Option<Vec<Repository>>,
    pub(super) sender: Option<Account>,
    pub(super) issue: Option<Issue>,
    pub(super) blocked_issue: Option<Issue>,
    pub(super) parent_issue: Option<Issue>,
    pub(super) comment: Option<Comment>,
    pub(super) pull_request: Option<PullRequest>,
    pub(super) workflow_run: Option<WorkflowRun>,
    pub(super) workflow_job: Option<WorkflowJob>,
    pub(super) check_run: Option<CheckRun>,
    pub(super) check_suite: Option<CheckSuite>,
    pub(super) changes: Option<Changes>,
    /// The commit of a `status`.
    pub(super) sha: Option<String>,
    /// The ref of a `push`.
    #[serde(rename = "ref")]
    pub(super) reference: Option<String>,
    /// Where a `push` left it.
    pub(super) after: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Repository {
    pub(super) id: Option<u64>,
    pub(super) full_name: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Installation {
    pub(super) id: Option<u64>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Account {
    pub(super) login: Option<String>,
    #[serde(rename = "type")]
    pub(super) kind: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Issue {
    pub(super) number: Option<u64>,
    pub(super) body: Option<String>,
    pub(super) pull_request: Option<IgnoredAny>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Comment {
    pub(super) id: Option<u64>,
}

#[derive(Debug, Deserialize)]
pub(super) struct PullRequest {
    pub(super) number: Option<u64>,
    pub(super) head: Option<Head>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Head {
    #[serde(rename = "ref")]
    pub(super) branch: Option<String>,
    pub(super) sha: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct WorkflowRun {
    pub(super) id: Option<u64>,
    pub(super) display_title: Option<String>,
    pub(super) head_sha: Option<String>,
    pub(super) head_branch: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct WorkflowJob {
    pub(super) run_id: Option<u64>,
    pub(super) head_sha: Option<String>,
    pub(super) head_branch: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct CheckRun {
    pub(super) head_sha: Option<String>,
    pub(super) check_suite: Option<CheckSuite>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct CheckSuite {
    pub(super) head_sha: Option<String>,
    pub(super) head_branch: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Changes {
    pub(super) body: Option<Change>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Change {
    pub(super) from: Option<String>,
}
