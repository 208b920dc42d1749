//! Faults on the forge's outer side, drawn from a seed: what GitHub and the network do to the App between its request
//! and the world, and to webhooks on their way. The world itself stays true, so that it can tell what really happened.
//!
//! Only [`Forge::misbehave`](crate::forge::http::Forge::misbehave) brings faults in; who does not call it has none.
//! Jobs and people never meet one here. Nothing waits by the clock: what is late comes after so many others.

mod chance;
mod desk;

pub(crate) use desk::meet;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use chance::Chance;
use desk::{Bucket, Limit, View};

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, strum::Display, strum::EnumIter)]
#[strum(serialize_all = "snake_case")]
pub enum Fault {
    /// A webhook never comes, and is listed as not taken.
    WebhookDropped,
    /// A webhook comes twice under one GUID.
    WebhookDoubled,
    /// A webhook comes after younger ones.
    WebhookOvertaken,
    /// A call is carried out, and the connection closed or a gateway's error given in place of the answer.
    AnswerLost,
    /// A call is not carried out, and the connection closed or a server's error given.
    CallFailed,
    /// GitHub asks to slow down, and says for how long.
    Limited,
    /// GitHub asks to slow down, and does not say for how long.
    LimitedSilently,
    /// A read shows what the same read showed a moment ago.
    ReadLag,
    /// Two runs come of one dispatch.
    RunDoubled,
    /// The answer to a dispatch is lost, and its run comes to be only after later dispatches.
    RunLate,
}

/// How long a limit that says so lasts, in seconds.
const LIMIT_SECONDS: u64 = 1;
/// Most webhooks that overtake one at once.
const OVERTAKEN_MAX: u64 = 6;
/// Most dispatches that a late run lets pass.
const RUNS_BEFORE_MAX: u64 = 3;

/// A seed's faults and what they have met. Shared by a forge and whoever watches it.
#[derive(Debug)]
pub struct Faults {
    /// How often each kind happens, in a thousand.
    odds: BTreeMap<Fault, u16>,
    ended: AtomicBool,
    state: Mutex<State>,
    /// Something that a late run may wait for has happened.
    passed: Notify,
}

#[derive(Debug)]
struct State {
    chance: Chance,
    met: BTreeMap<Fault, u64>,
    dispatches: Vec<String>,
    late: u64,
    limits: BTreeMap<Bucket, Limit>,
    early: Vec<String>,
    views: BTreeMap<String, View>,
}

impl Faults {
    /// Faults of a seed: each kind with how often it happens where it can, in a thousand.
    pub fn new(seed: u64, odds: impl IntoIterator<Item = (Fault, u16)>) -> Self {
        let state = State {
            chance: Chance::new(seed),
            met: BTreeMap::new(),
            dispatches: Vec::new(),
            late: 0,
            limits: BTreeMap::new(),
            early: Vec::new(),
            views: BTreeMap::new(),
        };
        let odds = odds.into_iter().collect();
        Self { odds, ended: AtomicBool::new(false), state: Mutex::new(state), passed: Notify::new() }
    }

    /// From now on nothing goes wrong, and every late run comes.
    pub fn end(&self) {
        self.ended.store(true, Ordering::SeqCst);
        self.passed.notify_waiters();
    }

    /// How often each kind has happened.
    pub fn met(&self) -> BTreeMap<Fault, u64> {
        self.state().met.clone()
    }

    /// The keys of all dispatches that the App asked for and was not plainly refused, whatever became of them.
    pub fn dispatches(&self) -> Vec<String> {
        self.state().dispatches.clone()
    }

    /// Runs that are late and have not come yet.
    pub fn late(&self) -> u64 {
        self.state().late
    }

    /// Whoever was told of a limit is gone, and what is begun in its place knows of none.
    pub fn forget_limits(&self) {
        self.state().limits.clear();
    }

    /// Calls of the App that came before the end of a limit it had been told of.
    pub fn early(&self) -> Vec<String> {
        self.state().early.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn has_ended(&self) -> bool {
        self.ended.load(Ordering::SeqCst)
    }

    /// Draws whether a kind happens now.
    fn strikes(&self, fault: Fault) -> bool {
        let permille = self.odds.get(&fault).copied().unwrap_or_default();
        if permille == 0 || self.has_ended() {
            return false;
        }
        let mut state = self.state();
        let strikes = state.chance.below(1_000) < u64::from(permille);
        if strikes {
            *state.met.entry(fault).or_default() += 1;
        }
        strikes
    }

    /// One of two, alike often.
    fn coin(&self) -> bool {
        self.state().chance.below(2) == 0
    }

    /// How many webhooks are passed over when the next one is sent.
    pub(crate) fn passed_over(&self) -> u32 {
        if !self.strikes(Fault::WebhookOvertaken) {
            return 0;
        }
        u32::try_from(1 + self.state().chance.below(OVERTAKEN_MAX)).unwrap_or(1)
    }

    /// How often the next webhook is sent.
    pub(crate) fn copies(&self) -> u32 {
        match (self.strikes(Fault::WebhookDropped), self.strikes(Fault::WebhookDoubled)) {
            (true, _) => 0,
            (false, true) => 2,
            (false, false) => 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_strikes_as_often_as_it_is_told_and_never_after_the_end() {
        let faults = Faults::new(1, [(Fault::AnswerLost, 250), (Fault::WebhookDropped, 1_000)]);
        for _ in 0..1_000 {
            faults.strikes(Fault::AnswerLost);
            assert!(!faults.strikes(Fault::ReadLag), "no odds, no fault");
        }
        let met = faults.met()[&Fault::AnswerLost];
        assert!((200..300).contains(&met), "{met} of 1000");
        assert_eq!((faults.copies(), faults.passed_over()), (0, 0));
        faults.end();
        assert_eq!(faults.copies(), 1);
    }
}
