//! What people are told once, beyond the tracking issue: a comment only where somebody must act or was answered; and
//! tidying up.

use crate::engine::attempt::Attempt;
use crate::engine::draft::Draft;
use crate::engine::effect::{Effect, EffectKey, Entry, EntryState};
use crate::engine::id::{IssueNumber, TaskId};
use crate::engine::plan::PlanStatus;
use crate::engine::reconcile::first_time;
use crate::engine::render;
use crate::engine::task::{Hold, Task, Verdict};
use crate::engine::tasks::Place;
use crate::engine::time::Timestamp;

/// How long GitHub is given to close an issue by its keyword, and the heartbeat to see it, before it is closed by us.
const KEYWORD_CLOSES_WITHIN: std::time::Duration = std::time::Duration::from_secs(3 * 60);

/// How long the work branches of settled tasks may stay.
const TIDIED_WITHIN: std::time::Duration = std::time::Duration::from_secs(10 * 60);

/// The name under which closing an issue is remembered, and the kind of its effect's key.
pub(in crate::engine) const CLOSE: &str = "close";

/// Says what is new about each task that ended or waits for a person.
pub(super) fn tell(draft: &mut Draft<'_>) {
    withdraw_closings(draft);
    for id in draft.ids_at(Place::News) {
        tell_one(draft, id);
    }
}

/// Whether there may be something to say about a task that ended or waits for a person, or to tidy after it.
pub(in crate::engine) fn has_news(task: &Task) -> bool {
    let untold = news(task).is_some_and(|(_, name)| !task.told.contains(&name));
    let well = matches!(task.verdict, Some(Verdict::Merged | Verdict::NoChange));
    let unclosed = well && task.issue_open && !task.told.contains(CLOSE);
    untold || unclosed || untidied(task).is_some()
}

/// What a task's end or wait is called, and the name under which saying so is remembered.
fn news(task: &Task) -> Option<(&'static str, String)> {
    let word = match (&task.hold, task.verdict) {
        (Some(Hold::Decision { .. }), _) => Some("decision"),
        (Some(Hold::Scope { .. }), _) => Some("scope"),
        (Some(Hold::DispatchRefused { .. }), _) => Some("dispatch"),
        (Some(Hold::PublishRefused { .. }), _) => Some("publish"),
        (Some(Hold::PullClosed { .. } | Hold::BaseRed { .. } | Hold::Theirs { .. }), _) => None,
        (None, Some(Verdict::Escalated)) => Some("escalated"),
        (None, Some(Verdict::NoChange)) => Some("no_change"),
        (None, Some(Verdict::Merged | Verdict::Cancelled) | None) => None,
    };
    let n = task.current().map_or(0, |attempt| attempt.id.n);
    word.map(|word| (word, format!("{word}:{n}")))
}

fn tell_one(draft: &mut Draft<'_>, id: TaskId) {
    let Some(task) = draft.task(id) else { return };
    let number = task.issue();
    if let Some((_, name)) = news(task).filter(|(_, name)| !task.told.contains(name))
        && let Some(body) = render::notice(draft, task)
        && first_time(draft, id, &name)
    {
        // An issue may be in several plans, and each has its own to say.
        let plan = draft.header().number;
        draft.intend(format!("comment:{number}:{plan}:{name}"), None, Effect::Comment { number, body });
    }
    close_issue(draft, id);
    tidy(draft, id);
}

/// Closes an issue that its merge did not close, or that needed no change where that is asked for.
fn close_issue(draft: &mut Draft<'_>, id: TaskId) {
    let Some(task) = draft.task(id) else { return };
    let by_us = task.verdict == Some(Verdict::NoChange) && draft.header().settings.close_no_change;
    let merged = task.verdict == Some(Verdict::Merged);
    if task.issue_open && (by_us || merged) && first_time(draft, id, CLOSE) {
        let not_before: Timestamp = if merged { draft.now + KEYWORD_CLOSES_WITHIN } else { draft.now };
        draft.intend_at(closing(id.0).0, None, Effect::CloseIssue { number: id.0 }, not_before);
    }
}

/// The key under which an issue is closed.
pub(in crate::engine) fn closing(issue: IssueNumber) -> EffectKey {
    EffectKey(format!("{CLOSE}:{issue}"))
}

/// An issue that closed by itself need not be closed by us any more.
fn withdraw_closings(draft: &mut Draft<'_>) {
    let past = |task: &Task| (task.verdict.is_some() || task.hold.is_some()) && !task.issue_open;
    let closed = |entry: &Entry| {
        let Effect::CloseIssue { number } = entry.effect else { return None };
        draft.task(TaskId(number)).is_some_and(past).then(|| closing(number))
    };
    let keys: Vec<EffectKey> = draft.entries().filter_map(closed).collect();
    keys.iter().for_each(|key| draft.answered(key));
}

/// Work branches go when the task is settled, those of several tasks in one call: the first waits for the others a
/// while, and none beyond the plan's end.
fn tidy(draft: &mut Draft<'_>, id: TaskId) {
    let Some(task) = draft.task(id) else { return };
    let Some(name) = untidied(task) else { return };
    let branches = pushed_branches(task);
    if first_time(draft, id, &name) {
        let ended = draft.header().status == PlanStatus::Ended;
        let waits = deletions(draft).map(|entry| entry.not_before).min();
        let at = if ended { draft.now } else { waits.unwrap_or(draft.now + TIDIED_WITHIN) };
        for branch in branches {
            draft.intend_at(format!("delete:{branch}"), None, Effect::DeleteBranch { branch }, at);
        }
    }
}

/// Deletions that nobody has sent yet.
fn deletions<'d>(draft: &'d Draft<'_>) -> impl Iterator<Item = &'d Entry> {
    let is_deletion = |entry: &&Entry| matches!(entry.effect, Effect::DeleteBranch { .. });
    draft.entries().filter(is_deletion).filter(|entry| entry.state == EntryState::Queued)
}

/// The plan ends: no deletion waits for another any more.
pub(super) fn tidy_up(draft: &mut Draft<'_>) {
    let now = draft.now;
    let waiting: Vec<EffectKey> =
        deletions(draft).filter(|entry| entry.tries == 0).map(|entry| entry.key.clone()).collect();
    for key in waiting {
        if let Some(entry) = draft.entry_mut(&key) {
            entry.not_before = entry.not_before.min(now);
        }
    }
}

/// The name under which tidying a settled task is remembered, where it has not been done.
fn untidied(task: &Task) -> Option<String> {
    if !task.is_settled() || task.verdict == Some(Verdict::Escalated) {
        return None;
    }
    let pushed = pushed_attempts(task).count();
    let name = format!("tidy:{pushed}");
    (pushed > 0 && !task.told.contains(&name)).then_some(name)
}

/// Work branches that publish pushed for a task.
fn pushed_branches(task: &Task) -> Vec<String> {
    pushed_attempts(task).map(|attempt| attempt.id.work_branch()).collect()
}

fn pushed_attempts(task: &Task) -> impl Iterator<Item = &Attempt> {
    task.attempts.iter().filter(|attempt| attempt.commit.is_some())
}
