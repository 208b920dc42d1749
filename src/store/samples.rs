//! A stored plan of every form that was ever shipped: each can be read and goes on.
//!
//! `tests/data/plans/v<form>.json` are the rows of a real plan, stopped in the middle. A new form gets a new file, made
//! from the state folder of `task-orchestrator local` (`kill -9`, so that something is under way):
//!
//! ```sh
//! sqlite3 state/orchestrator.sqlite "SELECT json_object('schema', (SELECT schema FROM plan), 'rows',
//!   json_group_array(json_object('kind', kind, 'id', id, 'body', json(body)))) FROM plan_row"
//! ```

use std::collections::BTreeSet;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use crate::engine::event::{Event, Read};
use crate::engine::id::{Owner, RepositoryName};
use crate::engine::plan::{Change, Plan, SCHEMA};
use crate::engine::step::step;
use crate::engine::task::Stage;
use crate::store::Store as _;
use crate::store::memory::MemoryStore;
use crate::store::rows;

#[derive(Deserialize)]
struct Sample {
    schema: u32,
    rows: Vec<SampleRow>,
}

#[derive(Deserialize)]
struct SampleRow {
    kind: String,
    id: String,
    body: Value,
}

fn repository() -> RepositoryName {
    RepositoryName::new("local/sample")
}

fn sample(form: u32) -> Plan {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/data/plans/v{form}.json"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let sample: Sample = serde_json::from_str(&text).expect("a sample");
    assert_eq!(sample.schema, form, "{}", path.display());
    let row = |row: SampleRow| rows::Row { kind: row.kind, id: row.id, body: row.body.to_string() };
    rows::plan(&repository(), sample.schema, sample.rows.into_iter().map(row).collect()).expect("it can be read")
}

#[test]
fn every_form_has_a_sample_that_says_many_things() {
    for form in 1..=SCHEMA {
        let plan = sample(form);
        let stages: BTreeSet<Stage> = plan.tasks.values().map(|task| task.stage).collect();
        let needed = [Stage::Waiting, Stage::Running, Stage::Error, Stage::Complete, Stage::PrOpen];
        assert!(needed.iter().all(|stage| stages.contains(stage)), "v{form}: {stages:?}");
        assert!(plan.tasks.iter().any(|(_, task)| task.hold.is_some()), "v{form}");
    }
}

#[tokio::test]
async fn every_form_goes_on_in_todays() {
    for form in 1..=SCHEMA {
        let mut plan = sample(form);
        let now = plan.header.started_at + std::time::Duration::from_secs(3_600);
        let stepped = step(&plan, &[Event::Resumed, Event::Tick], now, &Owner::new("test"));
        assert!(stepped.reads.iter().any(|read| matches!(read, Read::Attempts { .. })), "v{form}: what runs is read");
        let tasks = stepped.changes.iter().filter(|change| matches!(change, Change::Task(_))).count();
        assert!(form == SCHEMA || tasks == plan.tasks.len(), "v{form}: {tasks} tasks are written in today's form");
        let store = MemoryStore::new();
        // Whatever it was loaded from, the first save leaves today's form alone.
        let all = rows_of(&plan);
        let lease = store.acquire(&repository(), &Owner::new("test"), now).await.expect("free");
        let version = store.save(&repository(), lease, 0, &all).await.expect("saved");
        store.save(&repository(), lease, version, &stepped.changes).await.expect("saved");
        plan.apply(stepped.changes);
        let (loaded, _) = store.load(&repository()).await.expect("readable").expect("a plan");
        assert_eq!((loaded.header.schema, &loaded), (SCHEMA, &plan), "v{form}");
    }
}

/// All rows of a plan.
fn rows_of(plan: &Plan) -> Vec<Change> {
    let header = Change::Header(Box::new(plan.header.clone()));
    let rest = [Change::Layout(Box::new(plan.layout.clone())), Change::Numbers(Box::new(plan.numbers.clone()))];
    let tasks = plan.tasks.values().map(|task| Change::Task(task.clone()));
    let entries = plan.outbox.values().map(|entry| Change::Entry(Box::new(entry.clone())));
    [header].into_iter().chain(rest).chain(tasks).chain(entries).collect()
}

#[test]
fn an_older_row_of_no_known_kind_is_still_refused() {
    let row = rows::Row { kind: "omen".to_owned(), id: String::new(), body: "{}".to_owned() };
    let refused = rows::plan(&repository(), 1, vec![row]).expect_err("an unknown row");
    assert!(refused.to_string().contains("omen"), "{refused}");
}
