//! The one door of an installation: every exchange of all its repositories passes here, is taken from one account and
//! is never one of too many at once.

use std::sync::{Mutex, MutexGuard, PoisonError};

use http::HeaderMap;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::engine::time::Timestamp;
use crate::github::client::error::until_reset;
use crate::github::client::{Answer, Call};
use crate::github::pace::{Limits, Pace, content};
use crate::github::{Error, Request};

/// What GitHub last said about its primary rate limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// Requests per hour.
    pub limit: u64,
    /// How many are left of them.
    pub remaining: u64,
    /// When the count starts anew, in GitHub's time.
    pub reset: Timestamp,
}

/// Points of a write (rate limits for the REST API: calculating points).
const WRITE_POINTS: u32 = 5;

/// The door. Share it behind one `Arc` among the clients of one installation.
#[derive(Debug)]
pub struct Gate {
    account: Mutex<(Pace, Option<Budget>)>,
    at_once: Semaphore,
}

impl Gate {
    /// A door with an empty account under these limits.
    pub fn new(limits: Limits) -> Self {
        let at_once = limits.at_once.min(Semaphore::MAX_PERMITS);
        Self { account: Mutex::new((Pace::new(limits), None)), at_once: Semaphore::new(at_once) }
    }

    /// What GitHub last said about the rate limit; nothing where it says nothing.
    pub(super) fn budget(&self) -> Option<Budget> {
        self.account().1
    }

    /// Takes a whole request's share of content.
    pub(super) fn admit(&self, request: &Request, now: Timestamp) -> Result<(), Error> {
        self.account().0.admit(content(request), now)
    }

    /// Lets one exchange through, once fewer than the limit are under way: each of those ends within half a minute.
    pub(in crate::github) async fn enter(
        &self,
        call: &Call,
        now: impl Fn() -> Timestamp,
    ) -> Result<SemaphorePermit<'_>, Error> {
        let closed = |_| Error::Unexpected { message: "the way to GitHub is closed".to_owned() };
        let permit = self.at_once.acquire().await.map_err(closed)?;
        self.account().0.charge(points(call), now())?;
        Ok(permit)
    }

    /// GitHub asked to be left alone until then.
    pub(in crate::github) fn wait(&self, until: Timestamp) {
        self.account().0.wait(until);
    }

    /// Hears what an answer tells of the primary limit. GraphQL has a count of its own, which stops no REST call.
    pub(in crate::github) fn hear(&self, answer: &Answer, now: Timestamp) {
        let resource = answer.headers.get("x-ratelimit-resource").and_then(|value| value.to_str().ok());
        if resource.is_some_and(|resource| resource != "core") {
            return;
        }
        if let Some(budget) = budget(&answer.headers) {
            let reset = until_reset(&answer.headers, now);
            let mut account = self.account();
            account.0.told(budget.remaining, reset);
            account.1 = Some(budget);
        }
    }

    fn account(&self) -> MutexGuard<'_, (Pace, Option<Budget>)> {
        self.account.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn points(call: &Call) -> u32 {
    if call.is_write() { WRITE_POINTS } else { 1 }
}

fn budget(headers: &HeaderMap) -> Option<Budget> {
    let number = |name: &str| headers.get(name)?.to_str().ok()?.trim().parse::<u64>().ok();
    let seconds = i64::try_from(number("x-ratelimit-reset")?).ok()?;
    let reset = Timestamp(seconds.saturating_mul(1000));
    Some(Budget { limit: number("x-ratelimit-limit")?, remaining: number("x-ratelimit-remaining")?, reset })
}
