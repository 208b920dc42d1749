//! Who works a repository: one owner at a time, under an epoch that only grows.
//!
//! Promises: two owners never hold one repository's lease at once, and whoever held it before is refused by its epoch
//! from the moment somebody else takes it, however late it comes.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::engine::id::Owner;
use crate::engine::time::Timestamp;
use crate::store::Error;

/// Counts the takings of one repository's lease, from 1.
pub type Epoch = i64;

/// How long a lease lasts unless somebody says otherwise: as long as a delivery waits at most when its replica dies,
/// and longer than a database takes to fail over.
pub const LEASE_LENGTH: Duration = Duration::from_secs(30);

/// A repository's lease as held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    /// Under which it is held; a later taking has a higher one.
    pub epoch: Epoch,
    /// Since when it was asked for, by the holder's clock.
    pub since: Timestamp,
    /// Until when, by the holder's clock; never later than by the store's.
    pub until: Timestamp,
}

impl Lease {
    /// How long its holder may wait before renewing it: until a third of it has passed, so that two renewals may fail.
    /// A clock that was set back is never trusted to say that there is time.
    pub fn renewal_wait(self, now: Timestamp) -> Duration {
        let third = self.until.since(self.since) / 3;
        if now < self.since { Duration::ZERO } else { third.saturating_sub(now.since(self.since)) }
    }
}

/// The leases of all repositories, for stores in memory.
#[derive(Debug)]
pub(super) struct Leases {
    length: Duration,
    rows: BTreeMap<String, Row>,
}

/// A lease as kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Row {
    /// Who holds it, or held it last.
    pub(super) owner: Owner,
    /// Under which epoch.
    pub(super) epoch: Epoch,
    /// Until when.
    pub(super) until: Timestamp,
}

impl Default for Leases {
    fn default() -> Self {
        Self::lasting(LEASE_LENGTH)
    }
}

impl Leases {
    /// None so far; each will last so long.
    pub(super) fn lasting(length: Duration) -> Self {
        Self { length, rows: BTreeMap::new() }
    }

    /// A repository's, as it stands.
    pub(super) fn row(&self, name: &str) -> Option<&Row> {
        self.rows.get(name)
    }

    /// Takes note of a lease that is kept elsewhere, where it is newer than what is known here; `of_others`: and as
    /// new, since others may have renewed it or given it back.
    pub(super) fn learn(&mut self, name: &str, kept: &Row, of_others: bool) {
        let known = self.rows.get(name).map(|row| row.epoch);
        if known.is_none_or(|epoch| epoch < kept.epoch || of_others && epoch == kept.epoch) {
            self.rows.insert(name.to_owned(), kept.clone());
        }
    }

    /// Takes a lease that nobody else holds at this moment, under the next epoch. The owner's own is taken anew, so
    /// that what it left under way is refused too.
    pub(super) fn acquire(&mut self, name: String, owner: &Owner, now: Timestamp) -> Result<Lease, Error> {
        let until = now + self.length;
        let row = self.rows.entry(name).or_insert_with(|| Row { owner: owner.clone(), epoch: 0, until: now });
        if row.owner != *owner && row.until > now {
            return Err(Error::Leased { until: row.until });
        }
        *row = Row { owner: owner.clone(), epoch: row.epoch + 1, until };
        Ok(Lease { epoch: row.epoch, since: now, until })
    }

    /// Makes a lease that nobody has taken since last longer.
    pub(super) fn renew(&mut self, name: &str, epoch: Epoch, now: Timestamp) -> Result<Lease, Error> {
        let row = self.rows.get_mut(name).filter(|row| row.epoch == epoch).ok_or(Error::Fenced)?;
        row.until = now + self.length;
        Ok(Lease { epoch, since: now, until: row.until })
    }

    /// Gives a lease back; one that somebody has taken since stays theirs.
    pub(super) fn release(&mut self, name: &str, epoch: Epoch) {
        if let Some(row) = self.rows.get_mut(name).filter(|row| row.epoch == epoch) {
            row.until = Timestamp(0);
        }
    }

    /// Refuses an epoch that is not the newest. Time is the callers' here, so that a lease that has run out and was
    /// taken by nobody still stands.
    pub(super) fn stands(&self, name: &str, epoch: Epoch) -> Result<(), Error> {
        if self.rows.get(name).is_some_and(|row| row.epoch == epoch) { Ok(()) } else { Err(Error::Fenced) }
    }

    /// Lets all of them run out.
    #[cfg(test)]
    pub(super) fn expire(&mut self) {
        self.rows.values_mut().for_each(|row| row.until = Timestamp(0));
    }
}
