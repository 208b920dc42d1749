//! Plans and deliveries in one SQLite file.
//!
//! Promises: a save is one transaction that checks the version it builds on; what was saved outlives the process
//! whenever it is killed (write-ahead log), and with [`Durability::PowerLoss`] the machine's power too; one process at
//! a time.

use std::collections::BTreeSet;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteRow, SqliteSynchronous};
use sqlx::{Pool, QueryBuilder, Row as _, SqlSafeStr as _, Sqlite, SqliteConnection};

use crate::engine::id::{Owner, RepositoryName};
use crate::engine::plan::{Change, Plan};
use crate::engine::time::Timestamp;
use crate::store::lock::{Lock, LockError};
use crate::store::rows::{self, Row, Write};
use crate::store::{Delivery, Epoch, Error, Lease, Store, Version};

/// How long a connection waits for another's write.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Pages of the write-ahead log (of 4 KiB each) after which they go to the file itself, for which a write waits. The
/// usual thousand are full several times a second where many deliveries arrive, most of them the same pages again.
const CHECKPOINT_PAGES: u32 = 4_000;
/// Connections that read.
const READERS: u32 = 4;
/// The table's forms, oldest first; one that was ever shipped never changes.
const MIGRATIONS: &[(i64, &str, &str)] = &[
    (1, "plans and deliveries", include_str!("../../migrations/0001_plans_and_deliveries.sql")),
    (2, "leases", include_str!("../../migrations/0002_leases.sql")),
];
/// How long a lease lasts: nobody waits for it, since the lock file keeps every other process out, and a short one
/// would only be written more often.
const LEASE_LENGTH: Duration = Duration::from_secs(3_600);

/// What a save survives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// The end of the process, however sudden. The machine's sudden end may take the last saves; the file stays whole.
    ProcessEnd,
    /// The machine's sudden end too: each save waits for the disk.
    PowerLoss,
}

/// Where and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The file; it and its folder are made where they are missing, readable by the owner only.
    pub path: PathBuf,
    /// What a save survives.
    pub durability: Durability,
}

/// Why a database was not opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it, or its lock file cannot be used.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The file or its folder cannot be made.
    #[error("{} cannot be made: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is no database, or one of a newer version.
    #[error("the database {} cannot be opened: {message}", path.display())]
    Database {
        /// Which.
        path: PathBuf,
        /// Why.
        message: String,
    },
}

/// An open database; clones share it.
#[derive(Clone, Debug)]
pub struct SqliteStore {
    writer: Pool<Sqlite>,
    readers: Pool<Sqlite>,
    _lock: Arc<Lock>,
}

impl SqliteStore {
    /// Opens the file, makes it where it is missing, and brings it to the newest form.
    pub async fn open(options: &Options) -> Result<Self, OpenError> {
        create(&options.path)?;
        let lock = Arc::new(Lock::take(&options.path)?);
        let failed = |message: String| OpenError::Database { path: options.path.clone(), message };
        let connect = SqliteConnectOptions::new()
            .filename(&options.path)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(match options.durability {
                Durability::ProcessEnd => SqliteSynchronous::Normal,
                Durability::PowerLoss => SqliteSynchronous::Full,
            })
            .busy_timeout(BUSY_TIMEOUT)
            .pragma("wal_autocheckpoint", CHECKPOINT_PAGES.to_string());
        let writer = SqlitePoolOptions::new().max_connections(1).connect_with(connect.clone()).await;
        let writer = writer.map_err(|error| failed(error.to_string()))?;
        migrator().run(&writer).await.map_err(|error| failed(error.to_string()))?;
        // Whoever held a lease is gone: the lock is ours.
        let freed = sqlx::query("UPDATE lease SET until = 0 WHERE until > 0").execute(&writer).await;
        freed.map_err(|error| failed(error.to_string()))?;
        let readers = SqlitePoolOptions::new().max_connections(READERS).connect_with(connect.read_only(true)).await;
        let readers = readers.map_err(|error| failed(error.to_string()))?;
        Ok(Self { writer, readers, _lock: lock })
    }

