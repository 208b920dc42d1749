//! The program: reads flags, starts logging, calls one function.
use clap::Parser;
use std::process::ExitCode;
#[derive(Parser)]
enum Cli {
    #[command(subcommand)]
    Worker(task_orchestrator::worker::WorkerCommand),
    Local(task_orchestrator::local::LocalArgs),
    Demo(task_orchestrator::demo::DemoArgs),
    #[command(name = "forge-job")]
    Guard {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        program: Vec<std::ffi::OsString>,
    },
}
fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_env_filter(std::env::var("ORCHESTRATOR_LOG").unwrap_or("warn".into()))
        .init();
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
        Cli::Demo(args) => {
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("rt");
            match runtime.block_on(task_orchestrator::demo::run(&args)) {
                Ok(e) => ExitCode::from(e),
                Err(e) => {
                    eprintln!("{e:#}");
                    ExitCode::from(1)
                }
            }
        }
        Cli::Local(args) => {
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("rt");
            match runtime.block_on(task_orchestrator::local::run(&args)) {
                Ok(e) => ExitCode::from(e.ended.code()),
                Err(e) => {
                    eprintln!("{e:#}");
                    ExitCode::from(1)
                }
            }
        }
    }
}
