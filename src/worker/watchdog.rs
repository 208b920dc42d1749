//! Stays with the agent: restarts it once when it makes no progress, ends it when its time is up.

use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::engine::time::Span;
use crate::worker::Error;
use crate::worker::agents::{Agent, Assignment};
use crate::worker::process::{self, Bounds, End};
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
/// work tree is kept between them. Neither agent can be spoken to while it runs, so a missing sign of life is only
/// noted before it counts as a stall.
pub(crate) async fn watch(
    agent: &mut dyn Agent,
    assignment: &Assignment<'_>,
    tree: &Tree,
    stall_after: Span,
    deadline: Instant,
    stop: &CancellationToken,
) -> Result<Watched, Error> {
    let stall = (!stall_after.0.is_zero()).then(|| (tree, stall_after.0.max(STALL_LEAST)));
    let mut restarts = 0;
    loop {
        let launch = agent.launch(assignment, restarts > 0)?;
        let end = process::run(&launch, Bounds { deadline, stall, stop }, agent.listener()).await;
        if end != End::Stalled || restarts >= RESTARTS_MAX {
            return Ok(Watched { end, restarts });
        }
        restarts += 1;
        tracing::warn!(after = %stall_after, "the agent made no progress and is started again");
    }
}
