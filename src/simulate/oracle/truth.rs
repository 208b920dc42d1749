//! The history: what runs, people and GitHub really did, told by those who did it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::engine::id::{AttemptId, IssueNumber, PullNumber, RECORD_BRANCH_PREFIX, RunId, Sha, pull_branch};
use crate::engine::record::{RECORD_FILE, Record};
use crate::engine::report::ReportOutcome;
use crate::engine::time::Timestamp;
use crate::forge::memory::repository::Repository;
use crate::forge::world::World;
use crate::simulate::answers::Good;
use crate::simulate::oracle::text::Said;

/// How an attempt's record was closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::simulate) enum Closing {
    /// Its run published.
    Result {
        /// What its agent said.
        outcome: ReportOutcome,
        /// The work.
        commit: Option<Sha>,
        /// The files of the work.
        files: Vec<String>,
        /// Whether publish refused the work.
        refused: bool,
    },
    /// The orchestrator closed it.
    Fenced,
}

/// One attempt as it really was.
#[derive(Clone, Debug, Default)]
pub(in crate::simulate) struct AttemptTruth {
    /// Dispatches of ours that made a run.
    pub(in crate::simulate) dispatches: u32,
    /// The run that claimed it.
    pub(in crate::simulate) claimed_by: Option<RunId>,
    /// How it was closed.
    pub(in crate::simulate) closed: Option<Closing>,
    /// Of a planner run, the digest of the text that it plans.
    pub(in crate::simulate) plans: Option<String>,
}

impl AttemptTruth {
    /// Whether an agent failed at the task's work: what planner runs come to counts for no attempt.
    pub(in crate::simulate) fn is_work(&self) -> bool {
        self.plans.is_none()
    }
}

/// One task as it really was.
#[derive(Clone, Debug, Default)]
pub(in crate::simulate) struct TaskTruth {
    /// Digests of texts that a person with write approved as they stood.
    pub(in crate::simulate) approved: BTreeSet<String>,
    /// Digests of the texts it had before, each with the moment until which it stood.
    pub(in crate::simulate) texts: Vec<(String, Timestamp)>,
    /// What the text of its newest dispatch says.
    pub(in crate::simulate) said: Said,
    /// The files that its newest dispatch holds: what that text says, and what a planner run named for it.
    pub(in crate::simulate) holds: Vec<String>,
    /// When it was first dispatched since it last gave its files back, counted in saves.
    pub(in crate::simulate) held_since: Option<u64>,
    /// When its row was first locked, counted likewise.
    pub(in crate::simulate) locked_since: Option<u64>,
    /// The files of the text that it was locked with.
    pub(in crate::simulate) locked_for: Vec<String>,
    /// A person with write gave it up, or its issue left the plan.
    pub(in crate::simulate) given_up: bool,
    /// That was so at some time.
    pub(in crate::simulate) ever_given_up: bool,
    /// `retry` spoken by people with write.
    pub(in crate::simulate) retries: u32,
    /// Acts of people that may put it back to its start.
    pub(in crate::simulate) touched: u32,
    /// A person with write approved it after its first dispatch: a wider scope counts as allowed.
    pub(in crate::simulate) widened: bool,
    /// A person asked for its merge.
    pub(in crate::simulate) merge_asked: bool,
    /// It had a verdict at some time.
    pub(in crate::simulate) was_settled: bool,
    /// At some time it waited for a task that had escalated and lets the plan go on.
    pub(in crate::simulate) was_let_past: bool,
    /// Its issue was closed at some time.
    pub(in crate::simulate) ever_closed: bool,
}

impl TaskTruth {
    /// When it came to hold its files, where it was dispatched and has not given them back: a lock is older than the
    /// dispatch that it is for, which may have to wait for GitHub while others are sent.
    pub(super) fn holds_since(&self) -> Option<u64> {
        self.held_since.map(|held| self.locked_since.map_or(held, |locked| locked.min(held)))
    }
}

/// The history.
#[derive(Debug, Default)]
pub(in crate::simulate) struct Truth {
    /// Attempts.
    pub(in crate::simulate) attempts: BTreeMap<AttemptId, AttemptTruth>,
    /// Tasks.
    pub(in crate::simulate) tasks: BTreeMap<IssueNumber, TaskTruth>,
    /// Commits that people pushed onto branches of ours, until somebody with write handed them back.
    pub(in crate::simulate) people_heads: BTreeSet<Sha>,
    /// Answers of planner runs that stand, by who made them, published or not.
    pub(in crate::simulate) answers: BTreeMap<AttemptId, Good>,
    /// Attempts dispatched and not closed.
    pub(in crate::simulate) open: u32,
    /// How old a view of an issue may be in this story.
    pub(in crate::simulate) views_lag: Duration,
    /// Counts saves: what is sent between two of them was decided at once, and in what order it leaves says nothing.
    pub(in crate::simulate) clock: u64,
    /// The plan's number, counted from 1.
    pub(in crate::simulate) plan: u32,
    /// The highest phase that this plan has reached, or that anything of it was dispatched of.
    pub(in crate::simulate) phase: u32,
    /// Pull requests that were merged before a plan began, by its number. A moment could not tell: the orchestrator's
    /// clock may be wrong by more than lies between two plans.
    pub(in crate::simulate) merged_before: BTreeMap<u32, BTreeSet<PullNumber>>,
}

