//! Who may do what: the permissions of tokens and the roles of people.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::engine::snapshot::Permission;
use crate::forge::world::request::PersonAct;
use crate::github::Request;

/// What a token's permission is about.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, strum::Display, strum::EnumString,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Scope {
    /// The repository's own data and its people.
    Metadata,
    /// Issues, labels, comments.
    Issues,
    /// Pull requests.
    PullRequests,
    /// Branches, commits, files.
    Contents,
    /// Workflow runs.
    Actions,
    /// Check runs.
    Checks,
    /// Commit statuses.
    Statuses,
    /// Workflow files.
    Workflows,
    /// Settings of the repository: protection, what Actions may do.
    Administration,
    /// Names of secrets.
    Secrets,
    /// Names of variables.
    Variables,
    /// Environments with what is kept in them.
    Environments,
}

/// How much.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, strum::Display, strum::EnumString,
)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum Level {
    /// Read.
    Read,
    /// Read and write.
    Write,
}

/// What a token holds; what is not named is not held.
pub type Permissions = BTreeMap<Scope, Level>;

/// What the App's manifest asks for.
pub fn app_permissions() -> Permissions {
    BTreeMap::from([
        (Scope::Metadata, Level::Read),
        (Scope::Issues, Level::Write),
        (Scope::PullRequests, Level::Write),
        (Scope::Contents, Level::Write),
        (Scope::Actions, Level::Write),
        (Scope::Checks, Level::Read),
        (Scope::Statuses, Level::Read),
    ])
}

/// What the token of an administrator may read.
pub fn administrator_permissions() -> Permissions {
    let more = [Scope::Administration, Scope::Secrets, Scope::Variables, Scope::Environments];
    let mut permissions = app_permissions();
    permissions.extend(more.map(|scope| (scope, Level::Read)));
    permissions
}

/// Whether a token may do something for which any one of these permissions suffices.
pub fn allows(held: &Permissions, any_of: &[(Scope, Level)]) -> bool {
    any_of.iter().any(|(scope, level)| held.get(scope).is_some_and(|has| has >= level))
}

/// What an API call needs of a token: any one of these.
pub fn needed(request: &Request) -> &'static [(Scope, Level)] {
    const ISSUES_READ: &[(Scope, Level)] = &[(Scope::Issues, Level::Read), (Scope::PullRequests, Level::Read)];
    const ISSUES_WRITE: &[(Scope, Level)] = &[(Scope::Issues, Level::Write), (Scope::PullRequests, Level::Write)];
    match request {
        Request::Repository | Request::Permission { .. } => &[(Scope::Metadata, Level::Read)],
        Request::IssuesLabelled { .. }
        | Request::Issue { .. }
        | Request::LabelEvents { .. }
        | Request::CommentsSince { .. }
        | Request::Comments { .. } => ISSUES_READ,
        Request::BlockedBy { .. } | Request::SubIssues { .. } | Request::BodyEdits { .. } => {
            &[(Scope::Issues, Level::Read)]
        }
        Request::CreateIssue { .. } | Request::RewriteIssue { .. } | Request::Relate { .. } | Request::Pin { .. } => {
            &[(Scope::Issues, Level::Write)]
        }
        Request::UpdateIssue { .. }
        | Request::CreateComment { .. }
        | Request::DeleteComment { .. }
        | Request::React { .. } => ISSUES_WRITE,
        Request::Branch { .. }
        | Request::Branches { .. }
        | Request::Tips { .. }
        | Request::File { .. }
        | Request::Folder { .. } => &[(Scope::Contents, Level::Read)],
        Request::CreateBranch { .. }
        | Request::AdvanceBranch { .. }
        | Request::DeleteBranch { .. }
        | Request::CreateCommit { .. }
        | Request::CommitOnBranch { .. }
        | Request::MergePullRequest { .. }
        | Request::MergeBranch { .. } => &[(Scope::Contents, Level::Write)],
        Request::Runs { .. } | Request::Run { .. } | Request::JobLog { .. } => &[(Scope::Actions, Level::Read)],
        Request::DispatchWorkflow { .. }
        | Request::SetWorkflow { .. }
        | Request::CancelRun { .. }
        | Request::RerunFailedJobs { .. } => &[(Scope::Actions, Level::Write)],
        Request::PullRequest { .. } | Request::PullRequests { .. } | Request::PullsAndChecks { .. } => {
            &[(Scope::PullRequests, Level::Read)]
        }
        Request::CreatePullRequest { .. } | Request::UpdatePullRequest { .. } => &[(Scope::PullRequests, Level::Write)],
        Request::Checks { .. } => &[(Scope::Checks, Level::Read)],
    }
}

/// Whether an API call makes content people see, which GitHub limits apart (issues, comments, pull requests,
/// reactions).
pub fn makes_content(request: &Request) -> bool {
    request.is_write() && needed(request).iter().any(|(scope, _)| matches!(scope, Scope::Issues | Scope::PullRequests))
}

/// The role a person needs for an API call of their own.
pub fn role_needed(request: &Request) -> Permission {
    if matches!(request, Request::CreateIssue { .. } | Request::CreateComment { .. } | Request::React { .. }) {
        Permission::Read
    } else if matches!(request, Request::UpdateIssue { .. } | Request::RewriteIssue { .. } | Request::Relate { .. }) {
        Permission::Triage
    } else if request.is_write() {
        Permission::Write
    } else {
        Permission::Read
    }
}

/// The role a person needs for something in the pages; authors may edit and close what they wrote with less.
pub fn role_for(act: &PersonAct) -> Permission {
    match act {
        PersonAct::Open { .. } | PersonAct::Comment { .. } => Permission::Read,
        PersonAct::Edit { .. }
        | PersonAct::Tick { .. }
        | PersonAct::Label { .. }
        | PersonAct::Unlabel { .. }
        | PersonAct::Close { .. }
        | PersonAct::Reopen { .. }
        | PersonAct::BlockedBy { .. }
        | PersonAct::SubIssue { .. } => Permission::Triage,
        PersonAct::EditComment { .. } | PersonAct::Merge { .. } => Permission::Write,
        PersonAct::Delete { .. } => Permission::Admin,
    }
}
