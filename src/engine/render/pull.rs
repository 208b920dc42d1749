//! Title and body of a task's pull request.

use crate::engine::attempt::Attempt;
use crate::engine::brief::Mode;
use crate::engine::draft::Draft;
use crate::engine::reconcile::outside_declared;
use crate::engine::render::text;
use crate::engine::report::head;
use crate::engine::task::Task;

/// Most files listed.
const FILES_MAX: usize = 50;
/// Longest title GitHub takes, in characters, less what stands in front.
const TITLE_CHARACTERS_MAX: usize = 200;

/// `fix: #N title`. It becomes the merge's commit message, so the issue's own title may close nothing and name nobody.
pub fn pull_title(task: &Task) -> String {
    format!("fix: #{} {}", task.issue(), head(text::plain_title(&task.title).trim(), TITLE_CHARACTERS_MAX))
}

/// The body: what it closes, what was done, how it was tested, the attempts, and predicted against real files.
pub fn pull_body(draft: &Draft<'_>, task: &Task) -> String {
    let mut parts = vec![format!("Closes #{}", task.issue())];
    let attempt = task.attempts.iter().rev().find(|attempt| attempt.commit.is_some());
    if let Some(attempt) = attempt {
        let summary = if attempt.summary.is_empty() {
            "The agent left no summary.".to_owned()
        } else {
            text::quote(&attempt.summary, 3_000)
        };
        parts.push(format!("### Changes\n\n{summary}"));
    }
    let files: Vec<String> = task
        .work
        .iter()
        .flat_map(|work| &work.files)
        .take(FILES_MAX)
        .map(|path| format!("- `{}`", text::code(path)))
        .collect();
    let total = task.work.as_ref().map_or(0, |work| work.files.len());
    let more = if total > files.len() { format!("\n- and {} more", total - files.len()) } else { String::new() };
    parts.push(format!("### Files\n\n{}{more}", files.join("\n")));
    if task.attempts.iter().any(|attempt| starts_from_others(task, attempt)) {
        parts.push("What others committed to the branch is not in this list.".to_owned());
    }
    let outside = outside_declared(task);
    if task.footprint.is_unknown() {
        parts.push("No files were predicted for this task.".to_owned());
    } else {
        let predicted: Vec<String> =
            task.footprint.predicted().iter().take(FILES_MAX).map(|path| format!("`{}`", text::code(path))).collect();
        parts.push(format!("Predicted: {}.", predicted.join(", ")));
    }
    if task.footprint.declares() && !outside.is_empty() {
        let outside: Vec<String> = outside.iter().map(|path| format!("`{}`", text::code(path))).collect();
        parts.push(format!("Outside the declared files: {}.", outside.join(", ")));
    }
    parts.push(testing(draft, task));
    parts.push(attempts(task));
    parts.join("\n\n")
}

/// Whether an attempt was built on a commit that neither the base nor an attempt of ours gave: its files were never
/// told to us.
fn starts_from_others(task: &Task, attempt: &Attempt) -> bool {
    let ours = |other: &Attempt| other.commit.as_ref() == Some(&attempt.start);
    let on_base = attempt.start == attempt.base || attempt.mode == Mode::Rebase;
    attempt.commit.is_some() && !on_base && !task.attempts.iter().any(ours)
}

fn testing(draft: &Draft<'_>, task: &Task) -> String {
    let commands: Vec<String> = draft
        .header()
        .settings
        .validate
        .iter()
        .chain(&task.facts.validate)
        .map(|command| format!("- `{}`", text::code(command)))
        .collect();
    if commands.is_empty() {
        "### Testing\n\nNo validation commands are configured; see the checks of this pull request.".to_owned()
    } else {
        format!("### Testing\n\nReported as passed by the run that made this:\n\n{}", commands.join("\n"))
    }
}

fn attempts(task: &Task) -> String {
    let tokens: u64 =
        task.attempts.iter().map(|attempt| attempt.usage.input_tokens + attempt.usage.output_tokens).sum();
    let used = if tokens == 0 { String::new() } else { format!(" · {tokens} tokens") };
    let list: Vec<String> = task
        .attempts
        .iter()
        .map(|attempt| {
            let outcome =
                attempt.outcome.map_or_else(|| "under way".to_owned(), |outcome| outcome.to_string().replace('_', " "));
            attempt.run.map_or_else(
                || format!("{}: {outcome}", attempt.id.n),
                |run| format!("[{}](../actions/runs/{run}): {outcome}", attempt.id.n),
            )
        })
        .collect();
    format!("Attempts: {}{used}", list.join(" · "))
}
