//! GitHub as the orchestrator needs it: one trait with one method, over requests and answers that are plain data.
//!
//! `client` sends them to GitHub's API through octocrab; the forge's world answers the very same values. Nothing
//! outside this module knows octocrab or HTTP, and no GitHub JSON leaves it.

pub mod auth;
pub mod client;
pub mod pace;
mod request;
mod together;
pub mod webhook;

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};

use crate::engine::id::{CommentId, IssueNumber, JobId, Login, PullNumber, RunId, Sha};
use crate::engine::snapshot::{
    BodyEdit, Checks, Comment, Issue, LabelEvent, OpenState, Permission, PullRequest, Ref, Run,
};
use crate::engine::time::Timestamp;

use together::send_singly;
pub use together::{PullAndChecks, Tip};

/// Says whether a write may still be sent.
pub trait Check: Send + Sync {
    /// Asked immediately before each exchange that writes.
    fn passes(&self) -> BoxFuture<'_, bool>;
}

/// GitHub for one installed repository.
pub trait GitHub: Send + Sync {
    /// Sends one request and gives its answer. Reads may be repeated inside; writes never are.
    fn send(&self, request: Request) -> impl Future<Output = Result<Response, Error>> + Send;

    /// The same, where a write leaves only if the check passes, which is asked once everything else that the write
    /// waits for is there. Where it does not pass, nothing more was sent: [`Error::Unreachable`].
    fn send_if(&self, request: Request, check: &dyn Check) -> impl Future<Output = Result<Response, Error>> + Send {
        async move {
            if request.is_write() && !check.passes().await {
                return Err(called_off());
            }
            self.send(request).await
        }
    }

    /// Asks several things, in as few exchanges as the way to GitHub can; an answer to each, in the order asked.
    fn send_together(&self, requests: Vec<Request>) -> impl Future<Output = Vec<Result<Response, Error>>> + Send {
        send_singly(self, requests)
    }

    /// The same, where writes leave only if the check passes, as in [`GitHub::send_if`].
    fn send_together_if(
        &self,
        requests: Vec<Request>,
        check: &dyn Check,
    ) -> impl Future<Output = Vec<Result<Response, Error>>> + Send {
        async move {
            if requests.iter().any(Request::is_write) && !check.passes().await {
                return requests.iter().map(|_| Err(called_off())).collect();
            }
            self.send_together(requests).await
        }
    }
}

/// The error of a write whose check did not pass.
fn called_off() -> Error {
    Error::Unreachable { message: "not sent: it was called off".to_owned() }
}

impl<G: GitHub> GitHub for Arc<G> {
    async fn send(&self, request: Request) -> Result<Response, Error> {
        G::send(self, request).await
    }

    async fn send_if(&self, request: Request, check: &dyn Check) -> Result<Response, Error> {
        G::send_if(self, request, check).await
    }

    async fn send_together(&self, requests: Vec<Request>) -> Vec<Result<Response, Error>> {
        G::send_together(self, requests).await
    }

    async fn send_together_if(&self, requests: Vec<Request>, check: &dyn Check) -> Vec<Result<Response, Error>> {
        G::send_together_if(self, requests, check).await
    }
}

/// A reaction on a comment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reaction {
    /// 👀 seen.
    Eyes,
    /// 👍 done.
    PlusOne,
    /// 👎 refused.
    MinusOne,
    /// 🚀 under way.
    Rocket,
}

/// One file of a commit to be made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewFile {
    /// Its path.
    pub path: String,
    /// Its text (UTF-8; binary content goes by git).
    pub content: String,
}

