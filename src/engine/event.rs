//! Everything the engine can be told, and everything it can ask to read. Hints only say where to look; facts come
//! back as [`Fact`]s about one moment.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::engine::config::Settings;
use crate::engine::dry_run::{Merging, Pair};
use crate::engine::effect::{EffectKey, Outcome};
use crate::engine::footprint::Footprint;
use crate::engine::id::{AttemptId, AttemptKey, CommentId, IssueNumber, Login, PullNumber, RunId, Sha};
use crate::engine::kept::Found;
use crate::engine::record::Record;
use crate::engine::snapshot::{Actor, BodyEdit, Checks, Comment, Issue, Permission, PullRequest, Run};
use crate::engine::time::Timestamp;

/// Something heard: it names a place to look at, and is never believed itself.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hint {
    /// An issue changed.
    Issue(IssueNumber),
    /// Somebody commented.
    Comment(CommentId),
    /// A run changed; its title may carry an attempt's key.
    Run(RunId, Option<String>),
    /// A pull request changed.
    Pull(PullNumber),
    /// Checks of a commit changed.
    Checks(Sha),
    /// A branch moved.
    Push(String),
}

/// An attempt to look at, with what is known already.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Watched {
    /// The attempt.
    pub id: AttemptId,
    /// The key that its run's title carries.
    pub key: AttemptKey,
    /// Its run, if known.
    pub run: Option<RunId>,
    /// The record's tip as last read: an unchanged record is not read again.
    pub record: Option<Sha>,
    /// Whether jobs and steps are wanted too.
    pub closely: bool,
}

/// What the engine wants read. Reads are harmless and are never stored; a lost one is asked for again at the next tick.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Read {
    /// What GitHub shows of a plan whose database is lost. `since`: older runs are not looked at.
    Kept {
        /// From when.
        since: Timestamp,
    },
    /// Default branch, its head, the configuration there.
    Repository,
    /// All open issues with the label.
    Issues,
    /// One issue.
    Issue(IssueNumber),
    /// Issues outside the plan that tasks depend on.
    Outside(Vec<IssueNumber>),
    /// Issues that this one waits for natively: those that block it, and its sub-issues.
    BlockedBy(IssueNumber),
    /// Which files issues' mentions mean.
    Footprints(Vec<IssueNumber>),
    /// Which of the files that planner runs name are there.
    PlannedFiles(Vec<PlannedFiles>),
    /// Who put the label on, and whether the text was edited since.
    Labelled(IssueNumber),
    /// What an account may do.
    Permission(Login),
    /// Comments changed since.
    Comments(Timestamp),
    /// The tracking issue, and who edited it.
    Tracking(IssueNumber),
    /// Attempts' records and runs. `since`: runs created before are not looked at.
    Attempts {
        /// Which.
        watched: Vec<Watched>,
        /// From when.
        since: Timestamp,
    },
    /// Pull requests: open ones in one list, these singly where they are not in it.
    Pulls(Vec<PullNumber>),
    /// These, with the checks of their heads, in one question.
    PullsAndChecks(Vec<PullNumber>),
    /// One pull request.
    Pull(PullNumber),
    /// Checks of a commit, with the failed ones' output.
    Checks(Sha),
    /// Whether these would merge: asked of git alone.
    DryRuns(Vec<Pair>),
}

/// An attempt as seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptSeen {
    /// Which.
    pub id: AttemptId,
    /// Its record's tip and content, if it has one and it changed.
    pub record: Option<(Sha, Record)>,
    /// Its run, where seen.
    pub run: Option<Run>,
}

/// Files that a planner run names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PlannedFiles {
    /// The run.
    pub attempt: AttemptId,
    /// The commit that it read.
    pub base: Sha,
    /// The files.
    pub files: Vec<String>,
}

/// What of them is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedFilesSeen {
    /// The run.
    pub attempt: AttemptId,
    /// Those of its files that the commit has.
    pub present: BTreeSet<String>,
    /// How many files the commit has in all.
    pub total: usize,
}

/// What a read found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact {
    /// What GitHub shows of a plan whose database is lost.
    Kept(Box<Found>),
    /// The repository.
    Repository {
        /// Default branch.
        branch: String,
        /// Its head.
        head: Sha,
        /// Settings in force: the file's, or the last good ones.
        settings: Box<Settings>,
        /// What is wrong with the file, if anything.
        problem: Option<String>,
        /// Whether the task workflow stands on the default branch.
        workflow_present: bool,
    },
    /// All open issues with the label (pull requests left out).
    Issues(Vec<Issue>),
    /// One issue, or nothing where it is gone.
    Issue(IssueNumber, Option<Box<Issue>>),
    /// Issues outside: open, closed, or missing.
    Outside(Vec<(IssueNumber, crate::engine::graph::Outside)>),
    /// Native blockers and sub-issues.
    BlockedBy(IssueNumber, Vec<IssueNumber>),
    /// Footprints.
    Footprints(Vec<FootprintSeen>),
    /// Files that a good part of all changes touch; told where a ranking looked at the changes.
    Hotspots(Vec<String>),
    /// What of planner runs' files is there.
    PlannedFiles(Vec<PlannedFilesSeen>),
    /// Who labelled and when, and the last edit of the body.
    Labelled {
        /// The issue.
        issue: IssueNumber,
        /// Who and when.
        by: Option<(Actor, Timestamp)>,
        /// Last edit.
        edited: Option<BodyEdit>,
    },
    /// A permission.
    Permission(Login, Permission),
    /// Comments, oldest first.
    Comments(Vec<Comment>),
    /// The tracking issue (nothing: it is gone), its edits, and open issues of ours that pass for tracking issues too.
    Tracking(IssueNumber, Option<Box<Issue>>, Option<Vec<BodyEdit>>, Vec<IssueNumber>),
    /// Attempts.
    Attempts(Vec<AttemptSeen>),
    /// Pull requests with, for closed ones, who closed them.
    Pulls(Vec<(PullRequest, Option<Actor>)>),
    /// Checks, the failed ones' output (cut), and names that fail on the base too.
    Checks {
        /// Checks.
        checks: Checks,
        /// Output.
        tail: String,
        /// Failed on the base's head as well.
        base_red: Vec<String>,
    },
    /// What dry-run merges came to.
    DryRuns(Vec<(Pair, Merging)>),
}

/// What one text was found to touch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FootprintSeen {
    /// Whose text.
    pub issue: IssueNumber,
    /// Which text: the task's digest of title and body when it was looked up.
    pub digest: String,
    /// What it touches.
    pub footprint: Footprint,
}

/// Everything the engine can be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A loop begins: entries that may have been sent by one that is gone are looked for.
    Resumed,
    /// The heartbeat: look at everything.
    Tick,
    /// Something was heard.
    Hint(Hint),
    /// A read found something.
    Fact(Box<Fact>),
    /// A read failed; it is asked for again at the next tick.
    ReadFailed {
        /// Which.
        read: Read,
        /// Why.
        message: String,
        /// When to ask again, where GitHub said so.
        until: Option<Timestamp>,
    },
    /// An effect's outcome.
    Outcome(EffectKey, Box<Outcome>),
}
