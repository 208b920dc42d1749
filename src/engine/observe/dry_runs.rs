//! What dry-run merges came to, kept with the work they are about.

use crate::engine::draft::Draft;
use crate::engine::dry_run::{self, DryRun, Merging, Pair};
use crate::engine::id::{Sha, TaskId};
use crate::engine::task::{Stage, Task};

/// Most merged tasks named beside a conflict with the base.
const NAMED_MAX: usize = 5;

/// Records answers. One about work that has moved on, or about something it stands against no more, changes nothing.
pub(super) fn record(draft: &mut Draft<'_>, found: &[(Pair, Merging)]) {
    for (pair, merging) in found {
        if !is_current(draft, pair) {
            continue;
        }
        let mut merging = merging.clone();
        if let (None, Merging::Conflict(conflict)) = (pair.against, &mut merging) {
            conflict.with = merged_since(draft, pair.task, &conflict.paths);
        }
        let Pair { task, against, ours, theirs } = pair.clone();
        let gone: Vec<TaskId> = draft.task(task).map_or_else(Vec::new, |task| past(draft, task));
        if let Some(task) = draft.task_mut(task) {
            task.dry_runs
                .retain(|run| run.against != against && run.against.is_none_or(|other| !gone.contains(&other)));
            task.dry_runs.push(DryRun { against, ours, theirs, merging });
            task.dry_runs.sort_by_key(|run| run.against);
        }
    }
}

/// Whether both commits still stand for what they did when it was asked.
fn is_current(draft: &Draft<'_>, pair: &Pair) -> bool {
    let Some(task) = draft.task(pair.task) else { return false };
    let shown = |task: &Task| task.pull.as_ref().is_some_and(|pull| pull.open && pull.head == pair.ours);
    let ours = dry_run::head(task) == Some(&pair.ours) || shown(task);
    let theirs = |sha: &Sha| *sha == pair.theirs;
    ours && match pair.against {
        None => draft.header().base.as_ref().is_some_and(|base| theirs(&base.head)),
        Some(other) => draft.task(other).and_then(dry_run::head).is_some_and(theirs),
    }
}

/// Siblings whose work a task's answers were about, and that have none to show any more.
fn past(draft: &Draft<'_>, task: &Task) -> Vec<TaskId> {
    let siblings = task.dry_runs.iter().filter_map(|run| run.against);
    siblings.filter(|id| draft.task(*id).and_then(dry_run::head).is_none()).collect()
}

/// Tasks merged since a task's work began that touched one of these files, newest first. Asked for where there is a
/// conflict, which is seldom: every task is looked at.
fn merged_since(draft: &Draft<'_>, id: TaskId, paths: &[String]) -> Vec<TaskId> {
    let since = draft.task(id).and_then(|task| {
        let n = task.work.as_ref()?.n;
        task.attempts.iter().find(|attempt| attempt.id.n == n).map(|attempt| attempt.planned_at)
    });
    let touched = |task: &&Task| task.work.iter().flat_map(|work| &work.files).any(|path| paths.contains(path));
    let late = |task: &&Task| since.is_none_or(|since| task.settled_at.is_none_or(|at| at >= since));
    let merged = draft.tasks().filter(|task| task.stage == Stage::Merged && task.id != id);
    let mut merged: Vec<&Task> = merged.filter(touched).filter(late).collect();
    merged.sort_by_key(|task| std::cmp::Reverse((task.settled_at, task.id)));
    merged.into_iter().take(NAMED_MAX).map(|task| task.id).collect()
}
