//! Twenty tasks on virtual time: the same end as with a server, and the minutes it costs.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use task_orchestrator::actions::session::{Time, work};
use task_orchestrator::actions::workflows::files;
use task_orchestrator::actions::{HEARTBEAT_WORKFLOW, OWNER, WORKFLOW, event, heartbeat};
use task_orchestrator::engine::brief::Brief;
use task_orchestrator::engine::config::{ActionsNative, ApprovalPolicy, Settings};
use task_orchestrator::engine::event::Event;
use task_orchestrator::engine::id::{Login, Owner, PullNumber, RepositoryName, RunId};
use task_orchestrator::engine::plan::{Plan, PlanStatus};
use task_orchestrator::engine::snapshot::{Conclusion, Progress};
use task_orchestrator::engine::task::Stage;
use task_orchestrator::engine::time::Timestamp;
use task_orchestrator::forge::memory::worker::Work;
use task_orchestrator::forge::memory::{MemoryForge, WORKFLOW as TASK_WORKFLOW, actions_bot};
use task_orchestrator::forge::runner::workflow::Workflow;
use task_orchestrator::forge::world::request::{PersonAct, Request, RunnerAct};
use task_orchestrator::forge::world::setup::{ApiLimits, Setup};
use task_orchestrator::forge::world::state::RunEntry;
use task_orchestrator::github::{self, KnownTip};
use task_orchestrator::perform::Tree;
use task_orchestrator::store::branch::BranchStore;
use task_orchestrator::turn::{Configuration, Deployment};

use crate::support::{START, Story, at_once, touch_declared};

const TASKS: u64 = 20;
/// What a job needs before its first step works: the runner, and the program.
const SET_UP: Duration = Duration::from_secs(20);
/// How long a turn takes GitHub and us, in a job that waits for nothing.
const TURN: Duration = Duration::from_secs(10);
/// How long the agent works at each task.
const AGENT: Duration = Duration::from_secs(6 * 60 + 30);
/// How long a run of `handle` stays for what is due soon.
const STAY: Duration = Duration::from_secs(45);
/// Bound of everything that happens.
const EVENTS_MAX: u32 = 1_000;

/// The minutes that each kind of job was billed: every job is rounded up to a whole one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Bill {
    handle: u64,
    agent: u64,
    beside: u64,
    handle_jobs: u64,
}

struct Clock(AtomicI64, Arc<MemoryForge>);

impl Clock {
    fn pass(&self, length: Duration) {
        let length = i64::try_from(length.as_millis()).expect("short");
        let now = self.0.fetch_add(length, Ordering::SeqCst) + length;
        self.1.set_now(Timestamp(now));
    }
}

impl Time for Clock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }

    fn wait(&self, length: Duration) -> impl Future<Output = ()> + Send {
        self.pass(length);
        std::future::ready(())
    }
}

/// GitHub, as far as workflow runs are concerned.
struct Hosted {
    forge: Arc<MemoryForge>,
    clock: Clock,
    settings: Settings,
    bill: Bill,
    /// Runs of tasks that were claimed, with what their agents come to and when.
    working: BTreeMap<RunId, Timestamp>,
    plan: Option<Plan>,
}

fn minutes(length: Duration) -> u64 {
    length.as_secs().div_ceil(60).max(1)
}

/// The files that the tasks touch: every fourth shares one with the task before it.
fn file_of(number: u64) -> String {
    format!("f{}.txt", if number.is_multiple_of(4) { number - 1 } else { number })
}

fn body(number: u64) -> String {
    let depends = if number.is_multiple_of(5) { format!("\nDepends on: #{}", number - 2) } else { String::new() };
    format!("Files: {}{depends}", file_of(number))
}

fn contents() -> Vec<(String, String)> {
    (1..=TASKS).map(|number| (format!("f{number}.txt"), "x\n".to_owned())).collect()
}

fn script(brief: &Brief) -> Work {
    match (brief.issue.0, brief.key.id.n) {
        (7, 1) => Work::Failed("the hinge is bent".to_owned()),
        (11, _) => Work::NoChange("it is so already".to_owned()),
        _ => touch_declared(brief),
    }
}

/// Each task's stage and its attempts' outcomes.
fn ends(plan: &Plan) -> BTreeMap<u64, String> {
    let outcomes = |task: &Arc<task_orchestrator::engine::task::Task>| {
        let words: Vec<String> =
            task.attempts.iter().filter_map(|attempt| attempt.outcome).map(|outcome| outcome.to_string()).collect();
        let verdict = task.verdict.map_or_else(|| "open".to_owned(), |verdict| verdict.to_string());
        (task.issue().0, format!("{verdict}: {}", words.join(", ")))
    };
    plan.tasks.values().map(outcomes).collect()
}

