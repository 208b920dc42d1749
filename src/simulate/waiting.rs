//! While nothing goes wrong: nobody waits for nothing, and what a task is said to wait for is so.
//!
//! Looked at after each heartbeat without faults. A complaint counts where two heartbeats in a row give it: a single
//! one may fall between an act and the next look.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::engine::draft::Draft;
use crate::engine::effect::{Effect, EffectKey, Entry, EntryState};
use crate::engine::footprint::OverlapPolicy;
use crate::engine::id::TaskId;
use crate::engine::plan::{Plan, PlanStatus};
use crate::engine::task::{Stage, Task, Verdict};
use crate::engine::time::Timestamp;
use crate::engine::waits::{self, Wait};
use crate::simulate::drive::Simulation;
use crate::simulate::oracle::{Closing, Oracle, Seen, conflict_in, is_unsettled, read_text, texts_meet};

/// What closing an attempt that shows nothing may take beyond the limits that are set: what publishing is given, and a
/// few heartbeats.
const CLOSING: Duration = Duration::from_secs(20 * 60);

/// A rule, and what may break it.
type Complaint = (&'static str, String);

/// Looks around after a heartbeat without faults.
pub(super) fn look(simulation: &mut Simulation) {
    let found = complaints(simulation).unwrap_or_default();
    let again: Vec<Complaint> = found.intersection(&simulation.complaints).cloned().collect();
    let mut inner = simulation.desk.locked();
    inner.oracle.checks += 1;
    for (rule, words) in again {
        inner.oracle.must(rule, false, || words);
    }
    drop(inner);
    simulation.complaints = found;
}

/// What there is to complain of; nothing while the plan is not at work, or GitHub wants no questions.
fn complaints(simulation: &Simulation) -> Option<BTreeSet<Complaint>> {
    let plan = &simulation.held.as_ref()?.plan;
    let header = &plan.header;
    let works = header.status == PlanStatus::Active && header.paused.is_none() && header.limited_until.is_none();
    let readable = header.settings_problem.is_none() && header.base.as_ref().is_some_and(|base| base.workflow_present);
    if !works || !readable {
        return None;
    }
    let inner = simulation.desk.locked();
    simulation.forge.look(|world, repository| {
        let look = Look {
            plan,
            draft: Draft::view(plan, simulation.now),
            oracle: &inner.oracle,
            seen: Seen { world, repository },
            calm_since: simulation.calm_since?,
        };
        Some(look.complaints())
    })
}

fn needs_person(waits: &[Wait]) -> bool {
    waits.iter().any(Wait::needs_person)
}

struct Look<'s> {
    plan: &'s Plan,
    draft: Draft<'s>,
    oracle: &'s Oracle,
    seen: Seen<'s>,
    calm_since: Timestamp,
}

