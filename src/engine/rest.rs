//! Whether a plan has come to rest: nothing will happen until somebody or something outside acts.

use crate::engine::draft::Draft;
use crate::engine::effect::{Effect, Entry};
use crate::engine::id::IssueNumber;
use crate::engine::plan::{Plan, PlanStatus};
use crate::engine::task::{CheckState, Stage, Task};
use crate::engine::tasks::Place;
use crate::engine::time::Timestamp;
use crate::engine::waits::{self, Wait};

/// How a plan stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rest {
    /// Something is under way or will be.
    Working,
    /// Every task is settled well or cancelled, and everybody has been told.
    Ended,
    /// Nothing can go on without a person: what is wanted, per issue.
    NeedsPerson(Vec<(IssueNumber, String)>),
}

/// Tells how a plan stands at a moment.
pub fn rest(plan: &Plan, now: Timestamp) -> Rest {
    let draft = Draft::view(plan, now);
    // An issue that its merge should close is closed by us only later, and branches that go together go later, too;
    // nobody need wait for that.
    let later = |effect: &Effect| matches!(effect, Effect::CloseIssue { .. } | Effect::DeleteBranch { .. });
    let pending = |entry: &&Entry| entry.not_before <= now || !later(&entry.effect);
    let header = draft.header();
    let busy = draft.entries().any(|entry| pending(&entry))
        || !header.acts.is_empty()
        || header.tracking.as_ref().is_none_or(|tracking| tracking.dirty)
        || header.base.as_ref().is_none_or(|base| base.stale);
    match header.status {
        PlanStatus::Rebuilding | PlanStatus::Idle | PlanStatus::Gathering => return Rest::Working,
        PlanStatus::Active if busy => return Rest::Working,
        PlanStatus::Ended if busy => return Rest::Working,
        PlanStatus::Ended => return Rest::Ended,
        PlanStatus::Active => {}
    }
    let locks = waits::locks(&draft);
    let goes_on = |task: &Task| matches!(wants(&draft, &locks, task, header.settings.auto_merge), Want::Time);
    // The answer as below; most of the time it is found here, without a walk over all tasks.
    if draft.at(Place::Live).any(|task| (!task.left || task.has_open_pull()) && goes_on(task)) {
        return Rest::Working;
    }
    let mut wanted = Vec::new();
    for task in draft.tasks().filter(|task| !task.left || task.has_open_pull()) {
        match wants(&draft, &locks, task, header.settings.auto_merge) {
            Want::Nothing => {}
            Want::Time => return Rest::Working,
            Want::Person(what) => wanted.push((task.issue(), what)),
        }
    }
    Rest::NeedsPerson(wanted)
}

/// What one task needs to go on.
enum Want {
    /// It is settled, or waits for a task that is listed itself.
    Nothing,
    /// It goes on by itself.
    Time,
    /// A person, for this.
    Person(String),
}

fn wants(draft: &Draft<'_>, locks: &crate::engine::overlap::LockTable, task: &Task, auto_merge: bool) -> Want {
    if let Some(hold) = &task.hold {
        return Want::Person(crate::engine::render::plain_wait_words(&Wait::Person(hold.clone())));
    }
    if task.verdict == Some(crate::engine::task::Verdict::Escalated) {
        return Want::Person("has no attempts left".to_owned());
    }
    if task.has_open_pull() && (task.verdict.is_some() || task.stage == Stage::PrOpen) {
        let pull = task.pull.as_ref();
        let checking = pull.is_some_and(|pull| pull.checks == CheckState::Pending || pull.merge_asked);
        let behind = |wait: &Wait| matches!(wait, Wait::Conflict { .. });
        if task.verdict.is_none() && auto_merge && waits::waits(draft, locks, task).iter().any(behind) {
            return Want::Nothing;
        }
        if task.verdict.is_none() && (auto_merge || checking) {
            return Want::Time;
        }
        return Want::Person(pull.map_or_else(String::new, |pull| format!("pull request #{} is open", pull.number)));
    }
    if task.verdict.is_some() {
        return Want::Nothing;
    }
    match task.stage {
        Stage::Merged | Stage::Cancelled => Want::Nothing,
        Stage::Running | Stage::Stuck | Stage::PrOpen => Want::Time,
        // Finished work is published at once, unless a task that was dispatched earlier holds one of its files.
        Stage::Complete if waits::waits(draft, locks, task).is_empty() => Want::Time,
        Stage::Complete => Want::Nothing,
        Stage::Waiting | Stage::Error => {
            let waits = waits::waits(draft, locks, task);
            let first = waits.iter().find(|wait| wait.needs_person());
            match first {
                Some(wait) => Want::Person(crate::engine::render::plain_wait_words(wait)),
                None if waits.is_empty() => Want::Time,
                None if waits.iter().any(goes_on_by_itself) || is_planned_next(&waits) => Want::Time,
                None => waiting_for_others(&waits),
            }
        }
    }
}

/// Whether a wait ends without anybody's doing.
fn goes_on_by_itself(wait: &Wait) -> bool {
    matches!(wait, Wait::Backoff { .. } | Wait::Reading | Wait::Planning { attempt: Some(_) })
}

/// Whether a planner run comes as soon as there is a slot: nothing that others or people have to end first keeps it.
fn is_planned_next(waits: &[Wait]) -> bool {
    let planning = waits.iter().any(|wait| matches!(wait, Wait::Planning { .. }));
    planning && waits.iter().all(|wait| matches!(wait, Wait::Planning { .. } | Wait::File { .. }))
}

/// A task that waits for others: they are listed themselves, unless they are outside the plan.
fn waiting_for_others(waits: &[Wait]) -> Want {
    let outside = waits.iter().find(|wait| matches!(wait, Wait::Dependency { state, .. } if state.contains("outside")));
    outside.map_or(Want::Nothing, |wait| Want::Person(crate::engine::render::plain_wait_words(wait)))
}
