//! Set-up and validation: the brief's command lines, run in the work tree without key or token.

use std::ffi::OsString;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::engine::report::{TAIL_CHARACTERS_MAX, Validation, tail};
use crate::engine::time::Span;
use crate::worker::process::{self, Bounds, End, Launch, Tail};
use crate::worker::tree::Tree;

/// Runs command lines one after the other, all within `timeout`, until one fails; the last one told is the one that
/// did.
pub(crate) async fn run_all(
    commands: &[String],
    tree: &Tree,
    environment: &[(String, OsString)],
    timeout: Span,
    stop: &CancellationToken,
) -> Vec<Validation> {
    let deadline = Instant::now() + timeout.0;
    let mut ran = Vec::new();
    for command in commands {
        let launch = Launch {
            program: "sh".into(),
            arguments: vec!["-c".into(), command.into()],
            environment: environment.to_vec(),
            directory: tree.path().to_owned(),
            input: Vec::new(),
        };
        let mut output = Tail::default();
        let end = process::run(&launch, Bounds { deadline, stall: None, stop }, &mut output).await;
        let (exit, note) = match end {
            End::Exited(exit) => (exit, String::new()),
            End::TimedOut => (None, format!("ended: not done within {timeout}\n")),
            End::Stopped => (None, "ended: the job was cancelled\n".to_owned()),
            End::Stalled | End::Missing => (None, "could not be run\n".to_owned()),
            End::NotStarted(problem) => (None, format!("could not be started: {problem}\n")),
        };
        let text = format!("{}{note}", output.text());
        ran.push(Validation { command: command.clone(), exit, tail: tail(&text, TAIL_CHARACTERS_MAX) });
        if exit != Some(0) {
            break;
        }
    }
    ran
}

/// The command that failed, if one did.
pub(crate) fn failure(ran: &[Validation]) -> Option<&Validation> {
    ran.last().filter(|last| last.exit != Some(0))
}

/// A failed command in a sentence, with the end of its output.
pub(crate) fn told(failed: &Validation) -> String {
    let exit = failed.exit.map_or_else(|| "was ended".to_owned(), |code| format!("exited with {code}"));
    format!("`{}` {exit}:\n{}", failed.command, failed.tail)
}