impl Hosted {
    fn new() -> Self {
        let mut setup = Setup::new(RepositoryName::new("acme/widgets"), "main", Login::new("owner"));
        setup.limits = ApiLimits::None;
        for (path, text) in files(true, false, None).expect("the bundled files") {
            let name = path.rsplit('/').next().expect("a name").to_owned();
            let workflow = Workflow::parse(&text).unwrap_or_else(|error| panic!("{path}: {error}"));
            setup.workflows.insert(name, workflow.facts());
        }
        let contents = contents();
        let pairs: Vec<(&str, &str)> = contents.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
        let forge = Arc::new(MemoryForge::with_setup(setup, &pairs, START));
        let native = ActionsNative { own_token: false, hears_comments: false };
        let settings = Settings { approval: ApprovalPolicy::Label, ..Settings::actions(native) };
        let clock = Clock(AtomicI64::new(START.0), Arc::clone(&forge));
        let (bill, working) = (Bill::default(), BTreeMap::new());
        Self { forge, clock, settings, bill, working, plan: None }
    }

    /// A fresh process each time: nothing but the branch is shared.
    fn handle(&mut self, run: &RunEntry) {
        let (seed, tip) = (format!("seed of {}", run.id), KnownTip::default());
        let repository = RepositoryName::new("acme/widgets");
        let store = BranchStore::new(Arc::clone(&self.forge), repository.clone(), seed.clone(), tip.clone());
        let deployment = Deployment {
            github: Arc::clone(&self.forge),
            git: Arc::clone(&self.forge),
            store,
            repository,
            owner: Owner::new(OWNER),
            bot: Login::new("task-orchestrator[bot]"),
            seed,
            configuration: Configuration::Fixed(Box::new(self.settings.clone())),
            tree: Tree::sharing(tip),
        };
        let began = self.clock.now();
        self.clock.pass(SET_UP);
        let worked = work(&deployment, vec![Event::Tick], STAY, &self.clock);
        let session = at_once(worked).expect("nothing waits").expect("the store takes it");
        if let Some(enabled) = heartbeat::wish(session.before, session.plan.header.status, &run.event.name) {
            assert_eq!(at_once(heartbeat::set(&self.forge, enabled)), Some(None));
        }
        self.clock.pass(TURN);
        self.bill.handle += minutes(self.clock.now().since(began));
        self.bill.handle_jobs += 1;
        self.plan = Some(session.plan);
    }

    /// The next run of the workflows that work the plan, in the order of their group.
    fn next_handle(&mut self) -> bool {
        let world = self.forge.world();
        let is_next = |run: &&RunEntry| {
            let ours = [WORKFLOW, HEARTBEAT_WORKFLOW].contains(&run.workflow.as_str());
            ours && run.progress == Progress::Queued && !world.waits_for_its_group(run.id)
        };
        let Some(run) = world.runs().find(is_next).cloned() else { return false };
        let job = run.jobs[0];
        // The job's `if`: what a bot does to an issue starts nothing, and a job that is skipped is not billed.
        if run.event.name != "issues" || !run.actor.login.as_str().ends_with("[bot]") {
            self.report(RunnerAct::JobStarted { job });
            self.handle(&run);
        }
        self.report(RunnerAct::JobEnded { job, conclusion: Conclusion::Success, outputs: BTreeMap::new() });
        self.report(RunnerAct::RunEnded { run: run.id, conclusion: Conclusion::Success });
        true
    }

    fn report(&self, act: RunnerAct) {
        self.forge.apply(Request::Runner(act)).expect("the world takes it");
    }

    /// Runners take the tasks' runs as soon as they are queued.
    fn begin_tasks(&mut self) {
        let world = self.forge.world();
        let queued = world.runs().filter(|run| run.workflow == TASK_WORKFLOW && run.progress == Progress::Queued);
        for run in queued.map(|run| run.id).collect::<Vec<_>>() {
            assert!(self.forge.claim(run).expect("it can be claimed"), "one run for each attempt");
            self.bill.beside += 1;
            self.working.insert(run, self.clock.now() + SET_UP + AGENT);
        }
    }

