//! `serve`: repositories as a GitHub App, until somebody says stop.

mod credentials;

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use tokio::signal::unix::{SignalKind, signal};

use crate::cli::failure::Failure;
use crate::cli::output;
use crate::engine::config::Settings;
use crate::engine::time::{Span, Timestamp};
use crate::git::command::Program;
use crate::github::Error;
use crate::github::auth::App;
use crate::github::client::{Clock, PUBLIC_API_URL};
use crate::github::webhook::WebhookSecrets;
use crate::server::setup::{self, SetUp, SetUpError, SetUpOptions};
use crate::server::{AppConnector, AppOptions, OnboardingPolicy, Options, Server, StartError, git_url_of};
use crate::store::lock::{Lock, LockError};
use crate::store::postgres::{self, PostgresStore};
use crate::store::sqlite::{self, Durability, OpenError, SqliteStore};
use crate::store::{self, Store};
use crate::turn::Configuration;

pub(super) use credentials::{flag, private_key};

/// The lengths a lease may have.
const LEASE_LENGTHS: std::ops::RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(600);

/// Flags of `serve`.
#[derive(Clone, Debug, Args)]
#[command(after_help = "\
Example:
  task-orchestrator serve --public-url https://orchestrator.example.com --state /var/lib/task-orchestrator
  task-orchestrator serve --app-id 12345 --private-key-file key.pem --webhook-secret-file secret \\
      --state /var/lib/task-orchestrator

Without an App (neither the flags, nor the variables, nor one that was set up before in the state folder) it prints an
address. Open it in a browser: the page there creates the App at GitHub and keeps its key in the state folder, in
app.json for its owner alone. Then the server goes on with it, as every later start does.

Several replicas: give each --database-url with one PostgreSQL database, and a --state of its own; a load balancer may
send each webhook to any of them.

GitHub must reach /webhook. The server itself speaks plain HTTP on 127.0.0.1: put a reverse proxy with TLS in front
of it, or give --bind. It needs the program git. ORCHESTRATOR_PRIVATE_KEY, ORCHESTRATOR_WEBHOOK_SECRET and, while the
secret is being changed, ORCHESTRATOR_WEBHOOK_SECRET_PREVIOUS hold the secrets themselves where no file is given.")]
pub(super) struct ServeArgs {
    /// The App's id or client id, from its page on GitHub; otherwise the one that was set up
    #[arg(long, value_name = "ID", env = "ORCHESTRATOR_APP_ID")]
    app_id: Option<String>,
    /// The App's private key, the `.pem` file GitHub let you download
    #[arg(long, value_name = "FILE")]
    private_key_file: Option<PathBuf>,
    /// A file with the webhook secret of the App's settings
    #[arg(long, value_name = "FILE")]
    webhook_secret_file: Option<PathBuf>,
    /// A file with the secret before that, still taken while it is being changed
    #[arg(long, value_name = "FILE")]
    previous_webhook_secret_file: Option<PathBuf>,
    /// GitHub's API; `https://HOST/api/v3` for an Enterprise server
    #[arg(long, value_name = "URL", env = "ORCHESTRATOR_API_URL", default_value = PUBLIC_API_URL)]
    api_url: String,
    /// Where git is reached; follows from the API's address unless given
    #[arg(long, value_name = "URL")]
    git_url: Option<String>,
    /// A file with certificate authorities (PEM) to trust beside the machine's own, for an Enterprise server or a proxy
    /// that opens TLS
    #[arg(long, value_name = "FILE", env = "ORCHESTRATOR_CA_BUNDLE")]
    ca_bundle: Option<PathBuf>,
    /// Where browsers and GitHub reach this server, for setting up an App: `https://HOST`, the proxy in front of it
    #[arg(long, value_name = "URL", env = "ORCHESTRATOR_PUBLIC_URL", value_parser = public_url)]
    public_url: Option<String>,
    /// What counts as being asked for the one pull request that offers a repository without them its first files:
    /// `chosen` when the App was installed, or an issue labelled; `labelled` only; `never`
    #[arg(long, value_name = "WHEN", default_value = "chosen")]
    onboarding: OnboardingPolicy,
    /// The address to listen on
    #[arg(long, value_name = "IP", default_value = "127.0.0.1")]
    bind: IpAddr,
    /// The port to listen on; 0: any
    #[arg(long, value_name = "PORT", default_value_t = 8080)]
    port: u16,
    /// The folder for the database and bare mirrors of the repositories
    #[arg(long, value_name = "DIR", default_value = ".state")]
    state: PathBuf,
    /// The database [default: orchestrator.sqlite in the state folder]
    #[arg(long, value_name = "FILE", conflicts_with = "database_url")]
    database: Option<PathBuf>,
    /// A PostgreSQL database instead, which several replicas may share: `postgres://USER:PASSWORD@HOST/NAME`
    #[arg(long, value_name = "URL", env = "ORCHESTRATOR_DATABASE_URL", hide_env_values = true)]
    database_url: Option<String>,
    /// With --database-url: how long others wait before they take over what a replica that died was working
    #[arg(long, value_name = "LENGTH", default_value = "30s", value_parser = lease)]
    lease: Duration,
}

