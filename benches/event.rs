//! What one event costs in the middle of plans of 10, 100 and 1,000 tasks: `cargo bench --bench event`. A run's
//! record says that its work is done; the task goes on to its pull request and another one starts. At 1,000 tasks this
//! may cost five times what it costs at 10, for `step` alone and together with the save of the changed rows in SQLite.
//!
//! Each round is what the loop does for an event (see `turn`): step, save what changed, put it in place; the outcomes
//! of what is sent then are the next round's events, until nothing is left to do. Only GitHub's answers are made up.
//! `load` is paid once, when a loop begins.

#![expect(clippy::expect_used, reason = "a bench that cannot go on ends")]
#![expect(clippy::print_stdout, reason = "a bench prints its figures")]

use std::cell::Cell;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use task_orchestrator::engine::attempt::Stand;
use task_orchestrator::engine::config::{ApprovalPolicy, Settings};
use task_orchestrator::engine::dry_run::Merging;
use task_orchestrator::engine::effect::{Effect, Entry, Outcome, Receipt};
use task_orchestrator::engine::event::{AttemptSeen, Event, Fact, FootprintSeen, Read};
use task_orchestrator::engine::id::{IssueNumber, Login, Owner, PullNumber, RepositoryName, RunId, Sha, TaskId};
use task_orchestrator::engine::plan::{Change, Plan};
use task_orchestrator::engine::record::{Claimed, Published, Record};
use task_orchestrator::engine::report::{Report, ReportOutcome};
use task_orchestrator::engine::snapshot::{Actor, Issue, OpenState, Permission, PullRequest};
use task_orchestrator::engine::step::{Step, step};
use task_orchestrator::engine::task::{Stage, Task};
use task_orchestrator::engine::time::Timestamp;
use task_orchestrator::infer;
use task_orchestrator::store::sqlite::{Durability, Options, SqliteStore};
use task_orchestrator::store::{Lease, Store, Version};
use tokio::runtime::Runtime;

const START: Timestamp = Timestamp(1_790_000_000_000);
const SIZES: [u64; 3] = [10, 100, 1_000];
/// Most phases a plan may have, and so many there are where there are tasks for them.
const PHASES: u64 = 10;
/// Of so many neighbours, two share a file.
const SHARED_BY: u64 = 5;
/// One task in so many depends on the one two before it.
const DEPENDENT_ONE_IN: u64 = 3;
/// Of ten tasks so many are merged.
const MERGED_OF_TEN: usize = 3;
/// Pull requests that wait for a person's merge.
const OPEN_PULLS: usize = 1;
/// Times each event is taken, at every size in turn.
const SAMPLES: usize = 401;
/// What an event at the largest size may cost, in events at the smallest.
const RATIO_MAX: f64 = 5.0;

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let mut stages: Vec<Measured<'_>> = SIZES.iter().map(|tasks| Measured::new(&runtime, *tasks)).collect();
    for _ in 0..SAMPLES {
        stages.iter_mut().for_each(Measured::sample);
    }
    let figures: Vec<[f64; 2]> = stages.iter_mut().map(Measured::medians).collect();
    println!("{:>6} {:>12} {:>12}  rows", "tasks", "step", "with save");
    for ((tasks, [alone, saved]), stage) in SIZES.iter().zip(&figures).zip(&stages) {
        println!("{tasks:>6} {alone:>9.1} us {saved:>9.1} us  {}", stage.rows);
    }
    for (at, name) in ["step", "step and save"].into_iter().enumerate() {
        let ratio = figures[2][at] / figures[0][at];
        println!("{name}: {ratio:.2} times from {} to {} tasks", SIZES[0], SIZES[2]);
        assert!(ratio <= RATIO_MAX, "{name} costs {ratio:.2} times as much, over {RATIO_MAX}");
    }
}

/// A plan in its middle, in memory and in a database, and the event that comes next.
struct Measured<'r> {
    runtime: &'r Runtime,
    loop_: Loop,
    store: SqliteStore,
    lease: Lease,
    version: Version,
    event: Event,
    now: Timestamp,
    alone: Vec<Duration>,
    saved: Vec<Duration>,
    /// Rows written for the event.
    rows: usize,
    _folder: tempfile::TempDir,
}

