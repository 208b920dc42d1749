//! What people see while a plan runs: one line for each change of a task, and on a terminal a line below that counts.

use std::collections::BTreeMap;
use std::io::Write as _;

use anstyle::{AnsiColor, Color, Style};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::engine::draft::Draft;
use crate::engine::id::TaskId;
use crate::engine::plan::Plan;
use crate::engine::render::wait_words;
use crate::engine::report::head;
use crate::engine::task::{Task, Verdict};
use crate::engine::time::Timestamp;
use crate::engine::waits::{self, Status, Wait};

/// Longest title on a line, in characters.
const TITLE_CHARACTERS_MAX: usize = 48;
/// Most lines about one turn; the others are counted.
const LINES_MAX: usize = 60;
/// Longest reason on a line, in characters.
const REASON_CHARACTERS_MAX: usize = 100;

/// Prints a plan's progress.
#[derive(Clone)]
pub struct Progress {
    bar: ProgressBar,
    colour: bool,
    started: Timestamp,
    seen: BTreeMap<TaskId, String>,
}

impl Progress {
    /// On a terminal with colours and a counting line; elsewhere as a plain log. Everything goes to standard error.
    pub fn new(terminal: bool, started: Timestamp) -> Self {
        let bar = if terminal { ProgressBar::new_spinner() } else { ProgressBar::hidden() };
        if terminal {
            bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(8));
            if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
                bar.set_style(style);
            }
            bar.enable_steady_tick(std::time::Duration::from_millis(120));
        }
        let colour = terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Self { bar, colour, started, seen: BTreeMap::new() }
    }

    /// Says a line of its own.
    pub fn say(&self, line: &str) {
        if self.bar.is_hidden() {
            print_line(line);
        } else {
            self.bar.println(line);
        }
    }

    /// Says what has changed since the last time.
    pub fn show(&mut self, plan: &Plan, now: Timestamp) {
        let draft = Draft::view(plan, now);
        let locks = waits::locks(&draft);
        let mut counts: BTreeMap<Status, usize> = BTreeMap::new();
        let mut lines = Vec::new();
        for task in draft.tasks() {
            let waits = waits::waits(&draft, &locks, task);
            let status = waits::status(task, &waits);
            *counts.entry(status).or_default() += 1;
            let words = words(task, status, &waits);
            let key = format!("{status} {words}");
            if self.seen.get(&task.id) != Some(&key) {
                self.seen.insert(task.id, key);
                lines.push(self.line(task, status, &words, now));
            }
        }
        lines.iter().take(LINES_MAX).for_each(|line| self.say(line));
        if lines.len() > LINES_MAX {
            self.say(&format!("       and {} more tasks, as the tracking issue lists them", lines.len() - LINES_MAX));
        }
        let total: usize = counts.values().sum();
        let done = draft.tasks().filter(|task| task.verdict.is_some_and(Verdict::is_well)).count();
        let others: Vec<String> = counts
            .iter()
            .filter(|(status, _)| **status != Status::Merged)
            .map(|(status, n)| format!("{n} {status}"))
            .collect();
        self.bar.set_message(format!("{done} of {total} done · {}", others.join(" · ")));
    }

    fn line(&self, task: &Task, status: Status, words: &str, now: Timestamp) -> String {
        let seconds = now.since(self.started).as_secs();
        let title = head(&plain(&task.title), TITLE_CHARACTERS_MAX);
        let style = if self.colour { style(status, task.verdict) } else { Style::new() };
        format!(
            "{:>2}:{:02}  {style}{status:<9}{style:#}  #{:<4} {title}{words}",
            seconds / 60,
            seconds % 60,
            task.issue().0
        )
    }

    /// Takes the counting line away.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

fn print_line(line: &str) {
    // Nobody reads it any more where this fails; the run goes on.
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// How a task that is not done stands, for the last words of a run.
pub(super) fn stands(task: &Task, status: Status, waits: &[Wait]) -> String {
    let title = head(&plain(&task.title), TITLE_CHARACTERS_MAX);
    format!("  #{} {title}: {status}{}", task.issue(), words(task, status, waits))
}

/// What else to say about a status; begins with a separator where it is not empty.
fn words(task: &Task, status: Status, waits: &[Wait]) -> String {
    let attempt = task.current();
    let pull = task.pull.as_ref().map(|pull| format!("#{}", pull.number)).unwrap_or_default();
    let said = match (status, task.verdict) {
        (Status::Blocked, _) => waits.first().map(wait_words).unwrap_or_default(),
        (Status::Running, _) => format!("attempt {}", attempt.map_or(0, |attempt| attempt.id.n)),
        (Status::PrOpen, _) => format!("pull request {pull}"),
        (Status::Merged, _) => format!("in {pull}{}", tries(task)),
        (Status::Error, Some(Verdict::Escalated)) => format!("no attempts left: {}", last_error(task)),
        (Status::Error, _) => {
            format!("attempt {} {}: {}", attempt.map_or(0, |attempt| attempt.id.n), outcome(task), last_error(task))
        }
        (Status::Complete, Some(Verdict::NoChange)) => "no change was needed".to_owned(),
        (Status::Complete, _) => "work is pushed".to_owned(),
        (Status::Pending | Status::Stuck | Status::Cancelled, _) => String::new(),
    };
    if said.is_empty() { said } else { format!(" · {}", head(&plain(&said), REASON_CHARACTERS_MAX)) }
}

fn tries(task: &Task) -> String {
    let restarts: u32 = task.attempts.iter().map(|attempt| attempt.restarts).sum();
    let again = if task.attempts.len() > 1 { format!(", {} attempts", task.attempts.len()) } else { String::new() };
    let healed = if restarts > 0 { ", healed from a stall" } else { "" };
    format!("{again}{healed}")
}

fn outcome(task: &Task) -> String {
    task.last_outcome().map_or_else(String::new, |outcome| outcome.to_string().replace('_', " "))
}

fn last_error(task: &Task) -> String {
    task.current()
        .and_then(|attempt| attempt.error.lines().rfind(|line| !line.trim().is_empty()))
        .unwrap_or_default()
        .to_owned()
}

/// Text of people and agents on a terminal: no control characters, no Markdown escapes of our own.
fn plain(text: &str) -> String {
    let unescaped = text.replace("&lt;", "<").replace("&gt;", ">").replace("&#64;", "@").replace("&#35;", "#");
    unescaped.replace(['\\', '`'], "").chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn style(status: Status, verdict: Option<Verdict>) -> Style {
    let colour = match (status, verdict) {
        (Status::Merged, _) | (Status::Complete, Some(Verdict::NoChange)) => AnsiColor::Green,
        (Status::Running, _) => AnsiColor::Blue,
        (Status::PrOpen | Status::Complete, _) => AnsiColor::Cyan,
        (Status::Error, _) => AnsiColor::Red,
        (Status::Stuck, _) => AnsiColor::Yellow,
        (Status::Pending | Status::Blocked | Status::Cancelled, _) => AnsiColor::BrightBlack,
    };
    Style::new().fg_color(Some(Color::Ansi(colour)))
}
