//! One seed's story, told to its end on virtual time: the real loop between a simulated world and a judge.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use crate::engine::event::Hint;
use crate::engine::id::{IssueNumber, Login, RepositoryName, RunId, Sha};
use crate::engine::plan::{Plan, PlanStatus};
use crate::engine::rest::{Rest, rest};
use crate::engine::time::Timestamp;
use crate::forge::memory::{MemoryForge, WORKFLOW, task_workflow};
use crate::forge::world::setup::{ApiLimits, Setup};
use crate::github::pace::{Limits, Pace};
use crate::simulate::agenda::{Agenda, Happening};
use crate::simulate::coverage::Coverage;
use crate::simulate::desk::{CrashAt, Desk, Inner};
use crate::simulate::ending;
use crate::simulate::exhaustive::{End, Ends, Script};
use crate::simulate::fate::VIEW_LAG_MAX;
use crate::simulate::fault::FaultKind;
use crate::simulate::opening::deployment;
use crate::simulate::oracle::{Oracle, Violation};
use crate::simulate::people::Whim;
use crate::simulate::planted::Planted;
use crate::simulate::random::Random;
use crate::simulate::rows::Rows;
use crate::simulate::scenario::{FIRST_FILES, START, Scenario};
use crate::simulate::waiting;
use crate::turn::{Deployment, Held};

/// Longest time after the faults until everything must be settled.
const SETTLES_WITHIN: Duration = Duration::from_secs(30 * 3_600);
/// Most happenings of one story.
const HAPPENINGS_MAX: u32 = 40_000;
/// Heartbeats without faults after which a story in which nothing is left to come is over.
const CALM_TICKS: u32 = 3;
/// Most times that a story loses its database.
const LOSSES_MAX: u32 = 4;
/// Our own account.
pub(super) const BOT: &str = "task-orchestrator[bot]";
/// The plan's secret, which must never be seen outside.
pub(super) const CANARY: &str = "canary-7d1f";

/// A story being told.
pub(super) struct Simulation {
    pub(super) scenario: Scenario,
    pub(super) forge: Arc<MemoryForge>,
    pub(super) desk: Arc<Desk>,
    pub(super) deployment: Deployment<Arc<Desk>, Arc<Desk>, Rows>,
    pub(super) held: Option<Held>,
    /// Processes that have ended so far.
    pub(super) lives: u64,
    pub(super) agenda: Agenda,
    pub(super) now: Timestamp,
    pub(super) chance: Random,
    pub(super) heard: Vec<Hint>,
    pub(super) known: BTreeSet<u64>,
    pub(super) guid: u64,
    pub(super) last_run: RunId,
    pub(super) alive: BTreeSet<RunId>,
    pub(super) stubborn: BTreeSet<RunId>,
    pub(super) checked: BTreeSet<Sha>,
    pub(super) wake_at: Option<Timestamp>,
    /// How often the maintainer tried to bring a plan's issue on, while things went wrong and after.
    pub(super) tried: BTreeMap<(u32, IssueNumber, bool), u32>,
    pub(super) planted: Option<Planted>,
    /// Since when nothing goes wrong any more, and the heartbeats since.
    pub(super) calm_since: Option<Timestamp>,
    calm_ticks: u32,
    /// What the last of them gave reason to complain of.
    pub(super) complaints: BTreeSet<(&'static str, String)>,
    /// No webhook ever comes.
    pub(super) deaf: bool,
    /// Which run ends when, where that is chosen.
    pub(super) ends: Ends,
}

/// What came of a story.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) violations: Vec<Violation>,
    pub(super) checks: u64,
    pub(super) seconds: u64,
    pub(super) coverage: Coverage,
    pub(super) boundaries: u64,
    pub(super) log: Vec<String>,
    /// How the plan ended, for comparisons.
    pub(super) ending: BTreeMap<u64, String>,
    /// Whether nothing could go on without a person at the end.
    pub(super) needs_person: bool,
    /// Which runs ended when, where that was chosen.
    pub(super) ends: Vec<End>,
}

/// How a story is told.
#[derive(Clone, Debug, Default)]
pub(super) struct Telling {
    /// Keep a log.
    pub(super) log: bool,
    /// A defect to be found.
    pub(super) planted: Option<Planted>,
    /// Die at one boundary.
    pub(super) crash_at: Option<CrashAt>,
    /// No webhook ever comes.
    pub(super) deaf: bool,
    /// Which run ends when.
    pub(super) script: Script,
}

/// Tells a scenario's story.
pub(super) fn tell(scenario: Scenario, telling: &Telling) -> Told {
    let mut simulation = Simulation::new(scenario, telling);
    simulation.begin();
    simulation.run();
    simulation.told()
}

