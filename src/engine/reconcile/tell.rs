//! What people are told once, beyond the tracking issue: a comment only where somebody must act or was answered; and
//! tidying up.

use crate::engine::draft::Draft;
use crate::engine::effect::{Effect, EffectKey};
use crate::engine::id::TaskId;
use crate::engine::reconcile::first_time;
use crate::engine::render;
use crate::engine::task::{Hold, Task, Verdict};
use crate::engine::time::Timestamp;

/// How long GitHub is given to close an issue by its keyword before it is closed by us.
const KEYWORD_CLOSES_WITHIN: std::time::Duration = std::time::Duration::from_secs(30);

/// Says what is new about each task that ended or waits for a person.
pub(super) fn tell(draft: &mut Draft<'_>) {
    for id in draft.ids(|task| task.verdict.is_some() || task.hold.is_some()) {
        tell_one(draft, id);
    }
}

fn tell_one(draft: &mut Draft<'_>, id: TaskId) {
    let Some(task) = draft.task(id) else { return };
    let n = task.current().map_or(0, |attempt| attempt.id.n);
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
    let number = task.issue();
    let name = word.map(|word| format!("{word}:{n}")).filter(|name| !task.told.contains(name));
    if let (Some(word), Some(name)) = (word, name)
        && let Some(body) = render::notice(draft, task)
        && first_time(draft, id, &name)
    {
        draft.intend(format!("comment:{number}:{word}:{n}"), None, Effect::Comment { number, body });
    }
    close_issue(draft, id);
    tidy(draft, id);
}

/// Closes an issue that its merge did not close, or that needed no change where that is asked for.
fn close_issue(draft: &mut Draft<'_>, id: TaskId) {
    let Some(task) = draft.task(id) else { return };
    let by_us = task.verdict == Some(Verdict::NoChange) && draft.header().settings.close_no_change;
    let merged = task.verdict == Some(Verdict::Merged);
    let key = format!("close:{}", id.0);
    if !task.issue_open {
        draft.answered(&EffectKey(key));
        return;
    }
    if (by_us || merged) && first_time(draft, id, "close") {
        let not_before: Timestamp = if merged { draft.now + KEYWORD_CLOSES_WITHIN } else { draft.now };
        draft.intend_at(key, None, Effect::CloseIssue { number: id.0 }, not_before);
    }
}

/// Work branches go when the task is settled.
fn tidy(draft: &mut Draft<'_>, id: TaskId) {
    let Some(task) = draft.task(id).filter(|task| task.is_settled() && task.verdict != Some(Verdict::Escalated)) else {
        return;
    };
    let branches: Vec<String> = pushed_branches(task);
    if branches.is_empty() || !first_time(draft, id, &format!("tidy:{}", branches.len())) {
        return;
    }
    for branch in branches {
        draft.intend(format!("delete:{branch}"), None, Effect::DeleteBranch { branch });
    }
}

/// Work branches that publish pushed for a task.
fn pushed_branches(task: &Task) -> Vec<String> {
    task.attempts.iter().filter(|attempt| attempt.commit.is_some()).map(|attempt| attempt.id.work_branch()).collect()
}
