//! One loop per repository: it takes what was heard since the last turn as one turn, and a heartbeat when nothing was.
//!
//! Promises: turns of one repository never overlap, in this process or, by the repository's lease, in another; a
//! delivery counts as worked only after the turn that took it; whatever fails or breaks down is tried again, after a
//! wait that doubles up to a minute, and touches no other repository; who failed does not keep the lease.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio_util::task::AbortOnDropHandle;

use crate::engine::event::Event;
use crate::engine::id::RepositoryName;
use crate::engine::plan::{Header, PlanStatus};
use crate::engine::time::Timestamp;
use crate::server::connector::{ConnectError, Connector};
use crate::server::credentials::CredentialWatch;
use crate::server::delivery;
use crate::server::health::failure_id;
use crate::server::loops::{Loops, Progress};
use crate::server::onboarding::{End, Look, Looked, UnderLease};
use crate::server::renewal::Renewal;
use crate::store::{self, Delivery, Lease, Store};
use crate::turn::{self, Deployment, Held, Turned};

/// Most deliveries that one turn takes.
const DELIVERIES_MAX: u32 = 1_000;
/// First wait after a failure; doubles each time.
const RETRY_WAIT: Duration = Duration::from_secs(1);
/// Longest wait after a failure.
const RETRY_WAIT_MAX: Duration = Duration::from_secs(60);
/// Shortest sleep while another replica holds the lease.
const LEASED_SLEEP_MIN: Duration = Duration::from_millis(50);
/// How long a loop sleeps at most, whatever it is told: a clock that was set back must not keep it asleep.
const SLEEP_MAX: Duration = Duration::from_secs(3_600);

/// The wait after so many failures in a row.
pub(super) fn retry_wait(failures: u32) -> Duration {
    let doublings = failures.saturating_sub(1).min(16);
    RETRY_WAIT.saturating_mul(1 << doublings).min(RETRY_WAIT_MAX)
}

/// One repository's loop.
pub(super) struct Work<C: Connector> {
    loops: Arc<Loops<C>>,
    repository: RepositoryName,
    wake: Arc<Notify>,
    /// Failures in a row; they outlive a breakdown.
    failures: AtomicU32,
    /// The lease to be given back; it outlives a breakdown too.
    lease: Mutex<Option<Lease>>,
}

/// What a loop knows from one turn to the next. All of it can be made anew.
struct Memory<C: Connector> {
    deployment: Option<Connected<C>>,
    held: Option<Held>,
    ticked_at: Option<Timestamp>,
    wake_at: Option<Timestamp>,
    onboarding: Looked,
}

/// What a repository is worked with.
type ConnectedDeployment<C> =
    Deployment<CredentialWatch<<C as Connector>::GitHub>, <C as Connector>::Git, <C as Connector>::Store>;

/// A deployment and when it was made, counted in changes of the installations.
struct Connected<C: Connector> {
    deployment: ConnectedDeployment<C>,
    generation: u64,
}

/// What follows a round.
enum Next {
    /// There is more to do.
    Again,
    /// Nothing, for so long.
    Sleep(Duration),
}

/// Why a round did not come to its end.
enum Trouble {
    /// The App is not on the repository any more, as asked in this generation of the installations.
    Gone(u64),
    /// Something failed.
    Failed(String),
}

/// Why a round did nothing, or was given up.
enum Halt {
    /// Another replica holds the repository's lease until then.
    Leased(Timestamp),
    /// The lease was lost.
    Fenced,
    /// Something else.
    Trouble(Trouble),
}

impl<C: Connector> Work<C> {
    /// A loop that has not begun; `wake` ends its sleep.
    pub(super) fn new(loops: Arc<Loops<C>>, repository: RepositoryName, wake: Arc<Notify>) -> Arc<Self> {
        let (failures, lease) = (AtomicU32::new(0), Mutex::new(None));
        Arc::new(Self { loops, repository, wake, failures, lease })
    }

