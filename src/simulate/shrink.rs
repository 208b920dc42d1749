//! A smaller story that breaks the same rule: fewer kinds of faults, fewer tasks, less time.

use crate::simulate::campaign::run_caught;
use crate::simulate::{Bounds, Outcome};

/// Most stories told in search of a smaller one.
const STORIES_MAX: u32 = 120;

/// The smallest bounds found within which a seed still breaks the rule it broke, and what came of it then. `failed` is
/// what it did within `bounds`.
pub fn shrink(seed: u64, bounds: &Bounds, failed: &Outcome) -> (Bounds, Outcome) {
    let Some(rule) = failed.violations.first().map(|violation| violation.invariant) else {
        return (bounds.clone(), failed.clone());
    };
    let mut search = Search { seed, rule, left: STORIES_MAX, best: (bounds.clone(), failed.clone()) };
    for kind in bounds.faults.clone() {
        search.attempt(|bounds| bounds.faults.retain(|other| *other != kind));
    }
    while search.best.0.tasks > 1 && search.attempt(|bounds| bounds.tasks -= 1) {}
    while search.best.0.seconds > 60 && search.attempt(|bounds| bounds.seconds /= 2) {}
    search.best
}

struct Search {
    seed: u64,
    rule: &'static str,
    left: u32,
    best: (Bounds, Outcome),
}

impl Search {
    /// Tells the story within smaller bounds; they stay where the same rule is broken.
    fn attempt(&mut self, smaller: impl FnOnce(&mut Bounds)) -> bool {
        if self.left == 0 {
            return false;
        }
        self.left -= 1;
        let mut bounds = self.best.0.clone();
        smaller(&mut bounds);
        let outcome = run_caught(self.seed, &bounds, false, None);
        let same = outcome.violations.first().is_some_and(|violation| violation.invariant == self.rule);
        if same {
            self.best = (bounds, outcome);
        }
        same
    }
}
