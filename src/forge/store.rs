//! `forge.sqlite`: the log of accepted requests with snapshots, merges about to happen, webhooks not yet delivered,
//! tokens.
//!
//! A request is committed here before its answer leaves; a start is the last snapshot and the requests after it, in
//! order.

mod past;

use std::path::Path;
use std::time::Duration;

use sqlx::Row;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};

use crate::engine::time::Timestamp;
use crate::forge::world::request::Request;

pub use past::PastDelivery;

/// How long a statement waits for the file.
const BUSY_WAIT: Duration = Duration::from_secs(5);

const TABLES: &str = "
CREATE TABLE IF NOT EXISTS setting (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS log (seq INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL,
  request TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS snapshot (id INTEGER PRIMARY KEY CHECK (id = 1), seq INTEGER NOT NULL,
  world TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS intent (id INTEGER PRIMARY KEY AUTOINCREMENT, branch TEXT NOT NULL, landed TEXT NOT NULL,
  request TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS delivery (id INTEGER PRIMARY KEY AUTOINCREMENT, guid TEXT NOT NULL, event TEXT NOT NULL,
  payload TEXT NOT NULL, attempts INTEGER NOT NULL DEFAULT 0) STRICT;
CREATE TABLE IF NOT EXISTS token (digest TEXT PRIMARY KEY, permissions TEXT NOT NULL,
  expires_at INTEGER NOT NULL) STRICT;
";

/// Why the file could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database refused.
    #[error("forge.sqlite: {0}")]
    Database(#[from] sqlx::Error),
    /// A row does not read: another version of the program wrote it.
    #[error("forge.sqlite holds a {what} that this version cannot read ({source}); start with a new --state folder")]
    Row {
        /// Which kind of row.
        what: &'static str,
        /// What is wrong with it.
        source: serde_json::Error,
    },
}

/// A webhook that is to be delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Its row.
    pub id: i64,
    /// `X-GitHub-Delivery`.
    pub guid: String,
    /// `X-GitHub-Event`.
    pub event: String,
    /// The JSON body.
    pub payload: String,
    /// How often it was tried.
    pub attempts: i64,
}

/// A webhook as it is put into the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewDelivery {
    /// `X-GitHub-Delivery`.
    pub guid: String,
    /// `X-GitHub-Event`.
    pub event: String,
    /// The JSON body.
    pub payload: String,
}

/// A merge that was about to move a branch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Intent {
    /// Its row.
    pub id: i64,
    /// The branch that receives.
    pub branch: String,
    /// The merge commit.
    pub landed: String,
    /// The request to apply if the commit is in the branch.
    pub request: Request,
}

/// A token as it is kept: never the token itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptToken {
    /// SHA-256 of the token, hexadecimal.
    pub digest: String,
    /// Its permissions as JSON.
    pub permissions: String,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// What a start finds.
#[derive(Debug, Default)]
pub struct Loaded {
    /// The last snapshot's JSON.
    pub snapshot: Option<String>,
    /// Requests accepted after it, oldest first.
    pub log: Vec<(Timestamp, Request)>,
    /// Merges whose end is unknown.
    pub intents: Vec<Intent>,
    /// How many requests were taken out of the log and applied.
    pub replayed: u64,
}

/// The open file.
#[derive(Clone, Debug)]
pub struct Store {
    pool: SqlitePool,
}

impl Store {
    /// Opens or makes the file.
    pub async fn open(path: &Path) -> Result<Self, Error> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Normal)
            .busy_timeout(BUSY_WAIT);
        let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await?;
        sqlx::raw_sql(TABLES).execute(&pool).await?;
        sqlx::raw_sql(past::TABLE).execute(&pool).await?;
        Ok(Self { pool })
    }

    /// Closes the file; what was committed is in it.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    /// A setting kept from an earlier start.
    pub async fn setting(&self, name: &str) -> Result<Option<String>, Error> {
        let row = sqlx::query("SELECT value FROM setting WHERE name = ?").bind(name).fetch_optional(&self.pool).await?;
        Ok(row.map(|row| row.try_get(0)).transpose()?)
    }

    /// Keeps a setting for later starts.
    pub async fn set(&self, name: &str, value: &str) -> Result<(), Error> {
        sqlx::query(
            "INSERT INTO setting (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
        )
        .bind(name)
        .bind(value)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// The last snapshot, the log after it, and merges whose end is unknown.
    pub async fn load(&self) -> Result<Loaded, Error> {
        let snapshot = sqlx::query("SELECT seq, world FROM snapshot").fetch_optional(&self.pool).await?;
        let (seq, snapshot) = match snapshot {
            Some(row) => (row.try_get::<i64, _>(0)?, Some(row.try_get(1)?)),
            None => (0, None),
        };
        let mut loaded = Loaded { snapshot, ..Loaded::default() };
        let rows = sqlx::query("SELECT at, request FROM log WHERE seq > ? ORDER BY seq").bind(seq);
        for row in rows.fetch_all(&self.pool).await? {
            loaded.log.push((Timestamp(row.try_get(0)?), read("request", row.try_get(1)?)?));
        }
        let rows = sqlx::query("SELECT id, branch, landed, request FROM intent ORDER BY id");
        for row in rows.fetch_all(&self.pool).await? {
            let request = read("merge", row.try_get(3)?)?;
            loaded.intents.push(Intent {
                id: row.try_get(0)?,
                branch: row.try_get(1)?,
                landed: row.try_get(2)?,
                request,
            });
        }
        Ok(loaded)
    }

    /// Commits an accepted request with the webhooks it made; a merge's intent goes with it. Gives its place in the
    /// log.
    pub async fn append(
        &self,
        at: Timestamp,
        request: &Request,
        deliveries: &[NewDelivery],
        intent: Option<i64>,
    ) -> Result<i64, Error> {
        let text = write("request", request)?;
        let mut transaction = self.pool.begin().await?;
        let inserted = sqlx::query("INSERT INTO log (at, request) VALUES (?, ?)").bind(at.0).bind(text);
        let seq = inserted.execute(&mut *transaction).await?.last_insert_rowid();
        for delivery in deliveries {
            insert(delivery).execute(&mut *transaction).await?;
        }
        if let Some(intent) = intent {
            sqlx::query("DELETE FROM intent WHERE id = ?").bind(intent).execute(&mut *transaction).await?;
        }
        transaction.commit().await?;
        Ok(seq)
    }

    /// Keeps a webhook that no request to the world made.
    pub async fn deliver(&self, delivery: &NewDelivery) -> Result<(), Error> {
        insert(delivery).execute(&self.pool).await?;
        Ok(())
    }

    /// Keeps the world as of a place in the log; what the snapshot holds leaves the log.
    pub async fn snapshot(&self, seq: i64, world: &str) -> Result<(), Error> {
        let mut transaction = self.pool.begin().await?;
        sqlx::query(
            "INSERT INTO snapshot (id, seq, world) VALUES (1, ?, ?)
             ON CONFLICT (id) DO UPDATE SET seq = excluded.seq, world = excluded.world",
        )
        .bind(seq)
        .bind(world)
        .execute(&mut *transaction)
        .await?;
        sqlx::query("DELETE FROM log WHERE seq <= ?").bind(seq).execute(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Says that a merge is about to move a branch.
    pub async fn intend(&self, branch: &str, landed: &str, request: &Request) -> Result<i64, Error> {
        let text = write("merge", request)?;
        let done = sqlx::query("INSERT INTO intent (branch, landed, request) VALUES (?, ?, ?)")
            .bind(branch)
            .bind(landed)
            .bind(text)
            .execute(&self.pool)
            .await?;
        Ok(done.last_insert_rowid())
    }

    /// Forgets a merge that did not happen.
    pub async fn forget_intent(&self, id: i64) -> Result<(), Error> {
        sqlx::query("DELETE FROM intent WHERE id = ?").bind(id).execute(&self.pool).await?;
        Ok(())
    }

    /// The oldest webhook not yet delivered; with so many older ones passed over, as far as there are as many.
    pub async fn next_delivery(&self, passed_over: u32) -> Result<Option<Delivery>, Error> {
        let first = "SELECT id, guid, event, payload, attempts FROM
            (SELECT * FROM delivery ORDER BY id LIMIT ? + 1) ORDER BY id DESC LIMIT 1";
        let query = sqlx::query(first).bind(passed_over);
        let Some(row) = query.fetch_optional(&self.pool).await? else { return Ok(None) };
        Ok(Some(Delivery {
            id: row.try_get(0)?,
            guid: row.try_get(1)?,
            event: row.try_get(2)?,
            payload: row.try_get(3)?,
            attempts: row.try_get(4)?,
        }))
    }

    /// A webhook was taken, or will never be: it goes.
    pub async fn delivery_over(&self, id: i64) -> Result<(), Error> {
        sqlx::query("DELETE FROM delivery WHERE id = ?").bind(id).execute(&self.pool).await?;
        Ok(())
    }

    /// A webhook was tried in vain.
    pub async fn delivery_failed(&self, id: i64) -> Result<(), Error> {
        sqlx::query("UPDATE delivery SET attempts = attempts + 1 WHERE id = ?").bind(id).execute(&self.pool).await?;
        Ok(())
    }

    /// How many webhooks wait.
    pub async fn deliveries_waiting(&self) -> Result<i64, Error> {
        let row = sqlx::query("SELECT COUNT(*) FROM delivery").fetch_one(&self.pool).await?;
        Ok(row.try_get(0)?)
    }

    /// Keeps a token's digest; those that ended before now go.
    pub async fn keep_token(&self, token: &KeptToken, now: Timestamp) -> Result<(), Error> {
        sqlx::query("DELETE FROM token WHERE expires_at <= ?").bind(now.0).execute(&self.pool).await?;
        sqlx::query("INSERT OR REPLACE INTO token (digest, permissions, expires_at) VALUES (?, ?, ?)")
            .bind(&token.digest)
            .bind(&token.permissions)
            .bind(token.expires_at.0)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// Tokens kept from an earlier start.
    pub async fn tokens(&self) -> Result<Vec<KeptToken>, Error> {
        let rows = sqlx::query("SELECT digest, permissions, expires_at FROM token").fetch_all(&self.pool).await?;
        let token = |row: &sqlx::sqlite::SqliteRow| {
            Ok(KeptToken {
                digest: row.try_get(0)?,
                permissions: row.try_get(1)?,
                expires_at: Timestamp(row.try_get(2)?),
            })
        };
        rows.iter().map(token).collect()
    }
}

fn read(what: &'static str, text: String) -> Result<Request, Error> {
    serde_json::from_str(&text).map_err(|source| Error::Row { what, source })
}

fn write(what: &'static str, request: &Request) -> Result<String, Error> {
    serde_json::to_string(request).map_err(|source| Error::Row { what, source })
}

fn insert(delivery: &NewDelivery) -> sqlx::query::Query<'_, sqlx::Sqlite, sqlx::sqlite::SqliteArguments> {
    let inserted = sqlx::query("INSERT INTO delivery (guid, event, payload) VALUES (?, ?, ?)");
    inserted.bind(&delivery.guid).bind(&delivery.event).bind(&delivery.payload)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forge::world::request::RunnerAct;

    fn delivery(guid: &str) -> NewDelivery {
        NewDelivery { guid: guid.to_owned(), event: "push".to_owned(), payload: "{}".to_owned() }
    }

    #[tokio::test]
    async fn what_was_committed_is_found_again_after_reopening() {
        let folder = tempfile::tempdir().expect("temporary folder");
        let path = folder.path().join("forge.sqlite");
        let store = Store::open(&path).await.expect("opens");
        let request = Request::Runner(RunnerAct::Restarted);
        let intent = store.intend("trunk", "abc", &request).await.expect("intends");
        store.append(Timestamp(1), &request, &[delivery("a"), delivery("b")], None).await.expect("appends");
        let seq = store.append(Timestamp(2), &request, &[], Some(intent)).await.expect("appends");
        let left = store.intend("trunk", "def", &request).await.expect("intends");
        store.snapshot(seq - 1, "{\"world\":1}").await.expect("keeps");
        store.close().await;

        let store = Store::open(&path).await.expect("opens again");
        let loaded = store.load().await.expect("loads");
        assert_eq!(loaded.snapshot.as_deref(), Some("{\"world\":1}"));
        assert_eq!(loaded.log, vec![(Timestamp(2), request)]);
        assert_eq!(loaded.intents.iter().map(|intent| intent.id).collect::<Vec<_>>(), vec![left]);
        let first = store.next_delivery(0).await.expect("reads").expect("waits");
        assert_eq!((first.guid.as_str(), first.attempts), ("a", 0));
        store.delivery_failed(first.id).await.expect("notes");
        assert_eq!(
            store.next_delivery(0).await.expect("reads").map(|row| (row.guid, row.attempts)),
            Some(("a".into(), 1))
        );
        store.delivery_over(first.id).await.expect("drops");
        assert_eq!(store.next_delivery(0).await.expect("reads").map(|row| row.guid), Some("b".to_owned()));
    }
}
