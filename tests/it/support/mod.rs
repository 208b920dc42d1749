//! A repository in memory, worked by the real turn: verbs that read as a story. After every turn the rules that must
//! never break are checked.

pub(crate) mod browser;
mod desk;
pub(crate) mod program;
pub(crate) mod replicas;
mod rules;

pub(crate) use desk::{Crash, Desk, MemoryRows};

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use task_orchestrator::engine::brief::Brief;
use task_orchestrator::engine::config::{ApprovalPolicy, Settings};
use task_orchestrator::engine::draft::Draft;
use task_orchestrator::engine::event::Event;
use task_orchestrator::engine::id::{IssueNumber, Login, Owner, RepositoryName, RunId, TaskId};
use task_orchestrator::engine::task::{Stage, Task, Trigger};
use task_orchestrator::engine::time::Timestamp;
use task_orchestrator::engine::waits::{self, Status};
use task_orchestrator::forge::memory::{MemoryForge, edit::Edit, worker::Work};
use task_orchestrator::forge::world::request::{PersonAct, Request};
use task_orchestrator::perform::Tree;
use task_orchestrator::turn::{Configuration, Deployment, Held, load, turn};

/// One repository, its forge, its plan and its clock.
pub(crate) struct Story {
    pub(crate) forge: Arc<MemoryForge>,
    pub(crate) desk: Arc<Desk>,
    pub(crate) deployment: Deployment<Arc<Desk>, Arc<Desk>, MemoryRows>,
    pub(crate) held: Held,
    pub(crate) now: Timestamp,
    /// No heartbeat: turns hear what webhooks tell, and nothing else.
    pub(crate) hears_only: bool,
    /// A crash takes the database with it.
    pub(crate) loses_database: bool,
    checked: Cell<u32>,
    script: Box<dyn FnMut(&Brief) -> Work>,
}

thread_local! {
    /// The moves that stories of this thread have taken.
    pub(crate) static TAKEN: RefCell<BTreeSet<(Stage, Trigger)>> = const { RefCell::new(BTreeSet::new()) };
}

/// Most rounds a turn of a story may take: more is a loop that feeds itself.
const ROUNDS_MAX: u32 = 60;

pub(crate) const START: Timestamp = Timestamp(1_790_000_000_000);

impl Story {
    /// A repository with these files; settings as in local use, labelling approves.
    pub(crate) fn new(files: &[(&str, &str)]) -> Self {
        Self::with(files, |_| {})
    }

    pub(crate) fn with(files: &[(&str, &str)], change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = Settings { approval: ApprovalPolicy::Label, auto_merge: true, ..Settings::local() };
        change(&mut settings);
        let forge = Arc::new(MemoryForge::new(files, START));
        let desk = Arc::new(Desk::new(forge.clone()));
        let deployment = Deployment {
            github: desk.clone(),
            git: desk.clone(),
            store: MemoryRows::new(desk.clone()),
            repository: RepositoryName::new("acme/widgets"),
            owner: Owner::new("story"),
            bot: Login::new("task-orchestrator[bot]"),
            seed: "seed".to_owned(),
            configuration: Configuration::Fixed(Box::new(settings)),
            tree: Tree::default(),
        };
        let held = at_once(load(&deployment, START)).expect("nothing waits").expect("an idle plan");
        let script = Box::new(|brief: &Brief| touch_declared(brief));
        Self {
            forge,
            desk,
            deployment,
            held,
            now: START,
            hears_only: false,
            loses_database: false,
            checked: Cell::new(0),
            script,
        }
    }

    /// What the agent does with each brief.
    pub(crate) fn script(&mut self, script: impl FnMut(&Brief) -> Work + 'static) -> &mut Self {
        self.script = Box::new(script);
        self
    }

    pub(crate) fn issue(&mut self, number: u64, title: &str, body: &str) -> &mut Self {
        self.forge.open_issue(number, title, body, &["orchestrate"]).expect("an issue");
        self
    }

    /// One turn: with a heartbeat, or with what webhooks told where the story only hears.
    pub(crate) fn tick(&mut self) -> &mut Self {
        let heard: Vec<Event> = self.forge.drain_webhooks().iter().flat_map(desk::hints).map(Event::Hint).collect();
        let events = if self.hears_only { heard } else { vec![Event::Tick] };
        self.turn(events)
    }

    /// One turn with these events. A crash inside it loses what was in memory; the next turn begins from what was
    /// saved.
    pub(crate) fn turn(&mut self, events: Vec<Event>) -> &mut Self {
        let Some(turned) = at_once(turn(&self.deployment, &mut self.held, events, self.now)) else {
            return if self.loses_database { self.lose() } else { self.reload() };
        };
        let turned = turned.expect("the store takes it");
        let outbox = || self.held.plan.outbox.keys().collect::<Vec<_>>();
        assert!(turned.rounds <= ROUNDS_MAX, "a turn of {} rounds: {:?}", turned.rounds, outbox());
        TAKEN.with_borrow_mut(|taken| {
            for made in &turned.moves {
                assert!(made.to.is_some(), "{made:?} is not in the table");
                taken.insert((made.from, made.trigger));
            }
        });
        rules::check(self);
        self
    }

    /// The process begins anew, without its database.
    pub(crate) fn lose(&mut self) -> &mut Self {
        self.deployment.store.lose();
        self.reload()
    }

    fn reload(&mut self) -> &mut Self {
        self.deployment.tree = Tree::default();
        self.held = at_once(load(&self.deployment, self.now)).expect("nothing waits").expect("it loads");
        self
    }

