//! Three replicas over one PostgreSQL: one is killed, one is paused past its lease and goes on, and nothing stands
//! twice.

use std::collections::BTreeMap;

use task_orchestrator::engine::id::Login;
use task_orchestrator::engine::snapshot::{Actor, OpenState};
use task_orchestrator::forge::world::World;
use task_orchestrator::forge::world::request::{PersonAct, Request};

use crate::support::program::{PATIENCE, Stage};
use crate::support::replicas::{Database, Replicas, number};

const FILES: &[(&str, &str)] = &[("a.txt", "a\n"), ("b.txt", "b\n"), ("c.txt", "c\n"), ("d.txt", "d\n")];
const WORKED: &str = "the repository is worked here";
const LOST: &str = "the lease was lost";

fn settings(agent: &str) -> String {
    let times =
        "heartbeat: 2s\nsettle: none\nchecks_grace: none\nprobe_window: 1s\nbackoff: 1s\ntracking_interval: 1s\n";
    let policy = "approval: label\nauto_merge: true\nmax_parallel: 2\n";
    format!("{times}{policy}agent: shell\nagent_command: {agent:?}\n")
}

/// An agent that waits at a gate of its issue.
fn agent(stage: &Stage) -> String {
    stage.agent("read -r _ <\"$folder/gate$issue\"\ntouch_files")
}

async fn open_issue(replicas: &Replicas, title: &str, file: &str) {
    let act = PersonAct::Open {
        title: title.to_owned(),
        body: format!("Files: {file}"),
        labels: vec!["orchestrate".to_owned()],
    };
    let actor = Actor { login: Login::new("owner"), bot: false };
    replicas.forge.apply(Request::Person { actor, act, git: None }).await.expect("an issue");
}

/// Waits until the world is so.
async fn until(replicas: &mut Replicas, what: &str, is_so: impl Fn(&World) -> bool) {
    let handle = replicas.forge.handle();
    let mut changes = handle.changes();
    let waiting = async {
        while !handle.look(&is_so) {
            changes.changed().await.expect("the forge lives");
        }
    };
    let in_time = tokio::time::timeout(PATIENCE, waiting).await.is_ok();
    assert!(in_time, "{what} does not come:\n{}", replicas.log());
}

/// Everything that would stand twice.
fn doubles(world: &World) -> Vec<String> {
    let mut seen: BTreeMap<String, u32> = BTreeMap::new();
    for run in world.runs() {
        *seen.entry(format!("run {}", run.title)).or_default() += 1;
    }
    for (_, pull) in world.pulls() {
        *seen.entry(format!("pull request of {}", pull.head_branch)).or_default() += 1;
    }
    for entry in world.comments() {
        let marker = entry.comment.body.rsplit("<!--").next().unwrap_or_default().to_owned();
        *seen.entry(format!("comment on {}: {marker}", entry.comment.issue)).or_default() += 1;
    }
    for entry in world.issues().filter(|entry| entry.issue.author.bot) {
        *seen.entry(format!("issue `{}`", entry.issue.title)).or_default() += 1;
    }
    seen.into_iter().filter(|(_, count)| *count > 1).map(|(what, _)| what).collect()
}

fn merged(world: &World) -> usize {
    world.pulls().filter(|(_, pull)| pull.merged.is_some()).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_replica_killed_and_one_paused_past_its_lease_leave_nothing_standing_twice() {
    let Some(database) = Database::new().await else { return };
    let stage = Stage::new(FILES);
    let mut gates: Vec<_> = (1..=4).map(|issue| stage.gate(&format!("gate{issue}"))).collect();
    let mut replicas = Replicas::start(&stage, &settings(&agent(&stage)), &database, 3, "4s").await;
    replicas.hear(&[0, 1, 2], &[WORKED]);
    for (issue, file) in ["a.txt", "b.txt", "c.txt", "d.txt"].iter().enumerate() {
        open_issue(&replicas, &format!("Task {}", issue + 1), file).await;
    }
    let first = replicas.hear(&[0, 1, 2], &["to=running"]);
    replicas.kill(first);
    let others: Vec<usize> = (0..3).filter(|replica| *replica != first).collect();
    assert!(stage.next_began().ends_with(".1") && stage.next_began().ends_with(".1"), "two agents began");
    gates.iter_mut().for_each(|gate| gate.open());
    // It has saved what it means to send, and is about to send it.
    let second = replicas.hear(&others, &["to=complete"]);
    replicas.pause(second);
    let third: Vec<usize> = others.into_iter().filter(|replica| *replica != second).collect();
    replicas.hear(&third, &[WORKED]);
    until(&mut replicas, "a merge", |world| merged(world) >= 1).await;
    replicas.go_on(second);
    // Either it finds its lease gone, or first the transaction it was paused in.
    replicas.hear(&[second], &[LOST, "the database failed"]);
    until(&mut replicas, "the last merge", |world| merged(world) == 4).await;
    until(&mut replicas, "the end of the plan", |world| {
        world.issues().all(|entry| entry.issue.state == OpenState::Closed)
    })
    .await;
    let found = replicas.forge.handle().look(doubles);
    assert_eq!(found, Vec::<String>::new(), "{}", replicas.log());
    let mut connection = database.connect().await;
    let waiting = "SELECT count(*) FROM delivery WHERE NOT worked AND repository IS NOT NULL";
    let worked = async { while number(&mut connection, waiting).await > 0 {} };
    assert!(tokio::time::timeout(PATIENCE, worked).await.is_ok(), "a delivery waits:\n{}", replicas.log());
    assert!(number(&mut connection, "SELECT epoch FROM lease").await >= 3, "the lease was taken three times");
    let log = replicas.log();
    println!("{log}");
    assert!(!log.contains("panicked"), "{log}");
    drop(connection);
    replicas.stop().await;
    database.remove().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_ends_gives_its_repositories_to_another_at_once() {
    let Some(database) = Database::new().await else { return };
    let stage = Stage::new(FILES);
    // So long that nobody could wait for its end.
    let mut replicas = Replicas::start(&stage, &settings(&agent(&stage)), &database, 2, "10m").await;
    let first = replicas.hear(&[0, 1], &[WORKED]);
    replicas.end(first);
    open_issue(&replicas, "Task", "a.txt").await;
    assert_eq!(replicas.hear(&[1 - first], &[WORKED]), 1 - first);
    replicas.hear(&[1 - first], &["to=running"]);
    replicas.stop().await;
    database.remove().await;
}
