//! The tasks of a plan with an index over them, so that what a step asks costs what it finds, never a walk over all.
//!
//! The index is derived: it is kept up by every insertion and removal, never stored, and never part of what makes two
//! plans equal.

mod place;

#[cfg(test)]
pub(in crate::engine) mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::{ControlFlow, Deref};
use std::sync::Arc;

use crate::engine::footprint::{Area, Footprint};
use crate::engine::id::{IssueNumber, TaskId};
use crate::engine::overlap::{AreaMap, Shape, spelled};
use crate::engine::task::Task;

pub use place::{Place, Turn};

/// A task in one of its places.
pub(in crate::engine) type Key = (Place, TaskId);

/// The tasks of a plan by id. Reads as the map it holds.
#[derive(Clone, Default)]
pub struct Tasks {
    rows: BTreeMap<TaskId, Arc<Task>>,
    keys: BTreeSet<Key>,
    /// Issues that tasks depend on and that are no tasks.
    strangers: BTreeSet<IssueNumber>,
    areas: Areas,
    sharers: Sharers,
}

/// How many unsettled tasks of a phase name a path, as [`spelled`].
type Sharers = BTreeMap<(usize, String), u32>;

/// What the startable tasks touch.
#[derive(Clone, Debug, Default)]
struct Areas {
    known: AreaMap<BTreeSet<TaskId>>,
    unknown: BTreeSet<TaskId>,
}

impl Deref for Tasks {
    type Target = BTreeMap<TaskId, Arc<Task>>;

    fn deref(&self) -> &Self::Target {
        &self.rows
    }
}

impl PartialEq for Tasks {
    fn eq(&self, other: &Self) -> bool {
        self.rows == other.rows
    }
}

impl Eq for Tasks {}

impl std::fmt::Debug for Tasks {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.rows.fmt(formatter)
    }
}

impl FromIterator<Arc<Task>> for Tasks {
    fn from_iter<I: IntoIterator<Item = Arc<Task>>>(rows: I) -> Self {
        let mut tasks = Self::default();
        rows.into_iter().for_each(|row| tasks.insert(row));
        tasks
    }
}

impl Tasks {
    /// Puts a task in, in place of an earlier row of it.
    pub fn insert(&mut self, task: Arc<Task>) {
        let id = task.id;
        let shares = self.rows.get(&id).is_none_or(|known| !share_alike(known, &task));
        let was = self.take_out(id, shares);
        own_keys(&task, Place::OWN, &mut |key| {
            self.keys.insert(key);
        });
        let is = place::holds_up(&task);
        if shares {
            each_shared(&task, &mut |path| *self.sharers.entry(path).or_default() += 1);
        }
        self.rows.insert(id, task);
        self.enter(id);
        self.follow_up(id, was, Some(is));
    }

    /// Takes a task out; one that is not in changes nothing.
    pub fn remove(&mut self, id: TaskId) {
        let was = self.take_out(id, true);
        self.rows.remove(&id);
        self.follow_up(id, was, None);
    }

    /// The keys from one place to another, both included, in order.
    pub(in crate::engine) fn keys(&self, from: Place, to: Place) -> impl Iterator<Item = &Key> {
        self.keys.range((from, TaskId(IssueNumber(u64::MIN)))..=(to, TaskId(IssueNumber(u64::MAX))))
    }

    /// Issues that tasks depend on and that are no tasks.
    pub(in crate::engine) fn strangers(&self) -> impl Iterator<Item = IssueNumber> {
        self.strangers.iter().copied()
    }

    /// How many unsettled tasks of a phase name a path, as [`spelled`].
    pub(in crate::engine) fn sharers(&self, path: &(usize, String)) -> u32 {
        self.sharers.get(path).copied().unwrap_or_default()
    }

    /// Startable tasks one of whose areas or ranked files meets one of a footprint's, whatever that is worth.
    /// `unknown`: those whose files are not known count too, and all of them where the footprint is unknown.
    pub(in crate::engine) fn meeting(&self, footprint: &Footprint, unknown: bool) -> BTreeSet<TaskId> {
        let mut found = BTreeSet::new();
        if unknown && footprint.is_unknown() {
            let (from, to) = Place::startable(0..=usize::MAX);
            return self.keys(from, to).map(|(_, id)| *id).collect();
        }
        if unknown {
            found.extend(&self.areas.unknown);
        }
        for shape in shapes(footprint) {
            let _ = self.areas.known.visit(&shape, &mut |tasks, _| {
                found.extend(tasks);
                ControlFlow::Continue(())
            });
        }
        found
    }

