//! The database of a story: rows in memory, all of a save or none of it.

use std::future::pending;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::engine::id::RepositoryName;
use crate::engine::plan::{Change, Plan};
use crate::engine::time::Timestamp;
use crate::simulate::desk::Desk;
use crate::store::memory::MemoryStore;
use crate::store::{Delivery, Error, Store, Version};

/// The rows.
#[derive(Debug)]
pub(super) struct Rows {
    desk: Arc<Desk>,
    /// The plan before anything was saved.
    idle: Plan,
    kept: Mutex<Option<(Plan, Version)>>,
    /// Where rows pass through their text form.
    text: Option<MemoryStore>,
}

impl Rows {
    pub(super) fn new(desk: Arc<Desk>, idle: Plan, through_text: bool) -> Self {
        Self { desk, idle, kept: Mutex::new(None), text: through_text.then(MemoryStore::new) }
    }

    fn kept(&self) -> MutexGuard<'_, Option<(Plan, Version)>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Everything is gone.
    pub(super) fn lose(&self) {
        *self.kept() = None;
        if let Some(text) = &self.text {
            text.lose();
        }
    }

    fn put(&self, changes: &[Change]) {
        let mut kept = self.kept();
        let (plan, version) = kept.get_or_insert_with(|| (self.idle.clone(), 0));
        plan.apply(changes.to_vec());
        *version += 1;
    }
}

impl Store for Rows {
    async fn load(&self, repository: &RepositoryName) -> Result<Option<(Plan, Version)>, Error> {
        match &self.text {
            Some(text) => text.load(repository).await,
            None => Ok(self.kept().clone()),
        }
    }

    async fn save(&self, repository: &RepositoryName, expected: Version, changes: &[Change]) -> Result<Version, Error> {
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
                refused =
                    crate::simulate::desk::at_once(text.save(repository, expected, changes)).and_then(Result::err);
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

    async fn keep(&self, _: &Delivery) -> Result<bool, Error> {
        Ok(true)
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
}