impl Truth {
    /// A task's history, begun where there is none.
    pub(in crate::simulate) fn task(&mut self, issue: IssueNumber) -> &mut TaskTruth {
        self.tasks.entry(issue).or_default()
    }

    /// A person with write approved a text as it stood. Where views are old, the App reads one that stood until a
    /// moment ago, and nothing can tell it so.
    pub(in crate::simulate) fn approve(&mut self, issue: IssueNumber, digest: Option<String>, now: Timestamp) {
        let oldest = now - self.views_lag;
        let task = self.task(issue);
        let shown = task.texts.iter().filter(|(_, until)| *until > oldest).map(|(digest, _)| digest.clone());
        task.approved.extend(shown.chain(digest));
    }

    /// Whether a pull request of a task was merged in this plan.
    pub(in crate::simulate) fn is_merged(&self, issue: IssueNumber, world: &World) -> bool {
        self.merged_at(issue, world).is_some()
    }

    /// When that was: the first time.
    pub(in crate::simulate) fn merged_at(&self, issue: IssueNumber, world: &World) -> Option<Timestamp> {
        let branch = pull_branch(issue);
        let before = self.merged_before.get(&self.plan);
        let counts = |number| before.is_none_or(|before| !before.contains(&number));
        let pulls = world.pulls().filter(|(number, pull)| pull.head_branch == branch && counts(*number));
        pulls.filter_map(|(_, pull)| Some(pull.merged.as_ref()?.at)).min()
    }

    /// How many attempts of a task say by their records that they failed.
    pub(super) fn failures_of(&self, issue: IssueNumber) -> u32 {
        let failed = |attempt: &AttemptTruth| {
            matches!(&attempt.closed, Some(Closing::Result { outcome: ReportOutcome::Failed, .. })) && attempt.is_work()
        };
        let failed = self.attempts_of(issue).filter(|(_, attempt)| failed(attempt)).count();
        u32::try_from(failed).unwrap_or(u32::MAX)
    }

    /// The attempts of a task, oldest first.
    pub(in crate::simulate) fn attempts_of(
        &self,
        issue: IssueNumber,
    ) -> impl DoubleEndedIterator<Item = (&AttemptId, &AttemptTruth)> {
        self.attempts.range(AttemptId { issue, n: 0 }..=AttemptId { issue, n: u32::MAX })
    }

    /// What planner runs told of a text that stands: each answer's run and files.
    pub(in crate::simulate) fn planned(&self, issue: IssueNumber, digest: &str) -> Vec<(AttemptId, &BTreeSet<String>)> {
        let told = |attempt: &AttemptTruth| {
            matches!(&attempt.closed, Some(Closing::Result { outcome: ReportOutcome::Planned, refused: false, .. }))
        };
        let told = self.attempts_of(issue).filter(|(_, attempt)| told(attempt)).map(|(id, _)| *id);
        told.filter_map(|id| Some((id, self.answers.get(&id)?)))
            .filter(|(_, good)| good.digest == digest && good.plan == self.plan)
            .map(|(id, good)| (id, &good.files))
            .collect()
    }

    /// Whether a planner run named files for any text of an issue.
    pub(in crate::simulate) fn is_planned(&self, issue: IssueNumber) -> bool {
        self.answers.keys().any(|id| id.issue == issue)
    }

    /// Whether an attempt of an issue has changed files, whatever became of that.
    pub(in crate::simulate) fn has_worked(&self, issue: IssueNumber) -> bool {
        let changed = |attempt: &AttemptTruth| {
            matches!(&attempt.closed, Some(Closing::Result { outcome: ReportOutcome::Changed, .. }))
        };
        self.attempts_of(issue).any(|(_, attempt)| changed(attempt))
    }

    /// A dispatch of ours made a run. Gives how many this attempt has had.
    pub(in crate::simulate) fn dispatched(&mut self, id: AttemptId) -> u32 {
        let attempt = self.attempts.entry(id).or_default();
        attempt.dispatches += 1;
        if attempt.dispatches == 1 && attempt.closed.is_none() {
            self.open += 1;
        }
        attempt.dispatches
    }

    /// A run won its claim.
    pub(in crate::simulate) fn claimed(&mut self, id: AttemptId, run: RunId) {
        self.attempts.entry(id).or_default().claimed_by = Some(run);
    }

    /// A record was closed. Gives `false` where it had been before.
    pub(in crate::simulate) fn closed(&mut self, id: AttemptId, closing: Closing) -> bool {
        let attempt = self.attempts.entry(id).or_default();
        if attempt.closed.is_some() {
            return false;
        }
        if attempt.dispatches > 0 {
            self.open = self.open.saturating_sub(1);
        }
        attempt.closed = Some(closing);
        true
    }

    /// The orchestrator wrote a branch: a record's closing is noted.
    pub(super) fn record_written(&mut self, branch: &str, sha: &Sha, repository: &Repository) {
        let Some(id) = branch.strip_prefix(RECORD_BRANCH_PREFIX).and_then(AttemptId::parse) else { return };
        let record = repository.file(sha.as_str(), RECORD_FILE).and_then(|bytes| Record::parse(bytes).ok());
        if record.is_some_and(|record| record.fenced.is_some()) {
            self.closed(id, Closing::Fenced);
        }
    }
}
