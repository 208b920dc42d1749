//! A store in memory, for tests and simulations: rows are kept as the same text as on disk, and nothing outlives the
//! process.

use std::collections::BTreeMap;
use std::future::{Future, ready};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::engine::id::{Owner, RepositoryName};
use crate::engine::plan::{Change, Plan};
use crate::engine::time::Timestamp;
use crate::store::deliveries::{Deliveries, folded};
use crate::store::lease::{Lease, Leases};
use crate::store::rows::{self, Row, Write};
use crate::store::{Delivery, Error, Store, Version};

/// A handle; clones share one store.
#[derive(Clone, Debug, Default)]
pub struct MemoryStore {
    content: Arc<Mutex<Content>>,
}

#[derive(Debug, Default)]
struct Content {
    leases: Leases,
    /// By folded name.
    plans: BTreeMap<String, Stored>,
    deliveries: Deliveries,
}

#[derive(Debug)]
struct Stored {
    repository: RepositoryName,
    version: Version,
    schema: u32,
    /// Bodies by kind and id.
    rows: BTreeMap<(String, String), String>,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// Every delivery kept, in the order they came, and whether it was worked.
    pub fn deliveries(&self) -> Vec<(Delivery, bool)> {
        self.content().deliveries.all()
    }

    /// Forgets everything, as a lost disk does; but for the leases, so that who works a repository goes on to find it
    /// lost.
    pub fn lose(&self) {
        let mut content = self.content();
        content.plans.clear();
        content.deliveries = Deliveries::default();
    }

    fn content(&self) -> MutexGuard<'_, Content> {
        self.content.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts any text in a row's place, as a broken disk would.
    #[cfg(test)]
    pub(super) fn spoil(&self, repository: &RepositoryName, kind: &str, id: &str, body: &str) {
        if let Some(stored) = self.content().plans.get_mut(&folded(repository)) {
            stored.rows.insert((kind.to_owned(), id.to_owned()), body.to_owned());
        }
    }

    /// Lets all leases run out.
    #[cfg(test)]
    pub(super) fn expire(&self) {
        self.content().leases.expire();
    }
}

impl Content {
    fn load(&self, repository: &RepositoryName) -> Result<Option<(Plan, Version)>, Error> {
        let Some(stored) = self.plans.get(&folded(repository)) else { return Ok(None) };
        let rows = stored.rows.iter();
        let rows = rows.map(|((kind, id), body)| Row { kind: kind.clone(), id: id.clone(), body: body.clone() });
        Ok(Some((rows::plan(repository, stored.schema, rows.collect())?, stored.version)))
    }

    fn save(
        &mut self,
        repository: &RepositoryName,
        lease: Lease,
        expected: Version,
        changes: &[Change],
    ) -> Result<Version, Error> {
        self.leases.stands(&folded(repository), lease.epoch)?;
        let writes = rows::writes(changes, expected == 0)?;
        let found = self.plans.get(&folded(repository)).map_or(0, |stored| stored.version);
        if found != expected {
            return Err(Error::Conflict);
        }
        let stored = self.plans.entry(folded(repository)).or_insert_with(|| Stored {
            repository: repository.clone(),
            version: 0,
            schema: 0,
            rows: BTreeMap::new(),
        });
        stored.version += 1;
        stored.schema = rows::schema(changes).unwrap_or(stored.schema);
        for write in writes {
            match write {
                Write::Put(row) => {
                    stored.rows.insert((row.kind, row.id), row.body);
                }
                Write::Delete { kind, id } => {
                    stored.rows.remove(&(kind.to_owned(), id));
                }
            }
        }
        Ok(stored.version)
    }

    /// Everything here happens under one lock: the epoch alone tells who may have a delivery.
    fn claim(&self, repository: &RepositoryName, lease: Lease, limit: u32) -> Result<Vec<Delivery>, Error> {
        self.leases.stands(&folded(repository), lease.epoch)?;
        Ok(self.deliveries.unworked(repository, limit))
    }
}

impl Store for MemoryStore {
    fn acquire(
        &self,
        repository: &RepositoryName,
        owner: &Owner,
        now: Timestamp,
    ) -> impl Future<Output = Result<Lease, Error>> + Send {
        ready(self.content().leases.acquire(folded(repository), owner, now))
    }

    fn renew(
        &self,
        repository: &RepositoryName,
        lease: Lease,
        now: Timestamp,
    ) -> impl Future<Output = Result<Lease, Error>> + Send {
        ready(self.content().leases.renew(&folded(repository), lease.epoch, now))
    }

    fn release(&self, repository: &RepositoryName, lease: Lease) -> impl Future<Output = Result<(), Error>> + Send {
        self.content().leases.release(&folded(repository), lease.epoch);
        ready(Ok(()))
    }

    fn stands(&self, repository: &RepositoryName, lease: Lease) -> impl Future<Output = Result<(), Error>> + Send {
        ready(self.content().leases.stands(&folded(repository), lease.epoch))
    }

    fn load(&self, repository: &RepositoryName) -> impl Future<Output = Result<Option<(Plan, Version)>, Error>> + Send {
        ready(self.content().load(repository))
    }

    fn save(
        &self,
        repository: &RepositoryName,
        lease: Lease,
        expected: Version,
        changes: &[Change],
    ) -> impl Future<Output = Result<Version, Error>> + Send {
        ready(self.content().save(repository, lease, expected, changes))
    }

    fn keep(&self, deliveries: &[Delivery]) -> impl Future<Output = Result<Vec<bool>, Error>> + Send {
        ready(Ok(self.content().deliveries.keep(deliveries)))
    }

    fn claim(
        &self,
        repository: &RepositoryName,
        lease: Lease,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<Delivery>, Error>> + Send {
        ready(self.content().claim(repository, lease, limit))
    }

    fn unworked(
        &self,
        repository: &RepositoryName,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<Delivery>, Error>> + Send {
        ready(Ok(self.content().deliveries.unworked(repository, limit)))
    }

    fn waiting(&self) -> impl Future<Output = Result<Vec<RepositoryName>, Error>> + Send {
        ready(Ok(self.content().deliveries.waiting()))
    }

    fn worked(&self, guids: &[String]) -> impl Future<Output = Result<(), Error>> + Send {
        self.content().deliveries.worked(guids);
        ready(Ok(()))
    }

    fn repositories(&self) -> impl Future<Output = Result<Vec<RepositoryName>, Error>> + Send {
        ready(Ok(self.content().plans.values().map(|stored| stored.repository.clone()).collect()))
    }

    fn forget(&self, before: Timestamp) -> impl Future<Output = Result<u64, Error>> + Send {
        ready(Ok(self.content().deliveries.forget(before)))
    }

    fn is_shared(&self) -> bool {
        false
    }
}
