//! A plan being stepped: reads go through to the plan, writes go to copies. What differs at the end are the step's
//! changes; the plan itself is never touched.

mod places;

pub use places::Startable;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use crate::engine::dry_run::Pair;
use crate::engine::effect::{Effect, EffectKey, Entry, EntryState};
use crate::engine::event::Read;
use crate::engine::id::{AttemptId, IssueNumber, Owner, TaskId};
use crate::engine::plan::{Change, Header, LayoutRow, Numbers, Plan, SCHEMA};
use crate::engine::rebuild::CAUTIOUS_FOR;
use crate::engine::task::{Move, Task, Trigger, next_stage};
use crate::engine::tasks::Place;
use crate::engine::time::Timestamp;

/// The overlay.
#[derive(Debug)]
pub struct Draft<'a> {
    plan: &'a Plan,
    /// The moment of the step.
    pub now: Timestamp,
    owner: Owner,
    header: Option<Header>,
    layout: Option<LayoutRow>,
    numbers: Option<Numbers>,
    tasks: BTreeMap<TaskId, Option<Task>>,
    outbox: BTreeMap<EffectKey, Option<Entry>>,
    reads: Vec<Read>,
    moves: Vec<Move>,
    replan: bool,
    /// Whether issues' texts were asked for and could not be read: nothing is approved meanwhile.
    pub texts_unread: bool,
    /// Whether all finished work is to be looked at, not only that which moved in this step.
    pub look_at_all_work: bool,
    dry_runs: BTreeSet<Pair>,
}

impl<'a> Draft<'a> {
    /// An overlay without changes.
    pub fn new(plan: &'a Plan, now: Timestamp, owner: &Owner) -> Self {
        Self {
            plan,
            now,
            owner: owner.clone(),
            header: None,
            layout: None,
            numbers: None,
            tasks: BTreeMap::new(),
            outbox: BTreeMap::new(),
            reads: Vec::new(),
            moves: Vec::new(),
            replan: false,
            texts_unread: false,
            look_at_all_work: false,
            dry_runs: BTreeSet::new(),
        }
    }

    /// A plan as it stands, to be looked at only.
    pub fn view(plan: &'a Plan, now: Timestamp) -> Self {
        Self::new(plan, now, &Owner::new(""))
    }

    /// The plan as it was before the step.
    pub fn before(&self) -> &Plan {
        self.plan
    }

    /// Tasks that were touched, as they were and as they stand.
    pub fn changed(&self) -> impl Iterator<Item = (Option<&Task>, Option<&Task>)> {
        self.tasks.iter().map(|(id, new)| (self.plan.tasks.get(id).map(Arc::as_ref), new.as_ref()))
    }

    /// The header as it stands.
    pub fn header(&self) -> &Header {
        self.header.as_ref().unwrap_or(&self.plan.header)
    }

    /// The header, to be changed.
    pub fn header_mut(&mut self) -> &mut Header {
        self.header.get_or_insert_with(|| self.plan.header.clone())
    }

    /// The layout as it stands.
    pub fn layout(&self) -> &LayoutRow {
        self.layout.as_ref().unwrap_or(&self.plan.layout)
    }

    /// Replaces the layout.
    pub fn set_layout(&mut self, layout: LayoutRow) {
        self.layout = Some(layout);
    }

    /// A task as it stands.
    pub fn task(&self, id: TaskId) -> Option<&Task> {
        match self.tasks.get(&id) {
            Some(changed) => changed.as_ref(),
            None => self.plan.tasks.get(&id).map(Arc::as_ref),
        }
    }

    /// A task, to be changed.
    pub fn task_mut(&mut self, id: TaskId) -> Option<&mut Task> {
        if !self.tasks.contains_key(&id) {
            let task = Task::clone(self.plan.tasks.get(&id)?);
            self.tasks.insert(id, Some(task));
        }
        self.tasks.get_mut(&id)?.as_mut()
    }

    /// Locks a task's files, unless they are. Whose lock is older goes first where two turn out to meet, so no two
    /// locks are of one moment and none is of an earlier one than those before it, even where the clock was set back.
    pub fn lock(&mut self, id: TaskId) {
        if self.task(id).is_none_or(|task| task.locked_since.is_some()) {
            return;
        }
        let newest = self.at(Place::Locked).filter_map(|task| task.locked_since).max();
        let since = newest.map_or(self.now, |newest| self.now.max(newest + Duration::from_millis(1)));
        if let Some(task) = self.task_mut(id) {
            task.locked_since = Some(since);
        }
    }

    /// All tasks as they stand, by issue number.
    pub fn tasks(&self) -> impl Iterator<Item = &Task> {
        let known = self.plan.tasks.iter().filter_map(|(id, task)| match self.tasks.get(id) {
            Some(changed) => changed.as_ref(),
            None => Some(task.as_ref()),
        });
        let new = self.tasks.iter().filter(|(id, _)| !self.plan.tasks.contains_key(id));
        known.chain(new.filter_map(|(_, task)| task.as_ref()))
    }

