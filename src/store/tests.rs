//! What every store must do, told once and asked of each.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::engine::brief::Brief;
use crate::engine::config::{ApprovalPolicy, Settings};
use crate::engine::event::Event;
use crate::engine::id::{IssueNumber, Login, Owner, RepositoryName, TaskId};
use crate::engine::plan::{Change, LayoutRow, Plan, SCHEMA};
use crate::engine::time::Timestamp;
use crate::forge::memory::MemoryForge;
use crate::forge::memory::edit::Edit;
use crate::forge::memory::worker::Work;
use crate::perform::Tree;
use crate::store::memory::MemoryStore;
use crate::store::sqlite::{Durability, OpenError, Options, SqliteStore};
use crate::store::{Delivery, Error, Store, Version};
use crate::turn::{Configuration, Deployment, load, turn};

const START: Timestamp = Timestamp(1_790_000_000_000);

/// A store whose rows a test can spoil.
trait Spoilable: Store + Clone + 'static {
    async fn spoil(&self, kind: &str, id: &str, body: &str);
}

impl Spoilable for MemoryStore {
    async fn spoil(&self, kind: &str, id: &str, body: &str) {
        Self::spoil(self, &widgets(), kind, id, body);
    }
}

impl Spoilable for SqliteStore {
    async fn spoil(&self, kind: &str, id: &str, body: &str) {
        Self::spoil(self, &widgets(), kind, id, body).await;
    }
}

macro_rules! of_every_store {
    ($($case:ident),* $(,)?) => {
        mod in_memory {
            $(#[tokio::test]
            async fn $case() {
                super::$case(crate::store::memory::MemoryStore::new()).await;
            })*
        }
        mod in_sqlite {
            $(#[tokio::test]
            async fn $case() {
                let folder = tempfile::tempdir().expect("a folder");
                let store = super::open(&folder.path().join("below/store.sqlite")).await.expect("a database");
                super::$case(store.clone()).await;
                store.close().await;
            })*
        }
    };
}

of_every_store!(
    a_save_at_another_version_is_refused_and_changes_nothing,
    only_the_changed_rows_are_written,
    a_whole_life_reads_back_as_it_was_saved,
    names_ignore_case,
    a_spoiled_row_is_named,
    a_newer_form_is_refused,
    the_first_save_needs_a_header,
    a_delivery_is_kept_once,
    a_delivery_reads_back_whole,
    deliveries_wait_in_order_until_they_are_worked,
    only_worked_deliveries_are_forgotten,
);

async fn open(path: &Path) -> Result<SqliteStore, OpenError> {
    SqliteStore::open(&Options { path: path.to_owned(), durability: Durability::ProcessEnd }).await
}

fn widgets() -> RepositoryName {
    RepositoryName::new("acme/widgets")
}

fn idle() -> Plan {
    Plan::idle(widgets(), Login::new("bot"), "seed".to_owned(), Settings::local(), START)
}

fn header(change: impl FnOnce(&mut crate::engine::plan::Header)) -> Change {
    let mut header = idle().header;
    change(&mut header);
    Change::Header(Box::new(header))
}

fn numbers(issue: u64, n: u32) -> Change {
    Change::Numbers(Box::new([(IssueNumber(issue), n)].into()))
}

fn delivery(guid: &str, repository: Option<&str>, at: i64) -> Delivery {
    Delivery {
        guid: guid.to_owned(),
        event: "issues".to_owned(),
        action: Some("labeled".to_owned()),
        repository: repository.map(RepositoryName::new),
        installation: Some(7),
        number: Some(12),
        run: Some(1 << 40),
        title: Some("a title".to_owned()),
        comment: Some(3),
        sha: Some("ab".repeat(20)),
        branch: Some("main".to_owned()),
        unreadable: Some("{".to_owned()),
        received_at: Timestamp(at),
    }
}

fn guids(deliveries: &[Delivery]) -> Vec<&str> {
    deliveries.iter().map(|delivery| delivery.guid.as_str()).collect()
}

async fn a_save_at_another_version_is_refused_and_changes_nothing(store: impl Spoilable) {
    let other = store.clone();
    assert_eq!(store.load(&widgets()).await.expect("readable"), None);
    assert_eq!(store.save(&widgets(), 0, &[header(|_| {})]).await.expect("the first"), 1);
    assert_eq!(other.save(&widgets(), 1, &[numbers(1, 1)]).await.expect("the second"), 2);
    for stale in [0, 1, 3] {
        let refused = store.save(&widgets(), stale, &[header(|header| header.number = 9), numbers(1, 9)]).await;
        assert!(matches!(refused, Err(Error::Conflict)), "{stale}: {refused:?}");
    }
    let (plan, version) = store.load(&widgets()).await.expect("readable").expect("a plan");
    assert_eq!((version, plan.header.number, plan.numbers.get(&IssueNumber(1))), (2, 1, Some(&1)));
}