impl<'r> Measured<'r> {
    fn new(runtime: &'r Runtime, tasks: u64) -> Self {
        let loop_ = Loop::middle(tasks);
        let folder = tempfile::tempdir().expect("a folder");
        let options = Options { path: folder.path().join("bench.sqlite"), durability: Durability::ProcessEnd };
        let store = runtime.block_on(SqliteStore::open(&options)).expect("opens");
        let plan = &loop_.plan;
        let lease = runtime.block_on(store.acquire(&plan.repository, &owner(), loop_.now.get())).expect("taken");
        let version = runtime.block_on(store.save(&plan.repository, lease, 0, &rows(plan))).expect("saved");
        let (event, now) = (loop_.completion(), loop_.now.get() + Duration::from_secs(60));
        let (alone, saved) = (Vec::new(), Vec::new());
        Self { runtime, loop_, store, lease, version, event, now, alone, saved, rows: 0, _folder: folder }
    }

    /// Takes the event once, and then puts everything back as it was.
    fn sample(&mut self) {
        let before = self.loop_.plan.clone();
        let mut events = vec![Event::Resumed, self.event.clone()];
        let (mut alone, mut saved, mut written) = (Duration::ZERO, Duration::ZERO, Vec::new());
        while !events.is_empty() {
            let begun = Instant::now();
            let stepped = step(std::hint::black_box(&self.loop_.plan), &events, self.now, &owner());
            alone += begun.elapsed();
            if !stepped.changes.is_empty() {
                let save = self.store.save(&before.repository, self.lease, self.version, &stepped.changes);
                self.version = self.runtime.block_on(save).expect("saved");
                written.extend(stepped.changes.iter().cloned());
                self.loop_.plan.apply(stepped.changes.clone());
            }
            saved += begun.elapsed();
            events = self.loop_.answers(&stepped);
        }
        let starts = |change: &Change| matches!(change, Change::Entry(entry) if entry.key.0.starts_with("dispatch:"));
        assert!(written.iter().any(starts), "another task started");
        self.rows = written.len();
        self.alone.push(alone);
        self.saved.push(saved);
        let undone = undo(&before, &written);
        self.version = self
            .runtime
            .block_on(self.store.save(&before.repository, self.lease, self.version, &undone))
            .expect("saved");
        self.loop_.plan.apply(undone);
        assert_eq!(self.loop_.plan, before, "each sample begins where the one before began");
    }

    /// Microseconds, of `step` alone and with its save.
    fn medians(&mut self) -> [f64; 2] {
        [&mut self.alone, &mut self.saved].map(|taken| {
            taken.sort_unstable();
            taken[taken.len() / 2].as_secs_f64() * 1e6
        })
    }
}

/// What takes written rows back to what they were.
fn undo(before: &Plan, written: &[Change]) -> Vec<Change> {
    let back = |change: &Change| match change {
        Change::Header(_) => Change::Header(Box::new(before.header.clone())),
        Change::Layout(_) => Change::Layout(Box::new(before.layout.clone())),
        Change::Numbers(_) => Change::Numbers(Box::new(before.numbers.clone())),
        Change::Task(task) => Change::Task(before.tasks[&task.id].clone()),
        Change::TaskGone(id) => Change::Task(before.tasks[id].clone()),
        Change::Entry(entry) => entry_as_before(before, &entry.key),
        Change::EntryGone(key) => entry_as_before(before, key),
    };
    written.iter().map(back).collect()
}

fn entry_as_before(before: &Plan, key: &task_orchestrator::engine::effect::EffectKey) -> Change {
    match before.outbox.get(key) {
        Some(entry) => Change::Entry(Box::new(entry.clone())),
        None => Change::EntryGone(key.clone()),
    }
}

/// Every row of a plan.
fn rows(plan: &Plan) -> Vec<Change> {
    let mut rows = vec![
        Change::Header(Box::new(plan.header.clone())),
        Change::Layout(Box::new(plan.layout.clone())),
        Change::Numbers(Box::new(plan.numbers.clone())),
    ];
    rows.extend(plan.tasks.values().map(|task| Change::Task(task.clone())));
    rows.extend(plan.outbox.values().map(|entry| Change::Entry(Box::new(entry.clone()))));
    rows
}

/// A plan and a GitHub that does whatever is asked.
struct Loop {
    plan: Plan,
    settings: Settings,
    now: Cell<Timestamp>,
}

