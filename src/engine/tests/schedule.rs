//! The naive scheduler: lists instead of tables, each candidate against everybody.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use crate::engine::footprint::{Footprint, OverlapPolicy, Strength};
use crate::engine::id::TaskId;
use crate::engine::schedule::Candidate;
use crate::engine::tests::areas::meet;

/// A task and what it touches.
pub(in crate::engine) type Holder = (TaskId, Footprint);

/// What the naive scheduler says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::engine) struct Answer {
    pub(in crate::engine) start: Vec<TaskId>,
    pub(in crate::engine) passed_over: Vec<TaskId>,
    /// Who waits, and for any of whom.
    pub(in crate::engine) waits: BTreeMap<TaskId, BTreeSet<TaskId>>,
}

/// Who is asked, against whom.
pub(in crate::engine) struct Naive<'a> {
    pub(in crate::engine) candidates: Vec<Candidate<'a>>,
    pub(in crate::engine) held: Vec<Holder>,
    pub(in crate::engine) running: Vec<Holder>,
    pub(in crate::engine) slots: usize,
    pub(in crate::engine) policy: OverlapPolicy,
}

impl Naive<'_> {
    /// Those of some that a candidate meets at least so hard, itself left out.
    fn met<'h>(
        &self,
        one: &Candidate<'_>,
        others: impl Iterator<Item = &'h Holder>,
        least: Strength,
    ) -> BTreeSet<TaskId> {
        let others = others.filter(|(id, _)| *id != one.id);
        let meets = |footprint: &Footprint| meet(one.footprint, footprint, self.policy).map(|met| met.strength);
        others.filter(|(_, footprint)| meets(footprint) >= Some(least)).map(|(id, _)| *id).collect()
    }

    /// Who starts: late joiners first, then those passed over too often, then the longest path, priority, age. A hard
    /// meeting excludes, with what is held, what was just picked, and who waits at a closed door; a soft one puts a
    /// candidate behind all others.
    pub(in crate::engine) fn answer(&self) -> Answer {
        let mut ready: Vec<&Candidate<'_>> = self.candidates.iter().filter(|candidate| candidate.ready).collect();
        let door = |candidate: &Candidate<'_>| candidate.passed_over >= 5 && !candidate.waits_for_person;
        ready.sort_by_key(|one| {
            let path = (Reverse(one.remaining + one.contention), Reverse(one.remaining));
            (Reverse(one.first), Reverse(door(one)), path, one.priority, one.id)
        });
        let mut answer = Answer::default();
        let mut picked: Vec<Holder> = Vec::new();
        let mut shut_out: BTreeSet<TaskId> = BTreeSet::new();
        let mut later: Vec<&Candidate<'_>> = Vec::new();
        let mut rest = ready.iter().copied();
        for second_look in [false, true] {
            let round: Vec<&Candidate<'_>> =
                if second_look { std::mem::take(&mut later) } else { rest.by_ref().collect() };
            for one in round {
                if answer.start.len() == self.slots && !second_look {
                    break;
                }
                let doors = ready.iter().filter(|other| door(other) && !answer.start.contains(&other.id));
                let doors = doors.filter(|other| !door(one) || shut_out.contains(&other.id));
                let doors: Vec<Holder> = doors.map(|other| (other.id, other.footprint.clone())).collect();
                let mut by = self.met(one, picked.iter(), Strength::Hard);
                if !one.holds {
                    by.extend(self.met(one, self.held.iter().chain(&doors), Strength::Hard));
                }
                if !by.is_empty() {
                    answer.waits.insert(one.id, by);
                    if door(one) {
                        shut_out.insert(one.id);
                    }
                    continue;
                }
                let soft = self.met(one, self.running.iter().chain(&picked), Strength::Soft);
                if soft.is_empty() || second_look && answer.start.len() < self.slots {
                    answer.start.push(one.id);
                    picked.push((one.id, one.footprint.clone()));
                } else if second_look {
                    answer.waits.insert(one.id, soft);
                } else {
                    later.push(one);
                }
            }
        }
        let passed = |one: &&&Candidate<'_>| {
            !answer.start.contains(&one.id) && !self.met(one, picked.iter(), Strength::Hard).is_empty()
        };
        answer.passed_over = ready.iter().filter(passed).map(|one| one.id).collect();
        answer.passed_over.sort_unstable();
        answer
    }
}