    /// Waits for what is under way and closes the file; every clone is closed with it.
    pub async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }

    /// Puts any text in a row's place, as a broken disk would.
    #[cfg(test)]
    pub(super) async fn spoil(&self, repository: &RepositoryName, kind: &str, id: &str, body: &str) {
        let row = Row { kind: kind.to_owned(), id: id.to_owned(), body: body.to_owned() };
        let mut writing = self.writer.acquire().await.expect("a connection");
        write_row(&mut writing, repository, &Write::Put(row)).await.expect("a row");
    }

    /// Lets all leases run out.
    #[cfg(test)]
    pub(super) async fn expire(&self) {
        sqlx::query("UPDATE lease SET until = 0").execute(&self.writer).await.expect("a row");
    }
}

fn create(path: &Path) -> Result<(), OpenError> {
    let failed = |path: &Path, source| OpenError::File { path: path.to_owned(), source };
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).map_err(|source| failed(folder, source))?;
    }
    let mut file = std::fs::OpenOptions::new();
    file.read(true).write(true).create(true).truncate(false).mode(0o600);
    file.open(path).map(drop).map_err(|source| failed(path, source))
}

fn migrator() -> Migrator {
    let migration = |(version, name, text): &(i64, &'static str, &'static str)| {
        Migration::new(*version, (*name).into(), MigrationType::Simple, (*text).into_sql_str(), false)
    };
    Migrator::with_migrations(MIGRATIONS.iter().map(migration).collect())
}

impl From<sqlx::Error> for Error {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error.to_string())
    }
}

/// GitHub's ids are below 2^63; any other number is no id and is not kept.
fn signed(id: Option<u64>) -> Option<i64> {
    id.and_then(|id| i64::try_from(id).ok())
}

fn unsigned(row: &SqliteRow, column: &str) -> Result<Option<u64>, sqlx::Error> {
    Ok(row.try_get::<Option<i64>, _>(column)?.and_then(|id| u64::try_from(id).ok()))
}

fn delivery(row: &SqliteRow) -> Result<Delivery, sqlx::Error> {
    Ok(Delivery {
        guid: row.try_get("guid")?,
        event: row.try_get("event")?,
        action: row.try_get("action")?,
        repository: row.try_get::<Option<String>, _>("repository")?.map(RepositoryName),
        installation: unsigned(row, "installation")?,
        number: unsigned(row, "number")?,
        run: unsigned(row, "run")?,
        title: row.try_get("title")?,
        comment: unsigned(row, "comment")?,
        sha: row.try_get("sha")?,
        branch: row.try_get("branch")?,
        unreadable: row.try_get("unreadable")?,
        received_at: Timestamp(row.try_get("received_at")?),
    })
}

/// Refuses an epoch that is not the newest of its repository.
async fn fence(connection: &mut SqliteConnection, repository: &RepositoryName, epoch: Epoch) -> Result<(), Error> {
    let statement = sqlx::query("SELECT 1 FROM lease WHERE repository = ?1 AND epoch = ?2");
    let found = statement.bind(repository.as_str()).bind(epoch).fetch_optional(connection).await?;
    found.map(drop).ok_or(Error::Fenced)
}

/// Takes the plan from one version to the next; nothing where it is at another.
async fn advance(
    connection: &mut SqliteConnection,
    repository: &RepositoryName,
    expected: Version,
    schema: Option<u32>,
) -> Result<Option<Version>, sqlx::Error> {
    let next = expected.saturating_add(1);
    let statement = if expected == 0 {
        sqlx::query("INSERT INTO plan (repository, version, schema) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING")
    } else {
        sqlx::query(
            "UPDATE plan SET version = ?2, schema = coalesce(?3, schema) WHERE repository = ?1 AND version = ?2 - 1",
        )
    };
    let done = statement.bind(repository.as_str()).bind(next).bind(schema).execute(connection).await?;
    Ok((done.rows_affected() == 1).then_some(next))
}

