//! Effects that GitHub refused, or whose state did not allow them: what is tried again, what is looked at again, and
//! what waits for a person.

use std::time::Duration;

use crate::engine::brief::Mode;
use crate::engine::draft::Draft;
use crate::engine::effect::{Effect, Entry, EntryState};
use crate::engine::event::Read;
use crate::engine::fold;
use crate::engine::id::{AttemptId, IssueNumber, PullNumber, Sha, TaskId};
use crate::engine::observe::outcomes::{merge_answered, repeat_wait, reread_pull};
use crate::engine::observe::{oldest, planner, release, watch};
use crate::engine::task::{Hold, MergeRefused, Stage, Task, Trigger};
use crate::engine::tasks::Place;

/// Shortest wait before an effect that was refused, but that the plan needs, is sent again.
const REFUSED_WAIT_MIN: Duration = Duration::from_secs(60);
/// How often words and closings are sent before a refusal stands: permissions come back, a deleted issue does not.
const WORDS_TRIES_MAX: u32 = 9;

/// It was refused for good. What the plan cannot go on without stays in the outbox and is tried again later;
/// everything else leaves it, and where a person can mend it the task says so.
pub(super) fn refused(draft: &mut Draft<'_>, entry: &Entry, message: &str) {
    draft.answered(&entry.key);
    match (&entry.effect, entry.attempt) {
        (Effect::CreateTracking { .. } | Effect::Fence { .. } | Effect::KeepPlan { .. }, _) => {
            again_later(draft, entry)
        }
        (Effect::EditTracking { number }, _) => look_and_try_again(draft, entry, *number),
        // A plan that ended must not look open for ever.
        (Effect::CloseIssue { number }, _) if is_tracking(draft, *number) => look_and_try_again(draft, entry, *number),
        (Effect::Dispatch { .. } | Effect::WriteBrief { .. }, Some(attempt)) => {
            dispatch_refused(draft, attempt, message)
        }
        (Effect::MoveBranch { issue, .. } | Effect::OpenPull { issue, .. }, _) => hold_publish(draft, *issue, message),
        (Effect::UpdatePull { issue, .. }, _) => update_refused(draft, *issue, message),
        (Effect::MergePull { pull, head }, _) => merge_refused(draft, *pull, head, message),
        (Effect::Comment { .. } | Effect::DeleteComment { .. } | Effect::CloseIssue { .. }, _)
            if entry.tries < WORDS_TRIES_MAX =>
        {
            again_later(draft, entry);
        }
        (Effect::Comment { .. }, _) => fold::refused(draft, &entry.key),
        (Effect::Pin { pinned: true, .. }, _) => pin_refused(draft, message),
        (
            Effect::Pin { .. }
            | Effect::DeleteComment { .. }
            | Effect::React { .. }
            | Effect::CancelRun { .. }
            | Effect::EditPull { .. }
            | Effect::Rerun { .. }
            | Effect::CloseIssue { .. }
            | Effect::Relate { .. }
            | Effect::DeleteBranch { .. },
            _,
        )
        | (Effect::Dispatch { .. } | Effect::WriteBrief { .. }, None) => {}
    }
}

/// Three other issues are pinned, or the App may not: people are told, and may pin it themselves.
fn pin_refused(draft: &mut Draft<'_>, message: &str) {
    if let Some(tracking) = &mut draft.header_mut().tracking {
        tracking.pin_refused = Some(message.to_owned());
        tracking.dirty = true;
    }
}

fn is_tracking(draft: &Draft<'_>, number: IssueNumber) -> bool {
    draft.header().tracking.as_ref().is_some_and(|tracking| tracking.number == number)
}

/// The tracking issue may be gone, which reading it tells; while it is there its effect is tried again.
fn look_and_try_again(draft: &mut Draft<'_>, entry: &Entry, number: IssueNumber) {
    again_later(draft, entry);
    draft.read(Read::Tracking(number));
}

/// Puts an entry back, to be sent after a wait.
fn again_later(draft: &mut Draft<'_>, entry: &Entry) {
    let at = draft.now + REFUSED_WAIT_MIN.max(repeat_wait(entry.tries));
    let key = entry.key.clone();
    draft.intend_at(key.0.clone(), entry.attempt, entry.effect.clone(), at);
    if let Some(kept) = draft.entry_mut(&key) {
        kept.state = EntryState::Queued;
        kept.tries = entry.tries;
        kept.not_before = at;
    }
}

