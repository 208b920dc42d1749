//! The graph of a plan's tasks, as Mermaid draws it on the tracking issue.

use std::collections::BTreeSet;

use crate::engine::id::TaskId;
use crate::engine::render::tracking::View;
use crate::engine::report;
use crate::engine::waits::{self, Wait};

/// Most tasks drawn in the graph.
const GRAPH_TASKS_MAX: usize = 60;
/// Longest title in the graph, in characters.
const GRAPH_TITLE_CHARACTERS_MAX: usize = 56;
/// How each status is coloured in the graph.
const GRAPH_COLOURS: &str = "\
\x20 classDef pending fill:#fef3c7,stroke:#6b7280,color:#111827
  classDef blocked fill:#e5e7eb,stroke:#6b7280,color:#111827
  classDef running fill:#bfdbfe,stroke:#6b7280,color:#111827
  classDef stuck fill:#fed7aa,stroke:#6b7280,color:#111827
  classDef error fill:#fecaca,stroke:#6b7280,color:#111827
  classDef complete fill:#d9f99d,stroke:#6b7280,color:#111827
  classDef pr_open fill:#bbf7d0,stroke:#6b7280,color:#111827
  classDef merged fill:#ddd6fe,stroke:#6b7280,color:#111827
  classDef cancelled fill:#d1d5db,stroke:#6b7280,color:#111827
```";

/// The graph of tasks, coloured by status, in a fold; nothing where there are too few or too many to draw.
pub(super) fn graph_fold(views: &[View<'_>]) -> String {
    if views.len() > GRAPH_TASKS_MAX || views.len() < 2 {
        return String::new();
    }
    let known: BTreeSet<TaskId> = views.iter().map(|view| view.task.id).collect();
    let mut lines = vec!["```mermaid".to_owned(), "graph LR".to_owned()];
    for view in views {
        lines.push(format!(
            "  {}[\"#{} {}\"]:::{}",
            view.task.id,
            view.task.issue(),
            mermaid_text(&view.task.title),
            view.status
        ));
    }
    for view in views {
        for issue in waits::dependencies(view.task).into_iter().filter(|issue| known.contains(&TaskId(*issue))) {
            lines.push(format!("  {} --> {}", TaskId(issue), view.task.id));
        }
        for wait in &view.waits {
            if let Wait::File { holder, .. } | Wait::Conflict { holder, .. } = wait {
                lines.push(format!("  {holder} -.-> {}", view.task.id));
            }
        }
    }
    lines.push(GRAPH_COLOURS.to_owned());
    format!("<details><summary>Graph</summary>\n\n{}\n\n</details>", lines.join("\n"))
}

/// A title inside a Mermaid label: letters, digits and plain signs only.
fn mermaid_text(title: &str) -> String {
    let plain = |c: char| if c.is_alphanumeric() || " .,:/_-+'".contains(c) { c } else { ' ' };
    let text: String = title.chars().map(plain).collect();
    let cut = report::head(&text, GRAPH_TITLE_CHARACTERS_MAX);
    if cut.len() < text.len() { format!("{}…", cut.trim()) } else { cut.trim().to_owned() }
}
