//! The scheduler: which ready tasks start now, given what is held, what runs and how many slots are free.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::engine::facts::Priority;
use crate::engine::footprint::{Footprint, OverlapPolicy};
use crate::engine::graph::{Layout, Node, Outside, Phase};
use crate::engine::id::{IssueNumber, TaskId};
use crate::engine::overlap::{LockTable, Meeting};

/// A task passed over so often closes the door: what meets it hard does not start before it.
pub const PASSED_OVER_MAX: u32 = 5;

/// A task that might start.
#[derive(Clone, Debug)]
pub struct Candidate<'a> {
    /// The task.
    pub id: TaskId,
    /// What it touches.
    pub footprint: &'a Footprint,
    /// The longest path of tasks that starts with it.
    pub remaining: u32,
    /// How urgent.
    pub priority: Priority,
    /// How often it was passed over.
    pub passed_over: u32,
    /// Whether a lock it waits for is held by a task that waits for a person; then its door stays open.
    pub waits_for_person: bool,
    /// Whether nothing but overlaps and slots keeps it: dependencies, gate, approval and backoff are fine.
    pub ready: bool,
    /// Whether it joined after its phase had passed and goes first.
    pub first: bool,
    /// Whether it holds its files already (a retry): whoever came to hold one of them later waits for it, not it for
    /// them.
    pub holds: bool,
}

/// A task waits for another over their overlap.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wait {
    /// Who has the files, or goes first.
    pub holder: TaskId,
    /// Over what.
    pub meeting: Meeting,
}

/// The scheduler's answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Picked {
    /// What starts, in order; at most as many as there are free slots.
    pub start: Vec<TaskId>,
    /// Ready tasks that only overlaps kept from starting while one that meets them hard was picked: each counts once
    /// more.
    pub passed_over: Vec<TaskId>,
    /// Ready tasks kept by an overlap, and by whose.
    pub waits: BTreeMap<TaskId, Wait>,
}

/// Picks what starts. `held` has every task that holds a lock, `running` those of them whose attempt is under way (for
/// what only keeps apart); both are tables of `policy`, and a candidate's own entry in them never counts. `slots` are
/// the free ones.
///
/// A hard meeting excludes. A soft one keeps apart while other ready work can fill the slots, and never leaves a slot
/// idle. First come late joiners, then closed doors, then the longest remaining path, priority and age.
pub fn pick(
    candidates: &[Candidate<'_>],
    held: &LockTable,
    running: &LockTable,
    slots: usize,
    policy: OverlapPolicy,
) -> Picked {
    let mut ready: Vec<&Candidate<'_>> = candidates.iter().filter(|candidate| candidate.ready).collect();
    ready.sort_by_key(|candidate| {
        let late = !candidate.first;
        (late, !closes_door(candidate), std::cmp::Reverse(candidate.remaining), candidate.priority, candidate.id)
    });
    let mut doors = LockTable::new(policy);
    for candidate in ready.iter().filter(|candidate| closes_door(candidate)) {
        doors.insert(candidate.id, candidate.footprint);
    }
    let ahead = LockTable::new(policy);
    let mut picking =
        Picking { held, running, doors, ahead, picked: LockTable::new(policy), slots, answer: Picked::default() };
    let mut kept_apart = Vec::new();
    for candidate in &ready {
        if !picking.excluded(candidate) && !picking.kept_apart(candidate) {
            picking.start(candidate);
        } else if !picking.answer.waits.contains_key(&candidate.id) {
            kept_apart.push(*candidate);
        }
    }
    for candidate in kept_apart {
        if !picking.excluded(candidate) && picking.start(candidate) {
            continue;
        }
        picking.note_soft(candidate);
    }
    picking.finish(&ready)
}

fn closes_door(candidate: &Candidate<'_>) -> bool {
    candidate.passed_over >= PASSED_OVER_MAX && !candidate.waits_for_person
}

/// One round of picking.
struct Picking<'a> {
    held: &'a LockTable,
    running: &'a LockTable,
    /// Closed doors whose task has not been picked.
    doors: LockTable,
    /// Those of them that were looked at and could not start: doors behind them wait too.
    ahead: LockTable,
    picked: LockTable,
    slots: usize,
    answer: Picked,
}

