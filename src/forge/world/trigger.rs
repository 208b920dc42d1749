//! Workflows that events and clocks start, and the groups in which one run works at a time.

use std::collections::BTreeMap;

use crate::engine::id::RunId;
use crate::engine::snapshot::{Actor, Progress};
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
            let Some((event, sender)) = event_of(&webhook) else { continue };
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

/// What a workflow is told of it, and who did it; nothing where it starts none.
fn event_of(webhook: &Webhook) -> Option<(RunEvent, &Actor)> {
    if let Webhook::Issues { action, number, sender, .. } = webhook {
        let (name, action) = ("issues".to_owned(), Some(action.to_string()));
        return Some((RunEvent { name, action, issue: Some(*number) }, sender));
    }
    if let Webhook::Push { sender, after: Some(_), .. } = webhook {
        return Some((RunEvent { name: "push".to_owned(), action: None, issue: None }, sender));
    }
    None
}

fn is_started(triggers: &Triggers, webhook: &Webhook) -> bool {
    if let Webhook::Issues { action, .. } = webhook {
        return triggers.issues.contains(&action.to_string());
    }
    matches!(webhook, Webhook::Push { branch, .. } if triggers.push.contains(branch))
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