impl Look<'_> {
    fn complaints(&self) -> BTreeSet<Complaint> {
        let locks = waits::locks(&self.draft);
        let mut found = BTreeSet::new();
        for task in self.draft.tasks() {
            found.extend(self.unheard(task));
            found.extend(self.silent(task));
        }
        for task in self.draft.tasks().filter(|task| task.verdict.is_none() && !task.left) {
            let waits = waits::waits(&self.draft, &locks, task);
            // A gate is opened for work that may begin; who waits for a person as well is not yet that.
            let told = waits.iter().filter(|wait| !matches!(wait, Wait::Phase { .. }) || !needs_person(&waits));
            found.extend(told.filter_map(|wait| self.untrue(task, wait)));
            if waits.is_empty() {
                found.extend(self.forgotten(task));
            }
        }
        found
    }

    /// L3: the end of an attempt is heard within a heartbeat, with or without webhooks. A fence of our own that was
    /// refused many times before it was made waits for its next try to hear so.
    fn unheard(&self, task: &Task) -> Option<Complaint> {
        let id = task.live()?.id;
        let closed = self.oracle.truth.attempts.get(&id)?.closed.as_ref()?;
        let fence = self.plan.outbox.get(&EffectKey(format!("fence:{id}")));
        if *closed == Closing::Fenced && fence.is_some_and(|entry| entry.not_before > self.draft.now) {
            return None;
        }
        Some(("L3", format!("nobody has heard that {id} is closed: {closed:?}")))
    }

    /// L4: what never shows anything does not hold its files for ever.
    fn silent(&self, task: &Task) -> Option<Complaint> {
        let attempt = task.live()?;
        let settings = &self.plan.header.settings;
        let timeout = task.facts.timeout.unwrap_or(settings.timeout).0;
        let since = attempt.dispatched_at?.max(self.calm_since);
        let most = settings.ghost_after.0 + timeout * 2 + CLOSING + settings.heartbeat.0 * 3;
        let length = self.draft.now.since(since);
        (length > most).then(|| ("L4", format!("{} is under way for longer than {most:?}", attempt.id)))
    }

    /// Whether a pull request of a task was asked for, and may stand: its files are not free yet.
    fn may_show(&self, id: TaskId) -> bool {
        let asked = |entry: &Entry| matches!(entry.effect, Effect::OpenPull { issue, .. } if issue == id.0);
        self.plan.outbox.values().any(|entry| entry.state != EntryState::Queued && asked(entry))
    }

    /// L6: a reason that is told is one that there is.
    fn untrue(&self, task: &Task, wait: &Wait) -> Option<Complaint> {
        let row = |id: TaskId| self.draft.task(id);
        let id = task.id;
        match wait {
            Wait::File { holder, path, .. } => (!is_unsettled(self.oracle, holder.0, self.seen)
                && !self.may_show(*holder))
            .then(|| ("L6", format!("{id} is said to wait for `{path}`, which {holder} does not hold"))),
            Wait::Conflict { holder, path, .. } => {
                let conflicts = row(*holder).is_some_and(|other| conflict_in(task, other, self.seen, path));
                let holds = is_unsettled(self.oracle, holder.0, self.seen);
                (!conflicts || !holds)
                    .then(|| ("L6", format!("{id} is said to conflict with {holder} in `{path}`: it does not")))
            }
            Wait::Dependency { issue, .. } | Wait::Circle { issue, .. } | Wait::Proposed { issue, .. } => {
                let settled = row(TaskId(*issue)).is_some_and(|other| other.live().is_none());
                let done = settled && self.oracle.truth.is_merged(*issue, self.seen.world);
                done.then(|| ("L6", format!("{id} is said to wait for #{issue}, which is merged")))
            }
            Wait::Phase { name } => {
                let keeps_shut = |other: &Task| {
                    let settled = !matches!(other.verdict, None | Some(Verdict::Escalated)) && other.live().is_none();
                    other.phase < task.phase && !other.left && !settled
                };
                let shut = self.draft.tasks().any(|other| other.id != id && keeps_shut(other));
                (!shut).then(|| ("L6", format!("{id} is said to wait for phase {name}, which is done")))
            }
            Wait::Backoff { until } => (*until <= self.draft.now)
                .then(|| ("L6", format!("{id} is said to wait until {until:?}, which is past"))),
            Wait::Planning { attempt: Some(attempt) } => {
                let open = self.oracle.truth.attempts.get(attempt).is_none_or(|truth| truth.closed.is_none());
                (!open).then(|| ("L6", format!("{id} is said to be planned by {attempt}, which has ended")))
            }
            Wait::Planning { attempt: None } if self.plain_room(task) => {
                Some(("L8", format!("{id} is to be planned, there is room, and it is not begun")))
            }
            Wait::Planning { attempt: None } => None,
            Wait::Reading => Some(("L6", format!("{id} is said to be looked up"))),
            Wait::Approval | Wait::Problem(_) | Wait::Person(_) | Wait::Paused | Wait::Workflow => None,
        }
    }

    /// L5 and L8: what waits for nothing is begun where there is room, and finished work is shown, whatever else is in
    /// the plan.
    fn forgotten(&self, task: &Task) -> Option<Complaint> {
        let (id, issue) = (task.id.to_string(), task.issue().to_string());
        let is_its = |part: &str| part == id || part == issue;
        if self.plan.outbox.keys().any(|key| key.0.split([':', '.']).any(is_its)) {
            return None;
        }
        match task.stage {
            Stage::Waiting | Stage::Error if self.has_room(task) => {
                let (id, phase, open, passed_over) =
                    (task.id, task.phase, self.plan.header.open_phase, task.counters.passed_over);
                let place = format!("phase {phase} of {open}, passed over {passed_over} times");
                Some(("L8", format!("{id} waits for nothing, there is room, and it is not begun: {place}")))
            }
            Stage::Complete => Some(("L8", format!("the work of {} is not shown", task.id))),
            Stage::Waiting
            | Stage::Error
            | Stage::Running
            | Stage::Stuck
            | Stage::PrOpen
            | Stage::Merged
            | Stage::Cancelled => None,
        }
    }

    /// Whether a slot is free for a task that waits for nothing but its planner run.
    fn plain_room(&self, task: &Task) -> bool {
        let locks = waits::locks(&self.draft);
        let waits = waits::waits(&self.draft, &locks, task);
        let alone = waits.iter().all(|wait| matches!(wait, Wait::Planning { .. } | Wait::File { .. }));
        let taken = self.draft.tasks().filter(|other| other.live().is_some()).count();
        alone && taken < self.oracle.settings.max_parallel as usize
    }

    /// Whether a slot is free (one that is kept for a dispatch is not), and nobody else who is not settled could want
    /// the same files.
    fn has_room(&self, task: &Task) -> bool {
        let policy = self.plan.header.settings.overlap;
        let said = read_text(&task.body);
        let meets = |other: &Task| {
            let theirs = read_text(&other.body);
            // What nobody knows the files of is kept apart from others, too.
            let guesses = matches!(policy, OverlapPolicy::Strict | OverlapPolicy::Balanced);
            let unknown = guesses && (said.files.is_empty() || theirs.files.is_empty());
            policy != OverlapPolicy::Off && (unknown || texts_meet(&said.files, &theirs.files).is_some())
        };
        let wanted = self.draft.tasks().any(|other| {
            let unsettled = other.verdict.is_none() || is_unsettled(self.oracle, other.issue(), self.seen);
            other.id != task.id && unsettled && meets(other)
        });
        let taken = self.draft.tasks().filter(|other| other.live().is_some()).count();
        taken < self.oracle.settings.max_parallel as usize && !wanted
    }
}
