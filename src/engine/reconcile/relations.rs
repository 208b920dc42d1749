//! Dependencies that approved texts state, written into GitHub's own relations where that is asked for.
//!
//! Promises: only what somebody approved is written, each relation once, and nothing late that is not wanted any more;
//! only what was written from here is taken away again, when the text no longer states it. So a relation that a person
//! made stays, and one that a person took away is not put back. The text counts either way.

use crate::engine::config::Dependencies;
use crate::engine::draft::Draft;
use crate::engine::effect::{Effect, EffectKey, Entry, EntryState};
use crate::engine::graph::Outside;
use crate::engine::id::{IssueNumber, TaskId};
use crate::engine::task::Task;

/// Under which a relation that was written is remembered, before the number of the issue that blocks.
const RELATED: &str = "related:";
/// Most relations that are changed at a time: the rest follows with the next view.
const AT_ONCE_MAX: usize = 20;

/// Takes back what was intended, was never sent, and is not what an approved text states any more.
pub(super) fn withdraw(draft: &mut Draft<'_>) {
    let asked_for = draft.header().settings.dependencies == Dependencies::WriteBack;
    let past = |entry: &Entry| {
        let Effect::Relate { issue, by, blocked: true } = entry.effect else { return None };
        let states = |task: &Task| asked_for && is_wanted(task) && task.facts.depends_on.contains(&by);
        let stale = entry.state == EntryState::Queued && !draft.task(TaskId(issue)).is_some_and(states);
        stale.then(|| (entry.key.clone(), TaskId(issue), by))
    };
    let found: Vec<(EffectKey, TaskId, IssueNumber)> = draft.entries().filter_map(past).collect();
    for (key, id, by) in found {
        draft.answered(&key);
        let name = format!("{RELATED}{by}");
        if draft.task(id).is_some_and(|task| task.told.contains(&name))
            && let Some(task) = draft.task_mut(id)
        {
            task.told.remove(&name);
        }
    }
}

/// Whether somebody approved the task's text, and it is still to be done.
fn is_wanted(task: &Task) -> bool {
    task.is_approved() && !task.left && task.verdict.is_none()
}

/// Intends what the relations lack, and what they have too much. Whoever asks goes through all tasks anyhow.
pub(super) fn write_back(draft: &mut Draft<'_>) {
    if draft.header().settings.dependencies != Dependencies::WriteBack {
        return;
    }
    let wanted = draft.tasks().filter(|task| is_wanted(task));
    let changes: Vec<(TaskId, IssueNumber, bool)> =
        wanted.flat_map(|task| changes(draft, task)).take(AT_ONCE_MAX).collect();
    for (id, by, blocked) in changes {
        let name = format!("{RELATED}{by}");
        if let Some(task) = draft.task_mut(id) {
            if blocked {
                task.told.insert(name);
            } else {
                task.told.remove(&name);
            }
        }
        let word = if blocked { "relate" } else { "unrelate" };
        draft.intend(format!("{word}:{}:{by}", id.0), None, Effect::Relate { issue: id.0, by, blocked });
    }
}

fn changes(draft: &Draft<'_>, task: &Task) -> Vec<(TaskId, IssueNumber, bool)> {
    let stated = &task.facts.depends_on;
    let written = |by: IssueNumber| task.told.contains(&format!("{RELATED}{by}"));
    let new = stated
        .iter()
        .copied()
        .filter(|by| *by != task.issue() && !task.blocked_by.contains(by) && !written(*by) && is_there(draft, *by));
    let old = task.blocked_by.iter().copied().filter(|by| written(*by) && !stated.contains(by));
    let new = new.map(|by| (task.id, by, true));
    new.chain(old.map(|by| (task.id, by, false))).collect()
}

/// Whether GitHub has shown the issue.
fn is_there(draft: &Draft<'_>, issue: IssueNumber) -> bool {
    let outside = draft.header().outside.get(&issue);
    let inside = draft.task(TaskId(issue)).is_some_and(|task| !task.left);
    inside || matches!(outside, Some(Outside::Open | Outside::Closed))
}