    /// Ids of tasks that fit, collected so that they can be changed one by one.
    pub fn ids(&self, fits: impl Fn(&Task) -> bool) -> Vec<TaskId> {
        self.tasks().filter(|task| fits(task)).map(|task| task.id).collect()
    }

    /// Adds a task and asks for a new layout.
    pub fn add_task(&mut self, task: Task) {
        self.tasks.insert(task.id, Some(task));
        self.replan = true;
    }

    /// Takes a task out of the plan.
    pub fn remove_task(&mut self, id: TaskId) {
        self.tasks.insert(id, None);
        self.replan = true;
    }

    /// Asks for a new layout.
    pub fn replan(&mut self) {
        self.replan = true;
    }

    /// Whether a new layout was asked for; asking takes the wish back.
    pub fn take_replan(&mut self) -> bool {
        std::mem::take(&mut self.replan)
    }

    /// Moves a task by the table. A move that is not in the table changes nothing, is told among the step's moves,
    /// and answers
    /// `false`: it is a defect of ours.
    pub fn move_task(&mut self, id: TaskId, trigger: Trigger) -> bool {
        let Some(from) = self.task(id).map(|task| task.stage) else { return false };
        let to = next_stage(from, trigger);
        self.moves.push(Move { task: id, from, trigger, to });
        debug_assert!(to.is_some(), "{id}: no move by {trigger} from {from}");
        if let (Some(to), Some(task)) = (to, self.task_mut(id)) {
            task.stage = to;
        }
        to.is_some()
    }

    /// Moves made so far; asking takes them.
    pub fn take_moves(&mut self) -> Vec<Move> {
        std::mem::take(&mut self.moves)
    }

    /// The next attempt number of an issue; it is taken from now on.
    pub fn next_number(&mut self, issue: IssueNumber) -> u32 {
        let numbers = self.numbers.get_or_insert_with(|| self.plan.numbers.clone());
        let n = numbers.entry(issue).or_insert(0);
        *n += 1;
        *n
    }

    /// Takes a number that is known to have been given; `false`: it is no news.
    pub fn raise_number(&mut self, attempt: AttemptId) -> bool {
        let numbers = self.numbers.get_or_insert_with(|| self.plan.numbers.clone());
        let n = numbers.entry(attempt.issue).or_insert(0);
        let news = *n < attempt.n;
        *n = attempt.n.max(*n);
        news
    }

    /// Gives a number back that was never dispatched.
    pub fn return_number(&mut self, attempt: AttemptId) {
        let numbers = self.numbers.get_or_insert_with(|| self.plan.numbers.clone());
        if numbers.get(&attempt.issue) == Some(&attempt.n) {
            numbers.insert(attempt.issue, attempt.n - 1);
        }
    }

    /// An outbox entry as it stands.
    pub fn entry(&self, key: &EffectKey) -> Option<&Entry> {
        match self.outbox.get(key) {
            Some(changed) => changed.as_ref(),
            None => self.plan.outbox.get(key),
        }
    }

    /// An outbox entry, to be changed.
    pub fn entry_mut(&mut self, key: &EffectKey) -> Option<&mut Entry> {
        if !self.outbox.contains_key(key) {
            let entry = self.plan.outbox.get(key)?.clone();
            self.outbox.insert(key.clone(), Some(entry));
        }
        self.outbox.get_mut(key)?.as_mut()
    }

