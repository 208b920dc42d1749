//! When a repository is connected anew.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::http::StatusCode;
use serde_json::json;

use super::{Sent, Workshop, clock, labelled, secrets, widgets};
use crate::server::loops::Loops;
use crate::server::routes;
use crate::server::webhook::Intake;

/// Repositories were added to an installation.
fn added(guid: &'static str, names: &[&str]) -> Sent {
    let named: Vec<_> = names.iter().map(|name| json!({"full_name": name})).collect();
    let body = json!({"action": "added", "installation": {"id": 1}, "repositories_added": named});
    Sent { event: "installation_repositories", body: body.to_string().into_bytes(), ..labelled(guid) }
}

#[tokio::test]
async fn only_repositories_that_are_named_for_the_first_time_connect_anew() {
    let workshop = Workshop::new();
    let loops = Loops::new(workshop.clone(), workshop.store.clone(), clock(), true);
    let router = routes::router(Intake::new(Arc::clone(&loops), secrets()));
    // Each is followed by a turn, so that whoever has to connect anew has done so.
    for (sent, turn, expected) in [
        (None, "first", 1),
        (Some(added("other", &["acme/gadgets"])), "second", 1),
        (Some(added("nobody", &[])), "third", 1),
        (Some(added("ours", &["acme/gadgets", "ACME/Widgets"])), "fourth", 2),
        (Some(added("ours", &["acme/gadgets", "ACME/Widgets"])), "fifth", 2),
    ] {
        for sent in sent.into_iter().chain([labelled(turn)]) {
            assert_eq!(sent.signed().to(&router).await.0, StatusCode::ACCEPTED);
        }
        while workshop.store.deliveries().iter().any(|(_, worked)| !worked) {
            tokio::task::yield_now().await;
        }
        assert_eq!(workshop.connected.load(Ordering::SeqCst), expected, "{turn}");
    }
    drop(router);
    loops.stop();
    loops.tasks().wait().await;
    assert!(loops.health().failure().is_none());
    assert!(loops.progress().borrow().contains_key(&widgets()));
}

#[tokio::test]
async fn refused_credentials_are_made_anew() {
    let workshop = Workshop::new();
    let loops = Loops::new(workshop.clone(), workshop.store.clone(), clock(), true);
    let router = routes::router(Intake::new(Arc::clone(&loops), secrets()));
    for (turn, unauthorized, expected) in [("first", 0, 1), ("second", 1, 1), ("third", 0, 2), ("fourth", 0, 2)] {
        workshop.unauthorized.store(unauthorized, Ordering::SeqCst);
        assert_eq!(labelled(turn).signed().to(&router).await.0, StatusCode::ACCEPTED);
        while workshop.store.deliveries().iter().any(|(_, worked)| !worked) {
            tokio::task::yield_now().await;
        }
        assert_eq!(workshop.connected.load(Ordering::SeqCst), expected, "{turn}");
        assert_eq!(workshop.unauthorized.load(Ordering::SeqCst), 0, "{turn}");
    }
    drop(router);
    loops.stop();
    loops.tasks().wait().await;
}
