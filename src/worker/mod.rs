//! The worker: our program inside the runner. Four commands, one per step of the workflow `task.yml`:
//!
//! - `claim` creates the attempt's record, so that one run at most does its work;
//! - `fetch` brings the commits into a folder, the only step of the agent's job that sees a token;
//! - `agent` launches the agent in a work tree, watches it, validates and leaves a patch and a report;
//! - `publish`, on a fresh runner, trusts neither, judges the patch and pushes work and result at once.
//!
//! It talks to the repository by git alone. A run that GitHub started again does nothing.

pub mod agent;
pub(crate) mod agents;
pub(crate) mod apply;
pub mod claim;
pub mod fetch;
pub mod job;
pub(crate) mod process;
pub(crate) mod prompt;
pub mod publish;
pub mod redact;
pub(crate) mod remote;
pub(crate) mod tree;
pub(crate) mod validate;
pub mod variables;
pub(crate) mod watchdog;
pub(crate) mod work;

#[cfg(test)]
mod tests;

use clap::Subcommand;

use crate::git;
use crate::worker::job::Job;

/// What the workflow's steps call. Each reads the variables that GitHub's runner sets.
#[derive(Clone, Debug, Subcommand)]
pub enum WorkerCommand {
    /// Create the attempt's record; the first run to do so has won.
    Claim(claim::ClaimOptions),
    /// Bring the commits of the attempt into a folder.
    Fetch(fetch::FetchOptions),
    /// Launch the agent and leave its patch and report.
    Agent(agent::AgentOptions),
    /// Judge the patch and push work and result.
    Publish(publish::PublishOptions),
}

/// Why a step failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// What the step was given is wrong: a flag, a variable, the brief.
    #[error("{0}")]
    Input(String),
    /// Git or the remote failed.
    #[error(transparent)]
    Git(#[from] git::Error),
    /// A file or a process of this machine failed.
    #[error("{what}: {source}")]
    Machine {
        /// What was tried.
        what: String,
        /// Why it failed.
        source: std::io::Error,
    },
}

impl Error {
    pub(crate) fn machine(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let what = what.into();
        move |source| Self::Machine { what, source }
    }
}

/// Runs one step with the process's own environment.
pub async fn run(command: WorkerCommand) -> Result<(), Error> {
    job::close_to_others();
    let job = |common: &job::Common| Job::from_environment(common);
    match command {
        WorkerCommand::Claim(options) => claim::run(&job(&options.common)?, &options).await.map(drop),
        WorkerCommand::Fetch(options) => fetch::run(&job(&options.common)?, &options).await,
        WorkerCommand::Agent(options) => agent::run(&job(&options.common)?, &options).await.map(drop),
        WorkerCommand::Publish(options) => publish::run(&job(&options.common)?, &options).await.map(drop),
    }
}
