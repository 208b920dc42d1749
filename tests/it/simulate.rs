//! The simulator: it holds, it repeats itself to the byte, it sees planted bugs, and a death anywhere changes nothing.
//!
//! Quick by default; `ORCHESTRATOR_FULL=1` tells more stories, and `script/test --full` many more by the optimised
//! program.

use std::collections::BTreeMap;

use strum::IntoEnumIterator as _;
use task_orchestrator::simulate::{
    Bounds, FaultKind, Planted, campaign, crash_everywhere, deaf_differs, run, run_caught,
};

/// Seeds within which every planted bug must be caught.
const CAUGHT_WITHIN: u64 = 1_000;
/// Seeds of the quick run, and how many bugs they must catch at least.
const QUICK: (u64, usize) = (20, 30);

fn everything() -> Bounds {
    Bounds::with(FaultKind::iter().collect())
}

fn is_full() -> bool {
    std::env::var_os("ORCHESTRATOR_FULL").is_some()
}

pub(crate) fn no_seed_breaks_a_rule() {
    let seeds = if is_full() { 5_000 } else { 400 };
    let found = campaign(0..seeds, &everything(), 2, |_| {});
    assert!(found.violations.is_empty(), "{:#?}", found.violations.iter().take(5).collect::<Vec<_>>());
    assert_eq!(found.seeds, seeds);
}

pub(crate) fn no_webhook_at_all_is_as_good() {
    let bounds = Bounds::with(vec![FaultKind::WebhookDropped, FaultKind::AgentFails, FaultKind::People]);
    let found = campaign(0..if is_full() { 1_000 } else { 60 }, &bounds, 2, |_| {});
    assert!(found.violations.is_empty(), "{:#?}", found.violations.iter().take(5).collect::<Vec<_>>());
}

pub(crate) fn a_plan_that_hears_nothing_ends_as_one_that_hears_all() {
    let seeds = if is_full() { 2_000 } else { 200 };
    let compared: Vec<(u64, Vec<String>)> = (0..seeds).filter_map(|seed| Some((seed, deaf_differs(seed)?))).collect();
    let differing: Vec<_> = compared.iter().filter(|(_, differs)| !differs.is_empty()).collect();
    assert!(differing.is_empty(), "{} seeds: {:#?}", differing.len(), differing.iter().take(5).collect::<Vec<_>>());
    println!("{} of {seeds} plans wait for no person", compared.len());
    assert!(compared.len() as u64 * 2 > seeds, "{} of {seeds} plans wait for no person", compared.len());
}

pub(crate) fn a_seed_gives_the_same_bytes_twice() {
    for seed in 0..if is_full() { 100 } else { 12 } {
        let (one, other) = (run(seed, &everything(), true), run(seed, &everything(), true));
        assert!(!one.log.is_empty());
        assert_eq!(one, other, "seed {seed}");
    }
}

pub(crate) fn every_planted_bug_is_caught() {
    let (within, least) = if is_full() { (CAUGHT_WITHIN, Planted::iter().len()) } else { QUICK };
    let mut caught: BTreeMap<String, u64> = BTreeMap::new();
    for bug in Planted::iter() {
        let rules = rules_of(bug);
        let broken = |seed: u64, bug: Option<Planted>| run_caught(seed, &everything(), false, bug).violations;
        let shows = |seed: u64| broken(seed, Some(bug)).iter().any(|found| rules.contains(&found.invariant));
        // A seed that breaks a rule by itself shows nothing.
        let seed = (0..within).find(|seed| shows(*seed) && broken(*seed, None).is_empty());
        caught.extend(seed.map(|seed| (bug.to_string(), seed)));
    }
    println!("{caught:#?}");
    assert!(caught.len() >= least, "{} of {} planted bugs were seen", caught.len(), Planted::iter().len());
}

