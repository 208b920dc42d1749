//! Entries and labels → facts, with a problem for everything that cannot be read.

use std::collections::BTreeSet;
use std::fmt::Display;

use crate::engine::brief::AgentKind;
use crate::engine::facts::areas::{area, code_spans, paths};
use crate::engine::facts::entries::{Entry, Key};
use crate::engine::facts::{Facts, OnFail, Priority};
use crate::engine::id::IssueNumber;
use crate::engine::policy::is_protected;
use crate::engine::problem::{Problem, ProblemCode};
use crate::engine::time::Span;

/// Most files one issue may declare (far more than a task may have; see the plan's limits).
const FILES_MAX: usize = 200;
/// Most dependencies of one issue.
const DEPENDENCIES_MAX: usize = 100;
/// Most acceptance items of one issue.
const ACCEPTANCE_MAX: usize = 50;
/// Most validation commands of one issue.
const COMMANDS_MAX: usize = 20;
/// Longest command or acceptance item, in characters.
const TEXT_LENGTH_MAX: usize = 1_000;
/// Most attempts after the first.
const RETRIES_MAX: u32 = 9;
/// The largest phase number anybody may state.
const PHASE_MAX: u32 = 1_000;
/// The longest time an attempt may ask for: what a job on a self-hosted runner may last.
const TIMEOUT_DAYS_MAX: u64 = 5;
/// Longest quotation in a message, in characters.
const QUOTE_LENGTH_MAX: usize = 80;
/// Most problems kept of one issue.
const PROBLEMS_MAX: usize = 20;

/// Puts entries and labels together.
pub(super) fn facts(entries: &[Entry], labels: &[String]) -> Facts {
    let mut reading = Reading::default();
    for entry in entries.iter().filter(|entry| !is_empty_value(&entry.value)) {
        reading.entry(entry);
    }
    reading.labels(labels);
    reading.finish()
}

/// Whether a value says that there is none.
fn is_empty_value(value: &str) -> bool {
    let plain = value.trim_matches(|c: char| c.is_whitespace() || "_*.`".contains(c)).to_lowercase();
    matches!(
        plain.as_str(),
        "no response" | "none" | "nothing" | "n/a" | "na" | "-" | "–" | "—" | "" | "tbd" | "unknown" | "?" | "???"
    ) && !matches!(value.trim(), "." | "**" | "`.`" | "`**`" | "*")
}

#[derive(Default)]
struct Reading {
    facts: Facts,
    /// What was said first for a scalar key, and where.
    said: Vec<(Key, String, String)>,
    files: Vec<String>,
    dependencies: BTreeSet<IssueNumber>,
    over: BTreeSet<Key>,
}

impl Reading {
    fn entry(&mut self, entry: &Entry) {
        let place = format!("line {} of the body", entry.line);
        match entry.key {
            Key::Files => self.files(entry, &place),
            Key::DependsOn => self.dependencies(&entry.value, &place),
            Key::Validate => self.validate(entry),
            Key::Acceptance => self.acceptance(&entry.value),
            Key::Phase | Key::Priority | Key::Agent | Key::Timeout | Key::Retries | Key::OnFail => {
                self.scalar(entry.key, entry.value.trim_matches(['`', ' ']), &place);
            }
        }
    }

    fn files(&mut self, entry: &Entry, place: &str) {
        if entry.code {
            self.files.push(entry.value.clone());
            return;
        }
        let listed = paths(&entry.value);
        self.files.extend(listed.paths.into_iter().filter(|path| !is_empty_value(path)));
        for text in &listed.unreadable {
            self.unreadable(Key::Files, text, place, "write paths separated by commas, or each in backticks");
        }
    }

    fn dependencies(&mut self, value: &str, place: &str) {
        let remedy = "write issue numbers of this repository, as in `#12, #15`";
        let words = || value.split(|c: char| c.is_whitespace() || ",;()[]".contains(c)).filter(|word| !word.is_empty());
        let marked = words().any(|word| word.contains('#'));
        for word in words() {
            let word = word.trim_end_matches(['.', ':', '!']);
            let number = word.strip_prefix('#').or((!marked).then_some(word)).and_then(|digits| digits.parse().ok());
            match number {
                Some(number) if number > 0 => drop(self.dependencies.insert(IssueNumber(number))),
                Some(_) => self.unreadable(Key::DependsOn, word, place, remedy),
                None if word.contains('#') || word.contains("://") => {
                    self.unreadable(Key::DependsOn, word, place, remedy)
                }
                None if marked || matches!(word.to_lowercase().as_str(), "and" | "&" | "issue" | "issues") => {}
                None => return self.unreadable(Key::DependsOn, value, place, remedy),
            }
        }
    }

