//! Issues, comments and the events of a timeline.

use serde::Deserialize;

use crate::engine::id::{CommentId, IssueNumber};
use crate::engine::snapshot;
use crate::github::Error;
use crate::github::client::wire::{Account, actor, lacks, moment, number_at_end, open_state};

/// A label: GitHub gives objects, and plain names in old answers.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Label {
    Name(String),
    Object { name: Option<String> },
}

#[derive(Debug, Default, Deserialize)]
struct DependenciesSummary {
    total_blocked_by: Option<u32>,
    blocked_by: Option<u32>,
}

#[derive(Debug, Default, Deserialize)]
struct SubIssuesSummary {
    total: Option<u32>,
}

/// An issue, or a pull request in its shape of an issue.
#[derive(Debug, Deserialize)]
pub(crate) struct Issue {
    pub(crate) id: Option<u64>,
    pub(crate) number: u64,
    node_id: Option<String>,
    title: Option<String>,
    body: Option<String>,
    state: Option<String>,
    labels: Option<Vec<Label>>,
    user: Option<Account>,
    closed_by: Option<Account>,
    created_at: Option<String>,
    updated_at: Option<String>,
    pull_request: Option<serde_json::Value>,
    issue_dependencies_summary: Option<DependenciesSummary>,
    sub_issues_summary: Option<SubIssuesSummary>,
    repository_url: Option<String>,
}

impl Issue {
    /// `owner/name` of the repository it is in, where GitHub tells.
    pub(crate) fn repository(&self) -> Option<String> {
        let mut parts = self.repository_url.as_deref()?.rsplit('/');
        let (name, owner) = (parts.next()?, parts.next()?);
        Some(format!("{owner}/{name}"))
    }

    /// The snapshot.
    pub(crate) fn into_snapshot(self) -> Result<snapshot::Issue, Error> {
        let what = format!("issue #{}", self.number);
        let summary = self.issue_dependencies_summary.unwrap_or_default();
        let sub_issues = self.sub_issues_summary.unwrap_or_default().total.unwrap_or(0);
        let label_name = |label| match label {
            Label::Name(name) => Some(name),
            Label::Object { name } => name,
        };
        Ok(snapshot::Issue {
            number: IssueNumber(self.number),
            node_id: self.node_id.unwrap_or_default(),
            title: self.title.unwrap_or_default(),
            body: self.body.unwrap_or_default(),
            state: open_state(self.state.as_deref(), &what)?,
            labels: self.labels.unwrap_or_default().into_iter().filter_map(label_name).collect(),
            author: actor(self.user),
            closed_by: self.closed_by.map(|account| actor(Some(account))),
            created_at: moment(self.created_at.as_deref()),
            updated_at: moment(self.updated_at.as_deref()),
            is_pull_request: self.pull_request.is_some(),
            blocked_by_count: summary.total_blocked_by.or(summary.blocked_by).unwrap_or(0).saturating_add(sub_issues),
        })
    }
}

/// A comment.
#[derive(Debug, Deserialize)]
pub(crate) struct Comment {
    id: u64,
    issue_url: Option<String>,
    user: Option<Account>,
    body: Option<String>,
    created_at: Option<String>,
    updated_at: Option<String>,
}

impl Comment {
    /// The snapshot; `issue` where the caller knows it.
    pub(crate) fn into_snapshot(self, issue: Option<IssueNumber>) -> Result<snapshot::Comment, Error> {
        let named = number_at_end(self.issue_url.as_deref()).map(IssueNumber);
        Ok(snapshot::Comment {
            id: CommentId(self.id),
            issue: issue.or(named).ok_or_else(|| lacks(&format!("comment {}", self.id), "issue_url"))?,
            author: actor(self.user),
            body: self.body.unwrap_or_default(),
            created_at: moment(self.created_at.as_deref()),
            updated_at: moment(self.updated_at.as_deref().or(self.created_at.as_deref())),
        })
    }
}

#[derive(Debug, Deserialize)]
struct TimelineLabel {
    name: Option<String>,
}

/// One event of an issue's timeline; most kinds are not ours.
#[derive(Debug, Deserialize)]
pub(crate) struct TimelineEvent {
    event: Option<String>,
    label: Option<TimelineLabel>,
    actor: Option<Account>,
    created_at: Option<String>,
}

impl TimelineEvent {
    /// The label event it is, if it is one.
    pub(crate) fn into_label_event(self) -> Option<snapshot::LabelEvent> {
        let added = match self.event.as_deref() {
            Some("labeled") => true,
            Some("unlabeled") => false,
            Some(_) | None => return None,
        };
        let label = self.label?.name?;
        Some(snapshot::LabelEvent { label, added, actor: actor(self.actor), at: moment(self.created_at.as_deref()) })
    }
}