    /// Runs until the server stops or the repository is gone. A breakdown is logged and the loop begun again.
    pub(super) async fn run(self: Arc<Self>) {
        loop {
            let life = AbortOnDropHandle::new(tokio::spawn(Arc::clone(&self).live()));
            let ended = tokio::select! {
                ended = life => ended,
                () = self.loops.abandoned() => return,
            };
            let Err(breakdown) = ended else { return };
            if self.wait_after(&format!("a turn broke down: {breakdown}")).await {
                return;
            }
        }
    }

    async fn live(self: Arc<Self>) {
        let mut memory =
            Memory { deployment: None, held: None, ticked_at: None, wake_at: None, onboarding: Looked::default() };
        self.work(&mut memory).await;
        self.give_back().await;
    }

    async fn work(&self, memory: &mut Memory<C>) {
        while !self.loops.is_stopping() {
            match self.round(memory).await {
                Ok(next) => {
                    self.failures.store(0, Ordering::Relaxed);
                    self.loops.health().recovers(self.repository.as_str());
                    if let Next::Sleep(length) = next {
                        self.sleep(length).await;
                    }
                }
                Err(Trouble::Gone(generation)) => match self.leave(generation).await {
                    Ok(true) => return,
                    Ok(false) => {}
                    Err(error) => {
                        memory.held = None;
                        if self.wait_after(&error.to_string()).await {
                            return;
                        }
                    }
                },
                Err(Trouble::Failed(reason)) => {
                    memory.held = None;
                    if self.wait_after(&reason).await {
                        return;
                    }
                }
            }
        }
    }

    /// Sleeps, unless something is heard or the server stops.
    async fn sleep(&self, length: Duration) {
        tokio::select! {
            () = self.wake.notified() => {}
            _ = self.loops.stopped_within(length) => {}
        }
    }

    /// Gives the lease back, so that another replica may fare better, and waits for as long as this failure asks for;
    /// whether the server stops.
    async fn wait_after(&self, reason: &str) -> bool {
        let wait = self.note_failure(reason);
        self.give_back().await;
        self.loops.stopped_within(wait).await
    }

    fn note_failure(&self, reason: &str) -> Duration {
        let failures = self.failures.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        let (failure, wait) = (failure_id(), retry_wait(failures));
        tracing::error!(repository = %self.repository, failure, failures, ?wait, "{reason}; it is tried again");
        self.loops.health().fails(self.repository.as_str(), failure);
        wait
    }

    /// The App was taken off the repository: what was heard of it is worked, and the loop ends, unless the App may be
    /// there again.
    async fn leave(&self, generation: u64) -> Result<bool, store::Error> {
        let store = self.loops.store();
        let heard = store.unworked(&self.repository, DELIVERIES_MAX).await?;
        store.worked(&guids(&heard)).await?;
        if !self.loops.forget(&self.repository, generation) {
            return Ok(false);
        }
        tracing::info!(repository = %self.repository, "the App is not installed here; the repository is left alone");
        self.loops.health().recovers(self.repository.as_str());
        // What was kept since the look woke this loop, which sleeps no more; another one sees to it.
        if store.unworked(&self.repository, 1).await.is_ok_and(|heard| !heard.is_empty()) {
            self.loops.wake(&self.repository);
        }
        Ok(true)
    }

    /// Whoever waits for the lease need not wait for its end.
    async fn give_back(&self) {
        let lease = self.taken().take();
        let Some(lease) = lease else { return };
        if let Err(error) = self.loops.store().release(&self.repository, lease).await {
            tracing::warn!(repository = %self.repository, %error, "a lease was not given back; it runs out");
        }
    }

