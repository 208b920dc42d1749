//! One run's work: turns until nothing is due within the time it may still wait.

use std::future::Future;
use std::time::Duration;

use crate::engine::event::Event;
use crate::engine::plan::{Plan, PlanStatus};
use crate::engine::task::Move;
use crate::engine::time::Timestamp;
use crate::git::Git;
use crate::github::GitHub;
use crate::store::{self, Store};
use crate::turn::{Deployment, load, turn};

/// Most turns of one run: whoever has more to do leaves it to the next.
pub const TURNS_MAX: u32 = 20;

/// What a run's work came to.
#[derive(Clone, Debug)]
pub struct Session {
    /// The plan as the run leaves it.
    pub plan: Plan,
    /// How the plan stood before.
    pub before: PlanStatus,
    /// Turns taken.
    pub turns: u32,
    /// Moves that tasks made.
    pub moves: Vec<Move>,
    /// When something is due next.
    pub wake_at: Option<Timestamp>,
    /// Whether there was more to do than one run does.
    pub more: bool,
}

/// The time, and how it is waited for.
pub trait Time: Sync {
    /// The moment.
    fn now(&self) -> Timestamp;

    /// Waits.
    fn wait(&self, length: Duration) -> impl Future<Output = ()> + Send;
}

/// Takes turns, beginning with these events, until nothing is due before `stay` has passed since the beginning. Work
/// that was lost to another process is left to it: [`store::Error::Leased`], [`store::Error::Fenced`].
///
/// # Errors
/// The store's: what was begun is taken up by the next run.
pub async fn work<G: GitHub, M: Git, S: Store>(
    deployment: &Deployment<G, M, S>,
    events: Vec<Event>,
    stay: Duration,
    time: &impl Time,
) -> Result<Session, store::Error> {
    let leaves_at = time.now() + stay;
    let mut held = load(deployment, time.now()).await?;
    let before = held.plan.header.status;
    let (mut events, mut moves) = (events, Vec::new());
    for turns in 1.. {
        let now = time.now();
        if held.lease.renewal_wait(now).is_zero() {
            held.lease = deployment.store.renew(&deployment.repository, held.lease, now).await?;
        }
        let turned = turn(deployment, &mut held, events, now).await?;
        moves.extend(turned.moves);
        let (wake_at, more) = (turned.wake_at, turned.more);
        let due = if more { Some(time.now()) } else { wake_at.filter(|at| *at <= leaves_at) };
        let Some(at) = due.filter(|_| turns < TURNS_MAX) else {
            let more = more || due.is_some();
            return Ok(Session { plan: held.plan, before, turns, moves, wake_at, more });
        };
        time.wait(at.since(time.now())).await;
        events = if more { Vec::new() } else { vec![Event::Tick] };
    }
    Err(store::Error::Conflict)
}
