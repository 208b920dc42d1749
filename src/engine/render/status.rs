//! How tasks stand, in words.

use crate::engine::draft::Draft;
use crate::engine::id::{PullNumber, TaskId};
use crate::engine::render::text;
use crate::engine::task::{CheckState, Hold, Task, Verdict};
use crate::engine::waits::{self, MISSING, Status, Wait};

/// Most waits named for one task.
const WAITS_MAX: usize = 3;

/// The answer to `/orchestrate status`: one line for each task that is not done.
pub fn status(draft: &Draft<'_>) -> String {
    let locks = waits::locks(draft);
    let mut lines = Vec::new();
    let total = draft.tasks().filter(|task| !task.left).count();
    let done = draft.tasks().filter(|task| !task.left && task.verdict.is_some_and(Verdict::is_well)).count();
    let open = |task: &&Task| !task.is_settled() || task.verdict == Some(Verdict::Escalated);
    for task in draft.tasks().filter(open).filter(|task| !task.left) {
        let waits = waits::waits(draft, &locks, task);
        let status = waits::status(task, &waits);
        let words = state_words(task, status, &waits);
        lines.push(format!("- #{} {}: {words}", task.issue(), text::line(&task.title)));
    }
    let open = if lines.is_empty() { "Nothing is open.".to_owned() } else { lines.join("\n") };
    format!("{done} of {total} done.\n\n{open}")
}

/// How one task stands: its status, and what it waits for or does.
pub(super) fn state_words(task: &Task, status: Status, waits: &[Wait]) -> String {
    let attempt = task.current();
    let run = attempt
        .and_then(|attempt| attempt.run)
        .map_or_else(String::new, |run| format!(", [run](../actions/runs/{run})"));
    let n = attempt.map_or(0, |attempt| attempt.id.n);
    let pull = task.pull.as_ref().map(|pull| format!("#{}", pull.number)).unwrap_or_default();
    match (status, task.verdict) {
        (Status::Error, Some(Verdict::Escalated)) => {
            format!("escalated after {} attempts{run}", task.work_attempts().count())
        }
        (_, Some(Verdict::Cancelled)) if task.has_open_pull() => {
            format!("cancelled; its pull request {pull} is still open")
        }
        (_, Some(Verdict::NoChange)) => "no change was needed".to_owned(),
        (Status::Merged, _) => format!("merged in {pull}"),
        (Status::Cancelled, _) => "cancelled".to_owned(),
        (Status::Running, _) => format!("running, attempt {n}{run}"),
        (Status::Stuck, _) => format!("stuck, being healed, attempt {n}{run}"),
        (Status::Error, _) if waits.is_empty() => {
            format!("attempt {n} failed ({}), will be retried{run}", outcome(task))
        }
        (Status::Error, _) => format!("attempt {n} failed ({}), {}{run}", outcome(task), all_words(waits)),
        (Status::Complete, _) if waits.is_empty() => "work is pushed, its pull request follows".to_owned(),
        (Status::Complete, _) => format!("work is pushed, {}", all_words(waits)),
        (Status::PrOpen, _) if waits.is_empty() => format!("pull request {pull}{}", checks_words(task)),
        (Status::PrOpen, _) => format!("pull request {pull}{}, {}", checks_words(task), all_words(waits)),
        (Status::Pending, _) => "ready, waits for a free slot".to_owned(),
        (Status::Blocked, _) => all_words(waits),
    }
}

/// What a task waits for, the most telling first.
fn all_words(waits: &[Wait]) -> String {
    // A missing dependency is told by its problem.
    let told = |wait: &&Wait| {
        let missing = matches!(wait, Wait::Dependency { state, .. } if state == MISSING);
        !missing || !waits.iter().any(|wait| matches!(wait, Wait::Problem(_)))
    };
    let words: Vec<String> = waits.iter().filter(told).map(wait_words).collect();
    let more = words.len().saturating_sub(WAITS_MAX);
    let more = if more > 0 { format!("; and {more} more") } else { String::new() };
    format!("{}{more}", words.into_iter().take(WAITS_MAX).collect::<Vec<_>>().join("; "))
}

fn outcome(task: &Task) -> String {
    task.last_outcome().map_or_else(String::new, |outcome| outcome.to_string().replace('_', " "))
}

