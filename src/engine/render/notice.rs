//! Comments on a task's issue, where a person must act or nothing more will come.

use crate::engine::attempt::AttemptOutcome;
use crate::engine::brief::Mode;
use crate::engine::draft::Draft;
use crate::engine::render::conflict::both_sides;
use crate::engine::render::text;
use crate::engine::task::{Hold, Task, Verdict};

/// Characters of one attempt's error shown in a comment.
const ERROR_CHARACTERS_MAX: usize = 1_500;

/// What to say on a task's issue about its hold or verdict; nothing where nobody needs to hear.
pub fn notice(draft: &Draft<'_>, task: &Task) -> Option<String> {
    let issue = task.issue();
    match (&task.hold, task.verdict) {
        (Some(Hold::Decision { question }), _) => Some(format!(
            "The agent cannot go on without a decision:\n\n{}\n\nPut the answer into this issue's text, approve it, \
             and say `/orchestrate retry #{issue}`.",
            text::quote(question, ERROR_CHARACTERS_MAX)
        )),
        (Some(Hold::Scope { paths }), _) => {
            let list: Vec<String> = paths.iter().take(20).map(|path| format!("- `{}`", text::code(path))).collect();
            Some(format!(
                "The work is done, but it touches files that this issue does not declare:\n\n{}\n\nSay \
                 `/orchestrate approve #{issue}` to let them through, or `/orchestrate retry #{issue}` for another \
                 attempt.",
                list.join("\n")
            ))
        }
        (Some(Hold::DispatchRefused { message }), _) => Some(format!(
            "This task's run could not be started: {}.\n\nMend that, then say `/orchestrate retry #{issue}`.",
            text::line(message.trim_end_matches('.'))
        )),
        (Some(Hold::PublishRefused { message }), _) => Some(format!(
            "The work is done but could not be published: {}.\n\nMend that, then say `/orchestrate retry #{issue}`.",
            text::line(message.trim_end_matches('.'))
        )),
        (Some(Hold::PullClosed { .. } | Hold::BaseRed { .. } | Hold::Theirs { .. }), _) => None,
        (None, Some(Verdict::Escalated)) => Some(escalated(draft, task)),
        (None, Some(Verdict::NoChange)) => {
            let summary = task.current().map(|attempt| attempt.summary.clone()).unwrap_or_default();
            let why = if summary.is_empty() {
                "It gave no reason.".to_owned()
            } else {
                text::quote(&summary, ERROR_CHARACTERS_MAX)
            };
            Some(format!("The agent found that nothing needs to change.\n\n{why}"))
        }
        (None, Some(Verdict::Merged | Verdict::Cancelled) | None) => None,
    }
}

/// What was tried and how it failed.
fn escalated(draft: &Draft<'_>, task: &Task) -> String {
    let issue = task.issue();
    let mut lines =
        vec![format!("This task has no attempts left after {}.", count(task.work_attempts().count())), String::new()];
    for attempt in &task.attempts {
        let outcome =
            attempt.outcome.map_or_else(|| "open".to_owned(), |outcome| outcome.to_string().replace('_', " "));
        let run = attempt.run.map_or_else(String::new, |run| format!(", [run](../actions/runs/{run})"));
        let kind = if attempt.mode == Mode::Plan { "Planner run" } else { "Attempt" };
        lines.push(format!("**{kind} {}**: {outcome}{run}", attempt.id.n));
        if !attempt.error.is_empty() {
            lines.push(String::new());
            lines
                .push(text::fenced(&text::visible(&crate::engine::report::tail(&attempt.error, ERROR_CHARACTERS_MAX))));
        }
        lines.push(String::new());
    }
    let conflicted = task.last_outcome() == Some(AttemptOutcome::Conflict);
    if let Some(sides) = both_sides(task).filter(|_| conflicted) {
        lines.extend([sides, String::new()]);
    }
    let waiting: Vec<String> = draft
        .tasks()
        .filter(|other| other.verdict.is_none() && crate::engine::waits::dependencies(other).contains(&issue))
        .map(|other| format!("#{}", other.issue()))
        .collect();
    if !waiting.is_empty() {
        lines.push(format!("Waiting for it: {}.\n", waiting.join(", ")));
    }
    lines.push(format!(
        "Say `/orchestrate retry #{issue}` for one more attempt, or `/orchestrate cancel #{issue}` to give it up."
    ));
    lines.join("\n")
}

fn count(attempts: usize) -> String {
    if attempts == 1 { "1 attempt".to_owned() } else { format!("{attempts} attempts") }
}
