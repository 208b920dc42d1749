//! A store in memory that lets a test stand in its way, and a replica over it.

use std::sync::Arc;

use super::Workshop;
use crate::engine::id::{Owner, RepositoryName};
use crate::engine::plan::{Change, Plan};
use crate::engine::time::Timestamp;
use crate::forge::memory::MemoryForge;
use crate::server::{ConnectError, Connector};
use crate::store::memory::MemoryStore;
use crate::store::{Delivery, Error, Lease, Store, Version};
use crate::turn::Deployment;

/// Where a test may stand in the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::server) enum Point {
    BeforeLoad,
    BeforeSave,
    AfterSave,
    BeforeRenew,
    AfterRenew,
    AfterWorked,
}

/// What a test does there: it may wait, or fail the call.
pub(in crate::server) trait Hook: Clone + Send + Sync + 'static {
    fn at(&self, point: Point) -> impl Future<Output = Result<(), Error>> + Send;
}

#[derive(Clone, Default)]
pub(in crate::server) struct HookedStore<H> {
    pub(in crate::server) store: MemoryStore,
    pub(in crate::server) hook: H,
}

impl<H: Hook> Store for HookedStore<H> {
    async fn acquire(&self, repository: &RepositoryName, owner: &Owner, now: Timestamp) -> Result<Lease, Error> {
        self.store.acquire(repository, owner, now).await
    }

    async fn renew(&self, repository: &RepositoryName, lease: Lease, now: Timestamp) -> Result<Lease, Error> {
        self.hook.at(Point::BeforeRenew).await?;
        let renewed = self.store.renew(repository, lease, now).await?;
        self.hook.at(Point::AfterRenew).await?;
        Ok(renewed)
    }

    async fn release(&self, repository: &RepositoryName, lease: Lease) -> Result<(), Error> {
        self.store.release(repository, lease).await
    }

    async fn stands(&self, repository: &RepositoryName, lease: Lease) -> Result<(), Error> {
        self.store.stands(repository, lease).await
    }

    async fn load(&self, repository: &RepositoryName) -> Result<Option<(Plan, Version)>, Error> {
        self.hook.at(Point::BeforeLoad).await?;
        self.store.load(repository).await
    }

    async fn save(
        &self,
        repository: &RepositoryName,
        lease: Lease,
        expected: Version,
        changes: &[Change],
    ) -> Result<Version, Error> {
        self.hook.at(Point::BeforeSave).await?;
        let saved = self.store.save(repository, lease, expected, changes).await?;
        self.hook.at(Point::AfterSave).await?;
        Ok(saved)
    }

    async fn keep(&self, deliveries: &[Delivery]) -> Result<Vec<bool>, Error> {
        self.store.keep(deliveries).await
    }

    async fn claim(&self, repository: &RepositoryName, lease: Lease, limit: u32) -> Result<Vec<Delivery>, Error> {
        self.store.claim(repository, lease, limit).await
    }

    async fn unworked(&self, repository: &RepositoryName, limit: u32) -> Result<Vec<Delivery>, Error> {
        self.store.unworked(repository, limit).await
    }

    async fn waiting(&self) -> Result<Vec<RepositoryName>, Error> {
        self.store.waiting().await
    }

    async fn worked(&self, guids: &[String]) -> Result<(), Error> {
        self.store.worked(guids).await?;
        self.hook.at(Point::AfterWorked).await
    }

    async fn repositories(&self) -> Result<Vec<RepositoryName>, Error> {
        self.store.repositories().await
    }

    async fn forget(&self, before: Timestamp) -> Result<u64, Error> {
        self.store.forget(before).await
    }

    fn is_shared(&self) -> bool {
        false
    }
}

/// A workshop over such a store, as one of several.
pub(super) struct Replica<H> {
    pub(super) workshop: Workshop,
    pub(super) store: HookedStore<H>,
    pub(super) name: &'static str,
}

impl<H: Hook> Connector for Replica<H> {
    type GitHub = Workshop;
    type Git = Arc<MemoryForge>;
    type Store = HookedStore<H>;

    async fn deployment(
        &self,
        repository: &RepositoryName,
    ) -> Result<Deployment<Workshop, Arc<MemoryForge>, Self::Store>, ConnectError> {
        let made = self.workshop.deployment(repository).await?;
        Ok(Deployment {
            store: self.store.clone(),
            owner: Owner::new(self.name),
            github: made.github,
            git: made.git,
            repository: made.repository,
            bot: made.bot,
            seed: made.seed,
            configuration: made.configuration,
            tree: made.tree,
        })
    }

    async fn repositories(&self) -> Result<Vec<RepositoryName>, ConnectError> {
        Ok(Vec::new())
    }
}
