//! Who starts when: hard and soft meetings, doors, late joiners, slots.

use proptest::prelude::*;

use crate::engine::facts::{Priority, area};
use crate::engine::footprint::{Claim, Footprint, OverlapPolicy, Source, Strength};
use crate::engine::id::{IssueNumber, TaskId};
use crate::engine::overlap::{LockTable, meeting};
use crate::engine::schedule::{Candidate, PASSED_OVER_MAX, Picked, pick};

fn task(number: u64) -> TaskId {
    TaskId(IssueNumber(number))
}

/// Declares files; one with `~` before it is only mentioned.
fn footprint(files: &str) -> Footprint {
    Footprint::from_claims(files.split_whitespace().map(|file| {
        let (path, strength, source) = match file.strip_prefix('~') {
            Some(path) => (path, Strength::Soft, Source::Inferred),
            None => (file, Strength::Hard, Source::Declared),
        };
        Claim { area: area(path).expect("a path"), strength, source, evidence: String::new() }
    }))
}

fn candidate(number: u64, footprint: &Footprint) -> Candidate<'_> {
    Candidate {
        id: task(number),
        footprint,
        remaining: 1,
        contention: 1,
        priority: Priority::Medium,
        passed_over: 0,
        waits_for_person: false,
        ready: true,
        first: false,
        holds: false,
    }
}

fn table(entries: &[(u64, &Footprint)], policy: OverlapPolicy) -> LockTable {
    let mut table = LockTable::new(policy);
    for (number, footprint) in entries {
        table.insert(task(*number), footprint);
    }
    table
}

