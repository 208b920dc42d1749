//! What people do in the pages.

use crate::engine::id::{IssueNumber, PullNumber};
use crate::engine::snapshot::OpenState;
use crate::forge::world::act::{Act, Outcome};
use crate::forge::world::admit::{conflict, invalid};
use crate::forge::world::issue::checked_label;
use crate::forge::world::request::{GitAnswer, PersonAct};
use crate::forge::world::text;
use crate::forge::world::webhook::IssuesAction;
use crate::github::Response;

impl Act<'_> {
    pub(in crate::forge::world) fn person(&mut self, act: PersonAct, git: Option<GitAnswer>) -> Outcome {
        match act {
            PersonAct::Open { title, body, labels } => self.open_issue(title, body, labels),
            PersonAct::Comment { number, body } => self.create_comment(number, body),
            PersonAct::EditComment { comment, body } => self.edit_comment(comment, body),
            PersonAct::Edit { number, title, body } => self.update_issue(number, title, body, None),
            PersonAct::Tick { number, index, checked } => {
                let body = text::tick(&self.world.existing(number)?.issue.body, index, checked);
                let body = body.ok_or_else(|| invalid(format!("the body of #{number} has no box {index}")))?;
                self.update_issue(number, None, Some(body), None)
            }
            PersonAct::Label { number, label } => {
                checked_label(&label)?;
                self.world.existing(number)?;
                self.put_label(number, label);
                self.issue_response(number)
            }
            PersonAct::Unlabel { number, label } => {
                self.world.existing(number)?;
                self.change_label(number, label, false);
                self.issue_response(number)
            }
            PersonAct::Close { number } => self.update_issue(number, None, None, Some(OpenState::Closed)),
            PersonAct::Reopen { number } => self.reopen(number),
            PersonAct::Delete { number } => self.delete_issue(number),
            PersonAct::BlockedBy { number, by, blocked } => self.block(number, by, blocked),
            PersonAct::SubIssue { number, child, added } => self.put_below(number, child, added),
            PersonAct::Merge { number } => self.merge_pull(number, git.as_ref()),
        }
    }

    fn reopen(&mut self, number: IssueNumber) -> Outcome {
        let head = self.world.pull(PullNumber(number.0)).map(|pull| &pull.head_branch);
        if head.is_some_and(|head| !self.world.branches.contains_key(head)) {
            return Err(conflict("The head branch was deleted: the pull request cannot be opened again"));
        }
        self.update_issue(number, None, None, Some(OpenState::Open))
    }

    fn delete_issue(&mut self, number: IssueNumber) -> Outcome {
        let entry = self.world.existing_mut(number)?;
        if entry.issue.is_pull_request {
            return Err(invalid("a pull request cannot be deleted"));
        }
        entry.deleted = true;
        entry.pinned = false;
        self.tell_issue(IssuesAction::Deleted, number, |_| {});
        Ok(Response::Done)
    }

    fn put_below(&mut self, number: IssueNumber, child: IssueNumber, added: bool) -> Outcome {
        self.world.existing(child)?;
        if number == child {
            return Err(invalid("an issue cannot be its own sub-issue"));
        }
        let above = |entry: &crate::forge::world::state::IssueEntry| entry.sub_issues.contains(&child);
        if added && self.world.issues().any(|entry| entry.issue.number != number && above(entry)) {
            return Err(invalid("Sub issue may only have one parent"));
        }
        let now = self.now;
        let entry = self.world.existing_mut(number)?;
        let changed = if added { entry.sub_issues.insert(child) } else { entry.sub_issues.remove(&child) };
        if changed {
            entry.issue.updated_at = now;
        }
        self.issue_response(number)
    }

    pub(in crate::forge::world) fn block(&mut self, number: IssueNumber, by: IssueNumber, blocked: bool) -> Outcome {
        self.world.existing(by)?;
        let now = self.now;
        let entry = self.world.existing_mut(number)?;
        if number == by {
            return Err(invalid("an issue cannot be blocked by itself"));
        }
        let changed = if blocked { entry.blocked_by.insert(by) } else { entry.blocked_by.remove(&by) };
        if changed {
            entry.issue.updated_at = now;
        }
        self.issue_response(number)
    }
}
