//! The orchestrator's process in a story: its turns, its deaths, and what is lost with them.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use crate::engine::event::{Event, Hint};
use crate::engine::id::{Owner, STATE_BRANCH, TaskId};
use crate::engine::kept::task_path;
use crate::engine::plan::Plan;
use crate::engine::task::Task;
use crate::engine::time::Timestamp;
use crate::perform::Tree;
use crate::simulate::agenda::Happening;
use crate::simulate::desk::at_once;
use crate::simulate::drive::Simulation;
use crate::simulate::scenario::Shape;
use crate::store::Error;
use crate::turn::{Turned, load, turn_by};

/// Most rounds of one turn: more is a loop that feeds itself.
const ROUNDS_MAX: u32 = 60;

impl Simulation {
    /// One turn of the real loop. A death in it loses what was in memory; what was heard stays, for it was kept first.
    pub(super) fn turn(&mut self, tick: bool) {
        let now = self.clock();
        if self.scenario.shape == Shape::Actions {
            self.forget();
        }
        if self.held.is_none() || self.scenario.shape == Shape::Actions {
            match at_once(load(&self.deployment, now)) {
                Some(Ok(held)) => self.held = Some(held),
                // Nobody could give back the lease of a process that died: it is waited for.
                Some(Err(Error::Leased { until })) => {
                    let wait = until.since(now).as_secs() + 1;
                    return self.wake_in(wait);
                }
                Some(Err(error)) => return self.broken(&format!("the plan cannot be loaded: {error}")),
                None => return,
            }
        }
        let Some(mut held) = self.held.take() else { return };
        let heard: BTreeSet<Hint> = self.heard.iter().cloned().collect();
        self.note(|| format!("turn: tick {tick}, {heard:?}"));
        let hints = heard.into_iter().map(Event::Hint);
        let events: Vec<Event> = tick.then_some(Event::Tick).into_iter().chain(hints).collect();
        let (planted, desk) = (self.planted, Arc::clone(&self.desk));
        let decide = |plan: &Plan, events: &[Event], now: Timestamp, owner: &Owner| {
            desk.locked().oracle.heard(events);
            crate::simulate::planted::decide(planted, plan, events, now, owner)
        };
        match at_once(turn_by(&decide, &self.deployment, &mut held, events, now)) {
            Some(Ok(turned)) => {
                self.heard.clear();
                self.turned(&turned);
                self.held = Some(held);
            }
            Some(Err(_)) | None => {
                let mut inner = self.desk.locked();
                inner.forget_pace();
                inner.lease_lost = false;
                drop(inner);
                if self.desk.locked().database_lost {
                    self.lose_database();
                }
                self.note(|| "the process begins anew".to_owned());
                self.forget();
                self.wake_at = None;
                let restart = self.chance.between(1, 40);
                self.wake_in(restart);
            }
        }
    }

    /// What a process keeps in its memory alone goes with it, and the next server has another name. Runs of workflows
    /// have one name: they wait for each other by their concurrency group.
    fn forget(&mut self) {
        self.deployment.tree = Tree::default();
        if self.scenario.shape == Shape::Server {
            self.lives += 1;
            self.deployment.owner = Owner::new(format!("simulation-{}", self.lives));
        }
    }

    /// The database is gone, and with it what was heard and not yet worked.
    pub(super) fn lose_database(&mut self) {
        self.note(|| "the database is lost".to_owned());
        self.deployment.store.lose();
        self.forget();
        (self.held, self.wake_at) = (None, None);
        self.heard.clear();
        let forge = Arc::clone(&self.forge);
        let kept = |id: TaskId| {
            let text = forge.file(STATE_BRANCH, &task_path(id))?;
            serde_json::from_str::<Task>(&text).ok().map(|task| task.counters)
        };
        let mut inner = self.desk.locked();
        inner.database_lost = false;
        inner.losses_left = inner.losses_left.saturating_sub(1);
        inner.oracle.database_lost(kept);
    }

    fn turned(&mut self, turned: &Turned) {
        let mut inner = self.desk.locked();
        for made in &turned.moves {
            inner.oracle.must("S24", made.to.is_some(), || format!("{made:?} is no legal move"));
        }
        let rounds = turned.rounds;
        inner.oracle.must("L7", rounds <= ROUNDS_MAX, || format!("a turn took {rounds} rounds"));
        drop(inner);
        self.wake_at = turned.wake_at.filter(|_| self.scenario.shape == Shape::Server);
        if let Some(at) = self.wake_at {
            let skew = self.desk.locked().skew;
            self.agenda.at(Timestamp(at.0 - skew).max(self.now + Duration::from_millis(1)), Happening::Wake);
        }
    }

    /// A server that failed looks again soon.
    pub(super) fn wake_in(&mut self, seconds: u64) {
        let at = self.now + Duration::from_secs(seconds);
        self.wake_at = Some(Timestamp(at.0 + self.desk.locked().skew));
        self.agenda.at(at, Happening::Wake);
    }
}
