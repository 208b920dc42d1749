//! A lease that lasts as long as what is done under it.
//!
//! Promises: the work goes on while its lease is renewed, whatever the renewal waits for; a renewal that fails is tried
//! again until the lease has run out, and only a lease that is lost ends the work.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::engine::id::RepositoryName;
use crate::engine::time::Timestamp;
use crate::store::{Error, Lease, Store};

/// Shortest wait between two renewals.
const WAIT_MIN: Duration = Duration::from_millis(50);
/// Wait before a renewal that failed is tried again.
const RETRY_WAIT: Duration = Duration::from_secs(1);

/// What a lease is renewed with.
pub(super) struct Renewal<'r, S, C, W> {
    pub(super) store: &'r S,
    pub(super) repository: &'r RepositoryName,
    /// The time.
    pub(super) clock: C,
    /// Waits for so long.
    pub(super) wait: W,
}

impl<S, C, W, F> Renewal<'_, S, C, W>
where
    S: Store,
    C: Fn() -> Timestamp,
    W: Fn(Duration) -> F,
    F: Future<Output = ()>,
{
    /// Does the work under the lease. Gives what came of it, and the lease as it stands then.
    ///
    /// # Errors
    /// The work's own, or [`Error::Fenced`] once the lease is lost; the work is dropped then.
    pub(super) async fn during<T>(
        &self,
        lease: Lease,
        work: impl Future<Output = Result<T, Error>>,
    ) -> Result<(T, Lease), Error> {
        let newest = Mutex::new(lease);
        let done = tokio::select! {
            biased;
            done = work => done?,
            lost = self.renew_until_lost(&newest) => return Err(lost),
        };
        Ok((done, newest.into_inner().unwrap_or_else(PoisonError::into_inner)))
    }

    /// Ends with [`Error::Fenced`], when the lease is lost.
    async fn renew_until_lost(&self, newest: &Mutex<Lease>) -> Error {
        let mut retry_wait = None;
        loop {
            let lease = *newest.lock().unwrap_or_else(PoisonError::into_inner);
            let due = lease.renewal_wait((self.clock)()).max(WAIT_MIN);
            (self.wait)(retry_wait.take().unwrap_or(due)).await;
            match self.store.renew(self.repository, lease, (self.clock)()).await {
                Ok(renewed) => *newest.lock().unwrap_or_else(PoisonError::into_inner) = renewed,
                Err(error @ Error::Fenced) => return error,
                Err(error) if (self.clock)() >= lease.until => {
                    tracing::warn!(repository = %self.repository, %error, "a lease ran out before it was renewed");
                    return Error::Fenced;
                }
                Err(error) => {
                    tracing::warn!(repository = %self.repository, %error, "a lease was not renewed; it is tried again");
                    retry_wait = Some(RETRY_WAIT);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
