//! Issues joining, changing and leaving.

use crate::engine::attempt::FenceCause;
use crate::engine::brief::text_digest;
use crate::engine::draft::Draft;
use crate::engine::effect::{Effect, EffectKey, Entry};
use crate::engine::event::Read;
use crate::engine::facts;
use crate::engine::graph::Outside;
use crate::engine::id::{IssueNumber, TaskId};
use crate::engine::observe::fence;
use crate::engine::plan::PlanStatus;
use crate::engine::rebuild;
use crate::engine::reconcile::REPORT;
use crate::engine::snapshot::{Issue, OpenState};
use crate::engine::task::{Stage, Task, Trigger, Verdict};
use crate::engine::time::Timestamp;

/// Records the whole list of open labelled issues: new ones join, known ones that are missing from it are read singly
/// before anything is concluded. That of a merged task was closed by its merge: nothing follows from it but that we
/// need not close it, and shown open again it counts as open.
pub(super) fn record_list(draft: &mut Draft<'_>, issues: &[Issue]) {
    for issue in issues.iter().filter(|issue| !issue.is_pull_request) {
        record_one(draft, issue.number, Some(issue));
    }
    let listed: std::collections::BTreeSet<IssueNumber> = issues.iter().map(|issue| issue.number).collect();
    let missing = draft.ids(|task| !task.left && task.issue_open && !listed.contains(&task.issue()));
    for id in missing {
        if draft.task(id).is_some_and(|task| task.stage == Stage::Merged) {
            set_open(draft, id.0, false);
        } else {
            draft.read(Read::Issue(id.0));
        }
    }
    // A list may miss an entry: what an ended plan left behind counts as gone only once it was read itself.
    let unlisted: Vec<IssueNumber> = draft.header().past.difference(&listed).copied().collect();
    unlisted.into_iter().for_each(|issue| draft.read(Read::Issue(issue)));
    rebuild::end_remains(draft);
}