    /// Time passes, with a heartbeat each minute.
    pub(crate) fn minutes(&mut self, minutes: u64) -> &mut Self {
        for _ in 0..minutes {
            self.wait(Duration::from_secs(60)).tick();
        }
        self
    }

    /// Somebody comments on the tracking issue, and it is read.
    pub(crate) fn say(&mut self, login: &str, text: &str) -> &mut Self {
        let tracking = self.tracking_number();
        self.say_on(login, tracking, text)
    }

    /// Somebody comments on an issue, and it is read.
    pub(crate) fn say_on(&mut self, login: &str, number: u64, text: &str) -> &mut Self {
        self.wait(Duration::from_secs(1));
        self.forge.comment(login, number, text).expect("comments");
        self.tick()
    }

    /// Somebody does something, and it is seen.
    pub(crate) fn person(&mut self, login: &str, act: PersonAct) -> &mut Self {
        self.wait(Duration::from_secs(1));
        self.forge.person(login, act).expect("a person may");
        self.tick()
    }

    /// Claims the only queued run and leaves it under way.
    pub(crate) fn claim(&mut self) -> RunId {
        let runs = self.forge.queued_runs();
        assert_eq!(runs.len(), 1, "{:#?}", self.statuses());
        assert!(self.forge.claim(runs[0]).expect("it can be claimed"), "somebody else was first");
        self.tick();
        runs[0]
    }

    /// Time passes.
    pub(crate) fn wait(&mut self, length: Duration) -> &mut Self {
        self.now = self.now + length;
        self.forge.set_now(self.now);
        self
    }

    /// Queued runs are claimed and do what the script says.
    pub(crate) fn work(&mut self) -> usize {
        self.forge.work_off(&mut self.script).expect("runs can be worked")
    }

    /// Ticks and works until nothing moves any more.
    pub(crate) fn run(&mut self) -> &mut Self {
        for _ in 0..400 {
            self.tick();
            let worked = self.work();
            let before = self.held.version;
            self.wait(Duration::from_secs(5)).tick();
            let quiet = before == self.held.version && self.held.plan.outbox.is_empty();
            if worked == 0 && quiet && self.waits_for_nothing_timed() {
                return self;
            }
        }
        panic!("the story does not end: {:#?}", self.statuses());
    }

    fn waits_for_nothing_timed(&self) -> bool {
        let kept = self.held.plan.header.unkept.due.is_none();
        kept && !self.held.plan.tasks.values().any(|task| task.verdict.is_none() && task.not_before > self.now)
    }

    pub(crate) fn task(&self, issue: u64) -> &Task {
        self.held.plan.task_of(IssueNumber(issue)).unwrap_or_else(|| panic!("#{issue} is not in the plan"))
    }

    pub(crate) fn status(&self, issue: u64) -> Status {
        let draft = Draft::view(&self.held.plan, self.now);
        let locks = waits::locks(&draft);
        let task = self.task(issue);
        waits::status(task, &waits::waits(&draft, &locks, task))
    }

    pub(crate) fn statuses(&self) -> BTreeMap<u64, String> {
        self.held.plan.tasks.keys().map(|TaskId(issue)| (issue.0, self.status(issue.0).to_string())).collect()
    }

    pub(crate) fn expect(&mut self, issue: u64, status: Status) -> &mut Self {
        assert_eq!(self.status(issue), status, "#{issue}: {:#?}", self.task(issue));
        self
    }

    pub(crate) fn tracking_number(&self) -> u64 {
        self.held.plan.header.tracking.as_ref().expect("a tracking issue").number.0
    }

    /// The open pull request of a task.
    pub(crate) fn pull(&self, issue: u64) -> u64 {
        let pull = self.task(issue).pull.as_ref().filter(|pull| pull.open);
        pull.unwrap_or_else(|| panic!("no open pull request: {:#?}", self.task(issue))).number.0
    }

    /// Our comments on an issue, oldest first, markers left out.
    pub(crate) fn comments(&self, number: u64) -> Vec<String> {
        let world = self.forge.world();
        let bot = &self.deployment.bot;
        let ours =
            world.comments().filter(|entry| entry.comment.issue.0 == number && entry.comment.author.login == *bot);
        ours.map(|entry| entry.comment.body.split("\n\n<!--").next().unwrap_or_default().to_owned()).collect()
    }

    /// Whether anything was written since this was last asked.
    pub(crate) fn writes_changed(&self) -> bool {
        let boundaries = self.desk.boundaries();
        self.checked.replace(boundaries) != boundaries
    }

    /// API writes so far.
    pub(crate) fn writes(&self) -> usize {
        self.forge.log().iter().filter(|(_, request)| matches!(request, Request::Api { .. })).count()
    }

    /// The tracking issue's body.
    pub(crate) fn tracking(&self) -> String {
        let number = self.held.plan.header.tracking.as_ref().expect("a tracking issue").number;
        self.forge.world().issue(number).expect("it exists").issue.body.clone()
    }
}

/// What a future gives without ever waiting; nothing where it waits: in a story only a crash makes it.
pub(crate) fn at_once<F: Future>(future: F) -> Option<F::Output> {
    let mut future = std::pin::pin!(future);
    match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

/// The agent that appends a line to every declared file.
pub(crate) fn touch_declared(brief: &Brief) -> Work {
    let line = format!("{} by attempt {}\n", brief.issue, brief.key.id.n);
    Work::Changed(brief.files.iter().map(|path| Edit::append(path, &line)).collect())
}
