//! What will happen when: virtual time is the moment of the earliest entry.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::engine::event::Hint;
use crate::engine::id::{RunId, Sha};
use crate::engine::time::Timestamp;
use crate::forge::memory::worker::Work;
use crate::simulate::people::Whim;

/// Something that will happen.
#[derive(Clone, Debug)]
pub(super) enum Happening {
    /// The heartbeat.
    Tick,
    /// Something is due that the last turn named.
    Wake,
    /// A webhook comes, under this GUID.
    Delivery(u64, Hint),
    /// An issue is opened and labelled.
    Join(usize),
    /// A run finds a runner and claims its attempt.
    Claim(RunId),
    /// A run shows progress.
    Step(RunId),
    /// A run's last job publishes and the run ends.
    Finish(RunId, Box<Work>),
    /// GitHub ends a run, whatever it does.
    Lose(RunId, crate::engine::snapshot::Conclusion),
    /// A run that GitHub gave up publishes.
    PublishLate(RunId, Box<Work>),
    /// One of the runs under way ends: a script says which.
    End,
    /// A check of a head is over.
    Check(Sha, bool),
    /// Somebody acts on a whim.
    Whim(Whim),
    /// The maintainer looks after what waits for a person.
    Upkeep,
    /// The orchestrator's clock is put off by so many milliseconds.
    Skew(i64),
    /// The database is lost.
    LoseDatabase,
    /// The App may not write for so long.
    Deny(Duration),
}

/// The agenda.
#[derive(Debug, Default)]
pub(super) struct Agenda {
    entries: BTreeMap<(Timestamp, u64), Happening>,
    next: u64,
}

impl Agenda {
    /// Enters something; what is entered first for one moment happens first.
    pub(super) fn at(&mut self, moment: Timestamp, happening: Happening) {
        self.entries.insert((moment, self.next), happening);
        self.next += 1;
    }

    /// The next moment and what happens first then.
    pub(super) fn pop(&mut self) -> Option<(Timestamp, Happening)> {
        self.entries.pop_first().map(|((moment, _), happening)| (moment, happening))
    }

    /// The next moment.
    pub(super) fn next_moment(&self) -> Option<Timestamp> {
        self.entries.first_key_value().map(|((moment, _), _)| *moment)
    }

    /// Whether anything but heartbeats, wakes and upkeep is still to come.
    pub(super) fn is_idle(&self) -> bool {
        self.entries.values().all(|entry| matches!(entry, Happening::Tick | Happening::Wake | Happening::Upkeep))
    }
}
