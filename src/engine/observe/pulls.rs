//! What pull requests and their checks say.

use crate::engine::attempt::FenceCause;
use crate::engine::draft::Draft;
use crate::engine::event::Read;
use crate::engine::id::{IssueNumber, PULL_BRANCH_PREFIX, RunId, TaskId};
use crate::engine::observe::{fence, leave, release};
use crate::engine::report::tail;
use crate::engine::snapshot::{Actor, CheckRun, Checks, CommitStatus, OpenState, Progress, PullRequest};
use crate::engine::task::{CheckState, Hold, Pull, Stage, Task, Trigger, Verdict};

/// Longest output of failed checks kept, in characters.
const RED_TAIL_CHARACTERS_MAX: usize = 4_000;

/// Records a pull request, if it is one of ours.
pub(super) fn record(draft: &mut Draft<'_>, pull: &PullRequest, closed_by: Option<&Actor>) {
    let Some(id) = task_of(draft, pull) else { return };
    adopt(draft, id, pull);
    if pull.merged {
        merged(draft, id);
    } else if pull.state == OpenState::Closed {
        closed(draft, id, closed_by);
    } else {
        open(draft, id, pull);
    }
}

/// The task whose pull request this is: by number, else by its branch.
fn task_of(draft: &Draft<'_>, pull: &PullRequest) -> Option<TaskId> {
    let by_branch = || {
        let issue: u64 = pull.head_branch.strip_prefix(PULL_BRANCH_PREFIX)?.parse().ok()?;
        let task = draft.task(TaskId(IssueNumber(issue)))?;
        // A pull request that ended before belongs to an earlier life of the branch, unless it is the one we know.
        (task.pull.is_none() && pull.state == OpenState::Open || task.branch.as_ref() == Some(&pull.head_sha))
            .then_some(task.id)
    };
    let known = |task: &&Task| task.pull.as_ref().is_some_and(|known| known.number == pull.number);
    draft.tasks().find(known).map(|task| task.id).or_else(by_branch)
}

/// Takes over what changed about the pull request itself.
fn adopt(draft: &mut Draft<'_>, id: TaskId, pull: &PullRequest) {
    let now = draft.now;
    let Some(task) = draft.task_mut(id) else { return };
    let fresh = Pull {
        number: pull.number,
        head: pull.head_sha.clone(),
        open: true,
        merged: false,
        head_since: now,
        checks: CheckState::Pending,
        checked_base: None,
        rerun_head: None,
        failed_runs: Vec::new(),
        red_tail: String::new(),
        mergeable: None,
        merge_asked: false,
    };
    let known = task.pull.get_or_insert(fresh);
    if known.number != pull.number {
        return;
    }
    if known.head != pull.head_sha {
        known.head = pull.head_sha.clone();
        known.head_since = now;
        known.checks = CheckState::Pending;
        known.checked_base = None;
        known.mergeable = None;
    }
    if pull.mergeable.is_some() {
        known.mergeable = pull.mergeable;
    }
}

/// It was merged: the task is done, whatever else was under way.
fn merged(draft: &mut Draft<'_>, id: TaskId) {
    let now = draft.now;
    if draft.task(id).is_none_or(|task| task.verdict == Some(Verdict::Merged)) {
        return;
    }
    fence(draft, id, FenceCause::Merged);
    draft.move_task(id, Trigger::Merge);
    if let Some(task) = draft.task_mut(id) {
        if let Some(pull) = &mut task.pull {
            pull.open = false;
            pull.merged = true;
        }
        task.verdict = Some(Verdict::Merged);
        task.hold = None;
        task.settled_at = Some(now);
        release(task);
    }
    if let Some(base) = &mut draft.header_mut().base {
        base.stale = true;
    }
    draft.read(Read::Repository);
}

/// A person closed it.
fn closed(draft: &mut Draft<'_>, id: TaskId, by: Option<&Actor>) {
    let Some(task) = draft.task(id) else { return };
    let Some(pull) = task.pull.as_ref().filter(|pull| pull.open) else { return };
    let (number, given_up, left) = (pull.number, task.verdict.is_some() || task.cancel_asked, !task.issue_open);
    fence(draft, id, FenceCause::Cancelled);
    if !given_up {
        draft.move_task(id, Trigger::Close);
    }
    if let Some(task) = draft.task_mut(id) {
        if let Some(pull) = &mut task.pull {
            pull.open = false;
        }
        if !given_up {
            task.hold = Some(Hold::PullClosed { pull: number, by: by.map(|actor| actor.login.clone()) });
        }
        task.rebase_due = false;
        release(task);
    }
    if left {
        leave(draft, id);
    }
}

