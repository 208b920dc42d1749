//! What pull requests and their checks say.

use std::time::Duration;

use crate::engine::attempt::FenceCause;
use crate::engine::config::Settings;
use crate::engine::draft::Draft;
use crate::engine::effect::Effect;
use crate::engine::event::Read;
use crate::engine::graph::Outside;
use crate::engine::id::{IssueNumber, PULL_BRANCH_PREFIX, RunId, TaskId};
use crate::engine::observe::{fence, leave, release};
use crate::engine::report::tail;
use crate::engine::snapshot::{Actor, CheckRun, Checks, OpenState, Progress, PullRequest};
use crate::engine::task::{CheckState, Hold, Pull, Stage, Task, Trigger, Verdict};
use crate::engine::tasks::Place;
use crate::engine::time::Timestamp;

/// Longest output of failed checks kept, in characters.
const RED_TAIL_CHARACTERS_MAX: usize = 4_000;

/// Records a pull request, if it is one of ours.
pub(in crate::engine) fn record(draft: &mut Draft<'_>, pull: &PullRequest, closed_by: Option<&Actor>) {
    if let Some(id) = task_of(draft, pull) {
        record_for(draft, id, pull, closed_by);
    }
}

/// Records what opening a task's pull request came to. A person may have closed it before we heard of it: who that
/// was is read.
pub(super) fn record_opened(draft: &mut Draft<'_>, issue: IssueNumber, pull: &PullRequest) {
    record_for(draft, TaskId(issue), pull, None);
    // While there is a grace, nothing that its checks say so soon decides anything: the heartbeat sees them.
    if draft.header().settings.checks_grace.0 > Duration::ZERO {
        draft.unread(&Read::Checks(pull.head_sha.clone()));
    }
    if pull.state == OpenState::Closed && !pull.merged {
        draft.read(Read::Pull(pull.number));
    }
}

fn record_for(draft: &mut Draft<'_>, id: TaskId, pull: &PullRequest, closed_by: Option<&Actor>) {
    if !adopt(draft, id, pull) {
        return;
    }
    if pull.merged {
        merged(draft, id);
    } else if pull.state == OpenState::Closed {
        closed(draft, id, closed_by);
    } else {
        open(draft, id, pull);
    }
}

/// The task whose pull request this is: by number, else by its branch. A branch of that name proves nothing, because
/// a fork may have one too: the commit must be ours, or the pull request opened by us.
fn task_of(draft: &Draft<'_>, pull: &PullRequest) -> Option<TaskId> {
    let by_branch = || {
        let issue: u64 = pull.head_branch.strip_prefix(PULL_BRANCH_PREFIX)?.parse().ok()?;
        let task = draft.task(TaskId(IssueNumber(issue)))?;
        let ours = pull.author.login.same(&draft.header().bot);
        // A pull request that ended before belongs to an earlier life of the branch, unless it shows our commit.
        let first = task.pull.is_none() && pull.state == OpenState::Open && ours;
        (first || task.branch.as_ref() == Some(&pull.head_sha)).then_some(task.id)
    };
    draft.at(Place::Pull(pull.number)).next().map(|task| task.id).or_else(by_branch)
}

/// Takes over what changed about the pull request itself. A task has one: another takes its place only where that one
/// was closed and this one is open or merged. `false`: it is not this task's, or shown as it was before the last change
/// that was seen; a merge lasts.
fn adopt(draft: &mut Draft<'_>, id: TaskId, pull: &PullRequest) -> bool {
    let now = draft.now;
    let Some(task) = draft.task_mut(id) else { return false };
    let known = task.pull.get_or_insert_with(|| Pull::opened(pull.number, pull.head_sha.clone(), now));
    let is_older = known.number == pull.number && pull.updated_at < known.changed_at;
    if is_older || known.merged && !pull.merged {
        return false;
    }
    if known.number != pull.number {
        let older = pull.state == OpenState::Closed && !pull.merged && pull.number < known.number;
        if known.open || older {
            return false;
        }
        *known = Pull::opened(pull.number, pull.head_sha.clone(), now);
    }
    let is_open = pull.state == OpenState::Open;
    let is_new = known.changed_at == Timestamp::default();
    if is_new || known.head != pull.head_sha || known.open != is_open || known.merged != pull.merged {
        known.changed_at = pull.updated_at;
    }
    if known.head != pull.head_sha {
        known.head = pull.head_sha.clone();
        known.head_since = now;
        known.checks = CheckState::Pending;
        known.has_checks = false;
        known.checked_base = None;
        known.mergeable = None;
    }
    if pull.mergeable.is_some() {
        known.mergeable = pull.mergeable;
    }
    true
}