/// Everything the orchestrator asks of GitHub. Branches are named without `refs/heads/`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    /// The repository: default branch and ids. → [`Response::Repository`]
    Repository,
    /// What an account may do. → [`Response::Permission`]; an unknown account is `None`.
    Permission {
        /// The account.
        login: Login,
    },
    /// Issues (and pull requests) with a label, all pages. → [`Response::Issues`]
    IssuesLabelled {
        /// The label.
        label: String,
        /// Only open ones.
        open_only: bool,
    },
    /// One issue. → [`Response::Issue`]; deleted or transferred: [`Error::Missing`]
    Issue {
        /// Its number.
        number: IssueNumber,
    },
    /// Labels put on and taken off, oldest first. → [`Response::LabelEvents`]
    LabelEvents {
        /// The issue.
        number: IssueNumber,
    },
    /// Issues that block this one by GitHub's native relation. → [`Response::Numbers`]
    BlockedBy {
        /// The issue.
        number: IssueNumber,
    },
    /// Comments of the repository changed at or after a moment, oldest first. → [`Response::Comments`]
    CommentsSince {
        /// From when.
        since: Timestamp,
    },
    /// Comments of one issue or pull request, oldest first. → [`Response::Comments`]
    Comments {
        /// The issue.
        number: IssueNumber,
    },
    /// Edits of an issue's body (GraphQL), oldest first. → [`Response::BodyEdits`]
    BodyEdits {
        /// The issue.
        number: IssueNumber,
    },
    /// Opens an issue. → [`Response::Issue`]
    CreateIssue {
        /// Title.
        title: String,
        /// Body.
        body: String,
        /// Labels.
        labels: Vec<String>,
    },
    /// Changes an issue. → [`Response::Issue`]
    UpdateIssue {
        /// The issue.
        number: IssueNumber,
        /// New title.
        title: Option<String>,
        /// New body.
        body: Option<String>,
        /// New state; closing says `completed`.
        state: Option<OpenState>,
    },
    /// Writes an issue's body anew, and asks what edits it had, this one among them (GraphQL). →
    /// [`Response::Rewritten`]
    RewriteIssue {
        /// The issue.
        number: IssueNumber,
        /// Its GraphQL id.
        node_id: String,
        /// New body.
        body: String,
    },
    /// Comments. → [`Response::Comment`]
    CreateComment {
        /// On which issue or pull request.
        number: IssueNumber,
        /// Markdown.
        body: String,
    },
    /// Deletes a comment of ours. → [`Response::Done`]
    DeleteComment {
        /// The comment.
        comment: CommentId,
    },
    /// Reacts to a comment; a second time changes nothing. → [`Response::Done`]
    React {
        /// The comment.
        comment: CommentId,
        /// With what.
        reaction: Reaction,
    },
    /// Pins or unpins an issue (GraphQL). → [`Response::Done`]
    Pin {
        /// The issue's GraphQL id.
        node_id: String,
        /// Pin or unpin.
        pinned: bool,
    },
    /// A branch's commit. → [`Response::Ref`]
    Branch {
        /// The branch.
        branch: String,
    },
    /// Branches whose names begin so. → [`Response::Refs`]
    Branches {
        /// The beginning.
        prefix: String,
    },
    /// Branches' commits, each with one file's text there, all as of one moment (GraphQL). → [`Response::Tips`], in the
    /// order asked; no such branch: nothing
    Tips {
        /// The branches.
        branches: Vec<String>,
        /// The file.
        path: String,
    },
    /// Creates a branch; [`Error::Conflict`] where it exists. → [`Response::Ref`]
    CreateBranch {
        /// The branch.
        branch: String,
        /// Its commit.
        sha: Sha,
    },
    /// Moves a branch forward, never back or aside; [`Error::Conflict`] where that is no fast-forward. →
    /// [`Response::Ref`]
    AdvanceBranch {
        /// The branch.
        branch: String,
        /// Its new commit.
        sha: Sha,
    },
    /// Deletes a branch. → [`Response::Done`]; gone already is fine.
    DeleteBranch {
        /// The branch.
        branch: String,
    },
    /// Makes a commit that no branch names yet: the parent's tree (or nothing) with these files put on top. →
    /// [`Response::Commit`]
    CreateCommit {
        /// Message.
        message: String,
        /// Files to add or replace.
        files: Vec<NewFile>,
        /// Parent and base tree.
        parent: Option<Sha>,
    },
    /// Commits files on top of a branch and moves the branch there, both or neither (GraphQL); [`Error::Conflict`]
    /// where the branch does not stand where it is expected to. → [`Response::Commit`]
    CommitOnBranch {
        /// The branch.
        branch: String,
        /// Where it stands.
        expected: Sha,
        /// Message.
        message: String,
        /// Files to add or replace.
        files: Vec<NewFile>,
    },
    /// A file's bytes at a commit or branch; missing: [`Error::Missing`]. → [`Response::File`]
    File {
        /// Commit or branch.
        reference: String,
        /// Path.
        path: String,
    },
    /// Starts a workflow. → [`Response::Dispatched`]
    DispatchWorkflow {
        /// File name.
        workflow: String,
        /// Branch whose version of the file runs: always the default branch.
        branch: String,
        /// Inputs.
        inputs: BTreeMap<String, String>,
    },
    /// Runs of a workflow created at or after a moment, newest first, without jobs. → [`Response::Runs`]
    Runs {
        /// File name.
        workflow: String,
        /// From when.
        since: Timestamp,
    },
    /// One run with its jobs and steps; those of one that ended well may be left out. → [`Response::Run`]
    Run {
        /// The run.
        run: RunId,
    },
    /// Asks for a run's end; over already is [`Error::Conflict`]. → [`Response::Done`]
    CancelRun {
        /// The run.
        run: RunId,
        /// Force it.
        force: bool,
    },
    /// Runs a run's failed jobs again. → [`Response::Done`]
    RerunFailedJobs {
        /// The run.
        run: RunId,
    },
    /// A finished job's log, its end. → [`Response::Log`]
    JobLog {
        /// The job.
        job: JobId,
    },
    /// One pull request. → [`Response::PullRequest`]
    PullRequest {
        /// Its number.
        number: PullNumber,
    },
    /// Pull requests, each with the checks of its head, all as of one moment (GraphQL). →
    /// [`Response::PullsAndChecks`]; what is not there is left out
    PullsAndChecks {
        /// Their numbers.
        numbers: Vec<PullNumber>,
    },
    /// Pull requests, all states if a head branch is given, else open ones. → [`Response::PullRequests`]
    PullRequests {
        /// Their head branch.
        head: Option<String>,
    },
    /// Opens a pull request; one that exists is [`Error::Conflict`]. → [`Response::PullRequest`]
    CreatePullRequest {
        /// Title.
        title: String,
        /// Body.
        body: String,
        /// From.
        head: String,
        /// To.
        base: String,
        /// As a draft.
        draft: bool,
    },
    /// Changes a pull request's texts. → [`Response::PullRequest`]
    UpdatePullRequest {
        /// Its number.
        number: PullNumber,
        /// New title.
        title: Option<String>,
        /// New body.
        body: Option<String>,
    },
    /// Merges a pull request if its head is still that commit; a conflict, moved head or closed state is
    /// [`Error::Conflict`]. → [`Response::Merged`]
    MergePullRequest {
        /// Its number.
        number: PullNumber,
        /// The expected head.
        head: Sha,
    },
    /// Merges one branch into another on the server; nothing to do is [`Response::Done`]; a conflict is
    /// [`Error::Conflict`]. → [`Response::BranchMerged`]
    MergeBranch {
        /// The branch that receives.
        into: String,
        /// What is merged: branch or commit.
        from: String,
    },
    /// All check runs and statuses of a commit. → [`Response::Checks`]
    Checks {
        /// The commit.
        sha: Sha,
    },
}

