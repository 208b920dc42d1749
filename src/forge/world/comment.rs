//! Comments and reactions.

use crate::engine::id::{CommentId, IssueNumber};
use crate::engine::snapshot::Comment;
use crate::forge::world::act::{Act, Outcome};
use crate::forge::world::admit::{checked_body, invalid, missing};
use crate::forge::world::state::CommentEntry;
use crate::forge::world::webhook::{CommentAction, Webhook};
use crate::github::{Reaction, Response};

impl Act<'_> {
    pub(in crate::forge::world) fn create_comment(&mut self, issue: IssueNumber, body: String) -> Outcome {
        checked_body(&body)?;
        if body.trim().is_empty() {
            return Err(invalid("Body cannot be blank"));
        }
        let (author, now) = (self.sender.clone(), self.now);
        self.world.existing_mut(issue)?.issue.updated_at = now;
        self.world.issued.comment += 1;
        let id = CommentId(self.world.issued.comment);
        let comment = Comment { id, issue, author, body, created_at: now, updated_at: now };
        let entry = CommentEntry { comment: comment.clone(), reactions: Default::default() };
        self.world.comments.insert(id, entry);
        self.tell_comment(CommentAction::Created, comment.clone(), None);
        Ok(Response::Comment(Box::new(comment)))
    }

    pub(in crate::forge::world) fn edit_comment(&mut self, id: CommentId, body: String) -> Outcome {
        checked_body(&body)?;
        let now = self.now;
        let entry = self.world.comments.get_mut(&id).ok_or_else(|| missing(format!("comment {id}")))?;
        if entry.comment.body != body {
            let from = std::mem::replace(&mut entry.comment.body, body);
            entry.comment.updated_at = now;
            let comment = entry.comment.clone();
            self.tell_comment(CommentAction::Edited, comment, Some(from));
        }
        Ok(Response::Done)
    }

    pub(in crate::forge::world) fn delete_comment(&mut self, id: CommentId) -> Outcome {
        let entry = self.world.comments.remove(&id).ok_or_else(|| missing(format!("comment {id}")))?;
        self.tell_comment(CommentAction::Deleted, entry.comment, None);
        Ok(Response::Done)
    }

    pub(in crate::forge::world) fn react(&mut self, id: CommentId, reaction: Reaction) -> Outcome {
        let entry = self.world.comments.get_mut(&id).ok_or_else(|| missing(format!("comment {id}")))?;
        entry.reactions.entry(reaction).or_default().insert(self.sender.login.clone());
        Ok(Response::Done)
    }

    fn tell_comment(&mut self, action: CommentAction, comment: Comment, body_from: Option<String>) {
        let sender = self.sender.clone();
        self.webhooks.push(Webhook::IssueComment { action, comment: Box::new(comment), sender, body_from });
    }
}
