//! The agent `shell`: `sh -c CMD` in the work tree. `$ORCHESTRATOR_TASK` names a JSON file with the task, the prompt
//! comes on standard input, and the command may write `outcome, summary, reason, question` to `$ORCHESTRATOR_REPORT`.
//! In a planner run (`mode` is `plan`) it writes its answer there, as `plan`.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::engine::brief::{Listed, Mode};
use crate::engine::id::{IssueNumber, TaskId};
use crate::engine::report::{Cause, Report, ReportOutcome, TEXT_CHARACTERS_MAX, tail};
use crate::worker::Error;
use crate::worker::agents::{Agent, Assignment, CHANGED_ALL_THE_SAME, environment, fresh};
use crate::worker::process::{Launch, Listener, Tail};
use crate::worker::prompt::RESTARTED;
use crate::worker::work::Work;

/// The shell's code for a command that does not exist.
const NO_SUCH_COMMAND: i32 = 127;
/// Most bytes of a report that are read.
const REPORT_BYTES_MAX: u64 = 256 * 1024;

/// The task as the command finds it.
#[derive(Serialize)]
struct Task<'a> {
    id: TaskId,
    issue: IssueNumber,
    title: &'a str,
    body: &'a str,
    files: &'a [String],
    attempt: u32,
    previous_errors: &'a [String],
    mode: Mode,
    conflicts: &'a [String],
    #[serde(skip_serializing_if = "<[Listed]>::is_empty")]
    listed: &'a [Listed],
}

/// What the command may tell.
#[derive(Deserialize)]
struct Told {
    #[serde(default = "Told::answered")]
    outcome: ReportOutcome,
    #[serde(default)]
    summary: String,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    question: String,
    plan: Option<serde_json::Value>,
}

impl Told {
    /// What a report means that only holds a plan.
    fn answered() -> ReportOutcome {
        ReportOutcome::Planned
    }
}

/// One shell command.
#[derive(Debug)]
pub(crate) struct Shell {
    command: String,
    report: PathBuf,
    output: Tail,
    plans: bool,
}

impl Shell {
    pub(crate) fn new(command: String, mode: Mode, work: &Work) -> Self {
        let (report, plans) = (work.run().join("agent-report.json"), mode == Mode::Plan);
        Self { command, report, output: Tail::default(), plans }
    }

    /// What came of a planner run: the answer as it stands.
    fn planned(&self, exit: Option<i32>, told: Option<Told>) -> Report {
        let Some(told) = told.filter(|_| exit == Some(0)) else {
            return self.silent(exit, false);
        };
        match (told.outcome, told.plan) {
            (ReportOutcome::Planned, Some(plan)) => Report {
                answer: plan.to_string(),
                summary: told.summary,
                ..Report::ended(ReportOutcome::Planned, told.reason)
            },
            (ReportOutcome::Failed | ReportOutcome::Infra, _) => Report::ended(told.outcome, told.reason),
            (_, _) => self.failed("the agent's report holds no `plan`".to_owned()),
        }
    }

    fn told(&self) -> Option<Result<Told, String>> {
        let file = std::fs::symlink_metadata(&self.report).ok()?;
        if !file.is_file() || file.len() > REPORT_BYTES_MAX {
            return Some(Err(format!("it is no plain file of at most {REPORT_BYTES_MAX} bytes")));
        }
        let bytes = std::fs::read(&self.report).map_err(|error| error.to_string());
        Some(bytes.and_then(|bytes| serde_json::from_slice(&bytes).map_err(|error| error.to_string())))
    }

    fn failed(&self, why: String) -> Report {
        let text = format!("{why}\n{}", self.output.text());
        Report::ended(ReportOutcome::Failed, tail(text.trim_end(), TEXT_CHARACTERS_MAX))
    }

    fn silent(&self, exit: Option<i32>, changed: bool) -> Report {
        match exit {
            Some(0) if changed => Report {
                summary: tail(self.output.text().trim_end(), TEXT_CHARACTERS_MAX),
                ..Report::ended(ReportOutcome::Changed, "")
            },
            Some(0) if self.plans => self.failed("the agent's command ended well but left no plan".to_owned()),
            Some(0) => self.failed("the agent's command ended well but changed nothing".to_owned()),
            Some(NO_SUCH_COMMAND) => Report {
                outcome: ReportOutcome::Infra,
                cause: Some(Cause::Fatal),
                ..self.failed("the agent's command does not exist (exit code 127)".to_owned())
            },
            Some(code) => self.failed(format!("the agent's command exited with {code}")),
            None => self.failed("the agent's command was ended by a signal".to_owned()),
        }
    }
}

impl Agent for Shell {
    fn launch(&mut self, assignment: &Assignment<'_>, again: bool) -> Result<Launch, Error> {
        self.output = Tail::default();
        fresh(assignment.work, &[&self.report])?;
        let brief = assignment.brief;
        let task = Task {
            id: TaskId(brief.issue),
            issue: brief.issue,
            title: &brief.text.title,
            body: &brief.text.body,
            files: &brief.files,
            attempt: brief.key.id.n,
            previous_errors: &brief.previous_errors,
            mode: brief.mode,
            conflicts: assignment.conflicts,
            listed: &brief.listed,
        };
        let path = assignment.work.run().join("task.json");
        let text = serde_json::to_vec_pretty(&task).map_err(|error| Error::Input(format!("the task: {error}")))?;
        std::fs::write(&path, text).map_err(Error::machine("writing the task"))?;
        let mut environment = environment(assignment.variables);
        environment.insert("ORCHESTRATOR_TASK", path);
        environment.insert("ORCHESTRATOR_REPORT", &self.report);
        Ok(Launch {
            program: "sh".into(),
            arguments: vec!["-c".into(), self.command.clone().into()],
            environment,
            directory: assignment.work.tree(),
            input: format!("{}{}", assignment.prompt, if again { RESTARTED } else { "" }).into_bytes(),
        })
    }

    fn listener(&mut self) -> &mut (dyn Listener + Send) {
        &mut self.output
    }

    fn report(&self, exit: Option<i32>, changed: bool) -> Report {
        let told = match self.told() {
            None if self.plans => return self.planned(exit, None),
            None => return self.silent(exit, changed),
            Some(Err(problem)) => return self.failed(format!("the agent's report cannot be read: {problem}")),
            Some(Ok(told)) if self.plans => return self.planned(exit, Some(told)),
            Some(Ok(told)) => told,
        };
        if told.outcome == ReportOutcome::Planned {
            return self.failed("the agent's report holds no `outcome`".to_owned());
        }
        if told.outcome == ReportOutcome::Changed && (exit != Some(0) || !changed) {
            return Report { summary: told.summary, ..self.silent(exit, changed) };
        }
        if told.outcome == ReportOutcome::NoChange && changed {
            return Report { summary: told.summary, ..self.failed(CHANGED_ALL_THE_SAME.to_owned()) };
        }
        Report { summary: told.summary, question: told.question, ..Report::ended(told.outcome, told.reason) }
    }
}
