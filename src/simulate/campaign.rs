//! Many seeds: told by several threads, each seed by one, and added up.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::simulate::{Bounds, Coverage, Outcome, Planted, Violation, run_planted};

/// Most violations listed: the first seeds tell the story.
const VIOLATIONS_MAX: usize = 100;

/// A violation and its seed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct Found {
    /// The seed that replays it.
    pub seed: u64,
    /// The invariant's number.
    pub invariant: &'static str,
    /// What was seen.
    pub message: String,
}

/// What many seeds came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Campaign {
    /// Seeds told.
    pub seeds: u64,
    /// Rules looked at.
    pub checks: u64,
    /// Length of all stories, in seconds of their own time.
    pub simulated_seconds: u64,
    /// Rules broken, by seed; at most a hundred.
    pub violations: Vec<Found>,
    /// Which faults met tasks in which stage.
    pub coverage: Coverage,
}

impl Campaign {
    fn add(&mut self, outcome: Outcome) {
        self.seeds += 1;
        self.checks += outcome.checks;
        self.simulated_seconds += outcome.seconds;
        self.coverage.add(&outcome.coverage);
        let seed = outcome.seed;
        let found = outcome.violations.into_iter();
        self.violations.extend(found.map(|Violation { invariant, message }| Found { seed, invariant, message }));
        if self.violations.len() > VIOLATIONS_MAX {
            self.violations.sort();
            self.violations.truncate(VIOLATIONS_MAX);
        }
    }

    fn merge(&mut self, other: Self) {
        self.seeds += other.seeds;
        self.checks += other.checks;
        self.simulated_seconds += other.simulated_seconds;
        self.coverage.add(&other.coverage);
        self.violations.extend(other.violations);
        self.violations.sort();
        self.violations.truncate(VIOLATIONS_MAX);
    }
}

/// Tells the stories of these seeds with so many threads; `told` hears how many are done.
pub fn campaign(seeds: std::ops::Range<u64>, bounds: &Bounds, threads: usize, told: impl Fn(u64) + Sync) -> Campaign {
    let next = AtomicU64::new(seeds.start);
    let sum = Mutex::new(Campaign::default());
    let work = || {
        let mut own = Campaign::default();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end {
                break;
            }
            own.add(run_caught(seed, bounds, false, None));
            told(own.seeds);
        }
        if let Ok(mut sum) = sum.lock() {
            sum.merge(own);
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(work);
        }
    });
    sum.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// A story in which a panic is a broken rule like any other.
pub fn run_caught(seed: u64, bounds: &Bounds, log: bool, planted: Option<Planted>) -> Outcome {
    let told = catch_unwind(AssertUnwindSafe(|| run_planted(seed, bounds, log, planted)));
    told.unwrap_or_else(|payload| {
        let words = payload.downcast_ref::<String>().cloned();
        let words = words.or_else(|| payload.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        let message = words.unwrap_or_else(|| "without words".to_owned());
        let violations = vec![Violation { invariant: "panic", message }];
        let (checks, seconds, coverage, log) = (0, 0, Coverage::default(), Vec::new());
        Outcome { seed, violations, checks, seconds, coverage, log }
    })
}
