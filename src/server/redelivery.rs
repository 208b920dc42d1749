//! Webhooks that never arrived are asked for again: which of them, and when.
//!
//! Pure: time is an argument. The heartbeat reads everything anyway; this only makes it sooner, and is bounded in how
//! far it looks back, how much it asks for at once, and how often it asks for the same.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::engine::time::Timestamp;
use crate::github::auth::Attempted;

/// How far back GitHub keeps deliveries.
const KEPT: Duration = Duration::from_secs(3 * 24 * 3_600);
/// What a later look goes back to: an attempt may be listed late, or end late.
const OVERLAP: Duration = Duration::from_secs(3_600);
/// The same webhook is not asked for again within this time.
const AGAIN_AFTER: Duration = Duration::from_secs(30 * 60);
/// How often one webhook is asked for in all.
const TRIES_MAX: u32 = 3;
/// Most webhooks asked for in one look; the others follow at the next.
const ASKED_MAX: usize = 50;

/// What was asked for, since we run.
#[derive(Debug, Default)]
pub(super) struct Redelivery {
    looked_at: Option<Timestamp>,
    /// When each webhook was last asked for, and how often.
    asked: BTreeMap<String, (Timestamp, u32)>,
}

impl Redelivery {
    /// From when attempts have to be listed.
    pub(super) fn since(&self, now: Timestamp) -> Timestamp {
        let oldest = now - KEPT;
        // What was asked for and not taken yet must still be seen.
        let open = self.asked.values().map(|(at, _)| *at - AGAIN_AFTER).min();
        let looked = self.looked_at.map(|at| at - OVERLAP);
        looked.map_or(oldest, |looked| open.map_or(looked, |open| open.min(looked)).max(oldest))
    }

    /// Of these attempts the ones to be asked for again, oldest first: webhooks that were never taken.
    pub(super) fn choose(&mut self, attempted: &[Attempted], now: Timestamp) -> Vec<u64> {
        self.asked.retain(|_, (at, _)| now < *at + KEPT);
        let taken: BTreeSet<&str> =
            attempted.iter().filter(|attempt| attempt.taken).map(|attempt| attempt.guid.as_str()).collect();
        let mut missed: BTreeMap<&str, &Attempted> = BTreeMap::new();
        for attempt in attempted.iter().filter(|attempt| !taken.contains(attempt.guid.as_str())) {
            let newest = missed.entry(&attempt.guid).or_insert(attempt);
            if (attempt.at, attempt.id) > (newest.at, newest.id) {
                *newest = attempt;
            }
        }
        let due = |attempt: &&Attempted| {
            let asked = self.asked.get(&attempt.guid);
            attempt.at >= now - KEPT && asked.is_none_or(|(at, tries)| *tries < TRIES_MAX && now >= *at + AGAIN_AFTER)
        };
        let mut due: Vec<&Attempted> = missed.into_values().filter(due).collect();
        due.sort_by_key(|attempt| (attempt.at, attempt.id));
        let is_all = due.len() <= ASKED_MAX;
        due.truncate(ASKED_MAX);
        for attempt in &due {
            let entry = self.asked.entry(attempt.guid.clone()).or_insert((now, 0));
            *entry = (now, entry.1 + 1);
        }
        if is_all {
            self.looked_at = Some(now);
        }
        due.into_iter().map(|attempt| attempt.id).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_800_000_000_000);

    fn attempt(id: u64, guid: &str, ago: u64, taken: bool) -> Attempted {
        Attempted { id, guid: guid.to_owned(), at: NOW - Duration::from_secs(ago), taken }
    }

    #[test]
    fn what_was_never_taken_is_asked_for_oldest_first() {
        let (day, hour) = (24 * 3_600, 3_600);
        let attempted = [
            attempt(9, "late", 5, false),
            attempt(8, "again", 10, false),
            attempt(7, "mended", 20, true),
            attempt(6, "mended", 30, false),
            attempt(5, "again", hour, false),
            attempt(4, "old", 2 * day, false),
            attempt(3, "gone", 4 * day, false),
        ];
        assert_eq!(Redelivery::default().choose(&attempted, NOW), [4, 8, 9]);
        assert_eq!(Redelivery::default().since(NOW), NOW - KEPT);
    }

    #[test]
    fn the_same_webhook_is_asked_for_seldom_and_not_for_ever() {
        let mut redelivery = Redelivery::default();
        let attempted = [attempt(1, "a", 60, false)];
        let asked: Vec<u64> = (0..180)
            .filter(|minute| {
                let now = NOW + Duration::from_secs(minute * 60);
                assert!(redelivery.since(now) <= attempted[0].at || redelivery.asked["a"].1 == TRIES_MAX);
                !redelivery.choose(&attempted, now).is_empty()
            })
            .collect();
        assert_eq!(asked, [0, 30, 60]);
    }

    #[test]
    fn a_long_outage_is_made_up_for_in_parts() {
        let mut redelivery = Redelivery::default();
        let attempted: Vec<Attempted> = (0..120).map(|id| attempt(id, &format!("g{id}"), 9_000 - id, false)).collect();
        let parts: Vec<usize> = (0..4).map(|_| redelivery.choose(&attempted, NOW).len()).collect();
        assert_eq!(parts, [50, 50, 20, 0]);
        assert_eq!(redelivery.since(NOW), NOW - OVERLAP);
    }
}
