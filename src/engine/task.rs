//! A task: one issue to be done, how far it is, and the table of moves it may make.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::engine::attempt::{Attempt, AttemptOutcome};
use crate::engine::brief::{ApprovedText, text_digest};
use crate::engine::dry_run::DryRun;
use crate::engine::facts::{self, Facts, OnFail};
use crate::engine::footprint::Footprint;
pub use crate::engine::hold::Hold;
use crate::engine::id::{IssueNumber, Sha, TaskId};
use crate::engine::planner::Planning;
pub use crate::engine::pull::{CheckState, MergeRefused, Pull, Work};
use crate::engine::time::Timestamp;

/// How far a task is. `pending` and `blocked` are two faces of [`Stage::Waiting`]: which one is derived from what it
/// waits for (see `waits`), never stored.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, strum::Display, strum::EnumIter,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Stage {
    /// No attempt under way and none failed.
    Waiting,
    /// An attempt is under way.
    Running,
    /// Its run makes no progress; it is being healed.
    Stuck,
    /// Its last attempt failed: it will be retried, or has no attempts left (verdict `escalated`).
    Error,
    /// Work is pushed and ready for a pull request, or nothing needed to change.
    Complete,
    /// Its pull request is open.
    PrOpen,
    /// Its pull request is merged.
    Merged,
    /// A person gave it up.
    Cancelled,
}

/// What moves a task from one stage to the next.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, strum::Display, strum::EnumIter,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Trigger {
    /// An attempt is dispatched.
    Dispatch,
    /// GitHub refused the dispatch, or the agent asks a person.
    Hold,
    /// The run makes no progress.
    Stall,
    /// The run moves again.
    Revive,
    /// The attempt failed.
    Fail,
    /// The attempt published work or needs no change.
    Finish,
    /// The pull request is open and shows the work.
    Open,
    /// Its checks are red or it does not merge.
    Reject,
    /// It was merged.
    Merge,
    /// A person closed it.
    Close,
    /// A person reopened it.
    Reopen,
    /// A person gave the task up, or its issue left the plan.
    Cancel,
    /// A person takes it up again.
    Retake,
    /// A person pushed to its pull request's branch.
    TakeOver,
}

/// The legal moves: a stage, a trigger, the stage it leads to. A pair that is not here is a defect of ours and is
/// refused.
/// `ARCHITECTURE.md` shows this table; a test takes every row.
pub const MOVES: &[(Stage, Trigger, Stage)] = &[
    (Stage::Waiting, Trigger::Dispatch, Stage::Running),
    (Stage::Waiting, Trigger::Reopen, Stage::PrOpen),
    (Stage::Waiting, Trigger::Merge, Stage::Merged),
    (Stage::Waiting, Trigger::Close, Stage::Waiting),
    (Stage::Waiting, Trigger::Cancel, Stage::Cancelled),
    (Stage::Waiting, Trigger::Retake, Stage::Waiting),
    (Stage::Waiting, Trigger::TakeOver, Stage::PrOpen),
    (Stage::Running, Trigger::Hold, Stage::Waiting),
    (Stage::Running, Trigger::Stall, Stage::Stuck),
    (Stage::Running, Trigger::Fail, Stage::Error),
    (Stage::Running, Trigger::Finish, Stage::Complete),
    (Stage::Running, Trigger::Merge, Stage::Merged),
    (Stage::Running, Trigger::Close, Stage::Waiting),
    (Stage::Running, Trigger::Cancel, Stage::Cancelled),
    (Stage::Running, Trigger::Retake, Stage::Waiting),
    (Stage::Running, Trigger::TakeOver, Stage::PrOpen),
    (Stage::Stuck, Trigger::Revive, Stage::Running),
    (Stage::Stuck, Trigger::Hold, Stage::Waiting),
    (Stage::Stuck, Trigger::Fail, Stage::Error),
    (Stage::Stuck, Trigger::Finish, Stage::Complete),
    (Stage::Stuck, Trigger::Merge, Stage::Merged),
    (Stage::Stuck, Trigger::Close, Stage::Waiting),
    (Stage::Stuck, Trigger::Cancel, Stage::Cancelled),
    (Stage::Stuck, Trigger::Retake, Stage::Waiting),
    (Stage::Stuck, Trigger::TakeOver, Stage::PrOpen),
    (Stage::Error, Trigger::Dispatch, Stage::Running),
    (Stage::Error, Trigger::Retake, Stage::Waiting),
    (Stage::Error, Trigger::Merge, Stage::Merged),
    (Stage::Error, Trigger::Close, Stage::Waiting),
    (Stage::Error, Trigger::Cancel, Stage::Cancelled),
    (Stage::Error, Trigger::TakeOver, Stage::PrOpen),
    (Stage::Complete, Trigger::Open, Stage::PrOpen),
    (Stage::Complete, Trigger::Reject, Stage::Error),
    (Stage::Complete, Trigger::Merge, Stage::Merged),
    (Stage::Complete, Trigger::Close, Stage::Waiting),
    (Stage::Complete, Trigger::Retake, Stage::Waiting),
    (Stage::Complete, Trigger::Cancel, Stage::Cancelled),
    (Stage::Complete, Trigger::TakeOver, Stage::PrOpen),
    (Stage::PrOpen, Trigger::Reject, Stage::Error),
    (Stage::PrOpen, Trigger::Merge, Stage::Merged),
    (Stage::PrOpen, Trigger::Close, Stage::Waiting),
    (Stage::PrOpen, Trigger::Retake, Stage::Waiting),
    (Stage::PrOpen, Trigger::Cancel, Stage::Cancelled),
    (Stage::Cancelled, Trigger::Retake, Stage::Waiting),
    (Stage::Cancelled, Trigger::Merge, Stage::Merged),
];

