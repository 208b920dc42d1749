//! What people, pushes and checks do to a [`MemoryForge`].

use crate::engine::id::{CommentId, IssueNumber, Login, Sha};
use crate::engine::snapshot::{Actor, Conclusion, Permission};
use crate::forge::memory::MemoryForge;
use crate::forge::memory::edit::Edit;
use crate::forge::world::request::{CheckAct, PersonAct, Request, SeedAct, SeedIssue};
use crate::github::{Error, Response};

impl MemoryForge {
    /// An issue with a number of its own, opened and labelled by the owner.
    ///
    /// # Errors
    /// A number that is taken, a text that is too long.
    pub fn open_issue(&self, number: u64, title: &str, body: &str, labels: &[&str]) -> Result<(), Error> {
        let labels = labels.iter().map(|label| (*label).to_owned()).collect();
        let (title, body) = (title.to_owned(), body.to_owned());
        let issue = SeedIssue { number: IssueNumber(number), title, body, labels };
        self.apply(Request::Seed(SeedAct::Issues(vec![issue]))).map(drop)
    }

    /// Says what an account may do.
    ///
    /// # Errors
    /// None in practice.
    pub fn permit(&self, login: &str, permission: Permission) -> Result<(), Error> {
        self.apply(Request::Seed(SeedAct::Permission { login: Login::new(login), permission })).map(drop)
    }

    /// A person does something in the pages.
    ///
    /// # Errors
    /// As GitHub: missing things, missing rights, conflicts.
    pub fn person(&self, login: &str, act: PersonAct) -> Result<Response, Error> {
        let actor = Actor { login: Login::new(login), bot: false };
        self.apply(Request::Person { actor, act, git: None })
    }

    /// A person comments.
    ///
    /// # Errors
    /// As [`Self::person`].
    pub fn comment(&self, login: &str, number: u64, body: &str) -> Result<CommentId, Error> {
        let act = PersonAct::Comment { number: IssueNumber(number), body: body.to_owned() };
        let answer = self.person(login, act)?;
        if let Response::Comment(comment) = answer {
            Ok(comment.id)
        } else {
            Err(Error::Unexpected { message: format!("{answer:?}") })
        }
    }

    /// A person ticks (or unticks) a box, counted from 0 over the body's boxes.
    ///
    /// # Errors
    /// As [`Self::person`]; no such box.
    pub fn tick(&self, login: &str, number: u64, index: usize, checked: bool) -> Result<(), Error> {
        self.person(login, PersonAct::Tick { number: IssueNumber(number), index, checked }).map(drop)
    }

    /// A person ticks the first box of the body whose line holds this text.
    ///
    /// # Errors
    /// As [`Self::person`]; no such box.
    pub fn tick_line(&self, login: &str, number: u64, text: &str) -> Result<(), Error> {
        let world = self.world();
        let body = world.issue(IssueNumber(number)).map(|entry| entry.issue.body.clone()).unwrap_or_default();
        let line = |at: &usize| body[*at..].lines().next().is_some_and(|line| line.contains(text));
        let index = crate::forge::world::text::boxes(&body).iter().position(line);
        let index = index.ok_or_else(|| Error::Invalid { message: format!("no box with `{text}` in #{number}") })?;
        self.tick(login, number, index, true)
    }

    /// A person pushes one commit with these edits onto a branch (a new one begins from nothing).
    ///
    /// # Errors
    /// None in practice.
    pub fn push(&self, login: &str, branch: &str, edits: &[Edit]) -> Result<Sha, Error> {
        let mut state = self.locked();
        let parent = state.repository.branch(branch).cloned();
        let mut tree = parent.as_ref().and_then(|sha| state.repository.get(sha)).map(|c| c.tree.clone());
        let tree = tree.get_or_insert_default();
        edits.iter().for_each(|edit| edit.make(tree));
        let now = state.now;
        let sha = state.repository.commit(parent.into_iter().collect(), tree.clone(), "a person's change", now);
        state.push(Actor { login: Login::new(login), bot: false }, branch, Some(sha.clone()))?;
        Ok(sha)
    }

    /// A person deletes a branch.
    ///
    /// # Errors
    /// None in practice.
    pub fn delete_branch(&self, login: &str, branch: &str) -> Result<(), Error> {
        self.locked().push(Actor { login: Login::new(login), bot: false }, branch, None).map(drop)
    }

    /// A check of the App `ci` on a commit: under way, or over.
    ///
    /// # Errors
    /// None in practice.
    pub fn check(&self, sha: &Sha, name: &str, conclusion: Option<Conclusion>, summary: &str) -> Result<(), Error> {
        let (sha, name, app) = (sha.clone(), name.to_owned(), "ci".to_owned());
        let act = match conclusion {
            None => CheckAct::Started { sha, name, app },
            Some(conclusion) => {
                let (summary, log) = (summary.to_owned(), summary.to_owned());
                CheckAct::Ended { sha, name, app, conclusion, summary, log }
            }
        };
        self.apply(Request::Check(act)).map(drop)
    }
}
