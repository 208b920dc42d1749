//! The plan as a whole: its layout, its beginning, its gates, its end, and the tracking issue that shows it.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use crate::engine::command::Command;
use crate::engine::config::ApprovalPolicy;
use crate::engine::draft::Draft;
use crate::engine::effect::{Effect, EffectKey};
use crate::engine::event::Read;
use crate::engine::fold;
use crate::engine::gate;
use crate::engine::graph::{self, Node, Phase};
use crate::engine::id::{IssueNumber, Login, TaskId};
use crate::engine::plan::{Act, Header, LayoutRow, PlanStatus};
use crate::engine::reconcile::{planner, relations, tell};
use crate::engine::render;
use crate::engine::task::Task;
use crate::engine::tasks::Place;
use crate::engine::time::Timestamp;
use crate::engine::waits;

/// Most issues asked about in one round by reads that go one by one.
const SINGLE_READS_MAX: usize = 200;

/// Lays the plan out anew where tasks or their facts changed.
pub(super) fn lay_out(draft: &mut Draft<'_>) {
    if !draft.take_replan() {
        return;
    }
    let nodes: BTreeMap<TaskId, Node> =
        draft.tasks().filter(|task| !task.left).map(|task| (task.id, node(task))).collect();
    let layout = graph::layout_unexplained(&nodes, &draft.header().outside, draft.header().settings.overlap);
    for (index, phase) in layout.phases.iter().enumerate() {
        for id in &phase.tasks {
            let remaining = layout.remaining.get(id).copied().unwrap_or(1);
            if draft.task(*id).is_some_and(|task| task.phase != index || task.remaining != remaining)
                && let Some(task) = draft.task_mut(*id)
            {
                task.phase = index;
                task.remaining = remaining;
            }
        }
    }
    let open = open_again(draft, &layout.phases);
    draft.set_layout(LayoutRow { phases: layout.phases, order: layout.order, problems: layout.problems });
    if draft.header().open_phase != open {
        draft.header_mut().open_phase = open;
    }
}

/// The index of the phase that is open, in a new layout: the one that was, by its number, though phases before it came
/// or went; where it is gone, the last before it. A plan that is not shown yet, or whose first phase never had approved
/// work, has passed none and begins with its first.
fn open_again(draft: &Draft<'_>, phases: &[Phase]) -> usize {
    let header = draft.header();
    let counted = |id: &TaskId| draft.task(*id).is_some_and(|task| task.is_approved() || task.has_begun());
    let reached = |phase: &&Phase| header.open_phase > 0 || phase.tasks.iter().any(counted);
    let active = header.status == PlanStatus::Active;
    let was = draft.layout().phases.get(header.open_phase).filter(|phase| active && reached(phase));
    let passed = was.map_or(0, |was| phases.iter().take_while(|phase| phase.number <= was.number).count());
    passed.saturating_sub(1)
}

/// A task as the layout sees it.
pub(in crate::engine) fn node(task: &Task) -> Node {
    Node {
        id: task.id,
        depends_on: waits::dependencies(task),
        phase: task.facts.phase,
        priority: task.facts.priority.unwrap_or_default(),
        footprint: task.footprint.clone(),
        settled: task.verdict.is_some(),
        problems: task.facts.problems.clone(),
    }
}

/// The first plan is shown `settle` after the last label.
pub(super) fn activate(draft: &mut Draft<'_>) {
    let header = draft.header();
    let settled = draft.now >= header.gathered_at + header.settings.settle.0;
    if header.status != PlanStatus::Gathering || !settled || header.base.is_none() {
        return;
    }
    draft.header_mut().status = PlanStatus::Active;
}

/// Opens the next phase when every approved task of the open one lets it, as long as there is approved work further on.
/// A label approves from the moment it was put on: whom it approves is heard of one after the other, and until then its
/// phase is not passed.
pub(super) fn open_gates(draft: &mut Draft<'_>) {
    if draft.header().status != PlanStatus::Active {
        return;
    }
    let work = draft.between(Place::Work(Reverse(usize::MAX)), Place::Work(Reverse(0))).next();
    let Some(last) = work.and_then(|(_, id)| draft.task(id)).map(|task| task.phase) else { return };
    let soft = gate::soft_failures(draft);
    let counted = draft.between(Place::Gate(0), Place::Gate(usize::MAX)).filter_map(|(_, id)| draft.task(id));
    // The first phase that somebody keeps shut, or the last that has work.
    let shut = counted.filter(|task| !gate::lets_open(draft, task, &soft)).map(|task| task.phase).next();
    let open = shut.into_iter().chain(unheard_label(draft)).fold(last, usize::min);
    if open > draft.header().open_phase {
        draft.header_mut().open_phase = open;
    }
}

/// The first phase with a task of which GitHub has not told yet whether its label approves it: who put it on, or what
/// they may do.
fn unheard_label(draft: &Draft<'_>) -> Option<usize> {
    if draft.header().settings.approval != ApprovalPolicy::Label {
        return None;
    }
    let by_label = |act: &Act| match &act.wish {
        Ok(Command::Approve(issue)) if act.comment.is_none() => issue.map(TaskId),
        Ok(_) | Err(_) => None,
    };
    let asked = draft.header().acts.iter().filter_map(by_label).filter_map(|id| draft.task(id));
    let unheard = draft.at(Place::LabelUnasked).chain(asked.filter(|task| !task.left));
    unheard.filter(|task| task.verdict.is_none()).map(|task| task.phase).min()
}

/// Ends the key of the comment that reports on a plan that has ended.
pub(in crate::engine) const REPORT: &str = ":report";