/// A move as made, for the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Move {
    /// Whose.
    pub task: TaskId,
    /// From here.
    pub from: Stage,
    /// By this.
    pub trigger: Trigger,
    /// To there; nothing: the table has no such row, and the task stayed.
    pub to: Option<Stage>,
}

/// Where a trigger leads from a stage; nothing where the table has no such row.
pub fn next_stage(stage: Stage, trigger: Trigger) -> Option<Stage> {
    MOVES.iter().find(|(from, by, _)| (*from, *by) == (stage, trigger)).map(|(_, _, to)| *to)
}

/// A task's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, strum::Display)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Verdict {
    /// Its pull request was merged.
    Merged,
    /// Nothing needed to change.
    NoChange,
    /// A person gave it up.
    Cancelled,
    /// No attempts left. Not final: `retry` takes it back.
    Escalated,
}

impl Verdict {
    /// Whether dependents may go on.
    pub fn is_well(self) -> bool {
        match self {
            Self::Merged | Self::NoChange => true,
            Self::Cancelled | Self::Escalated => false,
        }
    }
}

/// Counters that survive everything and only grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// Failures of the agent.
    pub failures: u32,
    /// Failures of runner, set-up or GitHub.
    pub infra_retries: u32,
    /// Rebase runs.
    pub conflict_reruns: u32,
    /// Attempts granted by people beyond the limit.
    pub granted: u32,
    /// How often a task that meets this one was dispatched while only that kept it from starting.
    pub passed_over: u32,
}

/// Approval of a text by a person.
pub type Approval = ApprovedText;

/// A task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    /// `t<issue>`.
    pub id: TaskId,
    /// Title as last read.
    pub title: String,
    /// Body as last read.
    pub body: String,
    /// Digest of both.
    pub digest: String,
    /// The issue's `updated_at` when this digest was first seen: an approval must be later.
    pub text_since: Timestamp,
    /// Whether the text changed since the issue joined.
    pub text_edited: bool,
    /// The issue's `updated_at` when anything of it was last seen to change: views from before say nothing.
    #[serde(default)]
    pub changed_at: Timestamp,
    /// Whether the issue is open, as last read.
    pub issue_open: bool,
    /// When it was first seen closed while its pull request looked open, which may have been merged since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_since: Option<Timestamp>,
    /// The issue's labels as last read.
    pub labels: Vec<String>,
    /// What the text says.
    pub facts: Facts,
    /// Issues that block it natively.
    pub blocked_by: Vec<IssueNumber>,
    /// How many there were when they were last asked for.
    pub blocked_by_count: u32,
    /// What it is known or thought to touch.
    pub footprint: Footprint,
    /// Whether its mentions were looked up in the repository.
    pub inferred: bool,
    /// What planner runs said, by text; the newest text last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub plannings: Vec<Planning>,
    /// Who approved which text.
    pub approval: Option<Approval>,
    /// Whether who labelled it was asked for already (`approval: label`).
    pub label_asked: bool,
    /// Index of its phase in the plan's list.
    pub phase: usize,
    /// Longest path of tasks that begins here and goes through its dependents, itself included.
    pub remaining: u32,
    /// How far.
    pub stage: Stage,
    /// Why it waits for a person.
    pub hold: Option<Hold>,
    /// Its end.
    pub verdict: Option<Verdict>,
    /// All attempts, oldest first.
    pub attempts: Vec<Attempt>,
    /// Counters.
    pub counters: Counters,
    /// Nothing is dispatched before.
    pub not_before: Timestamp,
    /// Since when it holds its files: no two tasks since one moment.
    pub locked_since: Option<Timestamp>,
    /// The footprint its newest attempt was dispatched with: a text edited since gives none of these files back.
    #[serde(default)]
    pub dispatched: Footprint,
    /// Finished work.
    pub work: Option<Work>,
    /// Where `orchestrate/issue-<N>` stands by our own hand.
    pub branch: Option<Sha>,
    /// Its pull request.
    pub pull: Option<Pull>,
    /// Whether its next run brings the work onto the moved base.
    pub rebase_due: bool,
    /// The commit that such a run starts from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rebase_from: Option<Sha>,
    /// What dry-run merges of its work came to: of one against the base and of one against each sibling the newest.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dry_runs: Vec<DryRun>,
    /// Files outside the declared ones that a person allowed.
    pub scope_allowed: Vec<String>,
    /// A person asked for its end; the verdict follows when no attempt is live.
    pub cancel_asked: bool,
    /// Its issue was unlabelled, closed, deleted or transferred.
    pub left: bool,
    /// When it was settled.
    pub settled_at: Option<Timestamp>,
    /// What was said or tidied once and is not to be repeated, by name.
    pub told: BTreeSet<String>,
}

