//! What only the store on a branch promises: what its commits say, and what two processes see of each other.

use std::sync::Arc;
use std::time::Duration;

use crate::engine::id::{Owner, STATE_BRANCH, Sha};
use crate::engine::kept;
use crate::engine::plan::Change;
use crate::engine::time::Timestamp;
use crate::forge::http::Forge;
use crate::forge::memory::MemoryForge;
use crate::forge::memory::fault::{Fault, Target};
use crate::github::auth::{App, AppCredentials, Installations};
use crate::github::client::{Client, Transport};
use crate::github::{Error as Refusal, GitHub, KnownTip, Request};
use crate::store::branch::{BRANCH_LEASE_LENGTH, BranchStore};
use crate::store::tests::{START, header, idle, numbers, widgets};
use crate::store::{Error, Lease, Store};

/// A repository in memory.
pub(super) fn forge() -> Arc<MemoryForge> {
    Arc::new(MemoryForge::new(&[("a.txt", "a\n")], START))
}

/// A process's store.
pub(super) fn store<G: GitHub>(github: G) -> BranchStore<G> {
    BranchStore::new(github, widgets(), "seed".to_owned(), KnownTip::default())
}

/// Another process's, which has a seed of its own.
fn another(forge: &Arc<MemoryForge>) -> BranchStore<Arc<MemoryForge>> {
    BranchStore::new(Arc::clone(forge), widgets(), "another seed".to_owned(), KnownTip::default())
}

/// The real client before a forge that is reached over HTTP.
pub(super) struct Site {
    forge: Forge,
    _folder: tempfile::TempDir,
}

impl Site {
    pub(super) async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let now = Arc::new(std::sync::atomic::AtomicI64::new(START.0));
        let options = crate::forge::http::tests::options(folder.path(), &now);
        let options = crate::forge::http::ForgeOptions { repository: widgets(), ..options };
        Self { forge: Forge::start(options).await.expect("the forge starts"), _folder: folder }
    }

    pub(super) async fn client(&self) -> Arc<Client> {
        let transport = Transport::new(self.forge.base_url(), Arc::new(|| START)).expect("an address");
        let credentials = AppCredentials { app_id: self.forge.app_id().to_string(), key: self.forge.private_key_pem() };
        let app = App::new(Arc::new(transport), &credentials).expect("a key");
        Installations::new(Arc::new(app)).client(&widgets()).await.expect("installed")
    }

    pub(super) async fn end(self) {
        self.forge.shutdown().await;
    }
}

async fn take(store: &impl Store, owner: &str, now: Timestamp) -> Result<Lease, Error> {
    store.acquire(&widgets(), &Owner::new(owner), now).await
}

/// The messages of the state branch's commits, oldest first.
fn history(forge: &MemoryForge) -> Vec<String> {
    let repository = forge.repository();
    let mut messages = Vec::new();
    let mut at: Option<Sha> = repository.branch(STATE_BRANCH).cloned();
    while let Some(commit) = at.as_ref().and_then(|sha| repository.get(sha)) {
        messages.push(commit.message.clone());
        at = commit.parents.first().cloned();
    }
    messages.reverse();
    messages
}

#[tokio::test]
async fn who_only_looks_leaves_no_commit() {
    let forge = forge();
    let store = store(forge.clone());
    let lease = take(&store, "a", START).await.expect("free");
    assert_eq!(store.load(&widgets()).await.expect("readable"), None);
    store.renew(&widgets(), lease, START + Duration::from_secs(300)).await.expect("held");
    store.release(&widgets(), lease).await.expect("given back");
    assert_eq!(forge.branch(STATE_BRANCH), None);
}

