//! What GitHub answers, as plain data.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::engine::id::{IssueNumber, RunId, Sha};
use crate::engine::snapshot::{BodyEdit, Checks, Comment, Issue, LabelEvent, Permission, PullRequest, Ref, Run};
use crate::engine::time::Timestamp;
use crate::github::{PullAndChecks, Tip};

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
    /// A folder's files: texts by name; nothing where one is not to be had so (binary, or too long): ask for it by
    /// itself.
    Folder(BTreeMap<String, Option<String>>),
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
