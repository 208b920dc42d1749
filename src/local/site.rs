//! The whole product on one machine: forge, runner and server, with real HTTP and real webhooks between them.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use tokio::sync::{mpsc, watch};

use crate::engine::config::{ApprovalPolicy, Settings};
use crate::engine::id::{IssueNumber, Login, Owner, RepositoryName, RunId};
use crate::engine::plan::Plan;
use crate::engine::report::SILENT;
use crate::engine::time::Timestamp;
use crate::forge::http::{Clock, Forge, ForgeOptions, StartError, WebhookTarget};
use crate::forge::runner::workflow::Workflow;
use crate::forge::runner::{self, Runner};
use crate::forge::world::request::{Request, RunnerAct, SeedAct};
use crate::forge::world::setup::ApiLimits;
use crate::github::auth::{App, AppCredentials, Installations};
use crate::github::client::Transport;
use crate::github::webhook::WebhookSecrets;
use crate::local::connect::{Local, seed};
use crate::local::issues::GivenIssues;
use crate::local::jobs::{TASK_WORKFLOW, runner_options};
use crate::local::options::Mistake;
use crate::local::state;
use crate::local::take_over::take_over;
use crate::server::{self, ProgressByRepository, Server};
use crate::store::sqlite::{self, Durability, OpenError, SqliteStore};
use crate::store::{self, lock::LockError};

/// Most such lines that wait to be shown.
const QUIET_WAITING_MAX: usize = 64;
/// The least numbers that are kept for the file's issues.
const NUMBERS_KEPT_FREE: u64 = 1_000;

/// What a site is made of.
pub struct SiteOptions {
    /// The state folder.
    pub state: PathBuf,
    /// The checkout that is cloned at the first start.
    pub source: PathBuf,
    /// `owner/name` on the forge.
    pub repository: RepositoryName,
    /// The issues; those of the first start, and afterwards what is taken over where it has changed.
    pub issues: GivenIssues,
    /// Settings in force.
    pub settings: Settings,
    /// A command that checks pull requests.
    pub check: Option<String>,
    /// Port of the pages; 0: any.
    pub port: u16,
    /// The program that jobs run as `task-orchestrator`; nothing: the one that is running.
    pub program: Option<PathBuf>,
}

/// A site at work.
pub struct Site {
    /// The forge.
    pub forge: Forge,
    runner: Runner,
    server: Server,
    store: SqliteStore,
    repository: RepositoryName,
    /// Runs whose agent has fallen silent, each with the worker's words about it.
    pub quiet: mpsc::Receiver<(RunId, String)>,
    /// What was taken over from the issues file, in words.
    pub taken_over: Vec<String>,
}

/// Gives the moment.
pub fn now() -> Timestamp {
    Clock::system().now()
}

impl Site {
    /// Starts everything, or goes on where the state folder was left.
    pub async fn start(options: SiteOptions) -> anyhow::Result<Self> {
        state::make_private(&options.state)?;
        let database =
            sqlite::Options { path: options.state.join("orchestrator.sqlite"), durability: Durability::ProcessEnd };
        // Taken first: a second process on the same state folder ends here and has touched nothing.
        let store = SqliteStore::open(&database).await.map_err(unopened)?;
        if let Some((_, error)) = store::unreadable(&store).await?.pop() {
            return Err(error.into());
        }
        state::bind(&options.state, &options.source)?;
        let runner_state = options.state.join("runner");
        if runner_state.is_dir() {
            let state = runner_state.clone();
            tokio::task::spawn_blocking(move || runner::sweep(&state)).await??;
        }
        let workflow = Workflow::parse(TASK_WORKFLOW).context("the bundled task workflow")?;
        let forge = Forge::start(forge_options(&options, &workflow)).await.map_err(not_started)?;
        // Runs alive when the forge was killed come back cancelled.
        forge.apply(Request::Runner(RunnerAct::Restarted)).await?;
        number_apart(&forge, &options.issues).await?;
        // Before anybody listens: the first look at everything finds it.
        let relabel = (options.settings.approval == ApprovalPolicy::Label).then_some(options.settings.label.as_str());
        let taken_over = take_over(&forge, &options.issues, &options.state, &owner(), relabel).await?;
        let connector = connector(&options, &forge, store.clone()).await?;
        let secret = seed().map_err(anyhow::Error::msg)?;
        let secrets = WebhookSecrets::new(secret.clone().into(), None)?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let clock: crate::github::client::Clock = Arc::new(now);
        let server =
            Server::start(server::Options { address, secrets, clock, is_followed: true }, connector, store.clone())
                .await?;
        let url = format!("http://{}/webhook", server.address());
        forge.send_webhooks_to(Some(WebhookTarget { url, secret: secret.into(), repeats: true }));
        let (sender, quiet) = mpsc::channel(QUIET_WAITING_MAX);
        let workflows = BTreeMap::from([(options.settings.workflow.clone(), workflow)]);
        let most = options.settings.max_parallel as usize;
        let mut runner = runner_options(&forge, workflows, &runner_state, options.check.as_deref(), most)?;
        if let Some(program) = &options.program {
            runner.guard = vec![program.clone().into(), runner::guard::COMMAND.into()];
            runner.program.clone_from(program);
        }
        runner.live = Some(runner::LiveLines { words: SILENT, sender });
        let runner = Runner::start(runner, forge.handle()).await?;
        Ok(Self { forge, runner, server, store, repository: options.repository, quiet, taken_over })
    }

