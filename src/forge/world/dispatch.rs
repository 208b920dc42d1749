//! Workflow runs: asked for, cancelled, run again.

use std::collections::{BTreeMap, BTreeSet};

use crate::engine::id::{JobId, RunId, Sha};
use crate::engine::snapshot::{Conclusion, Job, Progress};
use crate::forge::world::act::{Act, Outcome};
use crate::forge::world::admit::{conflict, invalid, missing};
use crate::forge::world::setup::WorkflowFacts;
use crate::forge::world::state::{Cancel, JobEntry, RunEntry, RunEvent};
use crate::forge::world::text::run_title;
use crate::forge::world::webhook::{JobAction, RunAction, Webhook};
use crate::forge::world::{INPUT_CHARACTERS_MAX, INPUTS_MAX};
use crate::github::{Error, Response};

impl Act<'_> {
    pub(in crate::forge::world) fn dispatch(
        &mut self,
        workflow: &str,
        branch: String,
        inputs: BTreeMap<String, String>,
    ) -> Outcome {
        let facts = self.world.setup.workflows.get(workflow);
        let facts = facts.cloned().ok_or_else(|| missing(format!("workflow `{workflow}`")))?;
        if !facts.triggers.dispatch {
            return Err(invalid("Workflow does not have 'workflow_dispatch' trigger"));
        }
        if self.world.disabled.contains(workflow) {
            return Err(invalid("Cannot trigger a 'workflow_dispatch' on a disabled workflow"));
        }
        let head_sha = self.world.branches.get(&branch).cloned();
        let head_sha = head_sha.ok_or_else(|| invalid(format!("No ref found for: {branch}")))?;
        let inputs = checked_inputs(&facts, inputs)?;
        let id = self.start(workflow, facts, branch, head_sha, inputs, RunEvent::default());
        Ok(Response::Dispatched(Some(id)))
    }

    /// Queues a run. Of its concurrency group it takes the place of whatever waited.
    pub(in crate::forge::world) fn start(
        &mut self,
        workflow: &str,
        facts: WorkflowFacts,
        branch: String,
        head_sha: Sha,
        inputs: BTreeMap<String, String>,
        event: RunEvent,
    ) -> RunId {
        if let Some(group) = &facts.group {
            let waiting: Vec<RunId> = self.world.open_in_group(group).skip(1).collect();
            waiting.into_iter().for_each(|run| self.end_run(run, Conclusion::Cancelled));
        }
        self.world.issued.run += 1;
        let id = RunId(self.world.issued.run);
        let title = run_title(facts.run_name.as_deref().unwrap_or(&facts.name), &inputs);
        let run = RunEntry {
            id,
            number: id.0,
            workflow: workflow.to_owned(),
            name: facts.name.clone(),
            title,
            inputs,
            event,
            actor: self.sender.clone(),
            branch,
            head_sha,
            progress: Progress::Queued,
            conclusion: None,
            attempt: 1,
            created_at: self.now,
            started_at: None,
            updated_at: self.now,
            cancel: None,
            jobs: Vec::new(),
            artifacts: BTreeMap::new(),
        };
        self.world.runs.insert(id, run);
        let jobs: Vec<JobId> =
            facts.jobs.into_iter().map(|job| self.insert_job(id, 1, job.id, job.name, job.needs)).collect();
        if let Some(run) = self.world.runs.get_mut(&id) {
            run.jobs = jobs;
        }
        self.webhooks.push(Webhook::WorkflowRun { action: RunAction::Requested, run: id });
        self.tell_ready(id, &BTreeSet::new());
        id
    }

    /// Lets a workflow run, or keeps it from running.
    pub(in crate::forge::world) fn set_workflow(&mut self, workflow: &str, enabled: bool) -> Outcome {
        if !self.world.setup.workflows.contains_key(workflow) {
            return Err(missing(format!("workflow `{workflow}`")));
        }
        if enabled {
            self.world.disabled.remove(workflow);
        } else {
            self.world.disabled.insert(workflow.to_owned());
        }
        Ok(Response::Done)
    }

    fn insert_job(&mut self, run: RunId, attempt: u32, key: String, name: String, needs: Vec<String>) -> JobId {
        self.world.issued.job += 1;
        let id = JobId(self.world.issued.job);
        let job = Job {
            id,
            name,
            progress: Progress::Queued,
            conclusion: None,
            started_at: None,
            completed_at: None,
            steps: Vec::new(),
        };
        let entry = JobEntry { job, run, attempt, key, needs, outputs: BTreeMap::new(), log: String::new() };
        self.world.jobs.insert(id, entry);
        id
    }

    /// Queued jobs of a run that nothing keeps from starting.
    pub(in crate::forge::world) fn ready_jobs(&self, run: RunId) -> BTreeSet<JobId> {
        self.world
            .jobs_of(run)
            .filter(|job| job.job.progress == Progress::Queued && self.world.is_ready(job))
            .map(|job| job.job.id)
            .collect()
    }

    /// Tells of jobs that have become ready since `before`.
    pub(in crate::forge::world) fn tell_ready(&mut self, run: RunId, before: &BTreeSet<JobId>) {
        for job in self.ready_jobs(run).difference(before) {
            self.webhooks.push(Webhook::WorkflowJob { action: JobAction::Queued, run, job: *job });
        }
    }

    pub(in crate::forge::world) fn cancel(&mut self, run: RunId, force: bool) -> Outcome {
        let now = self.now;
        let entry = self.world.runs.get_mut(&run).ok_or_else(|| missing(format!("run {run}")))?;
        match entry.progress {
            Progress::Completed => Err(conflict("Cannot cancel a workflow run that is completed.")),
            Progress::InProgress => {
                let asked = if force { Cancel::Forced } else { Cancel::Asked };
                entry.cancel = entry.cancel.max(Some(asked));
                entry.updated_at = now;
                Ok(Response::Done)
            }
            Progress::Queued => {
                self.end_run(run, Conclusion::Cancelled);
                Ok(Response::Done)
            }
        }
    }

    /// Runs the jobs that did not succeed, and those that need them, once more.
    pub(in crate::forge::world) fn rerun_failed(&mut self, run: RunId) -> Outcome {
        let entry = self.world.runs.get(&run).ok_or_else(|| missing(format!("run {run}")))?;
        if entry.progress != Progress::Completed {
            return Err(conflict("This workflow run is already running"));
        }
        let again = self.failed_keys(run);
        if again.is_empty() {
            return Err(conflict("This workflow run cannot be retried: it has no failed jobs"));
        }
        let attempt = entry.attempt + 1;
        let old: Vec<JobEntry> = self.world.jobs_of(run).cloned().collect();
        let jobs = old
            .into_iter()
            .map(|job| {
                if again.contains(&job.key) {
                    self.insert_job(run, attempt, job.key, job.job.name, job.needs)
                } else {
                    job.job.id
                }
            })
            .collect();
        let now = self.now;
        if let Some(entry) = self.world.runs.get_mut(&run) {
            entry.jobs = jobs;
            entry.attempt = attempt;
            (entry.progress, entry.conclusion) = (Progress::Queued, None);
            (entry.started_at, entry.cancel, entry.updated_at) = (None, None, now);
        }
        // GitHub does not say `requested` of a re-run.
        self.tell_ready(run, &BTreeSet::new());
        Ok(Response::Done)
    }

    fn failed_keys(&self, run: RunId) -> BTreeSet<String> {
        let mut keys: BTreeSet<String> = self
            .world
            .jobs_of(run)
            .filter(|job| !matches!(job.job.conclusion, Some(Conclusion::Success | Conclusion::Skipped)))
            .map(|job| job.key.clone())
            .collect();
        // Each round adds at least one key or is the last.
        for _ in 0..self.world.jobs_of(run).count() {
            let more = self.world.jobs_of(run).filter(|job| job.needs.iter().any(|need| keys.contains(need)));
            let more: Vec<String> = more.map(|job| job.key.clone()).collect();
            keys.extend(more);
        }
        keys
    }

    /// Ends a run that is not over, with all jobs that are not.
    pub(in crate::forge::world) fn end_run(&mut self, run: RunId, conclusion: Conclusion) {
        let open: Vec<JobId> = self
            .world
            .jobs_of(run)
            .filter(|job| job.job.progress != Progress::Completed)
            .map(|job| job.job.id)
            .collect();
        for job in open {
            self.close_job(job, Conclusion::Cancelled, BTreeMap::new());
        }
        let now = self.now;
        if let Some(entry) = self.world.runs.get_mut(&run) {
            (entry.progress, entry.conclusion) = (Progress::Completed, Some(conclusion));
            entry.updated_at = now;
        }
        self.webhooks.push(Webhook::WorkflowRun { action: RunAction::Completed, run });
    }
}

/// The inputs a run gets: those given, and defaults for the rest.
fn checked_inputs(facts: &WorkflowFacts, given: BTreeMap<String, String>) -> Result<BTreeMap<String, String>, Error> {
    let unknown: Vec<&String> = given.keys().filter(|name| !facts.inputs.contains_key(*name)).collect();
    if !unknown.is_empty() {
        return Err(invalid(format!("Unexpected inputs provided: {unknown:?}")));
    }
    let characters: usize = given.values().map(|value| value.chars().count()).sum();
    if given.len() > INPUTS_MAX || characters > INPUT_CHARACTERS_MAX {
        return Err(invalid(format!(
            "inputs are too large (maximum is {INPUTS_MAX} inputs and {INPUT_CHARACTERS_MAX} characters)"
        )));
    }
    let mut inputs = given;
    for (name, input) in &facts.inputs {
        if !inputs.contains_key(name) {
            match &input.default {
                Some(default) => drop(inputs.insert(name.clone(), default.clone())),
                None if input.required => return Err(invalid(format!("Required input '{name}' not provided"))),
                None => drop(inputs.insert(name.clone(), String::new())),
            }
        }
    }
    Ok(inputs)
}
