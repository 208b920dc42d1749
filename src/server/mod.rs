//! The server: takes webhooks, keeps them, answers, and works them later, one turn at a time per repository.
//!
//! Promises: a delivery is kept before it is answered and worked before it is forgotten; with no delivery at all the
//! heartbeat leads to the same end; stopping finishes the turns under way, within [`STOP_TIMEOUT`].

mod app;
pub mod connector;
mod credentials;
mod delivery;
mod gather;
mod health;
mod loops;
mod onboarding;
mod redelivery;
mod renewal;
mod routes;
pub mod setup;
mod upkeep;
mod webhook;
mod work;

#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::engine::id::RepositoryName;
use crate::github::client::Clock;
use crate::github::webhook::WebhookSecrets;
use crate::store::{self, Store};

pub use app::{AppConnector, AppOptions, OnboardingPolicy, PushToken, git_url_of};
pub use connector::{ConnectError, Connector, Offer};
pub use loops::{Progress, ProgressByRepository};

use loops::Loops;
use webhook::Intake;

/// How long turns and requests under way may take when the server stops.
pub const STOP_TIMEOUT: Duration = Duration::from_secs(10);

/// What a server is started with.
pub struct Options {
    /// Where it listens; port 0: any.
    pub address: SocketAddr,
    /// What webhooks are signed with.
    pub secrets: WebhookSecrets,
    /// The time.
    pub clock: Clock,
    /// Whether plans are watched from within this process, by [`Server::progress`].
    pub is_followed: bool,
}

/// Why a server does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address cannot be had.
    #[error("{address} cannot be listened on: {source}")]
    Address {
        /// The address asked for.
        address: SocketAddr,
        /// The system's words.
        source: std::io::Error,
    },
    /// The store does not answer.
    #[error(transparent)]
    Store(#[from] store::Error),
}

/// A running server. Dropping it without [`Server::shutdown`] leaves it running.
pub struct Server {
    address: SocketAddr,
    progress: watch::Receiver<ProgressByRepository>,
    look: Box<dyn Fn(&RepositoryName) + Send + Sync>,
    stop: Box<dyn FnOnce() -> Stopping + Send>,
}

type Stopping = std::pin::Pin<Box<dyn Future<Output = bool> + Send>>;

impl Server {
    /// Listens, and begins a loop for every repository that has a plan and for all the connector knows.
    pub async fn start<C: Connector>(options: Options, connector: C, store: C::Store) -> Result<Self, StartError> {
        let failed = |source| StartError::Address { address: options.address, source };
        let listener = TcpListener::bind(options.address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let known = store.repositories().await?;
        let loops = Loops::new(connector, store, options.clock, options.is_followed);
        for repository in known {
            loops.begin(&repository);
        }
        loops.tasks().spawn(upkeep::run(Arc::clone(&loops)));
        loops.tasks().spawn(listen(listener, Arc::clone(&loops), options.secrets));
        let progress = loops.progress();
        let looking = Arc::clone(&loops);
        let look = Box::new(move |repository: &RepositoryName| looking.look(repository));
        Ok(Self { address, progress, look, stop: Box::new(move || Box::pin(stop(loops))) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Has a repository looked at as a heartbeat does, at once.
    pub fn look(&self, repository: &RepositoryName) {
        (self.look)(repository);
    }

    /// To watch plans by: changes after each turn. Whoever watches may miss turns, never the newest state.
    pub fn progress(&self) -> watch::Receiver<ProgressByRepository> {
        self.progress.clone()
    }

    /// Takes no more requests and begins no more turns, and waits for those under way, at most [`STOP_TIMEOUT`].
    /// `false`: something was cut off; it is taken up at the next start.
    pub async fn shutdown(self) -> bool {
        (self.stop)().await
    }
}

async fn listen<C: Connector>(listener: TcpListener, loops: Arc<Loops<C>>, secrets: WebhookSecrets) {
    let router = routes::router(Intake::new(Arc::clone(&loops), secrets));
    let serving = axum::serve(listener, router).with_graceful_shutdown(loops.stopped());
    let ended = tokio::select! {
        ended = serving.into_future() => ended,
        () = loops.abandoned() => return,
    };
    if let Err(error) = ended {
        let failure = health::failure_id();
        tracing::error!(failure, %error, "the server no longer listens");
        loops.health().fails("listening", failure);
    }
}

async fn stop<C: Connector>(loops: Arc<Loops<C>>) -> bool {
    loops.stop();
    let in_time = tokio::time::timeout(STOP_TIMEOUT, loops.tasks().wait()).await.is_ok();
    if !in_time {
        tracing::warn!("turns under way were cut off; they are taken up at the next start");
        loops.abandon();
        loops.tasks().wait().await;
    }
    in_time
}
