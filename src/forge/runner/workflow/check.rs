//! From the file as written to a workflow that can be run, or to the first thing that cannot.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr as _;
use std::time::Duration;

use crate::forge::runner::expression::{self, Condition, Name, Template};
use crate::forge::runner::workflow::file::{File, InputFile, JobFile, Needs, Ordered};
use crate::forge::runner::workflow::known::{Known, Place};
use crate::forge::runner::workflow::{
    JOBS_MAX, Job, STEPS_MAX, TIMEOUT_MINUTES, Templates, Workflow, WorkflowError, step, trigger,
};
use crate::forge::world::access::{Level, Permissions, Scope};
use crate::forge::world::setup::InputFacts;

/// Longest limit of a job or step, in minutes: five days.
const TIMEOUT_MINUTES_MAX: u32 = 7_200;

pub(super) fn refused(place: impl Into<String>, problem: impl Into<String>) -> WorkflowError {
    WorkflowError::Refused { place: place.into(), problem: problem.into() }
}

fn wrong_expression(place: &str) -> impl Fn(expression::Error) -> WorkflowError {
    let place = place.to_owned();
    move |error| refused(place.clone(), error.to_string())
}

/// Checks the whole file.
pub(super) fn workflow(file: File) -> Result<Workflow, WorkflowError> {
    let triggers = trigger::triggers(&file.on)?;
    let group = file.concurrency.map(trigger::group).transpose()?.flatten();
    let asked = file.on.workflow_dispatch.unwrap_or_default().inputs;
    let mut known = Known { inputs: names("on.workflow_dispatch.inputs", &asked)?, ..Known::default() };
    let inputs = inputs(asked)?;
    if let Some(text) = &file.run_name {
        let only_inputs =
            |name: &Name| name.parts().first() == Some(&"inputs") && known.is_known(Place::Workflow, name);
        Template::parse(text).and_then(|name| name.check(&only_inputs)).map_err(wrong_expression("run-name"))?;
    }
    let env = templates("env", file.env, &known, Place::Workflow)?;
    let held = file.permissions.map(|held| permissions("permissions", held)).transpose()?.unwrap_or_default();
    if file.jobs.0.is_empty() || file.jobs.0.len() > JOBS_MAX {
        return Err(refused("jobs", format!("a workflow has 1 to {JOBS_MAX} jobs, not {}", file.jobs.0.len())));
    }
    let outputs = outputs_by_job(&file.jobs)?;
    let mut jobs = Vec::new();
    for (id, written) in file.jobs.0 {
        let checked = JobCheck { place: format!("jobs.{id}"), outputs: &outputs, held: &held };
        jobs.push(checked.job(id, written, &mut known)?);
    }
    let workflow = Workflow { name: file.name, run_name: file.run_name, inputs, env, jobs, triggers, group };
    match workflow.jobs.iter().find(|job| workflow.ancestors(&job.id).iter().any(|other| other.id == job.id)) {
        Some(job) => Err(refused(format!("jobs.{}.needs", job.id), "a job cannot wait for itself")),
        None => Ok(workflow),
    }
}

fn inputs(written: Ordered<InputFile>) -> Result<BTreeMap<String, InputFacts>, WorkflowError> {
    let mut inputs = BTreeMap::new();
    for (name, input) in written.0 {
        if let Some(kind) = input.kind.filter(|kind| kind != "string") {
            let place = format!("on.workflow_dispatch.inputs.{name}.type");
            return Err(refused(place, format!("`{kind}` is not supported; write `string`")));
        }
        inputs.insert(name, InputFacts { required: input.required, default: input.default });
    }
    Ok(inputs)
}

fn outputs_by_job(jobs: &Ordered<JobFile>) -> Result<BTreeMap<String, BTreeSet<String>>, WorkflowError> {
    names("jobs", jobs)?;
    jobs.0
        .iter()
        .map(|(id, job)| names(&format!("jobs.{id}.outputs"), &job.outputs).map(|outputs| (id.clone(), outputs)))
        .collect()
}

/// The keys of a mapping, each one a name that an expression can use.
fn names<T>(place: &str, written: &Ordered<T>) -> Result<BTreeSet<String>, WorkflowError> {
    for (name, _) in &written.0 {
        identifier(place, name)?;
    }
    Ok(written.0.iter().map(|(name, _)| name.clone()).collect())
}

pub(super) fn identifier(place: &str, name: &str) -> Result<(), WorkflowError> {
    let first = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if first && name.len() <= 100 && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-')) {
        return Ok(());
    }
    let problem = format!("`{}` is no name; write letters, digits, `_` and `-`, a letter first", name.escape_debug());
    Err(refused(place, problem))
}

