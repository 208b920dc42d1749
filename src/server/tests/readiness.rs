//! What `/readyz` tells.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::http::StatusCode;

use super::{Workshop, clock, get, secrets, widgets};
use crate::server::loops::Loops;
use crate::server::routes;
use crate::server::webhook::Intake;

#[tokio::test]
async fn readiness_tells_that_something_fails_and_not_what() {
    let workshop = Workshop::new();
    let loops = Loops::new(workshop.clone(), workshop.store.clone(), clock(), true);
    let router = routes::router(Intake::new(Arc::clone(&loops), secrets()));
    assert_eq!(get(&router, "/readyz").await, (StatusCode::OK, "ready\n".to_owned()));
    workshop.installed.store(false, Ordering::SeqCst);
    loops.wake(&widgets());
    let complaint = loop {
        let (status, text) = get(&router, "/readyz").await;
        if status != StatusCode::OK {
            break text;
        }
        tokio::task::yield_now().await;
    };
    let failure = complaint.strip_prefix("not ready: failure ").and_then(|rest| rest.strip_suffix('\n'));
    let is_name = |name: &str| name.len() == 8 && name.chars().all(|c| c.is_ascii_hexdigit());
    assert!(failure.is_some_and(is_name), "{complaint}");
    workshop.installed.store(true, Ordering::SeqCst);
    let mut progress = loops.progress();
    progress.wait_for(|plans| plans.contains_key(&widgets())).await.expect("running");
    assert_eq!(get(&router, "/readyz").await.0, StatusCode::OK);
    loops.stop();
    assert_eq!(get(&router, "/readyz").await.0, StatusCode::SERVICE_UNAVAILABLE);
}
