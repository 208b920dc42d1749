//! What the world tells of itself: webhooks on their way, new heads, checks.

use crate::engine::event::Hint;
use crate::engine::id::{Sha, is_own_branch};
use crate::engine::snapshot::Conclusion;
use crate::forge::world::webhook::{CheckAction, IssuesAction, RunAction, Webhook};
use crate::simulate::agenda::Happening;
use crate::simulate::drive::{BOT, Simulation};
use crate::simulate::fault::FaultKind;
use crate::simulate::scenario::{Checks, Shape};

impl Simulation {
    /// Looks at what the last act brought: webhooks, runs, heads.
    pub(super) fn notice(&mut self) {
        self.notice_runs();
        let webhooks = self.forge.drain_webhooks();
        for webhook in &webhooks {
            if let Some(hint) = hint(webhook) {
                self.send(hint);
            }
        }
        if self.scenario.checks == Checks::Some && !webhooks.is_empty() {
            self.notice_heads();
        }
    }

    /// Sends a webhook, as reliably as the mix says.
    fn send(&mut self, hint: Hint) {
        self.guid += 1;
        let guid = self.guid;
        if self.scenario.shape == Shape::Actions && matches!(hint, Hint::Push(_)) {
            return;
        }
        if self.deaf || self.meets(FaultKind::WebhookDropped) {
            return;
        }
        let mut delay = 1;
        if self.meets(FaultKind::WebhookDelayed) {
            delay = self.chance.between(1, 1_800);
        }
        if self.meets(FaultKind::WebhookDoubled) {
            for _ in 0..self.chance.between(1, 5) {
                let again = delay + self.chance.below(300);
                self.later(again, Happening::Delivery(guid, hint.clone()));
            }
        }
        if self.meets(FaultKind::WebhookAgain) {
            self.guid += 1;
            let latest = if self.chance.chance(150) { 20_000 } else { 4_000 };
            let (guid, late) = (self.guid, self.chance.between(1_200, latest));
            self.later(late, Happening::Delivery(guid, hint.clone()));
        }
        self.later(delay, Happening::Delivery(guid, hint));
    }

    fn notice_heads(&mut self) {
        let heads: Vec<Sha> = self.forge.look(|world, _| {
            world
                .open_heads()
                .map(|(_, pull)| pull.head_sha.clone())
                .filter(|sha| !self.checked.contains(sha))
                .collect()
        });
        for sha in heads {
            self.checked.insert(sha.clone());
            let red = self.meets(FaultKind::ChecksRed) && self.chance.chance(500);
            let late = self.meets(FaultKind::ChecksRed);
            let delay = self.chance.between(5, if late { 900 } else { 200 });
            if !late {
                self.done(self.forge.check(&sha, "test", None, "").is_ok());
            }
            self.later(delay, Happening::Check(sha.clone(), !red));
            if red && self.chance.chance(500) {
                self.later(delay + 300, Happening::Check(sha, true));
            }
        }
    }

    pub(super) fn check(&mut self, sha: &Sha, good: bool) {
        let conclusion = if good { Conclusion::Success } else { Conclusion::Failure };
        self.note(|| format!("check of {} is {conclusion}", sha.short()));
        self.done(self.forge.check(sha, "test", Some(conclusion), "1 failed").is_ok());
    }
}

/// Where a webhook says to look, if it can tell anything that decides something now.
fn hint(webhook: &Webhook) -> Option<Hint> {
    match webhook {
        // The only issue that we rewrite is the tracking issue: the server does not hear itself either.
        Webhook::Issues { action: IssuesAction::Edited, sender, .. } if sender.login.as_str() == BOT => None,
        Webhook::Issues { number, .. } => Some(Hint::Issue(*number)),
        Webhook::IssueComment { comment, .. } => Some(Hint::Comment(comment.id)),
        Webhook::PullRequest { number, .. } => Some(Hint::Pull(*number)),
        Webhook::WorkflowRun { action: RunAction::Completed, run } => Some(Hint::Run(*run, None)),
        Webhook::CheckRun { action: CheckAction::Completed, sha, .. } | Webhook::CheckSuiteCompleted { sha, .. } => {
            Some(Hint::Checks(sha.clone()))
        }
        Webhook::Push { branch, .. } if !is_own_branch(branch) => Some(Hint::Push(branch.clone())),
        Webhook::Push { .. } | Webhook::WorkflowRun { .. } | Webhook::WorkflowJob { .. } | Webhook::CheckRun { .. } => {
            None
        }
    }
}
