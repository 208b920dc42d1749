//! One job: a folder, an environment and a token of its own, its steps in order, its outputs.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;

use secrecy::SecretString;
use serde_json::json;
use tokio::sync::watch;

use crate::engine::id::JobId;
use crate::engine::snapshot::Conclusion;
use crate::forge::runner::context::{Names, Status, result_word};
use crate::forge::runner::folder::{self, JobFolder};
use crate::forge::runner::interrupt::{Interrupt, Interruption};
use crate::forge::runner::log::LogTail;
use crate::forge::runner::step::{JobState, StepEnd, add_variables};
use crate::forge::runner::workflow::{self, Step, Templates};
use crate::forge::runner::{Host, Shared};
use crate::forge::world::access::{Level, Scope};
use crate::forge::world::request::{Request, RunnerAct};
use crate::forge::world::state::RunEntry;
use crate::github;

/// Most bytes of a job's outputs, as on GitHub.
const OUTPUT_BYTES_MAX: usize = 1024 * 1024;

/// A job that is about to run.
pub(super) struct JobTask<H> {
    pub(super) shared: Arc<Shared<H>>,
    pub(super) run: RunEntry,
    pub(super) id: JobId,
    pub(super) job: workflow::Job,
    /// The workflow's own variables.
    pub(super) env: Templates,
    /// Names of the run and of the jobs needed.
    pub(super) names: Names,
    pub(super) interrupt: watch::Receiver<Interrupt>,
}

/// How a job ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct JobEnd {
    pub(super) conclusion: Conclusion,
    pub(super) outputs: BTreeMap<String, String>,
}

impl JobEnd {
    pub(super) fn of(conclusion: Conclusion) -> Self {
        Self { conclusion, outputs: BTreeMap::new() }
    }
}

impl<H: Host> JobTask<H> {
    /// Runs it from its beginning to its reported end. Nothing: it was abandoned, or the world refused its beginning.
    pub(super) async fn run(mut self) -> Option<JobEnd> {
        self.tell(RunnerAct::JobStarted { job: self.id }).await.ok()?;
        let mut interruption = Interruption::new(self.interrupt.clone(), self.job.timeout);
        let (end, log) = self.with_token(&mut interruption).await;
        if interruption.is_abandoned() {
            return None;
        }
        // The world may have ended the run by force meanwhile: then the end is known there already.
        let _ = self.tell(RunnerAct::LogTail { job: self.id, text: log.text() }).await;
        let (conclusion, outputs) = (end.conclusion, end.outputs.clone());
        let _ = self.tell(RunnerAct::JobEnded { job: self.id, conclusion, outputs }).await;
        Some(end)
    }

    async fn tell(&self, act: RunnerAct) -> Result<(), github::Error> {
        let told = self.shared.host.apply(Request::Runner(act)).await;
        told.inspect_err(|error| tracing::warn!(%error, job = %self.id, "the world refuses what the runner tells"))
    }

    async fn with_token(&mut self, interruption: &mut Interruption) -> (JobEnd, LogTail) {
        // Which repository it is for every token may read, as on GitHub.
        let mut permissions = self.job.permissions.clone();
        permissions.entry(Scope::Metadata).or_insert(Level::Read);
        let token = match self.shared.host.job_token(&permissions).await {
            Ok(token) => token,
            Err(error) => return failed(&format!("no token can be made for the job: {error}")),
        };
        let _running = self.shared.ended.job();
        let made = JobFolder::make(&self.shared.options.state, &self.id.to_string());
        let ended = match made {
            Ok(folder) => {
                let ended = self.in_folder(folder.clone(), &token, interruption).await;
                if let Err(error) = Arc::clone(&self.shared).put_aside(folder).await {
                    tracing::warn!(job = %self.id, %error, "the job's folder stays");
                }
                ended
            }
            Err(error) => failed(&format!("the job's folder cannot be made: {error}")),
        };
        self.shared.host.end_job_token(&token).await;
        ended
    }

    async fn in_folder(
        &mut self,
        folder: JobFolder,
        token: &SecretString,
        interruption: &mut Interruption,
    ) -> (JobEnd, LogTail) {
        self.name_job(&folder, token);
        let mut environment = folder.environment();
        environment.extend(self.github_variables());
        match event_file(&folder, &self.run, &self.names) {
            Ok(path) => environment.insert("GITHUB_EVENT_PATH".to_owned(), path.into()),
            Err(error) => return failed(&format!("the event's file cannot be written: {error}")),
        };
        if self.job.environment.is_some() {
            environment.extend(self.shared.options.agent_environment.clone());
        }
        let mut names = self.names.clone();
        for templates in [&self.env, &self.job.env] {
            if let Err(problem) = add_variables(templates, &mut names, &mut environment) {
                return failed(&problem);
            }
        }
        for (name, _) in self.env.iter().chain(&self.job.env) {
            let value = environment.get(name).map(|value| value.to_string_lossy().into_owned());
            names.set("env", name, value.unwrap_or_default());
        }
        let log = LogTail::hiding(names.secrets()).heard_by(self.shared.options.live.as_ref(), self.run.id);
        let shared = Arc::clone(&self.shared);
        let mut state = JobState { shared: &shared, run: self.run.id, folder, environment, names, log };
        let conclusion = self.steps(&mut state, interruption).await;
        if interruption.job_timed_out {
            let minutes = self.job.timeout.as_secs() / 60;
            state.log.say(&format!("Error: The job has exceeded the maximum execution time of {minutes} minutes."));
        }
        let outputs = self.outputs(&mut state);
        (JobEnd { conclusion, outputs }, state.log)
    }

