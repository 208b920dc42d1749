//! The plan as a graph: phases, the order to expect and the edges that explain it, and the problems that stand in the
//! way.
//!
//! Everything here is near-linear in tasks, claims and edges; no pair of tasks is compared that does not share a path.

mod circles;
mod edges;
mod order;
mod phases;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::engine::facts::Priority;
use crate::engine::footprint::{Footprint, OverlapPolicy, Source, Strength};
use crate::engine::id::{IssueNumber, TaskId};
use crate::engine::problem::{Problem, ProblemCode};

/// Most phases of a plan.
pub const PHASES_MAX: usize = 10;
/// Most files a task may declare: what ten sub-issues of three files each could share.
pub const DECLARED_FILES_MAX: usize = 30;

/// A task as the plan sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// The task.
    pub id: TaskId,
    /// The issues it depends on, in the plan or outside.
    pub depends_on: Vec<IssueNumber>,
    /// The phase it states.
    pub phase: Option<u32>,
    /// How urgent.
    pub priority: Priority,
    /// What it touches.
    pub footprint: Footprint,
    /// Whether it is done with: it holds up nobody and appears in no order.
    pub settled: bool,
    /// Problems of its text.
    pub problems: Vec<Problem>,
}

/// What is known of an issue outside the plan that somebody depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outside {
    /// Open: whoever depends on it waits.
    Open,
    /// Closed: done.
    Closed,
    /// There is none of that number.
    Missing,
}

/// A phase. Phases without tasks do not exist.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Phase {
    /// As shown: "Phase 1: Critical", or "Phase 4".
    pub name: String,
    /// Its number, from 1; gaps are possible.
    pub number: u32,
    /// Its tasks by issue number, settled ones too.
    pub tasks: Vec<TaskId>,
}

/// Why one comes before the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, strum::Display)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum EdgeKind {
    /// Somebody said so.
    DependsOn,
    /// They share a path; either order would do, this is the one expected.
    Overlap,
    /// A phase and the next.
    Phase,
}

/// One reason for the order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Edge {
    /// What comes first: a task's id, or a phase's name.
    pub from: String,
    /// What comes after it.
    pub to: String,
    /// Why.
    pub kind: EdgeKind,
    /// Of an overlap.
    pub strength: Option<Strength>,
    /// For people.
    pub evidence: String,
}

/// The plan laid out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layout {
    /// The phases in order.
    pub phases: Vec<Phase>,
    /// The order in which unsettled tasks are expected to start. Tasks that cannot start as things stand (see
    /// [`Layout::held_up`]) are not in it.
    pub order: Vec<TaskId>,
    /// Of each unsettled task the longest path, in tasks, that starts with it and goes through its dependents.
    pub remaining: BTreeMap<TaskId, u32>,
    /// Of each unsettled task how many unsettled ones of its phase want the paths it locks, added up over its paths,
    /// itself included.
    pub contention: BTreeMap<TaskId, u32>,
    /// What stands in the way, by task.
    pub problems: Vec<Problem>,
    /// The reasons for the order.
    pub edges: Vec<Edge>,
    /// Unsettled tasks that cannot start before a person acts: those with a blocking problem and all that depend on
    /// them.
    pub held_up: BTreeSet<TaskId>,
}

/// Lays a plan out. `outside` tells of every issue outside the plan that is depended on; one it does not know counts as
/// missing.
pub fn layout(
    nodes: &BTreeMap<TaskId, Node>,
    outside: &BTreeMap<IssueNumber, Outside>,
    policy: OverlapPolicy,
) -> Layout {
    let (mut layout, phase_of) = arrange(nodes, outside, policy);
    layout.edges = edges::all(nodes, &layout, &phase_of, policy);
    layout
}

/// The same without the reasons for the order, for places that do not show them.
pub fn layout_unexplained(
    nodes: &BTreeMap<TaskId, Node>,
    outside: &BTreeMap<IssueNumber, Outside>,
    policy: OverlapPolicy,
) -> Layout {
    arrange(nodes, outside, policy).0
}

