//! Deliveries in memory, for stores that keep them no longer than the process lives.

use std::collections::BTreeMap;

use crate::engine::id::RepositoryName;
use crate::engine::time::Timestamp;
use crate::store::Delivery;

/// Deliveries, as they came.
#[derive(Debug, Default)]
pub(super) struct Deliveries(Vec<Kept>);

#[derive(Debug)]
struct Kept {
    delivery: Delivery,
    worked: bool,
}

/// GitHub's names ignore case.
pub(super) fn folded(repository: &RepositoryName) -> String {
    repository.as_str().to_ascii_lowercase()
}

impl Deliveries {
    /// All of them, and whether each was worked.
    pub(super) fn all(&self) -> Vec<(Delivery, bool)> {
        self.0.iter().map(|kept| (kept.delivery.clone(), kept.worked)).collect()
    }

    /// Keeps deliveries; tells of each whether it is new.
    pub(super) fn keep(&mut self, deliveries: &[Delivery]) -> Vec<bool> {
        deliveries.iter().map(|delivery| self.keep_one(delivery)).collect()
    }

    fn keep_one(&mut self, delivery: &Delivery) -> bool {
        let new = self.0.iter().all(|kept| kept.delivery.guid != delivery.guid);
        if new {
            self.0.push(Kept { delivery: delivery.clone(), worked: false });
        }
        new
    }

    /// Unworked ones of a repository, oldest first.
    pub(super) fn unworked(&self, repository: &RepositoryName, limit: u32) -> Vec<Delivery> {
        let is_its = |kept: &&Kept| kept.delivery.repository.as_ref().map(folded) == Some(folded(repository));
        let unworked = self.0.iter().filter(|kept| !kept.worked).filter(is_its);
        let mut found: Vec<Delivery> = unworked.map(|kept| kept.delivery.clone()).collect();
        found.sort_by_key(|delivery| delivery.received_at);
        found.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        found
    }

    /// Repositories that have unworked ones.
    pub(super) fn waiting(&self) -> Vec<RepositoryName> {
        let unworked = self.0.iter().filter(|kept| !kept.worked);
        let named = unworked.filter_map(|kept| kept.delivery.repository.clone());
        let by_name: BTreeMap<String, RepositoryName> = named.map(|name| (folded(&name), name)).collect();
        by_name.into_values().collect()
    }

    /// Marks deliveries worked.
    pub(super) fn worked(&mut self, guids: &[String]) {
        for kept in &mut self.0 {
            kept.worked |= guids.contains(&kept.delivery.guid);
        }
    }

    /// Forgets worked ones received before a moment. Gives how many.
    pub(super) fn forget(&mut self, before: Timestamp) -> u64 {
        let known = self.0.len();
        self.0.retain(|kept| !kept.worked || kept.delivery.received_at >= before);
        u64::try_from(known - self.0.len()).unwrap_or(u64::MAX)
    }
}
