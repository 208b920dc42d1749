//! Workflow runs, their jobs and steps.

use serde::Deserialize;

use crate::engine::id::{JobId, RunId, Sha};
use crate::engine::snapshot;
use crate::engine::time::Timestamp;
use crate::github::client::wire::{conclusion, moment, progress};

/// A page of runs.
#[derive(Debug, Deserialize)]
pub(crate) struct RunList {
    #[serde(default)]
    pub(crate) workflow_runs: Vec<Run>,
}

/// A run.
#[derive(Debug, Deserialize)]
pub(crate) struct Run {
    id: u64,
    display_title: Option<String>,
    name: Option<String>,
    status: Option<String>,
    conclusion: Option<String>,
    run_attempt: Option<u32>,
    head_sha: Option<String>,
    created_at: Option<String>,
    updated_at: Option<String>,
}

impl Run {
    /// Whether it is over and nothing in it went wrong.
    pub(crate) fn ended_well(&self) -> bool {
        self.conclusion.as_deref() == Some("success") && self.status.as_deref() == Some("completed")
    }

    /// The snapshot, with the jobs read besides.
    pub(crate) fn into_snapshot(self, jobs: Vec<snapshot::Job>) -> snapshot::Run {
        let progress = progress(self.status.as_deref());
        snapshot::Run {
            id: RunId(self.id),
            title: self.display_title.or(self.name).unwrap_or_default(),
            progress,
            conclusion: conclusion(progress, self.conclusion.as_deref()),
            run_attempt: self.run_attempt.unwrap_or(1),
            head_sha: Sha::new(self.head_sha.unwrap_or_default()),
            created_at: moment(self.created_at.as_deref()),
            updated_at: moment(self.updated_at.as_deref().or(self.created_at.as_deref())),
            jobs,
        }
    }
}

/// A page of jobs.
#[derive(Debug, Deserialize)]
pub(crate) struct JobList {
    #[serde(default)]
    pub(crate) jobs: Vec<Job>,
}

/// A job.
#[derive(Debug, Deserialize)]
pub(crate) struct Job {
    id: u64,
    name: Option<String>,
    status: Option<String>,
    conclusion: Option<String>,
    started_at: Option<String>,
    completed_at: Option<String>,
    steps: Option<Vec<Step>>,
}

#[derive(Debug, Deserialize)]
struct Step {
    name: Option<String>,
    status: Option<String>,
    conclusion: Option<String>,
}

impl Job {
    /// The snapshot.
    pub(crate) fn into_snapshot(self) -> snapshot::Job {
        let progress = progress(self.status.as_deref());
        snapshot::Job {
            id: JobId(self.id),
            name: self.name.unwrap_or_default(),
            progress,
            conclusion: conclusion(progress, self.conclusion.as_deref()),
            started_at: self.started_at.as_deref().and_then(Timestamp::parse),
            completed_at: self.completed_at.as_deref().and_then(Timestamp::parse),
            steps: self.steps.unwrap_or_default().into_iter().map(Step::into_snapshot).collect(),
        }
    }
}

impl Step {
    fn into_snapshot(self) -> snapshot::JobStep {
        let progress = progress(self.status.as_deref());
        let conclusion = conclusion(progress, self.conclusion.as_deref());
        snapshot::JobStep { name: self.name.unwrap_or_default(), progress, conclusion }
    }
}
