//! From finished work to a merged pull request: scope, branch, pull request, checks, conflicts, merge. A ladder per task; the
//! first rung that applies is taken.

use crate::engine::attempt::AttemptOutcome;
use crate::engine::config::Settings;
use crate::engine::draft::Draft;
use crate::engine::effect::Effect;
use crate::engine::footprint::{Area, Source};
use crate::engine::id::TaskId;
use crate::engine::observe::fail;
use crate::engine::overlap;
use crate::engine::policy::Scope;
use crate::engine::render;
use crate::engine::retry::Blame;
use crate::engine::task::{CheckState, Hold, Pull, Stage, Task};
use crate::engine::time::Timestamp;
use crate::engine::waits;

/// Publishes what is finished and follows what is open.
pub(super) fn publish(draft: &mut Draft<'_>) {
    for id in draft.ids(|task| task.stage == Stage::Complete && task.work.is_some() && task.verdict.is_none()) {
        publish_work(draft, id);
    }
    for id in draft.ids(|task| task.stage == Stage::PrOpen && task.verdict.is_none() && task.has_open_pull()) {
        follow(draft, id);
    }
}

/// One rung for a task whose work is finished.
fn publish_work(draft: &mut Draft<'_>, id: TaskId) {
    let Some(task) = draft.task(id) else { return };
    let Some(work) = task.work.clone() else { return };
    if task.hold.is_some() || task.cancel_asked {
        return;
    }
    let outside = outside_scope(task, &draft.header().settings);
    if !outside.is_empty() {
        if let Some(task) = draft.task_mut(id) {
            task.hold = Some(Hold::Scope { paths: outside });
        }
        return;
    }
    if waits_for_earlier(draft, task) {
        return;
    }
    let issue = task.issue();
    if task.branch.as_ref() != Some(&work.commit) {
        let effect = Effect::MoveBranch { issue, expected: task.branch.clone(), to: work.commit };
        draft.intend(format!("branch:{id}.{}", work.n), None, effect);
        return;
    }
    let body = render::pull_body(draft, task);
    match task.pull.as_ref().filter(|pull| pull.open) {
        Some(pull) => {
            let effect = Effect::EditPull { pull: pull.number, body };
            draft.intend(format!("editpull:{id}.{}", work.n), None, effect);
        }
        None => {
            let base = draft.header().base.as_ref().map(|base| base.branch.clone()).unwrap_or_default();
            let draft_pull = draft.header().settings.draft;
            let title = render::pull_title(task);
            let effect = Effect::OpenPull { issue, title, body, base, draft: draft_pull };
            draft.intend(format!("pull:{id}.{}", work.n), None, effect);
        }
    }
}

/// Files of the work outside what the issue declared, where that holds the pull request back.
fn outside_scope(task: &Task, settings: &Settings) -> Vec<String> {
    let scope = settings.scope.unwrap_or(if task.footprint.declares() { Scope::Hold } else { Scope::Report });
    if scope == Scope::Report || !task.footprint.declares() {
        return Vec::new();
    }
    outside_declared(task)
}

/// Files of the work that no declared area covers and nobody allowed.
pub(in crate::engine) fn outside_declared(task: &Task) -> Vec<String> {
    let declared: Vec<&Area> = task
        .footprint
        .claims
        .iter()
        .filter(|claim| claim.source == Source::Declared)
        .map(|claim| &claim.area)
        .collect();
    let covered = |path: &String| {
        task.scope_allowed.contains(path)
            || declared.iter().any(|area| overlap::meet(&Area::File(path.clone()), area).is_some())
    };
    task.work.iter().flat_map(|work| &work.files).filter(|path| !covered(path)).cloned().collect()
}

/// Whether another task that was dispatched earlier holds a file this work really touches: that one goes on first.
fn waits_for_earlier(draft: &Draft<'_>, task: &Task) -> bool {
    earlier_holder(draft, task).is_some()
}