    fn taken(&self) -> MutexGuard<'_, Option<Lease>> {
        self.lease.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One look at what was heard and what is due, and where there is something, one turn, all of it under the lease.
    async fn round(&self, memory: &mut Memory<C>) -> Result<Next, Trouble> {
        match self.round_under_lease(memory).await {
            Err(Halt::Leased(until)) => {
                tracing::debug!(repository = %self.repository, %until, "another replica works the repository");
                Ok(Next::Sleep(until.since(self.loops.now()).clamp(LEASED_SLEEP_MIN, SLEEP_MAX)))
            }
            Err(Halt::Fenced) => {
                tracing::warn!(repository = %self.repository, "the lease was lost; what was under way is given up");
                memory.held = None;
                Ok(Next::Again)
            }
            Err(Halt::Trouble(trouble)) => Err(trouble),
            Ok(next) => Ok(next),
        }
    }

    async fn round_under_lease(&self, memory: &mut Memory<C>) -> Result<Next, Halt> {
        let connected = self.connected(&mut memory.deployment).await?;
        let now = self.loops.now();
        let held = match &mut memory.held {
            Some(held) => held,
            empty => {
                let held = turn::load(&connected.deployment, now).await?;
                *self.taken() = Some(held.lease);
                let epoch = held.lease.epoch;
                tracing::info!(repository = %self.repository, epoch, "the repository is worked here");
                // What another replica did meanwhile is seen by looking at everything.
                (memory.ticked_at, memory.wake_at) = (None, None);
                empty.insert(held)
            }
        };
        if held.lease.renewal_wait(now).is_zero() {
            held.lease = self.loops.store().renew(&self.repository, held.lease, now).await?;
        }
        let heard = self.loops.store().claim(&self.repository, held.lease, DELIVERIES_MAX).await?;
        let heartbeat = held.plan.header.settings.heartbeat.0;
        let asked = self.loops.takes_look(&self.repository);
        let tick = asked || memory.ticked_at.is_none_or(|at| now >= at + heartbeat || now < at);
        if heard.is_empty() && !tick && memory.wake_at.is_none_or(|at| now < at) {
            return Ok(Next::Sleep(self.until_due(memory, heartbeat)));
        }
        let events = delivery::events(&heard, tick);
        let ticked = events.contains(&Event::Tick);
        let status = held.plan.header.status;
        let turned = self.turn(&connected.deployment, held, events, now).await?;
        self.tell_end(status, &held.plan.header);
        self.loops.store().worked(&guids(&heard)).await?;
        let (deliveries, rounds) = (heard.len(), turned.rounds);
        tracing::debug!(repository = %self.repository, deliveries, rounds, "a turn ended");
        memory.ticked_at = if ticked { Some(now) } else { memory.ticked_at };
        memory.wake_at = turned.wake_at;
        let progress = || Progress { plan: Arc::new(held.plan.clone()), at: now, turned: turned.clone() };
        self.loops.tell(&self.repository, progress);
        if turned.more {
            tracing::warn!(repository = %self.repository, rounds = turned.rounds, "a turn has more to do; it goes on");
        }
        if ticked {
            self.onboard(connected, held, &mut memory.onboarding, now).await;
        }
        if turned.more || heard.len() >= usize::try_from(DELIVERIES_MAX).unwrap_or(usize::MAX) {
            return Ok(Next::Again);
        }
        let heartbeat = held.plan.header.settings.heartbeat.0;
        Ok(Next::Sleep(self.until_due(memory, heartbeat)))
    }

    /// Offers a repository its first files, where somebody asked for that. That it cannot be done holds nothing up.
    async fn onboard(&self, connected: &Connected<C>, held: &Held, looked: &mut Looked, now: Timestamp) {
        let has_tasks = !held.plan.tasks.is_empty();
        if !looked.is_due(has_tasks, now) {
            return;
        }
        let repository = &self.repository;
        let end = match self.loops.connector().offer(repository).await {
            Ok(None) => Ok(End::Over),
            Ok(Some(offer)) => {
                let check = UnderLease { store: self.loops.store(), repository, lease: held.lease };
                let (github, label) = (&connected.deployment.github, &held.plan.header.settings.label);
                let look = Look { github, check: &check, offer: &offer, has_tasks, label };
                look.take().await.map_err(|error| error.to_string())
            }
            Err(error) => Err(error.to_string()),
        };
        if let Err(error) = &end {
            tracing::warn!(%repository, error, "the first files could not be offered; it is tried again");
        }
        looked.note(end.ok(), has_tasks, now);
    }

