//! What people see while a plan runs: one line for each change of a task, and on a terminal a line below that counts.

use std::collections::BTreeMap;
use std::io::Write as _;

use anstyle::{AnsiColor, Color, Style};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::engine::brief::Mode;
use crate::engine::draft::Draft;
use crate::engine::id::{RunId, TaskId};
use crate::engine::plan::Plan;
use crate::engine::render::plain_wait_words;
use crate::engine::report::head;
use crate::engine::task::{Task, Verdict};
use crate::engine::time::Timestamp;
use crate::engine::waits::{self, Status, Wait};

/// Longest title on a line, in characters.
const TITLE_CHARACTERS_MAX: usize = 48;
/// Shortest title that a narrow terminal leaves.
const TITLE_CHARACTERS_MIN: usize = 16;
/// Most lines about one turn; the others are counted.
const LINES_MAX: usize = 60;
/// Longest reason on a line, in characters.
const REASON_CHARACTERS_MAX: usize = 100;
/// What the counting line leaves free for its sign and for the `^C` that a terminal writes.
const SPARE_CHARACTERS: usize = 6;
/// Characters before the title: moment, status, number.
const LEAD_CHARACTERS: usize = 25;

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
        let bar = ProgressBar::hidden();
        if terminal {
            if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
                bar.set_style(style);
            }
            draw(&bar);
        }
        let colour = terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Self { bar, colour, started, seen: BTreeMap::new() }
    }

    /// Takes the counting line away, for a question or for good: what is said then are plain lines.
    pub fn pause(&self) {
        self.bar.disable_steady_tick();
        self.bar.finish_and_clear();
        self.bar.set_draw_target(ProgressDrawTarget::hidden());
    }

    /// Brings the counting line back.
    pub(super) fn go_on(&self) {
        self.bar.reset();
        draw(&self.bar);
    }

    /// Says a line of its own; on a narrow terminal in several lines of whole words.
    pub fn tell(&self, line: &str) {
        folded(line, width().unwrap_or(usize::MAX)).iter().for_each(|line| self.say(line));
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
        let message = format!("{done} of {total} done · {}", others.join(" · "));
        self.bar.set_message(cut(&message, width().unwrap_or(usize::MAX).saturating_sub(SPARE_CHARACTERS)));
    }

    /// Says that a task's agent has fallen silent, in the worker's words.
    pub fn quiet(&self, plan: &Plan, run: RunId, words: &str, now: Timestamp) {
        let mut running = plan.tasks.values().filter(|task| task.live().is_some_and(|live| live.run == Some(run)));
        if let Some(task) = running.next() {
            let words = format!(" · {}", cut(&plain(words), REASON_CHARACTERS_MAX));
            self.say(&self.line(task, Status::Running, &words, now));
        }
    }

    fn line(&self, task: &Task, status: Status, words: &str, now: Timestamp) -> String {
        let seconds = now.since(self.started).as_secs();
        let room = width().unwrap_or(usize::MAX);
        let (title, words) = fitted(&plain(&task.title), words, room.saturating_sub(LEAD_CHARACTERS));
        let style = if self.colour { style(status, task.verdict) } else { Style::new() };
        format!(
            "{:>2}:{:02}  {style}{status:<9}{style:#}  #{:<4} {title}{words}",
            seconds / 60,
            seconds % 60,
            task.issue().0
        )
    }
}

fn draw(bar: &ProgressBar) {
    bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(8));
    bar.enable_steady_tick(std::time::Duration::from_millis(120));
}

/// Columns of the terminal, where there is one that tells.
fn width() -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(std::io::stderr()).ok()?;
    Some(usize::from(size.ws_col)).filter(|columns| *columns > 0)
}

/// Title and words that together stay below `room` characters: the title gives way first, then the words.
fn fitted(title: &str, words: &str, room: usize) -> (String, String) {
    let left = room.saturating_sub(words.chars().count() + 1).clamp(TITLE_CHARACTERS_MIN, TITLE_CHARACTERS_MAX);
    let title = cut(title, left);
    let words = cut(words, room.saturating_sub(title.chars().count() + 1));
    (title, words)
}

