//! The loops of all repositories, and what they share.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::engine::id::RepositoryName;
use crate::engine::plan::Plan;
use crate::engine::time::Timestamp;
use crate::github::client::Clock;
use crate::server::connector::Connector;
use crate::server::health::Health;
use crate::server::work::Work;
use crate::turn::Turned;

/// A repository's plan after a turn.
#[derive(Clone, Debug)]
pub struct Progress {
    /// The plan as it was saved.
    pub plan: Arc<Plan>,
    /// The moment of the turn.
    pub at: Timestamp,
    /// What the turn came to.
    pub turned: Turned,
}

/// The newest [`Progress`] of every repository that had a turn.
pub type ProgressByRepository = BTreeMap<RepositoryName, Progress>;

/// The loops.
pub(super) struct Loops<C: Connector> {
    connector: C,
    store: C::Store,
    clock: Clock,
    /// What ends the sleep of each loop, by folded name.
    known: Mutex<BTreeMap<String, Arc<Notify>>>,
    /// Repositories to be looked at before their heartbeat, by folded name.
    looks: Mutex<BTreeSet<String>>,
    /// Counts changes of the installations.
    generation: AtomicU64,
    /// The newest change that concerned a repository, by folded name, of those that have a loop.
    changed: Mutex<BTreeMap<String, u64>>,
    installations_changed: Notify,
    health: Health,
    progress: watch::Sender<ProgressByRepository>,
    /// Whether anybody in this process watches plans: keeping a copy of each costs a walk over its tasks every turn.
    is_followed: bool,
    tasks: TaskTracker,
    /// No new turns.
    stop: CancellationToken,
    /// Drop what is under way.
    abandon: CancellationToken,
}

/// GitHub's names ignore case.
fn folded(repository: &RepositoryName) -> String {
    repository.as_str().to_ascii_lowercase()
}

impl<C: Connector> Loops<C> {
    /// No loop yet.
    pub(super) fn new(connector: C, store: C::Store, clock: Clock, is_followed: bool) -> Arc<Self> {
        Arc::new(Self {
            connector,
            store,
            clock,
            known: Mutex::default(),
            looks: Mutex::default(),
            generation: AtomicU64::new(0),
            changed: Mutex::default(),
            installations_changed: Notify::new(),
            health: Health::default(),
            progress: watch::Sender::new(BTreeMap::new()),
            is_followed,
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
            abandon: CancellationToken::new(),
        })
    }

    /// Something was heard of a repository: its loop wakes, or begins.
    pub(super) fn wake(self: &Arc<Self>, repository: &RepositoryName) {
        self.begin(repository).notify_one();
    }

    /// A repository is to be looked at now, as a heartbeat does.
    pub(super) fn look(self: &Arc<Self>, repository: &RepositoryName) {
        self.looks.lock().unwrap_or_else(PoisonError::into_inner).insert(folded(repository));
        self.wake(repository);
    }

    /// Whether a look was asked for since this was last asked.
    pub(super) fn takes_look(&self, repository: &RepositoryName) -> bool {
        self.looks.lock().unwrap_or_else(PoisonError::into_inner).remove(&folded(repository))
    }

    /// Begins a repository's loop where it has none. A loop begins with a look at everything.
    pub(super) fn begin(self: &Arc<Self>, repository: &RepositoryName) -> Arc<Notify> {
        let mut known = self.known();
        if let Some(wake) = known.get(&folded(repository)) {
            return Arc::clone(wake);
        }
        let wake = Arc::new(Notify::new());
        known.insert(folded(repository), Arc::clone(&wake));
        self.tasks.spawn(Work::new(Arc::clone(self), repository.clone(), Arc::clone(&wake)).run());
        wake
    }

    /// A loop ends; the next thing heard of its repository begins another. Refused where installations have changed
    /// since `generation`, on which the loop decided: who looked for repositories meanwhile took it for a living one.
    pub(super) fn forget(&self, repository: &RepositoryName, generation: u64) -> bool {
        let mut known = self.known();
        if self.generation() != generation {
            return false;
        }
        known.remove(&folded(repository));
        self.changed.lock().unwrap_or_else(PoisonError::into_inner).remove(&folded(repository));
        true
    }

    /// The App was installed or taken off somewhere: repositories are looked for, and the loops of those that are named
    /// connect anew at once.
    pub(super) fn installations_changed(&self, named: &[RepositoryName]) {
        let known = self.known();
        let generation = self.generation.fetch_add(1, Ordering::Relaxed) + 1;
        let mut changed = self.changed.lock().unwrap_or_else(PoisonError::into_inner);
        for name in named.iter().map(folded) {
            if let Some(wake) = known.get(&name) {
                wake.notify_one();
                changed.insert(name, generation);
            }
        }
        self.installations_changed.notify_one();
    }

    /// Whether the App's installation on a repository has changed since a generation.
    pub(super) fn has_changed(&self, repository: &RepositoryName, since: u64) -> bool {
        let changed = self.changed.lock().unwrap_or_else(PoisonError::into_inner);
        changed.get(&folded(repository)).is_some_and(|generation| *generation > since)
    }

    /// Ends when installations have changed.
    pub(super) async fn installations_change(&self) {
        self.installations_changed.notified().await;
    }

    /// Tells whoever watches how a repository's plan stands.
    pub(super) fn tell(&self, repository: &RepositoryName, progress: impl FnOnce() -> Progress) {
        if !self.is_followed {
            return;
        }
        let progress = progress();
        self.progress.send_modify(|all| {
            all.insert(repository.clone(), progress);
        });
    }

    /// To watch plans by.
    pub(super) fn progress(&self) -> watch::Receiver<ProgressByRepository> {
        self.progress.subscribe()
    }

    /// The moment.
    pub(super) fn now(&self) -> Timestamp {
        (self.clock)()
    }

    /// Counts changes of the installations.
    pub(super) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Relaxed)
    }

    pub(super) fn connector(&self) -> &C {
        &self.connector
    }

    pub(super) fn store(&self) -> &C::Store {
        &self.store
    }

    pub(super) fn health(&self) -> &Health {
        &self.health
    }

    /// What runs beside the loops and ends with them.
    pub(super) fn tasks(&self) -> &TaskTracker {
        &self.tasks
    }

    /// Begins no new turn.
    pub(super) fn stop(&self) {
        self.stop.cancel();
        self.tasks.close();
    }

    /// Drops what is still under way.
    pub(super) fn abandon(&self) {
        self.abandon.cancel();
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.stop.is_cancelled()
    }

    /// Ends when the server stops.
    pub(super) fn stopped(&self) -> impl Future<Output = ()> + Send + 'static {
        self.stop.clone().cancelled_owned()
    }

    /// Ends when what is under way is dropped.
    pub(super) async fn abandoned(&self) {
        self.abandon.cancelled().await;
    }

    /// Waits so long, or until the server stops: then `true`.
    pub(super) async fn stopped_within(&self, length: Duration) -> bool {
        tokio::time::timeout(length, self.stop.cancelled()).await.is_ok()
    }

    fn known(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Notify>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