impl Loop {
    /// A plan of so many approved tasks of which some are merged, four run, some wait for their merge, and the rest
    /// waits for slots, files, dependencies and gates.
    fn middle(tasks: u64) -> Self {
        let settings = Settings { approval: ApprovalPolicy::Label, ..Settings::local() };
        let (repository, bot) = (RepositoryName::new("acme/widgets"), Login::new("task-orchestrator[bot]"));
        let plan = Plan::idle(repository, bot, "seed".to_owned(), settings.clone(), START);
        let mut this = Self { plan, settings, now: Cell::new(START) };
        this.take(vec![Fact::Issues((1..=tasks).map(|number| issue(number, tasks)).collect())]);
        this.take(vec![Fact::Permission(Login::new("owner"), Permission::Admin)]);
        let merged_already = usize::try_from(tasks / 10).expect("a small number") * MERGED_OF_TEN;
        while this.count(|task| task.verdict.is_some()) < merged_already {
            match this.open_pull() {
                Some(pull) if this.count(Task::has_open_pull) > OPEN_PULLS || !this.runs() => {
                    this.take(vec![merged(pull)])
                }
                Some(_) | None => {
                    let event = this.completion();
                    this.run(vec![event]);
                }
            }
        }
        this
    }

    fn count(&self, fits: impl Fn(&Task) -> bool) -> usize {
        self.plan.tasks.values().filter(|task| fits(task)).count()
    }

    fn runs(&self) -> bool {
        self.count(|task| task.stage == Stage::Running) > 0
    }

    fn open_pull(&self) -> Option<&Task> {
        self.plan.tasks.values().map(AsRef::as_ref).find(|task| task.has_open_pull())
    }

    /// The oldest run's record says that its work is done.
    fn completion(&self) -> Event {
        let running = self.plan.tasks.values().filter(|task| task.stage == Stage::Running);
        let attempt = running.filter_map(|task| task.live()).min_by_key(|attempt| attempt.planned_at);
        let attempt = attempt.expect("something runs");
        assert!(attempt.stand >= Stand::Dispatched, "its dispatch was answered");
        let issue = attempt.id.issue.0;
        let (key, brief, at) = (attempt.key.clone(), sha("b", issue), START);
        let result = Published {
            report: Report::ended(ReportOutcome::Changed, "Did what the title says."),
            commit: Some(sha("c", issue)),
            files: vec![own_file(issue)],
            added: 1,
            removed: 0,
            refused: Vec::new(),
            start: attempt.start.clone(),
            agent_started_at: None,
            agent_ended_at: None,
            at,
        };
        let record =
            Record::claimed(Claimed { run_id: RunId(issue), run_attempt: 1, key, brief, at }).with_result(result);
        let seen = AttemptSeen { id: attempt.id, record: Some((sha("d", issue), record)), run: None };
        Event::Fact(Box::new(Fact::Attempts(vec![seen])))
    }

    fn take(&mut self, facts: Vec<Fact>) {
        self.run(facts.into_iter().map(|fact| Event::Fact(Box::new(fact))).collect());
    }

    /// Takes events through the loop until nothing is left to do.
    fn run(&mut self, mut events: Vec<Event>) {
        self.now.set(self.now.get() + Duration::from_secs(60));
        while !events.is_empty() {
            let stepped = step(&self.plan, &events, self.now.get(), &owner());
            self.plan.apply(stepped.changes.clone());
            events = self.answers(&stepped);
        }
    }

    /// What GitHub answers to what a step asks for.
    fn answers(&self, stepped: &Step) -> Vec<Event> {
        let facts = stepped.reads.iter().flat_map(|read| self.found(read));
        let facts = facts.map(|fact| Event::Fact(Box::new(fact)));
        let writes = stepped.writes.iter().filter_map(|key| self.plan.outbox.get(key));
        let done = writes.map(|entry| Event::Outcome(entry.key.clone(), Box::new(Outcome::Done(self.receipt(entry)))));
        facts.chain(done).collect()
    }

    /// What a read finds; nothing where it would tell nothing new.
    fn found(&self, read: &Read) -> Option<Fact> {
        match read {
            Read::Repository => Some(Fact::Repository {
                branch: "main".to_owned(),
                head: Sha::new("a".repeat(40)),
                settings: Box::new(self.settings.clone()),
                problem: None,
                workflow_present: true,
            }),
            Read::Footprints(issues) => {
                let task = |issue: &IssueNumber| self.plan.tasks.get(&TaskId(*issue));
                let seen = issues.iter().filter_map(task).map(|task| FootprintSeen {
                    issue: task.issue(),
                    digest: task.digest.clone(),
                    footprint: infer::footprint(&task.facts, None, None),
                });
                Some(Fact::Footprints(seen.collect()))
            }
            Read::Labelled(issue) => Some(Fact::Labelled { issue: *issue, by: Some((person(), START)), edited: None }),
            Read::Kept { .. } => Some(Fact::Kept(Box::default())),
            Read::DryRuns(pairs) => {
                Some(Fact::DryRuns(pairs.iter().map(|pair| (pair.clone(), Merging::Clean)).collect()))
            }
            Read::Permission(login) => Some(Fact::Permission(login.clone(), Permission::Admin)),
            Read::Issues
            | Read::Issue(_)
            | Read::Outside(_)
            | Read::BlockedBy(_)
            | Read::Comments(_)
            | Read::Tracking(_)
            | Read::PlannedFiles(_)
            | Read::Attempts { .. }
            | Read::Pulls(_)
            | Read::PullsAndChecks(_)
            | Read::Pull(_)
            | Read::Checks(_) => None,
        }
    }