async fn write_row(
    connection: &mut SqliteConnection,
    repository: &RepositoryName,
    write: &Write,
) -> Result<(), sqlx::Error> {
    let statement = match write {
        Write::Put(row) => sqlx::query(
            "INSERT INTO plan_row (repository, kind, id, body) VALUES (?1, ?2, ?3, ?4) \
             ON CONFLICT (repository, kind, id) DO UPDATE SET body = excluded.body",
        )
        .bind(repository.as_str())
        .bind(&row.kind)
        .bind(&row.id)
        .bind(&row.body),
        Write::Delete { kind, id } => {
            sqlx::query("DELETE FROM plan_row WHERE repository = ?1 AND kind = ?2 AND id = ?3")
                .bind(repository.as_str())
                .bind(kind)
                .bind(id)
        }
    };
    statement.execute(connection).await.map(drop)
}

impl Store for SqliteStore {
    async fn acquire(&self, repository: &RepositoryName, owner: &Owner, now: Timestamp) -> Result<Lease, Error> {
        let mut taking = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        let found = sqlx::query("SELECT owner, until FROM lease WHERE repository = ?1").bind(repository.as_str());
        if let Some(found) = found.fetch_optional(&mut *taking).await? {
            let (holder, until): (String, i64) = (found.try_get("owner")?, found.try_get("until")?);
            if holder != owner.as_str() && until > now.0 {
                return Err(Error::Leased { until: Timestamp(until) });
            }
        }
        let until = now + LEASE_LENGTH;
        let statement = sqlx::query_scalar::<_, Epoch>(
            "INSERT INTO lease (repository, owner, epoch, until) VALUES (?1, ?2, 1, ?3) ON CONFLICT (repository) \
             DO UPDATE SET owner = excluded.owner, epoch = epoch + 1, until = excluded.until RETURNING epoch",
        );
        let statement = statement.bind(repository.as_str()).bind(owner.as_str()).bind(until.0);
        let epoch = statement.fetch_one(&mut *taking).await?;
        taking.commit().await?;
        Ok(Lease { epoch, since: now, until })
    }

    async fn renew(&self, repository: &RepositoryName, lease: Lease, now: Timestamp) -> Result<Lease, Error> {
        let until = now + LEASE_LENGTH;
        let statement = sqlx::query("UPDATE lease SET until = ?3 WHERE repository = ?1 AND epoch = ?2");
        let statement = statement.bind(repository.as_str()).bind(lease.epoch).bind(until.0);
        match statement.execute(&self.writer).await?.rows_affected() {
            0 => Err(Error::Fenced),
            _ => Ok(Lease { since: now, until, ..lease }),
        }
    }

    async fn release(&self, repository: &RepositoryName, lease: Lease) -> Result<(), Error> {
        let statement = sqlx::query("UPDATE lease SET until = 0 WHERE repository = ?1 AND epoch = ?2");
        statement.bind(repository.as_str()).bind(lease.epoch).execute(&self.writer).await?;
        Ok(())
    }

    async fn stands(&self, repository: &RepositoryName, lease: Lease) -> Result<(), Error> {
        fence(&mut *self.readers.acquire().await?, repository, lease.epoch).await
    }

    async fn load(&self, repository: &RepositoryName) -> Result<Option<(Plan, Version)>, Error> {
        // One transaction, so that version and rows are of one moment.
        let mut reading = self.readers.begin().await?;
        let plan = sqlx::query("SELECT version, schema FROM plan WHERE repository = ?1").bind(repository.as_str());
        let Some(found) = plan.fetch_optional(&mut *reading).await? else { return Ok(None) };
        let (version, schema): (Version, i64) = (found.try_get("version")?, found.try_get("schema")?);
        let rows = sqlx::query("SELECT kind, id, body FROM plan_row WHERE repository = ?1").bind(repository.as_str());
        let rows = rows.fetch_all(&mut *reading).await?;
        reading.commit().await?;
        let row = |row: &SqliteRow| -> Result<Row, sqlx::Error> {
            Ok(Row { kind: row.try_get("kind")?, id: row.try_get("id")?, body: row.try_get("body")? })
        };
        let rows = rows.iter().map(row).collect::<Result<Vec<Row>, sqlx::Error>>()?;
        Ok(Some((rows::plan(repository, u32::try_from(schema).unwrap_or(u32::MAX), rows)?, version)))
    }

