//! The agent `codex`: `codex exec --json` in its sandbox, without network but its model's address, told by its event
//! stream.
//!
//! Flags, events and ends as seen by running Codex 0.169.0. Its exit code alone says little: a refusal, an empty answer
//! and a patch that its sandbox rejected all end with 0.

use std::ffi::OsString;
use std::path::PathBuf;

use serde::Deserialize;
use serde_json::json;

use crate::engine::brief::Mode;
use crate::engine::report::{Cause, Report, ReportOutcome, TEXT_CHARACTERS_MAX, Usage, tail};
use crate::worker::Error;
use crate::worker::agents::{Agent, Assignment, CHANGED_ALL_THE_SAME, environment, fresh};
use crate::worker::process::{Launch, Listener, Stream, Tail};
use crate::worker::prompt::RESTARTED;
use crate::worker::work::Work;

/// The variable Codex takes its key from; `OPENAI_API_KEY` alone it does not send.
const KEY_VARIABLE: &str = "CODEX_API_KEY";
/// Taken where the first is not set.
const KEY_VARIABLE_COMMON: &str = "OPENAI_API_KEY";
/// Another address for the model, for a proxy or a compatible server.
const URL_VARIABLE: &str = "ORCHESTRATOR_MODEL_URL";
/// The exit code for a flag Codex does not know.
const BAD_FLAG: i32 = 2;
/// Most bytes kept of one message.
const MESSAGE_BYTES_MAX: usize = 64 * 1024;

/// Settings of every run: no telemetry, no update check, no secret in the environment of the model's commands.
const SETTINGS: [&str; 7] = [
    "check_for_update_on_startup=false",
    "analytics.enabled=false",
    "feedback.enabled=false",
    "history.persistence=\"none\"",
    "shell_environment_policy.inherit=\"core\"",
    "shell_environment_policy.ignore_default_excludes=false",
    "allow_login_shell=false",
];

/// One event of the stream; kinds and fields we do not use are passed over.
#[derive(Deserialize)]
struct Event {
    #[serde(rename = "type")]
    kind: String,
    thread_id: Option<String>,
    message: Option<String>,
    error: Option<Failure>,
    usage: Option<Usage>,
    item: Option<Item>,
}

#[derive(Deserialize)]
struct Failure {
    message: Option<String>,
}

#[derive(Deserialize)]
struct Item {
    #[serde(rename = "type")]
    kind: Option<String>,
    text: Option<String>,
}

/// What the model is asked to answer with at the end.
#[derive(Deserialize)]
struct Answer {
    outcome: ReportOutcome,
    #[serde(default)]
    summary: String,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    question: String,
}

/// What was heard of one run.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    thread: Option<String>,
    message: String,
    completed: bool,
    failed: Option<String>,
    usage: Usage,
    reconnecting: Option<String>,
    complaints: Tail,
}

impl Listener for Heard {
    fn line(&mut self, stream: Stream, line: &str) -> bool {
        if stream == Stream::Complaint {
            self.complaints.line(stream, line);
            return false;
        }
        let Ok(event) = serde_json::from_str::<Event>(line) else { return false };
        let is_error = event.kind == "error";
        self.reconnecting = is_error.then(|| cut(event.message.unwrap_or_default()));
        match event.kind.as_str() {
            "thread.started" => self.thread = event.thread_id,
            "turn.completed" => {
                self.completed = true;
                self.usage = event.usage.unwrap_or_default();
            }
            "turn.failed" => {
                self.failed = Some(event.error.and_then(|error| error.message).map(cut).unwrap_or_default())
            }
            "item.completed" => {
                let said = event.item.filter(|item| item.kind.as_deref() == Some("agent_message"));
                if let Some(text) = said.and_then(|item| item.text) {
                    self.message = cut(text);
                }
            }
            _ => {}
        }
        !is_error
    }
}

