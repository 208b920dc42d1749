//! Set-up and validation: the brief's command lines, run in the work tree without key or token.

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::engine::report::{TAIL_CHARACTERS_MAX, Validation, tail};
use crate::worker::process::{self, Bounds, End, Launch, Tail};
use crate::worker::tree::Tree;
use crate::worker::variables::Variables;

/// What came of a row of commands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ran {
    /// Each that was begun; where one failed, it is the last.
    pub(crate) commands: Vec<Validation>,
    /// Whether the last one was ended, or not even begun, because the attempt's time was up.
    pub(crate) timed_out: bool,
}

/// Runs command lines one after the other until one fails or the attempt's time is up.
pub(crate) async fn run_all(
    commands: &[String],
    tree: &Tree,
    environment: &Variables,
    deadline: Instant,
    stop: &CancellationToken,
) -> Ran {
    let mut ran = Ran::default();
    for command in commands {
        let launch = Launch {
            program: "sh".into(),
            arguments: vec!["-c".into(), command.into()],
            environment: environment.clone(),
            directory: tree.path().to_owned(),
            input: Vec::new(),
        };
        let mut output = Tail::default();
        let end = process::run(&launch, Bounds { deadline, stall: None, stop }, &mut output).await;
        ran.timed_out = end == End::TimedOut;
        let (exit, note) = match end {
            End::Exited(exit) => (exit, String::new()),
            End::TimedOut => (None, "ended: the attempt's time was up\n".to_owned()),
            End::Stopped => (None, "ended: the job was cancelled\n".to_owned()),
            End::Stalled | End::Missing => (None, "could not be run\n".to_owned()),
            End::NotStarted(problem) => (None, format!("could not be started: {problem}\n")),
        };
        let text = format!("{}{note}", output.text());
        ran.commands.push(Validation { command: command.clone(), exit, tail: tail(&text, TAIL_CHARACTERS_MAX) });
        if exit != Some(0) {
            break;
        }
    }
    ran
}

/// The command that failed, if one did.
pub(crate) fn failure(ran: &Ran) -> Option<&Validation> {
    ran.commands.last().filter(|last| last.exit != Some(0))
}

/// A failed command in a sentence, with the end of its output.
pub(crate) fn told(failed: &Validation) -> String {
    let exit = failed.exit.map_or_else(|| "was ended".to_owned(), |code| format!("exited with {code}"));
    format!("`{}` {exit}:\n{}", failed.command, failed.tail)
}
