//! Which names an expression may use, place by place
//! (docs.github.com, "Contexts reference", table of context availability).

use std::collections::{BTreeMap, BTreeSet};

use crate::forge::runner::expression::Name;

/// What the runner tells about a run under `github.`.
pub(in crate::forge::runner) const GITHUB_NAMES: [&str; 17] = [
    "actor",
    "api_url",
    "event_name",
    "job",
    "ref",
    "ref_name",
    "ref_type",
    "repository",
    "repository_owner",
    "run_attempt",
    "run_id",
    "run_number",
    "server_url",
    "sha",
    "token",
    "workflow",
    "workspace",
];

/// What it tells about itself under `runner.`.
const RUNNER_NAMES: [&str; 4] = ["arch", "name", "os", "temp"];

/// Where an expression stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// `env` of the workflow.
    Workflow,
    /// `if` of a job.
    JobCondition,
    /// `env` of a job.
    JobVariables,
    /// `if` of a step.
    StepCondition,
    /// Anything else of a step, and the job's outputs.
    Step,
}

/// The names known at one place of the file.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    pub(super) inputs: BTreeSet<String>,
    /// Jobs that this one needs, with their outputs.
    pub(super) needs: BTreeMap<String, BTreeSet<String>>,
    /// Ids of the steps before.
    pub(super) steps: BTreeSet<String>,
}

impl Known {
    pub(super) fn is_known(&self, place: Place, name: &Name) -> bool {
        let in_job = place != Place::Workflow;
        let in_step = matches!(place, Place::StepCondition | Place::Step);
        let secret = matches!(place, Place::Workflow | Place::JobVariables | Place::Step);
        match name.parts().as_slice() {
            ["inputs", input] => self.inputs.contains(*input),
            ["github", "token"] => secret,
            ["github", "workspace"] => in_step,
            ["github", field] => GITHUB_NAMES.contains(field),
            ["vars", _] => true,
            ["secrets", _] => secret,
            ["needs", job, "result"] => in_job && self.needs.contains_key(*job),
            ["needs", job, "outputs", output] => {
                in_job && self.needs.get(*job).is_some_and(|outputs| outputs.contains(*output))
            }
            ["steps", step, "outcome" | "conclusion"] | ["steps", step, "outputs", _] => {
                in_step && self.steps.contains(*step)
            }
            ["env", _] => in_step,
            ["runner", field] => in_step && RUNNER_NAMES.contains(field),
            ["job", "status"] => in_step,
            _ => false,
        }
    }
}
