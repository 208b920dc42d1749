//! All findings, for people and for machines.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use serde::Serialize;

use crate::doctor::checks::CHECKS;
use crate::doctor::finding::State;
use crate::doctor::readings::Readings;

/// What one check says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Line {
    /// The check's name for machines; it never changes.
    pub id: &'static str,
    /// Its name for people.
    pub title: &'static str,
    /// How it stands.
    pub state: State,
    /// What was found.
    pub found: String,
    /// What to do; nothing where all is well.
    pub remedy: Option<String>,
    /// Where.
    pub page: Option<String>,
}

/// Every check's word, in a fixed order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The repository.
    pub repository: String,
    /// The worst state of all: what the exit code tells.
    pub state: State,
    /// Each check.
    pub checks: Vec<Line>,
}

impl Report {
    /// Judges what was read.
    pub fn of(readings: &Readings) -> Self {
        let judged = CHECKS.iter().map(|check| {
            let finding = (check.judge)(readings);
            let (id, title, state) = (check.id, check.title, finding.state);
            Line { id, title, state, found: finding.found, remedy: finding.remedy, page: finding.page }
        });
        let checks: Vec<Line> = judged.collect();
        let state = checks.iter().map(|line| line.state).max().unwrap_or(State::Ok);
        Self { repository: readings.repository.to_string(), state, checks }
    }

    /// As people read it, in colours where `coloured`.
    pub fn to_text(&self, coloured: bool) -> String {
        let mut text = format!("{}\n\n", shown(&self.repository));
        let width = self.checks.iter().map(|line| line.title.len()).max().unwrap_or(0);
        for line in &self.checks {
            let style = if coloured { style(line.state) } else { Style::new() };
            let (state, title) = (line.state.to_string(), line.title);
            let found = indented(&line.found, width + 12);
            // Writing to a text cannot fail.
            let _ = writeln!(text, "{style}{state:<8}{style:#}  {title:<width$}  {found}");
            let more = [("do", line.remedy.as_ref()), ("see", line.page.as_ref())];
            for (word, what) in more.into_iter().filter_map(|(word, what)| Some((word, what?))) {
                let _ = writeln!(text, "{:indent$}{word}: {}", "", indented(what, width + 12), indent = width + 12);
            }
        }
        let count = |state: State| self.checks.iter().filter(|line| line.state == state).count();
        let _ = writeln!(
            text,
            "\n{} ok, {} to look at, {} failed, {} unknown",
            count(State::Ok),
            count(State::Warning),
            count(State::Failed),
            count(State::Unknown),
        );
        text
    }
}

fn style(state: State) -> Style {
    match state {
        State::Ok => AnsiColor::Green.on_default(),
        State::Unknown => AnsiColor::Cyan.on_default(),
        State::Warning => AnsiColor::Yellow.on_default(),
        State::Failed => AnsiColor::Red.on_default().bold(),
    }
}

/// Lines after the first begin below the first.
fn indented(text: &str, columns: usize) -> String {
    let lines: Vec<String> = text.lines().map(shown).collect();
    lines.join(&format!("\n{}", " ".repeat(columns)))
}

/// Text from elsewhere must not steer a terminal.
fn shown(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}