impl Picking<'_> {
    /// Whether a hard meeting keeps the candidate; then the wait is noted.
    fn excluded(&mut self, candidate: &Candidate<'_>) -> bool {
        let (id, footprint) = (candidate.id, candidate.footprint);
        let doors = if closes_door(candidate) { &self.ahead } else { &self.doors };
        let held = if candidate.holds { None } else { self.held.first_hard(id, footprint) };
        // Whoever holds its files goes on: a door behind which a task waits for those very files would never open.
        let door = || if candidate.holds { None } else { doors.first_hard(id, footprint) };
        let found = held.or_else(|| self.picked.first_hard(id, footprint)).or_else(door);
        let Some((holder, meeting)) = found else { return false };
        self.answer.waits.insert(id, Wait { holder, meeting });
        if closes_door(candidate) {
            self.ahead.insert(id, footprint);
        }
        true
    }

    /// Whether a soft meeting with what runs or was picked speaks against starting the candidate before others.
    fn kept_apart(&self, candidate: &Candidate<'_>) -> bool {
        self.soft(candidate).is_some()
    }

    fn soft(&self, candidate: &Candidate<'_>) -> Option<(TaskId, Meeting)> {
        let (id, footprint) = (candidate.id, candidate.footprint);
        self.running.first_soft_or_hard(id, footprint).or_else(|| self.picked.first_soft_or_hard(id, footprint))
    }

    /// Starts the candidate if a slot is free.
    fn start(&mut self, candidate: &Candidate<'_>) -> bool {
        if self.answer.start.len() >= self.slots {
            return false;
        }
        self.answer.start.push(candidate.id);
        self.picked.insert(candidate.id, candidate.footprint);
        self.doors.remove(candidate.id);
        true
    }

    fn note_soft(&mut self, candidate: &Candidate<'_>) {
        if !self.answer.waits.contains_key(&candidate.id)
            && let Some((holder, meeting)) = self.soft(candidate)
        {
            self.answer.waits.insert(candidate.id, Wait { holder, meeting });
        }
    }

    fn finish(mut self, ready: &[&Candidate<'_>]) -> Picked {
        let started: BTreeSet<TaskId> = self.answer.start.iter().copied().collect();
        self.answer.passed_over = ready
            .iter()
            .filter(|candidate| !started.contains(&candidate.id))
            .filter(|candidate| self.picked.first_hard(candidate.id, candidate.footprint).is_some())
            .map(|candidate| candidate.id)
            .collect();
        self.answer.passed_over.sort_unstable();
        self.answer
    }
}

/// What starts at the instant a phase opens, with a slot for everybody: earlier phases are through, later ones have not
/// begun.
pub fn starts(
    layout: &Layout,
    phase: &Phase,
    nodes: &BTreeMap<TaskId, Node>,
    outside: &BTreeMap<IssueNumber, Outside>,
    policy: OverlapPolicy,
) -> Picked {
    let members: BTreeSet<TaskId> = phase.tasks.iter().copied().collect();
    let candidates: Vec<Candidate<'_>> = phase
        .tasks
        .iter()
        .filter_map(|task| nodes.get(task))
        .filter(|node| !node.settled)
        .map(|node| Candidate {
            id: node.id,
            footprint: &node.footprint,
            remaining: layout.remaining.get(&node.id).copied().unwrap_or(1),
            priority: node.priority,
            passed_over: 0,
            waits_for_person: false,
            ready: !layout.held_up.contains(&node.id) && dependencies_met(node, nodes, outside, &members),
            first: false,
            holds: false,
        })
        .collect();
    let none = LockTable::new(policy);
    pick(&candidates, &none, &none, usize::MAX, policy)
}

/// Whether nothing that a task depends on is open outside the plan or unsettled in its own phase.
fn dependencies_met(
    node: &Node,
    nodes: &BTreeMap<TaskId, Node>,
    outside: &BTreeMap<IssueNumber, Outside>,
    members: &BTreeSet<TaskId>,
) -> bool {
    node.depends_on.iter().all(|issue| match nodes.get(&TaskId(*issue)) {
        Some(dependency) => dependency.settled || !members.contains(&dependency.id),
        None => outside.get(issue) == Some(&Outside::Closed),
    })
}
