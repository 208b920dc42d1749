//! How long random plans take under the scheduler's order, simulated: the measurement that [`Candidate::place`] quotes.

use std::collections::{BTreeMap, BTreeSet};

use crate::engine::facts::{Priority, area};
use crate::engine::footprint::{Claim, Footprint, OverlapPolicy, Source, Strength};
use crate::engine::id::{IssueNumber, TaskId};
use crate::engine::overlap::LockTable;
use crate::engine::schedule::{Candidate, PASSED_OVER_MAX, pick};

const PLANS: u64 = 200;
const TASKS: u64 = 40;
const FILES: u64 = 15;
const SLOTS: usize = 8;
/// Milliseconds from a start to the end of the work, from there to a free slot, and from there to free files.
const WORK: u64 = 11_300;
const SLOT_AFTER: u64 = 600;
const FILES_AFTER: u64 = 1_600;
/// Each of these takes up to so much longer.
const SPREAD: u64 = 600;

/// Splitmix64 (Steele, Lea and Flood, 2014): the same seed gives the same plans.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }
}

struct Work {
    files: BTreeSet<u64>,
    footprint: Footprint,
    after: Option<u64>,
}

/// A quarter of the tasks have two files; a fifth wait for an earlier one.
fn plan(random: &mut Random) -> BTreeMap<u64, Work> {
    let claim = |file: &u64| Claim {
        area: area(&format!("{file}.rs")).expect("a path"),
        strength: Strength::Hard,
        source: Source::Declared,
        evidence: String::new(),
    };
    let mut plan = BTreeMap::new();
    for number in 1..=TASKS {
        let mut files = BTreeSet::from([random.below(FILES)]);
        if random.below(4) == 0 {
            files.insert(random.below(FILES));
        }
        let after = (number > 5 && random.below(5) == 0).then(|| 1 + random.below(number - 1));
        let footprint = Footprint::from_claims(files.iter().map(claim));
        plan.insert(number, Work { files, footprint, after });
    }
    plan
}

/// What frees at a moment: a slot, or the files with the task's end.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Free {
    Slot,
    Files,
}

/// The moment the last task of a plan has ended. `judges` says how much contention counts.
fn makespan(plan: &BTreeMap<u64, Work>, random: &mut Random, judges: impl Fn(u32) -> u32) -> u64 {
    let task = |number: u64| TaskId(IssueNumber(number));
    let mut paths: BTreeMap<u64, u32> = BTreeMap::new();
    for (number, work) in plan.iter().rev() {
        let path = *paths.entry(*number).or_insert(1);
        if let Some(before) = work.after {
            let longest = paths.entry(before).or_insert(1);
            *longest = (*longest).max(path + 1);
        }
    }
    let (mut open, mut ended): (BTreeSet<u64>, BTreeSet<u64>) = (plan.keys().copied().collect(), BTreeSet::new());
    let mut passed: BTreeMap<u64, u32> = BTreeMap::new();
    let mut held = LockTable::new(OverlapPolicy::Balanced);
    let none = LockTable::new(OverlapPolicy::Balanced);
    let mut due: BTreeSet<(u64, Free, u64)> = BTreeSet::new();
    let (mut slots, mut now) = (SLOTS, 0);
    loop {
        let wanted =
            |file: &u64| plan.iter().filter(|(n, work)| !ended.contains(n) && work.files.contains(file)).count();
        let ready = open.iter().filter(|number| plan[number].after.is_none_or(|before| ended.contains(&before)));
        let candidates: Vec<Candidate<'_>> = ready
            .map(|number| Candidate {
                id: task(*number),
                footprint: &plan[number].footprint,
                remaining: paths[number],
                contention: judges(plan[number].files.iter().map(wanted).map(|n| u32::try_from(n).expect("few")).sum()),
                priority: Priority::Medium,
                passed_over: passed.get(number).copied().unwrap_or_default().min(PASSED_OVER_MAX),
                waits_for_person: false,
                ready: true,
                first: false,
                holds: false,
            })
            .collect();
        let picked = pick(&candidates, &held, &none, slots, OverlapPolicy::Balanced);
        picked.passed_over.iter().for_each(|id| *passed.entry(id.0.0).or_default() += 1);
        for id in picked.start {
            let number = id.0.0;
            open.remove(&number);
            slots -= 1;
            held.insert(id, &plan[&number].footprint);
            let slot = now + WORK + SLOT_AFTER + random.below(2 * SPREAD);
            due.extend([(slot, Free::Slot, number), (slot + FILES_AFTER + random.below(SPREAD), Free::Files, number)]);
        }
        let Some((at, free, number)) = due.pop_first() else { return now };
        now = at;
        match free {
            Free::Slot => slots += 1,
            Free::Files => {
                held.remove(task(number));
                ended.insert(number);
            }
        }
    }
}

#[test]
fn contended_tasks_first_end_plans_sooner() {
    let total = |judges: fn(u32) -> u32| {
        let mut random = Random(1);
        (0..PLANS).map(|_| makespan(&plan(&mut random), &mut Random(7), judges)).sum::<u64>() / PLANS
    };
    let (counted, ignored) = (total(|contention| contention), total(|_| 0));
    assert!(counted * 100 <= ignored * 97, "with contention {counted} ms, without {ignored} ms");
}
