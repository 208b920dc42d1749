//! Work that takes longer than its lease, and renewals that fail.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};

use tokio::sync::Notify;

use super::*;
use crate::engine::config::Settings;
use crate::engine::id::{Login, Owner};
use crate::engine::plan::{Change, Plan};
use crate::server::tests::hooked::{Hook, HookedStore, Point};
use crate::store::LEASE_LENGTH;

const NOW: Timestamp = Timestamp(1_800_000_000_000);

/// A save holds what a renewal waits for, and does not end before a renewal has begun; renewals may fail first.
#[derive(Clone, Default)]
struct Row {
    renewing: Arc<Notify>,
    saved: Arc<Notify>,
    renewed: Arc<Notify>,
    failures: Arc<AtomicU32>,
}

impl Hook for Row {
    async fn at(&self, point: Point) -> Result<(), Error> {
        match point {
            Point::BeforeSave => self.renewing.notified().await,
            Point::AfterSave => self.saved.notify_one(),
            Point::BeforeRenew => {
                let left = |left: u32| left.checked_sub(1);
                if self.failures.fetch_update(Ordering::SeqCst, Ordering::SeqCst, left).is_ok() {
                    return Err(Error::Database("it did not answer".to_owned()));
                }
                self.renewing.notify_one();
                self.saved.notified().await;
            }
            Point::AfterRenew => self.renewed.notify_one(),
            Point::BeforeLoad | Point::AfterWorked => {}
        }
        Ok(())
    }
}

/// A lease that is held, and what renews it.
struct Scene {
    store: HookedStore<Row>,
    repository: RepositoryName,
    now: AtomicI64,
    lease: Lease,
}

impl Scene {
    async fn new() -> Self {
        let (store, repository) = (HookedStore::<Row>::default(), RepositoryName::new("o/r"));
        let lease = store.acquire(&repository, &Owner::new("one"), NOW).await.expect("nobody has it");
        Self { store, repository, now: AtomicI64::new(NOW.0), lease }
    }

    /// Saves under the lease and waits until it was renewed, while each wait takes no longer than to look around.
    async fn save_until_renewed(&self) -> Result<Lease, Error> {
        let renewal = Renewal {
            store: &self.store,
            repository: &self.repository,
            clock: || Timestamp(self.now.fetch_add(1_000, Ordering::SeqCst)),
            wait: |_| tokio::task::yield_now(),
        };
        let (repository, bot, settings) = (self.repository.clone(), Login::new("bot"), Settings::local());
        let plan = Plan::unknown(repository, bot, "seed".to_owned(), settings, NOW);
        let changes = [Change::Header(Box::new(plan.header))];
        let work = async {
            self.store.save(&self.repository, self.lease, 0, &changes).await?;
            self.store.hook.renewed.notified().await;
            Ok(())
        };
        renewal.during(self.lease, work).await.map(|((), lease)| lease)
    }
}

#[tokio::test]
async fn a_renewal_that_waits_for_a_save_does_not_stop_it() {
    let scene = Scene::new().await;
    let lease = scene.save_until_renewed().await.expect("both come to their end");
    assert_eq!(lease.epoch, scene.lease.epoch);
    assert!(lease.until > scene.lease.until, "{lease:?}");
}

#[tokio::test]
async fn renewals_that_fail_are_tried_again_while_the_lease_lasts() {
    let scene = Scene::new().await;
    scene.store.hook.failures.store(5, Ordering::SeqCst);
    assert!(scene.save_until_renewed().await.expect("in time").until > scene.lease.until);
    assert_eq!(scene.store.hook.failures.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn work_ends_with_its_lease() {
    let scene = Scene::new().await;
    scene.store.hook.failures.store(u32::MAX, Ordering::SeqCst);
    assert!(matches!(scene.save_until_renewed().await, Err(Error::Fenced)));
    assert!(scene.now.load(Ordering::SeqCst) >= scene.lease.until.0, "not before its end");
}

#[tokio::test]
async fn work_ends_once_somebody_else_has_its_lease() {
    let scene = Scene::new().await;
    scene.store.hook.saved.notify_one();
    let other = scene.store.acquire(&scene.repository, &Owner::new("other"), NOW + LEASE_LENGTH).await;
    other.expect("it has run out");
    assert!(matches!(scene.save_until_renewed().await, Err(Error::Fenced)));
}