/// It was merged: the task is done, whatever else was under way. Its verdict and its files follow once no attempt is
/// live.
pub(super) fn merged(draft: &mut Draft<'_>, id: TaskId) {
    if draft.task(id).is_none_or(|task| task.stage == Stage::Merged) {
        return;
    }
    fence(draft, id, FenceCause::Merged);
    draft.move_task(id, Trigger::Merge);
    if let Some(task) = draft.task_mut(id) {
        if let Some(pull) = &mut task.pull {
            pull.open = false;
            pull.merged = true;
        }
        task.hold = None;
        task.verdict = None;
        task.cancel_asked = false;
    }
    // Where a merge that was not ours left the base, no answer of ours tells.
    if let Some(base) = &mut draft.header_mut().base {
        (base.stale, base.told) = (true, false);
    }
    draft.read(Read::Repository);
}

/// A person closed it.
fn closed(draft: &mut Draft<'_>, id: TaskId, by: Option<&Actor>) {
    let Some(task) = draft.task(id) else { return };
    let Some(pull) = task.pull.as_ref().filter(|pull| pull.open) else {
        return name_closer(draft, id, by);
    };
    let (number, given_up, left) = (pull.number, task.verdict.is_some() || task.cancel_asked, !task.issue_open);
    fence(draft, id, FenceCause::Cancelled);
    if !given_up {
        draft.move_task(id, Trigger::Close);
    }
    if let Some(task) = draft.task_mut(id) {
        if let Some(pull) = &mut task.pull {
            pull.open = false;
            pull.merge_asked = false;
        }
        if !given_up {
            task.hold = Some(Hold::PullClosed { pull: number, by: by.map(|actor| actor.login.clone()) });
        }
        (task.rebase_due, task.rebase_from) = (false, None);
        // A run that is being closed may still work on its files: they are free when it has ended.
        if task.live().is_none() {
            release(task);
        }
    }
    if left {
        leave(draft, id, Outside::Closed);
    }
}

/// Who closed it may be told only after it was seen closed.
fn name_closer(draft: &mut Draft<'_>, id: TaskId, by: Option<&Actor>) {
    let unnamed = |task: &Task| matches!(task.hold, Some(Hold::PullClosed { by: None, .. }));
    let Some(closer) = by.filter(|_| draft.task(id).is_some_and(unnamed)) else { return };
    if let Some(Hold::PullClosed { by, .. }) = draft.task_mut(id).and_then(|task| task.hold.as_mut()) {
        *by = Some(closer.login.clone());
    }
}

/// It is open: reopened, pushed to, or as it was.
fn open(draft: &mut Draft<'_>, id: TaskId, pull: &PullRequest) {
    if draft.task(id).and_then(|task| task.pull.as_ref()).is_some_and(|known| !known.open) {
        reopened(draft, id);
    }
    let expected = draft
        .entries()
        .any(|entry| entry.key.0.starts_with(&format!("branch:{id}.")) || entry.key.0 == format!("update:{id}"));
    let left = draft.header().left_heads.get(&id.0) == Some(&pull.head_sha);
    let Some(task) = draft.task_mut(id) else { return };
    // A move whose answer was lost shows here, and where an earlier plan left it: the head is a commit of one of our
    // own attempts.
    let left = left && task.branch.is_none();
    if left || task.attempts.iter().any(|attempt| attempt.commit.as_ref() == Some(&pull.head_sha)) {
        task.branch = Some(pull.head_sha.clone());
    }
    let ours = task.branch.as_ref() == Some(&pull.head_sha);
    if !ours && !expected {
        taken_over(draft, id, pull);
    }
    let Some(task) = draft.task(id) else { return };
    if task.stage == Stage::Complete && task.work.as_ref().is_some_and(|work| work.commit == pull.head_sha) {
        draft.move_task(id, Trigger::Open);
        draft.lock(id);
    }
    let Some(task) = draft.task(id) else { return };
    if doubt_ends(task, &draft.header().settings).is_some_and(|due| draft.now >= due) {
        leave(draft, id, Outside::Closed);
    }
    draft.read(Read::Checks(pull.head_sha.clone()));
}

/// From when on a pull request that still shows itself open means that a person closed the issue, not a merge: views of
/// pull requests may be old.
pub(in crate::engine) fn doubt_ends(task: &Task, settings: &Settings) -> Option<Timestamp> {
    let counts = !task.issue_open && !task.left && matches!(task.verdict, None | Some(Verdict::Escalated));
    task.closed_since.filter(|_| counts && task.has_open_pull()).map(|since| since + settings.probe_window.0)
}

/// Whether we are moving a task's branch ourselves.
fn moves_branch(draft: &Draft<'_>, id: TaskId) -> bool {
    let (branch, update) = (format!("branch:{id}."), format!("update:{id}"));
    draft.entries().any(|entry| entry.key.0.starts_with(&branch) || entry.key.0 == update)
}

