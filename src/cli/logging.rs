//! The log: to standard error, as text or as one JSON object per line.

use clap::ValueEnum;
use tracing_subscriber::EnvFilter;

use crate::cli::failure::Failure;
use crate::cli::output;

/// Says how much is logged.
const VARIABLE: &str = "ORCHESTRATOR_LOG";
/// Without it. octocrab logs an error for each 5xx that is handled here.
const DEFAULT: &str = "info,octocrab=warn,sqlx=warn,hyper=warn";
/// Without it, for commands that speak for themselves.
const QUIET: &str = "error";

/// How the log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// Begins logging; `quiet`: only errors, unless the variable says otherwise.
pub(super) fn start(format: LogFormat, quiet: bool) -> Result<(), Failure> {
    let filter = match std::env::var(VARIABLE) {
        Ok(text) if !text.trim().is_empty() => EnvFilter::try_new(&text).map_err(|error| {
            Failure::usage(format!("{VARIABLE}={text} cannot be read: {error}"))
                .with_hint(format!("write it as `debug` or `{DEFAULT}`"))
        })?,
        Ok(_) | Err(_) => EnvFilter::new(if quiet { QUIET } else { DEFAULT }),
    };
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = match format {
        LogFormat::Text => builder.with_ansi(output::coloured()).with_target(false).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    started.map_err(|error| Failure::failed(format!("the log cannot be started: {error}")))
}
