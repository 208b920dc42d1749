//! Stays with the agent: tells when it is silent, restarts it once when it makes no progress, ends it when its time is
//! up.

use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::engine::brief::Limits;
use crate::engine::report::SILENT;
use crate::worker::Error;
use crate::worker::agents::{Agent, Assignment};
use crate::worker::process::{self, Bounds, End, Listener, Stall, Stream};
use crate::worker::tree::Tree;

/// Restarts within one attempt.
const RESTARTS_MAX: u32 = 1;
/// The shortest time without progress that counts as a stall.
const STALL_LEAST: Duration = Duration::from_millis(50);

/// How the agent ended for good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Watched {
    pub(crate) end: End,
    pub(crate) restarts: u32,
}

/// Launches the agent and stays until it has ended. The deadline is that of the attempt, for all its runs together; the
/// work tree is kept between them. Neither agent can be spoken to while it runs, so silence of `nudge_after` is not
/// answered but told, by `say`, before it counts as a stall.
pub(crate) async fn watch(
    agent: &mut dyn Agent,
    assignment: &Assignment<'_>,
    tree: &Tree,
    deadline: Instant,
    stop: &CancellationToken,
    say: &(dyn Fn(&str) + Sync),
) -> Result<Watched, Error> {
    let limits = assignment.brief.limits;
    let after = limits.stall_after.0.max(STALL_LEAST);
    let told_after = limits.nudge_after.0.max(STALL_LEAST);
    let stall = (!limits.stall_after.0.is_zero()).then_some(Stall { tree, told_after, after });
    let mut restarts = 0;
    loop {
        let launch = agent.launch(assignment, restarts > 0)?;
        let last = restarts >= RESTARTS_MAX;
        let mut listener = Nudging { agent: agent.listener(), limits, last, say };
        let end = process::run(&launch, Bounds { deadline, stall, stop }, &mut listener).await;
        if end != End::Stalled || last {
            return Ok(Watched { end, restarts });
        }
        restarts += 1;
        tracing::warn!(after = %limits.stall_after, "the agent made no progress and is started again");
    }
}

/// The agent's listener, and who is told of silence.
struct Nudging<'a> {
    agent: &'a mut (dyn Listener + Send),
    limits: Limits,
    /// Whether this is the last start: a stall ends the agent.
    last: bool,
    say: &'a (dyn Fn(&str) + Sync),
}

impl Listener for Nudging<'_> {
    fn line(&mut self, stream: Stream, line: &str) -> bool {
        self.agent.line(stream, line)
    }

    fn quiet(&mut self) {
        let Limits { nudge_after, stall_after, .. } = self.limits;
        let then = if self.last { "ended" } else { "restarted" };
        (self.say)(&format!("{SILENT} for {nudge_after}; it is {then} at {stall_after}"));
    }
}
