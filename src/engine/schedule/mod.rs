//! The scheduler: which ready tasks start now, given what is held, what runs and how many slots are free.

#[cfg(test)]
mod makespan;
#[cfg(test)]
mod tests;

use std::cmp::Reverse;
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
    /// The longest path of tasks that starts with it and goes through its dependents.
    pub remaining: u32,
    /// How many unsettled tasks of its phase want the paths it locks, added up over its paths, itself included.
    pub contention: u32,
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
    /// Ready tasks kept by an overlap, and by whose; those that would come after the last slot was taken are not looked
    /// at.
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
    let mut ready: Vec<Candidate<'_>> = candidates.iter().filter(|candidate| candidate.ready).cloned().collect();
    ready.sort_by_key(Candidate::place);
    let doors = doors(&ready, policy);
    let mut picking = Picking::new(held, running, doors, slots, policy);
    picking.pick(ready.iter().cloned());
    let passed_over = ready.iter().filter(|candidate| picking.passes_over(candidate)).map(|candidate| candidate.id);
    let mut passed_over: Vec<TaskId> = passed_over.collect();
    passed_over.sort_unstable();
    Picked { passed_over, ..picking.answer }
}

impl Candidate<'_> {
    /// By what it is ordered: late joiners, closed doors, the longest remaining path, priority, age. The path is that
    /// through its dependents, lengthened by those it shares files with: they go one after the other, and a task that
    /// needs several contended files at once finds them free ever more seldom. Measured in `makespan`, a test of this
    /// module: 200 random plans take 102.8 s on average, and 111.0 s where contention is left out.
    pub fn place(&self) -> impl Ord + use<> {
        let path = (Reverse(self.remaining + self.contention), Reverse(self.remaining));
        (!self.first, !self.closes_door(), path, self.priority, self.id)
    }

    /// Whether nothing that meets it may start before it.
    pub fn closes_door(&self) -> bool {
        self.passed_over >= PASSED_OVER_MAX && !self.waits_for_person
    }
}

/// Those of the ready candidates that close the door.
pub fn doors(ready: &[Candidate<'_>], policy: OverlapPolicy) -> LockTable {
    let mut doors = LockTable::new(policy);
    for candidate in ready.iter().filter(|candidate| candidate.closes_door()) {
        doors.insert(candidate.id, candidate.footprint);
    }
    doors
}

/// One round of picking.
#[derive(Debug)]
pub struct Picking<'a> {
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

impl<'a> Picking<'a> {
    /// A round that has not begun: `held` and `running` as for [`pick`], `doors` those that are closed.
    pub fn new(
        held: &'a LockTable,
        running: &'a LockTable,
        doors: LockTable,
        slots: usize,
        policy: OverlapPolicy,
    ) -> Self {
        let (ahead, picked) = (LockTable::new(policy), LockTable::new(policy));
        Self { held, running, doors, ahead, picked, slots, answer: Picked::default() }
    }

    /// Picks from ready candidates in their order ([`Candidate::place`]), and asks for no more of them once the last
    /// slot is taken.
    pub fn pick<'c>(&mut self, mut ready: impl Iterator<Item = Candidate<'c>>) {
        let mut kept_apart = Vec::new();
        while self.has_slot()
            && let Some(candidate) = ready.next()
        {
            if !self.excluded(&candidate) && !self.kept_apart(&candidate) {
                self.start(&candidate);
            } else if !self.answer.waits.contains_key(&candidate.id) {
                kept_apart.push(candidate);
            }
        }
        for candidate in kept_apart {
            if !self.excluded(&candidate) && self.start(&candidate) {
                continue;
            }
            self.note_soft(&candidate);
        }
    }

    /// What starts, in order.
    pub fn started(&self) -> &[TaskId] {
        &self.answer.start
    }

    /// Whether a ready candidate did not start and meets hard what did.
    pub fn passes_over(&self, candidate: &Candidate<'_>) -> bool {
        !self.picked.contains(candidate.id) && self.picked.first_hard(candidate.id, candidate.footprint).is_some()
    }

    fn has_slot(&self) -> bool {
        self.answer.start.len() < self.slots
    }

    /// Whether a hard meeting keeps the candidate; then the wait is noted.
    fn excluded(&mut self, candidate: &Candidate<'_>) -> bool {
        let (id, footprint) = (candidate.id, candidate.footprint);
        let doors = if candidate.closes_door() { &self.ahead } else { &self.doors };
        let held = if candidate.holds { None } else { self.held.first_hard(id, footprint) };
        // Whoever holds its files goes on: a door behind which a task waits for those very files would never open.
        let door = || if candidate.holds { None } else { doors.first_hard(id, footprint) };
        let found = held.or_else(|| self.picked.first_hard(id, footprint)).or_else(door);
        let Some((holder, meeting)) = found else { return false };
        self.answer.waits.insert(id, Wait { holder, meeting });
        if candidate.closes_door() {
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
        if !self.has_slot() {
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
            contention: layout.contention.get(&node.id).copied().unwrap_or_default(),
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
