//! The plan as plain text.

use std::fmt::Write;

use crate::engine::footprint::Strength;
use crate::engine::graph::EdgeKind;
use crate::engine::overlap::risk::decimal;
use crate::engine::plan_document::{PhaseDocument, PlanDocument, TaskDocument};

/// Longest title printed, in characters.
const TITLE_LENGTH_MAX: usize = 60;
/// Most files printed of one task.
const FILES_MAX: usize = 4;
/// Most overlaps listed.
const OVERLAPS_MAX: usize = 50;

impl PlanDocument {
    /// Plain text: the phases, what starts first in each and why the rest waits, the overlaps found, the problems.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        let tasks: usize = self.phases.iter().map(|phase| phase.tasks.len()).sum();
        let _ = writeln!(text, "{} in {}", count(tasks, "task"), count(self.phases.len(), "phase"));
        for phase in &self.phases {
            phase.write(&mut text);
        }
        self.write_overlaps(&mut text);
        if !self.problems.is_empty() {
            text.push_str("\nProblems\n");
        }
        for problem in &self.problems {
            let task = problem.task.map_or_else(|| "plan".to_owned(), |task| task.to_string());
            let _ = writeln!(text, "  {task:<6} {}: {}", problem.code, problem.message);
        }
        text
    }

    fn write_overlaps(&self, text: &mut String) {
        let overlaps: Vec<_> = self.edges.iter().filter(|edge| edge.kind == EdgeKind::Overlap).collect();
        if !overlaps.is_empty() {
            text.push_str("\nOverlaps (hard ones never run at the same time; the order is the expected one)\n");
        }
        if overlaps.iter().any(|edge| edge.strength.is_some_and(|strength| strength < Strength::Hard)) {
            text.push_str("(soft ones are kept apart while there is other work, weak ones are only shown)\n");
        }
        for edge in overlaps.iter().take(OVERLAPS_MAX) {
            let strength = edge.strength.map(|strength| format!(" [{strength}]")).unwrap_or_default();
            let _ = writeln!(text, "  {:<6} then {:<6} {}{strength}", edge.from, edge.to, edge.evidence);
        }
        if overlaps.len() > OVERLAPS_MAX {
            let _ = writeln!(text, "  and {} more", overlaps.len() - OVERLAPS_MAX);
        }
    }
}

impl PhaseDocument {
    fn write(&self, text: &mut String) {
        let starts: Vec<String> = self.starts.iter().map(ToString::to_string).collect();
        let starts = if starts.is_empty() { "nothing".to_owned() } else { starts.join(", ") };
        let _ = writeln!(text, "\n{} ({}; starts with {starts})", self.name, count(self.tasks.len(), "task"));
        let ids = self.tasks.iter().map(|task| task.id.to_string().len()).max().unwrap_or_default();
        let titles = self.tasks.iter().map(|task| title(task).chars().count()).max().unwrap_or_default();
        for task in &self.tasks {
            let id = task.id.to_string();
            let waits = match &task.waits {
                Some(reason) => reason.as_str(),
                None if self.starts.contains(&task.id) => "starts with the phase",
                None => "starts when a slot is free",
            };
            let title = title(task);
            let gap = if titles == 0 { "" } else { "  " };
            let line = format!("  {id:<ids$}  {title:<titles$}{gap}{waits}");
            let _ = writeln!(text, "{}", line.trim_end());
            if !task.files.is_empty() || task.likely.is_empty() {
                let _ = writeln!(text, "  {:<ids$}    {}", "", files(task));
            }
            for file in &task.likely {
                let (path, share) = (flat(&file.path), decimal(file.share));
                let _ = writeln!(text, "  {:<ids$}    likely {path} ({share}: {})", "", flat(&file.evidence));
            }
            for command in &task.validate {
                let _ = writeln!(text, "  {:<ids$}    runs `{}`", "", flat(command));
            }
        }
    }
}

/// A text on one line, without anything that a terminal would obey.
fn flat(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn title(task: &TaskDocument) -> String {
    let flat = flat(&task.title);
    if flat.chars().count() <= TITLE_LENGTH_MAX {
        return flat.trim().to_owned();
    }
    flat.trim().chars().take(TITLE_LENGTH_MAX - 1).chain(['…']).collect()
}

fn files(task: &TaskDocument) -> String {
    if task.files.is_empty() {
        return "files unknown".to_owned();
    }
    let shown: Vec<&str> = task.files.iter().take(FILES_MAX).map(String::as_str).collect();
    match task.files.len().saturating_sub(FILES_MAX) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

fn count(number: usize, word: &str) -> String {
    if number == 1 { format!("1 {word}") } else { format!("{number} {word}s") }
}