impl Task {
    /// A task as its issue shows it first, nothing known or approved yet.
    pub fn waiting(issue: IssueNumber, title: &str, body: &str, labels: &[String], text_since: Timestamp) -> Self {
        Self {
            id: TaskId(issue),
            title: title.to_owned(),
            body: body.to_owned(),
            digest: text_digest(title, body),
            text_since,
            text_edited: false,
            changed_at: text_since,
            issue_open: true,
            closed_since: None,
            labels: labels.to_vec(),
            facts: facts::read(title, body, labels),
            blocked_by: Vec::new(),
            blocked_by_count: 0,
            footprint: Footprint::default(),
            inferred: false,
            plannings: Vec::new(),
            approval: None,
            label_asked: false,
            phase: 0,
            remaining: 1,
            stage: Stage::Waiting,
            hold: None,
            verdict: None,
            attempts: Vec::new(),
            counters: Counters::default(),
            not_before: Timestamp(0),
            locked_since: None,
            dispatched: Footprint::default(),
            work: None,
            branch: None,
            pull: None,
            rebase_due: false,
            rebase_from: None,
            dry_runs: Vec::new(),
            scope_allowed: Vec::new(),
            cancel_asked: false,
            left: false,
            settled_at: None,
            told: BTreeSet::new(),
        }
    }

    /// The issue's number.
    pub fn issue(&self) -> IssueNumber {
        self.id.0
    }

    /// The attempt that counts: the newest.
    pub fn current(&self) -> Option<&Attempt> {
        self.attempts.last()
    }

    /// The newest attempt if it holds a slot.
    pub fn live(&self) -> Option<&Attempt> {
        self.attempts.last().filter(|attempt| attempt.is_live())
    }

    /// Whether the text that was approved is the text as last read.
    pub fn is_approved(&self) -> bool {
        self.approval.as_ref().is_some_and(|approval| approval.digest == self.digest)
    }

    /// Whether its pull request is open.
    pub fn has_open_pull(&self) -> bool {
        self.pull.as_ref().is_some_and(|pull| pull.open)
    }

    /// Whether it has a verdict and no open pull request.
    pub fn is_settled(&self) -> bool {
        self.verdict.is_some() && !self.has_open_pull()
    }

    /// Whether its files are free: it is settled, or a person closed its pull request and no run of it is live.
    pub fn frees_files(&self) -> bool {
        self.is_settled() || matches!(self.hold, Some(Hold::PullClosed { .. })) && self.live().is_none()
    }

    /// Whether dependents may go on: settled well, or given up by a person's word while it stays in the plan.
    pub fn frees_dependents(&self) -> bool {
        match self.verdict {
            Some(Verdict::Merged | Verdict::NoChange) => true,
            Some(Verdict::Cancelled) => !self.left,
            Some(Verdict::Escalated) | None => false,
        }
    }

    /// What its failure does to its gate.
    pub fn on_fail(&self, default: OnFail) -> OnFail {
        self.facts.on_fail.unwrap_or(default)
    }

    /// How the newest attempt at its work ended, for people.
    pub fn last_outcome(&self) -> Option<AttemptOutcome> {
        self.work_attempts().rev().find_map(|attempt| attempt.outcome)
    }
}
