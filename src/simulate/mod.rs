//! The simulator: one seed, one story. Engine, loop, outbox, store and GitHub's world run in one thread on virtual
//! time; every choice comes from the seed, so that a seed gives the same story to the last byte.
//!
//! What runs is the real loop (`turn`, `perform`, the engine); simulated are GitHub, people, runners, the database and
//! time. A judge with a history of its own looks at every write and every save.

mod agenda;
mod campaign;
mod coverage;
mod desk;
mod drive;
mod ending;
mod fault;
mod oracle;
mod people;
mod planted;
mod random;
mod rows;
mod runs;
mod scenario;
mod shrink;
mod upkeep;

pub use campaign::{Campaign, Found, campaign, run_caught};
pub use coverage::Coverage;
pub use fault::FaultKind;
pub use oracle::Violation;
pub use planted::Planted;
pub use scenario::{Bounds, FAULT_SECONDS_MAX};
pub use shrink::shrink;

/// What came of one seed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The seed.
    pub seed: u64,
    /// Rules that were broken.
    pub violations: Vec<Violation>,
    /// Rules looked at.
    pub checks: u64,
    /// Length of the story in seconds of its own time.
    pub seconds: u64,
    /// Which faults met tasks in which stage.
    pub coverage: Coverage,
    /// What happened, line by line, where it was asked for.
    pub log: Vec<String>,
}

/// Tells the story of a seed within bounds; `log`: line by line.
pub fn run(seed: u64, bounds: &Bounds, log: bool) -> Outcome {
    run_planted(seed, bounds, log, None)
}

/// The same with a defect of ours planted.
pub fn run_planted(seed: u64, bounds: &Bounds, log: bool, planted: Option<Planted>) -> Outcome {
    let scenario = scenario::Scenario::draw(seed, bounds);
    let told = drive::tell(scenario, &drive::Telling { log, planted, crash_at: None });
    let drive::Told { violations, checks, seconds, coverage, log, .. } = told;
    Outcome { seed, violations, checks, seconds, coverage, log }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_seeds_hold() {
        let from = std::env::var("SEED").ok().and_then(|s| s.parse().ok());
        let faults = std::env::var("FAULTS").unwrap_or_else(|_| "all".to_owned());
        let bounds = Bounds::with(FaultKind::parse_list(&faults).expect("faults"));
        let many: u64 = std::env::var("SEEDS").ok().and_then(|s| s.parse().ok()).unwrap_or(30);
        let mut bad = std::collections::BTreeMap::new();
        let started = std::time::Instant::now();
        for seed in from.map_or(0..many, |seed: u64| seed..seed + 1) {
            let outcome = run(seed, &bounds, from.is_some());
            if from.is_some() {
                for line in &outcome.log {
                    eprintln!("{line}");
                }
            }
            if let Some(first) = outcome.violations.first() {
                bad.entry(first.invariant).or_insert_with(Vec::new).push((seed, first.message.clone()));
            }
        }
        eprintln!("{:?}", started.elapsed());
        for (invariant, seeds) in &bad {
            eprintln!("{invariant}: {} seeds", seeds.len());
            for (seed, message) in seeds.iter().take(4) {
                eprintln!("   {seed}: {}", message.chars().take(700).collect::<String>());
            }
        }
        assert!(bad.is_empty());
    }
}
