//! Deliveries that were attempted once, as GitHub lists them: kept for three days, and put in the queue again on
//! demand.

use std::time::Duration;

use sqlx::Row;

use crate::engine::time::Timestamp;
use crate::forge::store::{Delivery, Error, Store};

pub(super) const TABLE: &str = "
CREATE TABLE IF NOT EXISTS past_delivery (id INTEGER PRIMARY KEY AUTOINCREMENT, guid TEXT NOT NULL, event TEXT NOT NULL,
  payload TEXT NOT NULL, at INTEGER NOT NULL, status INTEGER NOT NULL) STRICT;
";

/// How long attempts are kept.
const KEPT: Duration = Duration::from_secs(3 * 24 * 3_600);

/// An attempt to deliver a webhook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PastDelivery {
    /// Its number.
    pub id: i64,
    /// The webhook's GUID.
    pub guid: String,
    /// Its event.
    pub event: String,
    /// When.
    pub at: Timestamp,
    /// The receiver's status; 0: there was no answer.
    pub status: u16,
}

impl Store {
    /// A webhook was attempted: it leaves the queue, whatever came of it.
    pub async fn attempted(&self, delivery: &Delivery, status: u16, at: Timestamp) -> Result<(), Error> {
        let mut transaction = self.pool.begin().await?;
        sqlx::query("INSERT INTO past_delivery (guid, event, payload, at, status) VALUES (?, ?, ?, ?, ?)")
            .bind(&delivery.guid)
            .bind(&delivery.event)
            .bind(&delivery.payload)
            .bind(at.0)
            .bind(i64::from(status))
            .execute(&mut *transaction)
            .await?;
        sqlx::query("DELETE FROM delivery WHERE id = ?").bind(delivery.id).execute(&mut *transaction).await?;
        sqlx::query("DELETE FROM past_delivery WHERE at < ?").bind((at - KEPT).0).execute(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Attempts before one of them (nothing: before all that will be), newest first.
    pub async fn past_deliveries(&self, before: Option<i64>, limit: u32) -> Result<Vec<PastDelivery>, Error> {
        let query = "SELECT id, guid, event, at, status FROM past_delivery WHERE id < ? ORDER BY id DESC LIMIT ?";
        let rows = sqlx::query(query).bind(before.unwrap_or(i64::MAX)).bind(limit).fetch_all(&self.pool).await?;
        let past = |row: &sqlx::sqlite::SqliteRow| {
            Ok(PastDelivery {
                id: row.try_get(0)?,
                guid: row.try_get(1)?,
                event: row.try_get(2)?,
                at: Timestamp(row.try_get(3)?),
                status: u16::try_from(row.try_get::<i64, _>(4)?).unwrap_or_default(),
            })
        };
        rows.iter().map(past).collect()
    }

    /// Queues what an attempt was about once more, under the same GUID; `false`: there is no such attempt.
    pub async fn attempt_again(&self, id: i64) -> Result<bool, Error> {
        let again =
            "INSERT INTO delivery (guid, event, payload) SELECT guid, event, payload FROM past_delivery WHERE id = ?";
        Ok(sqlx::query(again).bind(id).execute(&self.pool).await?.rows_affected() > 0)
    }
}