async fn only_the_changed_rows_are_written(store: impl Spoilable) {
    store.save(&widgets(), 0, &[header(|_| {}), numbers(5, 2)]).await.expect("saved");
    // A row that no later change names stays as it is, even where it cannot be read.
    store.spoil("numbers", "", "not JSON").await;
    let layout = LayoutRow { order: vec![TaskId(IssueNumber(5))], ..LayoutRow::default() };
    store.save(&widgets(), 1, &[Change::Layout(Box::new(layout.clone()))]).await.expect("saved");
    assert!(store.load(&widgets()).await.is_err(), "the spoiled row was written over");
    store.save(&widgets(), 2, &[numbers(5, 3)]).await.expect("saved");
    let (plan, version) = store.load(&widgets()).await.expect("readable").expect("a plan");
    assert_eq!((plan.layout, plan.numbers.get(&IssueNumber(5)), version), (layout, Some(&3), 3));
}

async fn names_ignore_case(store: impl Spoilable) {
    let shouted = RepositoryName::new("ACME/Widgets");
    store.save(&widgets(), 0, &[header(|_| {})]).await.expect("saved");
    assert!(store.load(&shouted).await.expect("readable").is_some());
    assert!(matches!(store.save(&shouted, 0, &[header(|_| {})]).await, Err(Error::Conflict)));
    store.keep(&[delivery("a", Some("acme/widgets"), 1)]).await.expect("kept");
    assert_eq!(store.unworked(&shouted, 10).await.expect("readable").len(), 1);
    assert_eq!(store.repositories().await.expect("readable"), [widgets()]);
}

async fn a_spoiled_row_is_named(store: impl Spoilable) {
    for (kind, id, body, expected) in [
        ("task", "t4", "{\"id\":\"t4\"", "task t4"),
        ("entry", "comment:4:x", "[]", "entry comment:4:x"),
        ("numbers", "", "{\"x\":1}", "numbers"),
        ("header", "", "{}", "header"),
        ("omen", "", "{}", "omen"),
    ] {
        let version = store.load(&widgets()).await.ok().flatten().map_or(0, |(_, version)| version);
        store.save(&widgets(), version, &[header(|_| {}), numbers(1, 1)]).await.expect("saved");
        store.spoil(kind, id, body).await;
        let refused = store.load(&widgets()).await.expect_err("a spoiled row");
        assert!(matches!(&refused, Error::Corrupt { row, .. } if row == expected), "{kind}: {refused:?}");
        return_to_order(&store, kind, id).await;
    }
}

/// Takes the spoiled row away through the door, whatever it was; a row of no known kind cannot be and comes last.
async fn return_to_order(store: &impl Spoilable, kind: &str, id: &str) {
    let repaired = match kind {
        "task" => Change::TaskGone(TaskId(IssueNumber(4))),
        "entry" => Change::EntryGone(crate::engine::effect::EffectKey(id.to_owned())),
        "numbers" => numbers(1, 1),
        _ => header(|_| {}),
    };
    let version = (1..100).map(Version::from);
    for version in version {
        if store.save(&widgets(), version, std::slice::from_ref(&repaired)).await.is_ok() {
            return;
        }
    }
    panic!("no version took the repair");
}

async fn a_newer_form_is_refused(store: impl Spoilable) {
    store.save(&widgets(), 0, &[header(|header| header.schema = SCHEMA + 1)]).await.expect("saved");
    let refused = store.load(&widgets()).await.expect_err("a newer form");
    assert!(matches!(refused, Error::Newer { found, known } if (found, known) == (SCHEMA + 1, SCHEMA)), "{refused:?}");
}

async fn the_first_save_needs_a_header(store: impl Spoilable) {
    let refused = store.save(&widgets(), 0, &[numbers(1, 1)]).await.expect_err("nothing could be read back");
    assert!(matches!(&refused, Error::Corrupt { row, .. } if row == "header"), "{refused:?}");
    assert_eq!(store.load(&widgets()).await.expect("readable"), None);
}

