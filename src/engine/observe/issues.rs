//! Issues joining, changing and leaving.

use crate::engine::attempt::FenceCause;
use crate::engine::brief::text_digest;
use crate::engine::draft::Draft;
use crate::engine::event::Read;
use crate::engine::facts;
use crate::engine::footprint::Footprint;
use crate::engine::graph::Outside;
use crate::engine::id::{IssueNumber, TaskId};
use crate::engine::observe::fence;
use crate::engine::plan::PlanStatus;
use crate::engine::snapshot::{Issue, OpenState};
use crate::engine::task::{Stage, Task, Trigger};

/// Records the whole list of open labelled issues: new ones join, known ones that are missing from it are read singly before
/// anything is concluded.
pub(super) fn record_list(draft: &mut Draft<'_>, issues: &[Issue]) {
    for issue in issues.iter().filter(|issue| !issue.is_pull_request) {
        record_one(draft, issue.number, Some(issue));
    }
    let listed: std::collections::BTreeSet<IssueNumber> = issues.iter().map(|issue| issue.number).collect();
    let missing = draft.ids(|task| !task.left && task.issue_open && !listed.contains(&task.issue()));
    for id in missing {
        draft.read(Read::Issue(id.0));
    }
}

/// Records one issue, or that it is gone.
pub(super) fn record_one(draft: &mut Draft<'_>, number: IssueNumber, issue: Option<&Issue>) {
    let issue = issue.filter(|issue| !issue.is_pull_request);
    if draft.header().outside.contains_key(&number) {
        let state = issue.map_or(Outside::Missing, |issue| outside(issue.state));
        draft.header_mut().outside.insert(number, state);
    }
    let labelled = issue.is_some_and(|issue| is_labelled(draft, issue));
    match (draft.task(TaskId(number)).is_some(), issue) {
        (true, Some(issue)) => update(draft, issue, labelled),
        (true, None) => {
            set_open(draft, number, false);
            leave(draft, TaskId(number));
        }
        (false, Some(issue)) if labelled && issue.state == OpenState::Open => join(draft, issue),
        (false, Some(_) | None) => {}
    }
}

fn outside(state: OpenState) -> Outside {
    match state {
        OpenState::Open => Outside::Open,
        OpenState::Closed => Outside::Closed,
    }
}

fn is_labelled(draft: &Draft<'_>, issue: &Issue) -> bool {
    let label = &draft.header().settings.label;
    issue.labels.iter().any(|name| name.eq_ignore_ascii_case(label))
}

fn set_open(draft: &mut Draft<'_>, number: IssueNumber, open: bool) {
    if let Some(task) = draft.task_mut(TaskId(number)) {
        task.issue_open = open;
    }
}

/// A labelled issue joins the plan, or begins one.
fn join(draft: &mut Draft<'_>, issue: &Issue) {
    if draft.header().status == PlanStatus::Ended {
        begin_next_plan(draft);
    }
    let now = draft.now;
    let header = draft.header_mut();
    if header.status == PlanStatus::Idle {
        header.status = PlanStatus::Gathering;
        header.started_at = now;
    }
    header.gathered_at = now;
    header.outside.remove(&issue.number);
    draft.add_task(Task::waiting(issue.number, &issue.title, &issue.body, &issue.labels, issue.updated_at));
    ask_about(draft, issue);
}

/// Asks what the issue's text alone does not tell.
fn ask_about(draft: &mut Draft<'_>, issue: &Issue) {
    if issue.blocked_by_count > 0 {
        draft.read(Read::BlockedBy(issue.number));
    }
}

/// The plan that ended makes room for the next: its tasks go, the numbers stay.
fn begin_next_plan(draft: &mut Draft<'_>) {
    for id in draft.ids(|_| true) {
        draft.remove_task(id);
    }
    let now = draft.now;
    let header = draft.header_mut();
    header.number += 1;
    header.status = PlanStatus::Gathering;
    header.tracking = None;
    header.outside.clear();
    header.acts.clear();
    header.open_phase = 0;
    header.paused = None;
    header.started_at = now;
    header.gathered_at = now;
    header.ended_at = None;
}

