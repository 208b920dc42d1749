//! `.github/orchestrator.yml` → settings. Every mistake is named with its place and what to write instead.

use std::fmt;

use serde::de::{Deserializer, IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};

use crate::engine::brief::AgentKind;
use crate::engine::config::{ApprovalPolicy, Dependencies, Gate, PlannerPolicy, Settings, checks};
use crate::engine::facts::OnFail;
use crate::engine::footprint::OverlapPolicy;
use crate::engine::nearest::{nearest, nearest_first};
use crate::engine::policy::Scope;
use crate::engine::time::Span;

/// Largest configuration that is read, in bytes.
const BYTES_MAX: usize = 100_000;

/// How many keys are named where an unknown one is like none.
const NEAREST_SHOWN: usize = 3;

/// A mistake in the configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigProblem {
    /// What is wrong and what to write instead.
    pub message: String,
    /// Counted from 1; 0 where no place can be named.
    pub line: u64,
    /// Counted from 1; 0 where no place can be named.
    pub column: u64,
    /// The line itself, with a mark under the place; empty where no place can be named.
    pub snippet: String,
}

impl fmt::Display for ConfigProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line == 0 {
            return f.write_str(&self.message);
        }
        write!(f, "line {}, column {}: {}\n{}", self.line, self.column, self.message, self.snippet)
    }
}

impl std::error::Error for ConfigProblem {}

/// A key of the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConfigKey {
    /// As it is written.
    pub name: &'static str,
    /// The server's default, as it would be written; `unset` and what that means where there is none.
    pub default: &'static str,
    /// What it does.
    pub doc: &'static str,
}

