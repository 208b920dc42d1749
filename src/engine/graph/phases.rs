//! Which phase a task belongs to.

use std::collections::BTreeMap;

use crate::engine::facts::Priority;
use crate::engine::graph::{Node, PHASES_MAX, Phase, inner};
use crate::engine::id::TaskId;
use crate::engine::problem::{Problem, ProblemCode};

/// What is found.
pub(super) struct Phasing {
    /// The phases in order.
    pub(super) phases: Vec<Phase>,
    /// Each task's phase number.
    pub(super) of: BTreeMap<TaskId, u32>,
    /// Stated phases that cannot be.
    pub(super) problems: Vec<Problem>,
}

/// A stated phase counts; else the priority's, raised to the latest phase of what the task depends on.
pub(super) fn assign(nodes: &BTreeMap<TaskId, Node>, topological: &[TaskId]) -> Phasing {
    let mut of: BTreeMap<TaskId, u32> = BTreeMap::new();
    let mut problems = Vec::new();
    for node in topological.iter().filter_map(|task| nodes.get(task)) {
        let latest = inner(nodes, node).filter_map(|other| Some((*of.get(&other.id)?, other.id))).max();
        let own = node.phase.unwrap_or_else(|| of_priority(node.priority));
        let number = match (node.phase, latest) {
            (Some(stated), Some((after, dependency))) if stated < after => {
                let message = format!(
                    "#{} states phase {stated} but depends on #{} of phase {after}; state phase {after} or later, \
                     or move #{}.",
                    node.id.0, dependency.0, dependency.0
                );
                problems.push(Problem { task: Some(node.id), code: ProblemCode::PhaseOrder, message });
                stated
            }
            (Some(stated), _) => stated,
            (None, latest) => own.max(latest.map_or(0, |(after, _)| after)),
        };
        of.insert(node.id, number);
    }
    let phases = phases(nodes, &of);
    problems.extend(too_many(&phases));
    Phasing { phases, of, problems }
}

fn of_priority(priority: Priority) -> u32 {
    match priority {
        Priority::Critical => 1,
        Priority::High => 2,
        Priority::Medium | Priority::Low => 3,
    }
}

fn phases(nodes: &BTreeMap<TaskId, Node>, of: &BTreeMap<TaskId, u32>) -> Vec<Phase> {
    let stated = nodes.values().any(|node| node.phase.is_some());
    let mut tasks: BTreeMap<u32, Vec<TaskId>> = BTreeMap::new();
    for (task, number) in of {
        tasks.entry(*number).or_default().push(*task);
    }
    let name = |number: u32| match number {
        1 if !stated => "Phase 1: Critical".to_owned(),
        2 if !stated => "Phase 2: High".to_owned(),
        3 if !stated => "Phase 3: Medium and low".to_owned(),
        _ => format!("Phase {number}"),
    };
    tasks.into_iter().map(|(number, tasks)| Phase { name: name(number), number, tasks }).collect()
}

fn too_many(phases: &[Phase]) -> impl Iterator<Item = Problem> {
    phases.iter().skip(PHASES_MAX).flat_map(|phase| {
        phase.tasks.iter().map(|task| Problem {
            task: Some(*task),
            code: ProblemCode::TooManyPhases,
            message: format!(
                "#{} is in {}, beyond the {PHASES_MAX} phases a plan may have; join it to an earlier phase.",
                task.0, phase.name
            ),
        })
    })
}
