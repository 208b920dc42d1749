//! What stands between a turn and the world: immediately before each write the lease is asked for once more, so that a
//! process that was paused past it writes nothing.

use std::sync::{Mutex, PoisonError};

use crate::engine::id::Sha;
use crate::git::{self, Git};
use crate::github::{self, GitHub, Request, Response};
use crate::perform::Deployment;
use crate::store::{self, Lease, Store};

/// Why the lease is not there, as a call's error: it is never shown, for the turn ends with the store's own.
const NOT_SENT: &str = "not sent: the lease is not held";

/// GitHub and git under a lease.
pub(super) struct Guard<'d, G, M, S> {
    deployment: &'d Deployment<G, M, S>,
    lease: Lease,
    /// Why a write was not sent.
    refused: Mutex<Option<store::Error>>,
}

impl<'d, G, M, S: Store> Guard<'d, G, M, S> {
    /// Lets writes pass for as long as the lease stands.
    pub(super) fn new(deployment: &'d Deployment<G, M, S>, lease: Lease) -> Self {
        Self { deployment, lease, refused: Mutex::new(None) }
    }

    /// Fails once a write was not sent because the lease could not be shown to stand. The outcome of that write means
    /// nothing.
    pub(super) fn check(&self) -> Result<(), store::Error> {
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        refused.take().map_or(Ok(()), Err)
    }

    /// Whether the lease stands now.
    async fn stands(&self) -> bool {
        match self.deployment.store.stands(&self.deployment.repository, self.lease).await {
            Ok(()) => true,
            Err(error) => {
                *self.refused.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                false
            }
        }
    }
}

impl<G: GitHub, M: Send + Sync, S: Store> GitHub for Guard<'_, G, M, S> {
    async fn send(&self, request: Request) -> Result<Response, github::Error> {
        if request.is_write() && !self.stands().await {
            return Err(github::Error::Unreachable { message: NOT_SENT.to_owned() });
        }
        self.deployment.github.send(request).await
    }

    async fn send_together(&self, requests: Vec<Request>) -> Vec<Result<Response, github::Error>> {
        if requests.iter().any(Request::is_write) && !self.stands().await {
            let not_sent = || Err(github::Error::Unreachable { message: NOT_SENT.to_owned() });
            return requests.iter().map(|_| not_sent()).collect();
        }
        self.deployment.github.send_together(requests).await
    }
}

impl<G: Send + Sync, M: Git, S: Store> Git for Guard<'_, G, M, S> {
    async fn move_branch(&self, branch: &str, expected: Option<&Sha>, to: &Sha) -> Result<(), git::Error> {
        if !self.stands().await {
            return Err(git::Error::Failed { message: NOT_SENT.to_owned() });
        }
        self.deployment.git.move_branch(branch, expected, to).await
    }

    async fn parents(&self, commit: &Sha) -> Result<Vec<Sha>, git::Error> {
        self.deployment.git.parents(commit).await
    }

    async fn paths(&self, commit: &Sha) -> Result<Vec<String>, git::Error> {
        self.deployment.git.paths(commit).await
    }

    async fn merge_conflicts(&self, ours: &Sha, theirs: &Sha) -> Result<Vec<String>, git::Error> {
        self.deployment.git.merge_conflicts(ours, theirs).await
    }
}