impl Simulation {
    fn new(scenario: Scenario, telling: &Telling) -> Self {
        let mut random = Random::new(scenario.seed ^ 0x00ff_00ff);
        let mut setup = Setup::new(RepositoryName::new("acme/widgets"), "main", Login::new("owner"));
        let limits = scenario.mix.has(FaultKind::RealLimits);
        setup.limits = if limits { ApiLimits::Tight } else { ApiLimits::None };
        setup.workflows.insert(WORKFLOW.to_owned(), task_workflow());
        let forge = Arc::new(MemoryForge::with_setup(setup, FIRST_FILES, START).without_log());
        let mut oracle = Oracle::new(CANARY, scenario.settings.clone());
        oracle.truth.views_lag = if scenario.mix.has(FaultKind::ViewLag) { VIEW_LAG_MAX } else { Duration::ZERO };
        if limits {
            oracle.limit_content(Limits::TIGHT.content_per_minute, Limits::TIGHT.content_per_hour);
        }
        let ends = Ends::new(telling.script.clone());
        let inner = Inner {
            answers_lost: ends.answers_lost(),
            random: random.fork(1),
            mix: scenario.mix.clone(),
            faulty: true,
            oracle,
            coverage: Coverage::default(),
            now: START,
            skew: 0,
            denied_until: START,
            left_alone: None,
            pace: limits.then(|| Pace::limited(Limits::TIGHT)),
            calls: 0,
            writes: 0,
            boundaries: 0,
            crash_at: telling.crash_at,
            planted: telling.planted,
            ghosts: BTreeSet::new(),
            database_lost: false,
            losses_left: LOSSES_MAX,
            lease_lost: false,
            views: BTreeMap::new(),
            log: telling.log.then(Vec::new),
        };
        let desk = Arc::new(Desk::new(Arc::clone(&forge), inner));
        Self {
            deployment: deployment(&scenario, &desk),
            forge,
            desk,
            held: None,
            lives: 0,
            agenda: Agenda::default(),
            now: START,
            chance: random.fork(2),
            heard: Vec::new(),
            known: BTreeSet::new(),
            guid: 0,
            last_run: RunId(0),
            alive: BTreeSet::new(),
            stubborn: BTreeSet::new(),
            checked: BTreeSet::new(),
            wake_at: None,
            tried: BTreeMap::new(),
            planted: telling.planted,
            calm_since: None,
            calm_ticks: 0,
            complaints: BTreeSet::new(),
            deaf: telling.deaf,
            ends,
            scenario,
        }
    }

    fn run(&mut self) {
        let limit = self.scenario.faults_until + SETTLES_WITHIN;
        for _ in 0..HAPPENINGS_MAX {
            let Some((moment, happening)) = self.agenda.pop() else { break };
            self.advance(moment);
            let tick = matches!(happening, Happening::Tick);
            if !matches!(happening, Happening::Tick | Happening::Wake | Happening::Upkeep) {
                self.calm_ticks = 0;
            }
            self.happen(happening);
            self.notice();
            let due = self.wake_at.is_some_and(|at| at <= self.clock());
            // What is still to come may be hours away; until then nothing is left to be found.
            let tick = tick && !self.is_at_rest();
            if tick || due || (!self.heard.is_empty() && self.agenda.next_moment() != Some(moment)) {
                self.turn(tick);
                self.notice();
            }
            if tick && !self.desk.locked().faulty {
                self.calm_ticks += 1;
                waiting::look(self);
            }
            if self.is_over() || moment > limit || !self.desk.locked().oracle.violations.is_empty() {
                break;
            }
        }
        if self.desk.locked().oracle.violations.is_empty() {
            ending::check(self);
        }
    }

    /// Time passes; at its time the faults stop, and earlier where nothing is left for them to meet.
    fn advance(&mut self, moment: Timestamp) {
        self.now = moment;
        self.forge.set_now(moment);
        let nothing_comes = self.scenario.mix.is_calm() || self.is_ended() && self.agenda.is_idle();
        let calm = moment >= self.scenario.faults_until || nothing_comes;
        let mut inner = self.desk.locked();
        inner.now = moment;
        if calm && inner.faulty {
            inner.faulty = false;
            self.calm_since = Some(moment);
            inner.skew = 0;
            inner.forget_pace();
            inner.note(|| "-- nothing goes wrong any more".to_owned());
            // A server that is told the right time again, or started anew, looks at once.
            self.wake_at = Some(moment);
        }
    }