    /// To watch the plan by.
    pub fn progress(&self) -> watch::Receiver<ProgressByRepository> {
        self.server.progress()
    }

    /// The plan after the newest turn.
    pub fn plan(&self, progress: &ProgressByRepository) -> Option<Arc<Plan>> {
        progress.get(&self.repository).map(|progress| Arc::clone(&progress.plan))
    }

    /// Has the plan looked at everything at once, before its next heartbeat.
    pub fn look(&self) {
        self.server.look(&self.repository);
    }

    /// The page of the tracking issue.
    pub fn tracking_url(&self, number: IssueNumber) -> String {
        self.forge.issue_url(number)
    }

    /// Stops everything: turns under way are finished, jobs under way are ended and taken up again at the next start.
    pub async fn stop(self) {
        self.forge.send_webhooks_to(None);
        self.runner.stop().await;
        self.server.shutdown().await;
        self.forge.shutdown().await;
        self.store.close().await;
    }
}

/// Lets the forge's own numbers begin far above those of the file, so that issues which GitHub opens later find theirs
/// free. Only while nothing of the forge's own has a number yet.
async fn number_apart(forge: &Forge, given: &GivenIssues) -> anyhow::Result<()> {
    let owner = owner();
    let is_apart = forge.handle().look(|world| world.issues().any(|entry| !entry.issue.author.login.same(&owner)));
    if is_apart {
        return Ok(());
    }
    let highest = given.open.iter().chain(&given.closed).map(|issue| issue.number.0).max().unwrap_or_default();
    forge.apply(Request::Seed(SeedAct::Issued { number: last_before_own(highest) })).await?;
    Ok(())
}

/// The power of ten after which the forge's own numbers begin: at least 1,000, at least ten times the highest number.
fn last_before_own(highest: u64) -> u64 {
    let least = highest.saturating_mul(10).max(NUMBERS_KEPT_FREE);
    std::iter::successors(Some(NUMBERS_KEPT_FREE), |power| power.checked_mul(10))
        .find(|power| *power >= least)
        .unwrap_or(highest)
}

/// The forge's owner, whose acts are those of the person at the machine.
pub(super) fn owner() -> Login {
    Login::new("owner")
}

fn forge_options(options: &SiteOptions, workflow: &Workflow) -> ForgeOptions {
    ForgeOptions {
        state: options.state.join("forge"),
        source: options.source.clone(),
        repository: options.repository.clone(),
        owner: owner(),
        issues: options.issues.open.clone(),
        webhook: None,
        port: options.port,
        limits: ApiLimits::None,
        added: BTreeMap::new(),
        workflows: BTreeMap::from([(options.settings.workflow.clone(), workflow.facts())]),
        clock: Clock::system(),
    }
}

/// The server as a GitHub App of the forge.
async fn connector(options: &SiteOptions, forge: &Forge, store: SqliteStore) -> anyhow::Result<Local> {
    let clock: crate::github::client::Clock = Arc::new(now);
    let transport = Arc::new(Transport::new(forge.base_url(), clock)?);
    let credentials = AppCredentials { app_id: forge.app_id().to_string(), key: forge.private_key_pem() };
    let app = Arc::new(App::new(transport, &credentials)?);
    let bot = app.identity().await?.bot;
    Ok(Local {
        installations: Arc::new(Installations::new(app)),
        repository: options.repository.clone(),
        bot,
        owner: Owner::new(format!("local-{}", seed().map_err(anyhow::Error::msg)?)),
        git_url: forge.git_url(),
        mirror: options.state.join("mirror.git"),
        store,
        settings: options.settings.clone(),
    })
}

/// Why the database was not opened; a folder that cannot serve is a mistake of the person's.
fn unopened(error: OpenError) -> anyhow::Error {
    match &error {
        OpenError::Lock(LockError::Held { .. }) => {
            Mistake::new(format!("{error}; wait for its end or end it, or give another folder with --state DIR")).into()
        }
        OpenError::Lock(LockError::File { .. }) | OpenError::File { .. } => {
            Mistake::new(format!("{error}; give another folder with --state DIR")).into()
        }
        OpenError::Database { .. } => error.into(),
    }
}

/// Why the forge did not start; a port or folder that somebody else has is a mistake of the person's.
pub(super) fn not_started(error: StartError) -> anyhow::Error {
    match &error {
        StartError::Port { .. } | StartError::InUse { .. } => Mistake::new(error.to_string()).into(),
        StartError::State { .. } | StartError::Option { .. } | StartError::Git(_) | StartError::Store(_) => {
            error.into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_numbers_begin_at_a_power_of_ten_far_above_the_files() {
        for (highest, last) in [
            (0, 1_000),
            (40, 1_000),
            (100, 1_000),
            (101, 10_000),
            (999, 10_000),
            (5_000, 100_000),
            (u64::MAX, u64::MAX),
        ] {
            assert_eq!(last_before_own(highest), last, "{highest}");
        }
    }
}
