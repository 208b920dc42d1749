//! What is asked of the database, one question or one short transaction each.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Pool, Postgres, Row as _};

use crate::engine::id::{Owner, RepositoryName};
use crate::engine::plan::{Change, Plan};
use crate::engine::time::Timestamp;
use crate::store::rows::{self, Row, Write};
use crate::store::{Delivery, Epoch, Error, Lease, Version};

/// GitHub's names ignore case.
pub(super) fn key(repository: &RepositoryName) -> String {
    repository.as_str().to_ascii_lowercase()
}

/// A length as the database counts it.
fn milliseconds(length: Duration) -> f64 {
    length.as_secs_f64() * 1_000.0
}

/// Takes a lease, in one statement: of two that take it at once the second sees what the first wrote.
pub(super) async fn acquire(
    pool: &Pool<Postgres>,
    repository: &RepositoryName,
    owner: &Owner,
    length: Duration,
    now: Timestamp,
) -> Result<Lease, Error> {
    let statement = sqlx::query_scalar::<_, Epoch>(
        "INSERT INTO lease (key, owner, epoch, until) \
         VALUES ($1, $2, 1, clock_timestamp() + $3 * interval '1 millisecond') ON CONFLICT (key) \
         DO UPDATE SET owner = excluded.owner, epoch = lease.epoch + 1, until = excluded.until \
         WHERE lease.owner = excluded.owner OR lease.until <= clock_timestamp() RETURNING epoch",
    );
    let statement = statement.bind(key(repository)).bind(owner.as_str()).bind(milliseconds(length));
    if let Some(epoch) = statement.fetch_optional(pool).await? {
        return Ok(Lease { epoch, since: now, until: now + length });
    }
    let statement = sqlx::query_scalar::<_, i64>(
        "SELECT ceil(greatest(extract(epoch FROM until - clock_timestamp()), 0) * 1000)::bigint \
         FROM lease WHERE key = $1",
    );
    let left = statement.bind(key(repository)).fetch_optional(pool).await?.unwrap_or_default();
    Err(Error::Leased { until: now + Duration::from_millis(u64::try_from(left).unwrap_or_default()) })
}

/// Makes a lease last longer.
pub(super) async fn renew(
    pool: &Pool<Postgres>,
    repository: &RepositoryName,
    epoch: Epoch,
    length: Duration,
) -> Result<(), Error> {
    let statement = sqlx::query(
        "UPDATE lease SET until = clock_timestamp() + $3 * interval '1 millisecond' WHERE key = $1 AND epoch = $2",
    );
    let statement = statement.bind(key(repository)).bind(epoch).bind(milliseconds(length));
    if statement.execute(pool).await?.rows_affected() == 1 { Ok(()) } else { Err(Error::Fenced) }
}

/// Gives a lease back.
pub(super) async fn release(pool: &Pool<Postgres>, repository: &RepositoryName, epoch: Epoch) -> Result<(), Error> {
    let statement = sqlx::query("UPDATE lease SET until = '-infinity' WHERE key = $1 AND epoch = $2");
    statement.bind(key(repository)).bind(epoch).execute(pool).await?;
    Ok(())
}

/// Refuses a lease that was taken by somebody else, or has run out.
pub(super) async fn stands(pool: &Pool<Postgres>, repository: &RepositoryName, epoch: Epoch) -> Result<(), Error> {
    let statement = sqlx::query("SELECT 1 FROM lease WHERE key = $1 AND epoch = $2 AND until > clock_timestamp()");
    let found = statement.bind(key(repository)).bind(epoch).fetch_optional(pool).await?;
    found.map(drop).ok_or(Error::Fenced)
}

/// Refuses an epoch that is not the newest, and keeps it the newest until the transaction ends.
async fn fence(connection: &mut PgConnection, key: &str, epoch: Epoch) -> Result<(), Error> {
    let statement = sqlx::query("SELECT 1 FROM lease WHERE key = $1 AND epoch = $2 FOR SHARE");
    let found = statement.bind(key).bind(epoch).fetch_optional(connection).await?;
    found.map(drop).ok_or(Error::Fenced)
}

