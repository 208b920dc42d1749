//! The forge over HTTP on 127.0.0.1: GitHub's REST and GraphQL, git, signed webhooks and pages for one repository,
//! around the pure world. Nothing is answered before it is kept.

mod ask;
mod auth;
mod call;
mod failure;
mod fault;
mod git;
mod graphql;
mod host;
pub(crate) mod hub;
pub(crate) mod json;
pub(crate) mod keys;
pub(crate) mod options;
mod paging;
pub(crate) mod registration;
pub(crate) mod rest;
mod start;
mod tag;
#[cfg(test)]
pub(crate) mod tests;
mod token;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{any, get};
use secrecy::SecretString;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::engine::id::{Login, Sha};
use crate::engine::snapshot::Actor;
use crate::forge::http::hub::Hub;
use crate::forge::http::token::{Grant, JOB_TOKEN_LIFE};
use crate::forge::runner::MergedTree;
use crate::forge::world::access::{Permissions, administrator_permissions};
use crate::forge::world::request::Request;
use crate::forge::world::{ACTIONS_BOT, World};
use crate::forge::{pages, repository, webhooks};
use crate::github::{Error, Response};

pub use crate::forge::http::fault::{Fault, Faults};
pub use crate::forge::http::hub::{Calls, Counted};
pub use crate::forge::http::options::{Clock, ForgeOptions, StartError, WebhookTarget};
pub(crate) use crate::forge::http::paging::query_of;
pub(crate) use crate::forge::http::rest::git_side;

/// How long a connection may hold up the end.
const SHUTDOWN_WAIT: Duration = Duration::from_secs(5);

/// An embedded GitHub that listens. It ends by [`Forge::shutdown`]; dropped, it leaves its state as a killed process
/// would.
pub struct Forge {
    pub(crate) hub: Arc<Hub>,
    stop: CancellationToken,
    server: JoinHandle<()>,
    sender: JoinHandle<()>,
    _lock: start::Lock,
}

impl Forge {
    /// Starts, or goes on where the state folder was left.
    ///
    /// # Errors
    /// [`StartError`] says what is wrong and what to do instead.
    pub async fn start(options: ForgeOptions) -> Result<Self, StartError> {
        let ready = start::prepare(options).await?;
        let stop = CancellationToken::new();
        let router = router(&ready.hub);
        let ended = stop.clone();
        let listener = ready.listener;
        let server = tokio::spawn(async move {
            let served = axum::serve(listener, router).with_graceful_shutdown(ended.cancelled_owned());
            if let Err(error) = served.await {
                tracing::error!(%error, "the forge stopped listening");
            }
        });
        let sender = tokio::spawn(webhooks::send_all(Arc::clone(&ready.hub), stop.clone()));
        ready.hub.to_deliver.notify_one();
        Ok(Self { hub: ready.hub, stop, server, sender, _lock: ready.lock })
    }

    /// `http://127.0.0.1:PORT`: the API's base, and that of the pages.
    pub fn base_url(&self) -> &str {
        &self.hub.place.base
    }

    /// Where git fetches and pushes, with the user `x-access-token` and a token as password.
    pub fn git_url(&self) -> String {
        self.hub.place.web(".git")
    }

    /// The App's id.
    pub fn app_id(&self) -> u64 {
        self.hub.place.app_id
    }

    /// The installation's id.
    pub fn installation_id(&self) -> u64 {
        self.hub.place.installation_id
    }

    /// Owner and name of the repository.
    pub fn repository(&self) -> (&str, &str) {
        (&self.hub.place.owner, &self.hub.place.name)
    }

    /// The App's private key (PKCS#8, PEM).
    pub fn private_key_pem(&self) -> SecretString {
        self.hub.key.private_pem.clone()
    }

    /// An address that logs the local owner into the pages, once.
    ///
    /// # Errors
    /// Where the system gives no random numbers.
    pub fn web_url(&self) -> Result<String, String> {
        let token = self.hub.sessions.invite().map_err(|error| error.to_string())?;
        Ok(format!("{}/login?token={token}", self.hub.place.base))
    }

    /// The address of an issue's page; the browser must have logged in.
    pub fn issue_url(&self, number: crate::engine::id::IssueNumber) -> String {
        self.hub.place.web(format_args!("/issues/{number}"))
    }

    /// Where webhooks go from now on; nothing: none are made.
    pub fn send_webhooks_to(&self, target: Option<WebhookTarget>) {
        self.hub.send_webhooks_to(target);
    }

