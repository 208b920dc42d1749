//! The database of a story: rows in memory, all of a save or none of it.

use std::collections::BTreeMap;
use std::future::pending;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::engine::effect::EffectKey;
use crate::engine::id::{Owner, RepositoryName, TaskId};
use crate::engine::plan::{Change, Plan};
use crate::engine::time::Timestamp;
use crate::simulate::desk::{Desk, at_once};
use crate::simulate::planted::Planted;
use crate::store::memory::MemoryStore;
use crate::store::{Delivery, Error, Lease, Store, Version};

/// The rows.
#[derive(Debug)]
pub(super) struct Rows {
    desk: Arc<Desk>,
    kept: Mutex<Kept>,
    /// Where rows pass through their text form.
    text: Option<MemoryStore>,
    leases: MemoryStore,
}

/// What names a row.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Row {
    Header,
    Layout,
    Numbers,
    Task(TaskId),
    Entry(EffectKey),
}

/// What was saved.
#[derive(Debug)]
struct Kept {
    /// The plan before anything was saved.
    idle: Plan,
    /// The plan as it was last loaded, or before anything was saved.
    plan: Plan,
    /// What was saved since, by row: put into the plan when it is loaded, which most stories seldom do.
    since: BTreeMap<Row, Change>,
    /// How often was saved.
    version: Version,
}

impl Rows {
    pub(super) fn new(desk: Arc<Desk>, idle: Plan, through_text: bool) -> Self {
        let kept = Kept { plan: idle.clone(), idle, since: BTreeMap::new(), version: 0 };
        let leases = MemoryStore::new();
        Self { desk, kept: Mutex::new(kept), text: through_text.then(|| leases.clone()), leases }
    }

    /// Everything is gone.
    pub(super) fn lose(&self) {
        self.kept().lose();
        if let Some(text) = &self.text {
            text.lose();
        }
    }

    /// Whether the lease stands: another process may have had it meanwhile, and be done.
    async fn holds(&self, repository: &RepositoryName, lease: Lease) -> Result<(), Error> {
        let (lost, now, planted) = {
            let mut inner = self.desk.locked();
            (inner.loses_lease(), inner.now, inner.planted)
        };
        if lost {
            self.leases.release(repository, lease).await?;
            let other = self.leases.acquire(repository, &Owner::new("another"), now).await?;
            self.leases.release(repository, other).await?;
        }
        let stands = self.leases.stands(repository, lease).await;
        if planted == Some(Planted::LeaseNotAsked) { Ok(()) } else { stands }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    /// Everything is gone.
    fn lose(&mut self) {
        (self.plan, self.version) = (self.idle.clone(), 0);
        self.since.clear();
    }

    fn save(&mut self, changes: &[Change]) {
        for change in changes {
            let row = match change {
                Change::Header(_) => Row::Header,
                Change::Layout(_) => Row::Layout,
                Change::Numbers(_) => Row::Numbers,
                Change::Task(task) => Row::Task(task.id),
                Change::TaskGone(id) => Row::Task(*id),
                Change::Entry(entry) => Row::Entry(entry.key.clone()),
                Change::EntryGone(key) => Row::Entry(key.clone()),
            };
            self.since.insert(row, change.clone());
        }
    }

    /// The plan and its version; nothing before the first save.
    fn load(&mut self) -> Option<(Plan, Version)> {
        self.plan.apply(std::mem::take(&mut self.since).into_values().collect());
        (self.version > 0).then(|| (self.plan.clone(), self.version))
    }
}

impl Store for Rows {
    async fn acquire(&self, repository: &RepositoryName, owner: &Owner, now: Timestamp) -> Result<Lease, Error> {
        self.leases.acquire(repository, owner, now).await
    }

    async fn renew(&self, repository: &RepositoryName, lease: Lease, now: Timestamp) -> Result<Lease, Error> {
        self.leases.renew(repository, lease, now).await
    }

    async fn release(&self, repository: &RepositoryName, lease: Lease) -> Result<(), Error> {
        self.leases.release(repository, lease).await
    }

    async fn stands(&self, repository: &RepositoryName, lease: Lease) -> Result<(), Error> {
        self.holds(repository, lease).await
    }

    async fn load(&self, repository: &RepositoryName) -> Result<Option<(Plan, Version)>, Error> {
        match &self.text {
            Some(text) => text.load(repository).await,
            None => Ok(self.kept().load()),
        }
    }

    async fn save(
        &self,
        repository: &RepositoryName,
        lease: Lease,
        expected: Version,
        changes: &[Change],
    ) -> Result<Version, Error> {
        self.holds(repository, lease).await?;
        let version = self.kept().version;
        if version != expected {
            return Err(Error::Conflict);
        }
        let mut refused = None;
        let saved = self.desk.saves(changes, || {
            match &self.text {
                Some(text) => refused = at_once(text.save(repository, lease, expected, changes)).and_then(Result::err),
                None => self.kept().save(changes),
            }
            self.kept().version += i64::from(refused.is_none());
            refused.is_none()
        });
        match (saved, refused) {
            (None, _) => pending().await,
            (Some(_), Some(error)) => Err(error),
            (Some(true), None) => Ok(version + 1),
            (Some(false), None) => Err(Error::Database("the disk is full".to_owned())),
        }
    }

    async fn keep(&self, deliveries: &[Delivery]) -> Result<Vec<bool>, Error> {
        Ok(vec![true; deliveries.len()])
    }

    async fn claim(&self, repository: &RepositoryName, lease: Lease, limit: u32) -> Result<Vec<Delivery>, Error> {
        self.leases.claim(repository, lease, limit).await
    }

    async fn unworked(&self, _: &RepositoryName, _: u32) -> Result<Vec<Delivery>, Error> {
        Ok(Vec::new())
    }

    async fn waiting(&self) -> Result<Vec<RepositoryName>, Error> {
        Ok(Vec::new())
    }

    async fn worked(&self, _: &[String]) -> Result<(), Error> {
        Ok(())
    }

    async fn repositories(&self) -> Result<Vec<RepositoryName>, Error> {
        Ok(Vec::new())
    }

    async fn forget(&self, _: Timestamp) -> Result<u64, Error> {
        Ok(0)
    }

    fn is_shared(&self) -> bool {
        false
    }
}