    /// Says that a plan has ended, for whoever watches the log.
    fn tell_end(&self, before: PlanStatus, header: &Header) {
        if header.status == PlanStatus::Ended && before != PlanStatus::Ended {
            tracing::info!(repository = %self.repository, plan = header.number, "the plan has ended");
        }
    }

    /// One turn, however long it takes: its lease is renewed meanwhile, and it is given up once that is lost.
    async fn turn(
        &self,
        deployment: &ConnectedDeployment<C>,
        held: &mut Held,
        events: Vec<Event>,
        now: Timestamp,
    ) -> Result<Turned, Halt> {
        let renewal = Renewal {
            store: self.loops.store(),
            repository: &self.repository,
            clock: || self.loops.now(),
            wait: tokio::time::sleep,
        };
        let (turned, lease) = renewal.during(held.lease, turn::turn(deployment, held, events, now)).await?;
        held.lease = lease;
        Ok(turned)
    }

    /// What the repository is worked with; made anew where its installation has changed since, and where GitHub has
    /// refused its credentials.
    async fn connected<'m>(&self, known: &'m mut Option<Connected<C>>) -> Result<&'m Connected<C>, Trouble> {
        let generation = self.loops.generation();
        let is_over = |connected: &Connected<C>| {
            connected.deployment.github.is_refused() || self.loops.has_changed(&self.repository, connected.generation)
        };
        if known.as_ref().is_some_and(is_over) {
            *known = None;
        }
        Ok(match known {
            Some(connected) => connected,
            empty => {
                let deployment =
                    self.loops.connector().deployment(&self.repository).await.map_err(|error| match error {
                        ConnectError::NotInstalled => Trouble::Gone(generation),
                        ConnectError::Failed { message } => Trouble::Failed(message),
                    })?;
                empty.insert(Connected { deployment: CredentialWatch::deployment(deployment), generation })
            }
        })
    }

    /// How long until the next heartbeat, or until something is due before it, or the lease.
    fn until_due(&self, memory: &Memory<C>, heartbeat: Duration) -> Duration {
        let now = self.loops.now();
        let next_tick = memory.ticked_at.map_or(now, |at| at + heartbeat);
        let due = memory.wake_at.map_or(next_tick, |at| at.min(next_tick)).since(now);
        let renewal = memory.held.as_ref().map_or(SLEEP_MAX, |held| held.lease.renewal_wait(now));
        due.min(renewal).min(SLEEP_MAX)
    }
}

fn guids(deliveries: &[Delivery]) -> Vec<String> {
    deliveries.iter().map(|delivery| delivery.guid.clone()).collect()
}

impl From<Trouble> for Halt {
    fn from(trouble: Trouble) -> Self {
        Self::Trouble(trouble)
    }
}

impl From<store::Error> for Halt {
    fn from(error: store::Error) -> Self {
        match error {
            store::Error::Leased { until } => Self::Leased(until),
            store::Error::Fenced => Self::Fenced,
            store::Error::Conflict
            | store::Error::Newer { .. }
            | store::Error::Corrupt { .. }
            | store::Error::Database(_) => Self::Trouble(Trouble::Failed(error.to_string())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_minute() {
        let seconds: Vec<u64> = (0..9).map(|failures| retry_wait(failures).as_secs()).collect();
        assert_eq!(seconds, [1, 1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(retry_wait(u32::MAX), RETRY_WAIT_MAX);
    }
}