fn checks_words(task: &Task) -> String {
    match task.pull.as_ref().map(|pull| &pull.checks) {
        Some(CheckState::Green { none: true }) => ", no checks ran".to_owned(),
        Some(CheckState::Green { none: false }) => ", checks are green".to_owned(),
        Some(CheckState::Red { names }) => format!(", checks fail: {}", text::line(&names.join(", "))),
        Some(CheckState::Pending) => ", checks are under way".to_owned(),
        None => String::new(),
    }
}

/// How the texts of others stand among words of ours.
#[derive(Clone, Copy)]
struct Form {
    /// Somebody's text on one line.
    line: fn(&str) -> String,
    /// A text of ours that quotes others and holds code spans.
    ours: fn(&str) -> String,
}

const MARKDOWN: Form = Form { line: text::line, ours: text::with_code };
const PLAIN: Form = Form { line: text::plain, ours: text::plain };

/// What a task waits for, in words, as Markdown.
pub fn wait_words(wait: &Wait) -> String {
    words(wait, MARKDOWN)
}

/// What a task waits for, in words, for places that read no Markdown.
pub fn plain_wait_words(wait: &Wait) -> String {
    words(wait, PLAIN)
}

fn words(wait: &Wait, form: Form) -> String {
    match wait {
        Wait::Approval => "waits for approval of its text".to_owned(),
        Wait::Problem(problem) => (form.ours)(problem.message.trim_end_matches('.')),
        Wait::Dependency { issue, state } => format!("waits for #{issue} ({state})"),
        Wait::Circle { issue, path } => format!(
            "waits for #{issue}, which waits for `{}` that this task holds: take that dependency out of its text, or \
             cancel one of the two",
            text::code(path)
        ),
        Wait::File { holder, path, pull: Some(pull) } => {
            format!("waits for #{} over `{}`: pull request #{pull} is open", holder.0, text::code(path))
        }
        Wait::File { holder, path, pull: None } => format!("waits for #{} over `{}`", holder.0, text::code(path)),
        Wait::Conflict { holder, path, more, pull, person } => {
            conflict_words(*holder, (path, *more), *pull, person, form)
        }
        Wait::Phase { name } => format!("waits for the gate of {}", (form.line)(name)),
        Wait::Backoff { until } => format!("is tried again at {}", until.seconds_text()),
        Wait::Person(hold) => words_of_hold(hold, form),
        Wait::Paused => "the plan is paused".to_owned(),
        Wait::Workflow => "the task workflow is not on the default branch".to_owned(),
        Wait::Reading => "its files are being looked up".to_owned(),
        Wait::Planning { attempt: Some(attempt) } => format!("being planned by run t{attempt}"),
        Wait::Planning { attempt: None } => "waits for a free slot to be planned in".to_owned(),
        Wait::Proposed { issue, state, by } => {
            format!("waits for #{issue} ({state}), which its planner run t{by} puts first")
        }
    }
}

/// With whose work a task's would conflict, and what that one waits for where it is a person.
fn conflict_words(
    holder: TaskId,
    (path, more): (&str, usize),
    pull: Option<PullNumber>,
    person: &Option<Hold>,
    form: Form,
) -> String {
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let until = pull.map_or_else(String::new, |pull| format!(" by pull request #{pull}"));
    let person = person.as_ref().map_or_else(String::new, |hold| format!(" ({})", words_of_hold(hold, form)));
    let path = text::code(path);
    format!("would conflict with #{} in `{path}`{more}, waits until that is merged{until}{person}", holder.0)
}

/// Why a person is needed, in words, as Markdown.
pub(super) fn hold_words(hold: &Hold) -> String {
    words_of_hold(hold, MARKDOWN)
}

fn words_of_hold(hold: &Hold, form: Form) -> String {
    match hold {
        Hold::Decision { question } => format!("the agent asks: {}", (form.line)(question)),
        Hold::PullClosed { pull, by: Some(by) } => {
            format!("pull request #{pull} was closed by {}", (form.line)(by.as_str()))
        }
        Hold::PullClosed { pull, by: None } => format!("pull request #{pull} was closed"),
        Hold::DispatchRefused { message } => format!("GitHub refused the dispatch: {}", (form.line)(message)),
        Hold::Scope { paths } => {
            let shown: Vec<String> = paths.iter().take(5).map(|path| format!("`{}`", text::code(path))).collect();
            format!("its work touches files it did not declare: {}", shown.join(", "))
        }
        Hold::BaseRed { check } => format!("the check `{}` fails on the base too", text::code(check)),
        Hold::Theirs { .. } => "somebody pushed to its branch: it is theirs now".to_owned(),
        Hold::PublishRefused { message } => format!("its work could not be published: {}", (form.line)(message)),
    }
}