macro_rules! keys {
    ($($name:ident: $kind:ty, $default:literal, $doc:literal;)*) => {
        /// The file's form: every key may be missing.
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Written {
            $(#[serde(default)] $name: Option<$kind>,)*
        }

        impl Written {
            fn over(self, defaults: &Settings) -> Settings {
                let mut settings = defaults.clone();
                $(if let Some(value) = self.$name {
                    settings.$name = value.into();
                })*
                settings
            }
        }

        /// Every key with its default and what it does, in the order in which they are documented.
        pub const KEYS: &[ConfigKey] =
            &[$(ConfigKey { name: stringify!($name), default: $default, doc: $doc },)*];
    };
}

keys! {
    label: String, "orchestrate", "The label that gives an issue to the orchestrator.";
    max_parallel: u32, "4", "Most attempts under way at once, 1 to 256.";
    attempts: u32, "3", "Agent failures a task may have before it escalates, 1 to 10.";
    infra_retries: u32, "5", "Infrastructure failures a task may have before it escalates, 0 to 50.";
    conflict_reruns: u32, "2", "Rebase runs a task may have before it escalates, 0 to 10.";
    backoff: Span, "30s", "First wait before a retry; it doubles each time.";
    backoff_max: Span, "10m", "Longest wait before a retry.";
    timeout: Span, "1h", "An attempt's whole time.";
    nudge_after: Span, "10m", "No progress for so long: the run's log and summary say so.";
    stall_after: Span, "20m", "No progress for so long: the agent is restarted once, then ended.";
    heartbeat: Span, "1m", "How often GitHub is looked at when nothing is heard.";
    probe_window: Span, "2m", "Time between the two looks for a dispatch whose answer was lost.";
    ghost_after: Span, "30m", "An attempt queued, or asked to stop, for so long without an end is fenced off.";
    checks_grace: Span, "5m", "How long a pull request may stay without any check before that counts as green.";
    settle: Span, "1m", "Time from the last label to the first plan.";
    approval: ApprovalPolicy, "ask",
        "`ask`: a person approves each task; `label`: labelling by a person with write is approval.";
    overlap: OverlapPolicy, "balanced",
        "`strict`, `balanced`, `declared` or `off`: how overlapping files steer the schedule.";
    hotspots: Texts,
        "[CHANGELOG, \"CHANGELOG.*\", CHANGES.md, \"*.lock\", \"*-lock.*\", go.sum, go.mod, Cargo.toml, package.json, \
         pyproject.toml, schema.rb, \"*.generated.*\"]",
        "Globs of files that everybody touches: they keep tasks apart, but lock only under `overlap: strict`.";
    planner: PlannerPolicy, "off",
        "`off` or `agent`: whether an agent that only reads the repository names the files of tasks that declare none.";
    gate: Gate, "merged", "`merged` or `green`: what tasks must have reached before the next phase opens.";
    on_fail: OnFail, "stop",
        "`stop` or `continue`: what an escalated task does to its phase, where the issue does not say.";
    auto_merge: bool, "false", "Merge green pull requests without a person.";
    scope: Scope, "unset: hold where files were declared, report where they were inferred",
        "`hold` or `report`: what to do with changes outside a task's files.";
    dependencies: Dependencies, "read",
        "`read` or `write-back`: whether dependencies of approved texts become GitHub's own relations.";
    close_no_change: bool, "false", "Close issues that turn out to need no change.";
    draft: bool, "false", "Open pull requests as drafts.";
    agent: AgentKind, "codex", "`codex` or `shell`: the agent.";
    agent_command: String, "unset: needed by the shell agent", "The shell agent's command.";
    model: String, "gpt-5.2-codex", "The model.";
    effort: String, "high", "The effort asked of the model.";
    setup: Texts, "[]", "Commands run before the agent, from the base commit; one text or a list.";
    validate: Texts, "[]", "Commands that must pass after it; one text or a list.";
    rules: String, "\"\"", "Project rules for the agent's prompt.";
    protected: Texts, "[]", "Globs nobody may touch without a maintainer's word, besides the built-in ones.";
    patch_files_max: u64, "300", "Most files of one patch, 1 to 3000.";
    patch_bytes_max: u64, "5000000", "Most bytes of one patch, up to 100000000.";
    workflow: String, "task.yml", "The task workflow's file name under `.github/workflows/`.";
    allowed_bots: Texts, "[]", "Bots whose labels, comments and ticks count, by login.";
    tracking_interval: Span, "15s", "Shortest time between edits of the tracking issue; after five, ten times that.";
}

/// One text or a list of them.
struct Texts(Vec<String>);

impl From<Texts> for Vec<String> {
    fn from(texts: Texts) -> Self {
        texts.0
    }
}

impl<'de> Deserialize<'de> for Texts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrMany;
        impl<'de> Visitor<'de> for OneOrMany {
            type Value = Texts;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text or a list of texts")
            }

            fn visit_str<E>(self, text: &str) -> Result<Texts, E> {
                Ok(Texts(vec![text.to_owned()]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Texts, A::Error> {
                let mut texts = Vec::new();
                while let Some(text) = list.next_element()? {
                    texts.push(text);
                }
                Ok(Texts(texts))
            }
        }
        deserializer.deserialize_any(OneOrMany)
    }
}

/// Reads the file's text over defaults: keys that are not written keep theirs. An empty file changes nothing.
pub fn parse(text: &str, defaults: &Settings) -> Result<Settings, ConfigProblem> {
    if text.len() > BYTES_MAX {
        let message = format!("the configuration has {} bytes; at most {BYTES_MAX} are read", text.len());
        return Err(ConfigProblem { message, line: 0, column: 0, snippet: String::new() });
    }
    let content = |line: &&str| !line.trim().is_empty() && !line.trim_start().starts_with('#') && line.trim() != "---";
    if !text.lines().any(|line| content(&line)) {
        return Ok(defaults.clone());
    }
    // First whether it is YAML at all: a key that is read before the mistake would be complained of instead.
    serde_saphyr::from_str::<IgnoredAny>(text).map_err(|error| unreadable(text, &error))?;
    let written: Written = serde_saphyr::from_str(text).map_err(|error| unreadable(text, &error))?;
    let settings = written.over(defaults);
    match checks::first_mistake(&settings) {
        None => Ok(settings),
        Some((key, message)) => {
            let (line, column) = place_of(text, key);
            Err(problem(text, line, column, format!("`{key}` {message}")))
        }
    }
}

fn unreadable(text: &str, error: &serde_saphyr::Error) -> ConfigProblem {
    let bare = error.without_snippet();
    let (line, column) = bare.location().map_or((0, 0), |place| (place.line(), place.column()));
    let message = if let serde_saphyr::Error::SerdeUnknownField { field, .. } = bare {
        unknown_key(field)
    } else if let serde_saphyr::Error::DuplicateMappingKey { key: Some(key), .. } = bare {
        format!("`{key}` is written twice; keep one of the two")
    } else {
        bare.to_string().lines().next().unwrap_or("it is not well-formed YAML").to_owned()
    };
    problem(text, line, column, message)
}

fn unknown_key(field: &str) -> String {
    match nearest(field, KEYS.iter().map(|key| key.name)) {
        Some(name) => format!("unknown key `{field}`; did you mean `{name}`?"),
        None => {
            let names = nearest_first(field, KEYS.iter().map(|key| key.name), NEAREST_SHOWN);
            format!("unknown key `{field}`; the nearest keys are {} (the README lists all)", names.join(", "))
        }
    }
}

fn problem(text: &str, line: u64, column: u64, message: String) -> ConfigProblem {
    let index = usize::try_from(line).unwrap_or_default().checked_sub(1);
    let snippet = index.and_then(|index| text.lines().nth(index)).map_or_else(String::new, |source| {
        let before = " ".repeat(usize::try_from(column).unwrap_or_default().saturating_sub(1).min(source.len()));
        format!("{line:>4} | {source}\n     | {before}^")
    });
    ConfigProblem { message, line, column, snippet }
}

/// Where a top-level key stands; zeros where it is not written (then a default clashes with another key).
fn place_of(text: &str, key: &str) -> (u64, u64) {
    let written = |line: &str| {
        line.trim_matches(['"', '\''])
            .strip_prefix(key)
            .is_some_and(|rest| rest.trim_start().starts_with([':', '"', '\'']))
    };
    (1..).zip(text.lines()).find(|(_, line)| written(line)).map_or((0, 0), |(number, _)| (number, 1))
}
