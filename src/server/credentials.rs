//! GitHub that remembers that its credentials were refused, so that who works with it connects anew.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::github::{Check, Error, GitHub, Request, Response};
use crate::turn::Deployment;

/// GitHub for one repository, as it was connected to.
#[derive(Debug)]
pub(super) struct CredentialWatch<G> {
    github: G,
    is_refused: AtomicBool,
}

impl<G> CredentialWatch<G> {
    /// The same deployment, watched.
    pub(super) fn deployment<M, S>(made: Deployment<G, M, S>) -> Deployment<Self, M, S> {
        let Deployment { github, git, store, repository, owner, bot, seed, configuration, tree } = made;
        let github = Self { github, is_refused: AtomicBool::new(false) };
        Deployment { github, git, store, repository, owner, bot, seed, configuration, tree }
    }

    /// Whether GitHub has refused the credentials: the App may be gone, or be installed under another id by now.
    pub(super) fn is_refused(&self) -> bool {
        self.is_refused.load(Ordering::Relaxed)
    }

    fn hear(&self, answer: Result<Response, Error>) -> Result<Response, Error> {
        if let Err(Error::Unauthorized { .. }) = answer {
            self.is_refused.store(true, Ordering::Relaxed);
        }
        answer
    }

    fn hear_all(&self, answers: Vec<Result<Response, Error>>) -> Vec<Result<Response, Error>> {
        answers.into_iter().map(|answer| self.hear(answer)).collect()
    }
}

impl<G: GitHub> GitHub for CredentialWatch<G> {
    async fn send(&self, request: Request) -> Result<Response, Error> {
        self.hear(self.github.send(request).await)
    }

    async fn send_if(&self, request: Request, check: &dyn Check) -> Result<Response, Error> {
        self.hear(self.github.send_if(request, check).await)
    }

    async fn send_together(&self, requests: Vec<Request>) -> Vec<Result<Response, Error>> {
        self.hear_all(self.github.send_together(requests).await)
    }

    async fn send_together_if(&self, requests: Vec<Request>, check: &dyn Check) -> Vec<Result<Response, Error>> {
        self.hear_all(self.github.send_together_if(requests, check).await)
    }
}
