//! The order in which a phase's tasks are expected to start: list scheduling with tasks of one length and slots for
//! all.

use std::collections::{BTreeMap, BTreeSet};

use crate::engine::facts::Priority;
use crate::engine::footprint::{Claim, Footprint, OverlapPolicy, Strength};
use crate::engine::graph::{Layout, Node, Phase, inner};
use crate::engine::id::TaskId;
use crate::engine::overlap::{self, LockTable};

/// As [`Candidate::place`](crate::engine::schedule::Candidate::place) orders them.
type Rank = (std::cmp::Reverse<u32>, std::cmp::Reverse<u32>, Priority, TaskId);

/// The path a task waits for, whether it names that path itself or one that only meets it, and whether more than
/// mentions is known of it. Of those who name it each meets whoever keeps one of them from it, and of those who do not,
/// each meets whoever names it. A task that guesses keep has a queue to itself.
type Queue = (String, bool, bool, Option<TaskId>);

/// See [`Layout::remaining`](crate::engine::graph::Layout::remaining).
pub(super) fn remaining(nodes: &BTreeMap<TaskId, Node>, topological: &[TaskId]) -> BTreeMap<TaskId, u32> {
    let mut remaining: BTreeMap<TaskId, u32> = BTreeMap::new();
    let mut after: BTreeMap<TaskId, u32> = BTreeMap::new();
    for node in topological.iter().rev().filter_map(|task| nodes.get(task)).filter(|node| !node.settled) {
        let path = 1 + after.get(&node.id).copied().unwrap_or_default();
        remaining.insert(node.id, path);
        for dependency in inner(nodes, node) {
            let longest = after.entry(dependency.id).or_default();
            *longest = path.max(*longest);
        }
    }
    remaining
}

/// See [`Layout::contention`](crate::engine::graph::Layout::contention).
pub(super) fn contention(
    nodes: &BTreeMap<TaskId, Node>,
    phase_of: &BTreeMap<TaskId, u32>,
    policy: OverlapPolicy,
) -> BTreeMap<TaskId, u32> {
    let unsettled = || nodes.values().filter(|node| !node.settled);
    let mut sharers: BTreeMap<(u32, String), u32> = BTreeMap::new();
    let paths = |node: &Node| {
        let phase = phase_of.get(&node.id).copied().unwrap_or_default();
        overlap::hard_paths(&node.footprint, policy).into_iter().map(|path| (phase, path)).collect::<BTreeSet<_>>()
    };
    for path in unsettled().flat_map(paths) {
        *sharers.entry(path).or_default() += 1;
    }
    let all = |node: &Node| paths(node).iter().filter_map(|path| sharers.get(path)).sum();
    unsettled().map(|node| (node.id, all(node))).collect()
}

/// The tasks of a phase in the order they are expected to start.
pub(super) fn expected(
    nodes: &BTreeMap<TaskId, Node>,
    phase: &Phase,
    layout: &Layout,
    policy: OverlapPolicy,
) -> Vec<TaskId> {
    let members: BTreeMap<TaskId, &Node> = phase
        .tasks
        .iter()
        .filter(|task| !layout.held_up.contains(task))
        .filter_map(|task| nodes.get(task))
        .filter(|node| !node.settled)
        .map(|node| (node.id, node))
        .collect();
    let mut rounds = Rounds::new(nodes, &members, layout, policy);
    while rounds.round() {}
    rounds.order
}

/// Rounds of equal length: in each, tasks end that started in the one before, then what can start does.
///
/// A task that meets a running one waits in the queue of the path they meet over. When that path comes free its queue
/// is looked at from the front, up to the first that meets another running task over the same path: those behind it
/// meet that one too. So a path that everybody shares costs two looks per round.
struct Rounds<'a> {
    policy: OverlapPolicy,
    members: &'a BTreeMap<TaskId, &'a Node>,
    layout: &'a Layout,
    /// How many dependencies in this phase have not ended.
    missing: BTreeMap<TaskId, usize>,
    dependents: BTreeMap<TaskId, Vec<TaskId>>,
    table: LockTable,
    /// Waiting tasks, best first.
    queues: BTreeMap<Queue, BTreeSet<Rank>>,
    /// The queues to be looked at when a running task ends.
    watched: BTreeMap<TaskId, BTreeSet<Queue>>,
    /// To be looked at in this round, with the queue each stands in.
    candidates: BTreeSet<(Rank, Option<Queue>)>,
    running: Vec<TaskId>,
    order: Vec<TaskId>,
}

