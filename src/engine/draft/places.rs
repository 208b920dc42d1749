//! The index of a plan as the draft changes it: what the plan's index says of tasks that were not touched, and what
//! the touched rows say themselves.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};

use crate::engine::draft::Draft;
use crate::engine::footprint::{Footprint, OverlapPolicy};
use crate::engine::id::{IssueNumber, TaskId};
use crate::engine::overlap::hard_paths;
use crate::engine::task::Task;
use crate::engine::tasks::{Key, Place, each_shared, holds_up, own_keys, start_key};

impl Draft<'_> {
    /// The tasks in a place, by issue number. Not for [`Place::Startable`]: see [`Draft::startable`].
    pub fn at(&self, place: Place) -> impl Iterator<Item = &Task> {
        self.between(place, place).filter_map(|(_, id)| self.task(id))
    }

    /// The ids of tasks in a place, collected so that they can be changed one by one.
    pub fn ids_at(&self, place: Place) -> Vec<TaskId> {
        self.between(place, place).map(|(_, id)| id).collect()
    }

    /// The keys from one place to another, both included, in order. Not for [`Place::Startable`].
    pub(in crate::engine) fn between(&self, from: Place, to: Place) -> impl Iterator<Item = Key> {
        let mut touched = Vec::new();
        for task in self.tasks.values().flatten() {
            own_keys(task, (from, to), &mut |key| touched.push(key));
        }
        touched.sort_unstable();
        let untouched = self.plan.tasks.keys(from, to).copied().filter(|(_, id)| !self.tasks.contains_key(id));
        merge(untouched, touched)
    }

    /// Issues that tasks depend on and that are no tasks, those of tasks that left included, by number.
    pub fn strangers(&self) -> Vec<IssueNumber> {
        let mut issues: BTreeSet<IssueNumber> = self.plan.tasks.strangers().collect();
        issues.extend(self.tasks.values().flatten().flat_map(crate::engine::waits::dependencies));
        issues.extend(self.tasks.iter().filter(|(_, task)| task.is_none()).map(|(id, _)| id.0));
        let dependents = |issue: &IssueNumber| self.at(Place::DependsOn(*issue)).next().is_some();
        issues.into_iter().filter(|issue| self.task(TaskId(*issue)).is_none()).filter(dependents).collect()
    }

    /// The tasks that could start, as they stand now.
    pub fn startable(&self) -> Startable<'_> {
        let mut stale: BTreeSet<TaskId> = self.tasks.keys().copied().collect();
        for id in self.tasks.keys() {
            let was = holds_up(self.plan.tasks.get(id).map(AsRef::as_ref));
            if was != holds_up(self.task(*id)) {
                let place = Place::DependsOn(id.0);
                stale.extend(self.plan.tasks.keys(place, place).map(|(_, dependent)| *dependent));
            }
        }
        let mut fresh: Vec<Key> =
            stale.iter().filter_map(|id| start_key(self.task(*id)?, |other| self.task(other))).collect();
        fresh.sort_unstable();
        Startable { draft: self, stale, fresh, shared: OnceCell::new() }
    }

    /// By how much more tasks name a path than the plan's index knows of.
    fn shared(&self) -> BTreeMap<(usize, String), i64> {
        let mut shared = BTreeMap::new();
        for (id, task) in &self.tasks {
            let before = self.plan.tasks.get(id).map(AsRef::as_ref);
            for (task, one) in before.map(|task| (task, -1)).into_iter().chain(task.as_ref().map(|task| (task, 1))) {
                each_shared(task, &mut |path| *shared.entry(path).or_default() += one);
            }
        }
        shared
    }
}

/// The tasks that can be dispatched as far as their own rows and their dependencies in the plan tell.
#[derive(Debug)]
pub struct Startable<'d> {
    draft: &'d Draft<'d>,
    /// Tasks of which the plan's index knows nothing any more.
    stale: BTreeSet<TaskId>,
    /// Those of them that can start.
    fresh: Vec<Key>,
    /// See [`Draft::shared`]; worked out where it is asked for.
    shared: OnceCell<BTreeMap<(usize, String), i64>>,
}

impl<'d> Startable<'d> {
    /// Those of one phase, who goes first before the others.
    pub fn in_phase(&self, phase: usize) -> impl Iterator<Item = &'d Task> {
        self.between(Place::startable(phase..=phase))
    }

    /// Those of the phases before one.
    pub fn before(&self, phase: usize) -> impl Iterator<Item = &'d Task> {
        let last = phase.checked_sub(1);
        last.into_iter().flat_map(|last| self.between(Place::startable(0..=last)))
    }

    /// How many unsettled tasks of its phase want the paths that a task locks, added up over its paths, itself
    /// included.
    pub fn contention(&self, task: &Task, policy: OverlapPolicy) -> u32 {
        let shared = self.shared.get_or_init(|| self.draft.shared());
        let count = |path: String| {
            let path = (task.phase, path);
            let more = shared.get(&path).copied().unwrap_or_default();
            u32::try_from(i64::from(self.draft.plan.tasks.sharers(&path)) + more).unwrap_or_default()
        };
        hard_paths(&task.footprint, policy).into_iter().map(count).sum()
    }

    /// Whether a task is one.
    pub fn contains(&self, task: &Task) -> bool {
        start_key(task, |other| self.draft.task(other)).is_some()
    }

    /// Those that may meet a footprint; none that does is left out. `unknown`: see
    /// [`Tasks::meeting`](crate::engine::tasks::Tasks).
    pub fn meeting(&self, footprint: &Footprint, unknown: bool) -> BTreeSet<TaskId> {
        let mut found = self.draft.plan.tasks.meeting(footprint, unknown);
        found.retain(|id| !self.stale.contains(id));
        found.extend(self.fresh.iter().map(|(_, id)| *id));
        found
    }

    fn between(&self, (from, to): (Place, Place)) -> impl Iterator<Item = &'d Task> {
        let fresh: Vec<Key> = self.fresh.iter().filter(|(place, _)| from <= *place && *place <= to).copied().collect();
        let keys = self.draft.plan.tasks.keys(from, to).copied().filter(|(_, id)| !self.stale.contains(id));
        let draft = self.draft;
        merge(keys, fresh).filter_map(move |(_, id)| draft.task(id))
    }
}

/// Two ordered rows of keys as one.
fn merge(first: impl Iterator<Item = Key>, second: Vec<Key>) -> impl Iterator<Item = Key> {
    let mut first = first.peekable();
    let mut second = second.into_iter().peekable();
    std::iter::from_fn(move || match (first.peek(), second.peek()) {
        (Some(one), Some(other)) if one > other => second.next(),
        (Some(_), _) => first.next(),
        (None, _) => second.next(),
    })
}
