//! Plans, deliveries and leases in one PostgreSQL database that several replicas share.
//!
//! Promises: a save is one transaction that checks the version it builds on and the lease it stands under; a delivery
//! is claimed by one replica at a time, and no claim waits for another's; the time of leases is the database's, so that
//! replicas need not agree on theirs; a replica that is paused in the middle of a transaction holds nobody up for
//! longer than half a lease; no question waits longer than ten seconds.

mod statements;

use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions as _, Connection as _, Executor as _, Pool, Postgres, SqlSafeStr as _};

use crate::engine::id::{Owner, RepositoryName};
use crate::engine::plan::{Change, Plan};
use crate::engine::time::Timestamp;

use crate::store::{Delivery, Epoch, Error, LEASE_LENGTH, Lease, Store, Version};

/// Connections of one replica.
const CONNECTIONS: u32 = 8;
/// How long the database may take to answer, a free connection included.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// How long bringing the tables to the newest form may take, another replica's turn at it included.
const MIGRATION_TIMEOUT: Duration = Duration::from_secs(120);
/// The tables' forms, oldest first; one that was ever shipped never changes.
const MIGRATIONS: &[(i64, &str, &str)] =
    &[(1, "plans, deliveries and leases", include_str!("../../migrations/postgres/0001_plans_deliveries_leases.sql"))];

/// Where and how.
#[derive(Clone, Debug)]
pub struct Options {
    /// `postgres://user:password@host:port/database`, with libpq's parameters (`sslmode`, `sslrootcert`, `host`).
    pub url: SecretString,
    /// How long a lease lasts; [`LEASE_LENGTH`] unless somebody knows better.
    pub lease: Duration,
}

impl Options {
    /// The database at this address, with the usual lease.
    pub fn new(url: impl Into<SecretString>) -> Self {
        Self { url: url.into(), lease: LEASE_LENGTH }
    }
}

/// Why a database was not opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The address is none.
    #[error("this is no address of a PostgreSQL database: {message}")]
    Address {
        /// What is wrong with it.
        message: String,
    },
    /// It is out of reach, refuses us, or is one of a newer version.
    #[error("the database {place} cannot be opened: {message}")]
    Database {
        /// Which, without its password.
        place: String,
        /// Why.
        message: String,
    },
}

/// An open database; clones share its connections.
#[derive(Clone, Debug)]
pub struct PostgresStore {
    pool: Pool<Postgres>,
    lease: Duration,
}

impl PostgresStore {
    /// Connects, and brings the tables to the newest form; of several replicas that start at once one does.
    pub async fn open(options: &Options) -> Result<Self, OpenError> {
        let connect = address(options.url.expose_secret())?;
        let connect = connect.application_name("task-orchestrator").disable_statement_logging();
        let failed = |message: String| OpenError::Database { place: place(&connect), message };
        let migrating = tokio::time::timeout(MIGRATION_TIMEOUT, migrate(&connect)).await;
        migrating.map_err(|_| failed("it does not answer in time".to_owned()))?.map_err(failed)?;
        let limits = limits(options.lease);
        let pool = PgPoolOptions::new().max_connections(CONNECTIONS).acquire_timeout(ANSWER_TIMEOUT);
        let pool = pool.after_connect(move |connection, _| {
            let limits = limits.clone();
            Box::pin(async move {
                for (name, milliseconds) in limits {
                    let set = sqlx::query("SELECT set_config($1, $2, false)").bind(name).bind(milliseconds);
                    connection.execute(set).await?;
                }
                Ok(())
            })
        });
        let pool = pool.connect_with(connect.clone()).await.map_err(|error| failed(error.to_string()))?;
        Ok(Self { pool, lease: options.lease })
    }

    /// Waits for what is under way and closes the connections; every clone is closed with it.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    /// Puts any text in a row's place, as a broken disk would.
    #[cfg(test)]
    pub(super) async fn spoil(&self, repository: &RepositoryName, kind: &str, id: &str, body: &str) {
        let row = crate::store::rows::Row { kind: kind.to_owned(), id: id.to_owned(), body: body.to_owned() };
        let mut writing = self.pool.acquire().await.expect("a connection");
        let writes = vec![crate::store::rows::Write::Put(row)];
        statements::write(&mut writing, &statements::key(repository), writes).await.expect("a row");
    }

    /// Lets all leases run out.
    #[cfg(test)]
    pub(super) async fn expire(&self) {
        let expired = "UPDATE lease SET until = clock_timestamp() - interval '1 second'";
        sqlx::query(expired).execute(&self.pool).await.expect("rows");
    }

    /// The connections, to get in the store's way with.
    #[cfg(test)]
    pub(super) fn pool(&self) -> &Pool<Postgres> {
        &self.pool
    }
}

