//! Issues: opening, editing, states, labels, pins.

use std::collections::BTreeSet;

use crate::engine::id::{IssueNumber, PullNumber};
use crate::engine::snapshot::{BodyEdit, Issue, LabelEvent, OpenState, Permission};
use crate::forge::world::act::{Act, Outcome};
use crate::forge::world::admit::{checked_body, checked_title, invalid, missing};
use crate::forge::world::state::IssueEntry;
use crate::forge::world::webhook::{IssuesAction, PullRequestAction, Webhook};
use crate::forge::world::{LABEL_CHARACTERS_MAX, PINS_MAX};
use crate::github::{Error, Response};

impl Act<'_> {
    pub(in crate::forge::world) fn open_issue(&mut self, title: String, body: String, labels: Vec<String>) -> Outcome {
        checked_title(&title)?;
        checked_body(&body)?;
        // GitHub drops the labels of somebody without push access instead of refusing the issue.
        let may_label = self.sender.bot || self.world.role(&self.sender.login) >= Permission::Triage;
        let labels = if may_label { labels } else { Vec::new() };
        labels.iter().try_for_each(|label| checked_label(label))?;
        let number = self.next_number();
        self.open_numbered(number, title, body, labels);
        self.issue_response(number)
    }

    /// Opens an issue whose texts are checked, under a number that is free.
    pub(in crate::forge::world) fn open_numbered(
        &mut self,
        number: IssueNumber,
        title: String,
        body: String,
        labels: Vec<String>,
    ) {
        self.insert_issue(number, title, body, false);
        self.tell_issue(IssuesAction::Opened, number, |_| {});
        for label in labels {
            self.put_label(number, label);
        }
    }

    pub(in crate::forge::world) fn next_number(&mut self) -> IssueNumber {
        self.world.issued.number += 1;
        IssueNumber(self.world.issued.number)
    }

    pub(in crate::forge::world) fn insert_issue(
        &mut self,
        number: IssueNumber,
        title: String,
        body: String,
        is_pull_request: bool,
    ) {
        let node_id = if is_pull_request { format!("PR_{number}") } else { format!("I_{number}") };
        let issue = Issue {
            number,
            node_id,
            title,
            body,
            state: OpenState::Open,
            labels: Vec::new(),
            author: self.sender.clone(),
            closed_by: None,
            created_at: self.now,
            updated_at: self.now,
            is_pull_request,
            blocked_by_count: 0,
        };
        let entry = IssueEntry {
            issue,
            closed_at: None,
            deleted: false,
            pinned: false,
            blocked_by: BTreeSet::new(),
            sub_issues: BTreeSet::new(),
            label_events: Vec::new(),
            edits: Vec::new(),
        };
        self.world.issues.insert(number, entry);
    }

    pub(in crate::forge::world) fn update_issue(
        &mut self,
        number: IssueNumber,
        title: Option<String>,
        body: Option<String>,
        state: Option<OpenState>,
    ) -> Outcome {
        let merged = self.world.pulls.get(&PullNumber(number.0)).is_some_and(|pull| pull.merged.is_some());
        if merged && state == Some(OpenState::Open) {
            return Err(invalid("Validation Failed: a merged pull request cannot be opened again"));
        }
        title.as_deref().map_or(Ok(()), checked_title)?;
        body.as_deref().map_or(Ok(()), checked_body)?;
        let (sender, now) = (self.sender.clone(), self.now);
        let entry = self.world.existing_mut(number)?;
        let title_from = replace(&mut entry.issue.title, title);
        let body_from = replace(&mut entry.issue.body, body);
        if let Some(original) = &body_from {
            if entry.edits.is_empty() {
                let (editor, at) = (Some(entry.issue.author.clone()), entry.issue.created_at);
                entry.edits.push(BodyEdit { editor, at, body: Some(original.as_str().into()) });
            }
            let body = Some(entry.issue.body.as_str().into());
            entry.edits.push(BodyEdit { editor: Some(sender), at: now, body });
        }
        if title_from.is_some() || body_from.is_some() {
            entry.issue.updated_at = now;
            self.tell_edited(number, title_from, body_from);
        }
        if let Some(state) = state {
            self.set_state(number, state);
        }
        self.issue_response(number)
    }

    /// Writes an issue's body, and tells what edits it had.
    pub(in crate::forge::world) fn rewrite_issue(&mut self, number: IssueNumber, body: String) -> Outcome {
        self.update_issue(number, None, Some(body), None)?;
        let entry = self.world.existing(number)?;
        Ok(Response::Rewritten { updated_at: entry.issue.updated_at, edits: entry.edits.clone() })
    }

    /// Opens or closes an issue or pull request that is there; already so: nothing happens.
    pub(in crate::forge::world) fn set_state(&mut self, number: IssueNumber, state: OpenState) {
        let (sender, now) = (self.sender.clone(), self.now);
        let Ok(entry) = self.world.existing_mut(number) else { return };
        if entry.issue.state == state {
            return;
        }
        entry.issue.state = state;
        entry.issue.updated_at = now;
        let closed = state == OpenState::Closed;
        entry.issue.closed_by = closed.then_some(sender);
        entry.closed_at = closed.then_some(now);
        if entry.issue.is_pull_request {
            if !closed {
                self.follow_head(PullNumber(number.0));
            }
            let action = if closed { PullRequestAction::Closed } else { PullRequestAction::Reopened };
            self.tell_pull(action, PullNumber(number.0), |_| {});
        } else {
            let action = if closed { IssuesAction::Closed } else { IssuesAction::Reopened };
            self.tell_issue(action, number, |_| {});
        }
    }

    /// A reopened pull request is at its branch's head again.
    fn follow_head(&mut self, number: PullNumber) {
        if let Some(pull) = self.world.pulls.get_mut(&number)
            && let Some(sha) = self.world.branches.get(&pull.head_branch)
        {
            pull.head_sha = sha.clone();
        }
    }

    pub(in crate::forge::world) fn put_label(&mut self, number: IssueNumber, label: String) {
        self.change_label(number, label, true);
    }

    /// Puts a label on or takes it off; already so: nothing happens. Names ignore case.
    pub(in crate::forge::world) fn change_label(&mut self, number: IssueNumber, label: String, added: bool) -> bool {
        let (sender, now) = (self.sender.clone(), self.now);
        let Ok(entry) = self.world.existing_mut(number) else { return false };
        let held = entry.issue.labels.iter().position(|held| held.eq_ignore_ascii_case(&label));
        match (held, added) {
            (None, true) => entry.issue.labels.push(label.clone()),
            (Some(at), false) => drop(entry.issue.labels.remove(at)),
            (Some(_), true) | (None, false) => return false,
        }
        entry.issue.updated_at = now;
        entry.label_events.push(LabelEvent { label: label.clone(), added, actor: sender, at: now });
        if entry.issue.is_pull_request {
            let action = if added { PullRequestAction::Labeled } else { PullRequestAction::Unlabeled };
            self.tell_pull(action, PullNumber(number.0), |webhook| {
                if let Webhook::PullRequest { label: slot, .. } = webhook {
                    *slot = Some(label);
                }
            });
        } else {
            let action = if added { IssuesAction::Labeled } else { IssuesAction::Unlabeled };
            self.tell_issue(action, number, |webhook| {
                if let Webhook::Issues { label: slot, .. } = webhook {
                    *slot = Some(label);
                }
            });
        }
        true
    }

    pub(in crate::forge::world) fn pin(&mut self, node_id: &str, pinned: bool) -> Outcome {
        let number = self
            .world
            .issues()
            .find(|entry| entry.issue.node_id == node_id && !entry.issue.is_pull_request)
            .map(|entry| entry.issue.number)
            .ok_or_else(|| missing(format!("Could not resolve to a node with the global id of '{node_id}'")))?;
        if self.world.existing(number)?.pinned == pinned {
            return Ok(Response::Done);
        }
        if pinned && self.world.issues().filter(|entry| entry.pinned).count() >= PINS_MAX {
            return Err(invalid(format!("Maximum {PINS_MAX} pinned issues per repository")));
        }
        self.world.existing_mut(number)?.pinned = pinned;
        self.tell_issue(if pinned { IssuesAction::Pinned } else { IssuesAction::Unpinned }, number, |_| {});
        Ok(Response::Done)
    }

    fn tell_edited(&mut self, number: IssueNumber, title: Option<String>, body: Option<String>) {
        if self.world.pulls.contains_key(&PullNumber(number.0)) {
            self.tell_pull(PullRequestAction::Edited, PullNumber(number.0), |webhook| {
                if let Webhook::PullRequest { title_from, body_from, .. } = webhook {
                    (*title_from, *body_from) = (title, body);
                }
            });
        } else {
            self.tell_issue(IssuesAction::Edited, number, |webhook| {
                if let Webhook::Issues { title_from, body_from, .. } = webhook {
                    (*title_from, *body_from) = (title, body);
                }
            });
        }
    }

    pub(in crate::forge::world) fn tell_issue(
        &mut self,
        action: IssuesAction,
        number: IssueNumber,
        details: impl FnOnce(&mut Webhook),
    ) {
        let sender = self.sender.clone();
        let mut webhook = Webhook::Issues { action, number, sender, label: None, title_from: None, body_from: None };
        details(&mut webhook);
        self.webhooks.push(webhook);
    }

    pub(in crate::forge::world) fn issue_response(&self, number: IssueNumber) -> Outcome {
        let entry = self.world.existing(number)?;
        Ok(Response::Issue(Box::new(self.world.issue_snapshot(entry))))
    }
}

/// Puts a new text in place and gives the old one, where that changes anything.
fn replace(slot: &mut String, new: Option<String>) -> Option<String> {
    let new = new.filter(|new| new != slot)?;
    Some(std::mem::replace(slot, new))
}

pub(in crate::forge::world) fn checked_label(label: &str) -> Result<(), Error> {
    if label.trim().is_empty() || label.chars().count() > LABEL_CHARACTERS_MAX {
        return Err(invalid(format!("Label name must have 1 to {LABEL_CHARACTERS_MAX} characters")));
    }
    Ok(())
}
