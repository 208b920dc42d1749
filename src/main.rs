//! The program: reads flags, starts logging, calls one function.
use clap::Parser;
use std::process::ExitCode;
#[derive(Parser)]
enum Cli {
    #[command(subcommand)]
    Worker(task_orchestrator::worker::WorkerCommand),
    #[command(name = "forge-job")]
    Guard {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        program: Vec<std::ffi::OsString>,
    },
}
fn main() -> ExitCode {
    match Cli::parse() {
        Cli::Guard { program } => task_orchestrator::forge::runner::guard::run(program),
        Cli::Worker(command) => {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("rt");
            match runtime.block_on(task_orchestrator::worker::run(command)) {
                Ok(()) => ExitCode::SUCCESS,
                Err(e) => {
                    eprintln!("{e}");
                    ExitCode::from(1)
                }
            }
        }
    }
}
