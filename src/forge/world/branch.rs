//! Branches move: pushes are told, pull requests follow their heads.

use crate::engine::id::{IssueNumber, PullNumber, Sha};
use crate::engine::snapshot::{OpenState, Ref};
use crate::forge::world::act::{Act, Outcome, unexpected};
use crate::forge::world::request::GitAnswer;
use crate::forge::world::webhook::{PullRequestAction, Webhook};
use crate::github::Response;

impl Act<'_> {
    pub(in crate::forge::world) fn set_branch(&mut self, branch: String, sha: Sha) -> Outcome {
        let before = self.world.branches.get(&branch).cloned();
        self.moved(&branch, before, Some(sha.clone()));
        Ok(Response::Ref(Ref { branch, sha }))
    }

    pub(in crate::forge::world) fn delete_branch(&mut self, branch: &str) -> Outcome {
        let before = self.world.branches.get(branch).cloned();
        self.moved(branch, before, None);
        Ok(Response::Done)
    }

    pub(in crate::forge::world) fn merge_branch(&mut self, into: &str, git: Option<&GitAnswer>) -> Outcome {
        match git {
            Some(GitAnswer::Merged(sha)) => {
                let before = self.world.branches.get(into).cloned();
                self.moved(into, before.clone(), Some(sha.clone()));
                Ok(Response::BranchMerged { commit: sha.clone(), onto: before })
            }
            Some(GitAnswer::NothingToDo) => Ok(Response::Done),
            other => Err(unexpected(other)),
        }
    }

    /// Git has moved a branch: tells it, and moves or closes the pull requests that rest on it.
    pub(in crate::forge::world) fn moved(&mut self, branch: &str, before: Option<Sha>, after: Option<Sha>) {
        if before == after {
            return;
        }
        match &after {
            Some(sha) => self.world.branches.insert(branch.to_owned(), sha.clone()),
            None => self.world.branches.remove(branch),
        };
        let (sender, branch) = (self.sender.clone(), branch.to_owned());
        let push = Webhook::Push { branch: branch.clone(), before, after: after.clone(), sender };
        self.webhooks.push(push);
        let resting: Vec<(PullNumber, bool)> = self
            .world
            .open_heads()
            .filter(|(_, pull)| pull.head_branch == branch || (after.is_none() && pull.base_branch == branch))
            .map(|(number, pull)| (number, pull.head_branch == branch))
            .collect();
        for (number, is_head) in resting {
            match &after {
                Some(sha) if is_head => self.synchronize(number, sha),
                Some(_) => {}
                None => self.set_state(IssueNumber(number.0), OpenState::Closed),
            }
        }
    }

    fn synchronize(&mut self, number: PullNumber, sha: &Sha) {
        let now = self.now;
        let Some(pull) = self.world.pulls.get_mut(&number) else { return };
        let before = std::mem::replace(&mut pull.head_sha, sha.clone());
        if let Some(entry) = self.world.issues.get_mut(&IssueNumber(number.0)) {
            entry.issue.updated_at = now;
        }
        self.tell_pull(PullRequestAction::Synchronize, number, |webhook| {
            if let Webhook::PullRequest { before: slot, .. } = webhook {
                *slot = Some(before);
            }
        });
    }

    pub(in crate::forge::world) fn tell_pull(
        &mut self,
        action: PullRequestAction,
        number: PullNumber,
        details: impl FnOnce(&mut Webhook),
    ) {
        let mut webhook = Webhook::PullRequest {
            action,
            number,
            sender: self.sender.clone(),
            label: None,
            title_from: None,
            body_from: None,
            before: None,
        };
        details(&mut webhook);
        self.webhooks.push(webhook);
    }
}