/// The repository as GitHub tells it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repository {
    /// GitHub's id; survives a rename.
    pub id: u64,
    /// The default branch.
    pub default_branch: String,
    /// Whether it is archived (nothing can be written).
    pub archived: bool,
}

/// Answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Response {
    /// It is done; there is nothing more to say.
    Done,
    /// The repository.
    Repository(Repository),
    /// A permission.
    Permission(Permission),
    /// Issues.
    Issues(Vec<Issue>),
    /// An issue.
    Issue(Box<Issue>),
    /// Label events.
    LabelEvents(Vec<LabelEvent>),
    /// Issue numbers.
    Numbers(Vec<IssueNumber>),
    /// Comments.
    Comments(Vec<Comment>),
    /// A comment.
    Comment(Box<Comment>),
    /// Body edits.
    BodyEdits(Vec<BodyEdit>),
    /// A body was written.
    Rewritten {
        /// When the issue last changed, that writing included.
        updated_at: Timestamp,
        /// Its body's edits, oldest first.
        edits: Vec<BodyEdit>,
    },
    /// A branch.
    Ref(Ref),
    /// Branches.
    Refs(Vec<Ref>),
    /// Branches' commits with a file.
    Tips(Vec<Option<Tip>>),
    /// A commit made.
    Commit(Sha),
    /// A file's bytes.
    File(Vec<u8>),
    /// A dispatch was taken; older servers do not tell the run.
    Dispatched(Option<RunId>),
    /// Runs.
    Runs(Vec<Run>),
    /// A run.
    Run(Box<Run>),
    /// The end of a log.
    Log(String),
    /// A pull request.
    PullRequest(Box<PullRequest>),
    /// Pull requests.
    PullRequests(Vec<PullRequest>),
    /// Pull requests with their checks.
    PullsAndChecks(Vec<PullAndChecks>),
    /// The commit that the merge of a pull request made.
    Merged(Sha),
    /// A branch was merged into another.
    BranchMerged {
        /// The commit made.
        commit: Sha,
        /// Where the branch that received stood just before.
        onto: Option<Sha>,
    },
    /// Checks.
    Checks(Checks),
}

