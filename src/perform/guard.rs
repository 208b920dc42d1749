//! What stands between a turn and the world: immediately before each write, when all else it waits for is there, the
//! lease is asked for once more, so that a process that was paused past it writes nothing.

use std::sync::{Mutex, PoisonError};

use futures_util::future::BoxFuture;

use crate::engine::id::Sha;
use crate::git::{self, Git};
use crate::github::{self, Check, GitHub, Request, Response};
use crate::perform::Deployment;
use crate::store::{self, Lease, Store};

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

impl<G: Send + Sync, M: Send + Sync, S: Store> Check for Guard<'_, G, M, S> {
    fn passes(&self) -> BoxFuture<'_, bool> {
        Box::pin(self.stands())
    }
}

/// A write that was called off has an error that is never shown: the turn ends with the store's own.
impl<G: GitHub, M: Send + Sync, S: Store> GitHub for Guard<'_, G, M, S> {
    async fn send(&self, request: Request) -> Result<Response, github::Error> {
        self.deployment.github.send_if(request, self).await
    }

    async fn send_together(&self, requests: Vec<Request>) -> Vec<Result<Response, github::Error>> {
        self.deployment.github.send_together_if(requests, self).await
    }
}

impl<G: Send + Sync, M: Git, S: Store> Git for Guard<'_, G, M, S> {
    async fn move_branch(&self, branch: &str, expected: Option<&Sha>, to: &Sha) -> Result<(), git::Error> {
        self.deployment.git.move_branch_if(branch, expected, to, self.stands()).await
    }

    async fn parents(&self, commit: &Sha) -> Result<Vec<Sha>, git::Error> {
        self.deployment.git.parents(commit).await
    }

    async fn paths(&self, commit: &Sha) -> Result<Vec<String>, git::Error> {
        self.deployment.git.paths(commit).await
    }

    async fn files(&self, commit: &Sha) -> Result<git::Files, git::Error> {
        self.deployment.git.files(commit).await
    }

    async fn merge_conflicts(&self, ours: &Sha, theirs: &Sha) -> Result<Vec<String>, git::Error> {
        self.deployment.git.merge_conflicts(ours, theirs).await
    }

    async fn changes(&self, other: &Sha, commit: &Sha, paths: &[String], bytes: usize) -> Result<String, git::Error> {
        self.deployment.git.changes(other, commit, paths, bytes).await
    }
}
