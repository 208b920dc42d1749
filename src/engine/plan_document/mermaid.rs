//! The plan as a Mermaid graph.

use std::collections::BTreeSet;
use std::fmt::Write;

use crate::engine::footprint::Strength;
use crate::engine::graph::EdgeKind;
use crate::engine::id::TaskId;
use crate::engine::plan_document::PlanDocument;

/// Longest title in a box, in characters.
const TITLE_LENGTH_MAX: usize = 40;
/// Most edges drawn; Mermaid refuses more than 500 unless told otherwise.
const EDGES_MAX: usize = 480;

impl PlanDocument {
    /// A Mermaid flowchart: a box per phase with its tasks, the blocked ones marked, arrows for dependencies, thick
    /// lines for hard overlaps, dotted ones for soft overlaps.
    pub fn to_mermaid(&self) -> String {
        let mut text = "flowchart LR\n".to_owned();
        let mut phases: Vec<&str> = Vec::new();
        let stopping = self.problems.iter().filter(|problem| problem.code.blocks());
        let blocked: BTreeSet<TaskId> = stopping.filter_map(|problem| problem.task).collect();
        for (number, phase) in (1..).zip(&self.phases) {
            phases.push(&phase.name);
            let _ = writeln!(text, "  subgraph phase{number}[\"{}\"]", escaped(&phase.name));
            for task in &phase.tasks {
                let title = escaped(&task.title);
                let label =
                    if title.is_empty() { format!("#{}", task.issue) } else { format!("#{} {title}", task.issue) };
                let blocked = if blocked.contains(&task.id) { "<br/>blocked" } else { "" };
                let _ = writeln!(text, "    {}[\"{label}{blocked}\"]", task.id);
            }
            text.push_str("  end\n");
        }
        let box_of = |name: &str| phases.iter().position(|phase| *phase == name).map(|at| format!("phase{}", at + 1));
        let members: BTreeSet<String> =
            self.phases.iter().flat_map(|phase| &phase.tasks).map(|task| task.id.to_string()).collect();
        let mut drawn = BTreeSet::new();
        // What is only shown keeps nobody from anything.
        for edge in self.edges.iter().filter(|edge| edge.strength != Some(Strength::Weak)) {
            let (from, to, line) = match edge.kind {
                EdgeKind::Phase => match (box_of(&edge.from), box_of(&edge.to)) {
                    (Some(from), Some(to)) => (from, to, "==>"),
                    _ => continue,
                },
                EdgeKind::DependsOn => (edge.from.clone(), edge.to.clone(), "-->"),
                EdgeKind::Overlap if edge.strength == Some(Strength::Hard) => {
                    (edge.from.clone(), edge.to.clone(), "==>")
                }
                EdgeKind::Overlap => (edge.from.clone(), edge.to.clone(), "-.->"),
            };
            let known = edge.kind == EdgeKind::Phase || members.contains(&from) && members.contains(&to);
            if known && drawn.len() < EDGES_MAX && drawn.insert((from.clone(), to.clone())) {
                let _ = writeln!(text, "  {from} {line} {to}");
            }
        }
        text
    }
}

/// A text that cannot end its box or start another element: quotes and markup characters as entity codes, cut to
/// length with `…` at its end.
fn escaped(text: &str) -> String {
    let mut safe = String::new();
    let text = text.trim();
    let kept = if text.chars().count() > TITLE_LENGTH_MAX { TITLE_LENGTH_MAX - 1 } else { TITLE_LENGTH_MAX };
    for c in text.chars().take(kept) {
        match c {
            c if c.is_control() => safe.push(' '),
            '"' | '#' | '<' | '>' | '&' | '`' | '[' | ']' | '{' | '}' | '(' | ')' | '|' | ';' | '\\' | '%' => {
                let _ = write!(safe, "#{};", u32::from(c));
            }
            c => safe.push(c),
        }
    }
    if kept < TITLE_LENGTH_MAX {
        safe.push('…');
    }
    safe
}