/// The plan ends when every task is settled well or cancelled, or was given up as a whole: the report is written, the
/// tracking issue unpinned and closed.
pub(super) fn end(draft: &mut Draft<'_>) {
    let given_up = draft.header().given_up;
    let none = |place: Place| draft.at(place).next().is_none();
    let done = none(Place::Unended) && (given_up || none(Place::OpenPull));
    if draft.header().status != PlanStatus::Active || !done || draft.tasks().next().is_none() {
        return;
    }
    let Some(tracking) = draft.header().tracking.clone() else { return };
    let now = draft.now;
    // Who had left by then is part of it no more: labelled anew, its issue begins the next plan.
    let still_in = |task: &&Task| task.issue_open && !task.left;
    let still_open: Vec<IssueNumber> = draft.tasks().filter(still_in).map(Task::issue).collect();
    let header = draft.header_mut();
    header.past.extend(still_open);
    header.status = PlanStatus::Ended;
    header.ended_at = Some(now);
    let number = tracking.number;
    let body = render::completion(draft);
    draft.intend(format!("comment:{number}{REPORT}"), None, Effect::Comment { number, body });
    draft.answered(&EffectKey("pin".to_owned()));
    draft.intend("unpin", None, Effect::Pin { node_id: tracking.node_id, pinned: false });
    draft.intend(format!("close:{number}"), None, Effect::CloseIssue { number });
    tell::tidy_up(draft);
    if let Some(tracking) = &mut draft.header_mut().tracking {
        tracking.dirty = true;
    }
}

/// Opens the tracking issue, and rewrites it where it no longer shows what is, at most once per `tracking_interval`,
/// and seldomer after a few in a row.
pub(super) fn show(draft: &mut Draft<'_>) {
    let header = draft.header();
    if !matches!(header.status, PlanStatus::Active | PlanStatus::Ended) {
        return;
    }
    let Some(tracking) = &header.tracking else {
        if header.status == PlanStatus::Active {
            let plan = header.number;
            draft.intend(format!("tracking:{plan}"), None, Effect::CreateTracking { plan });
        }
        return;
    };
    let dirty = tracking.dirty || draft.shows_change();
    let (number, was_dirty) = (tracking.number, tracking.dirty);
    let due = tracking.view_due(header.settings.tracking_interval.0);
    let ended = header.status == PlanStatus::Ended;
    let send =
        dirty && (draft.now >= due || tracking.edited_at == header.started_at || ended) && !draft.intends("track");
    if send {
        draft.intend("track", None, Effect::EditTracking { number });
        relations::write_back(draft);
        fold::fold(draft, number);
    }
    if was_dirty != (dirty && !send)
        && let Some(tracking) = &mut draft.header_mut().tracking
    {
        tracking.dirty = dirty && !send;
    }
}

/// When the plan itself is due next.
pub(super) fn due(draft: &Draft<'_>) -> Vec<Timestamp> {
    let header = draft.header();
    let gathering = (header.status == PlanStatus::Gathering).then(|| header.gathered_at + header.settings.settle.0);
    let tracking = header.tracking.as_ref().filter(|tracking| tracking.dirty);
    gathering
        .into_iter()
        .chain(tracking.map(|tracking| tracking.view_due(header.settings.tracking_interval.0)))
        .collect()
}

/// The issues that comments and boxes approve; nothing stands for all of them.
fn approvals(header: &Header) -> Vec<Option<IssueNumber>> {
    let approving = header.acts.iter().filter(|act| header.asks_text(act));
    let approved = |act: &Act| if let Ok(Command::Approve(issue)) = act.wish { Some(issue) } else { None };
    approving.filter_map(approved).collect()
}

/// Asks for what is still missing to decide.
pub(super) fn ask(draft: &mut Draft<'_>) {
    // A text is approved as GitHub has it now: it is read before the permission that lets the approval through.
    for text in approvals(draft.header()) {
        draft.read(text.map_or(Read::Issues, Read::Issue));
    }
    let mut unplaced: Vec<IssueNumber> = draft.header().unplaced.iter().map(|act| act.issue).collect();
    unplaced.sort();
    unplaced.dedup();
    unplaced.into_iter().for_each(|issue| draft.read(Read::Issue(issue)));
    let logins: Vec<Login> = draft.header().acts.iter().map(|act| act.actor.login.clone()).collect();
    logins.into_iter().for_each(|login| draft.read(Read::Permission(login)));
    if matches!(draft.header().status, PlanStatus::Rebuilding | PlanStatus::Idle | PlanStatus::Ended) {
        return;
    }
    if draft.header().base.as_ref().is_none_or(|base| base.stale) {
        draft.read(Read::Repository);
    }
    let unread: Vec<IssueNumber> = draft.at(Place::Uninferred).map(Task::issue).collect();
    if !unread.is_empty() {
        draft.read(Read::Footprints(unread));
    }
    planner::ask(draft);
    if draft.header().settings.approval == ApprovalPolicy::Label {
        let unasked = draft.at(Place::LabelUnasked).map(Task::issue);
        let issues: Vec<IssueNumber> = unasked.take(SINGLE_READS_MAX).collect();
        issues.into_iter().for_each(|issue| draft.read(Read::Labelled(issue)));
    }
    let unknown = |issue: &IssueNumber| !draft.header().outside.contains_key(issue);
    let wanted = |issue: &IssueNumber| draft.at(Place::DependsOn(*issue)).any(|task| !task.left);
    let outside: Vec<IssueNumber> = draft.strangers().into_iter().filter(unknown).filter(wanted).collect();
    if !outside.is_empty() {
        draft.read(Read::Outside(outside));
    }
}