fn cut(mut text: String) -> String {
    let end = (0..=MESSAGE_BYTES_MAX.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    text.truncate(end);
    text
}

/// Codex.
#[derive(Debug)]
pub(crate) struct Codex {
    schema: PathBuf,
    last_message: PathBuf,
    heard: Heard,
    plans: bool,
}

impl Codex {
    pub(crate) fn new(mode: Mode, work: &Work) -> Self {
        let folder = work.run();
        let (schema, last_message) = (folder.join("schema.json"), folder.join("last.txt"));
        Self { schema, last_message, heard: Heard::default(), plans: mode == Mode::Plan }
    }

    /// What the model's commands may do to files.
    fn sandbox(&self) -> &'static str {
        if self.plans { "read-only" } else { "workspace-write" }
    }

    fn arguments(&self, assignment: &Assignment<'_>) -> Vec<OsString> {
        let brief = assignment.brief;
        let mut arguments: Vec<OsString> = ["exec", "--json", "-s", self.sandbox(), "-C"].map(OsString::from).into();
        arguments.push(assignment.work.tree().into());
        arguments.extend(["-m".into(), brief.model.clone().into()]);
        arguments.extend(["-o".into(), self.last_message.clone().into()]);
        arguments.extend(["--output-schema".into(), self.schema.clone().into()]);
        let mut settings: Vec<String> = SETTINGS.map(str::to_owned).into();
        settings.push(format!("model_reasoning_effort={}", json!(brief.effort)));
        if let Some(url) = assignment.variables.text(URL_VARIABLE) {
            settings.push(format!("openai_base_url={}", json!(url)));
        }
        for setting in settings {
            arguments.extend(["-c".into(), setting.into()]);
        }
        arguments.push("-".into());
        arguments
    }

    fn done(&self, changed: bool) -> Report {
        let message = self.heard.message.trim();
        if message.is_empty() {
            return self.ended(ReportOutcome::Failed, None, "the model refused or gave an empty answer".to_owned());
        }
        if self.plans {
            return Report { answer: message.to_owned(), ..self.ended(ReportOutcome::Planned, None, String::new()) };
        }
        let answer: Answer = serde_json::from_str(message).unwrap_or_else(|_| Answer {
            outcome: ReportOutcome::Changed,
            summary: message.to_owned(),
            reason: String::new(),
            question: String::new(),
        });
        if answer.outcome == ReportOutcome::Changed && !changed {
            let reason = format!("the agent ended well but changed nothing; it said: {}", answer.summary);
            return self.ended(ReportOutcome::Failed, None, reason);
        }
        if answer.outcome == ReportOutcome::NoChange && changed {
            let reason = format!("{CHANGED_ALL_THE_SAME}; it said: {}", answer.summary);
            return self.ended(ReportOutcome::Failed, None, reason);
        }
        let report = self.ended(answer.outcome, None, answer.reason);
        Report { summary: answer.summary, question: answer.question, ..report }
    }

    fn ended(&self, outcome: ReportOutcome, cause: Option<Cause>, reason: String) -> Report {
        Report {
            usage: self.heard.usage,
            session: self.heard.thread.clone(),
            cause,
            ..Report::ended(outcome, tail(&reason, TEXT_CHARACTERS_MAX))
        }
    }
}

impl Agent for Codex {
    fn launch(&mut self, assignment: &Assignment<'_>, again: bool) -> Result<Launch, Error> {
        self.heard = Heard::default();
        fresh(assignment.work, &[&self.last_message])?;
        let schema = if self.plans { plan_schema() } else { schema() };
        std::fs::write(&self.schema, schema.to_string()).map_err(Error::machine("writing the answer's schema"))?;
        let mut environment = environment(assignment.variables);
        let home = codex_home(assignment);
        std::fs::create_dir_all(&home).map_err(Error::machine(format!("making {}", home.display())))?;
        environment.insert("CODEX_HOME", home);
        let key = [KEY_VARIABLE, KEY_VARIABLE_COMMON].iter().find_map(|name| assignment.variables.get(name));
        if let Some(key) = key {
            environment.insert(KEY_VARIABLE, key);
        }
        Ok(Launch {
            program: "codex".into(),
            arguments: self.arguments(assignment),
            environment,
            directory: assignment.work.tree(),
            input: format!("{}{}", assignment.prompt, if again { RESTARTED } else { "" }).into_bytes(),
        })
    }