async fn a_delivery_is_kept_once(store: impl Spoilable) {
    let first = delivery("a", Some("acme/widgets"), 5);
    let again = Delivery { number: Some(99), ..first.clone() };
    assert_eq!(store.keep(&[first.clone(), again.clone()]).await.expect("kept"), [true, false]);
    assert_eq!(store.keep(&[again, delivery("b", None, 6)]).await.expect("kept"), [false, true]);
    assert!(store.keep(&[]).await.expect("nothing").is_empty());
    assert_eq!(store.unworked(&widgets(), 10).await.expect("readable"), std::slice::from_ref(&first));
    store.worked(&["a".to_owned()]).await.expect("marked");
    let known = store.keep(&[first]).await.expect("known");
    assert_eq!(known, [false], "a redelivery of what was worked is not worked again");
    assert_eq!(store.unworked(&widgets(), 10).await.expect("readable"), []);
}

async fn a_delivery_reads_back_whole(store: impl Spoilable) {
    let text = |text: &str| Some(text.to_owned());
    let full = Delivery {
        action: text("la\"b\u{0}el\u{1f680}ed"),
        installation: Some(u64::try_from(i64::MAX).expect("positive")),
        number: Some(7),
        run: Some(0),
        title: text("t7.1 \\ 'quoted'"),
        comment: Some(9),
        sha: text("0123"),
        branch: text(""),
        unreadable: text("{\"a\": [1, \n"),
        ..delivery("full", Some("acme/widgets"), -3)
    };
    store.keep(std::slice::from_ref(&full)).await.expect("kept");
    assert_eq!(store.unworked(&widgets(), 10).await.expect("readable"), [full]);
}

async fn deliveries_wait_in_order_until_they_are_worked(store: impl Spoilable) {
    for (guid, repository, at) in [
        ("late", Some("acme/widgets"), 9),
        ("early", Some("acme/widgets"), 1),
        ("other", Some("acme/gadgets"), 2),
        ("nowhere", None, 3),
        ("same", Some("acme/widgets"), 9),
    ] {
        store.keep(&[delivery(guid, repository, at)]).await.expect("kept");
    }
    assert_eq!(guids(&store.unworked(&widgets(), 10).await.expect("readable")), ["early", "late", "same"]);
    assert_eq!(guids(&store.unworked(&widgets(), 2).await.expect("readable")), ["early", "late"]);
    let waiting = store.waiting().await.expect("readable");
    assert_eq!(waiting, [RepositoryName::new("acme/gadgets"), widgets()]);
    store.worked(&["early".to_owned(), "other".to_owned(), "unheard of".to_owned()]).await.expect("marked");
    assert_eq!(guids(&store.unworked(&widgets(), 10).await.expect("readable")), ["late", "same"]);
    assert_eq!(store.waiting().await.expect("readable"), [widgets()]);
}

async fn only_worked_deliveries_are_forgotten(store: impl Spoilable) {
    for (guid, at) in [("old", 1), ("old and waiting", 2), ("new", 8)] {
        store.keep(&[delivery(guid, Some("acme/widgets"), at)]).await.expect("kept");
    }
    store.worked(&["old".to_owned(), "new".to_owned()]).await.expect("marked");
    assert_eq!(store.forget(Timestamp(8)).await.expect("forgotten"), 1);
    assert_eq!(guids(&store.unworked(&widgets(), 10).await.expect("readable")), ["old and waiting"]);
    let kept = store.keep(&[delivery("new", None, 8), delivery("old", None, 9)]).await.expect("kept");
    assert_eq!(kept, [false, true], "one is still known, one was forgotten and is new");
}

/// A store that reads the whole plan back after each save and holds it against the rows it was given.
#[derive(Clone)]
struct Checked<S> {
    store: S,
    expected: Arc<Mutex<Plan>>,
    effects: Arc<Mutex<BTreeMap<&'static str, u32>>>,
}

impl<S: Store> Checked<S> {
    async fn compare(&self, changes: &[Change], version: Version) {
        let found = self.store.load(&widgets()).await.expect("readable").expect("a plan");
        let mut expected = self.expected.lock().expect("no panic");
        expected.apply(changes.to_vec());
        assert_eq!(found, (expected.clone(), version));
        let mut effects = self.effects.lock().expect("no panic");
        for entry in expected.outbox.values() {
            *effects.entry(if entry.attempt.is_some() { "of an attempt" } else { "of the plan" }).or_default() += 1;
        }
    }
}

