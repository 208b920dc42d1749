//! A replica whose process stops where it stands, with all it holds, and goes on much later.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::hooked::{Hook, HookedStore, Point, Replica};
use super::{START, Workshop, widgets};
use crate::engine::id::Owner;
use crate::github::client::Clock;
use crate::server::delivery;
use crate::server::loops::Loops;
use crate::store::{Delivery, Error, LEASE_LENGTH, Store};

/// How much later than a lease's end somebody else has worked what waited: it looks again at that moment, and works.
const AFTER_LEASE: Duration = Duration::from_secs(1);

/// Every way to the store stands still as long as it says so.
#[derive(Clone)]
struct Stopped(watch::Receiver<bool>);

impl Hook for Stopped {
    async fn at(&self, _: Point) -> Result<(), Error> {
        // Who tells is gone only once the test has ended.
        drop(self.0.clone().wait_for(|stopped| !stopped).await);
        Ok(())
    }
}

/// The time that the test lets pass.
fn virtual_clock() -> Clock {
    let begun = Instant::now();
    Arc::new(move || START + begun.elapsed())
}

fn replica(workshop: &Workshop, name: &'static str, stopped: watch::Receiver<bool>) -> Replica<Stopped> {
    let store = HookedStore { store: workshop.store.clone(), hook: Stopped(stopped) };
    Replica { workshop: workshop.clone(), store, name }
}

#[tokio::test(start_paused = true)]
async fn no_delivery_waits_longer_than_the_lease_of_the_replica_that_stopped() {
    let workshop = Workshop::new();
    let clock = virtual_clock();
    let (stop, stopped) = watch::channel(false);
    let first = replica(&workshop, "first", stopped);
    let first = Loops::new(
        first,
        HookedStore { store: workshop.store.clone(), hook: Stopped(stop.subscribe()) },
        Arc::clone(&clock),
        true,
    );
    first.wake(&widgets());
    let held_by_first = async || {
        let taken = workshop.store.acquire(&widgets(), &Owner::new("somebody else"), clock()).await;
        matches!(taken, Err(Error::Leased { .. }))
    };
    while workshop.store.load(&widgets()).await.expect("a store").is_none() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(held_by_first().await);
    stop.send_replace(true);
    let stopped_at = Instant::now();

    workshop
        .store
        .keep(&[Delivery { repository: Some(widgets()), ..delivery::unreadable("waits", "push", b"", START) }])
        .await
        .expect("kept");
    let (_goes, goes) = watch::channel(false);
    let second = replica(&workshop, "second", goes);
    let second_store = second.store.clone();
    let second = Loops::new(second, second_store, Arc::clone(&clock), true);
    second.wake(&widgets());
    while !workshop.store.unworked(&widgets(), 1).await.expect("a store").is_empty() {
        let waited = stopped_at.elapsed();
        assert!(waited <= LEASE_LENGTH + AFTER_LEASE, "it waits for {waited:?}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(stopped_at.elapsed() > LEASE_LENGTH / 2, "nobody took it while the lease stood");

    let (_, version) = workshop.store.load(&widgets()).await.expect("a store").expect("a plan");
    stop.send_replace(false);
    for loops in [&first, &second] {
        loops.stop();
        loops.tasks().wait().await;
    }
    let (_, after) = workshop.store.load(&widgets()).await.expect("a store").expect("a plan");
    assert_eq!(after, version, "who was stopped has changed nothing since");
}
