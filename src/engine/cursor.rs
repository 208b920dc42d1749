//! How far a list that only grows was read, where what was written last may become visible late.
//!
//! GitHub answers from copies that lag: something older can appear after something newer was read. So a list is read
//! again from a while before its newest known entry, and what was handled in that window is remembered by its key.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::engine::time::Timestamp;

/// How much later than a newer one an entry may become visible and still counts.
pub const LAG_MAX: Duration = Duration::from_secs(5 * 60);
/// Most entries remembered. Of more in one window the oldest are forgotten, and nothing from their time counts any
/// more: what cannot be told from something handled is not handled twice.
const HANDLED_MAX: usize = 2_000;

/// Where reading has got to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor<K: Ord> {
    /// Nothing from before counts.
    from: Timestamp,
    /// The newest moment handled.
    newest: Timestamp,
    /// What was handled in the window, with its moment.
    handled: BTreeMap<K, Timestamp>,
}

impl<K: Ord + Clone> Cursor<K> {
    /// A cursor that lets everything count from a moment on.
    pub fn new(from: Timestamp) -> Self {
        Self { from, newest: from, handled: BTreeMap::new() }
    }

    /// From when the list has to be read.
    pub fn since(&self) -> Timestamp {
        self.from.max(self.newest - LAG_MAX)
    }

    /// Whether an entry still has to be handled.
    pub fn is_new(&self, key: &K, at: Timestamp) -> bool {
        at >= self.since() && !self.handled.contains_key(key)
    }

    /// Notes that an entry was handled, and forgets what no read can show any more.
    pub fn handle(&mut self, key: K, at: Timestamp) {
        self.newest = self.newest.max(at);
        self.handled.insert(key, at);
        let since = self.since();
        self.handled.retain(|_, at| *at >= since);
        if self.handled.len() > HANDLED_MAX
            && let Some(oldest) = self.handled.values().min().copied()
        {
            self.from = oldest + Duration::from_millis(1);
            self.handled.retain(|_, at| *at > oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp(seconds * 1000)
    }

    #[test]
    fn what_appears_late_counts_once_and_what_is_too_late_never() {
        let mut cursor = Cursor::new(at(0));
        cursor.handle(2, at(1000));
        assert!(cursor.is_new(&1, at(999)) && !cursor.is_new(&2, at(1000)));
        cursor.handle(1, at(999));
        assert!(!cursor.is_new(&1, at(999)) && !cursor.is_new(&0, at(699)));
        cursor.handle(3, at(2000));
        assert_eq!((cursor.since(), cursor.handled.len()), (at(1700), 1));
        assert!(!cursor.is_new(&1, at(999)));
    }

    #[test]
    fn a_flood_is_bounded_and_nothing_of_it_counts_twice() {
        let mut cursor = Cursor::new(at(0));
        for key in 0..3_000_i64 {
            cursor.handle(key, Timestamp(at(1000).0 + key));
        }
        assert!(cursor.handled.len() <= HANDLED_MAX);
        assert!((0..3_000_i64).all(|key| !cursor.is_new(&key, Timestamp(at(1000).0 + key))));
        assert!(cursor.is_new(&3_000, at(1003)));
    }
}
