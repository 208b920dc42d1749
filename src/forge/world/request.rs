//! What may happen to the world. [`Request`] is also the replay log: applying the same requests at the same moments to
//! the same world gives the same world again, because what git answered is part of the request.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::engine::id::{CommentId, IssueNumber, JobId, Login, PullNumber, RunId, Sha};
use crate::engine::snapshot::{Actor, Conclusion, Permission, Ref};
use crate::forge::world::administration::Administration;
pub use crate::forge::world::question::{GitAnswer, GitQuestion};
use crate::forge::world::setup::WorkflowFacts;
use crate::github;

/// Everything that can happen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    /// An API call.
    Api {
        /// Whose token it carries: the App's bot, a workflow's `github-actions[bot]`, or a person.
        actor: Actor,
        /// The call.
        request: github::Request,
        /// What git answered to [`World::git_question`](crate::forge::world::World::git_question), where it asked.
        git: Option<GitAnswer>,
    },
    /// Something a person does in the pages.
    Person {
        /// Who.
        actor: Actor,
        /// What.
        act: PersonAct,
        /// What git answered, where it was asked.
        git: Option<GitAnswer>,
    },
    /// Git has moved, created or deleted a branch by a push.
    Pushed {
        /// Who pushed.
        actor: Actor,
        /// The branch, without `refs/heads/`.
        branch: String,
        /// Where it was; nothing: it is new.
        before: Option<Sha>,
        /// Where it is now; nothing: it is deleted.
        after: Option<Sha>,
    },
    /// The runner reports.
    Runner(RunnerAct),
    /// A check on a commit.
    Check(CheckAct),
    /// Set-up and what only the forge's owner may change.
    Seed(SeedAct),
}

/// What a person can do in the pages. Numbers name issues and pull requests alike.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PersonAct {
    /// Opens an issue.
    Open {
        /// Title.
        title: String,
        /// Body.
        body: String,
        /// Labels.
        labels: Vec<String>,
    },
    /// Comments.
    Comment {
        /// Where.
        number: IssueNumber,
        /// Markdown.
        body: String,
    },
    /// Rewrites a comment.
    EditComment {
        /// Which.
        comment: CommentId,
        /// The new text.
        body: String,
    },
    /// Rewrites title or body.
    Edit {
        /// Which.
        number: IssueNumber,
        /// New title.
        title: Option<String>,
        /// New body.
        body: Option<String>,
    },
    /// Ticks or unticks one box of the body; the body is edited as GitHub's page does it.
    Tick {
        /// Which.
        number: IssueNumber,
        /// The box, counted from 0 over the body's task-list items.
        index: usize,
        /// Ticked or not.
        checked: bool,
    },
    /// Puts a label on.
    Label {
        /// Where.
        number: IssueNumber,
        /// The label.
        label: String,
    },
    /// Takes a label off.
    Unlabel {
        /// Where.
        number: IssueNumber,
        /// The label.
        label: String,
    },
    /// Closes an issue or a pull request.
    Close {
        /// Which.
        number: IssueNumber,
    },
    /// Opens it again.
    Reopen {
        /// Which.
        number: IssueNumber,
    },
    /// Deletes an issue: from then on it is missing.
    Delete {
        /// Which.
        number: IssueNumber,
    },
    /// Says that one issue is blocked by another, or no longer.
    BlockedBy {
        /// The blocked issue.
        number: IssueNumber,
        /// The one it waits for.
        by: IssueNumber,
        /// Blocked or no longer.
        blocked: bool,
    },
    /// Makes one issue the sub-issue of another, or no longer.
    SubIssue {
        /// The one above.
        number: IssueNumber,
        /// The one below.
        child: IssueNumber,
        /// Below it or no longer.
        added: bool,
    },
    /// Merges a pull request at its present head.
    Merge {
        /// Which.
        number: PullNumber,
    },
}

/// What the runner reports. Jobs are made with their run; see [`World::run`](crate::forge::world::World::run).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunnerAct {
    /// The clock starts a workflow.
    Due {
        /// Its file.
        workflow: String,
    },
    /// A job's process is under way; the first one starts the run.
    JobStarted {
        /// Which.
        job: JobId,
    },
    /// A step begins.
    StepStarted {
        /// Of which job.
        job: JobId,
        /// Its name.
        name: String,
    },
    /// The job's step that was begun last is over.
    StepEnded {
        /// Of which job.
        job: JobId,
        /// How it ended.
        conclusion: Conclusion,
    },
    /// A job is over; a job that was never started ends as skipped or cancelled.
    JobEnded {
        /// Which.
        job: JobId,
        /// How it ended.
        conclusion: Conclusion,
        /// Its outputs.
        outputs: BTreeMap<String, String>,
    },
    /// The run is over; jobs that are not are cancelled with it.
    RunEnded {
        /// Which.
        run: RunId,
        /// How it ended.
        conclusion: Conclusion,
    },
    /// An artifact is stored.
    ArtifactStored {
        /// Of which run.
        run: RunId,
        /// Its name; one stored before under it is replaced.
        name: String,
        /// Where the runner keeps it: opaque here.
        location: String,
        /// Its size in bytes.
        bytes: u64,
    },
    /// The end of a job's log; replaces what was told before.
    LogTail {
        /// Of which job.
        job: JobId,
        /// Text, cut here to [`LOG_CHARACTERS_MAX`](crate::forge::world::LOG_CHARACTERS_MAX).
        text: String,
    },
    /// The forge was ended and started again: runs under way come back `cancelled`; queued ones stay queued.
    Restarted,
}

/// A check run or commit status told to the world.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckAct {
    /// A check run begins; one of the same name and App on the commit is replaced.
    Started {
        /// The commit.
        sha: Sha,
        /// Its name.
        name: String,
        /// The App it belongs to, by slug.
        app: String,
    },
    /// The check run of that name and App is over (it is made if it was never started).
    Ended {
        /// The commit.
        sha: Sha,
        /// Its name.
        name: String,
        /// The App it belongs to, by slug.
        app: String,
        /// How it ended.
        conclusion: Conclusion,
        /// Its summary.
        summary: String,
        /// The end of its output.
        log: String,
    },
    /// A commit status of the older kind.
    Status {
        /// The commit.
        sha: Sha,
        /// Its name.
        context: String,
        /// Its end; nothing while it is pending.
        conclusion: Option<Conclusion>,
        /// A sentence.
        description: String,
    },
}

/// One issue as `gh issue list --json number,title,body,labels` prints it, labels by name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeedIssue {
    /// Its number.
    pub number: IssueNumber,
    /// Title.
    pub title: String,
    /// Body.
    pub body: String,
    /// Label names.
    pub labels: Vec<String>,
}

/// Set-up acts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SeedAct {
    /// Issues with numbers given; opened and labelled by the local owner. All or, where a number is taken or a text too
    /// long, none.
    Issues(Vec<SeedIssue>),
    /// What an account may do.
    Permission {
        /// The account.
        login: Login,
        /// What it may do.
        permission: Permission,
    },
    /// A workflow file is present on the default branch.
    Workflow {
        /// Its file name.
        file: String,
        /// What it says.
        facts: WorkflowFacts,
    },
    /// Numbers up to this one are given to no issue and no pull request that is opened without a number.
    Issued {
        /// The last of them.
        number: u64,
    },
    /// Where branches are, told without a push: nothing is announced and no pull request moves.
    Branches(Vec<Ref>),
    /// What administrators have set from now on.
    Administration(Box<Administration>),
}
