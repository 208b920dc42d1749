//! Where finished work does not merge, in words: for people, and for the run that brings it onto the base.

use crate::engine::draft::Draft;
use crate::engine::dry_run::{self, Conflict};
use crate::engine::id::TaskId;
use crate::engine::render::text;
use crate::engine::task::Task;
use crate::engine::waits::Wait;

/// Most files named on one line.
const FILES_SHOWN_MAX: usize = 5;
/// Most siblings named on one line.
const SIBLINGS_SHOWN_MAX: usize = 3;

/// The files of a conflict: the first few, the others counted.
pub fn conflict_files(conflict: &Conflict) -> String {
    let shown: Vec<String> =
        conflict.paths.iter().take(FILES_SHOWN_MAX).map(|path| format!("`{}`", text::code(path))).collect();
    let more = conflict.more + conflict.paths.len().saturating_sub(FILES_SHOWN_MAX);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{more}", shown.join(", "))
}

/// What stands behind a task's line: with whom its work would conflict, those left out that it is said to wait for.
pub(super) fn conflict_evidence(draft: &Draft<'_>, task: &Task, waits: &[Wait]) -> String {
    let told = |id: TaskId| waits.iter().any(|wait| matches!(wait, Wait::Conflict { holder, .. } if *holder == id));
    let rivals = dry_run::rivals(draft, task).into_iter().filter(|(other, _)| !told(other.id));
    let words = rivals.take(SIBLINGS_SHOWN_MAX);
    words
        .map(|(other, found)| format!(" · would conflict with #{} in {}", other.issue(), conflict_files(found)))
        .collect()
}

/// What a rebase run is told beside that its work no longer merges: in which files, who changed them, and how.
pub(super) fn rebase_words(draft: &Draft<'_>, task: &Task) -> Option<String> {
    let conflict = dry_run::base_conflict(task)?;
    let mut parts = vec![format!("It conflicts in {}.", conflict_files(conflict))];
    let with: Vec<String> = conflict.with.iter().filter_map(|id| draft.task(*id)).map(named).collect();
    if !with.is_empty() {
        parts.push(format!("Merged there since your work began:\n{}", with.join("\n")));
    }
    if !conflict.theirs.is_empty() {
        parts.push(format!("What changed there, as data:\n\n{}", text::fenced(&conflict.theirs)));
    }
    Some(parts.join("\n\n"))
}

fn named(other: &Task) -> String {
    let pull = other.pull.as_ref().map_or_else(String::new, |pull| format!(", pull request #{}", pull.number));
    format!("- #{} {}{pull}", other.issue(), text::line(&other.title))
}

/// Both sides of the conflict that a task has no attempts left for, as folds.
pub(super) fn both_sides(task: &Task) -> Option<String> {
    let conflict = dry_run::base_conflict(task)?;
    let with: Vec<String> = conflict.with.iter().map(|id| format!("#{}", id.0)).collect();
    let with = if with.is_empty() { String::new() } else { format!(", by {}", with.join(", ")) };
    let fold = |name: String, diff: &str| {
        let diff = text::fenced(&text::visible(diff));
        format!("<details><summary>{name}</summary>\n\n{diff}\n\n</details>")
    };
    let sides = [
        (format!("What the base changed there meanwhile{with}"), &conflict.theirs),
        ("What this task's work changed there".to_owned(), &conflict.ours),
    ];
    let sides = sides.into_iter().filter(|(_, diff)| !diff.is_empty());
    let folds: Vec<String> = sides.map(|(name, diff)| fold(name, diff)).collect();
    Some(format!("Its work and the base conflict in {}.\n\n{}", conflict_files(conflict), folds.join("\n\n")))
}