    fn receipt(&self, entry: &Entry) -> Receipt {
        match &entry.effect {
            Effect::CreateTracking { .. } => Receipt::Issue(Box::new(issue(1_000_000, 1))),
            Effect::EditTracking { .. } => {
                Receipt::TrackingWritten { number: IssueNumber(1), digest: "e".repeat(64), history: None }
            }
            Effect::WriteBrief { brief } => Receipt::Commit(sha("b", brief.issue.0)),
            Effect::KeepPlan { revision } => Receipt::Commit(sha("d", *revision)),
            Effect::Dispatch { key, .. } => Receipt::Dispatched { run: Some(RunId(key.id.issue.0)) },
            Effect::OpenPull { issue, .. } => {
                Receipt::Pull(Box::new(pull(&self.plan.tasks[&TaskId(*issue)], OpenState::Open)))
            }
            Effect::Pin { .. }
            | Effect::Comment { .. }
            | Effect::DeleteComment { .. }
            | Effect::React { .. }
            | Effect::Fence { .. }
            | Effect::CancelRun { .. }
            | Effect::MoveBranch { .. }
            | Effect::EditPull { .. }
            | Effect::MergePull { .. }
            | Effect::UpdatePull { .. }
            | Effect::Rerun { .. }
            | Effect::CloseIssue { .. }
            | Effect::Relate { .. }
            | Effect::DeleteBranch { .. } => Receipt::Nothing,
        }
    }
}

fn merged(task: &Task) -> Fact {
    let pull = PullRequest { merged: true, ..pull(task, OpenState::Closed) };
    Fact::Pulls(vec![(pull, None)])
}

fn pull(task: &Task, state: OpenState) -> PullRequest {
    let issue = task.issue().0;
    PullRequest {
        number: PullNumber(10_000 + issue),
        title: task.title.clone(),
        body: String::new(),
        state,
        merged: false,
        merge_commit: None,
        head_branch: format!("orchestrate/issue-{issue}"),
        head_sha: sha("c", issue),
        base_branch: "main".to_owned(),
        draft: false,
        mergeable: Some(true),
        author: Actor { login: Login::new("task-orchestrator[bot]"), bot: true },
        updated_at: START,
    }
}

fn sha(kind: &str, number: u64) -> Sha {
    Sha::new(format!("{}{number:010}", kind.repeat(30)))
}

fn owner() -> Owner {
    Owner::new("bench")
}

fn person() -> Actor {
    Actor { login: Login::new("owner"), bot: false }
}

fn own_file(number: u64) -> String {
    format!("src/file_{number}.rs")
}

fn issue(number: u64, tasks: u64) -> Issue {
    let phases = (tasks / PHASES).clamp(1, PHASES);
    let phase = 1 + number.saturating_sub(1) * phases / tasks.max(number);
    let depends =
        if number.is_multiple_of(DEPENDENT_ONE_IN) { format!("Depends on: #{}\n", number - 2) } else { String::new() };
    let shared = (number % SHARED_BY < 2).then(|| format!("src/shared_{}.rs", number / SHARED_BY));
    let files: BTreeSet<String> = shared.into_iter().chain([own_file(number)]).collect();
    let files = files.into_iter().collect::<Vec<_>>().join(", ");
    Issue {
        number: IssueNumber(number),
        node_id: format!("I_{number}"),
        title: format!("Task {number}"),
        body: format!("Files: {files}\nPhase: {phase}\n{depends}\nDo what the title says, and test it.\n"),
        state: OpenState::Open,
        labels: vec!["orchestrate".to_owned()],
        author: person(),
        closed_by: None,
        created_at: START,
        updated_at: START,
        is_pull_request: false,
        blocked_by_count: 0,
    }
}
