//! The loop that every event travels: step, save, perform, feed back, until nothing is left to do.
//!
//! Changes are saved before anything they intend is sent. Nothing here sleeps, spawns or reads a clock: the moment is
//! an argument, and what must wait is data with a time. What is held in memory between turns is only a copy: a save
//! at a version that has passed reloads it and steps again. All of it stands under the repository's lease: once that is
//! lost nothing is saved and nothing is sent.

use crate::engine::event::Event;
use crate::engine::id::Owner;
use crate::engine::plan::Plan;
use crate::engine::step::{Step, step};
use crate::engine::task::Move;
use crate::engine::time::Timestamp;
use crate::git::Git;
use crate::github::GitHub;
use crate::perform;
pub use crate::perform::{Configuration, Deployment};
use crate::store::{self, Lease, Store, Version};

/// Most rounds of one turn. A turn that has more to do says so and is taken up again.
const ROUNDS_MAX: u32 = 200;
/// Most reloads of one round when others save at the same time.
const RELOADS_MAX: u32 = 10;

/// A plan in memory at the version it was saved.
#[derive(Clone, Debug)]
pub struct Held {
    /// The plan.
    pub plan: Plan,
    /// Its version; 0: not saved yet.
    pub version: Version,
    /// Under which it is worked.
    pub lease: Lease,
}

/// What a turn came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turned {
    /// When something is due though nobody says anything.
    pub wake_at: Option<Timestamp>,
    /// Whether the turn stopped at its bound and has more to do.
    pub more: bool,
    /// Rounds taken.
    pub rounds: u32,
    /// Moves that tasks made.
    pub moves: Vec<Move>,
}

/// Takes the repository's lease and loads the plan, or begins one that is rebuilt from GitHub first. Refused while
/// another owner holds the lease; where the plan cannot be loaded, the lease is given back.
pub async fn load<G, M, S: Store>(deployment: &Deployment<G, M, S>, now: Timestamp) -> Result<Held, store::Error> {
    let lease = deployment.store.acquire(&deployment.repository, &deployment.owner, now).await?;
    let loaded = load_under(deployment, lease, now).await;
    if loaded.is_err()
        && let Err(error) = deployment.store.release(&deployment.repository, lease).await
    {
        tracing::warn!(repository = %deployment.repository, %error, "a lease was not given back; it runs out");
    }
    loaded
}

/// Loads the plan under a lease that is held.
async fn load_under<G, M, S: Store>(
    deployment: &Deployment<G, M, S>,
    lease: Lease,
    now: Timestamp,
) -> Result<Held, store::Error> {
    Ok(match deployment.store.load(&deployment.repository).await? {
        Some((plan, version)) => Held { plan, version, lease },
        None => {
            let settings = deployment.configuration.settings().clone();
            let plan = Plan::unknown(
                deployment.repository.clone(),
                deployment.bot.clone(),
                deployment.seed.clone(),
                settings,
                now,
            );
            Held { plan, version: 0, lease }
        }
    })
}

/// Takes events through the loop until nothing is left to do. `held` is brought up to date; on an error it must be
/// loaded anew.
pub async fn turn<G: GitHub, M: Git, S: Store>(
    deployment: &Deployment<G, M, S>,
    held: &mut Held,
    events: Vec<Event>,
    now: Timestamp,
) -> Result<Turned, store::Error> {
    turn_by(&step, deployment, held, events, now).await
}

/// The same loop around another deciding function: how a simulation shows that it would see a defect.
pub async fn turn_by<D, G, M, S>(
    decide: &D,
    deployment: &Deployment<G, M, S>,
    held: &mut Held,
    events: Vec<Event>,
    now: Timestamp,
) -> Result<Turned, store::Error>
where
    D: Fn(&Plan, &[Event], Timestamp, &Owner) -> Step + Sync,
    G: GitHub,
    M: Git,
    S: Store,
{
    let mut events = events;
    // Entries of an earlier loop, and of an earlier turn that was cut off, may have been sent: they are looked for
    // first.
    events.insert(0, Event::Resumed);
    let mut wake_at = None;
    let mut moves = Vec::new();
    for rounds in 1..=ROUNDS_MAX {
        let stepped = step_and_save(decide, deployment, held, &events, now).await?;
        wake_at = stepped.wake_at;
        stepped.moves.iter().for_each(log_move);
        moves.extend(&stepped.moves);
        events = perform::perform(deployment, held.lease, &held.plan, &stepped, now).await?;
        if events.is_empty() {
            return Ok(Turned { wake_at, more: false, rounds, moves });
        }
    }
    Ok(Turned { wake_at, more: true, rounds: ROUNDS_MAX, moves })
}

/// A move the table does not have is a defect of ours: the task stayed as it was, and the log says so.
fn log_move(made: &Move) {
    let (task, from, trigger) = (made.task, made.from, made.trigger);
    match made.to {
        Some(to) => tracing::info!(%task, %from, %trigger, %to, "a task moved"),
        None => tracing::error!(%task, %from, %trigger, "a move that the table does not have was refused"),
    }
}

/// Steps and saves. When somebody else saved meanwhile, the plan is loaded and stepped anew with the same events:
/// they are facts, and a fact recorded twice changes nothing.
async fn step_and_save<D, G, M, S>(
    decide: &D,
    deployment: &Deployment<G, M, S>,
    held: &mut Held,
    events: &[Event],
    now: Timestamp,
) -> Result<Step, store::Error>
where
    D: Fn(&Plan, &[Event], Timestamp, &Owner) -> Step,
    S: Store,
{
    for _ in 0..RELOADS_MAX {
        let mut stepped = decide(&held.plan, events, now, &deployment.owner);
        if stepped.changes.is_empty() {
            return Ok(stepped);
        }
        let changes = std::mem::take(&mut stepped.changes);
        match deployment.store.save(&deployment.repository, held.lease, held.version, &changes).await {
            Ok(version) => {
                held.plan.apply(changes);
                held.version = version;
                return Ok(stepped);
            }
            Err(store::Error::Conflict) => *held = load_under(deployment, held.lease, now).await?,
            Err(error) => return Err(error),
        }
    }
    Err(store::Error::Conflict)
}