/// A known issue as it stands now.
fn update(draft: &mut Draft<'_>, issue: &Issue, labelled: bool) {
    let id = TaskId(issue.number);
    let open = issue.state == OpenState::Open;
    take_text(draft, id, issue);
    set_open(draft, issue.number, open);
    let Some(task) = draft.task(id) else { return };
    if open && labelled {
        if task.left {
            rejoin(draft, id);
        }
        return;
    }
    if task.verdict.is_some() || task.left {
        return;
    }
    // A merge closes the issue by its keyword, and the issue's event may come first: the pull request is looked at before
    // anybody concludes that a person closed it.
    match &task.pull {
        Some(pull) if pull.open && !open => draft.read(Read::Pull(pull.number)),
        Some(_) | None => leave(draft, id),
    }
}

/// Takes over a changed text or changed labels; the approval stays with the text it was given for.
fn take_text(draft: &mut Draft<'_>, id: TaskId, issue: &Issue) {
    let digest = text_digest(&issue.title, &issue.body);
    let Some(task) = draft.task(id) else { return };
    let edited = task.digest != digest;
    if !edited && task.labels == issue.labels {
        return;
    }
    if let Some(task) = draft.task_mut(id) {
        if edited {
            task.title.clone_from(&issue.title);
            task.body.clone_from(&issue.body);
            task.digest = digest;
            task.text_since = issue.updated_at;
            task.label_asked = false;
        }
        task.labels.clone_from(&issue.labels);
        task.facts = facts::read(&task.title, &task.body, &task.labels);
        task.inferred = false;
    }
    draft.replan();
    ask_about(draft, issue);
}

/// An issue that left is labelled again: the same task, its counters go on, its text needs approval anew.
fn rejoin(draft: &mut Draft<'_>, id: TaskId) {
    let retaken = draft.task(id).is_some_and(|task| task.stage == Stage::Cancelled);
    if retaken && !draft.move_task(id, Trigger::Retake) {
        return;
    }
    if let Some(task) = draft.task_mut(id) {
        task.left = false;
        task.cancel_asked = false;
        task.approval = None;
        task.label_asked = false;
        task.verdict = None;
        task.settled_at = None;
        task.hold = None;
    }
    draft.replan();
}

/// An issue leaves the plan: as if cancelled, but those who depend on it wait for it while it is open.
pub(in crate::engine) fn leave(draft: &mut Draft<'_>, id: TaskId) {
    let Some(task) = draft.task_mut(id) else { return };
    if task.left || task.verdict.is_some() {
        return;
    }
    task.left = true;
    task.cancel_asked = true;
    fence(draft, id, FenceCause::Cancelled);
}

/// Records issues outside the plan.
pub(super) fn record_outside(draft: &mut Draft<'_>, found: &[(IssueNumber, Outside)]) {
    for (number, state) in found {
        if draft.task(TaskId(*number)).is_some() || draft.header().outside.get(number) == Some(state) {
            continue;
        }
        draft.header_mut().outside.insert(*number, *state);
        draft.replan();
    }
}

/// Records native blockers.
pub(super) fn record_blockers(draft: &mut Draft<'_>, number: IssueNumber, blockers: &[IssueNumber]) {
    let id = TaskId(number);
    if draft.task(id).is_none_or(|task| task.blocked_by == blockers) {
        return;
    }
    if let Some(task) = draft.task_mut(id) {
        task.blocked_by = blockers.to_vec();
    }
    draft.replan();
}

/// Records footprints.
pub(super) fn record_footprints(draft: &mut Draft<'_>, found: &[(IssueNumber, Footprint)]) {
    for (number, footprint) in found {
        let id = TaskId(*number);
        if draft.task(id).is_none_or(|task| task.inferred && task.footprint == *footprint) {
            continue;
        }
        if let Some(task) = draft.task_mut(id) {
            task.footprint = footprint.clone();
            task.inferred = true;
        }
        draft.replan();
    }
}
