//! A repository in memory, worked by the real turn: verbs that read as a story.

pub(crate) mod program;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use task_orchestrator::engine::brief::Brief;
use task_orchestrator::engine::config::{ApprovalPolicy, Settings};
use task_orchestrator::engine::draft::Draft;
use task_orchestrator::engine::event::Event;
use task_orchestrator::engine::id::{IssueNumber, Login, Owner, RepositoryName, TaskId};
use task_orchestrator::engine::plan::{Change, Plan};
use task_orchestrator::engine::task::Task;
use task_orchestrator::engine::time::Timestamp;
use task_orchestrator::engine::waits::{self, Status};
use task_orchestrator::forge::memory::{MemoryForge, edit::Edit, worker::Work};
use task_orchestrator::perform::Tree;
use task_orchestrator::store::{Delivery, Error, Store, Version};
use task_orchestrator::turn::{Configuration, Deployment, Held, load, turn};

/// One repository, its forge, its plan and its clock.
pub(crate) struct Story {
    pub(crate) forge: Arc<MemoryForge>,
    pub(crate) deployment: Deployment<Arc<MemoryForge>, Arc<MemoryForge>, MemoryRows>,
    pub(crate) held: Held,
    pub(crate) now: Timestamp,
    runtime: tokio::runtime::Runtime,
    script: Box<dyn FnMut(&Brief) -> Work>,
}

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
        let deployment = Deployment {
            github: forge.clone(),
            git: forge.clone(),
            store: MemoryRows::default(),
            repository: RepositoryName::new("acme/widgets"),
            owner: Owner::new("story"),
            bot: Login::new("task-orchestrator[bot]"),
            seed: "seed".to_owned(),
            configuration: Configuration::Fixed(Box::new(settings)),
            tree: Tree::default(),
        };
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let held = runtime.block_on(load(&deployment, START)).expect("an idle plan");
        let script = Box::new(|brief: &Brief| touch_declared(brief));
        Self { forge, deployment, held, now: START, runtime, script }
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

    /// One turn with a heartbeat.
    pub(crate) fn tick(&mut self) -> &mut Self {
        let turned = self.runtime.block_on(turn(&self.deployment, &mut self.held, vec![Event::Tick], self.now));
        let turned = turned.expect("the store takes it");
        assert!(
            !turned.more,
            "a turn that does not come to rest: {:?}",
            self.held.plan.outbox.keys().collect::<Vec<_>>()
        );
        self
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
            if worked == 0 && before == self.held.version && self.waits_for_nothing_timed() {
                return self;
            }
        }
        panic!("the story does not end: {:#?}", self.statuses());
    }

    fn waits_for_nothing_timed(&self) -> bool {
        !self.held.plan.tasks.values().any(|task| task.verdict.is_none() && task.not_before > self.now)
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

    /// The tracking issue's body.
    pub(crate) fn tracking(&self) -> String {
        let number = self.held.plan.header.tracking.as_ref().expect("a tracking issue").number;
        self.forge.world().issue(number).expect("it exists").issue.body.clone()
    }
}

/// The agent that appends a line to every declared file.
pub(crate) fn touch_declared(brief: &Brief) -> Work {
    let line = format!("{} by attempt {}\n", brief.issue, brief.key.id.n);
    Work::Changed(brief.files.iter().map(|path| Edit::append(path, &line)).collect())
}

/// Rows in memory.
#[derive(Debug, Default)]
pub(crate) struct MemoryRows(Mutex<Option<(Plan, Version)>>);

impl Store for MemoryRows {
    async fn load(&self, _: &RepositoryName) -> Result<Option<(Plan, Version)>, Error> {
        Ok(self.0.lock().expect("no panic").clone())
    }

    async fn save(&self, repository: &RepositoryName, expected: Version, changes: &[Change]) -> Result<Version, Error> {
        let mut kept = self.0.lock().expect("no panic");
        let (mut plan, version) = kept.take().unwrap_or_else(|| {
            let settings = Settings::local();
            (Plan::idle(repository.clone(), Login::new("b"), String::new(), settings, Timestamp(0)), 0)
        });
        if version != expected {
            *kept = Some((plan, version));
            return Err(Error::Conflict);
        }
        plan.apply(changes.to_vec());
        *kept = Some((plan, version + 1));
        Ok(version + 1)
    }

    async fn keep(&self, _: &Delivery) -> Result<bool, Error> {
        Ok(true)
    }
    async fn unworked(&self, _: &RepositoryName, _: u32) -> Result<Vec<Delivery>, Error> {
        Ok(Vec::new())
    }
    async fn waiting(&self) -> Result<Vec<RepositoryName>, Error> {
        Ok(Vec::new())
    }
    async fn worked(&self, _: &[String]) -> Result<(), Error> {
        Ok(())
    }
    async fn repositories(&self) -> Result<Vec<RepositoryName>, Error> {
        Ok(Vec::new())
    }
    async fn forget(&self, _: Timestamp) -> Result<u64, Error> {
        Ok(0)
    }
}