/// A person pushed to the branch: it is theirs from now on, whatever was under way for it.
fn taken_over(draft: &mut Draft<'_>, id: TaskId, pull: &PullRequest) {
    let Some(task) = draft.task(id) else { return };
    let counts = matches!(task.verdict, None | Some(Verdict::Escalated)) && !task.cancel_asked;
    let theirs = Hold::Theirs { head: pull.head_sha.clone() };
    if !counts || task.hold.as_ref() == Some(&theirs) {
        return;
    }
    fence(draft, id, FenceCause::Cancelled);
    if draft.task(id).is_some_and(|task| task.stage != Stage::PrOpen) {
        draft.move_task(id, Trigger::TakeOver);
    }
    if let Some(task) = draft.task_mut(id) {
        task.hold = Some(theirs);
        task.verdict = None;
        task.settled_at = None;
        (task.rebase_due, task.rebase_from) = (false, None);
    }
}

/// A person reopened it: it holds its files again.
fn reopened(draft: &mut Draft<'_>, id: TaskId) {
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
    }
    draft.lock(id);
}

/// Records what the checks of a head say.
pub(super) fn record_checks(draft: &mut Draft<'_>, checks: &Checks, output: &str, base_red: &[String]) {
    draft.unread(&Read::Checks(checks.sha.clone()));
    let grace = draft.header().settings.checks_grace.0;
    let now = draft.now;
    let base_head = draft.header().base.as_ref().map(|base| base.head.clone());
    let none = checks.runs.is_empty() && checks.statuses.is_empty();
    let shows = |task: &&Task| task.pull.as_ref().is_some_and(|pull| pull.head == checks.sha);
    let ids: Vec<TaskId> = draft.at(Place::OpenPull).filter(shows).map(|task| task.id).collect();
    for id in ids {
        // What checks say of a head that our own commit replaces is past.
        let theirs = |task: &Task| matches!(task.hold, Some(Hold::Theirs { .. }));
        let replaced = |task: &Task| !theirs(task) && task.branch.as_ref().is_some_and(|branch| *branch != checks.sha);
        if moves_branch(draft, id) || draft.task(id).is_some_and(replaced) {
            continue;
        }
        let Some(pull) = draft.task(id).and_then(|task| task.pull.as_ref()) else { continue };
        if none && pull.has_checks {
            continue;
        }
        let since = pull.head_since;
        let state = state_of(checks, now.since(since) >= grace);
        let on_base = match &state {
            CheckState::Red { names } => names.iter().find(|name| base_red.contains(name)).cloned(),
            CheckState::Pending | CheckState::Green { .. } => None,
        };
        let Some(task) = draft.task_mut(id) else { continue };
        let held = matches!(task.hold, Some(Hold::BaseRed { .. }));
        let mended = held && on_base.is_none() && matches!(state, CheckState::Red { .. });
        match on_base {
            Some(check) if task.hold.is_none() => task.hold = Some(Hold::BaseRed { check }),
            None if held => task.hold = None,
            Some(_) | None => {}
        }
        // Red because of the base, which is mended: what the checks said holds no more once it is brought in.
        let state = if mended { CheckState::Pending } else { state };
        if let Some(pull) = &mut task.pull {
            if matches!(state, CheckState::Green { .. }) && pull.checks != state {
                pull.checked_base.clone_from(&base_head);
            }
            pull.failed_runs = failed_runs(checks);
            pull.red_tail = tail(output, RED_TAIL_CHARACTERS_MAX);
            pull.checks = state;
            pull.has_checks = !none;
        }
        if mended && let Some(base) = draft.header().base.as_ref().map(|base| base.branch.clone()) {
            draft.intend(format!("update:{id}"), None, Effect::UpdatePull { issue: id.0, base });
        }
    }
}

/// The workflow runs behind failed checks, each once.
fn failed_runs(checks: &Checks) -> Vec<RunId> {
    let mut runs: Vec<RunId> = checks.runs.iter().filter(|run| run.failed()).filter_map(|run| run.run).collect();
    runs.sort();
    runs.dedup();
    runs
}

/// All checks together: pending while any is, red if any failed, green if all passed; none at all is green after the
/// grace.
fn state_of(checks: &Checks, grace_over: bool) -> CheckState {
    let pending = |run: &CheckRun| run.progress != Progress::Completed;
    if checks.runs.is_empty() && checks.statuses.is_empty() {
        return if grace_over { CheckState::Green { none: true } } else { CheckState::Pending };
    }
    if checks.runs.iter().any(pending) || checks.statuses.iter().any(|status| status.conclusion.is_none()) {
        return CheckState::Pending;
    }
    let names = checks.red_names();
    if names.is_empty() { CheckState::Green { none: false } } else { CheckState::Red { names } }
}