    fn listener(&mut self) -> &mut (dyn Listener + Send) {
        &mut self.heard
    }

    fn report(&self, exit: Option<i32>, changed: bool) -> Report {
        if exit == Some(0) && self.heard.completed && self.heard.failed.is_none() {
            return self.done(changed);
        }
        let complaints = self.heard.complaints.text().trim();
        let message = self.heard.failed.as_deref().filter(|message| !message.is_empty());
        let message = message.or(self.heard.reconnecting.as_deref()).unwrap_or(complaints);
        let reason =
            format!("codex ended with {}: {message}", exit.map_or("a signal".to_owned(), |code| code.to_string()));
        if exit == Some(BAD_FLAG) && self.heard.thread.is_none() {
            return self.ended(ReportOutcome::Infra, Some(Cause::Fatal), reason);
        }
        let (outcome, cause) = class(message);
        self.ended(outcome, cause, reason)
    }

    fn waits_for_network(&self) -> bool {
        self.heard.reconnecting.is_some()
    }
}

/// Where Codex keeps its own files: never in the work tree, where a repository could put a configuration.
fn codex_home(assignment: &Assignment<'_>) -> PathBuf {
    let given = assignment.variables.get("CODEX_HOME").map(PathBuf::from);
    let home = assignment.variables.get("HOME");
    given
        .filter(|given| !given.starts_with(assignment.work.tree()))
        .or_else(|| home.map(|home| PathBuf::from(home).join(".task-orchestrator-codex")))
        .unwrap_or_else(|| assignment.work.run().join("codex-home"))
}

fn schema() -> serde_json::Value {
    let text = json!({"type": "string"});
    json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["outcome", "summary", "reason", "question"],
        "properties": {
            "outcome": {"type": "string", "enum": ["changed", "no_change", "needs_decision", "failed"]},
            "summary": text, "reason": text, "question": text,
        },
    })
}

/// What a planner run is asked to answer with.
fn plan_schema() -> serde_json::Value {
    let texts = json!({"type": "array", "items": {"type": "string"}});
    json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["files", "new_files", "depends_on", "estimate_minutes", "confidence"],
        "properties": {
            "files": texts, "new_files": texts,
            "depends_on": {"type": "array", "items": {"type": "integer"}},
            "estimate_minutes": {"type": "integer"},
            "confidence": {"type": "number"},
        },
    })
}

/// Failures that no further attempt can cure: somebody has to change the configuration or pay.
const FATAL: [&str; 7] = [
    "unexpected status 401",
    "unexpected status 403",
    "unexpected status 404",
    "missing environment variable",
    "quota exceeded",
    "insufficient_quota",
    "not inside a trusted directory",
];
/// Failures of the way to the model; not the task's.
const PASSING: [&str; 9] = [
    "too many requests",
    "exceeded retry limit",
    "high demand",
    "stream disconnected",
    "idle timeout",
    "unexpected status 5",
    "unexpected status 429",
    "waiting for network",
    "reconnecting",
];

fn class(message: &str) -> (ReportOutcome, Option<Cause>) {
    let words = message.to_ascii_lowercase();
    let says = |phrases: &[&str]| phrases.iter().any(|phrase| words.contains(phrase));
    // "exceeded retry limit, last status: 401" is as hopeless as the status it ends with.
    let hopeless = ["401", "403", "404"].iter().any(|status| words.contains(&format!("last status: {status}")));
    if hopeless || says(&FATAL) {
        return (ReportOutcome::Infra, Some(Cause::Fatal));
    }
    if says(&PASSING) {
        return (ReportOutcome::Infra, None);
    }
    (ReportOutcome::Failed, None)
}

#[cfg(test)]
mod tests;
