//! The judge: a history of what really happened, kept apart from the engine's own view, and the rules that must never
//! break, each a small function over that history. It is naive on purpose and shares no rule with the engine: of it the
//! judge takes rows, digests of texts, and what a row says of itself.
//!
//! Invariants carry the numbers of `docs/reliability.md`.

mod dispatch;
mod limits;
mod planner;
mod publish;
mod rows;
mod text;
mod truth;
mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::engine::config::Settings;
use crate::engine::id::{AttemptId, CommentId, RunId, STATE_BRANCH, Sha, TaskId};
use crate::engine::plan::{Change, Header};
use crate::engine::snapshot::{Checks, Conclusion};
use crate::engine::task::{Counters, Task};
use crate::engine::time::Timestamp;
use crate::forge::memory::repository::Repository;
use crate::forge::world::World;
use crate::github::{Request, Response};

pub(super) use dispatch::is_unsettled;
pub(super) use publish::conflict_in;
pub(super) use text::{meeting as texts_meet, read as read_text};
pub(super) use truth::{Closing, Truth};
pub(super) use words::{last_words, no_tick_is_lost, nothing_stands_twice};

/// Most violations kept of one seed: the first tells the story.
const VIOLATIONS_MAX: usize = 20;

/// A rule that was broken.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct Violation {
    /// The invariant's number.
    pub invariant: &'static str,
    /// What was seen.
    pub message: String,
}

/// The judge of one story.
#[derive(Debug)]
pub(super) struct Oracle {
    /// What really happened.
    pub(super) truth: Truth,
    /// The plan's own row as last saved.
    pub(super) header: Option<Box<Header>>,
    /// Tasks as last saved.
    pub(super) tasks: BTreeMap<TaskId, Arc<Task>>,
    numbers: BTreeMap<crate::engine::id::IssueNumber, u32>,
    /// What was counted when the database was last lost, and in which plan.
    counted: BTreeMap<TaskId, (u32, Counters)>,
    /// The configuration in force.
    pub(super) settings: Settings,
    /// How often GitHub refused to take a comment of ours away.
    not_taken_away: BTreeMap<CommentId, u32>,
    /// What the App was last told of a head's checks: the first that did not pass.
    told: BTreeMap<Sha, Option<String>>,
    /// Commits of people that the App was shown at the head of a branch or a pull request.
    shown: BTreeSet<Sha>,
    /// Whether the plan could not be kept, or the process died, since it was last written to the state branch.
    kept_late: bool,
    limits: limits::Limits,
    ticks: words::Ticks,
    /// What must never leave the process.
    canary: String,
    /// Rules broken so far.
    pub(super) violations: Vec<Violation>,
    /// Rules looked at so far.
    pub(super) checks: u64,
}

/// The moment of a look: the world before or after a write.
#[derive(Clone, Copy)]
pub(super) struct Seen<'a> {
    pub(super) world: &'a World,
    pub(super) repository: &'a Repository,
}

impl Oracle {
    /// A judge who has seen nothing yet.
    pub(super) fn new(canary: &str, settings: Settings) -> Self {
        Self {
            truth: Truth::default(),
            header: None,
            tasks: BTreeMap::new(),
            numbers: BTreeMap::new(),
            counted: BTreeMap::new(),
            settings,
            not_taken_away: BTreeMap::new(),
            told: BTreeMap::new(),
            shown: BTreeSet::new(),
            kept_late: false,
            limits: limits::Limits::default(),
            ticks: words::Ticks::default(),
            canary: canary.to_owned(),
            violations: Vec::new(),
            checks: 0,
        }
    }

    /// Notes whether a rule holds; `message` is made only where it does not.
    pub(super) fn must(&mut self, invariant: &'static str, holds: bool, message: impl FnOnce() -> String) {
        self.checks += 1;
        if !holds && self.violations.len() < VIOLATIONS_MAX {
            self.violations.push(Violation { invariant, message: message() });
        }
    }

    /// The App is about to ask something of GitHub.
    pub(super) fn asked(&mut self, request: &Request, now: Timestamp) {
        limits::asked(self, request, now);
    }

