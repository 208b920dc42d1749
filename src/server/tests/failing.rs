//! A replica that cannot work a repository leaves it to others.

use super::hooked::{Hook, HookedStore, Point, Replica};
use super::{START, Workshop, clock, widgets};
use crate::engine::id::Owner;
use crate::server::loops::Loops;
use crate::store::{Error, Store};

/// No plan can be loaded here, or none be saved.
#[derive(Clone, Copy)]
struct Refusing(Point);

impl Hook for Refusing {
    async fn at(&self, point: Point) -> Result<(), Error> {
        if point == self.0 { Err(Error::Newer { found: 9, known: 8 }) } else { Ok(()) }
    }
}

#[tokio::test]
async fn a_replica_that_fails_gives_its_lease_back() {
    for point in [Point::BeforeLoad, Point::BeforeSave] {
        let workshop = Workshop::new();
        let store = HookedStore { store: workshop.store.clone(), hook: Refusing(point) };
        let loops = Loops::new(Replica { workshop, store: store.clone(), name: "one" }, store.clone(), clock(), true);
        loops.wake(&widgets());
        while loops.health().failure().is_none() {
            tokio::task::yield_now().await;
        }
        loops.stop();
        loops.tasks().wait().await;
        let taken = store.store.acquire(&widgets(), &Owner::new("another replica"), START).await;
        assert!(taken.expect("nobody holds it").epoch > 1, "it was held at {point:?}");
    }
}

#[tokio::test]
async fn a_replica_whose_turns_break_down_gives_its_lease_back() {
    let workshop = Workshop::new();
    workshop.breakdowns.store(u32::MAX, std::sync::atomic::Ordering::SeqCst);
    let loops = Loops::new(workshop.clone(), workshop.store.clone(), clock(), true);
    loops.wake(&widgets());
    while loops.health().failure().is_none() {
        tokio::task::yield_now().await;
    }
    loops.stop();
    loops.tasks().wait().await;
    let taken = workshop.store.acquire(&widgets(), &Owner::new("another replica"), START).await;
    assert!(taken.expect("nobody holds it").epoch > 1);
}