    /// Takes everything that a task's row says out of the index, the paths it shares only where asked; whether it held
    /// dependents up, where it was there.
    fn take_out(&mut self, id: TaskId, shares: bool) -> Option<bool> {
        let task = Arc::clone(self.rows.get(&id)?);
        own_keys(&task, Place::OWN, &mut |key| {
            self.keys.remove(&key);
        });
        if shares {
            each_shared(&task, &mut |path| {
                if let Some(count) = self.sharers.get_mut(&path) {
                    *count -= 1;
                    if *count == 0 {
                        self.sharers.remove(&path);
                    }
                }
            });
        }
        self.leave(&task);
        self.each_stranger(&task);
        Some(place::holds_up(&task))
    }

    /// Makes a task startable where it is.
    fn enter(&mut self, id: TaskId) {
        let Some(task) = self.rows.get(&id).cloned() else { return };
        if let Some(key) = start_key(&task, |id| self.rows.get(&id).map(Arc::as_ref))
            && self.keys.insert(key)
        {
            self.areas.insert(&task);
        }
        self.each_stranger(&task);
    }

    /// Takes a task from the startable ones.
    fn leave(&mut self, task: &Task) {
        let Some(place) = place::startable(task) else { return };
        if self.keys.remove(&(place, task.id)) {
            self.areas.remove(task);
        }
    }

    /// Brings those that depend on a task up to date, where it holds them up otherwise than before.
    fn follow_up(&mut self, id: TaskId, was: Option<bool>, is: Option<bool>) {
        if was.is_some() != is.is_some() {
            self.settle_stranger(id.0);
        }
        if was.unwrap_or(false) == is.unwrap_or(false) {
            return;
        }
        let place = Place::DependsOn(id.0);
        let dependents: Vec<TaskId> = self.keys(place, place).map(|(_, id)| *id).collect();
        for dependent in dependents {
            let Some(task) = self.rows.get(&dependent).cloned() else { continue };
            self.leave(&task);
            self.enter(dependent);
        }
    }

    fn each_stranger(&mut self, task: &Task) {
        for issue in crate::engine::waits::dependencies(task) {
            self.settle_stranger(issue);
        }
    }

    /// Whether an issue is depended on by a task and none itself.
    fn settle_stranger(&mut self, issue: IssueNumber) {
        let place = Place::DependsOn(issue);
        if !self.rows.contains_key(&TaskId(issue)) && self.keys(place, place).next().is_some() {
            self.strangers.insert(issue);
        } else {
            self.strangers.remove(&issue);
        }
    }
}

impl Areas {
    fn insert(&mut self, task: &Task) {
        for shape in shapes(&task.footprint) {
            self.known.entry(&shape).insert(task.id);
        }
        if task.footprint.is_unknown() {
            self.unknown.insert(task.id);
        }
    }

    fn remove(&mut self, task: &Task) {
        for shape in shapes(&task.footprint) {
            let Some(tasks) = self.known.get_mut(&shape) else { continue };
            tasks.remove(&task.id);
            if tasks.is_empty() {
                self.known.remove(&shape);
            }
        }
        self.unknown.remove(&task.id);
    }
}

/// Everything that a footprint names, claimed or guessed.
fn shapes(footprint: &Footprint) -> impl Iterator<Item = Shape> {
    let guessed = footprint.guesses().iter().map(|file| Shape::of(&Area::File(file.path.clone())));
    footprint.claims.iter().map(|claim| Shape::of(&claim.area)).chain(guessed)
}

/// Hands out a task's keys from one place to another, both included, but the one as startable.
pub(in crate::engine) fn own_keys(task: &Task, range: (Place, Place), found: &mut dyn FnMut(Key)) {
    place::each(task, range, &mut |place| found((place, task.id)));
}

/// Whether two rows of a task name the same paths in the same phase, as [`each_shared`] hands them out.
fn share_alike(one: &Task, other: &Task) -> bool {
    let names = |task: &Task| task.verdict.is_none() && !task.left;
    names(one) == names(other) && one.phase == other.phase && one.footprint == other.footprint
}

/// Hands out every path that an unsettled task names, each once, with its phase.
pub(in crate::engine) fn each_shared(task: &Task, found: &mut dyn FnMut((usize, String))) {
    if task.verdict.is_some() || task.left {
        return;
    }
    let paths: BTreeSet<String> = task.footprint.claims.iter().map(|claim| spelled(&claim.area)).collect();
    paths.into_iter().for_each(|path| found((task.phase, path)));
}

/// A task's key as startable, if it is. `task_of` knows the other tasks.
pub(in crate::engine) fn start_key<'t>(task: &Task, task_of: impl Fn(TaskId) -> Option<&'t Task>) -> Option<Key> {
    let place = place::startable(task)?;
    let held_up = |issue: &IssueNumber| task_of(TaskId(*issue)).is_some_and(place::holds_up);
    (!crate::engine::waits::dependencies(task).iter().any(held_up)).then_some((place, task.id))
}

/// Whether a task keeps those that depend on it waiting, whatever is outside the plan.
pub(in crate::engine) fn holds_up(task: Option<&Task>) -> bool {
    task.is_some_and(place::holds_up)
}
