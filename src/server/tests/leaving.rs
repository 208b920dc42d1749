//! A loop that ends because the App is gone, and what happens meanwhile.

use std::sync::{Arc, Mutex, OnceLock, Weak};

use axum::http::StatusCode;
use serde_json::json;

use crate::engine::id::RepositoryName;
use crate::forge::memory::MemoryForge;
use crate::server::loops::Loops;
use crate::server::tests::hooked::{Hook, HookedStore, Point};
use crate::server::tests::{START, Sent, Workshop, clock, labelled, secrets, widgets};
use crate::server::webhook::Intake;
use crate::server::{ConnectError, Connector, routes};
use crate::store::memory::MemoryStore;
use crate::store::{Delivery, Error, Store};
use crate::turn::Deployment;

/// Nothing is installed here.
struct Nowhere;

impl Connector for Nowhere {
    type GitHub = Workshop;
    type Git = Arc<MemoryForge>;
    type Store = HookedStore<Late>;

    async fn deployment(
        &self,
        _repository: &RepositoryName,
    ) -> Result<Deployment<Workshop, Arc<MemoryForge>, HookedStore<Late>>, ConnectError> {
        Err(ConnectError::NotInstalled)
    }

    async fn repositories(&self) -> Result<Vec<RepositoryName>, ConnectError> {
        Ok(Vec::new())
    }
}

/// Keeps one more delivery, and wakes its loop, right after deliveries were marked as worked.
#[derive(Clone, Default)]
struct Late {
    store: MemoryStore,
    late: Arc<Mutex<Option<Delivery>>>,
    loops: Arc<OnceLock<Weak<Loops<Nowhere>>>>,
}

impl Hook for Late {
    async fn at(&self, point: Point) -> Result<(), Error> {
        let late = if point == Point::AfterWorked { self.late.lock().expect("nobody panics").take() } else { None };
        if let Some(late) = late {
            self.store.keep(&[late]).await?;
            self.loops.get().and_then(Weak::upgrade).expect("the loops live").wake(&widgets());
        }
        Ok(())
    }
}

#[tokio::test]
async fn a_repository_without_the_app_is_left_alone() {
    let workshop = Workshop::new();
    let loops = Loops::new(workshop.clone(), workshop.store.clone(), clock(), true);
    let router = routes::router(Intake::new(Arc::clone(&loops), secrets()));
    let body = json!({"issue": {"number": 1}, "repository": {"full_name": "acme/gadgets"}}).to_string();
    let (status, _) = Sent { body: body.into_bytes(), ..labelled("a") }.signed().to(&router).await;
    assert_eq!(status, StatusCode::ACCEPTED);
    while workshop.store.deliveries().iter().any(|(_, worked)| !worked) {
        tokio::task::yield_now().await;
    }
    drop(router);
    loops.stop();
    loops.tasks().wait().await;
    assert!(loops.progress().borrow().is_empty(), "no turn was taken");
    assert!(loops.health().failure().is_none(), "that is no failure");
}

#[tokio::test]
async fn what_is_heard_while_a_loop_ends_is_not_lost() {
    let hook = Late::default();
    let store = HookedStore { store: hook.store.clone(), hook };
    let heard = |guid: &str| crate::server::delivery::unreadable(guid, "issues", b"", START);
    let of_widgets = |guid: &str| Delivery { repository: Some(widgets()), ..heard(guid) };
    store.keep(&[of_widgets("first")]).await.expect("kept");
    *store.hook.late.lock().expect("nobody panics") = Some(of_widgets("late"));
    let loops = Loops::new(Nowhere, store.clone(), clock(), true);
    store.hook.loops.set(Arc::downgrade(&loops)).expect("set once");
    loops.wake(&widgets());
    loops.tasks().close();
    loops.tasks().wait().await;
    let worked: Vec<_> = store.store.deliveries().into_iter().map(|(kept, worked)| (kept.guid, worked)).collect();
    assert_eq!(worked, [("first".to_owned(), true), ("late".to_owned(), true)]);
}

#[tokio::test]
async fn no_loop_ends_on_what_it_knew_before_installations_changed() {
    let loops = Loops::new(Nowhere, HookedStore::default(), clock(), true);
    let decided_in = loops.generation();
    loops.installations_changed(&[]);
    assert!(!loops.forget(&widgets(), decided_in));
    assert!(loops.forget(&widgets(), loops.generation()));
}