    /// All outbox entries as they stand.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        let known = self.plan.outbox.iter().filter_map(|(key, entry)| match self.outbox.get(key) {
            Some(changed) => changed.as_ref(),
            None => Some(entry),
        });
        let new = self.outbox.iter().filter(|(key, _)| !self.plan.outbox.contains_key(key));
        known.chain(new.filter_map(|(_, entry)| entry.as_ref()))
    }

    /// Whether an effect with this key waits in the outbox.
    pub fn intends(&self, key: &str) -> bool {
        self.entry(&EffectKey(key.to_owned())).is_some()
    }

    /// Puts an effect into the outbox, to be sent now; one that is there already stays as it is.
    pub fn intend(&mut self, key: impl Into<String>, attempt: Option<AttemptId>, effect: Effect) {
        let now = self.now;
        self.intend_at(key, attempt, effect, now);
    }

    /// Puts an entry into the outbox as it is, in place of one with its key.
    pub fn put_entry(&mut self, entry: Entry) {
        self.outbox.insert(entry.key.clone(), Some(entry));
    }

    /// Puts an effect into the outbox, to be sent not before a moment. Soon after a rebuild, what could come to stand
    /// twice is looked for first: it may have been sent by what is lost. A new attempt's dispatch cannot have been.
    pub fn intend_at(
        &mut self,
        key: impl Into<String>,
        attempt: Option<AttemptId>,
        effect: Effect,
        not_before: Timestamp,
    ) {
        let key = EffectKey(key.into());
        if self.entry(&key).is_some() {
            return;
        }
        let owner = self.owner.clone();
        let cautious = self.header().rebuilt_at.is_some_and(|at| self.now < at + CAUTIOUS_FOR);
        let known = !effect.creates() || matches!(effect, Effect::Dispatch { .. });
        let entry = Entry {
            key: key.clone(),
            effect,
            attempt,
            state: if cautious && !known { EntryState::Sent } else { EntryState::Queued },
            owner,
            tries: 0,
            looks: 0,
            not_before,
        };
        self.outbox.insert(key, Some(entry));
    }

    /// Takes an answered entry out.
    pub fn answered(&mut self, key: &EffectKey) {
        if self.entry(key).is_some() {
            self.outbox.insert(key.clone(), None);
        }
    }

    /// Asks for a read, once.
    pub fn read(&mut self, read: Read) {
        if !self.reads.contains(&read) {
            self.reads.push(read);
        }
    }

    /// Asks for a dry-run merge, once.
    pub fn try_merge(&mut self, pair: Pair) {
        self.dry_runs.insert(pair);
    }

    /// The dry-run merges asked for; asking takes them.
    pub fn take_dry_runs(&mut self) -> BTreeSet<Pair> {
        std::mem::take(&mut self.dry_runs)
    }

    /// What this step wants read so far.
    pub fn reads(&self) -> &[Read] {
        &self.reads
    }

    /// Takes a wish back: this step holds its answer already, or a better look is to come.
    pub fn unread(&mut self, read: &Read) {
        self.reads.retain(|wanted| wanted != read);
    }

    /// Whether any task, or the layout, differs from the plan: the tracking issue may have to say so.
    pub fn shows_change(&self) -> bool {
        self.layout.as_ref().is_some_and(|layout| *layout != self.plan.layout)
            || self.tasks.iter().any(|(id, task)| task.as_ref() != self.plan.tasks.get(id).map(Arc::as_ref))
            || self.header.as_ref().is_some_and(|header| {
                let old = &self.plan.header;
                header.paused != old.paused
                    || header.status != old.status
                    || header.open_phase != old.open_phase
                    || header.settings_problem != old.settings_problem
                    || header.settings != old.settings
                    || header.limited_until != old.limited_until
                    || header.put_off_until.is_some() != old.put_off_until.is_some()
                    || header.base.as_ref().map(|base| base.workflow_present)
                        != old.base.as_ref().map(|base| base.workflow_present)
            })
    }

    /// The step's owner.
    pub fn owner(&self) -> &Owner {
        &self.owner
    }

    /// Takes every row as touched where the plan was loaded from an older form: all of them are written in today's.
    fn touch_older(&mut self) -> bool {
        if self.plan.header.schema == SCHEMA {
            return false;
        }
        self.header_mut().schema = SCHEMA;
        self.layout.get_or_insert_with(|| self.plan.layout.clone());
        self.numbers.get_or_insert_with(|| self.plan.numbers.clone());
        for (id, task) in self.plan.tasks.iter() {
            self.tasks.entry(*id).or_insert_with(|| Some(Task::clone(task)));
        }
        for (key, entry) in &self.plan.outbox {
            self.outbox.entry(key.clone()).or_insert_with(|| Some(entry.clone()));
        }
        true
    }

    /// Rows that differ from the plan, and the reads asked for.
    pub fn finish(mut self) -> (Vec<Change>, Vec<Read>) {
        let all = self.touch_older();
        let mut changes = Vec::new();
        if let Some(header) = self.header.filter(|header| *header != self.plan.header) {
            changes.push(Change::Header(Box::new(header)));
        }
        if let Some(layout) = self.layout.filter(|layout| all || *layout != self.plan.layout) {
            changes.push(Change::Layout(Box::new(layout)));
        }
        if let Some(numbers) = self.numbers.filter(|numbers| all || *numbers != self.plan.numbers) {
            changes.push(Change::Numbers(Box::new(numbers)));
        }
        for (id, task) in self.tasks {
            match task {
                Some(task) if all || self.plan.tasks.get(&id).is_none_or(|old| **old != task) => {
                    changes.push(Change::Task(Arc::new(task)));
                }
                None if self.plan.tasks.contains_key(&id) => changes.push(Change::TaskGone(id)),
                Some(_) | None => {}
            }
        }
        for (key, entry) in self.outbox {
            match entry {
                Some(entry) if all || self.plan.outbox.get(&key) != Some(&entry) => {
                    changes.push(Change::Entry(Box::new(entry)))
                }
                None if self.plan.outbox.contains_key(&key) => changes.push(Change::EntryGone(key)),
                Some(_) | None => {}
            }
        }
        (changes, self.reads)
    }
}