    /// The orchestrator's clock.
    pub(super) fn clock(&self) -> Timestamp {
        Timestamp(self.now.0 + self.desk.locked().skew)
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Tick => {
                let late = if self.meets(FaultKind::TickMissed) { self.chance.between(1, 9) } else { 0 };
                let beat = self.scenario.settings.heartbeat.0.as_secs().max(30);
                self.later(beat * (1 + late), Happening::Tick);
            }
            Happening::Wake => {}
            Happening::Delivery(guid, hint) => {
                if self.known.insert(guid) {
                    self.heard.push(hint);
                }
            }
            Happening::Join(index) => self.join(index),
            Happening::Claim(run) => self.claim(run),
            Happening::Step(run) => self.step(run),
            Happening::Finish(run, work) => self.finish(run, *work),
            Happening::End => self.end_one(),
            Happening::Lose(run, conclusion) => self.lose(run, conclusion),
            Happening::PublishLate(run, work) => self.publish_late(run, *work),
            Happening::Check(sha, good) => self.check(&sha, good),
            Happening::Whim(whim) => {
                if self.desk.locked().faulty {
                    self.met(match whim {
                        Whim::Cancel => FaultKind::CancelInFlight,
                        Whim::PushBase => FaultKind::BaseMoves,
                        _ => FaultKind::People,
                    });
                    self.whim(whim);
                }
            }
            Happening::Upkeep => {
                let faulty = self.desk.locked().faulty;
                if !faulty || self.chance.chance(600) {
                    self.upkeep();
                }
                // While nothing goes wrong there is nothing to be gained from a maintainer who tarries.
                let (least, most) = if faulty { (200, 900) } else { (30, 120) };
                let next = self.chance.between(least, most);
                self.later(next, Happening::Upkeep);
            }
            Happening::Skew(by) => {
                self.met(FaultKind::ClockSkew);
                let mut inner = self.desk.locked();
                if inner.faulty {
                    inner.skew = by;
                    inner.forget_pace();
                    inner.note(|| format!("the orchestrator's clock is off by {by} ms"));
                }
            }
            Happening::LoseDatabase => {
                let inner = self.desk.locked();
                let may = inner.faulty && inner.losses_left > 0;
                drop(inner);
                if may {
                    self.met(FaultKind::DatabaseLost);
                    self.lose_database();
                    self.wake_in(5);
                }
            }
            Happening::Deny(length) => {
                let until = self.now + length;
                self.desk.locked().denied_until = until;
            }
        }
    }

    fn join(&mut self, index: usize) {
        for kind in [FaultKind::TaskAdded, FaultKind::PoisonIssue] {
            if self.scenario.mix.has(kind) {
                self.met(kind);
            }
        }
        let number = self.scenario.issues.get(index).map(|issue| issue.number);
        number.into_iter().for_each(|number| self.label(IssueNumber(number)));
    }

    /// Whether the plan has ended, or never began.
    pub(super) fn has_ended(&self) -> bool {
        let inner = self.desk.locked();
        match inner.oracle.header.as_ref().map(|header| header.status) {
            Some(PlanStatus::Ended) => true,
            Some(PlanStatus::Idle) | None => inner.oracle.tasks.is_empty(),
            Some(PlanStatus::Rebuilding | PlanStatus::Gathering | PlanStatus::Active) => false,
        }
    }

    fn is_ended(&self) -> bool {
        let inner = self.desk.locked();
        inner.oracle.header.as_ref().is_some_and(|header| header.status == PlanStatus::Ended)
    }

    /// Whether a few heartbeats without faults, since something last happened, have found nothing to do. Only those
    /// that came count: the last fault may have put the next one off for long, and GitHub may want no questions for an
    /// hour.
    fn is_at_rest(&self) -> bool {
        let resting = |plan: &Plan| plan.outbox.is_empty() && plan.header.limited_until.is_none();
        let resting = self.held.as_ref().is_some_and(|held| resting(&held.plan));
        self.calm_ticks >= CALM_TICKS && resting && self.has_ended() && self.heard.is_empty()
    }

    /// Whether nothing is left to come.
    fn is_over(&self) -> bool {
        self.is_at_rest() && self.agenda.is_idle()
    }

    /// One more heartbeat, for a look at how things rest.
    pub(super) fn beat(&mut self) {
        self.advance(self.now + self.scenario.settings.heartbeat.0);
        self.turn(true);
        self.notice();
    }

    /// Whether a fault of this kind happens now.
    pub(super) fn meets(&mut self, kind: FaultKind) -> bool {
        self.desk.locked().meets(kind)
    }

    /// A fault that was on the agenda happens now.
    fn met(&self, kind: FaultKind) {
        let inner = &mut *self.desk.locked();
        inner.coverage.met(kind, &inner.oracle);
    }

    /// Notes a line in the log, where one is kept.
    pub(super) fn note(&self, line: impl FnOnce() -> String) {
        self.desk.locked().note(line);
    }

    /// What the simulation itself does must go well.
    pub(super) fn done(&self, done: bool) {
        self.desk
            .locked()
            .oracle
            .must("simulation", done, || "the simulated world refused an act of its own".to_owned());
    }

    pub(super) fn broken(&self, what: &str) {
        self.desk.locked().oracle.must("L1", false, || what.to_owned());
    }

    fn told(self) -> Told {
        let ending = ending::ending(&self);
        let rests = self.held.as_ref().map(|held| rest(&held.plan, self.now));
        let needs_person = matches!(rests, Some(Rest::NeedsPerson(_)));
        let mut inner = self.desk.locked();
        Told {
            violations: std::mem::take(&mut inner.oracle.violations),
            checks: inner.oracle.checks,
            seconds: self.now.since(START).as_secs(),
            coverage: std::mem::take(&mut inner.coverage),
            boundaries: inner.boundaries,
            log: inner.log.take().unwrap_or_default(),
            ending,
            needs_person,
            ends: self.ends.made,
        }
    }
}