/// It is open: reopened, pushed to, or as it was.
fn open(draft: &mut Draft<'_>, id: TaskId, pull: &PullRequest) {
    let now = draft.now;
    let Some(task) = draft.task(id) else { return };
    let was_open = task.pull.as_ref().is_some_and(|known| known.open);
    if !was_open {
        reopened(draft, id);
    }
    let Some(task) = draft.task(id) else { return };
    if task.branch.is_none()
        && let Some(task) = draft.task_mut(id)
    {
        task.branch = Some(pull.head_sha.clone());
    }
    let Some(task) = draft.task(id) else { return };
    let ours = task.branch.as_ref() == Some(&pull.head_sha);
    let expected = draft.entries().any(|entry| {
        entry.key.0.starts_with(&format!("branch:{}.", id.0)) || entry.key.0 == format!("update:{}", id.0)
    });
    if !ours && !expected && task.verdict.is_none() && !matches!(task.hold, Some(Hold::Theirs { .. })) {
        fence(draft, id, FenceCause::Cancelled);
        if let Some(task) = draft.task_mut(id) {
            task.hold = Some(Hold::Theirs { head: pull.head_sha.clone() });
            task.rebase_due = false;
        }
    }
    let Some(task) = draft.task(id) else { return };
    if task.stage == Stage::Complete && task.work.as_ref().is_some_and(|work| work.commit == pull.head_sha) {
        draft.move_task(id, Trigger::Open);
        if let Some(task) = draft.task_mut(id) {
            task.locked_since.get_or_insert(now);
        }
    }
    let Some(task) = draft.task(id) else { return };
    if !task.issue_open && task.verdict.is_none() {
        leave(draft, id);
    }
    draft.read(Read::Checks(pull.head_sha.clone()));
}

/// A person reopened it: it holds its files again.
fn reopened(draft: &mut Draft<'_>, id: TaskId) {
    let now = draft.now;
    let closed_by_person = draft.task(id).is_some_and(|task| matches!(task.hold, Some(Hold::PullClosed { .. })));
    if closed_by_person {
        draft.move_task(id, Trigger::Reopen);
    }
    if let Some(task) = draft.task_mut(id) {
        if let Some(pull) = &mut task.pull {
            pull.open = true;
        }
        if closed_by_person {
            task.hold = None;
        }
        task.locked_since.get_or_insert(now);
    }
}

/// Records what the checks of a head say.
pub(super) fn record_checks(draft: &mut Draft<'_>, checks: &Checks, output: &str, base_red: &[String]) {
    let grace = draft.header().settings.checks_grace.0;
    let now = draft.now;
    let base_head = draft.header().base.as_ref().map(|base| base.head.clone());
    let ids = draft.ids(|task| task.pull.as_ref().is_some_and(|pull| pull.open && pull.head == checks.sha));
    for id in ids {
        let Some(since) = draft.task(id).and_then(|task| task.pull.as_ref()).map(|pull| pull.head_since) else {
            continue;
        };
        let state = state_of(checks, now.since(since) >= grace);
        let on_base = match &state {
            CheckState::Red { names } => names.iter().find(|name| base_red.contains(name)).cloned(),
            CheckState::Pending | CheckState::Green { .. } => None,
        };
        let Some(task) = draft.task_mut(id) else { continue };
        let held = matches!(task.hold, Some(Hold::BaseRed { .. }));
        match on_base {
            Some(check) if task.hold.is_none() => task.hold = Some(Hold::BaseRed { check }),
            None if held => task.hold = None,
            Some(_) | None => {}
        }
        if let Some(pull) = &mut task.pull {
            if matches!(state, CheckState::Green { .. }) && pull.checks != state {
                pull.checked_base.clone_from(&base_head);
            }
            pull.failed_runs = failed_runs(checks);
            pull.red_tail = tail(output, RED_TAIL_CHARACTERS_MAX);
            pull.checks = state;
        }
    }
}

/// The workflow runs behind failed checks, each once.
fn failed_runs(checks: &Checks) -> Vec<RunId> {
    let failed = checks.runs.iter().filter(|run| run.conclusion.is_some_and(|conclusion| !conclusion.passes()));
    let mut runs: Vec<RunId> = failed.filter_map(|run| run.run).collect();
    runs.sort();
    runs.dedup();
    runs
}

/// All checks together: pending while any is, red if any failed, green if all passed; none at all is green after the grace.
fn state_of(checks: &Checks, grace_over: bool) -> CheckState {
    let pending = |run: &CheckRun| run.progress != Progress::Completed;
    let failed_run = |run: &&CheckRun| run.conclusion.is_some_and(|conclusion| !conclusion.passes());
    let failed_status = |status: &&CommitStatus| status.conclusion.is_some_and(|conclusion| !conclusion.passes());
    let names: Vec<String> = checks
        .runs
        .iter()
        .filter(failed_run)
        .map(|run| run.name.clone())
        .chain(checks.statuses.iter().filter(failed_status).map(|status| status.context.clone()))
        .collect();
    if checks.runs.is_empty() && checks.statuses.is_empty() {
        return if grace_over { CheckState::Green { none: true } } else { CheckState::Pending };
    }
    if checks.runs.iter().any(pending) || checks.statuses.iter().any(|status| status.conclusion.is_none()) {
        return CheckState::Pending;
    }
    if names.is_empty() { CheckState::Green { none: false } } else { CheckState::Red { names } }
}
