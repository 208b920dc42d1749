//! The plan for people and programs: as JSON, as text, as a Mermaid graph.

mod mermaid;
mod text;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::engine::footprint::{OverlapPolicy, RankedFile, Strength};
use crate::engine::graph::{Edge, Layout, Node, Outside, Phase, layout};
use crate::engine::id::{IssueNumber, TaskId};
use crate::engine::plan::Plan;
use crate::engine::problem::ProblemCode;
use crate::engine::schedule::{Wait, starts};

/// The plan, as `plan --format json` prints it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanDocument {
    /// The phases in order.
    pub phases: Vec<PhaseDocument>,
    /// Why one comes before the other.
    pub edges: Vec<Edge>,
    /// The order in which tasks are expected to start.
    pub order: Vec<TaskId>,
    /// What stands in the way.
    pub problems: Vec<ProblemDocument>,
}

/// A phase.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhaseDocument {
    /// As shown.
    pub name: String,
    /// Its tasks by issue number.
    pub tasks: Vec<TaskDocument>,
    /// What starts at the instant the phase opens, with a slot for everybody.
    pub starts: Vec<TaskId>,
}

/// A task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskDocument {
    /// Its id.
    pub id: TaskId,
    /// Its issue.
    pub issue: IssueNumber,
    /// The issue's title.
    pub title: String,
    /// Its footprint as people write it.
    pub files: Vec<String>,
    /// Where no files are declared: those that its text is likely about, the likeliest first, at most three, with their
    /// shares in thousandths.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub likely: Vec<RankedFile>,
    /// Tasks (or issues outside the plan, in the same form) that come before it.
    pub depends_on: Vec<TaskId>,
    /// Commands that its text has run in a shell to validate the work.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub validate: Vec<String>,
    /// Why it does not start at the instant its phase opens, for people.
    #[serde(skip)]
    pub waits: Option<String>,
}

/// A problem.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProblemDocument {
    /// The task concerned.
    pub task: Option<TaskId>,
    /// What kind.
    pub code: ProblemCode,
    /// What is wrong and what to write instead.
    pub message: String,
}

/// Puts the document of a layout together. Lists are ordered; the same plan gives the same bytes.
pub fn plan_document(
    layout: &Layout,
    nodes: &BTreeMap<TaskId, Node>,
    titles: &BTreeMap<TaskId, String>,
    outside: &BTreeMap<IssueNumber, Outside>,
    policy: OverlapPolicy,
) -> PlanDocument {
    let world = World { layout, nodes, titles, outside, policy };
    PlanDocument {
        phases: layout.phases.iter().map(|phase| world.phase(phase)).collect(),
        edges: layout.edges.clone(),
        order: layout.order.clone(),
        problems: layout
            .problems
            .iter()
            .map(|problem| ProblemDocument { task: problem.task, code: problem.code, message: problem.message.clone() })
            .collect(),
    }
}

impl PlanDocument {
    /// The document of a plan under way, as a plan of the same issues would be shown before anything began.
    pub fn of(plan: &Plan) -> Self {
        let tasks = || plan.tasks.values().filter(|task| !task.left);
        let nodes = tasks().map(|task| (task.id, crate::engine::reconcile::node(task))).collect();
        let titles = tasks().map(|task| (task.id, task.title.clone())).collect();
        let (outside, policy) = (&plan.header.outside, plan.header.settings.overlap);
        let layout = layout(&nodes, outside, policy);
        let validation = tasks().map(|task| (task.id, task.facts.validate.clone())).collect();
        plan_document(&layout, &nodes, &titles, outside, policy).with_validation(&validation)
    }

    /// The same with the commands that each task's text has run.
    #[must_use]
    pub fn with_validation(mut self, commands: &BTreeMap<TaskId, Vec<String>>) -> Self {
        for task in self.phases.iter_mut().flat_map(|phase| &mut phase.tasks) {
            task.validate = commands.get(&task.id).cloned().unwrap_or_default();
        }
        self
    }
}

/// What the document is made from.
struct World<'a> {
    layout: &'a Layout,
    nodes: &'a BTreeMap<TaskId, Node>,
    titles: &'a BTreeMap<TaskId, String>,
    outside: &'a BTreeMap<IssueNumber, Outside>,
    policy: OverlapPolicy,
}

impl World<'_> {
    fn phase(&self, phase: &Phase) -> PhaseDocument {
        let picked = starts(self.layout, phase, self.nodes, self.outside, self.policy);
        let mut start = picked.start;
        start.sort_unstable();
        let nodes = phase.tasks.iter().filter_map(|id| self.nodes.get(id));
        let tasks = nodes
            .map(|node| TaskDocument {
                id: node.id,
                issue: node.id.0,
                title: self.titles.get(&node.id).cloned().unwrap_or_default(),
                files: node.footprint.paths(),
                likely: node.footprint.likely().cloned().collect(),
                depends_on: node.depends_on.iter().map(|issue| TaskId(*issue)).collect(),
                validate: Vec::new(),
                waits: self.waits(node, phase, picked.waits.get(&node.id)),
            })
            .collect();
        PhaseDocument { name: phase.name.clone(), tasks, starts: start }
    }

    /// Why a task does not start with its phase: a problem, a dependency, or an overlap, in that order.
    fn waits(&self, node: &Node, phase: &Phase, wait: Option<&Wait>) -> Option<String> {
        if node.settled {
            return Some("done".to_owned());
        }
        if let Some(problem) = self.layout.blocking(node.id).next() {
            return Some(format!("blocked: {}", problem.message));
        }
        let open: Vec<String> = node.depends_on.iter().filter_map(|issue| self.open(*issue, phase)).collect();
        if !open.is_empty() {
            return Some(format!("after {}", open.join(", ")));
        }
        wait.filter(|wait| wait.meeting.strength == Strength::Hard)
            .map(|wait| format!("after {} over `{}` ({})", wait.holder, wait.meeting.path, wait.meeting.evidence))
    }

    /// A dependency that keeps a task from starting with its phase, as it is named.
    fn open(&self, issue: IssueNumber, phase: &Phase) -> Option<String> {
        let id = TaskId(issue);
        match self.nodes.get(&id) {
            Some(dependency) if dependency.settled => None,
            Some(_) if self.layout.held_up.contains(&id) => Some(format!("{id} (which is blocked)")),
            Some(_) => phase.tasks.binary_search(&id).is_ok().then(|| id.to_string()),
            None => match self.outside.get(&issue) {
                Some(Outside::Closed) => None,
                Some(Outside::Open | Outside::Missing) | None => Some(format!("#{issue} (outside the plan, open)")),
            },
        }
    }
}
