//! One run: its jobs in the order that `needs` asks for, each as soon as it may, and the run's end.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::{Id, JoinError, JoinSet};

use crate::engine::id::JobId;
use crate::engine::snapshot::{Conclusion, Progress};
use crate::forge::runner::context::{Names, Status, result_word};
use crate::forge::runner::interrupt::Interrupt;
use crate::forge::runner::job::{JobEnd, JobTask};
use crate::forge::runner::workflow::{Job, Workflow};
use crate::forge::runner::{Host, Shared};
use crate::forge::world::request::{Request, RunnerAct};
use crate::forge::world::state::{JobEntry, RunEntry};

/// A run that is about to begin.
pub(super) struct RunTask<H> {
    shared: Arc<Shared<H>>,
    run: RunEntry,
    workflow: Workflow,
    /// The world's ids of its jobs.
    ids: BTreeMap<String, JobId>,
    ends: BTreeMap<String, JobEnd>,
    active: BTreeMap<String, Active>,
    tasks: JoinSet<Option<JobEnd>>,
    interrupt: watch::Receiver<Interrupt>,
    told: Interrupt,
}

/// A job under way.
struct Active {
    task: Id,
    tell: watch::Sender<Interrupt>,
    /// What its `if` saw.
    names: Names,
}

impl<H: Host> RunTask<H> {
    /// A run with its jobs as the world holds them. Jobs that are over already (the run was started again for the
    /// others) count with the end they had.
    pub(super) fn new(
        shared: Arc<Shared<H>>,
        run: RunEntry,
        jobs: Vec<JobEntry>,
        workflow: Workflow,
        interrupt: watch::Receiver<Interrupt>,
    ) -> Self {
        let ended = |job: &JobEntry| {
            let conclusion = job.job.conclusion.filter(|_| job.job.progress == Progress::Completed)?;
            Some((job.key.clone(), JobEnd { conclusion, outputs: job.outputs.clone() }))
        };
        Self {
            ends: jobs.iter().filter_map(ended).collect(),
            ids: jobs.into_iter().map(|job| (job.key, job.job.id)).collect(),
            shared,
            run,
            workflow,
            active: BTreeMap::new(),
            tasks: JoinSet::new(),
            interrupt,
            told: Interrupt::None,
        }
    }

    /// Runs it to its reported end, or until it is abandoned.
    pub(super) async fn run(mut self) {
        let mut is_refused = false;
        loop {
            self.told = (*self.interrupt.borrow_and_update()).max(self.told);
            if is_refused {
                self.told = self.told.max(Interrupt::Abandon);
            }
            self.pass_on();
            if self.told < Interrupt::Abandon {
                self.begin_ready().await;
            }
            if self.tasks.is_empty() {
                break;
            }
            tokio::select! {
                Some(joined) = self.tasks.join_next_with_id() => is_refused |= self.joined(joined).await,
                changed = self.interrupt.changed() => is_refused |= changed.is_err(),
            }
        }
        if self.told < Interrupt::Abandon {
            let conclusion = self.conclusion();
            self.tell(RunnerAct::RunEnded { run: self.run.id, conclusion }).await;
        }
    }

    /// Takes a job's end; whether the run cannot go on because the world refused the job's beginning.
    async fn joined(&mut self, joined: Result<(Id, Option<JobEnd>), JoinError>) -> bool {
        let (task, end, is_told) = match joined {
            Ok((task, Some(end))) => (task, end, true),
            Ok((_, None)) => return true,
            Err(error) => {
                tracing::error!(%error, run = %self.run.id, "a job broke down in the runner");
                (error.id(), JobEnd::of(Conclusion::Failure), false)
            }
        };
        let key = self.active.iter().find(|(_, active)| active.task == task).map(|(key, _)| key.clone());
        let Some(key) = key else { return false };
        self.active.remove(&key);
        if let Some(job) = self.ids.get(&key).copied().filter(|_| !is_told) {
            self.tell(ended(job, end.conclusion)).await;
        }
        self.ends.insert(key, end);
        false
    }

    /// Tells jobs under way what the run is told. A cancelled run's job goes on if its `if` still holds then, as on
    /// GitHub.
    fn pass_on(&self) {
        for (key, active) in &self.active {
            let goes_on = self.told == Interrupt::Cancel
                && self.workflow.job(key).is_some_and(|job| holds(job, &active.names.cancelled()) == Ok(true));
            if !goes_on {
                active.tell.send_replace(self.told);
            }
        }
    }

