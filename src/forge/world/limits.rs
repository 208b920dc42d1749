//! The API's limits: 5,000 requests an hour per account, and for what people see 80 writes a minute and 500 an hour.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::engine::id::Login;
use crate::engine::time::Timestamp;
use crate::forge::world::World;
use crate::forge::world::access::makes_content;
use crate::forge::world::request::Request;
use crate::forge::world::setup::ApiLimits;
use crate::github::Error;

/// Requests an hour.
pub const REQUESTS_PER_HOUR: u64 = 5_000;
/// Writes of content a minute.
pub const CONTENT_PER_MINUTE: usize = 80;
/// Writes of content an hour.
pub const CONTENT_PER_HOUR: usize = 500;
/// What tight limits allow of content: one part in so many.
const TIGHT_PART: usize = 10;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);

/// One account's requests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Counter {
    hour_from: Timestamp,
    requests: u64,
    /// Moments of content writes within the last hour, oldest first; at most [`CONTENT_PER_HOUR`].
    content: VecDeque<Timestamp>,
}

/// All accounts' requests. A restart begins with none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters(BTreeMap<Login, Counter>);

/// The primary limit, as `x-ratelimit-*` headers tell it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// Requests an hour.
    pub limit: u64,
    /// Of those, used.
    pub used: u64,
    /// When the hour begins anew.
    pub reset: Timestamp,
}

impl Counter {
    fn quota(&self, limit: u64, now: Timestamp) -> Quota {
        let fresh = self.requests == 0 || now.since(self.hour_from) >= HOUR;
        Quota {
            limit,
            used: if fresh { 0 } else { self.requests },
            reset: if fresh { now + HOUR } else { self.hour_from + HOUR },
        }
    }

    /// When one more write of content is allowed again, if not now.
    fn content_until(&self, now: Timestamp, limits: ApiLimits) -> Option<Timestamp> {
        let part = if limits == ApiLimits::Tight { TIGHT_PART } else { 1 };
        let limit = |most: usize, window: Duration| {
            let at = *self.content.iter().rev().nth(most.saturating_sub(1))?;
            (now.since(at) < window).then(|| at + window)
        };
        limit(CONTENT_PER_HOUR / part, HOUR).max(limit(CONTENT_PER_MINUTE / part, MINUTE))
    }
}

impl World {
    /// What is left to an account of the primary limit; nothing where limits are off.
    pub fn quota(&self, login: &Login, now: Timestamp) -> Option<Quota> {
        match self.setup.limits {
            ApiLimits::None => None,
            ApiLimits::Github | ApiLimits::Tight => {
                let limit = self.setup.administration.requests_per_hour.unwrap_or(REQUESTS_PER_HOUR);
                let counter = self.counters.0.get(login);
                Some(counter.map_or_else(|| Counter::default().quota(limit, now), |c| c.quota(limit, now)))
            }
        }
    }

    /// Counts one request that does not go through [`World::apply`] (a git object read or made over HTTP, say).
    ///
    /// # Errors
    /// [`Error::RateLimited`] once the hour's requests are used up.
    pub fn count_plain(&mut self, login: &Login, now: Timestamp) -> Result<(), Error> {
        let limited = self.limited(login, false, now);
        self.count(login, false, now);
        limited
    }

    /// Takes one request back: GitHub does not count those whose answer had not changed.
    pub fn uncount(&mut self, login: &Login) {
        if let Some(counter) = self.counters.0.get_mut(login) {
            counter.requests = counter.requests.saturating_sub(1);
        }
    }

    /// Writes of content by an account within the last hour, at most what GitHub allows in one.
    pub fn content_writes(&self, login: &Login, now: Timestamp) -> usize {
        let content = self.counters.0.get(login).into_iter().flat_map(|counter| &counter.content);
        content.filter(|at| now.since(**at) < HOUR).count()
    }

    /// Whether an account must wait.
    pub(in crate::forge::world) fn limited(&self, login: &Login, content: bool, now: Timestamp) -> Result<(), Error> {
        let Some(quota) = self.quota(login, now) else { return Ok(()) };
        if quota.used >= quota.limit {
            return Err(Error::RateLimited { until: quota.reset });
        }
        let counter = self.counters.0.get(login).filter(|_| content);
        match counter.and_then(|counter| counter.content_until(now, self.setup.limits)) {
            Some(until) => Err(Error::RateLimited { until }),
            None => Ok(()),
        }
    }

    pub(in crate::forge::world) fn count_request(&mut self, request: &Request, admitted: bool, now: Timestamp) {
        if let Request::Api { actor, request, .. } = request {
            self.count(&actor.login, admitted && makes_content(request), now);
        }
    }

    fn count(&mut self, login: &Login, content: bool, now: Timestamp) {
        if self.setup.limits == ApiLimits::None {
            return;
        }
        let counter = self.counters.0.entry(login.clone()).or_default();
        if counter.quota(REQUESTS_PER_HOUR, now).used == 0 {
            counter.hour_from = now;
            counter.requests = 0;
        }
        counter.requests += 1;
        if content {
            counter.content.push_back(now);
            if counter.content.len() > CONTENT_PER_HOUR {
                counter.content.pop_front();
            }
        }
    }
}
