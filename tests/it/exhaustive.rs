//! All small plans: the real loop holds in every one of them, whatever their first attempts do and whichever run ends
//! first, and the order of ends changes nothing in how a plan ends.
//!
//! Quick by default; `ORCHESTRATOR_FULL=1` tells them all.

use task_orchestrator::simulate::{Explored, every_order, one_fault};

/// Of so many plans of three tasks, and of four, the quick run tells one. Odd numbers, so that all kinds come up.
const STRIDES: (usize, usize) = (23, 251);
/// Plans of three tasks, and of four, that differ by more than names: Burnside's count over all numberings, which the
/// module's own tests work out for smaller ones.
const PLANS: (usize, usize) = (9_892, 19_476);

fn is_full() -> bool {
    std::env::var_os("ORCHESTRATOR_FULL").is_some()
}

fn holds(explored: &Explored) {
    let Explored { plans, stories, states, checks, wrong } = explored;
    println!("{plans} plans, {stories} stories, {states} states, {checks} checks, {} wrong", wrong.len());
    assert!(wrong.is_empty(), "{} wrong: {:#?}", wrong.len(), wrong.iter().take(5).collect::<Vec<_>>());
}

#[test]
fn three_tasks_hold_in_every_order_of_ends() {
    let stride = if is_full() { 1 } else { STRIDES.0 };
    let explored = every_order(stride, 2);
    holds(&explored);
    assert_eq!(explored.plans, PLANS.0.div_ceil(stride));
    assert!(explored.stories > explored.plans && explored.states > explored.plans);
}

#[test]
fn four_tasks_hold_with_one_fault() {
    let stride = if is_full() { 1 } else { STRIDES.1 };
    let explored = one_fault(stride, 2);
    holds(&explored);
    assert_eq!((explored.plans, explored.stories), (PLANS.1.div_ceil(stride), explored.plans));
}