/// Records one issue, or that it is gone. A view from before the last change that was seen says nothing.
pub(super) fn record_one(draft: &mut Draft<'_>, number: IssueNumber, issue: Option<&Issue>) {
    let issue = issue.filter(|issue| !issue.is_pull_request);
    let known = draft.task(TaskId(number)).map_or_else(Timestamp::default, |task| task.changed_at);
    if issue.is_some_and(|issue| issue.updated_at < known) {
        return;
    }
    let state = issue.map_or(Outside::Missing, |issue| outside(issue.state));
    if draft.header().outside.get(&number).is_some_and(|known| *known != state) {
        draft.header_mut().outside.insert(number, state);
        draft.replan();
    }
    let wanted = issue.filter(|issue| is_labelled(draft, issue) && issue.state == OpenState::Open);
    if wanted.is_none() && draft.header().past.contains(&number) {
        draft.header_mut().past.remove(&number);
    }
    let ended = draft.header().status == PlanStatus::Ended;
    match (draft.task(TaskId(number)).is_some(), issue, wanted) {
        // After a plan's end its issues are known by `past` alone: one that is labelled anew begins the next plan.
        (true, _, Some(issue)) if ended && !draft.header().past.contains(&number) => join(draft, issue),
        (true, Some(issue), _) => update(draft, issue, wanted.is_some()),
        (true, None, _) => {
            set_open(draft, number, false);
            leave(draft, TaskId(number), Outside::Missing);
        }
        (false, _, Some(issue)) => join(draft, issue),
        (false, _, None) => {}
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

/// Whether an issue is open, as seen or by our own doing.
pub(super) fn set_open(draft: &mut Draft<'_>, number: IssueNumber, open: bool) {
    if let Some(task) = draft.task_mut(TaskId(number)) {
        task.issue_open = open;
        task.closed_since = task.closed_since.filter(|_| !open);
    }
}

/// Most branches of ended plans that are remembered: those of the newest issues.
const LEFT_HEADS_MAX: usize = 1_000;

/// A labelled issue joins the plan, or begins one.
fn join(draft: &mut Draft<'_>, issue: &Issue) {
    // What was part of an ended plan is not new, and a plan that was given up takes nobody in any more.
    if draft.header().past.contains(&issue.number) || draft.header().given_up && !is_over(draft) {
        return;
    }
    if is_over(draft) {
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
    // What an earlier plan meant to close is wanted again.
    draft.answered(&EffectKey(format!("close:{}", issue.number)));
    draft.add_task(Task::waiting(issue.number, &issue.title, &issue.body, &issue.labels, issue.updated_at));
    ask_about(draft, issue);
}

fn is_over(draft: &Draft<'_>) -> bool {
    draft.header().status == PlanStatus::Ended
}

/// Asks who blocks an issue natively where their number changed.
fn ask_about(draft: &mut Draft<'_>, issue: &Issue) {
    let count = issue.blocked_by_count;
    let id = TaskId(issue.number);
    if draft.task(id).is_none_or(|task| task.blocked_by_count == count) {
        return;
    }
    if count > 0 {
        draft.read(Read::BlockedBy(issue.number));
    } else if let Some(task) = draft.task_mut(id) {
        task.blocked_by_count = 0;
        task.blocked_by.clear();
        draft.replan();
    }
}

/// The plan that ended makes room for the next: its tasks go, the numbers stay, and so does where it left branches.
fn begin_next_plan(draft: &mut Draft<'_>) {
    let unmerged = draft.tasks().filter(|task| task.stage != Stage::Merged);
    let heads: Vec<_> = unmerged.filter_map(|task| Some((task.issue(), task.branch.clone()?))).collect();
    let known = &mut draft.header_mut().left_heads;
    known.extend(heads);
    while known.len() > LEFT_HEADS_MAX {
        known.pop_first();
    }
    for id in draft.ids(|_| true) {
        draft.remove_task(id);
    }
    forget_publishing(draft);
    let now = draft.now;
    let header = draft.header_mut();
    header.number += 1;
    header.status = PlanStatus::Gathering;
    header.tracking = None;
    header.lost_tracking = None;
    header.outside.clear();
    header.acts.clear();
    header.open_phase = 0;
    header.paused = None;
    header.started_at = now;
    header.gathered_at = now;
    header.ended_at = None;
    header.given_up = false;
    // The report of the plan that ended may turn out to stand twice; its key names its tracking issue. Keys of tasks
    // come again.
    header.said.retain(|key, _| key.ends_with(REPORT));
}

/// What was sent for work of the plan that ended may still wait for its answer: it is not the work of the task that the
/// same issue is in the next plan, whatever became of it.
fn forget_publishing(draft: &mut Draft<'_>) {
    let publishes = |entry: &&Entry| {
        matches!(
            entry.effect,
            Effect::MoveBranch { .. } | Effect::OpenPull { .. } | Effect::UpdatePull { .. } | Effect::MergePull { .. }
        )
    };
    let keys: Vec<EffectKey> = draft.entries().filter(publishes).map(|entry| entry.key.clone()).collect();
    keys.iter().for_each(|key| draft.answered(key));
}

/// A known issue as it stands now.
fn update(draft: &mut Draft<'_>, issue: &Issue, labelled: bool) {
    let id = TaskId(issue.number);
    let open = issue.state == OpenState::Open;
    if draft.task(id).is_some_and(|task| task.issue_open != open)
        && let Some(task) = draft.task_mut(id)
    {
        task.changed_at = issue.updated_at;
    }
    take_text(draft, id, issue);
    ask_about(draft, issue);
    set_open(draft, issue.number, open);
    let Some(task) = draft.task(id) else { return };
    if open && labelled {
        if task.left {
            rejoin(draft, id);
        }
        return;
    }
    // A merge closes the issue by its keyword, and the issue's event may come first: the pull request is looked at
    // before anybody concludes that a person closed it.
    match &task.pull {
        Some(pull) if pull.open && !open && !task.left => look_at_pull(draft, id),
        Some(_) | None => leave(draft, id, outside(issue.state)),
    }
}

/// The issue is closed and its pull request was open when last looked at.
fn look_at_pull(draft: &mut Draft<'_>, id: TaskId) {
    let now = draft.now;
    let Some(task) = draft.task(id) else { return };
    let Some(pull) = task.pull.as_ref().map(|pull| pull.number) else { return };
    if task.closed_since.is_none()
        && let Some(task) = draft.task_mut(id)
    {
        task.closed_since = Some(now);
    }
    draft.read(Read::Pull(pull));
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
            task.text_edited = true;
            task.label_asked = false;
        }
        task.changed_at = issue.updated_at;
        task.labels.clone_from(&issue.labels);
        task.facts = facts::read(&task.title, &task.body, &task.labels);
        task.inferred = false;
    }
    draft.replan();
}

/// An issue that left is labelled again: the same task, its counters go on, its text needs approval anew.
fn rejoin(draft: &mut Draft<'_>, id: TaskId) {
    let Some(task) = draft.task(id) else { return };
    let done = matches!(task.stage, Stage::Merged) || task.verdict.is_some_and(Verdict::is_well);
    // Its attempt may have ended in this very step, before anybody gave it its verdict.
    let stopped = matches!(task.stage, Stage::Running | Stage::Stuck) && task.live().is_none();
    if !done && (task.stage == Stage::Cancelled || stopped) {
        draft.move_task(id, Trigger::Retake);
    }
    draft.header_mut().outside.remove(&id.0);
    if let Some(task) = draft.task_mut(id) {
        task.left = false;
        if !done {
            task.cancel_asked = false;
            task.approval = None;
            task.label_asked = false;
            task.verdict = None;
            task.settled_at = None;
            task.hold = None;
        }
    }
    draft.replan();
}

/// An issue leaves the plan: as if cancelled, but those who depend on it wait for it as for any issue outside. What
/// is done or given up already stays as it is.
pub(in crate::engine) fn leave(draft: &mut Draft<'_>, id: TaskId, state: Outside) {
    let Some(task) = draft.task_mut(id) else { return };
    let over = task.stage == Stage::Merged
        || matches!(task.verdict, Some(Verdict::Merged | Verdict::NoChange | Verdict::Cancelled));
    if over && !task.left {
        return;
    }
    if !task.left {
        task.left = true;
        task.cancel_asked = true;
        task.verdict = None;
        fence(draft, id, FenceCause::Cancelled);
        draft.replan();
    }
    if draft.header().outside.get(&id.0) != Some(&state) {
        draft.header_mut().outside.insert(id.0, state);
        draft.replan();
    }
}

/// Records issues outside the plan.
pub(super) fn record_outside(draft: &mut Draft<'_>, found: &[(IssueNumber, Outside)]) {
    for (number, state) in found {
        if draft.task(TaskId(*number)).is_some_and(|task| !task.left)
            || draft.header().outside.get(number) == Some(state)
        {
            continue;
        }
        draft.header_mut().outside.insert(*number, *state);
        draft.replan();
    }
}

/// Records native blockers.
pub(super) fn record_blockers(draft: &mut Draft<'_>, number: IssueNumber, blockers: &[IssueNumber]) {
    let id = TaskId(number);
    let count = u32::try_from(blockers.len()).unwrap_or(u32::MAX);
    let Some(task) = draft.task(id).filter(|task| task.blocked_by != blockers || task.blocked_by_count != count) else {
        return;
    };
    let changed = task.blocked_by != blockers;
    if let Some(task) = draft.task_mut(id) {
        task.blocked_by = blockers.to_vec();
        task.blocked_by_count = count;
    }
    if changed {
        draft.replan();
    }
}