    fn validate(&mut self, entry: &Entry) {
        let spans = if entry.code { Vec::new() } else { code_spans(&entry.value) };
        let commands = if spans.is_empty() { vec![entry.value.clone()] } else { spans };
        for command in commands {
            if self.facts.validate.len() == COMMANDS_MAX {
                self.over.insert(Key::Validate);
            } else if command.chars().count() > TEXT_LENGTH_MAX {
                let place = format!("line {} of the body", entry.line);
                self.unreadable(Key::Validate, &command, &place, "put long commands in a script and call that");
            } else if !self.facts.validate.contains(&command) {
                self.facts.validate.push(command);
            }
        }
    }

    fn acceptance(&mut self, value: &str) {
        if self.facts.acceptance.len() == ACCEPTANCE_MAX {
            self.over.insert(Key::Acceptance);
        } else {
            self.facts.acceptance.push(value.chars().take(TEXT_LENGTH_MAX).collect());
        }
    }

    /// Reads one value of a key that has one; the first said counts, another one is a contradiction.
    fn scalar(&mut self, key: Key, value: &str, place: &str) {
        let said = match key {
            Key::Phase => self.set(key, phase(value), |facts| &mut facts.phase, value, place),
            Key::Priority => self.set(key, priority(value), |facts| &mut facts.priority, value, place),
            Key::Agent => self.set(key, agent(value), |facts| &mut facts.agent, value, place),
            Key::Timeout => self.set(key, timeout(value), |facts| &mut facts.timeout, value, place),
            Key::Retries => self.set(key, retries(value), |facts| &mut facts.retries, value, place),
            Key::OnFail => self.set(key, on_fail(value), |facts| &mut facts.on_fail, value, place),
            Key::Files | Key::DependsOn | Key::Validate | Key::Acceptance => None,
        };
        if let Some(said) = said {
            self.said.push((key, said, place.to_owned()));
        }
    }

    fn set<T: PartialEq + Display>(
        &mut self,
        key: Key,
        read: Result<T, String>,
        slot: fn(&mut Facts) -> &mut Option<T>,
        value: &str,
        place: &str,
    ) -> Option<String> {
        let read = match read {
            Ok(read) => read,
            Err(remedy) => {
                self.unreadable(key, value, place, &remedy);
                return None;
            }
        };
        let slot = slot(&mut self.facts);
        let Some(earlier) = slot else {
            let said = read.to_string();
            *slot = Some(read);
            return Some(said);
        };
        if *earlier != read {
            let first = self.said.iter().find(|(said, _, _)| *said == key);
            let (said, at) = first.map_or(("", ""), |(_, said, at)| (said.as_str(), at.as_str()));
            let message = format!(
                "`{}` is `{said}` in {at} and `{read}` in {place}; the first counts. Write it once.",
                key.name()
            );
            self.problem(ProblemCode::Contradiction, message);
        }
        None
    }

    fn labels(&mut self, labels: &[String]) {
        for label in labels {
            let folded = label.trim().to_lowercase();
            let place = format!("the label `{}`", quote(label));
            if matches!(folded.as_str(), "p0" | "p1" | "p2" | "p3") {
                self.scalar(Key::Priority, &folded, &place);
            }
            let pair = folded.split_once([':', '/', '=']).or_else(|| folded.split_once('-'));
            match pair.map(|(key, value)| (key.trim(), value.trim())) {
                Some(("priority", value)) => self.scalar(Key::Priority, value, &place),
                Some(("agent", value)) => self.scalar(Key::Agent, value, &place),
                Some(_) | None => {}
            }
        }
    }

    fn unreadable(&mut self, key: Key, value: &str, place: &str, remedy: &str) {
        let message = format!("`{}: {}` ({place}) cannot be read; {remedy}.", key.name(), quote(value));
        self.problem(ProblemCode::Unreadable, message);
    }

    fn problem(&mut self, code: ProblemCode, message: String) {
        if self.facts.problems.len() < PROBLEMS_MAX {
            self.facts.problems.push(Problem { task: None, code, message });
        }
    }