fn address(url: &str) -> Result<PgConnectOptions, OpenError> {
    if !["postgres://", "postgresql://"].iter().any(|scheme| url.starts_with(scheme)) {
        return Err(OpenError::Address { message: "it must begin with `postgres://`".to_owned() });
    }
    url.parse().map_err(|error: sqlx::Error| OpenError::Address { message: error.to_string() })
}

/// Limits of each connection: the database ends what would otherwise wait for a replica that is paused or gone.
fn limits(lease: Duration) -> Vec<(&'static str, String)> {
    let milliseconds = |length: Duration| length.as_millis().max(1).to_string();
    vec![
        ("idle_in_transaction_session_timeout", milliseconds(lease / 2)),
        ("statement_timeout", milliseconds(ANSWER_TIMEOUT)),
    ]
}

/// Which database, for people.
fn place(connect: &PgConnectOptions) -> String {
    let host = connect.get_socket().map_or_else(|| connect.get_host().to_owned(), |path| path.display().to_string());
    format!("{} at {host}, port {}", connect.get_database().unwrap_or("(unnamed)"), connect.get_port())
}

async fn migrate(connect: &PgConnectOptions) -> Result<(), String> {
    let mut connection = connect.connect().await.map_err(|error| error.to_string())?;
    let migration = |(version, name, text): &(i64, &'static str, &'static str)| {
        Migration::new(*version, (*name).into(), MigrationType::Simple, (*text).into_sql_str(), false)
    };
    let migrator = Migrator::with_migrations(MIGRATIONS.iter().map(migration).collect());
    migrator.run(&mut connection).await.map_err(|error| error.to_string())?;
    connection.close().await.map_err(|error| error.to_string())
}

/// What the database answers in time.
async fn bounded<T>(asking: impl Future<Output = Result<T, Error>> + Send) -> Result<T, Error> {
    match tokio::time::timeout(ANSWER_TIMEOUT, asking).await {
        Ok(answer) => answer,
        Err(_) => Err(Error::Database(format!("it did not answer within {} s", ANSWER_TIMEOUT.as_secs()))),
    }
}

impl Store for PostgresStore {
    async fn acquire(&self, repository: &RepositoryName, owner: &Owner, now: Timestamp) -> Result<Lease, Error> {
        bounded(statements::acquire(&self.pool, repository, owner, self.lease, now)).await
    }

    async fn renew(&self, repository: &RepositoryName, lease: Lease, now: Timestamp) -> Result<Lease, Error> {
        bounded(statements::renew(&self.pool, repository, lease.epoch, self.lease)).await?;
        Ok(Lease { epoch: lease.epoch, since: now, until: now + self.lease })
    }

    async fn release(&self, repository: &RepositoryName, lease: Lease) -> Result<(), Error> {
        bounded(statements::release(&self.pool, repository, lease.epoch)).await
    }

    async fn stands(&self, repository: &RepositoryName, lease: Lease) -> Result<(), Error> {
        bounded(statements::stands(&self.pool, repository, lease.epoch)).await
    }

    async fn load(&self, repository: &RepositoryName) -> Result<Option<(Plan, Version)>, Error> {
        bounded(statements::load(&self.pool, repository)).await
    }

    async fn save(
        &self,
        repository: &RepositoryName,
        lease: Lease,
        expected: Version,
        changes: &[Change],
    ) -> Result<Version, Error> {
        bounded(statements::save(&self.pool, repository, lease.epoch, expected, changes)).await
    }

    async fn keep(&self, deliveries: &[Delivery]) -> Result<Vec<bool>, Error> {
        bounded(statements::keep(&self.pool, deliveries)).await
    }

    async fn claim(&self, repository: &RepositoryName, lease: Lease, limit: u32) -> Result<Vec<Delivery>, Error> {
        let (epoch, limit): (Epoch, u32) = (lease.epoch, limit);
        bounded(statements::claim(&self.pool, repository, epoch, limit)).await
    }

    async fn unworked(&self, repository: &RepositoryName, limit: u32) -> Result<Vec<Delivery>, Error> {
        bounded(statements::unworked(&self.pool, repository, limit)).await
    }

    async fn waiting(&self) -> Result<Vec<RepositoryName>, Error> {
        bounded(statements::waiting(&self.pool)).await
    }

    async fn worked(&self, guids: &[String]) -> Result<(), Error> {
        bounded(statements::worked(&self.pool, guids)).await
    }

    async fn repositories(&self) -> Result<Vec<RepositoryName>, Error> {
        bounded(statements::repositories(&self.pool)).await
    }

    async fn forget(&self, before: Timestamp) -> Result<u64, Error> {
        bounded(statements::forget(&self.pool, before)).await
    }

    fn is_shared(&self) -> bool {
        true
    }
}
