//! Check runs and commit statuses.

use crate::engine::id::{CheckRunId, Sha};
use crate::engine::report::{head, tail};
use crate::engine::snapshot::{CheckRun, CommitStatus, Conclusion, Progress};
use crate::forge::world::act::{Act, Outcome};
use crate::forge::world::request::CheckAct;
use crate::forge::world::state::{CheckEntry, StatusEntry};
use crate::forge::world::webhook::{CheckAction, Webhook};
use crate::forge::world::{INPUT_CHARACTERS_MAX, LOG_CHARACTERS_MAX};
use crate::github::Response;

impl Act<'_> {
    pub(in crate::forge::world) fn check(&mut self, act: CheckAct) -> Outcome {
        match act {
            CheckAct::Started { sha, name, app } => {
                self.start_check(sha, name, app);
            }
            CheckAct::Ended { sha, name, app, conclusion, summary, log } => {
                let open =
                    |entry: &&CheckEntry| is(entry, &sha, &name, &app) && entry.check.progress != Progress::Completed;
                let id = self.world.checks.values().find(open).map(|entry| entry.check.id);
                let id = id.unwrap_or_else(|| self.start_check(sha.clone(), name, app));
                self.end_check(id, conclusion, &summary, &log);
            }
            CheckAct::Status { sha, context, conclusion, description } => {
                self.world.statuses.retain(|entry| entry.sha != sha || entry.status.context != context);
                let status = CommitStatus { context, conclusion, description };
                self.world.statuses.push(StatusEntry { sha, status, at: self.now });
            }
        }
        Ok(Response::Done)
    }

    fn start_check(&mut self, sha: Sha, name: String, app: String) -> CheckRunId {
        self.world.issued.check += 1;
        let id = CheckRunId(self.world.issued.check);
        self.world.checks.retain(|_, entry| !is(entry, &sha, &name, &app));
        let check = CheckRun {
            id,
            name,
            progress: Progress::InProgress,
            conclusion: None,
            app,
            run: None,
            job: None,
            summary: String::new(),
        };
        let entry =
            CheckEntry { check, sha: sha.clone(), started_at: self.now, completed_at: None, log: String::new() };
        self.world.checks.insert(id, entry);
        self.webhooks.push(Webhook::CheckRun { action: CheckAction::Created, id, sha });
        id
    }

    fn end_check(&mut self, id: CheckRunId, conclusion: Conclusion, summary: &str, log: &str) {
        let now = self.now;
        let Some(entry) = self.world.checks.get_mut(&id) else { return };
        (entry.check.progress, entry.check.conclusion) = (Progress::Completed, Some(conclusion));
        entry.check.summary = head(summary, INPUT_CHARACTERS_MAX);
        entry.log = tail(log, LOG_CHARACTERS_MAX);
        entry.completed_at = Some(now);
        let (sha, app) = (entry.sha.clone(), entry.check.app.clone());
        self.webhooks.push(Webhook::CheckRun { action: CheckAction::Completed, id, sha: sha.clone() });
        let going = |entry: &CheckEntry| entry.check.app == app && entry.check.progress != Progress::Completed;
        if !self.world.checks_of(&sha).any(going) {
            self.webhooks.push(Webhook::CheckSuiteCompleted { sha, app });
        }
    }
}

fn is(entry: &CheckEntry, sha: &Sha, name: &str, app: &str) -> bool {
    entry.sha == *sha && entry.check.name == name && entry.check.app == app
}
