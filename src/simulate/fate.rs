//! What the seed lets a call or a save meet: a death, a lost answer, a refusal, the process's own account of limits.

use std::time::Duration;

use crate::engine::id::AttemptKey;
use crate::engine::time::Timestamp;
use crate::github::pace::{Limits, Pace, content};
use crate::github::{Error, Request, Response};
use crate::simulate::desk::{CrashAt, Inner};
use crate::simulate::fault::FaultKind;
use crate::simulate::lines::words;
use crate::simulate::planted::Planted;

/// How old a view of a single thing may be.
pub(super) const VIEW_LAG_MAX: Duration = Duration::from_secs(60);

/// What a call meets.
pub(super) enum Fate {
    Fine,
    Dies { after: bool },
    AnswerLost,
    Instead(Error),
}

impl Fate {
    pub(super) fn words(&self) -> &'static str {
        match self {
            Self::Fine => "",
            Self::Dies { after: false } => "dies before: ",
            Self::Dies { after: true } => "dies after: ",
            Self::AnswerLost => "answer lost: ",
            Self::Instead(_) => "refused: ",
        }
    }
}

impl Inner {
    /// What a call meets. Dying and refusals are rare by their nature: there are many calls.
    pub(super) fn fate(&mut self, write: bool) -> Fate {
        if write {
            let at = self.boundaries;
            self.boundaries += 1;
            match self.crash_at {
                Some(CrashAt::Before(planned)) if planned == at => return Fate::Dies { after: false },
                Some(CrashAt::After(planned)) if planned == at => return Fate::Dies { after: true },
                Some(_) | None => {}
            }
        }
        if !self.faulty {
            return Fate::Fine;
        }
        if self.now < self.denied_until && write {
            self.coverage.met(FaultKind::Denied, &self.oracle);
            return Fate::Instead(Error::Denied { message: "Resource not accessible by integration".to_owned() });
        }
        if self.random.chance(30) && self.meets(FaultKind::Crash) {
            return Fate::Dies { after: self.random.chance(500) };
        }
        if self.loses_database() {
            return Fate::Dies { after: self.random.chance(500) };
        }
        if write && self.random.chance(400) && self.meets(FaultKind::AnswerLost) {
            return Fate::AnswerLost;
        }
        if self.random.chance(200) && self.meets(FaultKind::CallFailed) {
            return Fate::Instead(Error::Unreachable { message: "502".to_owned() });
        }
        if self.random.chance(40) && self.meets(FaultKind::Limited) {
            let seconds = self.random.between(20, 120);
            return self.limited(Duration::from_secs(seconds));
        }
        if self.random.chance(3) && self.meets(FaultKind::LimitedLong) {
            return self.limited(Duration::from_secs(3_600));
        }
        Fate::Fine
    }

    /// Whether a script says that the answer to this is lost: a task's first dispatch.
    pub(super) fn loses_answer(&self, request: &Request) -> bool {
        let Request::DispatchWorkflow { inputs, .. } = request else { return false };
        let first = inputs.get("key").and_then(|key| AttemptKey::parse(key)).map(|key| key.id).filter(|id| id.n == 1);
        first.is_some_and(|id| self.answers_lost.contains(&id.issue.0))
    }

    /// Whether the process may ask this by its own account: what it cannot send is no call at all.
    pub(super) fn admit(&mut self, request: &Request) -> Result<(), Error> {
        let now = Timestamp(self.now.0 + self.skew);
        if self.planted == Some(Planted::BudgetIgnored) {
            return Ok(());
        }
        let admitted = self.pace.as_mut().map_or(Ok(()), |pace| pace.admit(content(request), now));
        if matches!(admitted, Err(Error::OverBudget { .. })) {
            self.coverage.met(FaultKind::RealLimits, &self.oracle);
            self.note(|| format!("put off: {}", words(request)));
        }
        admitted
    }

    /// The process began anew, or its clock jumped: it knows nothing of what it asked before.
    pub(super) fn forget_pace(&mut self) {
        self.oracle.forgot();
        if self.pace.is_some() {
            self.pace = Some(Pace::limited(Limits::TIGHT));
        }
    }

    /// How late lists may show what is young, in seconds: beyond any `probe_window`, on which no dispatch and no lock
    /// may rest. Only what a lost database held that nobody has kept yet is found within it.
    pub(super) fn longest_lag(&self) -> u64 {
        let window = self.oracle.settings.probe_window.0.as_secs();
        if self.mix.has(FaultKind::DatabaseLost) { window.max(1) } else { 120 }
    }

    /// Whether this asks for a single thing, in a story in which such views may be old.
    pub(super) fn may_show_old(&self, request: &Request) -> bool {
        let single = matches!(
            request,
            Request::Branch { .. }
                | Request::Tips { .. }
                | Request::Issue { .. }
                | Request::PullRequest { .. }
                | Request::PullsAndChecks { .. }
                | Request::Run { .. }
        );
        single && self.faulty && self.mix.has(FaultKind::ViewLag)
    }

    /// The thing as it was shown up to a minute ago, where that is met. By the end of `probe_window` what happened
    /// before its beginning is seen: on that rests who counts as having closed an issue.
    pub(super) fn old_view(&mut self, name: &str) -> Option<Response> {
        let (at, skew, view) = self.views.get(name)?.clone();
        let longest = VIEW_LAG_MAX.min(self.oracle.settings.probe_window.0);
        // By the App's own clock, too: where that jumps, the window is over early.
        let by_clock = Timestamp(self.now.0 + self.skew).since(Timestamp(at.0 + skew));
        let young = self.now.since(at) < longest && by_clock < longest && self.now > at;
        (young && self.meets(FaultKind::ViewLag)).then_some(view)
    }

    /// Whether the database is lost in the middle of a turn: the process dies with it.
    pub(super) fn loses_database(&mut self) -> bool {
        let may = self.faulty && self.losses_left > 0 && self.mix.has(FaultKind::DatabaseLost);
        let lost = may && self.random.chance(15) && self.meets(FaultKind::DatabaseLost);
        self.database_lost |= lost;
        lost
    }

    /// Whether another process takes over just now, long before this one asks.
    pub(super) fn loses_lease(&mut self) -> bool {
        let lost = !self.lease_lost && self.faulty && self.random.chance(60) && self.meets(FaultKind::LeaseLost);
        if lost {
            self.lease_lost = true;
            self.note(|| "another process has taken the lease".to_owned());
        }
        lost
    }

    /// S8: whoever has lost the lease writes and saves nothing.
    pub(super) fn must_hold_lease(&mut self, act: impl FnOnce() -> String) {
        let held = !self.lease_lost;
        self.oracle.must("S8", held, || format!("without the lease: {}", act()));
    }

    fn limited(&mut self, length: Duration) -> Fate {
        let until = self.now + length;
        Fate::Instead(Error::RateLimited { until })
    }

    /// What GitHub says, told by the orchestrator's clock.
    pub(super) fn told(&mut self, error: Error) -> Error {
        if let Error::RateLimited { until } = error {
            self.oracle.limited(until);
            if self.planted == Some(Planted::LimitIgnored) {
                return Error::Unreachable { message: "429".to_owned() };
            }
            let told = Error::RateLimited { until: Timestamp(until.0 + self.skew) };
            self.left_alone = Some((self.now, told.clone()));
            return told;
        }
        error
    }
}
