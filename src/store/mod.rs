//! Where plans and deliveries are kept. A plan's rows are saved together, at the version they were loaded at, or not
//! at all, and only by whoever holds the repository's lease.

pub mod branch;
mod deliveries;
pub mod lease;
pub mod lock;
pub mod memory;
pub mod postgres;
mod rows;
pub mod sqlite;

#[cfg(test)]
mod samples;
#[cfg(test)]
mod tests;

use std::future::Future;

use serde::{Deserialize, Serialize};

use crate::engine::id::{Owner, RepositoryName};
use crate::engine::plan::{Change, Plan};
use crate::engine::time::Timestamp;

pub use lease::{Epoch, LEASE_LENGTH, Lease};

/// Counts saves of one repository's plan, from 1.
pub type Version = i64;

/// A webhook delivery as kept: what is needed to look in the right place, not the body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// GitHub's GUID; a redelivery has the same.
    pub guid: String,
    /// The event's name.
    pub event: String,
    /// Its action, where it has one.
    pub action: Option<String>,
    /// The repository, where it names one.
    pub repository: Option<RepositoryName>,
    /// The installation, where it names one.
    pub installation: Option<u64>,
    /// Issue or pull request.
    pub number: Option<u64>,
    /// Workflow run.
    pub run: Option<u64>,
    /// The run's title.
    pub title: Option<String>,
    /// Comment.
    pub comment: Option<u64>,
    /// Commit.
    pub sha: Option<String>,
    /// Branch.
    pub branch: Option<String>,
    /// The beginning of a body that could not be read, for the operator.
    pub unreadable: Option<String>,
    /// When it came.
    pub received_at: Timestamp,
}

/// Why the store did not do it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Somebody else saved meanwhile: load again and step again.
    #[error("the plan was saved by somebody else meanwhile")]
    Conflict,
    /// Another owner holds the repository's lease.
    #[error("another replica works the repository until {until}")]
    Leased {
        /// Until when, unless it is renewed or given back; by the caller's clock.
        until: Timestamp,
    },
    /// The lease was taken by somebody else meanwhile, or has run out: nothing more may be sent or saved under it.
    #[error("the repository's lease is not held any more")]
    Fenced,
    /// The stored form is newer than this program.
    #[error("the stored plan has schema {found}, this program knows {known}; use a newer task-orchestrator")]
    Newer {
        /// What is stored.
        found: u32,
        /// What is known.
        known: u32,
    },
    /// A row cannot be read.
    #[error("a stored row ({row}) cannot be read: {message}")]
    Corrupt {
        /// Which.
        row: String,
        /// Why.
        message: String,
    },
    /// The database failed.
    #[error("the database failed: {0}")]
    Database(String),
}

/// A store of plans and deliveries.
///
/// A repository is worked under its lease. `now` is the caller's moment; a store that several machines share goes by
/// its own clock, and gives the times of leases by the caller's.
pub trait Store: Send + Sync {
    /// Takes a repository's lease under the next epoch, where no other owner holds it: [`Error::Leased`] otherwise. The
    /// owner's own is taken anew.
    fn acquire(
        &self,
        repository: &RepositoryName,
        owner: &Owner,
        now: Timestamp,
    ) -> impl Future<Output = Result<Lease, Error>> + Send;

    /// Makes a lease last longer; [`Error::Fenced`] where somebody has taken it since.
    fn renew(
        &self,
        repository: &RepositoryName,
        lease: Lease,
        now: Timestamp,
    ) -> impl Future<Output = Result<Lease, Error>> + Send;

    /// Gives a lease back, so that others need not wait for its end. One that somebody has taken since stays theirs.
    fn release(&self, repository: &RepositoryName, lease: Lease) -> impl Future<Output = Result<(), Error>> + Send;

    /// Whether a lease still stands, asked immediately before each write to GitHub; [`Error::Fenced`] where it does
    /// not.
    fn stands(&self, repository: &RepositoryName, lease: Lease) -> impl Future<Output = Result<(), Error>> + Send;

    /// The plan of a repository and its version; nothing where there is none yet.
    fn load(&self, repository: &RepositoryName) -> impl Future<Output = Result<Option<(Plan, Version)>, Error>> + Send;

    /// Saves rows of a repository's plan at once, if its version is still `expected` (0: there is none yet) and nobody
    /// has taken the lease since. Gives the new version.
    fn save(
        &self,
        repository: &RepositoryName,
        lease: Lease,
        expected: Version,
        changes: &[Change],
    ) -> impl Future<Output = Result<Version, Error>> + Send;

    /// Keeps deliveries, all at once or none. Tells of each in turn whether it is new; `false`: its GUID is known
    /// already, from before or from an earlier one of these.
    fn keep(&self, deliveries: &[Delivery]) -> impl Future<Output = Result<Vec<bool>, Error>> + Send;

    /// Claims unworked deliveries of a repository under its lease, oldest first, at most `limit`. What was claimed and
    /// not worked is claimed again by the next holder, and by nobody before.
    fn claim(
        &self,
        repository: &RepositoryName,
        lease: Lease,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<Delivery>, Error>> + Send;

    /// Unworked deliveries of a repository, whoever claimed them, oldest first, at most `limit`.
    fn unworked(
        &self,
        repository: &RepositoryName,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<Delivery>, Error>> + Send;

    /// Repositories that have unworked deliveries.
    fn waiting(&self) -> impl Future<Output = Result<Vec<RepositoryName>, Error>> + Send;

    /// Marks deliveries worked.
    fn worked(&self, guids: &[String]) -> impl Future<Output = Result<(), Error>> + Send;

    /// Repositories that have a plan, with their installations where known.
    fn repositories(&self) -> impl Future<Output = Result<Vec<RepositoryName>, Error>> + Send;

    /// Forgets worked deliveries received before a moment. Gives how many.
    fn forget(&self, before: Timestamp) -> impl Future<Output = Result<u64, Error>> + Send;

    /// Whether other processes keep deliveries here too, of which nobody in this one hears otherwise.
    fn is_shared(&self) -> bool;
}

/// Reads every plan once, before anything is begun. Gives those in which a row cannot be read, with which and why: each
/// is its own repository's trouble alone.
///
/// # Errors
/// The store fails, or a plan is of a newer form: then the program is too old for all that it would do.
pub async fn unreadable(store: &impl Store) -> Result<Vec<(RepositoryName, Error)>, Error> {
    let mut found = Vec::new();
    for repository in store.repositories().await? {
        match store.load(&repository).await {
            Ok(_) => {}
            Err(error @ Error::Corrupt { .. }) => found.push((repository, error)),
            Err(error) => return Err(error),
        }
    }
    Ok(found)
}
