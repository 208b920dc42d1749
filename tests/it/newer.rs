//! A stored plan that a newer program wrote: whatever would work on it refuses, with 1 and a clear message, and leaves
//! it as it is.

use std::path::Path;

use task_orchestrator::engine::config::Settings;
use task_orchestrator::engine::id::{Login, Owner, RepositoryName};
use task_orchestrator::engine::plan::{Change, Plan, SCHEMA};
use task_orchestrator::engine::time::Timestamp;
use task_orchestrator::store::Store as _;
use task_orchestrator::store::sqlite::{Durability, Options, SqliteStore};

use crate::program::run;
use crate::serve::{FLAGS, folder};
use crate::support::program::{self, Stage, issue};

/// Puts a database with a plan of the next form where a start looks for it.
fn newer(state: &Path) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let options = Options { path: state.join("orchestrator.sqlite"), durability: Durability::ProcessEnd };
    runtime.block_on(async {
        let store = SqliteStore::open(&options).await.expect("it opens");
        let (name, bot) = (RepositoryName::new("acme/widgets"), Login::new("bot"));
        let mut plan = Plan::idle(name.clone(), bot, String::new(), Settings::server(), Timestamp(1));
        plan.header.schema = SCHEMA + 1;
        let lease = store.acquire(&name, &Owner::new("newer"), Timestamp(1)).await.expect("free");
        store.save(&name, lease, 0, &[Change::Header(Box::new(plan.header))]).await.expect("saved");
        store.close().await;
    });
}

fn words() -> [String; 2] {
    [format!("schema {}", SCHEMA + 1), "use a newer task-orchestrator".to_owned()]
}

#[test]
fn serve_ends_with_1() {
    let folder = folder();
    newer(&folder.path().join(".state"));
    run(folder.path(), &FLAGS).refused(1, &words().each_ref().map(String::as_str));
}

#[test]
fn local_ends_with_1() {
    let stage = Stage::new(&[("a.txt", "a\n")]);
    let agent = stage.agent("touch_files");
    newer(&stage.state());
    stage.issues(&[issue(1, "Write a", "Files: a.txt")]);
    program::run(&mut stage.local(&agent, &[])).expect(1).says(&words().each_ref().map(String::as_str));
}
