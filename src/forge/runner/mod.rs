//! The local runner: takes queued runs of the bundled workflow from the world and runs their jobs as processes of this
//! machine, each in a folder and an environment of its own, as GitHub's runner does on a machine of its own.
//!
//! A run here means what it means on GitHub, or the workflow file is refused ([`workflow`]). No process outlives its
//! step or the forge ([`guard`], [`sweep()`]). What a job leaves behind is data: files are copied without following
//! links, outputs and logs are bounded.

mod artifact;
mod check;
mod command_file;
mod context;
mod ended;
pub mod expression;
mod folder;
pub mod guard;
mod interrupt;
mod job;
mod launch;
mod log;
mod processes;
mod run;
mod schedule;
mod step;
mod sweep;
#[cfg(test)]
mod tests;
pub mod workflow;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::future::Future;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use secrecy::SecretString;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::engine::id::Sha;
use crate::forge::runner::workflow::Workflow;
use crate::forge::world::World;
use crate::forge::world::access::Permissions;
use crate::forge::world::request::Request;
use crate::github;

pub use log::{LOG_BYTES_MAX, LiveLines};
pub use sweep::sweep;

/// The App that check runs of the check command belong to, as on GitHub.
pub const CHECK_APP: &str = "github-actions";

/// What the runner needs of the forge around it.
pub trait Host: Send + Sync + 'static {
    /// Tells the world what happened; returns once it is kept.
    ///
    /// # Errors
    /// The world refuses it (the run is over), or it could not be kept.
    fn apply(&self, request: Request) -> impl Future<Output = Result<(), github::Error>> + Send;

    /// Looks at the world.
    fn look<T>(&self, look: impl FnOnce(&World) -> T) -> T;

    /// A number that changes whenever the world has changed.
    fn changes(&self) -> watch::Receiver<u64>;

    /// Makes a token that may do exactly this.
    ///
    /// # Errors
    /// No token can be made; the job fails.
    fn job_token(&self, permissions: &Permissions) -> impl Future<Output = Result<SecretString, github::Error>> + Send;

    /// Ends a job's token.
    fn end_job_token(&self, token: &SecretString) -> impl Future<Output = ()> + Send;

    /// Fills an empty folder with the files of the head merged into the base branch.
    ///
    /// # Errors
    /// Git's words, where it fails.
    fn merged_tree(
        &self,
        base: &str,
        head: &Sha,
        folder: &Path,
    ) -> impl Future<Output = Result<MergedTree, String>> + Send;
}

/// Whether a head merges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MergedTree {
    /// The folder holds the merged files.
    Filled,
    /// It does not merge: no check runs, as on GitHub.
    Conflict,
}

/// A command that checks pull requests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// The check run's name.
    pub name: String,
    /// What `sh -c` runs in the merged files.
    pub command: String,
    /// How long it may take.
    pub timeout: Duration,
}

/// What a runner is started with.
#[derive(Clone, Debug)]
pub struct Options {
    /// The state folder; `jobs/`, `ended/`, `artifacts/` and `bin/` in it are the runner's. One runner at a time.
    pub state: PathBuf,
    /// The program that is `task-orchestrator` on the `PATH` of jobs.
    pub program: PathBuf,
    /// The command that runs [`guard::run`] with the arguments that follow it.
    pub guard: Vec<OsString>,
    /// Workflows by file name.
    pub workflows: BTreeMap<String, Workflow>,
    /// Most runs at once; and most checks.
    pub parallel: usize,
    /// `http://127.0.0.1:PORT`: `$GITHUB_SERVER_URL/OWNER/NAME.git` is the repository for git.
    pub server_url: String,
    /// The REST API's address.
    pub api_url: String,
    /// `secrets.` of jobs that have an `environment`.
    pub secrets: BTreeMap<String, SecretString>,
    /// `vars.`
    pub variables: BTreeMap<String, String>,
    /// Variables given to every step of jobs that have an `environment`, where the agent runs.
    pub agent_environment: BTreeMap<String, OsString>,
    /// Checks pull requests, where given.
    pub check: Option<Check>,
    /// Hears lines of jobs' logs while they run, where given.
    pub live: Option<LiveLines>,
    /// Between asking processes to end and killing them.
    pub grace: Duration,
}

