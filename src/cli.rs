//! The command line: flags, logging, exit codes. Each command is a function elsewhere.
//!
//! Exit codes: 0 done, 1 failure, 2 usage or configuration; `local` and `demo` have more.

mod doctor;
pub mod failure;
mod footprint;
mod handle;
mod init;
pub mod logging;
pub mod output;
mod plan;
mod serve;
mod simulate;
mod wake;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::demo::{self, DemoArgs};
use crate::forge::runner::guard;
use crate::local::{self, ForgeArgs, LocalArgs};
use crate::worker::{self, WorkerCommand};

use failure::Failure;
use logging::LogFormat;

/// Plans labelled GitHub issues, runs one agent per task without file collisions, heals what stalls and merges what is
/// green.
#[derive(Debug, Parser)]
#[command(
    name = "task-orchestrator",
    version,
    max_term_width = 100,
    after_help = "\
Examples:
  task-orchestrator demo
  gh issue list --limit 1000 --json number,title,body,labels > issues.json
  task-orchestrator plan --repo . --issues issues.json
  task-orchestrator serve --help"
)]
struct Cli {
    /// How the log on standard error is written; ORCHESTRATOR_LOG says how much of it (as in `debug` or
    /// `info,sqlx=debug`)
    #[arg(long, global = true, value_name = "FORMAT", default_value = "text")]
    log_format: LogFormat,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show the whole life of a plan on a bundled sample project; no account, no key, no network
    Demo(DemoArgs),
    /// Run the issues of a checkout to merged pull requests on this machine
    Local(Box<LocalArgs>),
    /// Run the embedded GitHub alone, for a server or any other client that is started elsewhere
    Forge(Box<ForgeArgs>),
    /// Show the plan for issues without doing anything
    Plan(plan::PlanArgs),
    /// Predict which files issues will touch: explained for one, or measured on many
    #[command(subcommand)]
    Footprint(footprint::FootprintCommand),
    /// Serve repositories as a GitHub App
    Serve(Box<serve::ServeArgs>),
    /// Work a repository's plan once, inside a workflow run, with no server
    Handle(Box<handle::HandleArgs>),
    /// Have the workflow that runs `handle` run: the last job of each task's workflow does
    Wake(wake::WakeArgs),
    /// Write the workflow files, an issue form and a configuration into a checkout
    Init(init::InitArgs),
    /// Look at a set-up, say what is wrong with it and how to mend it; nothing is changed
    Doctor(Box<doctor::DoctorArgs>),
    /// Tell many stories of the real loop in a simulated world, in search of one that breaks a rule
    Simulate(simulate::SimulateArgs),
    /// The steps of the task workflow, run by the workflow itself
    #[command(subcommand)]
    Worker(WorkerCommand),
    /// Guards one step of the embedded forge's runner
    #[command(name = guard::COMMAND, hide = true)]
    ForgeJob {
        /// The program and its arguments.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
        program: Vec<OsString>,
    },
}

/// Runs the program with the process's arguments.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return output::usage(&error),
    };
    if let Command::ForgeJob { program } = cli.command {
        // It stands between a pipe and a process: no log, no runtime, nothing that could fail before.
        return guard::run(program);
    }
    // What `local` and `demo` have to say they say themselves; of the log only what went wrong belongs beside it.
    let quiet = matches!(cli.command, Command::Demo(_) | Command::Doctor(_) | Command::Local(_) | Command::Simulate(_));
    match logging::start(cli.log_format, quiet).and_then(|()| run(cli.command)) {
        Ok(code) => code,
        Err(failure) => failure.report(),
    }
}

fn run(command: Command) -> Result<ExitCode, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::failed(format!("the program cannot start its threads: {error}")))?;
    let ended = runtime.block_on(dispatch(command));
    // Nobody waits for a thread that still reads a terminal.
    runtime.shutdown_background();
    ended
}

async fn dispatch(command: Command) -> Result<ExitCode, Failure> {
    match command {
        Command::Demo(arguments) => demo::run(&arguments).await.map(ExitCode::from).map_err(local_failure),
        Command::Local(arguments) => match local::run(&arguments).await {
            Ok(outcome) => Ok(ExitCode::from(outcome.ended.code())),
            Err(error) => Err(local_failure(error)),
        },
        Command::Forge(arguments) => match local::run_forge(&arguments).await {
            Ok(()) => Ok(ExitCode::SUCCESS),
            Err(error) => Err(local_failure(error)),
        },
        Command::Plan(arguments) => plan::run(&arguments).await,
        Command::Footprint(command) => footprint::run(&command).await,
        Command::Serve(arguments) => serve::run(*arguments).await,
        Command::Handle(arguments) => handle::run(*arguments).await,
        Command::Wake(arguments) => wake::run(arguments).await,
        Command::Init(arguments) => init::run(&arguments),
        Command::Doctor(arguments) => doctor::run(*arguments).await,
        Command::Simulate(arguments) => simulate::run(&arguments),
        Command::Worker(command) => match worker::run(command).await {
            Ok(()) => Ok(ExitCode::SUCCESS),
            Err(error @ worker::Error::Input(_)) => Err(Failure::usage(error.to_string())),
            Err(error) => Err(Failure::failed(error.to_string())),
        },
        Command::ForgeJob { program } => Ok(guard::run(program)),
    }
}

/// Why `local`, or the demo by it, did not begin or go on; a mistake of the person's is told as one.
fn local_failure(error: anyhow::Error) -> Failure {
    match error.downcast::<local::Mistake>() {
        Ok(mistake) => Failure::usage(mistake.message),
        Err(error) => Failure::from(error),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_flags_fit_together() {
        super::Cli::command().debug_assert();
    }
}
