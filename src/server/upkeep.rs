//! What is looked after beside the loops: which repositories there are, deliveries that wait, deliveries that did not
//! arrive, deliveries to be forgotten.

use std::sync::Arc;
use std::time::Duration;

use crate::engine::time::Timestamp;
use crate::server::connector::Connector;
use crate::server::health::failure_id;
use crate::server::loops::Loops;
use crate::server::redelivery::Redelivery;
use crate::server::work::retry_wait;
use crate::store::{self, Store};

/// How often repositories are looked for when nobody says that they have changed.
const DISCOVERY_INTERVAL: Duration = Duration::from_secs(600);
/// How often deliveries are looked after.
const UPKEEP_INTERVAL: Duration = Duration::from_secs(60);
/// How often it is looked for deliveries that other replicas have kept.
const SHARED_INTERVAL: Duration = Duration::from_secs(1);
/// How long a worked delivery is known, so that the same one is not taken for new.
const DELIVERY_LIFE: Duration = Duration::from_secs(7 * 24 * 3_600);
/// The name under which discovery is told to be failing.
const DISCOVERY: &str = "installations";
/// The same for deliveries.
const DELIVERIES: &str = "deliveries";

/// Looks after things until the server stops.
pub(super) async fn run<C: Connector>(loops: Arc<Loops<C>>) {
    tokio::select! {
        () = look_after(&loops) => {}
        () = loops.abandoned() => {}
    }
}

async fn look_after<C: Connector>(loops: &Arc<Loops<C>>) {
    let mut failures = 0;
    let (mut discover_at, mut full_look_at) = (loops.now(), loops.now());
    let interval = if loops.store().is_shared() { SHARED_INTERVAL } else { UPKEEP_INTERVAL };
    let mut redelivery = Redelivery::default();
    while !loops.is_stopping() {
        let now = loops.now();
        if now >= discover_at {
            let wait = discover(loops, &mut failures).await;
            discover_at = loops.now() + wait;
        }
        let is_full_look = now >= full_look_at;
        if is_full_look {
            full_look_at = now + UPKEEP_INTERVAL;
        }
        match deliveries(loops, is_full_look.then_some(now)).await {
            Ok(()) => loops.health().recovers(DELIVERIES),
            Err(error) => {
                let failure = failure_id();
                tracing::error!(failure, %error, "deliveries could not be looked after");
                loops.health().fails(DELIVERIES, failure);
            }
        }
        if is_full_look {
            redeliver(loops, &mut redelivery, now).await;
        }
        let length = discover_at.since(loops.now()).min(interval);
        tokio::select! {
            _ = loops.stopped_within(length) => {}
            () = loops.installations_change() => discover_at = loops.now(),
        }
    }
}

/// Begins the loops of all repositories there are. Gives the wait until they are looked for again.
async fn discover<C: Connector>(loops: &Arc<Loops<C>>, failures: &mut u32) -> Duration {
    match loops.connector().repositories().await {
        Ok(repositories) => {
            *failures = 0;
            loops.health().recovers(DISCOVERY);
            for repository in repositories {
                loops.begin(&repository);
            }
            DISCOVERY_INTERVAL
        }
        Err(error) => {
            *failures = failures.saturating_add(1);
            let failure = failure_id();
            tracing::error!(failure, failures, %error, "the App's repositories could not be listed; it is tried again");
            loops.health().fails(DISCOVERY, failure);
            retry_wait(*failures)
        }
    }
}

/// Asks again for webhooks that did not arrive, at the start for those of the time before it. That it cannot be done
/// harms nothing: the heartbeat sees everything.
async fn redeliver<C: Connector>(loops: &Arc<Loops<C>>, redelivery: &mut Redelivery, now: Timestamp) {
    let attempted = match loops.connector().attempted(redelivery.since(now)).await {
        Ok(attempted) => attempted,
        Err(error) => {
            tracing::warn!(%error, "deliveries that failed cannot be listed; the heartbeat sees what they would tell");
            return;
        }
    };
    for due in redelivery.choose(&attempted, now) {
        let asked = loops.connector().redeliver(due.id).await;
        redelivery.asked(&due, asked.is_ok(), now);
        match asked {
            Ok(()) => tracing::info!(due.guid, "a webhook that did not arrive was asked for again"),
            Err(error) => tracing::warn!(due.guid, %error, "a webhook could not be asked for again"),
        }
    }
}

/// Forgets old deliveries where a moment is given, and wakes the loops of those that wait: another replica may have
/// kept them, or a wake-up have met a loop that was about to end.
async fn deliveries<C: Connector>(loops: &Arc<Loops<C>>, forget_at: Option<Timestamp>) -> Result<(), store::Error> {
    if let Some(now) = forget_at {
        let forgotten = loops.store().forget(now - DELIVERY_LIFE).await?;
        if forgotten > 0 {
            tracing::debug!(forgotten, "old deliveries were forgotten");
        }
    }
    for repository in loops.store().waiting().await? {
        loops.wake(&repository);
    }
    Ok(())
}
