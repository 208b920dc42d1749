//! The manifest: a plan as one JSON file, read and written. Unknown keys are ignored on reading; all known ones are
//! written.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};

use crate::engine::facts::{Priority, area};
use crate::engine::footprint::{Claim, Footprint, Source, Strength};
use crate::engine::graph::{Layout, Node};
use crate::engine::id::{IssueNumber, TaskId};
use crate::engine::problem::{Problem, ProblemCode};

/// Largest manifest that is read, in bytes.
const BYTES_MAX: usize = 25_000_000;

/// The statuses a task of a manifest may have; an absent one is the first.
const STATUSES: [&str; 9] =
    ["pending", "blocked", "running", "stuck", "error", "complete", "pr_open", "merged", "cancelled"];

/// The file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// What the plan is for.
    #[serde(default, deserialize_with = "or_default")]
    pub project: String,
    /// `owner/name`.
    #[serde(default, deserialize_with = "or_default")]
    pub repo: String,
    /// When it was made, RFC 3339.
    #[serde(default)]
    pub created: Option<String>,
    /// The agent's model.
    #[serde(default, deserialize_with = "or_default")]
    pub model: String,
    /// The effort asked of it.
    #[serde(default, deserialize_with = "or_default")]
    pub model_tier: String,
    /// The phases in order.
    pub phases: Vec<ManifestPhase>,
}

/// A phase of a manifest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestPhase {
    /// As shown.
    pub name: String,
    /// Its tasks.
    pub tasks: Vec<ManifestTask>,
}

/// A task of a manifest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ManifestTask {
    /// How other tasks name it; `t<issue>` when written.
    pub id: String,
    /// The issue's number.
    pub issue: u64,
    /// The issue's title.
    #[serde(default, deserialize_with = "or_default")]
    pub title: String,
    /// Declared files.
    #[serde(default, deserialize_with = "or_default")]
    pub files: Vec<String>,
    /// Ids of tasks that come before it.
    #[serde(default, deserialize_with = "or_default")]
    pub depends_on: Vec<String>,
    /// One of the status words.
    #[serde(default = "pending")]
    pub status: String,
    /// The branch.
    #[serde(default)]
    pub worktree: Option<String>,
    /// The run.
    #[serde(default)]
    pub tmux_session: Option<String>,
    /// RFC 3339.
    #[serde(default)]
    pub started_at: Option<String>,
    /// RFC 3339.
    #[serde(default)]
    pub last_progress: Option<String>,
    /// RFC 3339.
    #[serde(default)]
    pub completed_at: Option<String>,
    /// The pull request.
    #[serde(default)]
    pub pr_number: Option<u64>,
}

fn pending() -> String {
    STATUSES[0].to_owned()
}

/// `null` reads as nothing given.
fn or_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// A manifest as the plan takes it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ManifestPlan {
    /// The tasks; each states the phase it stands in.
    pub nodes: BTreeMap<TaskId, Node>,
    /// Titles.
    pub titles: BTreeMap<TaskId, String>,
    /// The phases' names by number.
    pub phase_names: BTreeMap<u32, String>,
}

/// What keeps a manifest from being read at all.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// Too large to look at.
    #[error("the manifest has {0} bytes; at most {BYTES_MAX} are read")]
    TooLarge(usize),
    /// Not JSON, or not of the form; with line and column.
    #[error(
        "the manifest cannot be read: {0}; it needs `phases`, each with `name` and `tasks`, each with `id` and `issue`"
    )]
    Form(String),
    /// A list, as an issues file has it.
    #[error("this looks like an issues file, a list of issues, and no manifest; give it with --issues FILE")]
    List,
    /// Two tasks of one id, or of one issue.
    #[error("the manifest names {0} twice; give every task an id and an issue of its own")]
    Twice(String),
    /// A word that is no status.
    #[error("task `{id}` has the status `{status}`; write one of {}", STATUSES.join(", "))]
    Status {
        /// The task.
        id: String,
        /// The word.
        status: String,
    },
}

/// What is wrong with JSON, with a column that is counted from 1: at a line's end the parser has none.
pub(crate) fn placed(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.strip_suffix("column 0") {
        Some(before) => format!("{before}column 1"),
        None => text,
    }
}

impl Manifest {
    /// Reads the file's text.
    pub fn parse(text: &str) -> Result<Self, ManifestError> {
        if text.len() > BYTES_MAX {
            return Err(ManifestError::TooLarge(text.len()));
        }
        if text.trim_start().starts_with('[') {
            return Err(ManifestError::List);
        }
        serde_json::from_str(text).map_err(|error| ManifestError::Form(placed(&error)))
    }

    /// The file's text: readable JSON with a final newline.
    pub fn to_text(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }

    /// The tasks as the plan takes them. Phases are numbered as they stand; a dependency on an unknown id and a path
    /// that is none are problems of their task.
    pub fn plan(&self) -> Result<ManifestPlan, ManifestError> {
        let mut issues: BTreeMap<&str, IssueNumber> = BTreeMap::new();
        for task in self.phases.iter().flat_map(|phase| &phase.tasks) {
            if issues.insert(&task.id, IssueNumber(task.issue)).is_some() {
                return Err(ManifestError::Twice(format!("the id `{}`", task.id)));
            }
        }
        let mut plan = ManifestPlan::default();
        for (number, phase) in (1..).zip(&self.phases) {
            plan.phase_names.insert(number, phase.name.clone());
            for task in &phase.tasks {
                let node = node(task, number, &issues)?;
                plan.titles.insert(node.id, task.title.clone());
                if let Some(twin) = plan.nodes.insert(node.id, node) {
                    return Err(ManifestError::Twice(format!("the issue #{}", twin.id.0)));
                }
            }
        }
        Ok(plan)
    }

