//! The task workflow as it lies in the repository, held against the one this version brings.

use std::collections::BTreeSet;

use serde_json::Value;

/// The workflow this version brings.
pub(super) const BUNDLED: &str = include_str!("../../.github/workflows/task.yml");

/// A workflow file that could be read.
#[derive(Clone, Debug)]
pub(super) struct WorkflowFile(Value);

impl WorkflowFile {
    /// Reads it; the error says what is wrong with it as YAML.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let value: Value = serde_saphyr::from_str(text).map_err(|error| error.to_string())?;
        if value["jobs"].is_object() { Ok(Self(value)) } else { Err("it has no jobs".to_owned()) }
    }

    /// What it hears of this kind of event; nothing: none of it.
    pub(super) fn on(&self, event: &str) -> Option<&Value> {
        let on = &self.0["on"];
        if let Some(events) = on.as_object() {
            return events.get(event);
        }
        let mut names = on.as_array().map_or(std::slice::from_ref(on), Vec::as_slice).iter();
        names.find(|name| name.as_str() == Some(event))
    }

    /// Its concurrency group.
    pub(super) fn concurrency(&self) -> &Value {
        &self.0["concurrency"]
    }

    /// Whether a step gives an action this command.
    pub(super) fn gives(&self, command: &str) -> bool {
        self.jobs().flat_map(|(_, job)| steps(job)).any(|step| step["with"]["command"].as_str() == Some(command))
    }

    /// Whether it wakes what works the plan, whatever became of its other jobs.
    pub(super) fn wakes(&self) -> bool {
        self.gives("wake")
    }

    /// Actions that it uses, in order.
    pub(super) fn uses(&self) -> Vec<String> {
        let used = |step: &Value| step["uses"].as_str().map(str::to_owned);
        self.jobs().flat_map(|(_, job)| steps(job)).filter_map(used).collect()
    }

    /// Names behind `secrets.` or `vars.` in its expressions; the token that every job has is none.
    pub(super) fn names(&self, context: &str) -> BTreeSet<String> {
        let text = self.0.to_string();
        let opening = format!("{context}.");
        let is_letter = |c: &char| c.is_ascii_alphanumeric() || *c == '_';
        let expressions = text.split("${{").skip(1).filter_map(|rest| rest.split("}}").next());
        let named = expressions.flat_map(|expression| {
            expression.split(&opening).skip(1).map(|rest| rest.chars().take_while(is_letter).collect::<String>())
        });
        named.filter(|name| !name.is_empty() && name != "GITHUB_TOKEN").collect()
    }

    /// The environment of the first job that is given a secret.
    pub(super) fn environment(&self) -> Option<String> {
        let given = |job: &&Value| job.to_string().contains("secrets.");
        let job = self.jobs().map(|(_, job)| job).find(given)?;
        let name = job["environment"].as_str().or_else(|| job["environment"]["name"].as_str())?;
        Some(name.to_owned())
    }

    /// What a run needs and this file lacks, as words for people.
    pub(super) fn lacking(&self) -> Vec<String> {
        let mut lacking = Vec::new();
        let declared = self.0["on"]["workflow_dispatch"]["inputs"].as_object();
        let has_input = |name: &str| declared.is_some_and(|inputs| inputs.contains_key(name));
        lacking.extend(["key", "brief"].iter().filter(|name| !has_input(name)).map(|name| format!("input `{name}`")));
        let others = declared.into_iter().flatten().filter(|(name, input)| {
            !["key", "brief"].contains(&name.as_str()) && input["required"] == Value::Bool(true)
        });
        lacking.extend(others.map(|(name, _)| format!("an end to the required input `{name}`, which nobody gives")));
        if !self.0["run-name"].as_str().is_some_and(|name| name.contains("inputs.key")) {
            lacking.push("`run-name` with `inputs.key`".to_owned());
        }
        let Ok(bundled) = Self::parse(BUNDLED) else { return lacking };
        for (name, job) in bundled.jobs() {
            let there = &self.0["jobs"][name];
            if !there.is_object() {
                lacking.push(format!("job `{name}`"));
                continue;
            }
            for word in worker_words(job) {
                if !worker_words(there).contains(&word) {
                    lacking.push(format!("`task-orchestrator worker {word}` in job `{name}`"));
                }
            }
        }
        lacking
    }

    /// Where this file differs from the bundled one in what keeps a run right and safe: conditions, permissions,
    /// outputs and the worker's steps. Runners, times, versions, environments and steps of one's own may differ.
    pub(super) fn differences(&self) -> Vec<String> {
        let Ok(bundled) = Self::parse(BUNDLED) else { return Vec::new() };
        let mut differences = Vec::new();
        if bundled.0["permissions"] != self.0["permissions"] {
            differences.push("permissions".to_owned());
        }
        for (name, job) in bundled.jobs() {
            let there = &self.0["jobs"][name];
            for key in ["needs", "if", "permissions", "outputs"] {
                if job[key] != there[key] {
                    differences.push(format!("jobs.{name}.{key}"));
                }
            }
            for step in steps(job).filter(|step| worker_word(step).is_some()) {
                let is_same = |other: &Value| step["run"] == other["run"] && step["env"] == other["env"];
                if !steps(there).any(is_same) {
                    let word = worker_word(step).unwrap_or_default();
                    differences.push(format!("jobs.{name}: the step `worker {word}`"));
                }
            }
        }
        differences
    }

    fn jobs(&self) -> impl Iterator<Item = (&String, &Value)> {
        self.0["jobs"].as_object().into_iter().flatten()
    }
}

fn steps(job: &Value) -> impl Iterator<Item = &Value> {
    job["steps"].as_array().into_iter().flatten()
}

/// The worker's command of a step: `claim`, `agent`, …
fn worker_word(step: &Value) -> Option<String> {
    let (_, rest) = step["run"].as_str()?.split_once("task-orchestrator worker ")?;
    rest.split_whitespace().next().map(str::to_owned)
}

fn worker_words(job: &Value) -> Vec<String> {
    steps(job).filter_map(worker_word).collect()
}