#[tokio::test]
async fn the_history_tells_every_step_and_never_the_seed() {
    let forge = forge();
    let store = store(forge.clone());
    let lease = take(&store, "a", START).await.expect("free");
    store.save(&widgets(), lease, 0, &[header(|_| {})]).await.expect("saved");
    store.save(&widgets(), lease, 1, &[numbers(5, 2)]).await.expect("saved");
    store.stands(&widgets(), lease).await.expect("held, and written with the first save");
    store.release(&widgets(), lease).await.expect("given back");
    assert_eq!(history(&forge), ["Step 1: the plan", "Step 2: the plan", "Give the lease back"]);
    let repository = forge.repository();
    let tip = repository.branch(STATE_BRANCH).and_then(|tip| repository.get(tip)).expect("a commit");
    for (path, bytes) in &tip.tree {
        let text = String::from_utf8(bytes.to_vec()).expect("text");
        assert!(!text.contains("\"seed\": \"s"), "{path}: {text}");
        assert!(text.lines().all(|line| line.len() < 120), "one field a line: {text}");
    }
    let (plan, _) = another(&forge).load(&widgets()).await.expect("readable").expect("a plan");
    assert_eq!((plan.header.seed.as_str(), plan.numbers.len()), ("another seed", 1));
}

#[tokio::test]
async fn another_process_of_the_same_owner_takes_over_at_once_and_the_first_is_fenced() {
    let forge = forge();
    let (first, second) = (store(forge.clone()), another(&forge));
    let old = take(&first, "actions", START).await.expect("free");
    first.save(&widgets(), old, 0, &[header(|_| {})]).await.expect("saved");
    let new = take(&second, "actions", START).await.expect("its own");
    second.stands(&widgets(), new).await.expect("written now");
    assert_eq!(history(&forge).last().map(String::as_str), Some("Take the lease"));
    assert!(matches!(first.stands(&widgets(), old).await, Err(Error::Fenced)));
    assert!(matches!(first.save(&widgets(), old, 1, &[numbers(1, 9)]).await, Err(Error::Fenced)));
    assert!(matches!(first.renew(&widgets(), old, START).await, Err(Error::Fenced)));
    first.release(&widgets(), old).await.expect("nothing of its own to give back");
    assert_eq!(second.save(&widgets(), new, 1, &[numbers(1, 2)]).await.expect("held"), 2);
}

#[tokio::test]
async fn another_owner_waits_for_the_end_of_a_lease_that_was_written() {
    let forge = forge();
    let (first, second) = (store(forge.clone()), another(&forge));
    let old = take(&first, "actions", START).await.expect("free");
    first.save(&widgets(), old, 0, &[header(|_| {})]).await.expect("saved");
    let refused = take(&second, "somebody", START).await;
    assert!(matches!(refused, Err(Error::Leased { until }) if until == START + BRANCH_LEASE_LENGTH), "{refused:?}");
    let later = START + BRANCH_LEASE_LENGTH;
    let renewed = first.renew(&widgets(), old, later).await.expect("nobody took it");
    assert!(matches!(take(&second, "somebody", later).await, Err(Error::Leased { .. })), "it was renewed");
    first.release(&widgets(), renewed).await.expect("given back");
    assert_eq!(take(&second, "somebody", later).await.expect("given back").epoch, renewed.epoch + 1);
}

#[tokio::test]
async fn of_two_that_took_it_side_by_side_the_first_to_write_has_it() {
    let forge = forge();
    let (first, second) = (store(forge.clone()), another(&forge));
    let (one, two) =
        (take(&first, "actions", START).await.expect("free"), take(&second, "actions", START).await.expect("free"));
    assert_eq!(one.epoch, two.epoch, "nothing was written yet");
    second.save(&widgets(), two, 0, &[header(|_| {})]).await.expect("the first to write");
    assert!(matches!(first.save(&widgets(), one, 0, &[header(|_| {})]).await, Err(Error::Fenced)));
    assert!(matches!(first.stands(&widgets(), one).await, Err(Error::Fenced)));
    second.stands(&widgets(), two).await.expect("held");
}

#[tokio::test]
async fn an_answer_that_was_lost_is_looked_for() {
    let commits = |request: &Request| matches!(request, Request::CommitOnBranch { .. });
    for (fault, what) in [
        (Fault::AnswerLost, "it happened"),
        (Fault::Instead(Refusal::Unreachable { message: "cut".to_owned() }), "it did not"),
    ] {
        let forge = forge();
        let store = store(forge.clone());
        let lease = take(&store, "a", START).await.expect("free");
        store.save(&widgets(), lease, 0, &[header(|_| {})]).await.expect("saved");
        forge.plan_fault(Target::Call(commits), fault);
        assert_eq!(store.save(&widgets(), lease, 1, &[numbers(1, 2)]).await.expect("saved"), 2, "{what}");
        assert_eq!(history(&forge), ["Step 1: the plan", "Step 2: the plan"], "{what}");
    }
}

