//! Webhooks that never arrived are asked for again: which of them, and when.
//!
//! Pure: time is an argument. The heartbeat reads everything anyway; this only makes it sooner, and is bounded in how
//! far it looks back, how much it remembers and asks for at once, and how often it asks for the same. What was missed
//! is remembered, so that the first look alone goes back far.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::engine::time::Timestamp;
use crate::github::auth::Attempted;

/// How far back GitHub keeps deliveries.
const KEPT: Duration = Duration::from_secs(3 * 24 * 3_600);
/// What a later look goes back to: an attempt may be listed late, or end late.
const OVERLAP: Duration = Duration::from_secs(10 * 60);
/// The same webhook is not asked for again within this time, whether GitHub took the last question or not.
const AGAIN_AFTER: Duration = Duration::from_secs(30 * 60);
/// How often one webhook is asked for in all, as GitHub took it.
const TRIES_MAX: u32 = 3;
/// Most webhooks asked for in one look; the others follow at the next.
const ASKED_MAX: usize = 50;
/// Most webhooks that are remembered as missed, and as many that are over; the oldest are forgotten first.
const REMEMBERED_MAX: usize = 10_000;

/// What was missed and asked for, since we run.
#[derive(Debug, Default)]
pub(super) struct Redelivery {
    looked_at: Option<Timestamp>,
    /// Webhooks that were never taken, by GUID.
    missed: BTreeMap<String, Missed>,
    /// When webhooks were over that had been missed: taken, or asked for often enough. They are missed no more.
    over: BTreeMap<String, Timestamp>,
}

#[derive(Debug)]
struct Missed {
    /// The newest attempt's.
    id: u64,
    at: Timestamp,
    /// When it is asked for next.
    due_at: Timestamp,
    tries: u32,
}

/// A webhook to be asked for again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Due {
    /// Its GUID.
    pub(super) guid: String,
    /// The attempt to be repeated.
    pub(super) id: u64,
}

impl Redelivery {
    /// From when attempts have to be listed.
    pub(super) fn since(&self, now: Timestamp) -> Timestamp {
        let oldest = now - KEPT;
        self.looked_at.map_or(oldest, |at| (at - OVERLAP).max(oldest))
    }

    /// Hears of attempts, and tells which webhooks are to be asked for now, oldest first: those never taken.
    pub(super) fn choose(&mut self, attempted: &[Attempted], now: Timestamp) -> Vec<Due> {
        self.hear(attempted, now);
        self.forget(now);
        self.looked_at = Some(now);
        let due = self.missed.iter().filter(|(_, missed)| now >= missed.due_at);
        let mut due: Vec<_> = due.map(|(guid, missed)| (missed.at, missed.id, guid)).collect();
        due.sort_unstable();
        due.truncate(ASKED_MAX);
        due.into_iter().map(|(_, id, guid)| Due { guid: guid.clone(), id }).collect()
    }

    /// A webhook was asked for. Only what GitHub took counts as a try.
    pub(super) fn asked(&mut self, due: &Due, is_taken: bool, now: Timestamp) {
        let Some(missed) = self.missed.get_mut(&due.guid) else { return };
        missed.due_at = now + AGAIN_AFTER;
        missed.tries += u32::from(is_taken);
        if missed.tries >= TRIES_MAX {
            self.close(&due.guid, now);
        }
    }

    fn hear(&mut self, attempted: &[Attempted], now: Timestamp) {
        let taken: BTreeSet<&str> =
            attempted.iter().filter(|attempt| attempt.taken).map(|attempt| attempt.guid.as_str()).collect();
        for guid in &taken {
            self.close(guid, now);
        }
        for attempt in attempted {
            if taken.contains(attempt.guid.as_str()) || self.over.contains_key(&attempt.guid) {
                continue;
            }
            let Attempted { id, at, .. } = *attempt;
            let newest = Missed { id, at, due_at: now, tries: 0 };
            let known = self.missed.entry(attempt.guid.clone()).or_insert(newest);
            if (at, id) > (known.at, known.id) {
                (known.at, known.id) = (at, id);
            }
        }
    }

    /// A webhook is missed no more, if it was.
    fn close(&mut self, guid: &str, now: Timestamp) {
        if let Some((guid, _)) = self.missed.remove_entry(guid) {
            self.over.insert(guid, now);
        }
    }

