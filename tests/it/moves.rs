//! The table of moves: every row is taken by some story, and no story asks for a move that is not in it.

use std::collections::BTreeSet;

use task_orchestrator::engine::task::{MOVES, Stage, Trigger};

use crate::support::TAKEN;

#[test]
fn every_row_of_the_table_is_taken_by_some_story() {
    let files = [
        crate::ends::STORIES,
        crate::faults::STORIES,
        crate::gates::STORIES,
        crate::leaving::STORIES,
        crate::lifecycle::STORIES,
        crate::people::STORIES,
        crate::pulls::STORIES,
        crate::siblings::STORIES,
        crate::turns::STORIES,
        crate::updates::STORIES,
    ];
    TAKEN.with_borrow_mut(BTreeSet::clear);
    for (_, story) in files.into_iter().flatten() {
        story();
    }
    let taken = TAKEN.with_borrow(BTreeSet::clone);
    let lacking: Vec<String> = MOVES
        .iter()
        .filter(|(from, trigger, _)| !taken.contains(&(*from, *trigger)))
        .map(|(from, trigger, to): &(Stage, Trigger, Stage)| format!("{from} {trigger} {to}"))
        .collect();
    assert!(lacking.is_empty(), "no story takes these rows: {lacking:#?}");
}
