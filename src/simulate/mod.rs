//! The simulator: one seed, one story. Engine, loop, outbox, store and GitHub's world run in one thread on virtual
//! time; every choice comes from the seed, so that a seed gives the same story to the last byte.
//!
//! What runs is the real loop (`turn`, `perform`, the engine); simulated are GitHub, people, runners, the database and
//! time. A judge with a history of its own looks at every write and every save.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "faults, planted bugs and rules each pick a few calls out of all, and let every other pass as it is"
)]

mod agenda;
mod answers;
mod campaign;
mod coverage;
mod desk;
mod drive;
mod ending;
mod exhaustive;
mod fate;
mod fault;
mod lines;
mod opening;
mod oracle;
mod people;
mod planted;
mod process;
mod races;
mod random;
mod rows;
mod runs;
mod scenario;
mod shrink;
mod signals;
mod upkeep;
mod waiting;

pub use campaign::{Campaign, Found, campaign, run_caught};
pub use coverage::Coverage;
pub use exhaustive::{Explored, First, every_order, one_fault};
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
    let told = drive::tell(scenario, &drive::Telling { log, planted, ..drive::Telling::default() });
    let drive::Told { violations, checks, seconds, coverage, log, .. } = told;
    Outcome { seed, violations, checks, seconds, coverage, log }
}

/// Tells a seed's tasks twice without any fault, once with all webhooks and once with none, and gives what differs
/// between the two ends: broken rules, and tasks that ended otherwise. Nobody acts in these stories: where either comes
/// to wait for a person, only rules count, because who waits for one holds files, and who comes to hold them first is a
/// matter of moments; then nothing is given.
pub fn deaf_differs(seed: u64) -> Option<Vec<String>> {
    let tell = |deaf: bool| {
        drive::tell(scenario::Scenario::undisturbed(seed), &drive::Telling { deaf, ..drive::Telling::default() })
    };
    let (hearing, deaf) = (tell(false), tell(true));
    let mut differs = Vec::new();
    for told in [&hearing, &deaf] {
        let broken = told.violations.iter().filter(|violation| !told.needs_person || violation.invariant != "L1");
        differs.extend(broken.map(|violation| format!("{violation:?}")));
    }
    let needs_person = hearing.needs_person || deaf.needs_person;
    if !needs_person && (hearing.ending != deaf.ending || hearing.ending.is_empty()) {
        differs.push(format!("with webhooks {:?}, without {:?}", hearing.ending, deaf.ending));
    }
    (!needs_person || !differs.is_empty()).then_some(differs)
}

/// A story in which the process dies once: before or after one boundary, a write or a save.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Crashed {
    /// Where it died.
    pub at: String,
    /// Rules that were broken.
    pub violations: Vec<Violation>,
    /// Tasks that ended otherwise than in the story without a death: so, and there.
    pub changed: Vec<String>,
}

/// Tells the canonical plan of twelve tasks in three phases once undisturbed, and then with a death before and after
/// every `stride`-th boundary. Gives how many deaths there were and those that changed anything.
pub fn crash_everywhere(stride: usize) -> (usize, Vec<Crashed>) {
    use desk::CrashAt;
    let tell = |crash_at: Option<CrashAt>| {
        drive::tell(scenario::Scenario::canonical(), &drive::Telling { crash_at, ..drive::Telling::default() })
    };
    let calm = tell(None);
    let mut wrong = Vec::new();
    if !calm.violations.is_empty() {
        wrong.push(Crashed { at: "nowhere".to_owned(), violations: calm.violations.clone(), changed: Vec::new() });
    }
    let points = (0..calm.boundaries).flat_map(|at| [CrashAt::Before(at), CrashAt::After(at)]);
    let mut deaths = 0;
    for point in points.step_by(stride.max(1)) {
        deaths += 1;
        let told = tell(Some(point));
        let otherwise = |(issue, end): &(&u64, &String)| calm.ending.get(issue) != Some(end);
        let tell = |(issue, end): (&u64, &String)| format!("#{issue} {end}, not {:?}", calm.ending.get(issue));
        let changed: Vec<String> = told.ending.iter().filter(otherwise).map(tell).collect();
        if !changed.is_empty() || told.ending.len() != calm.ending.len() || !told.violations.is_empty() {
            wrong.push(Crashed { at: format!("{point:?}"), violations: told.violations, changed });
        }
    }
    (deaths, wrong)
}