/// A layout without edges, and each task's phase by number.
fn arrange(
    nodes: &BTreeMap<TaskId, Node>,
    outside: &BTreeMap<IssueNumber, Outside>,
    policy: OverlapPolicy,
) -> (Layout, BTreeMap<TaskId, u32>) {
    let circles = circles::find(nodes);
    let mut problems = own_problems(nodes, outside);
    problems.extend(circles.problems);
    let phasing = phases::assign(nodes, &circles.topological);
    problems.extend(phasing.problems);
    problems.sort();
    problems.dedup();
    let held_up = held_up(nodes, &problems, &circles.topological);
    let mut layout = Layout {
        phases: phasing.phases,
        order: Vec::new(),
        remaining: order::remaining(nodes, &circles.topological),
        contention: order::contention(nodes, &phasing.of, policy),
        problems,
        edges: Vec::new(),
        held_up,
    };
    let expected = |phase| order::expected(nodes, phase, &layout, policy);
    layout.order = layout.phases.iter().flat_map(expected).collect();
    (layout, phasing.of)
}

impl Layout {
    /// Gives phases other names, by number; edges between phases follow.
    pub fn with_phase_names(mut self, names: &BTreeMap<u32, String>) -> Self {
        let mut renamed = BTreeMap::new();
        for phase in &mut self.phases {
            if let Some(name) = names.get(&phase.number) {
                renamed.insert(std::mem::replace(&mut phase.name, name.clone()), name.clone());
            }
        }
        for edge in self.edges.iter_mut().filter(|edge| edge.kind == EdgeKind::Phase) {
            for end in [&mut edge.from, &mut edge.to] {
                if let Some(name) = renamed.get(end.as_str()) {
                    end.clone_from(name);
                }
            }
        }
        self
    }

    /// The blocking problems of a task. Problems are sorted by task, so this costs what it finds.
    pub fn blocking(&self, task: TaskId) -> impl Iterator<Item = &Problem> {
        let first = self.problems.partition_point(|problem| problem.task < Some(task));
        let own = self.problems.iter().skip(first).take_while(move |problem| problem.task == Some(task));
        own.filter(|problem| problem.code.blocks())
    }
}

/// The dependencies of a node that are tasks of the plan, itself excepted.
fn inner<'a>(nodes: &'a BTreeMap<TaskId, Node>, node: &'a Node) -> impl Iterator<Item = &'a Node> {
    node.depends_on.iter().filter(|issue| **issue != node.id.0).filter_map(|issue| nodes.get(&TaskId(*issue)))
}

/// Problems that a task has by itself: of its text, its dependencies' existence, its size.
fn own_problems(nodes: &BTreeMap<TaskId, Node>, outside: &BTreeMap<IssueNumber, Outside>) -> Vec<Problem> {
    let mut problems = Vec::new();
    for node in nodes.values() {
        let task = Some(node.id);
        problems.extend(node.problems.iter().map(|problem| Problem { task, ..problem.clone() }));
        for issue in &node.depends_on {
            if *issue == node.id.0 {
                let message = format!("#{issue} depends on itself; take that line out.");
                problems.push(Problem { task, code: ProblemCode::SelfDependency, message });
            } else if !nodes.contains_key(&TaskId(*issue))
                && matches!(outside.get(issue), None | Some(Outside::Missing))
            {
                let message = format!(
                    "#{} depends on #{issue}, which does not exist; correct the number or take it out.",
                    node.id.0
                );
                problems.push(Problem { task, code: ProblemCode::MissingDependency, message });
            }
        }
        let declared = node.footprint.claims.iter().filter(|claim| claim.source == Source::Declared).count();
        if declared > DECLARED_FILES_MAX {
            let message = format!(
                "#{} declares {declared} files, more than the {DECLARED_FILES_MAX} a task may have; split it into \
                 sub-issues of at most three files each.",
                node.id.0
            );
            problems.push(Problem { task, code: ProblemCode::TooLarge, message });
        }
    }
    problems
}

/// Tasks with a blocking problem and everything unsettled that depends on them. Each task comes after its dependencies
/// in `topological`; members of circles are blocked themselves, so their order among each other does not matter.
fn held_up(nodes: &BTreeMap<TaskId, Node>, problems: &[Problem], topological: &[TaskId]) -> BTreeSet<TaskId> {
    let blocked = problems.iter().filter(|problem| problem.code.blocks()).filter_map(|problem| problem.task);
    let unsettled = |task: &TaskId| nodes.get(task).is_some_and(|node| !node.settled);
    let mut held: BTreeSet<TaskId> = blocked.filter(unsettled).collect();
    for node in topological.iter().filter_map(|task| nodes.get(task)).filter(|node| !node.settled) {
        if inner(nodes, node).any(|dependency| held.contains(&dependency.id)) {
            held.insert(node.id);
        }
    }
    held
}
