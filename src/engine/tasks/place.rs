//! Where a task stands in the index: a place for each question that a step asks of all tasks. Places are derived from
//! the task's own row; only [`Place::Startable`] needs its dependencies too.

use std::cmp::Reverse;
use std::ops::RangeInclusive;

use crate::engine::facts::Priority;
use crate::engine::id::{IssueNumber, PullNumber};
use crate::engine::reconcile::has_news;
use crate::engine::schedule::PASSED_OVER_MAX;
use crate::engine::task::{Stage, Task, Verdict};
use crate::engine::time::Timestamp;
use crate::engine::waits;

/// A place. A task has many; those with a value are ordered by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// It has a live attempt: a slot is held.
    Live,
    /// It holds its files.
    Locked,
    /// Its pull request is open.
    OpenPull,
    /// It has a pull request that is not known to be merged.
    UnmergedPull,
    /// Its work is finished and not yet shown.
    Finished,
    /// It may get its verdict or free its files.
    Ending,
    /// It has no end that the plan can end with.
    Unended,
    /// It has no attempts left.
    Escalated,
    /// There may be something to say or to tidy.
    News,
    /// Its mentions are to be looked up.
    Uninferred,
    /// The answer of its planner run is to be held against the base's tree.
    PlanUnchecked,
    /// It is to be asked who labelled it.
    LabelUnasked,
    /// It might start, and was passed over so often that it may close the door.
    PassedOver,
    /// This is its pull request, open or not.
    Pull(PullNumber),
    /// It depends on this issue.
    DependsOn(IssueNumber),
    /// It is not dispatched before this moment.
    NotBefore(Timestamp),
    /// It is approved work of this phase without a verdict; the last phase first.
    Work(Reverse<usize>),
    /// It counts for this phase's gate and has no end that opens it.
    Gate(usize),
    /// By its own row and its dependencies in the plan it can be dispatched: who goes first stands first.
    Startable(Turn),
}

/// In what order tasks of a phase start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Turn {
    /// The phase.
    pub phase: usize,
    /// The longest path of tasks that starts with it and goes through its dependents; longest first.
    pub remaining: Reverse<u32>,
    /// How urgent.
    pub priority: Priority,
}

impl Place {
    /// The first and the last place of all but startable ones.
    pub(in crate::engine) const OWN: (Self, Self) = (Self::Live, Self::Gate(usize::MAX));

    /// The first and the last place of startable tasks of these phases.
    pub fn startable(phases: RangeInclusive<usize>) -> (Self, Self) {
        let (phase, last) = phases.into_inner();
        (
            Self::Startable(Turn { phase, remaining: Reverse(u32::MAX), priority: Priority::Critical }),
            Self::Startable(Turn { phase: last, remaining: Reverse(0), priority: Priority::Low }),
        )
    }
}

/// Hands out every place of a task from one place to another, both included, but [`Place::Startable`]. What lies
/// outside is not worked out.
pub(super) fn each(task: &Task, (from, to): (Place, Place), found: &mut dyn FnMut(Place)) {
    let live = || task.live().is_some();
    let mut offer = |place: Place, fits: &dyn Fn() -> bool| {
        if from <= place && place <= to && fits() {
            found(place);
        }
    };
    offer(Place::Live, &live);
    offer(Place::Locked, &|| task.locked_since.is_some());
    offer(Place::OpenPull, &|| task.has_open_pull());
    offer(Place::UnmergedPull, &|| task.pull.as_ref().is_some_and(|pull| !pull.merged));
    offer(Place::Finished, &|| task.stage == Stage::Complete && task.verdict.is_none());
    offer(Place::Ending, &|| is_ending(task));
    offer(Place::Unended, &|| !has_end(task));
    offer(Place::Escalated, &|| task.verdict == Some(Verdict::Escalated));
    offer(Place::News, &|| has_news(task));
    offer(Place::Uninferred, &|| !task.inferred && !task.left);
    offer(Place::PlanUnchecked, &|| task.unchecked().is_some() && task.verdict.is_none() && !task.left);
    offer(Place::LabelUnasked, &|| !task.label_asked && !task.is_approved() && !task.left);
    offer(Place::PassedOver, &|| is_idle(task) && task.counters.passed_over >= PASSED_OVER_MAX);
    if let Some(pull) = &task.pull {
        offer(Place::Pull(pull.number), &|| true);
    }
    if from <= Place::DependsOn(IssueNumber(u64::MAX)) && to >= Place::DependsOn(IssueNumber(u64::MIN)) {
        waits::dependencies(task).into_iter().for_each(|issue| offer(Place::DependsOn(issue), &|| true));
    }
    let due = || task.verdict.is_none() && !live() && task.not_before > Timestamp(0);
    offer(Place::NotBefore(task.not_before), &due);
    let work = || task.is_approved() && task.verdict.is_none() && !task.left;
    offer(Place::Work(Reverse(task.phase)), &work);
    offer(Place::Gate(task.phase), &|| counts_for_gate(task) && !has_end(task));
}

/// The place of a task that can be dispatched as far as its own row tells.
pub(super) fn startable(task: &Task) -> Option<Place> {
    let ready = is_idle(task) && task.hold.is_none() && task.is_approved() && task.inferred;
    let priority = task.facts.priority.unwrap_or_default();
    ready.then_some(Place::Startable(Turn { phase: task.phase, remaining: Reverse(task.remaining), priority }))
}

/// Whether a task of the plan keeps those that depend on it waiting, whatever is outside the plan.
pub(super) fn holds_up(task: &Task) -> bool {
    !task.left && !task.frees_dependents()
}

/// Whether it waits to be dispatched, first or again.
fn is_idle(task: &Task) -> bool {
    let waits = matches!(task.stage, Stage::Waiting | Stage::Error) && task.live().is_none();
    waits && task.verdict.is_none() && !task.cancel_asked && !task.left
}

/// Whether a verdict or the end of its lock may be due.
fn is_ending(task: &Task) -> bool {
    let merged = task.stage == Stage::Merged && task.verdict != Some(Verdict::Merged);
    let given_up = task.cancel_asked && task.verdict.is_none();
    merged || given_up || task.locked_since.is_some() && task.frees_files()
}

/// Whether it ended in a way that lets its gate and the plan go on.
fn has_end(task: &Task) -> bool {
    match task.verdict {
        Some(Verdict::Merged | Verdict::NoChange | Verdict::Cancelled) => true,
        Some(Verdict::Escalated) | None => false,
    }
}

/// Whether its gate waits for it. A text edited after its first attempt waits for its own approval, but its task has
/// begun and still counts.
fn counts_for_gate(task: &Task) -> bool {
    let begun = task.approval.is_some() && task.has_begun();
    (task.is_approved() || begun) && !task.left
}