/// A refused dispatch blocks the task by name and takes no number.
fn dispatch_refused(draft: &mut Draft<'_>, attempt: AttemptId, message: &str) {
    let id = TaskId(attempt.issue);
    let live = draft.task(id).and_then(Task::live).filter(|live| live.id == attempt);
    // An attempt that is being closed is ended by its fence.
    if live.is_none_or(|live| live.fence.is_some()) {
        return;
    }
    if live.is_some_and(|live| live.mode == Mode::Plan) {
        return planner::refused(draft, attempt, message);
    }
    draft.return_number(attempt);
    draft.move_task(id, Trigger::Hold);
    if let Some(task) = draft.task_mut(id) {
        task.attempts.pop();
        task.hold = Some(Hold::DispatchRefused { message: message.to_owned() });
        // Nothing of it was ever dispatched: it holds no files.
        if !task.has_begun() && !task.has_open_pull() {
            release(task);
        }
    }
}

fn hold_publish(draft: &mut Draft<'_>, issue: IssueNumber, message: &str) {
    if let Some(task) = draft.task_mut(TaskId(issue))
        && task.hold.is_none()
        && task.verdict.is_none()
    {
        task.hold = Some(Hold::PublishRefused { message: message.to_owned() });
    }
}

/// A person's word to merge stands, and is not sent again before the head or the base moved or somebody repeats it.
fn merge_refused(draft: &mut Draft<'_>, pull: PullNumber, head: &Sha, message: &str) {
    note_refusal(draft, pull, head, message);
    for id in draft.ids_at(Place::Pull(pull)) {
        hold_publish(draft, id.0, message);
    }
}

/// The base cannot be brought into the head, so that it cannot be merged either: a person's word to merge would ask for
/// it again and again.
fn update_refused(draft: &mut Draft<'_>, issue: IssueNumber, message: &str) {
    let pull = draft.task(TaskId(issue)).and_then(|task| task.pull.as_ref());
    if let Some((number, head)) = pull.map(|pull| (pull.number, pull.head.clone())) {
        note_refusal(draft, number, &head, message);
    }
    hold_publish(draft, issue, message);
}

/// Keeps what GitHub said to the merge of a head into the base as it is known.
fn note_refusal(draft: &mut Draft<'_>, pull: PullNumber, head: &Sha, message: &str) {
    let Some(base) = draft.header().base.as_ref().map(|base| base.head.clone()) else { return };
    for id in draft.ids_at(Place::Pull(pull)) {
        if let Some(pull) = draft.task_mut(id).and_then(|task| task.pull.as_mut()) {
            let (head, base, message) = (head.clone(), base.clone(), message.to_owned());
            pull.merge_refused = Some(MergeRefused { head, base, message });
        }
    }
}

/// The state did not allow it: look again and decide anew.
pub(super) fn conflicted(draft: &mut Draft<'_>, entry: &Entry, message: &str) {
    match &entry.effect {
        Effect::UpdatePull { issue, .. } => {
            draft.answered(&entry.key);
            rebase(draft, *issue);
        }
        Effect::MergePull { pull, head } => {
            draft.answered(&entry.key);
            merge_conflicted(draft, *pull, head, message);
        }
        Effect::OpenPull { issue, .. } | Effect::MoveBranch { issue, .. } => {
            draft.answered(&entry.key);
            // Where a person moved or closed it, reading the pull request puts that in place of this.
            hold_publish(draft, *issue, message);
            reread_pull(draft, *issue);
        }
        Effect::CancelRun { .. } => {
            draft.answered(&entry.key);
            let watched = entry.attempt.and_then(|id| watch(draft.task(TaskId(id.issue))?, true));
            let since = oldest(draft);
            if let Some(watched) = watched {
                draft.read(Read::Attempts { watched: vec![watched], since });
            }
        }
        Effect::CreateTracking { .. }
        | Effect::EditTracking { .. }
        | Effect::Pin { .. }
        | Effect::Comment { .. }
        | Effect::DeleteComment { .. }
        | Effect::React { .. }
        | Effect::WriteBrief { .. }
        | Effect::KeepPlan { .. }
        | Effect::Dispatch { .. }
        | Effect::Fence { .. }
        | Effect::EditPull { .. }
        | Effect::Rerun { .. }
        | Effect::CloseIssue { .. }
        | Effect::Relate { .. }
        | Effect::DeleteBranch { .. } => refused(draft, entry, message),
    }
}

/// GitHub did not merge: a moved head, a moved base or a conflict shows once both are read again; otherwise its words
/// stand.
fn merge_conflicted(draft: &mut Draft<'_>, pull: PullNumber, head: &Sha, message: &str) {
    merge_answered(draft, pull);
    note_refusal(draft, pull, head, message);
    if let Some(base) = &mut draft.header_mut().base {
        base.stale = true;
    }
    draft.read(Read::Repository);
}

/// The work does not merge: it needs a run that brings it onto the moved base.
fn rebase(draft: &mut Draft<'_>, issue: IssueNumber) {
    if let Some(task) = draft.task_mut(TaskId(issue))
        && task.stage == Stage::PrOpen
        && let Some(pull) = &mut task.pull
    {
        pull.mergeable = Some(false);
    }
}