    /// Begins or ends every job whose needs are over, until nothing changes.
    async fn begin_ready(&mut self) {
        while let Some(job) = self.next_ready() {
            let names = self.names(&job);
            let conclusion = match holds(&job, &names) {
                _ if self.told >= Interrupt::Force => Conclusion::Cancelled,
                Ok(true) => {
                    self.begin(job, names);
                    continue;
                }
                Ok(false) if self.told >= Interrupt::Cancel => Conclusion::Cancelled,
                Ok(false) => Conclusion::Skipped,
                Err(()) => Conclusion::Failure,
            };
            if let Some(id) = self.ids.get(&job.id).copied() {
                self.tell(ended(id, conclusion)).await;
            }
            self.ends.insert(job.id, JobEnd::of(conclusion));
        }
    }

    fn next_ready(&self) -> Option<Job> {
        let is_open = |job: &&Job| !self.ends.contains_key(&job.id) && !self.active.contains_key(&job.id);
        let is_ready = |job: &&Job| job.needs.iter().all(|need| self.ends.contains_key(need));
        self.workflow.jobs.iter().filter(is_open).find(is_ready).cloned()
    }

    fn begin(&mut self, job: Job, names: Names) {
        let key = job.id.clone();
        let Some(id) = self.ids.get(&key).copied() else {
            tracing::error!(run = %self.run.id, job = key, "the world knows no such job");
            self.ends.insert(key, JobEnd::of(Conclusion::Failure));
            return;
        };
        let (tell, interrupt) = watch::channel(Interrupt::None);
        let task = JobTask {
            shared: Arc::clone(&self.shared),
            run: self.run.clone(),
            id,
            job,
            env: self.workflow.env.clone(),
            names: names.clone(),
            interrupt,
        };
        let task = self.tasks.spawn(task.run()).id();
        self.active.insert(key, Active { task, tell, names });
    }

    /// What a job's expressions see before it begins.
    fn names(&self, job: &Job) -> Names {
        let mut names = self.run_names();
        for need in &job.needs {
            let Some(end) = self.ends.get(need) else { continue };
            names.set(&format!("needs.{need}"), "result", result_word(end.conclusion));
            for (name, value) in &end.outputs {
                names.set(&format!("needs.{need}.outputs"), name, value);
            }
        }
        let before: Vec<Conclusion> = self
            .workflow
            .ancestors(&job.id)
            .into_iter()
            .filter_map(|job| self.ends.get(&job.id))
            .map(|end| end.conclusion)
            .collect();
        names.status = Status {
            failed: before.contains(&Conclusion::Failure),
            well: before.iter().all(|conclusion| *conclusion == Conclusion::Success),
            cancelled: self.told >= Interrupt::Cancel,
        };
        names
    }

    fn run_names(&self) -> Names {
        let (run, options) = (&self.run, &self.shared.options);
        let repository = self.shared.host.look(|world| world.setup().repository.to_string());
        let mut names = Names::new();
        for (name, value) in &run.inputs {
            names.set("inputs", name, value);
        }
        for (name, value) in &options.variables {
            names.set("vars", name, value);
        }
        let (id, number, attempt) = (run.id.to_string(), run.number.to_string(), run.attempt.to_string());
        let reference = format!("refs/heads/{}", run.branch);
        for (name, value) in [
            ("actor", run.actor.login.as_str()),
            ("api_url", &options.api_url),
            ("event_name", &run.event.name),
            ("ref", &reference),
            ("ref_name", &run.branch),
            ("ref_type", "branch"),
            ("repository", &repository),
            ("repository_owner", repository.split('/').next().unwrap_or_default()),
            ("run_attempt", &attempt),
            ("run_id", &id),
            ("run_number", &number),
            ("server_url", &options.server_url),
            ("sha", run.head_sha.as_str()),
            ("workflow", &run.name),
        ] {
            names.set("github", name, value);
        }
        names
    }

    fn conclusion(&self) -> Conclusion {
        let any = |wanted: Conclusion| self.ends.values().any(|end| end.conclusion == wanted);
        if self.told >= Interrupt::Cancel && any(Conclusion::Cancelled) {
            return Conclusion::Cancelled;
        }
        let order = [Conclusion::Failure, Conclusion::Cancelled, Conclusion::Success];
        order.into_iter().find(|conclusion| any(*conclusion)).unwrap_or(Conclusion::Skipped)
    }

    async fn tell(&self, act: RunnerAct) {
        if let Err(error) = self.shared.host.apply(Request::Runner(act)).await {
            tracing::warn!(%error, run = %self.run.id, "the world refuses what the runner tells");
        }
    }
}

/// Whether a job is to run.
fn holds(job: &Job, names: &Names) -> Result<bool, ()> {
    match &job.condition {
        Some(condition) => {
            condition.holds(names).map_err(|error| tracing::error!(%error, job = job.id, "an `if` fails"))
        }
        None => Ok(names.status == Status::WELL),
    }
}

fn ended(job: JobId, conclusion: Conclusion) -> RunnerAct {
    RunnerAct::JobEnded { job, conclusion, outputs: BTreeMap::new() }
}
