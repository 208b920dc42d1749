//! Circles among dependencies, and an order in which everything outside them comes after what it depends on.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use petgraph::Graph;
use petgraph::algo::kosaraju_scc;
use petgraph::graph::NodeIndex;

use crate::engine::graph::{Node, inner};
use crate::engine::id::TaskId;
use crate::engine::problem::{Problem, ProblemCode};

/// Longer circles are named by their beginning.
const NAMED_MAX: usize = 12;

/// What is found.
pub(super) struct Circles {
    /// All tasks, dependencies first; members of one circle stand together.
    pub(super) topological: Vec<TaskId>,
    /// One for each member of a circle.
    pub(super) problems: Vec<Problem>,
}

/// Finds the circles. Kosaraju's algorithm, since petgraph's Tarjan recurses as deep as the longest chain of
/// dependencies.
pub(super) fn find(nodes: &BTreeMap<TaskId, Node>) -> Circles {
    let mut graph = Graph::<TaskId, ()>::with_capacity(nodes.len(), nodes.len());
    let places: BTreeMap<TaskId, NodeIndex> = nodes.keys().map(|id| (*id, graph.add_node(*id))).collect();
    for node in nodes.values() {
        for dependency in inner(nodes, node) {
            graph.update_edge(places[&dependency.id], places[&node.id], ());
        }
    }
    let mut found = Circles { topological: Vec::with_capacity(nodes.len()), problems: Vec::new() };
    for component in kosaraju_scc(&graph).into_iter().rev() {
        let members: BTreeSet<TaskId> = component.into_iter().map(|place| graph[place]).collect();
        if members.len() > 1 {
            found.problems.extend(problems(nodes, &members));
        }
        found.topological.extend(members);
    }
    found
}

/// A problem for each member, naming one circle of the component.
fn problems(nodes: &BTreeMap<TaskId, Node>, members: &BTreeSet<TaskId>) -> Vec<Problem> {
    let circle = circle(nodes, members);
    let mut names: Vec<String> = circle.iter().take(NAMED_MAX).map(|task| format!("#{}", task.0)).collect();
    if circle.len() > NAMED_MAX {
        names.push(format!("… ({} more)", circle.len() - NAMED_MAX));
    }
    names.extend(circle.first().map(|task| format!("#{}", task.0)));
    let message = format!(
        "These issues wait for each other in a circle: {}; take one of the dependencies out.",
        names.join(" → ")
    );
    members
        .iter()
        .map(|task| Problem { task: Some(*task), code: ProblemCode::Cycle, message: message.clone() })
        .collect()
}

/// The shortest way from the smallest member along "depends on" back to itself, that member first.
fn circle(nodes: &BTreeMap<TaskId, Node>, members: &BTreeSet<TaskId>) -> Vec<TaskId> {
    let Some(&start) = members.first() else { return Vec::new() };
    let mut came_from: BTreeMap<TaskId, TaskId> = BTreeMap::new();
    let mut queue = VecDeque::from([start]);
    while let Some(task) = queue.pop_front() {
        let Some(node) = nodes.get(&task) else { continue };
        for next in inner(nodes, node).map(|dependency| dependency.id).filter(|id| members.contains(id)) {
            if next == start {
                return walk_back(&came_from, start, task);
            }
            if let std::collections::btree_map::Entry::Vacant(slot) = came_from.entry(next) {
                slot.insert(task);
                queue.push_back(next);
            }
        }
    }
    members.iter().copied().collect()
}

fn walk_back(came_from: &BTreeMap<TaskId, TaskId>, start: TaskId, last: TaskId) -> Vec<TaskId> {
    let mut way = vec![last];
    let mut at = last;
    while at != start {
        let Some(&before) = came_from.get(&at) else { break };
        way.push(before);
        at = before;
    }
    way.reverse();
    way
}