impl<S: Store> Store for Checked<S> {
    async fn load(&self, repository: &RepositoryName) -> Result<Option<(Plan, Version)>, Error> {
        self.store.load(repository).await
    }
    async fn save(&self, repository: &RepositoryName, expected: Version, changes: &[Change]) -> Result<Version, Error> {
        let version = self.store.save(repository, expected, changes).await?;
        self.compare(changes, version).await;
        Ok(version)
    }
    async fn keep(&self, deliveries: &[Delivery]) -> Result<Vec<bool>, Error> {
        self.store.keep(deliveries).await
    }
    async fn unworked(&self, repository: &RepositoryName, limit: u32) -> Result<Vec<Delivery>, Error> {
        self.store.unworked(repository, limit).await
    }
    async fn waiting(&self) -> Result<Vec<RepositoryName>, Error> {
        self.store.waiting().await
    }
    async fn worked(&self, guids: &[String]) -> Result<(), Error> {
        self.store.worked(guids).await
    }
    async fn repositories(&self) -> Result<Vec<RepositoryName>, Error> {
        self.store.repositories().await
    }
    async fn forget(&self, before: Timestamp) -> Result<u64, Error> {
        self.store.forget(before).await
    }
}

async fn a_whole_life_reads_back_as_it_was_saved(store: impl Spoilable) {
    let forge = Arc::new(MemoryForge::new(&[("a.txt", "a\n"), ("b.txt", "b\n")], START));
    let settings = Settings { approval: ApprovalPolicy::Label, auto_merge: true, ..Settings::local() };
    let bot = Login::new("task-orchestrator[bot]");
    let idle = Plan::idle(widgets(), bot.clone(), "seed".to_owned(), settings.clone(), START);
    let expected = Arc::new(Mutex::new(idle));
    let deployment = Deployment {
        github: forge.clone(),
        git: forge.clone(),
        store: Checked { store, expected, effects: Arc::default() },
        repository: widgets(),
        owner: Owner::new("here"),
        bot,
        seed: "seed".to_owned(),
        configuration: Configuration::Fixed(Box::new(settings)),
        tree: Tree::default(),
    };
    forge.open_issue(1, "one", "Files: a.txt", &["orchestrate"]).expect("an issue");
    forge.open_issue(2, "two", "Files: a.txt\nDepends on: #77", &["orchestrate"]).expect("an issue");
    forge.open_issue(3, "three", "Files: b.txt", &["orchestrate"]).expect("an issue");
    let mut held = load(&deployment, START).await.expect("an idle plan");
    let mut now = START;
    let agent = |brief: &Brief| match brief.issue.0 {
        3 => Work::Failed("no way".to_owned()),
        _ => Work::Changed(brief.files.iter().map(|path| Edit::append(path, "more\n")).collect()),
    };
    for _ in 0..12 {
        turn(&deployment, &mut held, vec![Event::Tick], now).await.expect("a turn");
        forge.work_off(agent).expect("runs");
        now = now + Duration::from_secs(10);
        forge.set_now(now);
    }
    let merged = held.plan.task_of(IssueNumber(1)).is_some_and(|task| task.verdict.is_some());
    let failed = held.plan.task_of(IssueNumber(3)).is_some_and(|task| task.counters.failures > 1);
    assert!(merged && failed && held.version > 10, "the story went nowhere: {:#?}", held.plan.tasks);
    let effects = deployment.store.effects.lock().expect("no panic").clone();
    assert_eq!(effects.len(), 2, "effects of both kinds were saved: {effects:?}");
}

#[tokio::test]
async fn a_second_opening_is_refused_by_name_and_freed_with_the_first() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("store.sqlite");
    let first = open(&path).await.expect("a database");
    let refused = open(&path).await.expect_err("it is in use").to_string();
    let own = format!("{} (process {})", path.display(), std::process::id());
    assert!(refused.contains(&own), "{refused}");
    let mode = std::fs::metadata(&path).expect("the file").permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "{mode:o}");
    first.save(&widgets(), 0, &[header(|_| {})]).await.expect("saved");
    first.close().await;
    drop(first);
    let again = open(&path).await.expect("it is free");
    assert!(again.load(&widgets()).await.expect("readable").is_some(), "what was saved is there");
    again.close().await;
}

#[tokio::test]
async fn what_is_no_database_is_refused_by_name() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("notes.txt");
    std::fs::write(&path, "no database, but long enough to be read as one. ".repeat(20)).expect("a file");
    let refused = open(&path).await.expect_err("no database").to_string();
    assert!(refused.contains("notes.txt"), "{refused}");
    let below_a_file = open(&path.join("store.sqlite")).await.expect_err("no folder").to_string();
    assert!(below_a_file.contains("notes.txt"), "{below_a_file}");
}
