//! Gates: which tasks let the next phase open.

use std::collections::BTreeSet;

use crate::engine::config::Gate;
use crate::engine::draft::Draft;
use crate::engine::facts::OnFail;
use crate::engine::id::TaskId;
use crate::engine::task::{CheckState, Stage, Task, Verdict};
use crate::engine::tasks::Place;
use crate::engine::waits;

/// Whether a task lets its phase's gate open. `soft`: see [`soft_failures`].
pub(in crate::engine) fn lets_open(draft: &Draft<'_>, task: &Task, soft: &BTreeSet<TaskId>) -> bool {
    let settings = &draft.header().settings;
    let by_verdict = match task.verdict {
        Some(Verdict::Merged | Verdict::NoChange | Verdict::Cancelled) => true,
        Some(Verdict::Escalated) => task.on_fail(settings.on_fail) == OnFail::Continue,
        None => false,
    };
    let is_green = matches!(&task.pull, Some(pull) if pull.open && matches!(pull.checks, CheckState::Green { .. }));
    let by_green = settings.gate == Gate::Green && task.stage == Stage::PrOpen && is_green;
    by_verdict || by_green || soft.contains(&task.id)
}

/// Tasks that escalated and let the plan continue, and those that cannot start only because of such ones.
pub(in crate::engine) fn soft_failures(draft: &Draft<'_>) -> BTreeSet<TaskId> {
    let default = draft.header().settings.on_fail;
    let goes_on = |task: &&Task| task.on_fail(default) == OnFail::Continue;
    let escalated = draft.at(Place::Escalated).filter(goes_on).map(|task| task.id);
    let mut soft: BTreeSet<TaskId> = escalated.collect();
    let mut found: Vec<TaskId> = soft.iter().copied().collect();
    while let Some(blocker) = found.pop() {
        for task in draft.at(Place::DependsOn(blocker.0)) {
            if only_waits_for(draft, task, &soft) && soft.insert(task.id) {
                found.push(task.id);
            }
        }
    }
    soft
}

/// Whether a task waits for others, and for none but these.
fn only_waits_for(draft: &Draft<'_>, task: &Task, others: &BTreeSet<TaskId>) -> bool {
    let waiting = task.stage == Stage::Waiting && task.verdict.is_none() && task.hold.is_none();
    let mut blockers = waits::dependencies(task)
        .into_iter()
        .filter(|issue| waits::dependency_wait(draft, *issue).is_some())
        .peekable();
    waiting && blockers.peek().is_some() && blockers.all(|issue| others.contains(&TaskId(issue)))
}
