//! The workflow file: read strictly, so that a run here means what it means on GitHub. Whatever the runner does not do
//! is refused by name when the file is read, never skipped.

mod check;
mod file;
mod known;
mod step;
#[cfg(test)]
mod tests;
mod trigger;

use std::collections::BTreeMap;
use std::time::Duration;

use crate::forge::runner::expression::{Condition, Template};
use crate::forge::world::access::Permissions;
use crate::forge::world::setup::{InputFacts, JobFacts, Triggers, WorkflowFacts};

pub use step::OWN_ACTION;

/// Largest workflow file, in bytes.
pub const FILE_BYTES_MAX: usize = 256 * 1024;
/// Most jobs of a workflow.
pub const JOBS_MAX: usize = 20;
/// Most steps of a job.
pub const STEPS_MAX: usize = 50;
/// A job's limit where the file states none, in minutes, as on GitHub.
pub const TIMEOUT_MINUTES: u32 = 360;

/// Why a workflow file is not run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WorkflowError {
    /// It is no YAML, or a key is unknown, missing or of the wrong kind; the message tells the line.
    #[error("{0}")]
    Form(String),
    /// Something in it is not run here.
    #[error("{place}: {problem}")]
    Refused {
        /// Where: the keys that lead there, `jobs.agent.steps[2].uses`.
        place: String,
        /// What is wrong and what can stand there.
        problem: String,
    },
}

/// Names with text that may hold expressions, in the file's order.
pub type Templates = Vec<(String, Template)>;

/// A workflow.
#[derive(Clone, Debug, PartialEq)]
pub struct Workflow {
    /// Its name.
    pub name: String,
    /// `run-name`.
    pub run_name: Option<String>,
    /// Inputs of a dispatch.
    pub inputs: BTreeMap<String, InputFacts>,
    /// Variables of every step.
    pub env: Templates,
    /// Jobs, in the file's order.
    pub jobs: Vec<Job>,
    /// What starts it.
    pub triggers: Triggers,
    /// Its concurrency group.
    pub group: Option<String>,
}

/// A job.
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    /// Its key in the file.
    pub id: String,
    /// Its name as shown.
    pub name: String,
    /// Jobs that must be over first.
    pub needs: Vec<String>,
    /// Whether it runs.
    pub condition: Option<Condition>,
    /// What its token may do; nothing that is not named.
    pub permissions: Permissions,
    /// The environment whose secrets and variables it gets.
    pub environment: Option<String>,
    /// How long it may take.
    pub timeout: Duration,
    /// Its outputs.
    pub outputs: Templates,
    /// Variables of its steps.
    pub env: Templates,
    /// Its steps.
    pub steps: Vec<Step>,
}

/// A step.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// Its id, by which others name it.
    pub id: Option<String>,
    /// Its name as shown.
    pub name: String,
    /// Whether it runs.
    pub condition: Option<Condition>,
    /// What it does.
    pub act: StepAct,
    /// Its variables.
    pub env: Templates,
    /// How long it may take.
    pub timeout: Option<Duration>,
    /// Whether the job goes on as if nothing had happened when it fails.
    pub continue_on_error: bool,
}

/// What a step does.
#[derive(Clone, Debug, PartialEq)]
pub enum StepAct {
    /// Runs lines of `task-orchestrator worker …`.
    Run {
        /// The lines.
        script: String,
        /// With which shell.
        shell: Shell,
    },
    /// Puts `task-orchestrator` on `PATH`.
    OwnAction,
    /// The same, and runs this line of it.
    OwnCommand {
        /// The line.
        line: String,
    },
    /// Stores files.
    Upload {
        /// The artifact's name.
        name: Template,
        /// A file or a folder.
        path: Template,
        /// What happens where there is none.
        missing: MissingFiles,
        /// Whether names that begin with a dot are taken along.
        hidden: bool,
    },
    /// Brings stored files back.
    Download {
        /// The artifact's name.
        name: Template,
        /// Into which folder; the workspace where nothing is said.
        path: Option<Template>,
    },
}

/// The shell of a `run:` step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shell {
    /// `bash -e`, or `sh -e` where there is no bash: what GitHub takes when nothing is said.
    Unsaid,
    /// `bash --noprofile --norc -eo pipefail`.
    Bash,
    /// `sh -e`.
    Sh,
}

/// What an upload does when there is nothing to store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::Display, strum::EnumString, strum::VariantNames)]
#[strum(serialize_all = "lowercase")]
pub enum MissingFiles {
    /// Says so.
    Warn,
    /// Fails.
    Error,
    /// Says nothing.
    Ignore,
}

impl Workflow {
    /// Reads a workflow file.
    ///
    /// # Errors
    /// The first thing in it that is not run here, by name and place.
    pub fn parse(text: &str) -> Result<Self, WorkflowError> {
        if text.len() > FILE_BYTES_MAX {
            return Err(WorkflowError::Form(format!("the file is larger than {FILE_BYTES_MAX} bytes")));
        }
        let file = serde_saphyr::from_str(text).map_err(|error| WorkflowError::Form(error.to_string()))?;
        check::workflow(file)
    }

    /// What the world must know of it.
    pub fn facts(&self) -> WorkflowFacts {
        let job = |job: &Job| JobFacts { id: job.id.clone(), name: job.name.clone(), needs: job.needs.clone() };
        WorkflowFacts {
            name: self.name.clone(),
            run_name: self.run_name.clone(),
            inputs: self.inputs.clone(),
            jobs: self.jobs.iter().map(job).collect(),
            triggers: self.triggers.clone(),
            group: self.group.clone(),
        }
    }

    /// A job by its key.
    pub fn job(&self, id: &str) -> Option<&Job> {
        self.jobs.iter().find(|job| job.id == id)
    }

    /// All jobs that must be over before this one, however far back.
    pub fn ancestors(&self, id: &str) -> Vec<&Job> {
        let mut found: Vec<&Job> = Vec::new();
        let mut ahead: Vec<&str> = vec![id];
        while let Some(next) = ahead.pop() {
            let needs = self.job(next).map_or(&[][..], |job| &job.needs);
            for need in needs.iter().filter_map(|need| self.job(need)) {
                if !found.iter().any(|job| job.id == need.id) {
                    found.push(need);
                    ahead.push(&need.id);
                }
            }
        }
        found
    }
}