fn permissions(place: &str, written: Ordered<String>) -> Result<Permissions, WorkflowError> {
    let mut held = Permissions::new();
    for (name, level) in written.0 {
        let place = format!("{place}.{name}");
        let scope = Scope::from_str(&name.replace('-', "_"))
            .map_err(|_| refused(&place, "this permission is not known to the runner"))?;
        if level != "none" {
            let level = Level::from_str(&level)
                .map_err(|_| refused(&place, format!("`{level}` is no level; write read, write or none")))?;
            held.insert(scope, level);
        }
    }
    Ok(held)
}

/// Texts with expressions whose names are all known.
pub(super) fn templates(
    place: &str,
    written: Ordered<String>,
    known: &Known,
    at: Place,
) -> Result<Templates, WorkflowError> {
    let entry = |(name, text): (String, String)| {
        let place = format!("{place}.{name}");
        identifier(&place, &name)?;
        template(&place, &text, known, at).map(|template| (name, template))
    };
    written.0.into_iter().map(entry).collect()
}

pub(super) fn template(place: &str, text: &str, known: &Known, at: Place) -> Result<Template, WorkflowError> {
    let template = Template::parse(text).map_err(wrong_expression(place))?;
    template.check(&|name| known.is_known(at, name)).map_err(wrong_expression(place))?;
    if template.asks_status() {
        return Err(refused(place, "success(), failure(), cancelled() and always() belong in an `if`"));
    }
    Ok(template)
}

pub(super) fn condition(
    place: &str,
    text: Option<&str>,
    known: &Known,
    at: Place,
) -> Result<Option<Condition>, WorkflowError> {
    let Some(text) = text else { return Ok(None) };
    let condition = Condition::parse(text).map_err(wrong_expression(place))?;
    condition.check(&|name| known.is_known(at, name)).map_err(wrong_expression(place))?;
    Ok(Some(condition))
}

pub(super) fn minutes(place: &str, minutes: u32) -> Result<Duration, WorkflowError> {
    if (1..=TIMEOUT_MINUTES_MAX).contains(&minutes) {
        return Ok(Duration::from_secs(u64::from(minutes) * 60));
    }
    Err(refused(place, format!("{minutes} minutes is not between 1 and {TIMEOUT_MINUTES_MAX}")))
}

/// A name that is only shown: no expression is filled in.
pub(super) fn shown(place: &str, name: Option<String>, otherwise: &str) -> Result<String, WorkflowError> {
    let name = name.unwrap_or_else(|| otherwise.to_owned());
    if name.contains("${{") {
        return Err(refused(place, "expressions in a name are not filled in here; write plain text"));
    }
    Ok(name)
}

struct JobCheck<'a> {
    place: String,
    outputs: &'a BTreeMap<String, BTreeSet<String>>,
    held: &'a Permissions,
}

impl JobCheck<'_> {
    fn at(&self, key: &str) -> String {
        format!("{}.{key}", self.place)
    }

    fn job(&self, id: String, written: JobFile, known: &mut Known) -> Result<Job, WorkflowError> {
        let needs = self.needs(written.needs)?;
        let of = |need: &String| self.outputs.get(need).map(|outputs| (need.clone(), outputs.clone()));
        known.needs = needs.iter().filter_map(of).collect();
        known.steps.clear();
        let condition = condition(&self.at("if"), written.condition.as_deref(), known, Place::JobCondition)?;
        let permissions = match written.permissions {
            Some(held) => permissions(&self.at("permissions"), held)?,
            None => self.held.clone(),
        };
        if let Some(name) = &written.environment {
            identifier(&self.at("environment"), name)?;
        }
        let env = templates(&self.at("env"), written.env, known, Place::JobVariables)?;
        if written.steps.is_empty() || written.steps.len() > STEPS_MAX {
            return Err(refused(self.at("steps"), format!("a job has 1 to {STEPS_MAX} steps")));
        }
        let mut steps = Vec::new();
        for (index, written) in written.steps.into_iter().enumerate() {
            steps.push(step::step(&self.at(&format!("steps[{index}]")), written, known)?);
        }
        Ok(Job {
            name: shown(&self.at("name"), written.name, &id)?,
            needs,
            condition,
            permissions,
            environment: written.environment,
            timeout: minutes(&self.at("timeout-minutes"), written.timeout_minutes.unwrap_or(TIMEOUT_MINUTES))?,
            outputs: templates(&self.at("outputs"), written.outputs, known, Place::Step)?,
            env,
            steps,
            id,
        })
    }

    fn needs(&self, written: Needs) -> Result<Vec<String>, WorkflowError> {
        let needs = match written {
            Needs::One(need) => vec![need],
            Needs::Several(needs) => needs,
        };
        match needs.iter().find(|need| !self.outputs.contains_key(*need)) {
            Some(need) => Err(refused(self.at("needs"), format!("there is no job `{}`", need.escape_debug()))),
            None => Ok(needs),
        }
    }
}
