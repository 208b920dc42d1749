//! One pull request that offers a repository its first files, made when somebody asked for it.
//!
//! Asked for is it by whoever chose the repository by name when they installed the App, or labelled an issue in it; an
//! App that was installed on all repositories there are changes nothing until somebody labels an issue.
//!
//! Promises: nothing but a branch and a pull request is made; a repository that has any of the files needs none of it;
//! there is one pull request for good, whatever becomes of it: it is found by its branch, open or closed. Each look
//! begins with what GitHub shows, and each write is one that finds itself done, so that no intent needs to be kept: a
//! branch is there once, and GitHub opens one pull request from it.

#[cfg(test)]
mod tests;

use std::time::Duration;

use futures_util::future::BoxFuture;

use crate::engine::id::{RepositoryName, Sha};
use crate::engine::time::Timestamp;
use crate::github::{Check, Error, GitHub, NewFile, Request, Response};
use crate::server::connector::Offer;
use crate::starter::onboarding::{BRANCH, Onboarding, Reason, TITLE, body};
use crate::starter::{self, Committer, StarterFile};
use crate::store::{Lease, Store};

/// How long after a look that found nothing to do, or failed, there is the next.
const INTERVAL: Duration = Duration::from_secs(3_600);

/// What a repository's loop knows of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Looked {
    /// Nothing is ever left to do.
    is_over: bool,
    /// When there is the next look; nothing: now.
    next_at: Option<Timestamp>,
    /// Whether there was a task at the last look.
    had_tasks: bool,
}

impl Looked {
    /// Whether to look now: once an interval, and when the first issue was labelled.
    pub(super) fn is_due(&self, has_tasks: bool, now: Timestamp) -> bool {
        let is_time = self.next_at.is_none_or(|at| now >= at);
        !self.is_over && (is_time || has_tasks && !self.had_tasks)
    }

    /// A look has ended.
    pub(super) fn note(&mut self, end: Option<End>, has_tasks: bool, now: Timestamp) {
        *self = Self { is_over: end == Some(End::Over), next_at: Some(now + INTERVAL), had_tasks: has_tasks };
    }
}

/// What a look came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The pull request is there, or none is needed.
    Over,
    /// Nobody asked yet.
    Later,
}

/// Lets a write out for as long as the repository's lease stands.
pub(super) struct UnderLease<'s, S> {
    pub(super) store: &'s S,
    pub(super) repository: &'s RepositoryName,
    pub(super) lease: Lease,
}

impl<S: Store> Check for UnderLease<'_, S> {
    fn passes(&self) -> BoxFuture<'_, bool> {
        Box::pin(async { self.store.stands(self.repository, self.lease).await.is_ok() })
    }
}

/// A repository at the look.
pub(super) struct Look<'l, G> {
    pub(super) github: &'l G,
    pub(super) check: &'l dyn Check,
    /// What the installation says.
    pub(super) offer: &'l Offer,
    /// Whether an issue was labelled.
    pub(super) has_tasks: bool,
    /// The label.
    pub(super) label: &'l str,
}

fn unexpected(what: &str) -> Error {
    Error::Unexpected { message: format!("no {what} in the answer") }
}

/// What is not there is no error.
fn found(answer: Result<Response, Error>) -> Result<Option<Response>, Error> {
    match answer {
        Err(Error::Missing { .. }) => Ok(None),
        answer => answer.map(Some),
    }
}

impl<G: GitHub> Look<'_, G> {
    /// Looks, and does what is left to do.
    ///
    /// # Errors
    /// What GitHub answers; the next look begins anew and finds whatever was done.
    pub(super) async fn take(&self) -> Result<End, Error> {
        let reason = match (self.offer.is_chosen, self.has_tasks) {
            (true, _) => Reason::Chosen,
            (false, true) => Reason::Labelled,
            (false, false) => return Ok(End::Later),
        };
        if self.is_made().await? {
            return Ok(End::Over);
        }
        let Response::Repository(repository) = self.github.send(Request::Repository).await? else {
            return Err(unexpected("repository"));
        };
        let base = repository.default_branch;
        let Some(head) = self.branch(&base).await? else { return Ok(End::Later) };
        let files = starter::files();
        if repository.archived || self.has_any(&head, &files).await? {
            return Ok(End::Over);
        }
        if !self.bring_branch(head, &files).await? {
            tracing::warn!(branch = BRANCH, "somebody else's branch has this name; no files are offered");
            return Ok(End::Over);
        }
        self.open(&base, reason, &files).await?;
        Ok(End::Over)
    }

    /// Whether the pull request is there, in whatever state.
    async fn is_made(&self) -> Result<bool, Error> {
        let request = Request::PullRequests { head: Some(BRANCH.to_owned()) };
        let Response::PullRequests(pulls) = self.github.send(request).await? else {
            return Err(unexpected("pull requests"));
        };
        Ok(!pulls.is_empty())
    }

    async fn branch(&self, branch: &str) -> Result<Option<Sha>, Error> {
        let Some(answer) = found(self.github.send(Request::Branch { branch: branch.to_owned() }).await)? else {
            return Ok(None);
        };
        let Response::Ref(branch) = answer else { return Err(unexpected("branch")) };
        Ok(Some(branch.sha))
    }

    async fn file(&self, commit: &Sha, path: &str) -> Result<Option<Vec<u8>>, Error> {
        let request = Request::File { reference: commit.as_str().to_owned(), path: path.to_owned() };
        let Some(answer) = found(self.github.send(request).await)? else { return Ok(None) };
        let Response::File(bytes) = answer else { return Err(unexpected("file")) };
        Ok(Some(bytes))
    }

    /// Whether somebody has set the repository up already.
    async fn has_any(&self, commit: &Sha, files: &[StarterFile]) -> Result<bool, Error> {
        for file in files {
            if self.file(commit, file.path).await?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Makes the branch with the files that the App may offer, or finds it as an earlier look left it; `false`: it is
    /// somebody else's.
    async fn bring_branch(&self, head: Sha, files: &[StarterFile]) -> Result<bool, Error> {
        let offered = || files.iter().filter(|file| file.committer == Committer::Anybody);
        if let Some(found) = self.branch(BRANCH).await? {
            for file in offered() {
                if self.file(&found, file.path).await?.as_deref() != Some(file.text.as_bytes()) {
                    return Ok(false);
                }
            }
            return Ok(true);
        }
        let new = |file: &StarterFile| NewFile { path: file.path.to_owned(), content: file.text.clone().into_owned() };
        let request = Request::CreateCommit {
            message: TITLE.to_owned(),
            files: offered().map(new).collect(),
            parent: Some(head),
        };
        let Response::Commit(sha) = self.github.send_if(request, self.check).await? else {
            return Err(unexpected("commit"));
        };
        let request = Request::CreateBranch { branch: BRANCH.to_owned(), sha };
        self.github.send_if(request, self.check).await.map(|_| true)
    }

    async fn open(&self, base: &str, reason: Reason, files: &[StarterFile]) -> Result<(), Error> {
        let told = Onboarding { page: &self.offer.page, branch: base, label: self.label, reason };
        let request = Request::CreatePullRequest {
            title: TITLE.to_owned(),
            body: body(&told, files),
            head: BRANCH.to_owned(),
            base: base.to_owned(),
            draft: false,
        };
        match self.github.send_if(request, self.check).await {
            Ok(_) => tracing::info!("a pull request offers the repository its first files"),
            // An earlier one whose answer was lost.
            Err(Error::Conflict { .. }) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }
}
