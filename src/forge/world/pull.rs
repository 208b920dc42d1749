//! Pull requests: opening, merging, and the issues a merge closes.

use crate::engine::id::{IssueNumber, PullNumber};
use crate::engine::snapshot::OpenState;
use crate::forge::world::act::{Act, Outcome, unexpected};
use crate::forge::world::admit::{conflict, missing};
use crate::forge::world::request::GitAnswer;
use crate::forge::world::state::{Merged, PullEntry};
use crate::forge::world::text::closed_issues;
use crate::forge::world::webhook::PullRequestAction;
use crate::github::{Error, Response};

impl Act<'_> {
    pub(in crate::forge::world) fn open_pull(
        &mut self,
        title: String,
        body: String,
        head: String,
        base: String,
        draft: bool,
        git: Option<&GitAnswer>,
    ) -> Outcome {
        match git {
            Some(GitAnswer::Ahead(true)) => {}
            Some(GitAnswer::Ahead(false)) => return Err(conflict(format!("No commits between {base} and {head}"))),
            other => return Err(unexpected(other)),
        }
        let commit = |branch: &str| {
            self.world.branches.get(branch).cloned().ok_or_else(|| missing(format!("branch `{branch}`")))
        };
        let (head_sha, base_sha) = (commit(&head)?, commit(&base)?);
        let number = self.next_number();
        self.insert_issue(number, title, body, true);
        let pull = PullEntry { head_branch: head, head_sha, base_branch: base, base_sha, draft, merged: None };
        let number = PullNumber(number.0);
        self.world.pulls.insert(number, pull);
        self.tell_pull(PullRequestAction::Opened, number, |_| {});
        self.pull_response(number)
    }

    pub(in crate::forge::world) fn update_pull(
        &mut self,
        number: PullNumber,
        title: Option<String>,
        body: Option<String>,
    ) -> Outcome {
        self.existing_pull(number)?;
        self.update_issue(IssueNumber(number.0), title, body, None)?;
        self.pull_response(number)
    }

    pub(in crate::forge::world) fn merge_pull(&mut self, number: PullNumber, git: Option<&GitAnswer>) -> Outcome {
        let commit = match git {
            Some(GitAnswer::Merged(sha)) => sha.clone(),
            Some(GitAnswer::NothingToDo) => return Err(conflict("Pull Request is not mergeable: nothing to merge")),
            other => return Err(unexpected(other)),
        };
        let base_branch = self.existing_pull(number)?.base_branch.clone();
        let before = self.world.branches.get(&base_branch).cloned();
        self.moved(&base_branch, before.clone(), Some(commit.clone()));
        let merged = Merged { commit: commit.clone(), by: self.sender.clone(), at: self.now };
        if let Some(pull) = self.world.pulls.get_mut(&number) {
            pull.merged = Some(merged);
            pull.base_sha = before.unwrap_or_else(|| pull.base_sha.clone());
        }
        self.set_state(IssueNumber(number.0), OpenState::Closed);
        if base_branch == self.world.setup.default_branch {
            self.close_named(number);
        }
        Ok(Response::Merged(commit))
    }

    /// Closes the issues that the pull request's body names with a closing word.
    fn close_named(&mut self, number: PullNumber) {
        let body = self.world.issue(IssueNumber(number.0)).map(|entry| entry.issue.body.clone()).unwrap_or_default();
        for issue in closed_issues(&body) {
            if self.world.is_open(issue) && !self.world.pulls.contains_key(&PullNumber(issue.0)) {
                self.set_state(issue, OpenState::Closed);
            }
        }
    }

    fn existing_pull(&self, number: PullNumber) -> Result<&PullEntry, Error> {
        self.world.pulls.get(&number).ok_or_else(|| missing(format!("pull request #{number}")))
    }

    fn pull_response(&self, number: PullNumber) -> Outcome {
        self.world
            .pull_snapshot(number, None)
            .map(|pull| Response::PullRequest(Box::new(pull)))
            .ok_or_else(|| missing(format!("pull request #{number}")))
    }
}
