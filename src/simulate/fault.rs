//! What may go wrong, and how often it does in one seed.

use strum::IntoEnumIterator as _;

use crate::simulate::random::Random;

/// A kind of fault. `docs/reliability.md` describes each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, strum::Display, strum::EnumString, strum::EnumIter)]
#[strum(serialize_all = "snake_case")]
pub enum FaultKind {
    /// A webhook never comes (F1).
    WebhookDropped,
    /// A webhook comes several times under one GUID (F2).
    WebhookDoubled,
    /// A webhook comes late, after younger ones (F3).
    WebhookDelayed,
    /// A webhook comes again hours later (F4).
    WebhookAgain,
    /// A call is carried out and its answer is lost (F5).
    AnswerLost,
    /// A call fails without effect (F6).
    CallFailed,
    /// GitHub asks to wait for a minute or so (F6).
    Limited,
    /// GitHub makes two runs of one dispatch (F7).
    RunDoubled,
    /// Lists do not show what is young (F8).
    ReadLag,
    /// A list misses an entry that is there (F9).
    ListShift,
    /// The orchestrator dies at a call or a save (F10).
    Crash,
    /// The database refuses a save (F10).
    SaveFails,
    /// The orchestrator's clock is off, and jumps (F13).
    ClockSkew,
    /// A run is lost, cancelled or cannot be set up (F14).
    RunFails,
    /// A run shows no progress for long and ends late (F15).
    RunStalls,
    /// A run stays queued, whatever is asked of it (F16).
    Ghost,
    /// A run that GitHub gave up goes on working (F17).
    Zombie,
    /// A queued run is dropped (F18).
    RunDropped,
    /// The App may not write for a while (F19).
    Denied,
    /// People act behind our back: merge, close, push, unlabel, edit, delete, reopen (F20).
    People,
    /// A person ticks a box between our read and our write (F21).
    TickRace,
    /// The agent touches files it did not declare (F22).
    OutsideScope,
    /// The base branch moves (F23).
    BaseMoves,
    /// Issues join while others run (F24).
    TaskAdded,
    /// A task is cancelled while its dispatch is under way (F25).
    CancelInFlight,
    /// Agents fail, ask, or change nothing (F14, F26).
    AgentFails,
    /// GitHub's own limits are in force (F27).
    RealLimits,
    /// GitHub lets nothing through for an hour (F28).
    LimitedLong,
    /// An issue whose text is hostile to a parser (F30).
    PoisonIssue,
    /// The heartbeat is late or misses beats (F31).
    TickMissed,
    /// Checks are red, late, or run again (F32).
    ChecksRed,
    /// A person pushes between our read and our write (F20).
    PushRace,
    /// The database is gone, between two turns or in the middle of one (F33).
    DatabaseLost,
    /// A branch, an issue, a pull request or a run is shown as it was up to a minute ago (F8).
    ViewLag,
    /// Another process takes the plan over while this one believes it holds it (F11, F12).
    LeaseLost,
}

impl FaultKind {
    /// The kinds in `list`, comma-separated; `all` for every one.
    ///
    /// # Errors
    /// The name that is none, with those that are.
    pub fn parse_list(list: &str) -> Result<Vec<Self>, String> {
        if list.trim() == "all" {
            return Ok(Self::iter().collect());
        }
        let names = list.split(',').map(str::trim).filter(|name| !name.is_empty() && *name != "none");
        names.map(|name| name.parse().map_err(|_| unknown(name))).collect()
    }
}

fn unknown(name: &str) -> String {
    let known: Vec<String> = FaultKind::iter().map(|kind| kind.to_string()).collect();
    format!("`{name}` is no fault; write `all`, `none`, or some of: {}", known.join(", "))
}

/// How often each kind happens in a seed, in thousandths of its occasions; 0: never.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Mix(Vec<u16>);

impl Mix {
    /// A mix over the kinds that are allowed: each is off in most seeds, and strong in some, so that rare meetings
    /// come about.
    pub(super) fn draw(random: &mut Random, allowed: &[FaultKind]) -> Self {
        let calm = random.chance(60);
        let share = *random.pick(&[120_u16, 250, 400, 650]);
        let mix = FaultKind::iter().map(|kind| {
            let (on, strength) = (random.chance(share), *random.pick(&[15_u16, 50, 120, 250, 500]));
            if on && !calm && allowed.contains(&kind) { strength } else { 0 }
        });
        Self(mix.collect())
    }

    /// How often a kind happens.
    pub(super) fn of(&self, kind: FaultKind) -> u16 {
        self.0.get(kind as usize).copied().unwrap_or_default()
    }

    /// Whether nothing goes wrong at all.
    pub(super) fn is_calm(&self) -> bool {
        self.0.iter().all(|often| *often == 0)
    }

    /// Whether a kind happens at all.
    pub(super) fn has(&self, kind: FaultKind) -> bool {
        self.of(kind) > 0
    }

    /// The kinds that happen.
    #[cfg(test)]
    fn kinds(&self) -> Vec<FaultKind> {
        FaultKind::iter().filter(|kind| self.has(*kind)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_name_kinds_and_say_what_there_is() {
        let three = vec![FaultKind::Crash, FaultKind::Ghost, FaultKind::WebhookDropped];
        assert_eq!(FaultKind::parse_list("crash, ghost,webhook_dropped"), Ok(three));
        assert_eq!(FaultKind::parse_list("all").map(|all| all.len()), Ok(FaultKind::iter().len()));
        assert_eq!(FaultKind::parse_list("none"), Ok(vec![]));
        assert!(FaultKind::parse_list("crash,flood").is_err_and(|error| error.contains("`flood`")));
    }

    #[test]
    fn a_mix_has_only_what_is_allowed_and_every_kind_comes_up() {
        let mut seen = std::collections::BTreeSet::new();
        for seed in 0..200 {
            let mix = Mix::draw(&mut Random::new(seed), &[FaultKind::Crash, FaultKind::Ghost]);
            assert!(mix.kinds().iter().all(|kind| matches!(kind, FaultKind::Crash | FaultKind::Ghost)));
            let all: Vec<FaultKind> = FaultKind::iter().collect();
            seen.extend(Mix::draw(&mut Random::new(seed), &all).kinds());
        }
        assert_eq!(seen.len(), FaultKind::iter().len());
    }
}
