//! A store on the state branch of the repository itself, for where there is no disk that lasts: workflow runs.
//!
//! Promises: a save is one commit, made only where the branch holds the version that was loaded and nobody took the
//! lease since, so that the branch's history tells every step; one file per task. A lease is written with its first
//! save, or before the first write to GitHub that it allows: who only looked leaves no commit. What the plan's nonces
//! are made from is never written. Deliveries are kept no longer than the process lives: an event is a hint, and who
//! works from this store looks at everything each time.
//!
//! A plan that went on elsewhere since, as the plan kept beside it shows, counts as none here: it is rebuilt.

mod files;
mod swap;

use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use tokio::sync::Mutex;

use crate::engine::id::{Owner, RepositoryName};
use crate::engine::plan::{Change, Plan};
use crate::engine::time::Timestamp;
use crate::github::{GitHub, KnownTip};
use crate::store::deliveries::{Deliveries, folded};
use crate::store::lease::{Epoch, Lease, Leases};
use crate::store::{Delivery, Error, Store, Version};

use files::Files;

/// How long a lease lasts: longer than a turn takes, so that renewing it costs few commits. Only who works under
/// another name waits for its end.
pub const BRANCH_LEASE_LENGTH: Duration = Duration::from_secs(10 * 60);

/// A handle; clones share one store. It holds the plan of one repository.
#[derive(Debug)]
pub struct BranchStore<G>(Arc<Inner<G>>);

#[derive(Debug)]
struct Inner<G> {
    github: G,
    repository: RepositoryName,
    seed: String,
    /// Tells this process's leases from others' of the same epoch.
    holder: String,
    tip: KnownTip,
    content: Mutex<Content>,
}

#[derive(Debug)]
struct Content {
    leases: Leases,
    deliveries: Deliveries,
    known: Option<Known>,
    /// The newest epoch that the branch was seen to have from another process.
    foreign: Epoch,
}

/// What the branch holds, as it was read or written last.
#[derive(Clone, Debug)]
struct Known {
    files: Files,
    /// [`KnownTip::breaks`] then: while it stays, only commits of ours came on top.
    breaks: u64,
    /// Whether a plan kept beside the store is newer: then the store's counts for nothing.
    is_behind: bool,
}

impl<G> Clone for BranchStore<G> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<G: GitHub> BranchStore<G> {
    /// The store of one repository. `seed` is random text that loaded plans make nonces from. `tip` is shared with
    /// whoever else in this process writes the state branch. Nothing is sent yet.
    pub fn new(github: G, repository: RepositoryName, seed: String, tip: KnownTip) -> Self {
        let leases = Leases::lasting(BRANCH_LEASE_LENGTH);
        let content = Content { leases, deliveries: Deliveries::default(), known: None, foreign: 0 };
        let holder = hex::encode(Sha256::digest(format!("holder of {seed}")).get(..8).unwrap_or_default());
        Self(Arc::new(Inner { github, repository, seed, holder, tip, content: Mutex::new(content) }))
    }

    fn is_own(&self, repository: &RepositoryName) -> bool {
        folded(repository) == folded(&self.0.repository)
    }
}

impl Content {
    /// Refuses a lease that somebody has taken since, here or elsewhere.
    fn stands(&self, repository: &RepositoryName, lease: Lease) -> Result<(), Error> {
        self.leases.stands(&folded(repository), lease.epoch)?;
        if self.foreign < lease.epoch { Ok(()) } else { Err(Error::Fenced) }
    }
}

impl<G: GitHub> Store for BranchStore<G> {
    async fn acquire(&self, repository: &RepositoryName, owner: &Owner, now: Timestamp) -> Result<Lease, Error> {
        let mut content = self.0.content.lock().await;
        if self.is_own(repository) {
            self.0.look(&mut content).await?;
        }
        content.leases.acquire(folded(repository), owner, now)
    }

    async fn renew(&self, repository: &RepositoryName, lease: Lease, now: Timestamp) -> Result<Lease, Error> {
        let mut content = self.0.content.lock().await;
        content.stands(repository, lease)?;
        let renewed = content.leases.renew(&folded(repository), lease.epoch, now)?;
        if self.is_own(repository) {
            let known = self.0.look(&mut content).await?;
            content.stands(repository, lease)?;
            if self.0.is_written(&known, lease) {
                self.0.write_lease(&mut content, renewed, "Work on under the same lease").await?;
            }
        }
        Ok(renewed)
    }

