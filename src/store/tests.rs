//! What every store must do, told once and asked of each.

mod branch;
mod leases;
mod life;
mod postgres;

use std::path::Path;

use crate::engine::config::Settings;
use crate::engine::id::{IssueNumber, Login, Owner, RepositoryName, TaskId};
use crate::engine::plan::{Change, LayoutRow, Plan, SCHEMA};
use crate::engine::time::Timestamp;
use crate::github::GitHub;
use crate::store::branch::BranchStore;
use crate::store::memory::MemoryStore;
use crate::store::postgres::PostgresStore;
use crate::store::sqlite::{Durability, OpenError, Options, SqliteStore};
use crate::store::{Delivery, Error, Store, Version, unreadable};

const START: Timestamp = Timestamp(1_790_000_000_000);

/// A store whose rows a test can spoil, and whose leases it can let run out.
trait Spoilable: Store + Clone + 'static {
    async fn spoil(&self, kind: &str, id: &str, body: &str);
    /// Lets all leases run out.
    async fn expire(&self);
}

impl Spoilable for MemoryStore {
    async fn spoil(&self, kind: &str, id: &str, body: &str) {
        Self::spoil(self, &widgets(), kind, id, body);
    }
    async fn expire(&self) {
        Self::expire(self);
    }
}

impl Spoilable for SqliteStore {
    async fn spoil(&self, kind: &str, id: &str, body: &str) {
        Self::spoil(self, &widgets(), kind, id, body).await;
    }
    async fn expire(&self) {
        Self::expire(self).await;
    }
}

impl Spoilable for PostgresStore {
    async fn spoil(&self, kind: &str, id: &str, body: &str) {
        Self::spoil(self, &widgets(), kind, id, body).await;
    }
    async fn expire(&self) {
        Self::expire(self).await;
    }
}

impl<G: GitHub + 'static> Spoilable for BranchStore<G> {
    async fn spoil(&self, kind: &str, id: &str, body: &str) {
        Self::spoil(self, kind, id, body).await;
    }
    async fn expire(&self) {
        Self::expire(self).await;
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
        mod in_postgres {
            $(#[tokio::test]
            async fn $case() {
                let Some(database) = super::postgres::Database::new().await else { return };
                let store = database.open().await;
                super::$case(store.clone()).await;
                store.close().await;
                database.remove().await;
            })*
        }
        mod on_a_branch {
            $(#[tokio::test]
            async fn $case() {
                super::$case(super::branch::store(super::branch::forge())).await;
            })*
        }
        mod on_a_branch_over_http {
            $(#[tokio::test]
            async fn $case() {
                let site = super::branch::Site::start().await;
                super::$case(super::branch::store(site.client().await)).await;
                site.end().await;
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
    a_lease_has_one_owner_at_a_time,
    an_owner_takes_its_own_lease_anew,
    nothing_is_done_under_an_older_epoch,
    of_many_takers_one_has_it,
    what_was_claimed_and_not_worked_is_claimed_by_the_next_holder,
);

use life::a_whole_life_reads_back_as_it_was_saved;

use leases::{
    a_lease_has_one_owner_at_a_time, an_owner_takes_its_own_lease_anew, nothing_is_done_under_an_older_epoch,
    of_many_takers_one_has_it, what_was_claimed_and_not_worked_is_claimed_by_the_next_holder,
};

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

/// Saves as whoever holds the lease by now.
async fn save(store: &impl Store, expected: Version, changes: &[Change]) -> Result<Version, Error> {
    save_as(store, &widgets(), expected, changes).await
}

async fn save_as(
    store: &impl Store,
    repository: &RepositoryName,
    expected: Version,
    changes: &[Change],
) -> Result<Version, Error> {
    let lease = store.acquire(repository, &Owner::new("suite"), START).await?;
    store.save(repository, lease, expected, changes).await
}

fn guids(deliveries: &[Delivery]) -> Vec<&str> {
    deliveries.iter().map(|delivery| delivery.guid.as_str()).collect()
}

async fn a_save_at_another_version_is_refused_and_changes_nothing(store: impl Spoilable) {
    let other = store.clone();
    assert_eq!(store.load(&widgets()).await.expect("readable"), None);
    assert_eq!(save(&store, 0, &[header(|_| {})]).await.expect("the first"), 1);
    assert_eq!(save(&other, 1, &[numbers(1, 1)]).await.expect("the second"), 2);
    for stale in [0, 1, 3] {
        let refused = save(&store, stale, &[header(|header| header.number = 9), numbers(1, 9)]).await;
        assert!(matches!(refused, Err(Error::Conflict)), "{stale}: {refused:?}");
    }
    let (plan, version) = store.load(&widgets()).await.expect("readable").expect("a plan");
    assert_eq!((version, plan.header.number, plan.numbers.get(&IssueNumber(1))), (2, 1, Some(&1)));
}

async fn only_the_changed_rows_are_written(store: impl Spoilable) {
    save(&store, 0, &[header(|_| {}), numbers(5, 2)]).await.expect("saved");
    // A row that no later change names stays as it is, even where it cannot be read.
    store.spoil("numbers", "", "not JSON").await;
    let layout = LayoutRow { order: vec![TaskId(IssueNumber(5))], ..LayoutRow::default() };
    save(&store, 1, &[Change::Layout(Box::new(layout.clone()))]).await.expect("saved");
    assert!(store.load(&widgets()).await.is_err(), "the spoiled row was written over");
    save(&store, 2, &[numbers(5, 3)]).await.expect("saved");
    let (plan, version) = store.load(&widgets()).await.expect("readable").expect("a plan");
    assert_eq!((plan.layout, plan.numbers.get(&IssueNumber(5)), version), (layout, Some(&3), 3));
}

async fn names_ignore_case(store: impl Spoilable) {
    let shouted = RepositoryName::new("ACME/Widgets");
    save(&store, 0, &[header(|_| {})]).await.expect("saved");
    assert!(store.load(&shouted).await.expect("readable").is_some());
    assert!(matches!(save_as(&store, &shouted, 0, &[header(|_| {})]).await, Err(Error::Conflict)));
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
        save(&store, version, &[header(|_| {}), numbers(1, 1)]).await.expect("saved");
        store.spoil(kind, id, body).await;
        let refused = store.load(&widgets()).await.expect_err("a spoiled row");
        assert!(matches!(&refused, Error::Corrupt { row, .. } if row == expected), "{kind}: {refused:?}");
        let unreadable = unreadable(&store).await.expect("nothing is of a newer form");
        assert!(matches!(&unreadable[..], [(name, Error::Corrupt { .. })] if *name == widgets()), "{unreadable:?}");
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
        if save(store, version, std::slice::from_ref(&repaired)).await.is_ok() {
            return;
        }
    }
    panic!("no version took the repair");
}

async fn a_newer_form_is_refused(store: impl Spoilable) {
    save(&store, 0, &[header(|header| header.schema = SCHEMA + 1)]).await.expect("saved");
    let refused = store.load(&widgets()).await.expect_err("a newer form");
    assert!(matches!(refused, Error::Newer { found, known } if (found, known) == (SCHEMA + 1, SCHEMA)), "{refused:?}");
}

async fn the_first_save_needs_a_header(store: impl Spoilable) {
    let refused = save(&store, 0, &[numbers(1, 1)]).await.expect_err("nothing could be read back");
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
    save(&first, 0, &[header(|_| {})]).await.expect("saved");
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
