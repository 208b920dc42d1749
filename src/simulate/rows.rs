//! The database of a story: rows in memory, all of a save or none of it.

use std::future::pending;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::engine::id::{Owner, RepositoryName};
use crate::engine::plan::{Change, Plan};
use crate::engine::time::Timestamp;
use crate::simulate::desk::Desk;
use crate::store::memory::MemoryStore;
use crate::store::{Delivery, Error, Lease, Store, Version};

/// The rows.
#[derive(Debug)]
pub(super) struct Rows {
    desk: Arc<Desk>,
    /// The plan before anything was saved.
    idle: Plan,
    kept: Mutex<Option<(Plan, Version)>>,
    /// Where rows pass through their text form.
    text: Option<MemoryStore>,
    leases: MemoryStore,
}

impl Rows {
    pub(super) fn new(desk: Arc<Desk>, idle: Plan, through_text: bool) -> Self {
        let leases = MemoryStore::new();
        let text = through_text.then(|| leases.clone());
        Self { desk, idle, kept: Mutex::new(None), text, leases }
    }

    fn kept(&self) -> MutexGuard<'_, Option<(Plan, Version)>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, changes: &[Change]) {
        let mut kept = self.kept();
        let (plan, version) = kept.get_or_insert_with(|| (self.idle.clone(), 0));
        plan.apply(changes.to_vec());
        *version += 1;
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
        self.leases.stands(repository, lease).await
    }

    async fn load(&self, repository: &RepositoryName) -> Result<Option<(Plan, Version)>, Error> {
        match &self.text {
            Some(text) => text.load(repository).await,
            None => Ok(self.kept().clone()),
        }
    }

    async fn save(
        &self,
        repository: &RepositoryName,
        lease: Lease,
        expected: Version,
        changes: &[Change],
    ) -> Result<Version, Error> {
        self.leases.stands(repository, lease).await?;
        let version = match &self.text {
            Some(text) => text.load(repository).await?.map_or(0, |(_, version)| version),
            None => self.kept().as_ref().map_or(0, |(_, version)| *version),
        };
        if version != expected {
            return Err(Error::Conflict);
        }
        let mut refused = None;
        let saved = self.desk.saves(changes, || match &self.text {
            Some(text) => {
                refused = crate::simulate::desk::at_once(text.save(repository, lease, expected, changes))
                    .and_then(Result::err);
                refused.is_none()
            }
            None => {
                self.put(changes);
                true
            }
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
