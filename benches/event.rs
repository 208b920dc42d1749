//! The cost of one event at 10, 100 and 1,000 tasks: a run's record says that its work is done. `step` alone, and
//! `step` with the save of the changed rows in SQLite, as the loop does it for every event; `load` is paid once, when a
//! loop begins.

use std::time::Duration;

use divan::Bencher;
use task_orchestrator::engine::config::{ApprovalPolicy, Settings};
use task_orchestrator::engine::event::{AttemptSeen, Event, Fact};
use task_orchestrator::engine::id::{IssueNumber, Login, Owner, RepositoryName, RunId, Sha};
use task_orchestrator::engine::plan::{Change, Plan};
use task_orchestrator::engine::record::{Claimed, Published, Record};
use task_orchestrator::engine::report::{Report, ReportOutcome};
use task_orchestrator::engine::snapshot::{Actor, Issue, OpenState, Permission};
use task_orchestrator::engine::step::step;
use task_orchestrator::engine::time::Timestamp;
use task_orchestrator::infer;
use task_orchestrator::store::Store;
use task_orchestrator::store::sqlite::{Durability, Options, SqliteStore};

const START: Timestamp = Timestamp(1_790_000_000_000);

fn main() {
    divan::main();
}

fn owner() -> Owner {
    Owner::new("bench")
}

fn person() -> Actor {
    Actor { login: Login::new("owner"), bot: false }
}

fn issue(number: u64) -> Issue {
    Issue {
        number: IssueNumber(number),
        node_id: format!("I_{number}"),
        title: format!("Task {number}"),
        body: format!("Files: src/file_{number}.rs, src/shared_{}.rs\n\nDo what the title says.", number % 97),
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

/// A plan of so many approved tasks, four of them running, and the fact that one of those is done.
fn running_plan(tasks: u64) -> (Plan, Vec<Event>) {
    let settings = Settings { approval: ApprovalPolicy::Label, ..Settings::local() };
    let mut plan = Plan::idle(
        RepositoryName::new("acme/widgets"),
        Login::new("task-orchestrator[bot]"),
        "seed".to_owned(),
        settings.clone(),
        START,
    );
    let issues: Vec<Issue> = (1..=tasks).map(issue).collect();
    let repository = Fact::Repository {
        branch: "main".to_owned(),
        head: Sha::new("a".repeat(40)),
        settings: Box::new(settings),
        problem: None,
        workflow_present: true,
    };
    advance(&mut plan, vec![repository, Fact::Issues(issues)]);
    let footprints = plan.tasks.values().map(|task| (task.issue(), infer::footprint(&task.facts, None))).collect();
    let by = |issue| Fact::Labelled { issue, by: Some((person(), START)), edited_at: None };
    let mut facts: Vec<Fact> = plan.tasks.values().map(|task| by(task.issue())).collect();
    facts.push(Fact::Footprints(footprints));
    facts.push(Fact::Permission(Login::new("owner"), Permission::Admin));
    advance(&mut plan, facts);
    let done = plan.tasks.values().find_map(|task| task.live().cloned()).expect("something runs");
    let claimed =
        Claimed { run_id: RunId(1), run_attempt: 1, key: done.key.clone(), brief: Sha::new("b".repeat(40)), at: START };
    let result = Published {
        report: Report::ended(ReportOutcome::Changed, ""),
        commit: Some(Sha::new("c".repeat(40))),
        files: vec!["src/file_1.rs".to_owned()],
        added: 1,
        removed: 0,
        refused: Vec::new(),
        start: done.start.clone(),
        agent_started_at: None,
        agent_ended_at: None,
        at: START,
    };
    let record = Record::claimed(claimed).with_result(result);
    let seen = AttemptSeen { id: done.id, record: Some((Sha::new("d".repeat(40)), record)), run: None };
    (plan, vec![Event::Fact(Box::new(Fact::Attempts(vec![seen])))])
}

fn advance(plan: &mut Plan, facts: Vec<Fact>) {
    let events: Vec<Event> = facts.into_iter().map(|fact| Event::Fact(Box::new(fact))).collect();
    let stepped = step(plan, &events, START + Duration::from_secs(1), &owner());
    plan.apply(stepped.changes);
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

#[divan::bench(args = [10, 100, 1_000])]
fn step_alone(bencher: Bencher<'_, '_>, tasks: u64) {
    let (plan, events) = running_plan(tasks);
    let now = START + Duration::from_secs(60);
    bencher.bench_local(|| step(divan::black_box(&plan), &events, now, &owner()));
}

#[divan::bench(args = [10, 100, 1_000])]
fn step_and_save(bencher: Bencher<'_, '_>, tasks: u64) {
    let (plan, events) = running_plan(tasks);
    let now = START + Duration::from_secs(60);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let folder = tempfile::tempdir().expect("a folder");
    let options = Options { path: folder.path().join("bench.sqlite"), durability: Durability::ProcessEnd };
    let store = runtime.block_on(SqliteStore::open(&options)).expect("opens");
    let mut version = runtime.block_on(store.save(&plan.repository, 0, &rows(&plan))).expect("saved");
    bencher.bench_local(|| {
        let stepped = step(divan::black_box(&plan), &events, now, &owner());
        version = runtime.block_on(store.save(&plan.repository, version, &stepped.changes)).expect("saved");
    });
}
