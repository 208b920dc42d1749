//! What must hold when the faults have stopped and the story has come to rest.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::engine::draft::Draft;
use crate::engine::task::{Stage, Task};
use crate::engine::waits;
use crate::simulate::drive::{BOT, Simulation};
use crate::simulate::oracle::{last_words, no_tick_is_lost, nothing_stands_twice};

/// Heartbeats during which a quiet plan must write nothing.
const QUIET_BEATS: u32 = 3;
/// For so long what a person did last is still followed up: the grace of a pull request without checks, what waits for
/// that grace, and the plan that is kept soon after.
const FOLLOWED_FOR: Duration = Duration::from_secs(20 * 60);

/// Most entries of the outbox that a complaint names.
const NAMED_MAX: usize = 12;

/// Looks at how the story ended.
pub(super) fn check(simulation: &mut Simulation) {
    everything_is_settled(simulation);
    if !simulation.desk.locked().oracle.violations.is_empty() {
        return;
    }
    quiet_writes_nothing(simulation);
    let desk = simulation.desk.clone();
    let inner = &mut *desk.locked();
    no_tick_is_lost(&mut inner.oracle);
    simulation.forge.look(|world, repository| {
        nothing_stands_twice(&mut inner.oracle, world, BOT);
        last_words(&mut inner.oracle, world, repository);
    });
}

/// L1: with a maintainer who does what the tracking issue asks for, every task is settled within the bound, and the
/// plan is over.
fn everything_is_settled(simulation: &Simulation) {
    let ended = simulation.has_ended();
    let mut inner = simulation.desk.locked();
    let open: Vec<String> = inner
        .oracle
        .tasks
        .values()
        .filter(|task| task.verdict.is_none() || task.has_open_pull())
        .map(|task| {
            let (hold, live) = (&task.hold, task.live().map(|attempt| (attempt.id, attempt.stand, attempt.fence)));
            let pull = task.pull.as_ref().map(|pull| (pull.number, pull.open, pull.checks.clone(), pull.mergeable));
            let waits = waits_of(simulation, task);
            format!(
                "{} {} {:?} {hold:?} {live:?} {pull:?} left {} not before {} waits for {waits}",
                task.id, task.stage, task.verdict, task.left, task.not_before
            )
        })
        .collect();
    let status = inner.oracle.header.as_ref().map(|header| header.status);
    let outbox: Vec<String> =
        simulation.held.iter().flat_map(|held| held.plan.outbox.keys()).map(|k| k.0.clone()).take(NAMED_MAX).collect();
    inner.oracle.must("L1", ended && outbox.is_empty(), || {
        format!("the plan is {status:?} long after the last fault; open: {open:?}; outbox: {outbox:?}")
    });
}

/// What the engine says a task waits for, to be read by people only.
fn waits_of(simulation: &Simulation, task: &Task) -> String {
    let Some(held) = &simulation.held else { return String::new() };
    let draft = Draft::view(&held.plan, simulation.now);
    format!("{:?}", waits::waits(&draft, &waits::locks(&draft), task))
}

/// L7: a plan at rest writes nothing.
fn quiet_writes_nothing(simulation: &mut Simulation) {
    let until = simulation.now + FOLLOWED_FOR;
    while simulation.now < until {
        simulation.beat();
    }
    let before = simulation.desk.locked().writes;
    for _ in 0..QUIET_BEATS {
        simulation.beat();
    }
    let mut inner = simulation.desk.locked();
    let after = inner.writes;
    inner.oracle.must("L7", before == after, || format!("a plan at rest wrote {} times", after - before));
}

/// Each task's verdict and its agents' failures, for comparisons of two tellings.
pub(super) fn ending(simulation: &Simulation) -> BTreeMap<u64, String> {
    let inner = simulation.desk.locked();
    let tasks = inner.oracle.tasks.values();
    tasks
        .map(|task| {
            let verdict = task.verdict.map_or_else(|| "open".to_owned(), |verdict| verdict.to_string());
            let merged = if task.stage == Stage::Merged { " merged" } else { "" };
            // A dispatch that was never sent looks like a lost one, and counts as such: no part of how a task ends.
            (task.issue().0, format!("{verdict}{merged}, {} failures", task.counters.failures))
        })
        .collect()
}