impl<'a> Rounds<'a> {
    fn new(
        nodes: &BTreeMap<TaskId, Node>,
        members: &'a BTreeMap<TaskId, &'a Node>,
        layout: &'a Layout,
        policy: OverlapPolicy,
    ) -> Self {
        let mut rounds = Self {
            policy,
            members,
            layout,
            missing: BTreeMap::new(),
            dependents: BTreeMap::new(),
            table: LockTable::new(policy),
            queues: BTreeMap::new(),
            watched: BTreeMap::new(),
            candidates: BTreeSet::new(),
            running: Vec::new(),
            order: Vec::new(),
        };
        for node in members.values() {
            let before: BTreeSet<TaskId> =
                inner(nodes, node).map(|other| other.id).filter(|id| members.contains_key(id)).collect();
            rounds.missing.insert(node.id, before.len());
            if before.is_empty() {
                rounds.candidates.insert((rounds.rank(node.id), None));
            }
            for dependency in before {
                rounds.dependents.entry(dependency).or_default().push(node.id);
            }
        }
        rounds
    }

    fn rank(&self, task: TaskId) -> Rank {
        let remaining = self.layout.remaining.get(&task).copied().unwrap_or_default();
        let contention = self.layout.contention.get(&task).copied().unwrap_or_default();
        let priority = self.members.get(&task).map(|node| node.priority).unwrap_or_default();
        (std::cmp::Reverse(remaining + contention), std::cmp::Reverse(remaining), priority, task)
    }

    /// One round; `false` once nothing runs any more.
    fn round(&mut self) -> bool {
        for task in std::mem::take(&mut self.running) {
            self.end(task);
        }
        while let Some((rank, queue)) = self.candidates.pop_first() {
            self.consider(rank, queue);
        }
        !self.running.is_empty()
    }

    fn end(&mut self, task: TaskId) {
        self.table.remove(task);
        for path in self.watched.remove(&task).unwrap_or_default() {
            self.look_at_first_of(path);
        }
        for dependent in self.dependents.remove(&task).unwrap_or_default() {
            let missing = self.missing.entry(dependent).or_default();
            *missing = missing.saturating_sub(1);
            if *missing == 0 {
                self.candidates.insert((self.rank(dependent), None));
            }
        }
    }

    fn look_at_first_of(&mut self, queue: Queue) {
        if let Some(rank) = self.queues.get(&queue).and_then(|waiting| waiting.first()).copied() {
            self.candidates.insert((rank, Some(queue)));
        }
    }

    fn consider(&mut self, rank: Rank, from: Option<Queue>) {
        let (.., task) = rank;
        let Some(node) = self.members.get(&task) else { return };
        let blocked = self.table.first_hard(task, &node.footprint);
        let blocked = blocked.map(|(holder, meeting)| (holder, self.queue(task, &node.footprint, &meeting.path)));
        if let (Some(queue), Some((holder, over))) = (&from, &blocked)
            && queue == over
        {
            self.watched.entry(*holder).or_default().insert(queue.clone());
            return;
        }
        if let Some(waiting) = from.as_ref().and_then(|queue| self.queues.get_mut(queue)) {
            waiting.remove(&rank);
        }
        match blocked {
            Some((holder, over)) => {
                self.queues.entry(over.clone()).or_default().insert(rank);
                self.watched.entry(holder).or_default().insert(over);
            }
            None => {
                self.table.insert(task, &node.footprint);
                self.running.push(task);
                self.order.push(task);
            }
        }
        // Whoever stands next may meet neither the one that started nor what the other one now waits for.
        if let Some(queue) = from {
            self.look_at_first_of(queue);
        }
    }

    /// Where a task of this footprint waits that meets a running one over this path. Whoever is guessed to touch it
    /// waits alone: guesses add up, so that what keeps one from starting need not keep another.
    fn queue(&self, task: TaskId, footprint: &Footprint, path: &str) -> Queue {
        let path = path.to_lowercase();
        let names = |claim: &Claim| {
            overlap::effective(claim, self.policy) == Some(Strength::Hard) && overlap::spelled(&claim.area) == path
        };
        let own = footprint.is_unknown() || footprint.claims.iter().any(names);
        let mixed = footprint.is_known() && !footprint.claims.iter().all(Claim::is_known);
        let alone = mixed || !footprint.guesses().is_empty();
        (path, own, footprint.is_known(), alone.then_some(task))
    }
}