    async fn release(&self, repository: &RepositoryName, lease: Lease) -> Result<(), Error> {
        let mut content = self.0.content.lock().await;
        if content.stands(repository, lease).is_err() {
            return Ok(());
        }
        content.leases.release(&folded(repository), lease.epoch);
        if self.is_own(repository) {
            let known = self.0.look(&mut content).await?;
            if self.0.is_written(&known, lease) {
                self.0.write_lease(&mut content, lease, "Give the lease back").await?;
            }
        }
        Ok(())
    }

    async fn stands(&self, repository: &RepositoryName, lease: Lease) -> Result<(), Error> {
        let mut content = self.0.content.lock().await;
        content.stands(repository, lease)?;
        if !self.is_own(repository) {
            return Ok(());
        }
        let known = self.0.look(&mut content).await?;
        content.stands(repository, lease)?;
        if self.0.is_written(&known, lease) {
            return Ok(());
        }
        self.0.write_lease(&mut content, lease, "Take the lease").await
    }

    async fn load(&self, repository: &RepositoryName) -> Result<Option<(Plan, Version)>, Error> {
        if !self.is_own(repository) {
            return Ok(None);
        }
        let mut content = self.0.content.lock().await;
        let known = self.0.look(&mut content).await?;
        if known.is_behind {
            tracing::warn!("the plan went on elsewhere since it was worked from the state branch; it is rebuilt");
            return Ok(None);
        }
        let Some(mut plan) = known.files.plan(&self.0.repository)? else { return Ok(None) };
        plan.repository = repository.clone();
        plan.header.seed.clone_from(&self.0.seed);
        Ok(Some((plan, known.files.index.version)))
    }

    async fn save(
        &self,
        repository: &RepositoryName,
        lease: Lease,
        expected: Version,
        changes: &[Change],
    ) -> Result<Version, Error> {
        let mut content = self.0.content.lock().await;
        content.stands(repository, lease)?;
        if !self.is_own(repository) {
            return Err(Error::Database(format!("the state branch of {} holds no other plan", self.0.repository)));
        }
        self.0.save(&mut content, lease, expected, changes).await
    }

    async fn keep(&self, deliveries: &[Delivery]) -> Result<Vec<bool>, Error> {
        Ok(self.0.content.lock().await.deliveries.keep(deliveries))
    }

    async fn claim(&self, repository: &RepositoryName, lease: Lease, limit: u32) -> Result<Vec<Delivery>, Error> {
        let content = self.0.content.lock().await;
        content.stands(repository, lease)?;
        Ok(content.deliveries.unworked(repository, limit))
    }

    async fn unworked(&self, repository: &RepositoryName, limit: u32) -> Result<Vec<Delivery>, Error> {
        Ok(self.0.content.lock().await.deliveries.unworked(repository, limit))
    }

    async fn waiting(&self) -> Result<Vec<RepositoryName>, Error> {
        Ok(self.0.content.lock().await.deliveries.waiting())
    }

    async fn worked(&self, guids: &[String]) -> Result<(), Error> {
        self.0.content.lock().await.deliveries.worked(guids);
        Ok(())
    }

    async fn repositories(&self) -> Result<Vec<RepositoryName>, Error> {
        let mut content = self.0.content.lock().await;
        let known = self.0.look(&mut content).await?;
        let has_plan = !known.is_behind && known.files.index.version > 0;
        Ok(has_plan.then(|| self.0.repository.clone()).into_iter().collect())
    }

    async fn forget(&self, before: Timestamp) -> Result<u64, Error> {
        Ok(self.0.content.lock().await.deliveries.forget(before))
    }

    fn is_shared(&self) -> bool {
        false
    }
}

#[cfg(test)]
impl<G: GitHub> BranchStore<G> {
    /// Puts any text in a row's place, as a person's edit would.
    pub(super) async fn spoil(&self, kind: &str, id: &str, body: &str) {
        let mut content = self.0.content.lock().await;
        let mut known = self.0.look(&mut content).await.expect("readable");
        let files = known.files.spoil(kind, id, body);
        let head = self.0.tip.tip();
        let branch = crate::engine::id::STATE_BRANCH.to_owned();
        let spoilt = crate::github::commit_onto(&self.0.github, branch, head, files, "Spoil".to_owned()).await;
        spoilt.expect("written");
        // As if somebody else had done it.
        self.0.tip.keep(None);
    }

    /// Lets all leases run out.
    pub(super) async fn expire(&self) {
        self.0.content.lock().await.leases.expire();
    }
}
