//! The order that planner runs propose: a task waits for another one that its planner run puts before it, as long as
//! that one goes on without a person.
//!
//! A proposal is a guess, so that it never stands in the way for good: it does not hold where the other waits for a
//! person or has come to its end, where a person stated the opposite, or where proposals and statements together would
//! close a circle. A stated dependency is none of its business: that holds by itself.

use std::collections::BTreeSet;

use crate::engine::draft::Draft;
use crate::engine::id::{AttemptId, IssueNumber, TaskId};
use crate::engine::overlap::LockTable;
use crate::engine::task::Task;
use crate::engine::tasks::Place;
use crate::engine::waits;

/// One proposal, and whether it is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::engine) struct Proposal {
    /// What had better be done before.
    pub(in crate::engine) before: IssueNumber,
    /// The planner run that says so.
    pub(in crate::engine) by: AttemptId,
    /// Whether it would close a circle with what people state or other runs propose: then it is not followed.
    pub(in crate::engine) circular: bool,
}

/// What a task's planner run puts before it, that nobody states already.
pub(in crate::engine) fn proposals(draft: &Draft<'_>, task: &Task) -> Vec<Proposal> {
    let Some((by, answer)) = task.planned() else { return Vec::new() };
    let stated = waits::dependencies(task);
    let new = answer.depends_on.iter().filter(|issue| !stated.contains(issue));
    new.map(|before| Proposal { before: *before, by, circular: leads_to(draft, *before, task.issue()) }).collect()
}

/// The proposals that a task waits for now.
pub(in crate::engine) fn awaited(draft: &Draft<'_>, task: &Task) -> Vec<Proposal> {
    // Whoever holds files has begun, and others may wait for those.
    if task.planned().is_none() || task.locked_since.is_some() {
        return Vec::new();
    }
    let mut found = proposals(draft, task);
    found.retain(|proposal| !proposal.circular);
    if !found.is_empty() {
        let locks = waits::locks(draft);
        found.retain(|proposal| draft.task(TaskId(proposal.before)).is_some_and(|other| goes_on(draft, &locks, other)));
    }
    found
}

/// Whether a task comes to its end without a person and without any other task: it is under way, or nothing but slots
/// and its own proposals keeps it from that. Whoever waits for files, or behind a closed door, may in the end wait for
/// the very task that asks.
fn goes_on(draft: &Draft<'_>, locks: &LockTable, task: &Task) -> bool {
    let open = task.verdict.is_none() && !task.left && !task.cancel_asked && task.hold.is_none();
    if !open || !task.is_approved() {
        return false;
    }
    if task.live().is_some() || task.has_open_pull() {
        return true;
    }
    if !waits::stated_waits(draft, task).is_empty() {
        return false;
    }
    if task.locked_since.is_some() {
        return waits::earlier_holder(draft, locks, task).is_none();
    }
    let blocked = draft.layout().problems.iter().any(|problem| problem.task == Some(task.id) && problem.code.blocks());
    let may_begin = task.phase <= draft.header().open_phase && draft.at(Place::PassedOver).next().is_none();
    may_begin && !blocked && waits::file_wait(draft, locks, task).is_none()
}

/// Whether an issue waits for another, itself or through others, by what is stated or proposed.
fn leads_to(draft: &Draft<'_>, from: IssueNumber, to: IssueNumber) -> bool {
    let (mut found, mut seen) = (vec![from], BTreeSet::new());
    while let Some(issue) = found.pop() {
        if issue == to {
            return true;
        }
        let Some(task) = draft.task(TaskId(issue)).filter(|_| seen.insert(issue)) else { continue };
        found.extend(waits::dependencies(task));
        found.extend(task.planned().into_iter().flat_map(|(_, answer)| &answer.depends_on));
    }
    false
}