    /// Sets the names that only a job has.
    fn name_job(&mut self, folder: &JobFolder, token: &SecretString) {
        let names = &mut self.names;
        names.status = Status::WELL;
        names.set("github", "job", &self.job.id);
        names.set("github", "workspace", folder.workspace.display().to_string());
        names.set("runner", "temp", folder.temp.display().to_string());
        names.set("runner", "os", folder::os());
        names.set("runner", "arch", folder::architecture());
        names.set("runner", "name", "forge");
        if self.job.environment.is_some() {
            for (name, secret) in &self.shared.options.secrets {
                names.set_secret("secrets", name, secret);
            }
        }
        names.set_secret("github", "token", token);
        names.set_secret("secrets", "GITHUB_TOKEN", token);
    }

    /// `GITHUB_…` for every name of `github.` that is no secret.
    fn github_variables(&self) -> BTreeMap<String, OsString> {
        let variable = |(name, text): (&str, &str)| (format!("GITHUB_{}", name.to_ascii_uppercase()), text.into());
        self.names.group("github").map(variable).collect()
    }

    async fn steps(&self, state: &mut JobState<'_, H>, interruption: &mut Interruption) -> Conclusion {
        let mut failed = false;
        for (index, step) in self.job.steps.iter().enumerate() {
            let cancelled = interruption.is_cancelled();
            if interruption.is_over() {
                break;
            }
            state.names.status = Status { failed, well: !failed, cancelled };
            let word = if cancelled {
                "cancelled"
            } else if failed {
                "failure"
            } else {
                "success"
            };
            state.names.set("job", "status", word);
            // A refused report means that the run was ended meanwhile; the interruption follows.
            let _ = self.tell(RunnerAct::StepStarted { job: self.id, name: step.name.clone() }).await;
            let end = self.step(index, step, state, interruption).await;
            let ignored = step.continue_on_error && end.outcome == Conclusion::Failure;
            let conclusion = if ignored { Conclusion::Success } else { end.outcome };
            failed |= conclusion == Conclusion::Failure;
            if let Some(id) = &step.id {
                for (name, value) in &end.outputs {
                    state.names.set(&format!("steps.{id}.outputs"), name, value);
                }
                state.names.set(&format!("steps.{id}"), "outcome", result_word(end.outcome));
                state.names.set(&format!("steps.{id}"), "conclusion", result_word(conclusion));
            }
            if !interruption.is_abandoned() {
                let _ = self.tell(RunnerAct::StepEnded { job: self.id, conclusion }).await;
            }
        }
        match (interruption.is_cancelled(), failed) {
            (true, _) => Conclusion::Cancelled,
            (false, true) => Conclusion::Failure,
            (false, false) => Conclusion::Success,
        }
    }

    async fn step(
        &self,
        index: usize,
        step: &Step,
        state: &mut JobState<'_, H>,
        interruption: &mut Interruption,
    ) -> StepEnd {
        let holds = |names: &Names| match &step.condition {
            Some(condition) => condition.holds(names),
            None => Ok(names.status == Status::WELL),
        };
        match holds(&state.names) {
            Ok(false) => return StepEnd::of(Conclusion::Skipped),
            Ok(true) => {}
            Err(error) => {
                state.log.say(&format!("Error: {error}"));
                return StepEnd::of(Conclusion::Failure);
            }
        }
        let goes_on = holds(&state.names.cancelled()) == Ok(true);
        state.log.say(&format!("[{}]", step.name));
        state.step(index, step, interruption.step(step.timeout, goes_on)).await
    }

    fn outputs(&self, state: &mut JobState<'_, H>) -> BTreeMap<String, String> {
        let mut outputs = BTreeMap::new();
        let mut left = OUTPUT_BYTES_MAX;
        for (name, template) in &self.job.outputs {
            let value = template.fill(&state.names).unwrap_or_default();
            if state.log.has_secret(&value) {
                state.log.say(&format!("Warning: Skip output '{name}' since it may contain secret."));
            } else if value.len() > left {
                state.log.say(&format!("Error: The job's outputs are larger than {OUTPUT_BYTES_MAX} bytes."));
            } else {
                left -= value.len();
                outputs.insert(name.clone(), value);
            }
        }
        outputs
    }
}

/// The file that tells a job what started its run: as much of the payload as says where to look.
fn event_file(folder: &JobFolder, run: &RunEntry, names: &Names) -> std::io::Result<PathBuf> {
    let repository = names.group("github").find(|(name, _)| *name == "repository").map(|(_, text)| text);
    let mut event = json!({ "action": run.event.action, "repository": { "full_name": repository } });
    if let Some(number) = run.event.issue {
        event["issue"] = json!({ "number": number });
    }
    event["ref"] = json!(format!("refs/heads/{}", run.branch));
    let path = folder.files.join("event.json");
    std::fs::write(&path, event.to_string()).map(|()| path)
}

fn failed(problem: &str) -> (JobEnd, LogTail) {
    let mut log = LogTail::default();
    log.say(&format!("Error: {problem}"));
    (JobEnd::of(Conclusion::Failure), log)
}