/// A lease's length; a shorter one would be lost to any pause, a longer one make everybody wait.
fn lease(text: &str) -> Result<Duration, String> {
    let length = Span::parse(text)?.0;
    if LEASE_LENGTHS.contains(&length) {
        return Ok(length);
    }
    Err(format!("give something from {} to {}", Span(*LEASE_LENGTHS.start()), Span(*LEASE_LENGTHS.end())))
}

/// Where a server is reached, without a slash at the end.
fn public_url(text: &str) -> Result<String, String> {
    let text = text.trim_end_matches('/');
    if setup::is_address(text) {
        return Ok(text.to_owned());
    }
    Err("write it as `https://orchestrator.example.com`, without a path; `http://` is for 127.0.0.1 alone".to_owned())
}

/// Serves until SIGINT or SIGTERM; a second one ends it at once.
pub(super) async fn run(mut arguments: ServeArgs) -> Result<ExitCode, Failure> {
    let found = credentials::find(&arguments)?;
    let version = Program::default().command(Path::new("."), ["version"]).run().await;
    version.map_err(|error| Failure::usage(error.to_string()).with_hint("install git and put it on the PATH"))?;
    let (app, secrets) = match found {
        Some(found) => found,
        None => match set_up(&mut arguments).await? {
            Some(made) => made,
            None => return Ok(ExitCode::SUCCESS),
        },
    };
    if let Some(url) = arguments.database_url.clone() {
        let _lock = lock_state(&arguments.state, "replica")?;
        let store = open_postgres(url, arguments.lease).await?;
        let ended = serve(&arguments, app, secrets, store.clone()).await;
        store.close().await;
        return ended;
    }
    let store = open_sqlite(&arguments).await?;
    let ended = serve(&arguments, app, secrets, store.clone()).await;
    store.close().await;
    ended
}

/// Has somebody create an App in the browser, and gives it; nothing where the program is told to stop before. From then
/// on the address is the one that GitHub was told.
async fn set_up(arguments: &mut ServeArgs) -> Result<Option<(App, WebhookSecrets)>, Failure> {
    let _lock = lock_state(&arguments.state, "set-up")?;
    let options = SetUpOptions {
        address: SocketAddr::new(arguments.bind, arguments.port),
        public_url: arguments.public_url.clone(),
        web_url: git_url(arguments),
        api_url: arguments.api_url.clone(),
        transport: credentials::transport(arguments)?,
        state: arguments.state.clone(),
        offers: arguments.onboarding == OnboardingPolicy::Chosen,
    };
    let mut set_up = SetUp::start(options).await.map_err(no_set_up)?;
    arguments.port = set_up.address().port();
    output::print(&format!("Set up this server in a browser; the address is good once:\n{}\n", set_up.entrance()))?;
    tracing::info!("no App is set up yet; the page for that is on http://{}", set_up.address());
    let is_finished = tokio::select! {
        () = set_up.finished() => true,
        stopped = wait_for_stop() => stopped.map(|()| false)?,
    };
    set_up.shutdown().await;
    if !is_finished {
        return Ok(None);
    }
    credentials::find(arguments)
}

fn no_set_up(error: SetUpError) -> Failure {
    let message = error.to_string();
    match error {
        SetUpError::Address { address, source } => refused(StartError::Address { address, source }),
        SetUpError::Random(_) => Failure::failed(message),
    }
}

/// Where git, and people's pages, are.
fn git_url(arguments: &ServeArgs) -> String {
    let url = arguments.git_url.clone().unwrap_or_else(|| git_url_of(&arguments.api_url));
    url.trim_end_matches('/').to_owned()
}

/// Git runs in other folders than this program.
fn authorities(arguments: &ServeArgs) -> Result<Option<PathBuf>, Failure> {
    let absolute = arguments.ca_bundle.as_deref().map(std::path::absolute).transpose();
    absolute.map_err(|error| Failure::usage(format!("--ca-bundle: {error}")))
}

