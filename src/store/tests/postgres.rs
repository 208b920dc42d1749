//! What only PostgreSQL does, and a database of its own for each test.

use std::time::Duration;

use futures_util::future::join_all;
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Executor as _};

use crate::engine::id::Owner;
use crate::store::Store as _;
use crate::store::postgres::{OpenError, Options, PostgresStore};
use crate::store::tests::{START, delivery, guids, header, widgets};

/// Where a server of the tests is.
const VARIABLE: &str = "ORCHESTRATOR_POSTGRES_URL";

/// An empty database on the server that `script/postgres` started.
pub(super) struct Database {
    server: PgConnectOptions,
    name: String,
    url: String,
}

impl Database {
    /// Makes one; nothing where this machine is excused.
    pub(super) async fn new() -> Option<Self> {
        let Ok(server) = std::env::var(VARIABLE) else {
            let excused = std::env::var("ORCHESTRATOR_NO_POSTGRES").is_ok_and(|value| value == "1");
            assert!(excused, "run `script/postgres cargo test`, or set ORCHESTRATOR_NO_POSTGRES=1 to skip this");
            return None;
        };
        let mut bytes = [0_u8; 8];
        getrandom::fill(&mut bytes).expect("randomness");
        let name = format!("test_{}", hex::encode(bytes));
        let url = server.replacen("/postgres?", &format!("/{name}?"), 1);
        assert_ne!(url, server, "{VARIABLE} names the database `postgres` and a parameter");
        let database = Self { server: server.parse().expect("an address"), name, url };
        database.say("CREATE DATABASE").await;
        Some(database)
    }

    async fn say(&self, what: &str) {
        let mut connection = self.server.connect().await.expect("a connection");
        connection.execute(AssertSqlSafe(format!("{what} {}", self.name))).await.expect("done");
    }

    pub(super) async fn open(&self) -> PostgresStore {
        self.open_with(crate::store::LEASE_LENGTH).await
    }

    async fn open_with(&self, lease: Duration) -> PostgresStore {
        PostgresStore::open(&Options { lease, ..Options::new(self.url.as_str()) }).await.expect("a database")
    }

    /// What a failed test leaves goes with the server.
    pub(super) async fn remove(self) {
        self.say("DROP DATABASE").await;
    }
}

#[tokio::test]
async fn replicas_that_start_at_once_find_the_same_tables() {
    let Some(database) = Database::new().await else { return };
    let stores = join_all((0..4).map(|_| database.open())).await;
    stores[0].keep(&[delivery("a", Some("acme/widgets"), 1)]).await.expect("kept");
    for store in &stores {
        assert_eq!(store.waiting().await.expect("readable"), [widgets()]);
    }
    join_all(stores.iter().map(PostgresStore::close)).await;
    database.remove().await;
}

#[tokio::test]
async fn what_another_is_claiming_is_passed_over() {
    let Some(database) = Database::new().await else { return };
    let store = database.open().await;
    for (guid, at) in [("a", 1), ("b", 2), ("c", 3)] {
        store.keep(&[delivery(guid, Some("acme/widgets"), at)]).await.expect("kept");
    }
    let lease = store.acquire(&widgets(), &Owner::new("a"), START).await.expect("nobody has it");
    let mut other = store.pool().begin().await.expect("a transaction");
    other.execute("SELECT * FROM delivery WHERE guid = 'a' FOR UPDATE").await.expect("locked");
    assert_eq!(guids(&store.claim(&widgets(), lease, 10).await.expect("held")), ["b", "c"], "without a wait");
    other.rollback().await.expect("over");
    assert_eq!(guids(&store.claim(&widgets(), lease, 10).await.expect("held")), ["a", "b", "c"]);
    store.close().await;
    database.remove().await;
}

#[tokio::test]
async fn a_lease_runs_out_by_the_databases_clock() {
    let Some(database) = Database::new().await else { return };
    let store = database.open_with(Duration::from_millis(200)).await;
    // Whatever its own clock says: here it stands still.
    let first = store.acquire(&widgets(), &Owner::new("a"), START).await.expect("nobody has it");
    let second = loop {
        match store.acquire(&widgets(), &Owner::new("b"), START).await {
            Ok(lease) => break lease,
            Err(crate::store::Error::Leased { until }) => assert!(until <= START + Duration::from_millis(200)),
            Err(error) => panic!("{error}"),
        }
    };
    assert_eq!(second.epoch, first.epoch + 1);
    while store.stands(&widgets(), second).await.is_ok() {}
    let again = store.renew(&widgets(), second, START).await.expect("it ran out, and nobody took it");
    store.stands(&widgets(), again).await.expect("it stands once more");
    store.close().await;
    database.remove().await;
}

#[tokio::test]
async fn who_is_paused_inside_a_transaction_holds_nobody_up() {
    let Some(database) = Database::new().await else { return };
    let lease = Duration::from_millis(600);
    let (paused, other) = (database.open_with(lease).await, database.open_with(lease).await);
    paused.acquire(&widgets(), &Owner::new("a"), START).await.expect("nobody has it");
    let mut saving = paused.pool().begin().await.expect("a transaction");
    saving.execute("SELECT * FROM lease FOR SHARE").await.expect("as a save does");
    other.expire().await;
    let taken = other.acquire(&widgets(), &Owner::new("b"), START).await.expect("the database freed it");
    assert_eq!(other.save(&widgets(), taken, 0, &[header(|_| {})]).await.expect("saved"), 1);
    assert!(saving.execute("SELECT 1").await.is_err(), "what was begun is over");
    drop(saving);
    assert!(paused.load(&widgets()).await.expect("it connects anew").is_some());
    paused.close().await;
    other.close().await;
    database.remove().await;
}

#[tokio::test]
async fn what_cannot_be_opened_is_named_without_its_password() {
    for (url, expected) in [
        ("postgres://me:hunter2@localhost:port/x", "no address"),
        ("mysql://me:hunter2@localhost/x", "no address"),
        ("postgres://me:hunter2@127.0.0.1:1/plans", "plans at 127.0.0.1, port 1"),
    ] {
        let refused = PostgresStore::open(&Options::new(url)).await.expect_err("nobody is there");
        let told = refused.to_string();
        assert!(told.contains(expected) && !told.contains("hunter2"), "{told}");
        assert_eq!(matches!(refused, OpenError::Address { .. }), expected == "no address", "{told}");
    }
}