/// Why a request has no answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Error {
    /// 404 or 410: it does not exist, or we may not see it.
    #[error("{what} does not exist or is not visible to the App")]
    Missing {
        /// What was asked for.
        what: String,
    },
    /// 401: the credentials are not accepted.
    #[error("GitHub refused the credentials: {message}")]
    Unauthorized {
        /// GitHub's words.
        message: String,
    },
    /// 403 without a rate limit: a permission is missing.
    #[error("GitHub refused: {message}")]
    Denied {
        /// GitHub's words.
        message: String,
    },
    /// 405, 409, or 422 where the state does not allow it (exists already, no fast-forward, moved head, conflict).
    #[error("conflict: {message}")]
    Conflict {
        /// GitHub's words.
        message: String,
    },
    /// Any other 4xx: the request itself is wrong.
    #[error("GitHub did not accept the request: {message}")]
    Invalid {
        /// GitHub's words.
        message: String,
    },
    /// A primary or secondary rate limit: nothing happened, ask again at `until`.
    #[error("rate limited until {until}")]
    RateLimited {
        /// When to ask again.
        until: Timestamp,
    },
    /// By our own count GitHub would refuse this kind of write now: nothing was sent, and nothing else has to wait.
    #[error("put off until {until}, within what GitHub allows")]
    OverBudget {
        /// When there is room again.
        until: Timestamp,
    },
    /// 5xx, a timeout or a cut connection: nobody knows whether a write happened.
    #[error("no answer from GitHub: {message}")]
    Unreachable {
        /// What happened.
        message: String,
    },
    /// The answer cannot be read, or is of another kind than asked for: our failure or GitHub's.
    #[error("unexpected answer: {message}")]
    Unexpected {
        /// What was seen.
        message: String,
    },
}

impl Error {
    /// Whether a write may have happened all the same.
    pub fn leaves_doubt(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Unexpected { .. } => true,
            Self::Missing { .. }
            | Self::Unauthorized { .. }
            | Self::Denied { .. }
            | Self::Conflict { .. }
            | Self::Invalid { .. }
            | Self::RateLimited { .. }
            | Self::OverBudget { .. } => false,
        }
    }
}
