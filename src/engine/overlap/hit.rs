//! One way in which two footprints meet, as a table finds it, and the words for it.

use crate::engine::footprint::{Source, Strength};
use crate::engine::id::TaskId;
use crate::engine::overlap::lock_table::Held;
use crate::engine::overlap::risk::{self, Risk, Shared};
use crate::engine::overlap::{Meeting, Side, UNKNOWN_FILES, evidence, narrower, singular};

/// One way in which an asker meets a holder.
pub(super) struct Hit<'a> {
    pub(super) holder: TaskId,
    pub(super) strength: Strength,
    pub(super) why: Why<'a>,
}

/// How they come to meet.
pub(super) enum Why<'a> {
    /// It is not known what one of them touches.
    Unknown,
    /// A claim of the asker meets one of the holder.
    Areas {
        /// The asker's.
        mine: (String, Source),
        /// The holder's.
        theirs: &'a Held,
        /// Which is narrower.
        side: Side,
    },
    /// What one is known to touch meets a file of the other's ranking.
    Judged {
        /// What is known.
        known: (String, Source),
        /// The ranked file, with its share.
        guess: (String, u32),
        /// Which is narrower, as asked by who is known.
        side: Side,
    },
    /// Their rankings name the same files.
    Risk {
        /// Those that are told, the riskiest first.
        shared: Vec<Shared>,
        /// Over all of them.
        risk: Risk,
    },
}

impl Hit<'_> {
    /// Over what they meet.
    pub(super) fn path(&self) -> &str {
        match &self.why {
            Why::Unknown => UNKNOWN_FILES,
            Why::Areas { mine, theirs, side } => narrower(*side, &mine.0, &theirs.text),
            Why::Judged { known, guess, side } => narrower(*side, &known.0, &guess.0),
            Why::Risk { shared, .. } => shared.first().map_or(UNKNOWN_FILES, |file| file.path.as_str()),
        }
    }

    /// The meeting for people.
    pub(super) fn meeting(&self) -> Meeting {
        let path = self.path().to_owned();
        let evidence = match &self.why {
            Why::Unknown => "it is not known which files one of them touches".to_owned(),
            Why::Areas { mine, theirs, .. } => evidence((&mine.0, mine.1), (&theirs.text, theirs.source), &path),
            Why::Judged { known, guess, .. } => format!(
                "one {} `{}`, the other likely touches `{}` ({})",
                singular(known.1),
                known.0,
                guess.0,
                risk::decimal(guess.1)
            ),
            Why::Risk { shared, risk } => risk::words(shared, *risk),
        };
        Meeting { path, strength: self.strength, evidence }
    }
}