    fn finish(mut self) -> Facts {
        let mut seen = BTreeSet::new();
        for path in std::mem::take(&mut self.files) {
            match area(&path) {
                Ok(area) if !seen.insert(area.clone()) => {}
                Ok(_) if self.facts.files.len() == FILES_MAX => drop(self.over.insert(Key::Files)),
                Ok(area) => {
                    self.facts.files.push(area);
                    if is_protected(&path) {
                        let message = format!(
                            "`{}` under `Files:` is protected: no agent's change of it is published. \
                             Leave it out and change it by hand.",
                            quote(&path)
                        );
                        self.problem(ProblemCode::ProtectedPath, message);
                    }
                }
                Err(reason) => self.problem(
                    ProblemCode::BadPath,
                    format!(
                        "`{}` under `Files:` is left out: {reason}. \
                         Write paths like `src/a.rs`, `docs/` or `src/*.rs`.",
                        quote(&path)
                    ),
                ),
            }
        }
        if self.dependencies.len() > DEPENDENCIES_MAX {
            self.over.insert(Key::DependsOn);
        }
        self.facts.depends_on = self.dependencies.iter().copied().take(DEPENDENCIES_MAX).collect();
        for key in std::mem::take(&mut self.over) {
            let most = match key {
                Key::Files => FILES_MAX,
                Key::DependsOn => DEPENDENCIES_MAX,
                Key::Validate => COMMANDS_MAX,
                Key::Acceptance => ACCEPTANCE_MAX,
                Key::Phase | Key::Priority | Key::Agent | Key::Timeout | Key::Retries | Key::OnFail => 1,
            };
            let message =
                format!("`{}` lists more than {most} entries; the rest is left out. Split the issue.", key.name());
            self.problem(ProblemCode::Unreadable, message);
        }
        self.facts
    }
}

/// A text short enough to stand in a message, on one line and without backticks.
fn quote(text: &str) -> String {
    let flat: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).filter(|c| *c != '`').collect();
    if flat.chars().count() <= QUOTE_LENGTH_MAX {
        return flat;
    }
    flat.chars().take(QUOTE_LENGTH_MAX).chain(['…']).collect()
}

fn phase(value: &str) -> Result<u32, String> {
    let folded = value.to_lowercase();
    let word = folded.strip_prefix("phase").unwrap_or(&folded).trim_start().split([' ', ':', '(', ',']).next();
    word.and_then(|digits| digits.parse().ok())
        .filter(|number| (1..=PHASE_MAX).contains(number))
        .ok_or_else(|| "write a number from 1, as in `Phase: 2`".to_owned())
}

fn priority(value: &str) -> Result<Priority, String> {
    match first_word(value).as_str() {
        "p0" => Ok(Priority::Critical),
        "p1" => Ok(Priority::High),
        "p2" => Ok(Priority::Medium),
        "p3" => Ok(Priority::Low),
        word => word.parse().map_err(|_| {
            "write `critical`, `high`, `medium` or `low` (or `P0`, `P1`, `P2`, `P3` in that order)".to_owned()
        }),
    }
}

fn agent(value: &str) -> Result<AgentKind, String> {
    value.trim().to_lowercase().parse().map_err(|_| "the known agents are `codex` and `shell`".to_owned())
}

fn timeout(value: &str) -> Result<Span, String> {
    let span = Span::parse(&value.to_lowercase())
        .map_err(|_| "write a number with its unit, as in `45m` or `2h`".to_owned())?;
    if span.0.is_zero() || span > Span::minutes(TIMEOUT_DAYS_MAX * 24 * 60) {
        return Err(format!("write a time above zero and up to {TIMEOUT_DAYS_MAX} days"));
    }
    Ok(span)
}

fn retries(value: &str) -> Result<u32, String> {
    value
        .trim()
        .parse()
        .ok()
        .filter(|count| *count <= RETRIES_MAX)
        .ok_or_else(|| format!("write a number from 0 to {RETRIES_MAX}, as in `Retries: 2`"))
}

fn on_fail(value: &str) -> Result<OnFail, String> {
    first_word(value).parse().map_err(|_| "write `stop` or `continue`".to_owned())
}

fn first_word(value: &str) -> String {
    value.to_lowercase().split([' ', ',', '(', '.', ';']).find(|word| !word.is_empty()).unwrap_or_default().to_owned()
}
