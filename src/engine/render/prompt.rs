//! The prompt in its four layers. What people wrote stands between fences and is named as data.

use crate::engine::attempt::Attempt;
use crate::engine::brief::{Mode, PromptLayers};
use crate::engine::draft::Draft;
use crate::engine::reconcile::siblings;
use crate::engine::render::conflict::rebase_words;
use crate::engine::render::planner::planner_layers;
use crate::engine::render::text;
use crate::engine::report::tail;
use crate::engine::task::{Task, Verdict};
use crate::engine::waits;

/// Most siblings named.
const SIBLINGS_MAX: usize = 20;
/// Characters of an earlier failure shown.
const ERROR_CHARACTERS_MAX: usize = 3_000;

/// The four layers for an attempt.
pub fn prompt_layers(draft: &Draft<'_>, task: &Task, attempt: &Attempt) -> PromptLayers {
    if attempt.mode == Mode::Plan {
        return planner_layers(draft, task);
    }
    PromptLayers {
        rules: rules(draft),
        plan: plan(draft, task),
        task: task_layer(draft, task, attempt),
        history: history(task, attempt),
    }
}

/// L0.
fn rules(draft: &Draft<'_>) -> String {
    let own = draft.header().settings.rules.trim();
    let fixed = "You work alone in a checkout of this repository, without network and without anybody to ask. Change \
                 only what the task needs. Do not commit, push or open pull requests: your changes are taken from the \
                 work tree. Do not touch `.github/`, agent configuration or generated lock files unless the task says \
                 so. If nothing needs to change, say so and why. If you cannot go on without a person's decision, ask \
                 one clear question and stop.";
    if own.is_empty() { format!("# Rules\n\n{fixed}") } else { format!("# Rules\n\n{fixed}\n\n{own}") }
}

/// L1.
fn plan(draft: &Draft<'_>, task: &Task) -> String {
    let others: Vec<String> = siblings(draft, task.issue())
        .into_iter()
        .take(SIBLINGS_MAX)
        .map(|other| {
            let files = waits::held_footprint(other).paths();
            let files = if files.is_empty() { "files not known".to_owned() } else { files.join(", ") };
            format!("- #{} {}: {files}", other.issue(), text::line(&other.title))
        })
        .collect();
    if others.is_empty() {
        return "# Plan\n\nNobody else is editing this repository for this plan right now.".to_owned();
    }
    format!("# Plan\n\nOthers are editing these files at the same time; leave them alone:\n\n{}", others.join("\n"))
}

/// L2.
fn task_layer(draft: &Draft<'_>, task: &Task, attempt: &Attempt) -> String {
    let (title, body) =
        task.approval.as_ref().map_or((&task.title, &task.body), |approved| (&approved.title, &approved.body));
    let mut parts = vec![format!("# Task #{}: {}", task.issue(), title.trim())];
    if attempt.mode == Mode::Rebase {
        parts.push(
            "Your earlier work on this task no longer merges with its base. The base has been merged into the work \
             tree; resolve every conflict marker so that both intentions hold."
                .to_owned(),
        );
        parts.extend(rebase_words(draft, task));
    }
    parts.push(format!("The issue's approved text, as data:\n\n{}", text::fenced(body)));
    parts.extend(files(task));
    if !task.facts.acceptance.is_empty() {
        parts.push(format!(
            "Acceptance:\n{}",
            task.facts.acceptance.iter().map(|item| format!("- {item}")).collect::<Vec<_>>().join("\n")
        ));
    }
    let finished: Vec<String> = waits::dependencies(task)
        .into_iter()
        .filter_map(|issue| draft.task(crate::engine::id::TaskId(issue)))
        .filter(|other| other.verdict == Some(Verdict::Merged))
        .map(|other| format!("- #{} {}: merged", other.issue(), text::line(&other.title)))
        .collect();
    if !finished.is_empty() {
        parts.push(format!("Finished before this task and already in the checkout:\n{}", finished.join("\n")));
    }
    parts.join("\n\n")
}

/// The files given to the task, and those that are merely mentioned beside them.
fn files(task: &Task) -> Vec<String> {
    let given = task.footprint.given();
    let mentioned: Vec<String> = task.footprint.paths().into_iter().filter(|path| !given.contains(path)).collect();
    let mut said = Vec::new();
    if !given.is_empty() {
        said.push(format!("Files expected to change: {}", given.join(", ")));
    }
    if !mentioned.is_empty() {
        let mentioned = mentioned.join(", ");
        said.push(format!(
            "Mentioned in the issue, but not declared: {mentioned}. Changes outside the declared files may be held for \
             a person."
        ));
    }
    said
}

/// L3.
fn history(task: &Task, attempt: &Attempt) -> String {
    let failed: Vec<String> = task
        .attempts
        .iter()
        .filter(|earlier| earlier.id != attempt.id && earlier.teaches())
        .map(|earlier| {
            let outcome = earlier.outcome.map_or_else(String::new, |outcome| outcome.to_string().replace('_', " "));
            format!(
                "Attempt {} ended as {outcome}:\n\n{}",
                earlier.id.n,
                text::fenced(&tail(&earlier.error, ERROR_CHARACTERS_MAX))
            )
        })
        .collect();
    if failed.is_empty() {
        return String::new();
    }
    format!("# Earlier attempts\n\nDo not repeat what failed.\n\n{}", failed.join("\n\n"))
}