    /// The manifest of a plan, with what `task` says of each task beyond its place and dependencies. The head (project,
    /// repo, created, model) is the caller's.
    pub fn with_plan(
        mut self,
        layout: &Layout,
        nodes: &BTreeMap<TaskId, Node>,
        task: impl Fn(TaskId) -> ManifestTask,
    ) -> Self {
        let tasks = |members: &[TaskId]| {
            members.iter().filter_map(|id| nodes.get(id)).map(|node| written(node, &task)).collect()
        };
        let phases = layout.phases.iter();
        self.phases =
            phases.map(|phase| ManifestPhase { name: phase.name.clone(), tasks: tasks(&phase.tasks) }).collect();
        self
    }
}

/// A node as it is written, over what the caller says of it.
fn written(node: &Node, task: &impl Fn(TaskId) -> ManifestTask) -> ManifestTask {
    let said = task(node.id);
    ManifestTask {
        id: node.id.to_string(),
        issue: node.id.0.0,
        files: node.footprint.paths(),
        depends_on: node.depends_on.iter().map(|issue| TaskId(*issue).to_string()).collect(),
        status: if said.status.is_empty() { pending() } else { said.status.clone() },
        ..said
    }
}

fn node(task: &ManifestTask, phase: u32, issues: &BTreeMap<&str, IssueNumber>) -> Result<Node, ManifestError> {
    if !STATUSES.contains(&task.status.as_str()) {
        return Err(ManifestError::Status { id: task.id.clone(), status: task.status.clone() });
    }
    let id = TaskId(IssueNumber(task.issue));
    let mut problems = Vec::new();
    let mut problem = |code, message| problems.push(Problem { task: Some(id), code, message });
    let mut depends_on = Vec::new();
    for name in &task.depends_on {
        match issues.get(name.as_str()) {
            Some(issue) => depends_on.push(*issue),
            None => problem(
                ProblemCode::MissingDependency,
                format!(
                    "#{} depends on `{name}`, which the manifest does not have; correct it or take it out.",
                    task.issue
                ),
            ),
        }
    }
    let mut claims = Vec::new();
    for file in &task.files {
        match area(file) {
            Ok(area) => claims.push(Claim {
                area,
                strength: Strength::Hard,
                source: Source::Declared,
                evidence: "declared in the manifest".to_owned(),
            }),
            Err(reason) => problem(ProblemCode::BadPath, format!("`{file}` of `{}` is left out: {reason}.", task.id)),
        }
    }
    Ok(Node {
        id,
        depends_on,
        phase: Some(phase),
        priority: Priority::default(),
        footprint: Footprint::from_claims(claims),
        settled: matches!(task.status.as_str(), "merged" | "cancelled"),
        problems,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::footprint::OverlapPolicy;
    use crate::engine::graph::layout;

    const EXAMPLE: &str = include_str!("../../tests/data/security-framework.json");

    #[test]
    fn a_manifest_is_read_and_written_back() {
        let manifest = Manifest::parse(EXAMPLE).expect("well formed");
        let plan = manifest.plan().expect("a plan");
        let layout = layout(&plan.nodes, &BTreeMap::new(), OverlapPolicy::Balanced).with_phase_names(&plan.phase_names);
        let head = Manifest { phases: Vec::new(), ..manifest.clone() };
        let again = head.with_plan(&layout, &plan.nodes, |_| ManifestTask::default());
        let text = again.to_text();
        for key in [
            "modelTier",
            "dependsOn",
            "tmuxSession",
            "worktree",
            "startedAt",
            "lastProgress",
            "completedAt",
            "prNumber",
        ] {
            assert!(text.contains(&format!("\"{key}\"")), "{key}");
        }
        let again = Manifest::parse(&text).expect("its own text").plan().expect("a plan");
        assert_eq!(again, plan);
    }

    #[test]
    fn mistakes_are_named() {
        let one = |task: &str| format!(r#"{{"phases":[{{"name":"P","tasks":[{task}]}}]}}"#);
        for (text, part) in [
            ("{".to_owned(), "line 1 column 1"),
            ("{}".to_owned(), "phases"),
            (one(r#"{"id":"a","issue":1},{"id":"a","issue":2}"#), "the id `a` twice"),
            (one(r#"{"id":"a","issue":1},{"id":"b","issue":1}"#), "the issue #1 twice"),
            (one(r#"{"id":"a","issue":1,"status":"lost"}"#), "`lost`"),
        ] {
            let error = Manifest::parse(&text).and_then(|manifest| manifest.plan()).expect_err(&text);
            assert!(error.to_string().contains(part), "{error}");
        }
        let text = one(r#"{"id":"a","issue":1,"dependsOn":["z"],"files":["../x"],"title":null,"other":1}"#);
        let plan = Manifest::parse(&text).expect("form").plan().expect("a plan");
        let codes: Vec<ProblemCode> = plan.nodes.values().flat_map(|node| &node.problems).map(|p| p.code).collect();
        assert_eq!(codes, [ProblemCode::MissingDependency, ProblemCode::BadPath]);
    }
}