    /// The agent that is done first; its run's last job wakes whoever works the plan.
    fn end_task(&mut self) -> bool {
        let first = self.working.iter().min_by_key(|(run, at)| (**at, **run)).map(|(run, at)| (*run, *at));
        let Some((run, at)) = first else { return false };
        self.working.remove(&run);
        self.clock.pass(at.since(self.clock.now()));
        let work = script(&self.forge.brief(run).expect("a brief"));
        self.forge.finish_run(run, work).expect("it ends");
        self.bill.agent += minutes(SET_UP + AGENT);
        // Publishing, and waking.
        self.bill.beside += 2;
        let (workflow, branch, inputs) = (WORKFLOW.to_owned(), "main".to_owned(), BTreeMap::new());
        let request = github::Request::DispatchWorkflow { workflow, branch, inputs };
        self.forge.apply(Request::Api { actor: actions_bot(), request, git: None }).expect("it is asked for");
        true
    }

    /// A person merges what is ready.
    fn merge(&mut self, merged: &mut BTreeSet<PullNumber>) -> bool {
        let plan = self.plan.as_ref().expect("it was worked");
        let open = plan.tasks.values().filter(|task| task.stage == Stage::PrOpen);
        let mut pulls = open.filter_map(|task| task.pull.clone());
        let Some(pull) = pulls.find(|pull| merged.insert(pull.number)) else { return false };
        self.clock.pass(Duration::from_secs(60));
        self.forge.person("owner", PersonAct::Merge { number: pull.number }).expect("a person may");
        true
    }

    fn status(&self) -> PlanStatus {
        self.plan.as_ref().map_or(PlanStatus::Idle, |plan| plan.header.status)
    }

    /// Until the plan has ended and nothing more runs.
    fn run(&mut self) {
        let mut merged = BTreeSet::new();
        for _ in 0..EVENTS_MAX {
            self.begin_tasks();
            if self.next_handle() {
                continue;
            }
            if self.status() == PlanStatus::Ended && self.working.is_empty() {
                return;
            }
            if self.merge(&mut merged) || self.end_task() {
                continue;
            }
            // Nothing is to be heard: the clock wakes, where it is switched on.
            self.clock.pass(Duration::from_secs(30 * 60));
            self.report(RunnerAct::Due { workflow: HEARTBEAT_WORKFLOW.to_owned() });
        }
        panic!("the plan does not end: {:#?}", self.plan.as_ref().map(ends));
    }
}

/// The same plan with a server that lasts.
fn with_a_server() -> BTreeMap<u64, String> {
    let contents = contents();
    let pairs: Vec<(&str, &str)> = contents.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
    let mut story = Story::with(&pairs, |_| {});
    story.script(script);
    for number in 1..=TASKS {
        story.issue(number, &format!("Task {number}"), &body(number));
    }
    story.run();
    ends(&story.held.plan)
}

#[test]
fn twenty_tasks_end_as_with_a_server_and_cost_what_the_documents_say() {
    let mut hosted = Hosted::new();
    for number in 1..=TASKS {
        let labels = &["orchestrate"][..];
        hosted.forge.open_issue(number, &format!("Task {number}"), &body(number), labels).expect("an issue");
    }
    hosted.run();
    let plan = hosted.plan.clone().expect("it was worked");
    assert_eq!(ends(&plan), with_a_server());
    assert!(!hosted.forge.world().is_enabled(HEARTBEAT_WORKFLOW), "a repository without a plan is billed nothing");
    let Bill { handle, agent, beside, handle_jobs } = hosted.bill;
    let told = format!("{handle} minutes in {handle_jobs} runs of `handle`, {beside} minutes beside the agents");
    println!("{TASKS} tasks: {told}, {agent} minutes of agents");
    let document = include_str!("../../../docs/actions-native.md");
    assert!(document.contains(&told), "docs/actions-native.md has to say: {told}");
}

#[test]
fn what_the_heartbeat_finds_ended_it_switches_off() {
    let mut hosted = Hosted::new();
    hosted.report(RunnerAct::Due { workflow: HEARTBEAT_WORKFLOW.to_owned() });
    assert!(hosted.next_handle() && !hosted.next_handle());
    assert_eq!(event::SCHEDULE, "schedule");
    assert!(!hosted.forge.world().is_enabled(HEARTBEAT_WORKFLOW));
    hosted.report(RunnerAct::Due { workflow: HEARTBEAT_WORKFLOW.to_owned() });
    assert!(!hosted.next_handle(), "it is off");
    let begun = hosted.forge.branch("orchestrate/state");
    hosted.forge.open_issue(1, "No task", "Nothing is asked for.", &[]).expect("an issue");
    assert!(hosted.next_handle());
    assert_eq!(hosted.forge.branch("orchestrate/state"), begun, "a look at what is no task leaves no commit");
}
