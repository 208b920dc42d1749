//! Every kind of request there is, by name.

use task_orchestrator::github::Request;

/// Lists all kinds of requests, and gives a request's kind: a kind that is new must be named here to compile, and be
/// sent below.
macro_rules! kinds {
    ($($kind:ident),* $(,)?) => {
        /// Their names.
        pub(crate) const KINDS: &[&str] = &[$(stringify!($kind)),*];

        /// A request's kind.
        pub(crate) fn kind(request: &Request) -> &'static str {
            match request {
                $(Request::$kind { .. } => stringify!($kind),)*
            }
        }
    };
}

kinds!(
    Repository,
    Permission,
    IssuesLabelled,
    Issue,
    LabelEvents,
    BlockedBy,
    SubIssues,
    CommentsSince,
    Comments,
    BodyEdits,
    CreateIssue,
    UpdateIssue,
    RewriteIssue,
    CreateComment,
    DeleteComment,
    React,
    Relate,
    Pin,
    Branch,
    Branches,
    Tips,
    CreateBranch,
    AdvanceBranch,
    DeleteBranch,
    CreateCommit,
    CommitOnBranch,
    File,
    Folder,
    SetWorkflow,
    DispatchWorkflow,
    Runs,
    Run,
    CancelRun,
    RerunFailedJobs,
    JobLog,
    PullRequest,
    PullsAndChecks,
    PullRequests,
    CreatePullRequest,
    UpdatePullRequest,
    MergePullRequest,
    MergeBranch,
    Checks,
);
