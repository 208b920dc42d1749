//! Workflows that events and clocks start, and the groups in which one run works at a time.

use std::collections::BTreeMap;

use crate::engine::id::RunId;
use crate::engine::snapshot::Progress;
use crate::forge::world::act::{Act, Outcome};
use crate::forge::world::admit::missing;
use crate::forge::world::setup::{Triggers, WorkflowFacts};
use crate::forge::world::state::RunEvent;
use crate::forge::world::webhook::Webhook;
use crate::forge::world::{ACTIONS_BOT, World};
use crate::github::Response;

impl Act<'_> {
    /// Starts what is to run because of what has happened. What a workflow's own token does starts nothing, as on
    /// GitHub.
    pub(in crate::forge::world) fn trigger(&mut self) {
        for webhook in self.webhooks.clone() {
            let (event, sender) = match &webhook {
                Webhook::Issues { action, number, sender, .. } => {
                    let event =
                        RunEvent { name: "issues".to_owned(), action: Some(action.to_string()), issue: Some(*number) };
                    (event, sender)
                }
                Webhook::Push { sender, after: Some(_), .. } => {
                    (RunEvent { name: "push".to_owned(), action: None, issue: None }, sender)
                }
                _ => continue,
            };
            if sender.login.as_str() == ACTIONS_BOT {
                continue;
            }
            self.sender = sender.clone();
            for name in self.started_by(|triggers| is_started(triggers, &webhook)) {
                self.start_by(&name, event.clone());
            }
        }
    }

    /// The clock starts a workflow, unless it is kept from running.
    pub(in crate::forge::world) fn due(&mut self, workflow: &str) -> Outcome {
        if !self.world.setup.workflows.contains_key(workflow) {
            return Err(missing(format!("workflow `{workflow}`")));
        }
        let is_it = |triggers: &Triggers| triggers.every_minutes.is_some();
        if self.started_by(is_it).iter().any(|name| name == workflow) {
            self.start_by(workflow, RunEvent { name: "schedule".to_owned(), action: None, issue: None });
        }
        Ok(Response::Done)
    }

    fn started_by(&self, fits: impl Fn(&Triggers) -> bool) -> Vec<String> {
        let fits =
            |(name, facts): &(&String, &WorkflowFacts)| !self.world.disabled.contains(*name) && fits(&facts.triggers);
        self.world.setup.workflows.iter().filter(fits).map(|(name, _)| name.clone()).collect()
    }

    /// On the default branch, as all of these events' runs are.
    fn start_by(&mut self, workflow: &str, event: RunEvent) {
        let branch = self.world.setup.default_branch.clone();
        let facts = self.world.setup.workflows.get(workflow).cloned();
        if let (Some(facts), Some(head)) = (facts, self.world.branches.get(&branch).cloned()) {
            self.start(workflow, facts, branch, head, BTreeMap::new(), event);
        }
    }
}

fn is_started(triggers: &Triggers, webhook: &Webhook) -> bool {
    match webhook {
        Webhook::Issues { action, .. } => triggers.issues.contains(&action.to_string()),
        Webhook::Push { branch, .. } => triggers.push.contains(branch),
        _ => false,
    }
}

impl World {
    /// Runs of a concurrency group that are not over, the one that works first.
    pub(in crate::forge::world) fn open_in_group(&self, group: &str) -> impl Iterator<Item = RunId> {
        let is_in = |workflow: &String| {
            self.setup.workflows.get(workflow).is_some_and(|facts| facts.group.as_deref() == Some(group))
        };
        self.runs
            .values()
            .filter(move |run| run.progress != Progress::Completed && is_in(&run.workflow))
            .map(|run| run.id)
    }

    /// Whether a workflow may run.
    pub fn is_enabled(&self, workflow: &str) -> bool {
        self.setup.workflows.contains_key(workflow) && !self.disabled.contains(workflow)
    }

    /// Whether a run waits for another one of its concurrency group.
    pub fn waits_for_its_group(&self, run: RunId) -> bool {
        let workflow = self.runs.get(&run).and_then(|entry| self.setup.workflows.get(&entry.workflow));
        let group = workflow.and_then(|facts| facts.group.as_deref());
        group.is_some_and(|group| self.open_in_group(group).next() != Some(run))
    }
}