    async fn save(
        &self,
        repository: &RepositoryName,
        lease: Lease,
        expected: Version,
        changes: &[Change],
    ) -> Result<Version, Error> {
        let mut saving = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        fence(&mut saving, repository, lease.epoch).await?;
        let writes = rows::writes(changes, expected == 0)?;
        let Some(version) = advance(&mut saving, repository, expected, rows::schema(changes)).await? else {
            return Err(Error::Conflict);
        };
        for write in writes {
            write_row(&mut saving, repository, &write).await?;
        }
        saving.commit().await?;
        Ok(version)
    }

    async fn keep(&self, deliveries: &[Delivery]) -> Result<Vec<bool>, Error> {
        if deliveries.is_empty() {
            return Ok(Vec::new());
        }
        // One statement for all: each costs a way to the database's thread and back.
        let mut statement = QueryBuilder::new(
            "INSERT INTO delivery (guid, event, action, repository, installation, number, run, title, comment, sha, \
             branch, unreadable, received_at) ",
        );
        statement.push_values(deliveries, |mut row, delivery| {
            row.push_bind(&delivery.guid).push_bind(&delivery.event).push_bind(&delivery.action);
            row.push_bind(delivery.repository.as_ref().map(RepositoryName::as_str));
            row.push_bind(signed(delivery.installation)).push_bind(signed(delivery.number));
            row.push_bind(signed(delivery.run)).push_bind(&delivery.title).push_bind(signed(delivery.comment));
            row.push_bind(&delivery.sha).push_bind(&delivery.branch).push_bind(&delivery.unreadable);
            row.push_bind(delivery.received_at.0);
        });
        statement.push(" ON CONFLICT DO NOTHING RETURNING guid");
        let news = statement.build_query_scalar::<String>().fetch_all(&self.writer).await?;
        let mut news: BTreeSet<String> = news.into_iter().collect();
        Ok(deliveries.iter().map(|delivery| news.remove(&delivery.guid)).collect())
    }

    /// One process works the file: the epoch alone tells who may have a delivery.
    async fn claim(&self, repository: &RepositoryName, lease: Lease, limit: u32) -> Result<Vec<Delivery>, Error> {
        self.stands(repository, lease).await?;
        self.unworked(repository, limit).await
    }

    async fn unworked(&self, repository: &RepositoryName, limit: u32) -> Result<Vec<Delivery>, Error> {
        let statement = sqlx::query(
            "SELECT * FROM delivery WHERE worked = 0 AND repository = ?1 ORDER BY received_at, rowid LIMIT ?2",
        );
        let rows = statement.bind(repository.as_str()).bind(limit).fetch_all(&self.readers).await?;
        Ok(rows.iter().map(delivery).collect::<Result<Vec<Delivery>, sqlx::Error>>()?)
    }

    async fn waiting(&self) -> Result<Vec<RepositoryName>, Error> {
        let statement = sqlx::query_scalar::<_, String>(
            "SELECT DISTINCT repository FROM delivery WHERE worked = 0 AND repository IS NOT NULL ORDER BY repository",
        );
        Ok(statement.fetch_all(&self.readers).await?.into_iter().map(RepositoryName).collect())
    }

    async fn worked(&self, guids: &[String]) -> Result<(), Error> {
        let guids = serde_json::Value::from(guids).to_string();
        let statement = sqlx::query("UPDATE delivery SET worked = 1 WHERE guid IN (SELECT value FROM json_each(?1))");
        statement.bind(guids).execute(&self.writer).await?;
        Ok(())
    }

    async fn repositories(&self) -> Result<Vec<RepositoryName>, Error> {
        let statement = sqlx::query_scalar::<_, String>("SELECT repository FROM plan ORDER BY repository");
        Ok(statement.fetch_all(&self.readers).await?.into_iter().map(RepositoryName).collect())
    }

    async fn forget(&self, before: Timestamp) -> Result<u64, Error> {
        let statement = sqlx::query("DELETE FROM delivery WHERE worked = 1 AND received_at < ?1").bind(before.0);
        Ok(statement.execute(&self.writer).await?.rows_affected())
    }

    fn is_shared(&self) -> bool {
        false
    }
}