/// The plan as it stands at one moment.
pub(super) async fn load(pool: &Pool<Postgres>, repository: &RepositoryName) -> Result<Option<(Plan, Version)>, Error> {
    // One snapshot, so that version and rows are of one moment.
    let mut reading = pool.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
    let plan = sqlx::query("SELECT version, schema FROM plan WHERE key = $1").bind(key(repository));
    let Some(found) = plan.fetch_optional(&mut *reading).await? else { return Ok(None) };
    let (version, schema): (Version, i64) = (found.try_get("version")?, found.try_get("schema")?);
    let rows = sqlx::query("SELECT kind, id, body FROM plan_row WHERE key = $1").bind(key(repository));
    let rows = rows.fetch_all(&mut *reading).await?;
    reading.commit().await?;
    let row = |row: &PgRow| -> Result<Row, sqlx::Error> {
        Ok(Row { kind: row.try_get("kind")?, id: row.try_get("id")?, body: row.try_get("body")? })
    };
    let rows = rows.iter().map(row).collect::<Result<Vec<Row>, sqlx::Error>>()?;
    Ok(Some((rows::plan(repository, u32::try_from(schema).unwrap_or(u32::MAX), rows)?, version)))
}

/// Saves rows, if version and epoch are still the newest.
pub(super) async fn save(
    pool: &Pool<Postgres>,
    repository: &RepositoryName,
    epoch: Epoch,
    expected: Version,
    changes: &[Change],
) -> Result<Version, Error> {
    let writes = rows::writes(changes, expected == 0)?;
    let key = key(repository);
    let mut saving = pool.begin().await?;
    fence(&mut saving, &key, epoch).await?;
    let (next, schema) = (expected.saturating_add(1), rows::schema(changes).map(i64::from));
    let statement = if expected == 0 {
        sqlx::query(
            "INSERT INTO plan (key, repository, version, schema) VALUES ($1, $4, $2, $3) ON CONFLICT DO NOTHING",
        )
        .bind(&key)
        .bind(next)
        .bind(schema)
        .bind(repository.as_str())
    } else {
        sqlx::query("UPDATE plan SET version = $2, schema = coalesce($3, schema) WHERE key = $1 AND version = $2 - 1")
            .bind(&key)
            .bind(next)
            .bind(schema)
    };
    if statement.execute(&mut *saving).await?.rows_affected() != 1 {
        return Err(Error::Conflict);
    }
    write(&mut saving, &key, writes).await?;
    saving.commit().await?;
    Ok(next)
}

/// Writes rows, all of a kind of write at once: the last write of each row counts.
pub(super) async fn write(connection: &mut PgConnection, key: &str, writes: Vec<Write>) -> Result<(), Error> {
    let mut last: BTreeMap<(String, String), Option<String>> = BTreeMap::new();
    for write in writes {
        match write {
            Write::Put(row) => last.insert((row.kind, row.id), Some(row.body)),
            Write::Delete { kind, id } => last.insert((kind.to_owned(), id), None),
        };
    }
    let (mut put, mut gone) = ((Vec::new(), Vec::new(), Vec::new()), (Vec::new(), Vec::new()));
    for ((kind, id), body) in last {
        if let Some(body) = body {
            put.0.push(kind);
            put.1.push(id);
            put.2.push(body);
        } else {
            gone.0.push(kind);
            gone.1.push(id);
        }
    }
    if !put.0.is_empty() {
        let statement = sqlx::query(
            "INSERT INTO plan_row (key, kind, id, body) \
             SELECT $1, * FROM unnest($2::text[], $3::text[], $4::text[]) \
             ON CONFLICT (key, kind, id) DO UPDATE SET body = excluded.body",
        );
        statement.bind(key).bind(put.0).bind(put.1).bind(put.2).execute(&mut *connection).await?;
    }
    if !gone.0.is_empty() {
        let statement = sqlx::query(
            "DELETE FROM plan_row WHERE key = $1 AND (kind, id) IN (SELECT * FROM unnest($2::text[], $3::text[]))",
        );
        statement.bind(key).bind(gone.0).bind(gone.1).execute(connection).await?;
    }
    Ok(())
}