    /// Forgets what GitHub does not keep any more, and the oldest of what is too much.
    fn forget(&mut self, now: Timestamp) {
        self.missed.retain(|_, missed| now < missed.at + KEPT);
        self.over.retain(|_, at| now < *at + KEPT);
        let oldest = |mut ats: Vec<Timestamp>| -> Option<Timestamp> {
            let surplus = ats.len().checked_sub(REMEMBERED_MAX)?;
            ats.sort_unstable();
            surplus.checked_sub(1).map(|last| ats[last])
        };
        if let Some(until) = oldest(self.missed.values().map(|missed| missed.at).collect()) {
            self.missed.retain(|_, missed| missed.at > until);
        }
        if let Some(until) = oldest(self.over.values().copied().collect()) {
            self.over.retain(|_, at| *at > until);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_800_000_000_000);

    fn attempt(id: u64, guid: &str, ago: u64, taken: bool) -> Attempted {
        Attempted { id, guid: guid.to_owned(), at: NOW - Duration::from_secs(ago), taken }
    }

    fn ids(due: &[Due]) -> Vec<u64> {
        due.iter().map(|due| due.id).collect()
    }

    /// A look in which GitHub takes every question, or none.
    fn look(redelivery: &mut Redelivery, attempted: &[Attempted], now: Timestamp, is_taken: bool) -> Vec<u64> {
        let due = redelivery.choose(attempted, now);
        due.iter().for_each(|due| redelivery.asked(due, is_taken, now));
        ids(&due)
    }

    fn minute(minute: u64) -> Timestamp {
        NOW + Duration::from_secs(minute * 60)
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
        assert_eq!(ids(&Redelivery::default().choose(&attempted, NOW)), [4, 8, 9]);
        assert_eq!(Redelivery::default().since(NOW), NOW - KEPT);
    }

    #[test]
    fn the_same_webhook_is_asked_for_seldom_and_not_for_ever() {
        let mut redelivery = Redelivery::default();
        let attempted = [attempt(1, "a", 60, false)];
        let asks = |at: &u64| !look(&mut redelivery, &attempted, minute(*at), true).is_empty();
        assert_eq!((0..180).filter(asks).collect::<Vec<_>>(), [0, 30, 60]);
    }

    #[test]
    fn a_question_that_github_did_not_take_is_no_try() {
        let mut redelivery = Redelivery::default();
        let attempted = [attempt(1, "a", 60, false)];
        let asks = |at: &u64| !look(&mut redelivery, &attempted, minute(*at), *at >= 60).is_empty();
        assert_eq!((0..240).filter(asks).collect::<Vec<_>>(), [0, 30, 60, 90, 120]);
    }

    #[test]
    fn later_looks_are_short_whatever_was_asked_for() {
        let mut redelivery = Redelivery::default();
        let old = attempt(1, "a", 2 * 24 * 3_600, false);
        assert_eq!(look(&mut redelivery, &[old], NOW, true), [1]);
        let mut asked = Vec::new();
        for at in 1..300 {
            assert!(redelivery.since(minute(at)) >= minute(at - 1) - OVERLAP, "{at}");
            // Far more was delivered since than one look lists: what was missed is asked for all the same.
            if !look(&mut redelivery, &[], minute(at), true).is_empty() {
                asked.push(at);
            }
        }
        assert_eq!(asked, [30, 60]);
    }

    #[test]
    fn what_was_taken_at_last_is_missed_no_more() {
        let mut redelivery = Redelivery::default();
        let failed = attempt(1, "a", 60, false);
        assert_eq!(look(&mut redelivery, std::slice::from_ref(&failed), NOW, true), [1]);
        assert!(look(&mut redelivery, &[attempt(2, "a", 0, true)], minute(1), true).is_empty());
        for at in 2..60 {
            assert!(look(&mut redelivery, std::slice::from_ref(&failed), minute(at), true).is_empty(), "{at}");
        }
        assert!(redelivery.missed.is_empty());
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut redelivery = Redelivery::default();
        for look in 0..30_u64 {
            let ids = look * 1_000..(look + 1) * 1_000;
            let attempted: Vec<_> = ids.map(|id| attempt(id, &format!("g{id}"), 90_000 - id, false)).collect();
            redelivery.choose(&attempted, NOW);
            let taken = attempted.iter().filter(|attempt| attempt.id % 2 == 0).cloned();
            let taken: Vec<_> = taken.map(|attempt| Attempted { taken: true, ..attempt }).collect();
            redelivery.choose(&taken, NOW);
        }
        assert!(redelivery.missed.len() <= REMEMBERED_MAX && redelivery.over.len() <= REMEMBERED_MAX);
        assert!(redelivery.missed.contains_key("g29999") && !redelivery.missed.contains_key("g1"));
    }

    #[test]
    fn a_long_outage_is_made_up_for_in_parts() {
        let mut redelivery = Redelivery::default();
        let attempted: Vec<Attempted> = (0..120).map(|id| attempt(id, &format!("g{id}"), 9_000 - id, false)).collect();
        let parts: Vec<usize> = (0..4).map(|_| look(&mut redelivery, &attempted, NOW, true).len()).collect();
        assert_eq!(parts, [50, 50, 20, 0]);
        assert_eq!(redelivery.since(NOW), NOW - OVERLAP);
    }
}