/// At most `characters` characters; a text that was cut says so.
fn cut(text: &str, characters: usize) -> String {
    if text.chars().count() <= characters {
        return text.to_owned();
    }
    let kept = head(text, characters.saturating_sub(1));
    format!("{}…", kept.trim_end())
}

/// A line in lines of at most `width` characters, broken between words and set in after the first.
fn folded(line: &str, width: usize) -> Vec<String> {
    let indent = line.chars().take_while(|c| *c == ' ').count();
    let mut lines = vec![" ".repeat(indent)];
    for word in line.split_whitespace() {
        let used = lines.last().map_or(0, |line| line.chars().count());
        if used > indent + 2 && used.saturating_add(1 + word.chars().count()) >= width {
            lines.push(" ".repeat(indent + 3));
        }
        if let Some(line) = lines.last_mut() {
            if !line.trim().is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines
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
        (Status::Blocked, _) => waits.first().map(plain_wait_words).unwrap_or_default(),
        (Status::Running, _) => {
            let rebase = attempt.is_some_and(|attempt| attempt.mode == Mode::Rebase);
            format!(
                "attempt {}{}",
                attempt.map_or(0, |attempt| attempt.id.n),
                if rebase { ", a rebase run" } else { "" }
            )
        }
        (Status::PrOpen, _) => format!("pull request {pull}"),
        (Status::Merged, _) => format!("in {pull}{}", tries(task)),
        (Status::Error, Some(Verdict::Escalated)) => format!("no attempts left: {}", last_error(task)),
        (Status::Error, _) => {
            format!("attempt {} {}: {}", attempt.map_or(0, |attempt| attempt.id.n), outcome(task), last_error(task))
        }
        (Status::Complete, Some(Verdict::NoChange)) => "no change was needed".to_owned(),
        (Status::Complete, _) => {
            let waits = waits.first().map(|wait| format!(", {}", plain_wait_words(wait))).unwrap_or_default();
            format!("work is pushed{waits}")
        }
        (Status::Pending | Status::Stuck | Status::Cancelled, _) => String::new(),
    };
    if said.is_empty() { said } else { format!(" · {}", cut(&plain(&said), REASON_CHARACTERS_MAX)) }
}

fn tries(task: &Task) -> String {
    let restarts: u32 = task.attempts.iter().map(|attempt| attempt.restarts).sum();
    let again = if task.work_attempts().count() > 1 {
        format!(", {} attempts", task.work_attempts().count())
    } else {
        String::new()
    };
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

/// Text as it stands, but nothing in it steers a terminal.
pub(super) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// Text of people and agents on a terminal: no control characters, no Markdown escapes of our own.
pub(super) fn plain(text: &str) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_title_gives_way_before_the_words() {
        for (title, words, room, expected) in [
            ("Short", " · attempt 1", 80, ("Short", " · attempt 1")),
            ("A title that is rather long", " · attempt 1", 33, ("A title that is rat…", " · attempt 1")),
            (
                "A title that is rather long",
                " · waits for #2 over commands/ship.sh",
                30,
                ("A title that is…", " · waits for…"),
            ),
            ("x", " · y", 0, ("x", "…")),
        ] {
            let (fit, said) = fitted(title, words, room);
            assert_eq!((fit.as_str(), said.as_str()), expected, "{title} {words} {room}");
        }
        assert_eq!(fitted(&"t".repeat(60), "", usize::MAX).0.chars().count(), TITLE_CHARACTERS_MAX);
    }

    #[test]
    fn lines_break_between_words_and_keep_each_word_whole() {
        assert_eq!(folded("  #8 one two three", 14), ["  #8 one two", "     three"]);
        assert_eq!(folded("plain words", usize::MAX), ["plain words"]);
        let address = "http://127.0.0.1:1/a/very/long/address";
        assert_eq!(folded(&format!("at {address}"), 20), [format!("at {address}")]);
        assert_eq!(
            folded(&format!("look at {address} now"), 20),
            ["look at".to_owned(), format!("   {address}"), "   now".to_owned()]
        );
    }
}