/// PostgreSQL's texts have no zero character. Names and GUIDs have none either; other texts stand in JSON, which writes
/// it in another way.
fn text(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

fn delivery(row: &PgRow) -> Result<Delivery, Error> {
    let (guid, body): (String, String) = (row.try_get("guid")?, row.try_get("body")?);
    serde_json::from_str(&body)
        .map_err(|error| Error::Corrupt { row: format!("delivery {guid}"), message: error.to_string() })
}

/// Keeps deliveries, in one statement.
pub(super) async fn keep(pool: &Pool<Postgres>, deliveries: &[Delivery]) -> Result<Vec<bool>, Error> {
    let repositories = || deliveries.iter().map(|delivery| delivery.repository.as_ref());
    let body = |delivery: &Delivery| {
        let named = |error: serde_json::Error| Error::Database(format!("{}: {error}", delivery.guid));
        serde_json::to_string(delivery).map_err(named)
    };
    let statement = sqlx::query_scalar::<_, String>(
        "INSERT INTO delivery (guid, key, repository, body, received_at) \
         SELECT guid, key, repository, body, received_at \
         FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[]) \
         WITH ORDINALITY AS new (guid, key, repository, body, received_at, place) ORDER BY place \
         ON CONFLICT DO NOTHING RETURNING guid",
    );
    let statement = statement
        .bind(deliveries.iter().map(|delivery| text(&delivery.guid)).collect::<Vec<String>>())
        .bind(repositories().map(|name| name.map(|name| text(&key(name)))).collect::<Vec<Option<String>>>())
        .bind(repositories().map(|name| name.map(|name| text(name.as_str()))).collect::<Vec<Option<String>>>())
        .bind(deliveries.iter().map(body).collect::<Result<Vec<String>, Error>>()?)
        .bind(deliveries.iter().map(|delivery| delivery.received_at.0).collect::<Vec<i64>>());
    let mut news: BTreeSet<String> = statement.fetch_all(pool).await?.into_iter().collect();
    Ok(deliveries.iter().map(|delivery| news.remove(&text(&delivery.guid))).collect())
}

/// Claims deliveries: what another replica is claiming at this moment is passed over, not waited for.
pub(super) async fn claim(
    pool: &Pool<Postgres>,
    repository: &RepositoryName,
    epoch: Epoch,
    limit: u32,
) -> Result<Vec<Delivery>, Error> {
    let key = key(repository);
    // Mostly there are none, and then nothing is locked or written.
    let waiting = sqlx::query_scalar::<_, bool>("SELECT EXISTS (SELECT FROM delivery WHERE key = $1 AND NOT worked)");
    if !waiting.bind(&key).fetch_one(pool).await? {
        return Ok(Vec::new());
    }
    let mut claiming = pool.begin().await?;
    fence(&mut claiming, &key, epoch).await?;
    let statement = sqlx::query(
        "WITH free AS (SELECT guid FROM delivery WHERE key = $1 AND NOT worked AND epoch <= $2 \
         ORDER BY received_at, sequence LIMIT $3 FOR UPDATE SKIP LOCKED) \
         UPDATE delivery SET epoch = $2 FROM free WHERE delivery.guid = free.guid RETURNING delivery.*",
    );
    let rows = statement.bind(&key).bind(epoch).bind(i64::from(limit)).fetch_all(&mut *claiming).await?;
    claiming.commit().await?;
    let in_order = |row: &PgRow| Ok((row.try_get::<i64, _>("sequence")?, delivery(row)?));
    let mut claimed = rows.iter().map(in_order).collect::<Result<Vec<(i64, Delivery)>, Error>>()?;
    claimed.sort_by_key(|(sequence, delivery)| (delivery.received_at, *sequence));
    Ok(claimed.into_iter().map(|(_, delivery)| delivery).collect())
}

/// Unworked deliveries, oldest first.
pub(super) async fn unworked(
    pool: &Pool<Postgres>,
    repository: &RepositoryName,
    limit: u32,
) -> Result<Vec<Delivery>, Error> {
    let statement =
        sqlx::query("SELECT * FROM delivery WHERE NOT worked AND key = $1 ORDER BY received_at, sequence LIMIT $2");
    let rows = statement.bind(key(repository)).bind(i64::from(limit)).fetch_all(pool).await?;
    rows.iter().map(delivery).collect()
}

/// Repositories that have unworked deliveries.
pub(super) async fn waiting(pool: &Pool<Postgres>) -> Result<Vec<RepositoryName>, Error> {
    let statement = sqlx::query_scalar::<_, String>(
        "SELECT min(repository) FROM delivery WHERE NOT worked AND key IS NOT NULL GROUP BY key ORDER BY key",
    );
    Ok(statement.fetch_all(pool).await?.into_iter().map(RepositoryName).collect())
}

/// Marks deliveries worked.
pub(super) async fn worked(pool: &Pool<Postgres>, guids: &[String]) -> Result<(), Error> {
    let statement = sqlx::query("UPDATE delivery SET worked = TRUE WHERE guid = ANY($1)");
    statement.bind(guids).execute(pool).await?;
    Ok(())
}

/// Repositories that have a plan.
pub(super) async fn repositories(pool: &Pool<Postgres>) -> Result<Vec<RepositoryName>, Error> {
    let statement = sqlx::query_scalar::<_, String>("SELECT repository FROM plan ORDER BY key");
    Ok(statement.fetch_all(pool).await?.into_iter().map(RepositoryName).collect())
}

/// Forgets worked deliveries.
pub(super) async fn forget(pool: &Pool<Postgres>, before: Timestamp) -> Result<u64, Error> {
    let statement = sqlx::query("DELETE FROM delivery WHERE worked AND received_at < $1").bind(before.0);
    Ok(statement.execute(pool).await?.rows_affected())
}
