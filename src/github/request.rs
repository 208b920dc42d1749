//! What can be told of a request without sending it.

use crate::github::Request;

impl Request {
    /// Whether it changes anything.
    pub fn is_write(&self) -> bool {
        match self {
            Self::CreateIssue { .. }
            | Self::UpdateIssue { .. }
            | Self::RewriteIssue { .. }
            | Self::CreateComment { .. }
            | Self::DeleteComment { .. }
            | Self::React { .. }
            | Self::Pin { .. }
            | Self::CreateBranch { .. }
            | Self::AdvanceBranch { .. }
            | Self::DeleteBranch { .. }
            | Self::CreateCommit { .. }
            | Self::CommitOnBranch { .. }
            | Self::DispatchWorkflow { .. }
            | Self::CancelRun { .. }
            | Self::RerunFailedJobs { .. }
            | Self::CreatePullRequest { .. }
            | Self::UpdatePullRequest { .. }
            | Self::MergePullRequest { .. }
            | Self::MergeBranch { .. } => true,
            Self::Repository
            | Self::Permission { .. }
            | Self::IssuesLabelled { .. }
            | Self::Issue { .. }
            | Self::LabelEvents { .. }
            | Self::BlockedBy { .. }
            | Self::CommentsSince { .. }
            | Self::Comments { .. }
            | Self::BodyEdits { .. }
            | Self::Branch { .. }
            | Self::Branches { .. }
            | Self::Tips { .. }
            | Self::File { .. }
            | Self::Runs { .. }
            | Self::Run { .. }
            | Self::JobLog { .. }
            | Self::PullRequest { .. }
            | Self::PullRequests { .. }
            | Self::PullsAndChecks { .. }
            | Self::Checks { .. } => false,
        }
    }
}
