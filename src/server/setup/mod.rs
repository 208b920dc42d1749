//! A server without an App: a page in the browser on which one is created from `app-manifest.yml`, and its key kept.
//!
//! Promises: whoever did not open the printed address, which is good once, sees and does nothing; nothing is taken from
//! GitHub without the state that was sent there, which is random and good once; no key, secret or token is shown on a
//! page or written to the log; what is kept is one file for its owner alone.

mod manifest;
mod pages;
mod routes;
mod session;
mod stored;

#[cfg(test)]
mod tests;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::http::{HeaderMap, header};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::github::auth::CreatedApp;
use crate::github::client::Transport;

pub use manifest::is_address;
pub use stored::{FILE_NAME, StoredApp, StoredError};

use manifest::Wishes;
use session::{Session, random_token};

/// Where the set-up begins.
const SETUP_PATH: &str = "/setup";
/// Where GitHub leads back to.
const CREATED_PATH: &str = "/setup/created";
/// How long a connection may hold up the end.
const END_WAIT: Duration = Duration::from_secs(5);
/// Hexadecimal digits after the name that is proposed, since no two Apps may have the same.
const NAME_DIGITS: usize = 4;

/// What a set-up is started with.
#[derive(Clone, Debug)]
pub struct SetUpOptions {
    /// Where it listens; port 0: any.
    pub address: SocketAddr,
    /// How browsers and GitHub reach it, `https://host`; nothing: browsers on this machine alone.
    pub public_url: Option<String>,
    /// GitHub in a browser, without a slash at the end: `https://github.com`.
    pub web_url: String,
    /// GitHub's API.
    pub api_url: String,
    /// The way there.
    pub transport: Arc<Transport>,
    /// The folder in which the App is kept.
    pub state: PathBuf,
    /// Whether a repository that is chosen at the installation is offered its first files.
    pub offers: bool,
}

/// Why a set-up does not start.
#[derive(Debug, thiserror::Error)]
pub enum SetUpError {
    /// The address cannot be had.
    #[error("{address} cannot be listened on: {source}")]
    Address {
        /// The address asked for.
        address: SocketAddr,
        /// The system's words.
        source: std::io::Error,
    },
    /// The system gives no random numbers, without which nothing here is safe.
    #[error("the system gives no random numbers: {0}")]
    Random(getrandom::Error),
}

/// What all addresses of the set-up share.
struct Desk {
    session: Session,
    /// `http://127.0.0.1:PORT` or the public address: what the browser shows.
    origin: String,
    public_url: Option<String>,
    web_url: String,
    api_url: String,
    transport: Arc<Transport>,
    state: PathBuf,
    offers: bool,
    is_done: watch::Sender<bool>,
}

/// A set-up that listens.
pub struct SetUp {
    address: SocketAddr,
    entrance: String,
    done: watch::Receiver<bool>,
    stop: CancellationToken,
    serving: JoinHandle<()>,
}

impl SetUp {
    /// Listens and invites one browser.
    ///
    /// # Errors
    /// The address cannot be had, or there are no random numbers.
    pub async fn start(options: SetUpOptions) -> Result<Self, SetUpError> {
        let failed = |source| SetUpError::Address { address: options.address, source };
        let listener = TcpListener::bind(options.address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let origin = options.public_url.clone().unwrap_or_else(|| format!("http://{}", here(address)));
        let session = Session::new(address.port(), origin.starts_with("https://"));
        let invitation = session.invite().map_err(SetUpError::Random)?;
        let entrance = format!("{origin}{SETUP_PATH}?token={invitation}");
        let (is_done, done) = watch::channel(false);
        let desk = Desk {
            session,
            origin,
            public_url: options.public_url,
            web_url: options.web_url,
            api_url: options.api_url,
            transport: options.transport,
            state: options.state,
            offers: options.offers,
            is_done,
        };
        let stop = CancellationToken::new();
        let (router, ended) = (routes::router(Arc::new(desk)), stop.clone());
        let serving = tokio::spawn(async move {
            let served = axum::serve(listener, router).with_graceful_shutdown(ended.cancelled_owned());
            if let Err(error) = served.await {
                tracing::error!(%error, "the set-up no longer listens");
            }
        });
        Ok(Self { address, entrance, done, stop, serving })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address that lets one browser in, once: for the terminal, never for the log.
    pub fn entrance(&self) -> &str {
        &self.entrance
    }

    /// Ends when an App is created and kept.
    pub async fn finished(&mut self) {
        // The sender lives as long as somebody listens; when nobody does, nothing more is finished.
        if self.done.wait_for(|is_done| *is_done).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Takes no more requests and lets the last answer go out. Its address is free afterwards.
    pub async fn shutdown(mut self) {
        self.stop.cancel();
        if tokio::time::timeout(END_WAIT, &mut self.serving).await.is_err() {
            self.serving.abort();
        }
    }
}

/// Where a browser on this machine finds what listens there.
fn here(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip @ (IpAddr::V4(_) | IpAddr::V6(_)) => ip,
    };
    SocketAddr::new(ip, address.port())
}

impl Desk {
    /// What is proposed.
    fn first_wishes(&self) -> Result<Wishes, getrandom::Error> {
        let digits: String = random_token()?.chars().take(NAME_DIGITS).collect();
        Ok(Wishes {
            name: format!("task-orchestrator-{digits}"),
            organization: String::new(),
            address: self.public_url.clone().unwrap_or_default(),
        })
    }

    /// The settings of whoever owns the App, at GitHub.
    fn settings_url(&self, organization: Option<&str>) -> String {
        match organization {
            Some(name) => format!("{}/organizations/{name}/settings", self.web_url),
            None => format!("{}/settings", self.web_url),
        }
    }

    /// Where the App is installed: below its own page, as GitHub told it, if that is where we think GitHub is.
    fn install_url(&self, made: &CreatedApp) -> String {
        let is_at_github = |page: &&String| page.starts_with(&format!("{}/", self.web_url));
        match made.page.as_ref().filter(is_at_github) {
            Some(page) => format!("{}/installations/new", page.trim_end_matches('/')),
            None => {
                // An Enterprise server has Apps elsewhere than GitHub.com.
                let is_public = self.web_url == "https://github.com";
                let folder = if is_public { "apps" } else { "github-apps" };
                format!("{}/{folder}/{}/installations/new", self.web_url, made.slug)
            }
        }
    }

    /// Where to send a browser that came by this machine's other name, which has cookies of its own.
    fn own_address(&self, headers: &HeaderMap, token: &str) -> Option<String> {
        let host = headers.get(header::HOST)?.to_str().ok()?;
        let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
        let is_other = name.eq_ignore_ascii_case("localhost") && self.origin.starts_with("http://127.0.0.1:");
        // What was typed goes on as it is only where it is a token's letters.
        let is_plain = token.chars().all(|c| c.is_ascii_hexdigit());
        (is_other && is_plain).then(|| format!("{}{SETUP_PATH}?token={token}", self.origin))
    }
}
