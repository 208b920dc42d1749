//! GitHub as the orchestrator needs it: one small trait over requests and answers that are plain data.
//!
//! `client` sends them to GitHub's API through octocrab; the forge's world answers the very same values. Nothing
//! outside this module knows octocrab or HTTP, and no GitHub JSON leaves it.

pub mod auth;
pub mod client;
mod error;
mod onto;
pub mod pace;
mod request;
mod response;
pub mod survey;
mod together;
pub mod webhook;

use std::future::Future;
use std::sync::Arc;

use futures_util::future::BoxFuture;

pub use error::Error;
pub use onto::{KnownTip, commit_onto};
pub use request::{NewFile, Reaction, Request};
pub use response::{Repository, Response};
use together::send_singly;
pub use together::{PullAndChecks, Tip};

/// Says whether a write may still be sent.
pub trait Check: Send + Sync {
    /// Asked immediately before each exchange that writes.
    fn passes(&self) -> BoxFuture<'_, bool>;
}

/// GitHub for one installed repository.
pub trait GitHub: Send + Sync {
    /// Sends one request and gives its answer. Reads may be repeated inside; writes never are.
    fn send(&self, request: Request) -> impl Future<Output = Result<Response, Error>> + Send;

    /// The same, where a write leaves only if the check passes, which is asked once everything else that the write
    /// waits for is there. Where it does not pass, nothing more was sent: [`Error::Unreachable`].
    fn send_if(&self, request: Request, check: &dyn Check) -> impl Future<Output = Result<Response, Error>> + Send {
        async move {
            if request.is_write() && !check.passes().await {
                return Err(called_off());
            }
            self.send(request).await
        }
    }

    /// Asks several things, in as few exchanges as the way to GitHub can; an answer to each, in the order asked.
    fn send_together(&self, requests: Vec<Request>) -> impl Future<Output = Vec<Result<Response, Error>>> + Send {
        send_singly(self, requests)
    }

    /// The same, where writes leave only if the check passes, as in [`GitHub::send_if`].
    fn send_together_if(
        &self,
        requests: Vec<Request>,
        check: &dyn Check,
    ) -> impl Future<Output = Vec<Result<Response, Error>>> + Send {
        async move {
            if requests.iter().any(Request::is_write) && !check.passes().await {
                return requests.iter().map(|_| Err(called_off())).collect();
            }
            self.send_together(requests).await
        }
    }
}

/// The error of a write whose check did not pass.
fn called_off() -> Error {
    Error::Unreachable { message: "not sent: it was called off".to_owned() }
}

impl<G: GitHub> GitHub for Arc<G> {
    async fn send(&self, request: Request) -> Result<Response, Error> {
        G::send(self, request).await
    }

    async fn send_if(&self, request: Request, check: &dyn Check) -> Result<Response, Error> {
        G::send_if(self, request, check).await
    }

    async fn send_together(&self, requests: Vec<Request>) -> Vec<Result<Response, Error>> {
        G::send_together(self, requests).await
    }

    async fn send_together_if(&self, requests: Vec<Request>, check: &dyn Check) -> Vec<Result<Response, Error>> {
        G::send_together_if(self, requests, check).await
    }
}