/// The rules that a planted bug breaks, as the document of promises names them.
fn rules_of(bug: Planted) -> Vec<&'static str> {
    let row = include_str!("../../docs/reliability.md").lines().find(|line| line.starts_with(&format!("| `{bug}` | ")));
    let rules = row.and_then(|row| row.trim_end_matches(" |").rsplit(" | ").next()).expect("a row with its rules");
    rules.split(", ").collect()
}

/// Rules on waiting are looked at late in a story, where other rules would mostly see a defect first: each, and the one
/// on the lease, is shown by a defect that it is the one to see.
pub(crate) fn every_rule_on_waiting_sees_a_planted_bug() {
    let aimed = [
        ("S8", Planted::LeaseNotAsked),
        ("L3", Planted::ResultsUnread),
        ("L4", Planted::StallsIgnored),
        ("L6", Planted::FootprintsUnread),
        ("L8", Planted::SlotsUnused),
    ];
    for (rule, bug) in aimed {
        let breaks = |seed: u64, bug: Option<Planted>| {
            let outcome = run_caught(seed, &everything(), false, bug);
            outcome.violations.iter().any(|violation| violation.invariant == rule)
        };
        let seed = (0..CAUGHT_WITHIN).find(|seed| breaks(*seed, Some(bug)) && !breaks(*seed, None));
        println!("{bug} breaks {rule} in seed {seed:?}");
        assert!(seed.is_some(), "{bug} never breaks {rule}");
    }
}

/// Only some seeds plan: the rules on planner runs are shown by defects that they are the ones to see.
pub(crate) fn every_rule_on_planner_runs_sees_a_planted_bug() {
    let aimed = [("S30", Planted::AnswerUnchecked), ("S30", Planted::PlannedAgain), ("S9", Planted::PlannerCounted)];
    for (rule, bug) in aimed {
        let breaks = |seed: u64, bug: Option<Planted>| {
            let outcome = run_caught(seed, &everything(), false, bug);
            outcome.violations.iter().any(|violation| violation.invariant == rule)
        };
        let seed = (1..CAUGHT_WITHIN).step_by(4).find(|seed| breaks(*seed, Some(bug)) && !breaks(*seed, None));
        println!("{bug} breaks {rule} in seed {seed:?}");
        assert!(seed.is_some(), "{bug} never breaks {rule}");
    }
}

pub(crate) fn a_death_anywhere_changes_nothing_in_the_end() {
    let (deaths, wrong) = crash_everywhere(if is_full() { 1 } else { 19 });
    assert!(wrong.is_empty(), "{deaths} deaths: {:#?}", wrong.iter().take(5).collect::<Vec<_>>());
    assert!(deaths > if is_full() { 400 } else { 20 }, "{deaths}");
}

/// What the document of promises says is what there is.
pub(crate) fn every_fault_and_every_planted_bug_has_its_row() {
    let text = include_str!("../../docs/reliability.md");
    let names = FaultKind::iter().map(|kind| kind.to_string()).chain(Planted::iter().map(|bug| bug.to_string()));
    let missing: Vec<String> = names.filter(|name| !text.contains(&format!("\n| `{name}` | "))).collect();
    assert!(missing.is_empty(), "docs/reliability.md lacks {missing:?}");
    let numbers = (1..=29).map(|number| format!("S{number}")).chain((1..=8).map(|number| format!("L{number}")));
    let missing: Vec<String> = numbers.filter(|number| !text.contains(&format!("\n| {number} | "))).collect();
    assert!(missing.is_empty(), "docs/reliability.md lacks {missing:?}");
}

stories! {
    every_fault_and_every_planted_bug_has_its_row,
    no_seed_breaks_a_rule,
    no_webhook_at_all_is_as_good,
    a_plan_that_hears_nothing_ends_as_one_that_hears_all,
    a_seed_gives_the_same_bytes_twice,
    every_planted_bug_is_caught,
    every_rule_on_waiting_sees_a_planted_bug,
    every_rule_on_planner_runs_sees_a_planted_bug,
    a_death_anywhere_changes_nothing_in_the_end,
}