/// The task that was dispatched earlier and holds a file this one's work really touches.
pub(in crate::engine) fn earlier_holder(draft: &Draft<'_>, task: &Task) -> Option<(TaskId, String)> {
    let locks = waits::locks(draft);
    let mine = (task.locked_since, task.id);
    locks.meets(task.id, &waits::held_footprint(task)).into_iter().find_map(|(other, meeting)| {
        let holder = draft.task(other)?;
        let hard = meeting.strength == crate::engine::footprint::Strength::Hard;
        (hard && holder.work.is_some() && (holder.locked_since, holder.id) < mine).then_some((other, meeting.path))
    })
}

/// One rung for a task whose pull request is open.
fn follow(draft: &mut Draft<'_>, id: TaskId) {
    let Some(task) = draft.task(id) else { return };
    let Some(pull) = task.pull.clone() else { return };
    let held = task.hold.is_some();
    let wanted = pull.merge_asked || draft.header().settings.auto_merge && !held;
    match (&pull.checks, pull.mergeable) {
        (_, Some(false)) if !held => conflict(draft, id),
        (CheckState::Red { names }, _) if !held => red(draft, id, &pull, names),
        (CheckState::Green { none }, _) if wanted => merge(draft, id, &pull, *none),
        (CheckState::Red { .. } | CheckState::Green { .. } | CheckState::Pending, _) => {}
    }
}

/// The work does not merge: a rebase run, counted.
fn conflict(draft: &mut Draft<'_>, id: TaskId) {
    if let Some(task) = draft.task_mut(id) {
        task.rebase_due = true;
        mark_last(task, AttemptOutcome::Conflict, "the work does not merge with its base");
    }
    fail(draft, id, Blame::Conflict);
}

/// Checks failed: their jobs are run again once, then it is the agent's turn with the end of the log.
fn red(draft: &mut Draft<'_>, id: TaskId, pull: &Pull, names: &[String]) {
    if pull.rerun_head.as_ref() != Some(&pull.head) && !pull.failed_runs.is_empty() {
        for run in &pull.failed_runs {
            draft.intend(format!("rerun:{run}"), None, Effect::Rerun { run: *run });
        }
        if let Some(pull) = draft.task_mut(id).and_then(|task| task.pull.as_mut()) {
            pull.rerun_head = Some(pull.head.clone());
            pull.checks = CheckState::Pending;
        }
        return;
    }
    let error = format!("checks failed: {}\n{}", names.join(", "), pull.red_tail);
    if let Some(task) = draft.task_mut(id) {
        mark_last(task, AttemptOutcome::Red, &error);
    }
    fail(draft, id, Blame::Agent);
}

/// The newest attempt's outcome, once its pull request told more than its run did.
fn mark_last(task: &mut Task, outcome: AttemptOutcome, error: &str) {
    if let Some(attempt) = task.attempts.last_mut() {
        attempt.outcome = Some(outcome);
        error.clone_into(&mut attempt.error);
    }
}

/// Merges, one pull request at a time, lowest number first. Where checks ran and the base moved since, the base is merged into
/// the head first and checked again.
fn merge(draft: &mut Draft<'_>, id: TaskId, pull: &Pull, unchecked: bool) {
    let merging =
        draft.entries().any(|entry| matches!(entry.effect, Effect::MergePull { .. } | Effect::UpdatePull { .. }));
    let Some(base) = draft.header().base.clone() else { return };
    if merging || base.stale || pull.mergeable != Some(true) {
        return;
    }
    let current = unchecked || pull.checked_base.as_ref() == Some(&base.head);
    if !current {
        draft.intend(format!("update:{id}"), None, Effect::UpdatePull { issue: id.0, base: base.branch });
        return;
    }
    let effect = Effect::MergePull { pull: pull.number, head: pull.head.clone() };
    draft.intend(format!("merge:{}", pull.number), None, effect);
}

/// When the grace of a head without checks ends.
pub(super) fn grace_end(task: &Task, settings: &Settings) -> Option<Timestamp> {
    let pull = task.pull.as_ref().filter(|pull| pull.open && pull.checks == CheckState::Pending)?;
    Some(pull.head_since + settings.checks_grace.0)
}