    /// From now on the App meets these faults, and its webhooks do.
    pub fn misbehave(&self, faults: Arc<Faults>) {
        *self.hub.faults.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(faults);
    }

    /// Sends a request to the world as the HTTP side does: it is kept and its webhooks go out. For the runner and for
    /// tests.
    ///
    /// # Errors
    /// As GitHub would refuse.
    pub async fn apply(&self, request: Request) -> Result<Response, Error> {
        self.handle().apply(request).await
    }

    /// A handle for those who work with the forge in this process.
    pub fn handle(&self) -> Handle {
        Handle { hub: Arc::clone(&self.hub) }
    }

    /// Stops listening and lets what has begun end; whoever still holds a connection is cut off after a few seconds.
    pub async fn shutdown(mut self) {
        self.stop.cancel();
        for task in [&mut self.server, &mut self.sender] {
            if tokio::time::timeout(SHUTDOWN_WAIT, &mut *task).await.is_err() {
                task.abort();
            }
        }
        let _turn = self.hub.turn().await;
        self.hub.store.close().await;
    }
}

/// The forge for the local runner: requests in, changes out. Cheap to clone.
#[derive(Clone)]
pub struct Handle {
    hub: Arc<Hub>,
}

impl Handle {
    /// Sends a request to the world as the HTTP side does.
    ///
    /// # Errors
    /// As GitHub would refuse.
    pub async fn apply(&self, request: Request) -> Result<Response, Error> {
        self.hub.apply(request).await
    }

    /// Looks at the world; be quick, every answer waits.
    pub fn look<T>(&self, look: impl FnOnce(&World) -> T) -> T {
        self.hub.look(look)
    }

    /// A number that grows with every accepted write: a run was queued, its end asked for, a head pushed, anything.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.hub.changes()
    }

    /// A token for one job, with exactly these permissions, until it is revoked or a day has passed.
    ///
    /// # Errors
    /// Where the system gives no random numbers.
    pub fn mint_job_token(&self, permissions: Permissions) -> Result<SecretString, String> {
        let now = self.hub.clock.now();
        let actor = Actor { login: Login::new(ACTIONS_BOT), bot: true };
        let grant = Grant { actor, permissions, expires_at: now + JOB_TOKEN_LIFE };
        self.hub.tokens.mint(grant, now).map(|(token, _)| token).map_err(|error| error.to_string())
    }

    /// A token of the local owner's, as an administrator makes one to look at settings, until it is revoked or a day
    /// has passed.
    ///
    /// # Errors
    /// Where the system gives no random numbers.
    pub fn mint_owner_token(&self) -> Result<SecretString, String> {
        let now = self.hub.clock.now();
        let actor = Actor { login: self.hub.look(|world| world.setup().owner.clone()), bot: false };
        let grant = Grant { actor, permissions: administrator_permissions(), expires_at: now + JOB_TOKEN_LIFE };
        self.hub.tokens.mint(grant, now).map(|(token, _)| token).map_err(|error| error.to_string())
    }

    /// The App's calls so far, by method and route.
    pub fn calls(&self) -> Calls {
        self.hub.calls()
    }

    /// Ends a job's token.
    pub fn revoke(&self, token: &SecretString) {
        self.hub.tokens.revoke(token);
    }

    /// Fills an empty folder with the files of `head` merged into a branch.
    ///
    /// # Errors
    /// Where git fails, or the branch is not there.
    pub async fn fill_merged(&self, base: &str, head: &Sha, folder: &Path) -> Result<MergedTree, repository::Error> {
        let missing = || repository::Error::Source { message: format!("the branch `{base}` is not there") };
        let base = self.hub.repository.branch(base).await?.ok_or_else(missing)?;
        match self.hub.repository.merged_tree(&base, head).await? {
            Ok(tree) => self.hub.repository.export(&tree, folder).await.map(|()| MergedTree::Filled),
            Err(_) => Ok(MergedTree::Conflict),
        }
    }

    /// The forge's base address.
    pub fn base_url(&self) -> &str {
        &self.hub.place.base
    }
}

/// Everything the forge answers.
pub(crate) fn router(hub: &Arc<Hub>) -> Router {
    let home = format!("/{}/{}", hub.place.owner, hub.place.name);
    Router::new()
        .route("/healthz", get(|| async { "ok" }))
        .route(&format!("{home}.git/{{*path}}"), any(git::serve))
        .merge(rest::router(hub))
        .layer(from_fn_with_state(Arc::clone(hub), fault::meet))
        .merge(pages::router(&home))
        .layer(from_fn(auth::require_local_host))
        .with_state(Arc::clone(hub))
}
