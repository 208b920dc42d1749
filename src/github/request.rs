//! Everything the orchestrator asks of GitHub, as plain data, and what can be told of it without sending it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::engine::id::{CommentId, IssueNumber, JobId, Login, PullNumber, RunId, Sha};
use crate::engine::snapshot::OpenState;
use crate::engine::time::Timestamp;
#[cfg(doc)]
use crate::github::{Error, Response};

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
    /// Sub-issues of this one. → [`Response::Numbers`]
    SubIssues {
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
    /// Says by GitHub's native relation that an issue is blocked by another, or no longer; a second time changes
    /// nothing. → [`Response::Done`]
    Relate {
        /// The blocked issue.
        number: IssueNumber,
        /// The one it waits for.
        by: IssueNumber,
        /// Blocked, or no longer.
        blocked: bool,
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
    /// The text of every file that lies directly in a folder at a commit (GraphQL). → [`Response::Folder`]; no such
    /// folder: no files
    Folder {
        /// The commit.
        commit: Sha,
        /// The folder, without a slash at its end.
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
    /// Lets a workflow run, or keeps it from running; as it is already changes nothing. → [`Response::Done`]
    SetWorkflow {
        /// File name.
        workflow: String,
        /// Let it run.
        enabled: bool,
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
            | Self::Relate { .. }
            | Self::Pin { .. }
            | Self::CreateBranch { .. }
            | Self::AdvanceBranch { .. }
            | Self::DeleteBranch { .. }
            | Self::CreateCommit { .. }
            | Self::CommitOnBranch { .. }
            | Self::DispatchWorkflow { .. }
            | Self::SetWorkflow { .. }
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
            | Self::SubIssues { .. }
            | Self::CommentsSince { .. }
            | Self::Comments { .. }
            | Self::BodyEdits { .. }
            | Self::Branch { .. }
            | Self::Branches { .. }
            | Self::Tips { .. }
            | Self::File { .. }
            | Self::Folder { .. }
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
