//! One admitted write under way: who, when, and the webhooks it has made so far.

use crate::engine::id::IssueNumber;
use crate::engine::snapshot::Actor;
use crate::engine::time::Timestamp;
use crate::forge::world::World;
use crate::forge::world::admit::{conflict, missing};
use crate::forge::world::request::{GitAnswer, Request};
use crate::forge::world::state::IssueEntry;
use crate::forge::world::webhook::Webhook;
use crate::github;
use crate::github::{Error, Response};

/// A write. Each method checks everything before it changes anything.
pub(in crate::forge::world) struct Act<'a> {
    pub(in crate::forge::world) world: &'a mut World,
    pub(in crate::forge::world) sender: Actor,
    pub(in crate::forge::world) now: Timestamp,
    pub(in crate::forge::world) webhooks: Vec<Webhook>,
}

pub(in crate::forge::world) type Outcome = Result<Response, Error>;

impl Act<'_> {
    /// Performs an admitted request; `asked`: git had to be asked for it.
    pub(in crate::forge::world) fn perform(&mut self, request: Request, asked: bool) -> Outcome {
        match request {
            Request::Api { actor, request, git } => {
                self.sender = actor;
                let git = if asked { Some(settled(git)?) } else { None };
                self.call(request, git)
            }
            Request::Person { actor, act, git } => {
                self.sender = actor;
                let git = if asked { Some(settled(git)?) } else { None };
                self.person(act, git)
            }
            Request::Pushed { actor, branch, before, after } => {
                self.sender = actor;
                self.moved(&branch, before, after);
                Ok(Response::Done)
            }
            Request::Runner(act) => self.runner(act),
            Request::Check(act) => self.check(act),
            Request::Seed(act) => self.seed(act),
        }
    }

    fn call(&mut self, request: github::Request, git: Option<GitAnswer>) -> Outcome {
        use crate::github::Request as Call;
        match request {
            Call::CreateIssue { title, body, labels } => self.open_issue(title, body, labels),
            Call::UpdateIssue { number, title, body, state } => self.update_issue(number, title, body, state),
            Call::RewriteIssue { number, body, .. } => self.rewrite_issue(number, body),
            Call::CreateComment { number, body } => self.create_comment(number, body),
            Call::DeleteComment { comment } => self.delete_comment(comment),
            Call::React { comment, reaction } => self.react(comment, reaction),
            Call::Relate { number, by, blocked } => self.block(number, by, blocked).map(|_| Response::Done),
            Call::Pin { node_id, pinned } => self.pin(&node_id, pinned),
            Call::CreateBranch { branch, sha } => self.set_branch(branch, sha),
            Call::AdvanceBranch { branch, sha } => self.set_branch(branch, sha),
            Call::DeleteBranch { branch } => self.delete_branch(&branch),
            Call::CreateCommit { .. } => match git {
                Some(GitAnswer::Commit(sha)) => Ok(Response::Commit(sha)),
                other => Err(unexpected(other.as_ref())),
            },
            Call::CommitOnBranch { branch, .. } => match git {
                Some(GitAnswer::At(sha)) => self.set_branch(branch, sha.clone()).map(|_| Response::Commit(sha)),
                other => Err(unexpected(other.as_ref())),
            },
            Call::DispatchWorkflow { workflow, branch, inputs } => self.dispatch(&workflow, branch, inputs),
            Call::SetWorkflow { workflow, enabled } => self.set_workflow(&workflow, enabled),
            Call::CancelRun { run, force } => self.cancel(run, force),
            Call::RerunFailedJobs { run } => self.rerun_failed(run),
            Call::CreatePullRequest { title, body, head, base, draft } => {
                self.open_pull(title, body, head, base, draft, git.as_ref())
            }
            Call::UpdatePullRequest { number, title, body } => self.update_pull(number, title, body),
            Call::MergePullRequest { number, .. } => self.merge_pull(number, git.as_ref()),
            Call::MergeBranch { into, .. } => self.merge_branch(&into, git.as_ref()),
            Call::Repository
            | Call::Permission { .. }
            | Call::IssuesLabelled { .. }
            | Call::Issue { .. }
            | Call::LabelEvents { .. }
            | Call::BlockedBy { .. }
            | Call::SubIssues { .. }
            | Call::CommentsSince { .. }
            | Call::Comments { .. }
            | Call::BodyEdits { .. }
            | Call::Branch { .. }
            | Call::Branches { .. }
            | Call::Tips { .. }
            | Call::File { .. }
            | Call::Folder { .. }
            | Call::Runs { .. }
            | Call::Run { .. }
            | Call::JobLog { .. }
            | Call::PullRequest { .. }
            | Call::PullRequests { .. }
            | Call::PullsAndChecks { .. }
            | Call::Checks { .. } => Err(Error::Unexpected { message: "a read was sent as a write".to_owned() }),
        }
    }
}

impl World {
    /// An issue or pull request that is there.
    pub(in crate::forge::world) fn existing(&self, number: IssueNumber) -> Result<&IssueEntry, Error> {
        self.issues.get(&number).filter(|entry| !entry.deleted).ok_or_else(|| missing(format!("issue #{number}")))
    }

    pub(in crate::forge::world) fn existing_mut(&mut self, number: IssueNumber) -> Result<&mut IssueEntry, Error> {
        self.issues.get_mut(&number).filter(|entry| !entry.deleted).ok_or_else(|| missing(format!("issue #{number}")))
    }
}

/// Git's answer where it is a good one, else the error GitHub would give.
pub(in crate::forge::world) fn settled(answer: Option<GitAnswer>) -> Result<GitAnswer, Error> {
    match answer {
        None => Err(Error::Unexpected { message: "git was not asked".to_owned() }),
        Some(GitAnswer::Missing { what }) => Err(missing(what)),
        Some(GitAnswer::Refused { message }) => Err(conflict(message)),
        Some(GitAnswer::Conflict { paths }) => Err(conflict(format!("Merge conflict in {}", paths.join(", ")))),
        Some(GitAnswer::Failed { message }) => Err(Error::Unreachable { message }),
        Some(
            answer @ (GitAnswer::At(_)
            | GitAnswer::Refs(_)
            | GitAnswer::Tips(_)
            | GitAnswer::Done
            | GitAnswer::Commit(_)
            | GitAnswer::File(_)
            | GitAnswer::Folder(_)
            | GitAnswer::Ahead(_)
            | GitAnswer::Mergeable(_)
            | GitAnswer::Merges(_)
            | GitAnswer::Merged(_)
            | GitAnswer::NothingToDo),
        ) => Ok(answer),
    }
}

/// Git answered another question than it was asked.
pub(in crate::forge::world) fn unexpected(answer: Option<&GitAnswer>) -> Error {
    Error::Unexpected { message: format!("git gave another kind of answer than asked for: {answer:?}") }
}
