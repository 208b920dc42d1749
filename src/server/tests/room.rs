//! What bodies may take of the memory while they are read.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;

use axum::body::{Body, Bytes};
use axum::http::{Request, StatusCode};
use futures_util::FutureExt as _;
use futures_util::stream::poll_fn;
use http_body_util::BodyExt as _;
use tower::ServiceExt as _;

use crate::github::webhook::BODY_BYTES_MAX;
use crate::server::tests::{Workshop, labelled};

/// A body that never comes, and counts that it was asked for. It is asked once: nothing ever wakes who waits for it.
fn silent(asked: &Arc<AtomicUsize>, signature: &str) -> Request<Body> {
    let asked = Arc::clone(asked);
    let body = Body::from_stream(poll_fn(move |_| {
        asked.fetch_add(1, Ordering::SeqCst);
        Poll::<Option<Result<Bytes, std::io::Error>>>::Pending
    }));
    let request = Request::post("/webhook").header("content-length", BODY_BYTES_MAX);
    request.header("x-hub-signature-256", signature).body(body).expect("a request")
}

#[tokio::test]
async fn bodies_share_a_bounded_room() {
    let router = Workshop::new().router();
    let asked = Arc::new(AtomicUsize::new(0));
    let signature = format!("sha256={}", "0".repeat(64));
    let mut waiting: Vec<_> = (0..5).map(|_| Box::pin(router.clone().oneshot(silent(&asked, &signature)))).collect();
    for request in &mut waiting {
        assert!(request.as_mut().now_or_never().is_none(), "it waits for its body");
    }
    assert_eq!(asked.load(Ordering::SeqCst), 2, "two of the longest have room, three do not");
    drop(waiting);
    let (status, _) = labelled("a").signed().to(&router).await;
    assert_eq!(status, StatusCode::ACCEPTED, "who has gone takes no room");
}

#[tokio::test]
async fn no_body_is_read_for_what_is_no_signature() {
    let router = Workshop::new().router();
    let asked = Arc::new(AtomicUsize::new(0));
    let short = format!("sha256={}", "0".repeat(62));
    for signature in ["", "sha256=", "sha256=00", &short, &format!("sha256={}", "x".repeat(64))] {
        let answer = router.clone().oneshot(silent(&asked, signature)).await.expect("never fails");
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{signature}");
        assert!(answer.into_body().collect().await.is_ok());
    }
    assert_eq!(asked.load(Ordering::SeqCst), 0);
}
