//! When something under way is to be stopped: by a cancelled run, by its limits, or by the forge's own end.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use crate::forge::runner::launch::{Stop, Stops};

/// How long steps that run in spite of a cancelled job may take together, as on GitHub.
const AFTER_CANCEL: Duration = Duration::from_secs(5 * 60);

/// What a run or job is told from outside. Only ever grows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Interrupt {
    /// Go on.
    #[default]
    None,
    /// End, but for what runs always.
    Cancel,
    /// End at once.
    Force,
    /// End at once and report nothing: the forge itself ends.
    Abandon,
}

/// A job's view of it, with its limits.
#[derive(Debug)]
pub(super) struct Interruption {
    told: watch::Receiver<Interrupt>,
    /// When the job's time is up.
    job_until: Instant,
    cancelled_at: Option<Instant>,
    /// The job was cancelled because its time was up.
    pub(super) job_timed_out: bool,
}

impl Interruption {
    /// Of something that begins now.
    pub(super) fn new(told: watch::Receiver<Interrupt>, limit: Duration) -> Self {
        Self { told, job_until: Instant::now() + limit, cancelled_at: None, job_timed_out: false }
    }

    /// Takes notice of what has happened up to now; whether the job is cancelled.
    pub(super) fn is_cancelled(&mut self) -> bool {
        let now = Instant::now();
        if self.cancelled_at.is_none() && (self.told() >= Interrupt::Cancel || self.job_until <= now) {
            self.job_timed_out = self.told() == Interrupt::None;
            self.cancelled_at = Some(now);
        }
        self.cancelled_at.is_some()
    }

    /// Whether nothing more may run, not even what runs always.
    pub(super) fn is_over(&self) -> bool {
        let spent = self.cancelled_at.is_some_and(|at| at + AFTER_CANCEL <= Instant::now());
        spent || self.told() >= Interrupt::Force
    }

    /// Whether nothing is to be reported any more.
    pub(super) fn is_abandoned(&self) -> bool {
        self.told() == Interrupt::Abandon
    }

    fn told(&self) -> Interrupt {
        // Whoever would tell is gone: so is the forge.
        if self.told.has_changed().is_err() { Interrupt::Abandon } else { *self.told.borrow() }
    }

    /// For one step: `goes_on` says whether it runs on when the job is cancelled.
    pub(super) fn step(&mut self, limit: Option<Duration>, goes_on: bool) -> StepInterruption<'_> {
        let was_cancelled = self.is_cancelled();
        let until = limit.map(|limit| Instant::now() + limit);
        StepInterruption { job: self, until, ignores_cancel: goes_on || was_cancelled, cause: None, is_killed: false }
    }
}

/// Why a step was stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// The job was cancelled.
    Cancelled,
    /// The step's own time was up.
    TimedOut,
}

/// One step's view.
#[derive(Debug)]
pub(super) struct StepInterruption<'a> {
    job: &'a mut Interruption,
    until: Option<Instant>,
    ignores_cancel: bool,
    /// Why it was stopped, if it was.
    pub(super) cause: Option<Cause>,
    is_killed: bool,
}

impl StepInterruption<'_> {
    fn look(&mut self) -> Option<Stop> {
        let cancelled = self.job.is_cancelled();
        if self.job.is_over() && !self.is_killed {
            self.is_killed = true;
            self.cause = self.cause.or(Some(Cause::Cancelled));
            return Some(Stop::Now);
        }
        let timed_out = self.until.is_some_and(|until| until <= Instant::now());
        self.cause = match self.cause {
            Some(_) => return None,
            None if timed_out => Some(Cause::TimedOut),
            None if cancelled && !self.ignores_cancel => Some(Cause::Cancelled),
            None => return None,
        };
        Some(Stop::Ask)
    }

    /// The next moment at which time alone changes something.
    fn wake(&self) -> Option<Instant> {
        let job = match self.job.cancelled_at {
            None => Some(self.job.job_until),
            Some(at) => (!self.is_killed).then(|| at + AFTER_CANCEL),
        };
        let step = self.until.filter(|_| self.cause.is_none());
        job.into_iter().chain(step).min()
    }
}

impl Stops for StepInterruption<'_> {
    async fn next(&mut self) -> Stop {
        loop {
            if let Some(stop) = self.look() {
                return stop;
            }
            let wake = self.wake();
            let is_alone = self.job.told.has_changed().is_err();
            tokio::select! {
                _ = self.job.told.changed(), if !is_alone => {}
                () = tokio::time::sleep_until(wake.unwrap_or_else(Instant::now)), if wake.is_some() => {}
                else => std::future::pending().await,
            }
        }
    }
}