#[tokio::test]
async fn a_brief_that_moved_the_branch_costs_the_store_nothing() {
    let forge = forge();
    let tip = KnownTip::default();
    let store = BranchStore::new(forge.clone(), widgets(), "seed".to_owned(), tip.clone());
    let lease = take(&store, "a", START).await.expect("free");
    store.save(&widgets(), lease, 0, &[header(|_| {})]).await.expect("saved");
    let head = tip.tip();
    let brief = vec![crate::github::NewFile { path: "briefs/1.1.json".to_owned(), content: "{}".to_owned() }];
    let moved = crate::github::commit_onto(&forge, STATE_BRANCH.to_owned(), head, brief, "Brief 1.1".to_owned()).await;
    tip.keep(Some(moved.expect("written")));
    let reads = |request: &Request| matches!(request, Request::Tips { .. } | Request::Folder { .. });
    forge.plan_fault(Target::Call(reads), Fault::Instead(Refusal::Invalid { message: "read again".to_owned() }));
    store.save(&widgets(), lease, 1, &[numbers(1, 2)]).await.expect("saved, and nothing was read");
    assert!(forge.file(STATE_BRANCH, "briefs/1.1.json").is_some());
}

#[tokio::test]
async fn a_plan_that_went_on_elsewhere_counts_as_none() {
    let forge = forge();
    let first = store(forge.clone());
    let lease = take(&first, "a", START).await.expect("free");
    first.save(&widgets(), lease, 0, &[header(|header| header.unkept.revision = 4)]).await.expect("saved");
    for (revision, is_there) in [(4, true), (5, false)] {
        let mut plan = idle();
        plan.header.unkept.revision = revision;
        let files = kept::files(&plan, true);
        let edits: Vec<_> =
            files.iter().map(|(path, text)| crate::forge::memory::edit::Edit::write(path, text)).collect();
        forge.push("owner", STATE_BRANCH, &edits).expect("pushes");
        let other = another(&forge);
        assert_eq!(other.load(&widgets()).await.expect("readable").is_some(), is_there, "{revision}");
    }
    let other = another(&forge);
    let lease = take(&other, "a", START).await.expect("its own");
    let begun = other.save(&widgets(), lease, 0, &[header(|header| header.unkept.revision = 6)]).await;
    assert_eq!(begun.expect("it begins anew"), 1);
    let (plan, version) = another(&forge).load(&widgets()).await.expect("readable").expect("a plan");
    assert_eq!((plan.header.unkept.revision, version), (6, 1));
}

#[tokio::test]
async fn a_task_has_a_file_of_its_own_and_goes_with_its_line_in_the_index() {
    let forge = forge();
    let store = store(forge.clone());
    let lease = take(&store, "a", START).await.expect("free");
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/plans/v1.json"));
    let sample: serde_json::Value = serde_json::from_str(&text.expect("a sample")).expect("JSON");
    let rows = sample["rows"].as_array().expect("rows").iter().filter(|row| row["kind"] == "task");
    let mut bodies = rows.map(|row| row["body"].clone());
    let mut body = bodies.next().expect("a task");
    crate::engine::upgrade::upgrade("task", 1, &mut body);
    let task: crate::engine::task::Task = serde_json::from_value(body).expect("today's form");
    let id = task.id;
    let changes = [header(|_| {}), Change::Task(Arc::new(task))];
    store.save(&widgets(), lease, 0, &changes).await.expect("saved");
    let path = format!("store/{id}.json");
    assert!(forge.file(STATE_BRANCH, &path).is_some_and(|text| text.lines().count() > 20), "one field a line");
    assert!(history(&forge)[0].contains(&id.to_string()), "{:?}", history(&forge));
    let (plan, _) = another(&forge).load(&widgets()).await.expect("readable").expect("a plan");
    assert_eq!(plan.tasks.len(), 1);
    store.save(&widgets(), lease, 1, &[Change::TaskGone(id)]).await.expect("saved");
    let (plan, _) = another(&forge).load(&widgets()).await.expect("readable").expect("a plan");
    assert_eq!(plan.tasks.len(), 0);
}