    /// GitHub allows so much content in a minute and in an hour.
    pub(super) fn limit_content(&mut self, minute: usize, hour: usize) {
        self.limits.limit_content(minute, hour);
    }

    /// S2: a run begins the work of an attempt, which no other has begun and nobody has closed.
    pub(super) fn claims(&mut self, attempt: AttemptId, run: RunId) {
        let known = self.truth.attempts.get(&attempt);
        let (by, closed) = known.map_or((None, false), |known| (known.claimed_by, known.closed.is_some()));
        let first = by.is_none() && !closed;
        self.must("S2", first, || format!("run {run} works {attempt}, which {by:?} has begun (closed: {closed})"));
        self.truth.claimed(attempt, run);
    }

    /// The App is told of a head's checks.
    pub(super) fn told_checks(&mut self, checks: &Checks) {
        let failed = checks.runs.iter().find(|run| !run.conclusion.is_some_and(Conclusion::passes));
        self.told.insert(checks.sha.clone(), failed.map(|run| run.name.clone()));
    }

    /// The App is shown where a branch or a pull request stands.
    pub(super) fn shows(&mut self, head: &Sha) {
        if self.truth.people_heads.contains(head) {
            self.shown.insert(head.clone());
        }
    }

    /// GitHub asked the App to wait.
    pub(super) fn limited(&mut self, until: Timestamp) {
        self.limits.wait(until);
        self.kept_late = true;
    }

    /// The process died, or its clock jumped: what it was told is forgotten.
    pub(super) fn forgot(&mut self) {
        self.limits.forget();
        self.kept_late = true;
    }

    /// The database is gone: the rows as last saved are, what really happened is not. No counter may begin anew.
    /// What counts nowhere else than on the state branch (that a work did not merge, and where the branch could not be
    /// written since, that its checks failed) stands as `kept` tells the counters there.
    pub(super) fn database_lost(&mut self, kept: impl Fn(TaskId) -> Option<Counters>) {
        let plan = self.header.as_ref().map_or(0, |header| header.number);
        for (id, task) in std::mem::take(&mut self.tasks) {
            let (was, there) = (task.counters, kept(id).unwrap_or_default());
            let conflict_reruns = there.conflict_reruns.min(was.conflict_reruns);
            let told = there.failures.max(self.truth.failures_of(id.0));
            let failures = if self.kept_late { told.min(was.failures) } else { was.failures };
            self.counted.insert(id, (plan, Counters { conflict_reruns, failures, ..was }));
        }
        self.header = None;
        self.shown.clear();
        self.forgot();
    }

    /// The App is about to write.
    pub(super) fn before(&mut self, request: &Request, seen: Seen<'_>) {
        words::canary(self, request);
        words::overwrites(self, request, seen);
        words::reopens(self, request);
        words::relates(self, request, seen);
        publish::merges(self, request, seen);
        publish::moves(self, request, seen);
        publish::opens(self, request, seen);
    }

    /// The App has written, and GitHub did it.
    pub(super) fn after(&mut self, request: &Request, response: &Response, seen: Seen<'_>) {
        match request {
            Request::DispatchWorkflow { workflow, branch, inputs } => {
                dispatch::dispatched(self, workflow, branch, inputs, seen);
            }
            Request::CreateBranch { branch, sha } | Request::AdvanceBranch { branch, sha } => {
                self.truth.record_written(branch, sha, seen.repository);
            }
            Request::CommitOnBranch { branch, .. } => {
                self.kept_late &= branch != STATE_BRANCH;
                if let Response::Commit(sha) = response {
                    self.truth.record_written(branch, sha, seen.repository);
                }
            }
            _ => {}
        }
        publish::one_open(self, response, seen);
    }

    /// The App moves a pull request's branch by git.
    pub(super) fn moves_branch(&mut self, branch: &str, expected: Option<&Sha>, to: &Sha, seen: Seen<'_>) {
        publish::moves_branch(self, branch, expected, to, seen);
    }

    /// The engine is told something.
    pub(super) fn heard(&mut self, events: &[crate::engine::event::Event]) {
        words::hear_ticks(self, events);
    }

    /// Rows were saved.
    pub(super) fn saved(&mut self, changes: &[Change], seen: Seen<'_>) {
        rows::saved(self, changes, seen);
    }
}
