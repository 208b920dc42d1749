//! From the rows as they stand to what should happen next. Every event ends here, and a tick without any event leads
//! to the same place: finish what finished, heal, time out, retry, open gates, dispatch, and say so.

mod dispatch;
mod dry_runs;
mod heal;
mod lifecycle;
mod planner;
mod publish;
mod relations;
mod tell;

pub(super) use dispatch::siblings;
pub(super) use heal::is_late_planner;
pub(super) use lifecycle::{REPORT, node};
pub(super) use planner::listed;
pub(super) use publish::{GRACE, outside_declared};
pub(super) use tell::{CLOSE, closing, has_news};

use crate::engine::draft::Draft;
use crate::engine::effect::{Effect, Entry, EntryState};
use crate::engine::id::TaskId;
use crate::engine::observe::{doubt_ends, release};
use crate::engine::plan::PlanStatus;
use crate::engine::task::{Stage, Task, Trigger, Verdict};
use crate::engine::tasks::Place;
use crate::engine::time::Timestamp;

/// Reconciles. `fresh`: something new was learned, so that reads asked for before may be asked for again.
pub(super) fn reconcile(draft: &mut Draft<'_>, fresh: bool) {
    lifecycle::lay_out(draft);
    lifecycle::activate(draft);
    settle(draft);
    relations::withdraw(draft);
    publish::publish(draft);
    planner::give_up_outdated(draft);
    heal::heal(draft);
    publish::end_graces(draft);
    publish::end_doubts(draft);
    lifecycle::open_gates(draft);
    if draft.header().status == PlanStatus::Active {
        dispatch::send_briefed(draft);
        dispatch::dispatch(draft);
    }
    tell::tell(draft);
    lifecycle::end(draft);
    lifecycle::show(draft);
    if fresh {
        lifecycle::ask(draft);
        dry_runs::ask(draft);
    }
}

/// Gives the verdict to tasks that were merged or given up, once no attempt of theirs is live.
fn settle(draft: &mut Draft<'_>) {
    let now = draft.now;
    let merged = |task: &Task| task.stage == Stage::Merged && task.verdict != Some(Verdict::Merged);
    for id in ending(draft, |task| merged(task) && task.live().is_none()) {
        if let Some(task) = draft.task_mut(id) {
            task.verdict = Some(Verdict::Merged);
            task.settled_at = Some(now);
        }
    }
    let given_up = |task: &Task| task.cancel_asked && task.verdict.is_none() && task.live().is_none();
    for id in ending(draft, given_up) {
        draft.move_task(id, Trigger::Cancel);
        if let Some(task) = draft.task_mut(id) {
            task.verdict = Some(Verdict::Cancelled);
            task.hold = None;
            task.settled_at = Some(now);
        }
    }
    // What is settled, or whose pull request a person closed, frees its files; an open pull request keeps them, and so
    // does one that was asked for, until it is known whether it stands.
    let frees = |task: &Task| task.locked_since.is_some() && task.frees_files() && !may_be_shown(draft, task);
    for id in ending(draft, frees) {
        if let Some(task) = draft.task_mut(id) {
            release(task);
        }
    }
}

/// Whether a pull request was asked for, and nobody knows yet whether it stands.
fn may_be_shown(draft: &Draft<'_>, task: &Task) -> bool {
    let asked = |entry: &Entry| matches!(entry.effect, Effect::OpenPull { issue, .. } if issue == task.issue());
    task.stage != Stage::Merged && draft.entries().any(|entry| entry.state != EntryState::Queued && asked(entry))
}

/// Tasks that may come to their end, and fit.
fn ending(draft: &Draft<'_>, fits: impl Fn(&Task) -> bool) -> Vec<TaskId> {
    draft.at(Place::Ending).filter(|task| fits(task)).map(|task| task.id).collect()
}

/// The next moment at which something is due without anybody saying so.
pub(super) fn wake_at(draft: &Draft<'_>) -> Option<Timestamp> {
    let settings = &draft.header().settings;
    let mut moments: Vec<Timestamp> = draft.entries().map(|entry| entry.not_before).collect();
    let later = Place::NotBefore(Timestamp(draft.now.0.saturating_add(1)));
    let first = draft.between(later, Place::NotBefore(Timestamp(i64::MAX))).next();
    moments.extend(first.and_then(|(_, id)| draft.task(id)).map(|task| task.not_before));
    moments.extend(draft.at(Place::Live).filter_map(|task| heal::deadline(task, settings)));
    moments.extend(draft.at(Place::OpenPull).filter_map(|task| publish::grace_end(task, settings)));
    moments.extend(draft.at(Place::OpenPull).filter_map(|task| doubt_ends(task, settings)));
    moments.extend(lifecycle::due(draft));
    moments.extend(draft.header().put_off_until);
    moments.extend(draft.header().unkept.due);
    moments.extend(draft.header().second_look_at);
    let limited = draft.header().limited_until.filter(|until| *until > draft.now);
    let next = moments.into_iter().filter(|moment| *moment > draft.now).min();
    next.max(limited)
}

/// Records that something was said or done once; `false` if it had been before.
fn first_time(draft: &mut Draft<'_>, id: TaskId, name: &str) -> bool {
    if draft.task(id).is_none_or(|task| task.told.contains(name)) {
        return false;
    }
    draft.task_mut(id).is_some_and(|task| task.told.insert(name.to_owned()))
}