async fn serve<S: Store + Clone + 'static>(
    arguments: &ServeArgs,
    app: App,
    secrets: WebhookSecrets,
    store: S,
) -> Result<ExitCode, Failure> {
    for (repository, error) in store::unreadable(&store).await.map_err(|error| Failure::failed(error.to_string()))? {
        tracing::error!(%repository, %error, "a repository's plan cannot be read; all others are worked");
    }
    let options = AppOptions {
        git_url: git_url(arguments),
        mirrors: arguments.state.join("mirrors"),
        configuration: Configuration::Repository(Box::new(Settings::server())),
        onboarding: arguments.onboarding,
        program: Program::default().authorities(authorities(arguments)?),
    };
    let connector = AppConnector::new(Arc::new(app), options, store.clone()).map_err(Failure::failed)?;
    introduce(&connector).await?;
    let address = SocketAddr::new(arguments.bind, arguments.port);
    let server =
        Server::start(Options { address, secrets, clock: clock(), is_followed: false }, connector, store).await;
    let server = server.map_err(refused)?;
    tracing::info!("listening on http://{}", server.address());
    wait_for_stop().await?;
    tracing::info!("stopping; turns under way are finished");
    tokio::spawn(async {
        if wait_for_stop().await.is_ok() {
            // What was saved is kept; what was cut off is taken up at the next start, or by another replica.
            std::process::exit(130);
        }
    });
    server.shutdown().await;
    Ok(ExitCode::SUCCESS)
}

/// The system's clock.
pub(super) fn clock() -> Clock {
    Arc::new(|| Timestamp(jiff::Timestamp::now().as_millisecond()))
}

async fn open_sqlite(arguments: &ServeArgs) -> Result<SqliteStore, Failure> {
    let path = arguments.database.clone().unwrap_or_else(|| arguments.state.join("orchestrator.sqlite"));
    let opened = SqliteStore::open(&sqlite::Options { path, durability: Durability::PowerLoss }).await;
    opened.map_err(|error| {
        let message = error.to_string();
        match error {
            OpenError::Lock(LockError::Held { .. }) => {
                Failure::failed(message).with_hint("stop that one, or give this one another --state or --database")
            }
            OpenError::Lock(LockError::File { .. }) | OpenError::File { .. } => {
                Failure::usage(message).with_hint("give a folder this user may write to with --state or --database")
            }
            OpenError::Database { .. } => Failure::failed(message)
                .with_hint("give another --database: the plan is rebuilt from what GitHub shows"),
        }
    })
}

/// One process at a time in a state folder: replicas share a database, never the mirrors of one folder.
fn lock_state(state: &Path, name: &str) -> Result<Lock, Failure> {
    let failed = |message: String| Failure::usage(message).with_hint("give a folder of its own with --state");
    let made = std::fs::create_dir_all(state);
    made.map_err(|error| failed(format!("{} cannot be made: {error}", state.display())))?;
    Lock::take(&state.join(name)).map_err(|error| failed(error.to_string()))
}

async fn open_postgres(url: String, lease: Duration) -> Result<PostgresStore, Failure> {
    let options = postgres::Options { lease, ..postgres::Options::new(url) };
    PostgresStore::open(&options).await.map_err(|error| {
        let message = error.to_string();
        match error {
            postgres::OpenError::Address { .. } => {
                Failure::usage(message).with_hint("give --database-url postgres://USER:PASSWORD@HOST:PORT/NAME")
            }
            postgres::OpenError::Database { .. } => Failure::failed(message)
                .with_hint("check that it runs, and that the user of --database-url may create tables there"),
        }
    })
}

/// Asks GitHub who we are. Wrong credentials end the start; a GitHub out of reach does not: webhooks can be kept
/// meanwhile.
async fn introduce<S: Store + Clone + 'static>(connector: &AppConnector<S>) -> Result<(), Failure> {
    match connector.bot().await {
        Ok(bot) => tracing::info!(%bot, "GitHub knows the App"),
        Err(
            error @ (Error::Unauthorized { .. }
            | Error::Missing { .. }
            | Error::Denied { .. }
            | Error::Invalid { .. }
            | Error::Conflict { .. }),
        ) => {
            return Err(Failure::usage(error.to_string()).with_hint(
                "check that --app-id and the private key belong to one App, that --api-url is its GitHub, and this \
                 machine's clock",
            ));
        }
        Err(
            error @ (Error::RateLimited { .. }
            | Error::OverBudget { .. }
            | Error::Unreachable { .. }
            | Error::Unexpected { .. }),
        ) => {
            tracing::warn!(%error, "GitHub does not answer yet; it is asked again");
        }
    }
    Ok(())
}

fn refused(error: StartError) -> Failure {
    let message = error.to_string();
    match error {
        StartError::Address { source, .. } if source.kind() == std::io::ErrorKind::AddrInUse => {
            Failure::failed(message).with_hint("stop what listens there, or give another --port")
        }
        StartError::Address { .. } => Failure::failed(message).with_hint("give another --port or --bind"),
        StartError::Store(_) => Failure::failed(message),
    }
}

async fn wait_for_stop() -> Result<(), Failure> {
    let failed = |error: std::io::Error| Failure::failed(format!("signals cannot be waited for: {error}"));
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    Ok(())
}