fn run(candidates: &[Candidate<'_>], held: &[(u64, &Footprint)], slots: usize) -> Picked {
    let policy = OverlapPolicy::Balanced;
    let held = table(held, policy);
    pick(candidates, &held, &held, slots, policy)
}

fn numbers(tasks: &[TaskId]) -> Vec<u64> {
    tasks.iter().map(|task| task.0.0).collect()
}

#[test]
fn a_hard_meeting_excludes_and_says_over_what() {
    let [a, b] = ["a.rs", "b.rs"].map(footprint);
    let picked = run(&[candidate(1, &a), candidate(2, &a), candidate(3, &b), candidate(4, &b)], &[(9, &b)], 8);
    assert_eq!(numbers(&picked.start), [1]);
    assert_eq!(numbers(&picked.passed_over), [2]);
    let waits: Vec<(u64, u64, &str)> =
        picked.waits.iter().map(|(id, wait)| (id.0.0, wait.holder.0.0, wait.meeting.path.as_str())).collect();
    assert_eq!(waits, [(2, 1, "a.rs"), (3, 9, "b.rs"), (4, 9, "b.rs")]);
}

#[test]
fn a_retry_is_not_kept_by_its_own_lock_and_who_is_not_ready_is_not_looked_at() {
    let a = footprint("a.rs");
    let waiting = Candidate { ready: false, ..candidate(2, &a) };
    let picked = run(&[candidate(1, &a), waiting], &[(1, &a)], 8);
    assert_eq!((numbers(&picked.start), picked.waits.len(), picked.passed_over.len()), (vec![1], 0, 0));
}

#[test]
fn the_longest_path_goes_first_then_priority_then_age() {
    let files: Vec<Footprint> = (0..4).map(|i| footprint(&format!("f{i}.rs"))).collect();
    let candidates = [
        candidate(1, &files[0]),
        Candidate { priority: Priority::High, ..candidate(2, &files[1]) },
        Candidate { remaining: 4, ..candidate(3, &files[2]) },
        Candidate { first: true, ..candidate(4, &files[3]) },
    ];
    assert_eq!(numbers(&run(&candidates, &[], 8).start), [4, 3, 2, 1]);
    assert_eq!(numbers(&run(&candidates, &[], 2).start), [4, 3]);
    assert_eq!(numbers(&run(&candidates, &[], 0).start), Vec::<u64>::new());
}

#[test]
fn a_soft_meeting_keeps_apart_but_never_idles_a_slot() {
    let [soft, hard, other] = ["~a.rs", "a.rs", "b.rs"].map(footprint);
    let candidates = [candidate(1, &soft), candidate(2, &other)];
    let picked = run(&candidates, &[(9, &hard)], 1);
    assert_eq!(numbers(&picked.start), [2]);
    assert_eq!(picked.waits[&task(1)].meeting.strength, Strength::Soft);
    assert_eq!(numbers(&picked.passed_over), Vec::<u64>::new());
    assert_eq!(numbers(&run(&candidates, &[(9, &hard)], 2).start), [2, 1]);
}

#[test]
fn unknown_footprints_run_beside_others_unless_the_policy_is_strict() {
    let [unknown, known] = ["", "a.rs"].map(footprint);
    let candidates = [candidate(1, &unknown), candidate(2, &known)];
    assert_eq!(numbers(&run(&candidates, &[], 2).start), [1, 2]);
    let none = LockTable::new(OverlapPolicy::Strict);
    let picked = pick(&candidates, &none, &none, 2, OverlapPolicy::Strict);
    assert_eq!((numbers(&picked.start), numbers(&picked.passed_over)), (vec![1], vec![2]));
}

#[test]
fn a_closed_door_lets_nobody_by_who_meets_it() {
    let [wide, a, b, c] = ["src/", "src/a.rs", "src/b.rs", "c.rs"].map(footprint);
    let door = Candidate { passed_over: PASSED_OVER_MAX, ..candidate(5, &wide) };
    let others = || [candidate(1, &b), candidate(2, &c)];
    let mut candidates = others().to_vec();
    candidates.push(door.clone());
    let picked = run(&candidates, &[(9, &a)], 8);
    assert_eq!(numbers(&picked.start), [2]);
    assert_eq!((picked.waits[&task(1)].holder, picked.waits[&task(5)].holder), (task(5), task(9)));
    assert_eq!(numbers(&run(&candidates, &[], 8).start), [5, 2]);

    let mut open = others().to_vec();
    open.push(Candidate { waits_for_person: true, ..door.clone() });
    assert_eq!(numbers(&run(&open, &[(9, &a)], 8).start), [1, 2]);

    let mut young = others().to_vec();
    young.push(Candidate { passed_over: PASSED_OVER_MAX - 1, ..door });
    let picked = run(&young, &[(9, &a)], 8);
    assert_eq!((numbers(&picked.start), numbers(&picked.passed_over)), (vec![1, 2], vec![5]));
}

#[test]
fn a_closed_door_does_not_keep_the_task_it_waits_for_from_its_retry() {
    let (a, ab) = (footprint("a.rs"), footprint("a.rs b.rs"));
    let door = Candidate { passed_over: PASSED_OVER_MAX, ..candidate(1, &ab) };
    let retry = Candidate { holds: true, first: true, ..candidate(2, &a) };
    let picked = run(&[door, retry], &[(2, &a)], 8);
    assert_eq!(numbers(&picked.start), [2]);
}

#[test]
fn of_two_closed_doors_that_meet_the_first_goes_first() {
    let [wide, a] = ["src/", "src/a.rs"].map(footprint);
    let closed = |number, footprint| Candidate { passed_over: 9, ..candidate(number, footprint) };
    assert_eq!(numbers(&run(&[closed(2, &a), closed(1, &wide)], &[], 8).start), [1]);
    let b = footprint("src/b.rs");
    assert_eq!(numbers(&run(&[closed(2, &a), closed(1, &wide)], &[(9, &b)], 8).start), Vec::<u64>::new());
}

proptest! {
    #[test]
    fn nothing_that_meets_hard_ever_runs_together_and_no_slot_idles(
        files in proptest::collection::vec("(~?[abc]( ~?(d/|d/[xy]))?)?", 1..14),
        held in proptest::collection::vec("[abc]", 0..2),
        slots in 0_usize..6,
    ) {
        let policy = OverlapPolicy::Balanced;
        let prints: Vec<Footprint> = files.iter().map(|text| footprint(text)).collect();
        let locks: Vec<Footprint> = held.iter().map(|text| footprint(text)).collect();
        let passed_over = |number| number as u32 % 7;
        let candidates: Vec<Candidate<'_>> = (1..)
            .zip(&prints)
            .map(|(number, print)| Candidate { passed_over: passed_over(number), ..candidate(number, print) })
            .collect();
        let holders: Vec<(u64, &Footprint)> = (100..).zip(&locks).collect();
        let picked = run(&candidates, &holders, slots);
        let hard = |a: &Footprint, b: &Footprint| {
            meeting(a, b, policy).is_some_and(|found| found.strength == Strength::Hard)
        };
        let print = |id: TaskId| &prints[id.0.0 as usize - 1];
        prop_assert!(picked.start.len() <= slots);
        for (place, id) in picked.start.iter().enumerate() {
            prop_assert!(locks.iter().all(|lock| !hard(lock, print(*id))));
            prop_assert!(picked.start[..place].iter().all(|other| !hard(print(*other), print(*id))));
        }
        if picked.start.len() < slots {
            let idle = candidates.iter().filter(|candidate| !picked.start.contains(&candidate.id));
            for candidate in idle {
                let wait = picked.waits.get(&candidate.id);
                prop_assert!(wait.is_some_and(|wait| wait.meeting.strength == Strength::Hard));
            }
        }
    }
}
