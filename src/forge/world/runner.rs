//! What the runner reports. A report that does not fit what is known (a job that is over starts again) is refused.

use std::collections::BTreeMap;

use crate::engine::id::{JobId, RunId};
use crate::engine::report::tail;
use crate::engine::snapshot::{Conclusion, JobStep, Progress};
use crate::forge::world::LOG_CHARACTERS_MAX;
use crate::forge::world::act::{Act, Outcome};
use crate::forge::world::admit::{conflict, missing};
use crate::forge::world::request::RunnerAct;
use crate::forge::world::state::{Artifact, JobEntry, RunEntry};
use crate::forge::world::webhook::{JobAction, RunAction, Webhook};
use crate::github::{Error, Response};

impl Act<'_> {
    pub(in crate::forge::world) fn runner(&mut self, act: RunnerAct) -> Outcome {
        match act {
            RunnerAct::JobStarted { job } => self.job_started(job),
            RunnerAct::StepStarted { job, name } => {
                let step = JobStep { name, progress: Progress::InProgress, conclusion: None };
                self.running_job(job)?.job.steps.push(step);
                Ok(Response::Done)
            }
            RunnerAct::StepEnded { job, conclusion } => {
                let step = self.running_job(job)?.job.steps.last_mut();
                let step = step.filter(|step| step.progress != Progress::Completed);
                let step = step.ok_or_else(|| conflict(format!("job {job} has no step under way")))?;
                (step.progress, step.conclusion) = (Progress::Completed, Some(conclusion));
                Ok(Response::Done)
            }
            RunnerAct::JobEnded { job, conclusion, outputs } => {
                if self.known_job(job)?.job.progress == Progress::Completed {
                    return Err(conflict(format!("job {job} is over")));
                }
                self.end_job(job, conclusion, outputs);
                Ok(Response::Done)
            }
            RunnerAct::RunEnded { run, conclusion } => {
                if self.known_run(run)?.progress == Progress::Completed {
                    return Err(conflict(format!("run {run} is over")));
                }
                self.end_run(run, conclusion);
                Ok(Response::Done)
            }
            RunnerAct::ArtifactStored { run, name, location, bytes } => {
                let artifact = Artifact { location, bytes, at: self.now };
                self.known_run(run)?.artifacts.insert(name, artifact);
                Ok(Response::Done)
            }
            RunnerAct::LogTail { job, text } => {
                self.known_job(job)?.log = tail(&text, LOG_CHARACTERS_MAX);
                Ok(Response::Done)
            }
            RunnerAct::Due { workflow } => self.due(&workflow),
            RunnerAct::Restarted => {
                let alive = self.world.runs().filter(|run| run.progress == Progress::InProgress);
                let alive: Vec<RunId> = alive.map(|run| run.id).collect();
                alive.into_iter().for_each(|run| self.end_run(run, Conclusion::Cancelled));
                Ok(Response::Done)
            }
        }
    }

    fn job_started(&mut self, job: JobId) -> Outcome {
        let now = self.now;
        let entry = self.known_job(job)?;
        if entry.job.progress != Progress::Queued {
            return Err(conflict(format!("job {job} was started before")));
        }
        let run = entry.run;
        if self.known_run(run)?.progress == Progress::Completed {
            return Err(conflict(format!("run {run} is over")));
        }
        let entry = self.known_job(job)?;
        (entry.job.progress, entry.job.started_at) = (Progress::InProgress, Some(now));
        let entry = self.known_run(run)?;
        entry.updated_at = now;
        if entry.progress == Progress::Queued {
            entry.progress = Progress::InProgress;
            entry.started_at = Some(now);
            self.webhooks.push(Webhook::WorkflowRun { action: RunAction::InProgress, run });
        }
        self.webhooks.push(Webhook::WorkflowJob { action: JobAction::InProgress, run, job });
        Ok(Response::Done)
    }

    /// Ends a job that is there and not over; jobs that waited for it may become ready.
    fn end_job(&mut self, job: JobId, conclusion: Conclusion, outputs: BTreeMap<String, String>) {
        let Some(run) = self.world.job(job).map(|entry| entry.run) else { return };
        let before = self.ready_jobs(run);
        self.close_job(job, conclusion, outputs);
        self.tell_ready(run, &before);
    }

    /// Ends a job that is there and not over, and nothing else.
    pub(in crate::forge::world) fn close_job(
        &mut self,
        job: JobId,
        conclusion: Conclusion,
        outputs: BTreeMap<String, String>,
    ) {
        let now = self.now;
        let Some(entry) = self.world.jobs.get_mut(&job) else { return };
        (entry.job.progress, entry.job.conclusion) = (Progress::Completed, Some(conclusion));
        entry.job.completed_at = Some(now);
        entry.outputs = outputs;
        for step in entry.job.steps.iter_mut().filter(|step| step.progress != Progress::Completed) {
            (step.progress, step.conclusion) = (Progress::Completed, Some(conclusion));
        }
        let run = entry.run;
        if let Some(entry) = self.world.runs.get_mut(&run) {
            entry.updated_at = now;
        }
        self.webhooks.push(Webhook::WorkflowJob { action: JobAction::Completed, run, job });
    }

    fn known_job(&mut self, job: JobId) -> Result<&mut JobEntry, Error> {
        self.world.jobs.get_mut(&job).ok_or_else(|| missing(format!("job {job}")))
    }

    fn running_job(&mut self, job: JobId) -> Result<&mut JobEntry, Error> {
        let (now, run) = (self.now, self.known_job(job)?.run);
        if self.known_job(job)?.job.progress != Progress::InProgress {
            return Err(conflict(format!("job {job} is not under way")));
        }
        self.known_run(run)?.updated_at = now;
        self.known_job(job)
    }

    fn known_run(&mut self, run: RunId) -> Result<&mut RunEntry, Error> {
        self.world.runs.get_mut(&run).ok_or_else(|| missing(format!("run {run}")))
    }
}