impl Options {
    /// Options for this program itself: no secrets, no check, one run at a time.
    ///
    /// # Errors
    /// The path of the running program is not known.
    pub fn new(state: &Path, server_url: &str, api_url: &str) -> io::Result<Self> {
        let program = std::env::current_exe()?;
        Ok(Self {
            state: state.to_owned(),
            guard: vec![program.clone().into(), guard::COMMAND.into()],
            program,
            workflows: BTreeMap::new(),
            parallel: 1,
            server_url: server_url.to_owned(),
            api_url: api_url.to_owned(),
            secrets: BTreeMap::new(),
            variables: BTreeMap::new(),
            agent_environment: BTreeMap::new(),
            check: None,
            live: None,
            grace: Duration::from_secs(5),
        })
    }
}

/// What all runs share.
struct Shared<H> {
    options: Options,
    host: H,
    ended: Arc<ended::Ended>,
}

impl<H> Shared<H> {
    /// A job is over: its folder is put aside.
    async fn put_aside(self: Arc<Self>, folder: folder::JobFolder) -> io::Result<()>
    where
        H: Send + Sync + 'static,
    {
        let put = move || self.ended.put(&self.options.state, &folder.root);
        tokio::task::spawn_blocking(put).await.map_err(io::Error::other)?
    }
}

/// A runner at work. Dropping it ends it as [`Runner::stop`] does, without waiting.
#[derive(Debug)]
pub struct Runner {
    work: JoinHandle<()>,
    stop: DropGuard,
}

impl Runner {
    /// Ends what an earlier life has left running and begins to take work. What it has left on disk goes meanwhile.
    ///
    /// # Errors
    /// The state folder cannot be used.
    pub async fn start<H: Host>(mut options: Options, host: H) -> io::Result<Self> {
        let state = options.state.clone();
        let program = options.program.clone();
        options.state =
            tokio::task::spawn_blocking(move || prepare(&state, &program)).await.map_err(io::Error::other)??;
        let stop = CancellationToken::new();
        let ended = Arc::new(ended::Ended::left(&options.state)?);
        let removal = Arc::clone(&ended).remove_in_background()?;
        let shared = Arc::new(Shared { options, host, ended: Arc::clone(&ended) });
        let stopped = stop.clone();
        let work = tokio::spawn(async move {
            schedule::work(shared, stopped).await;
            ended.stop();
            // It ends at its next file.
            if tokio::task::spawn_blocking(move || removal.join()).await.is_err() {
                tracing::warn!("folders of ended jobs were not all removed; the next start goes on");
            }
        });
        Ok(Self { work, stop: stop.drop_guard() })
    }

    /// Takes no more work, kills what runs and waits until it is gone. Runs under way are not reported as ended: the
    /// next start tells the world of them
    /// ([`RunnerAct::Restarted`](crate::forge::world::request::RunnerAct::Restarted)), as after a kill.
    pub async fn stop(self) {
        drop(self.stop);
        if let Err(error) = self.work.await {
            tracing::error!(%error, "the runner broke down");
        }
    }
}

/// Cleans the state folder, links the program into it and gives the folder's real path.
fn prepare(state: &Path, program: &Path) -> io::Result<PathBuf> {
    std::fs::create_dir_all(state)?;
    let state = state.canonicalize()?;
    sweep::sweep(&state)?;
    std::fs::create_dir_all(sweep::jobs_folder(&state))?;
    let bin = state.join("bin");
    std::fs::create_dir_all(&bin)?;
    let link = bin.join(PROGRAM_NAME);
    if link.symlink_metadata().is_ok() {
        std::fs::remove_file(&link)?;
    }
    std::os::unix::fs::symlink(program.canonicalize()?, link)?;
    Ok(state)
}

/// The program's name on `PATH`.
const PROGRAM_NAME: &str = "task-orchestrator";
