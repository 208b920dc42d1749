//! What bodies may take of the memory while they are read.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{Request, StatusCode};
use futures_util::FutureExt as _;
use futures_util::stream::poll_fn;
use http_body_util::BodyExt as _;
use tower::ServiceExt as _;

use crate::github::webhook::BODY_BYTES_MAX;
use crate::server::tests::{Workshop, labelled};

const MEBIBYTE: usize = 1024 * 1024;

/// A body of which so many mebibytes come, as they are asked for, and the rest never. It counts what came.
/// Nothing ever wakes who waits for the rest.
fn slow(came: &Arc<AtomicUsize>, signature: &str, length: usize, mebibytes: usize) -> Request<Body> {
    let came = Arc::clone(came);
    let mut left = mebibytes;
    let body = Body::from_stream(poll_fn(move |_| {
        let Some(rest) = left.checked_sub(1) else { return Poll::Pending };
        came.fetch_add(1, Ordering::SeqCst);
        left = rest;
        Poll::Ready(Some(Ok::<_, std::io::Error>(Bytes::from(vec![b' '; MEBIBYTE]))))
    }));
    let request = Request::post("/webhook").header("content-length", length);
    request.header("x-hub-signature-256", signature).body(body).expect("a request")
}

/// Sends such bodies, as far as they are read. Gives what waits, and how many mebibytes came of all of them.
async fn send_slowly(router: &Router, count: usize, length: usize, mebibytes: usize) -> (Vec<impl Future>, usize) {
    let came = Arc::new(AtomicUsize::new(0));
    let signature = format!("sha256={}", "0".repeat(64));
    let send = |_| Box::pin(router.clone().oneshot(slow(&came, &signature, length, mebibytes)));
    let mut waiting: Vec<_> = (0..count).map(send).collect();
    for request in &mut waiting {
        // Several times, since a task that has done much is made to wait once.
        for _ in 0..100 {
            assert!(request.as_mut().now_or_never().is_none(), "it waits for its body");
            tokio::task::yield_now().await;
        }
    }
    let came = came.load(Ordering::SeqCst);
    (waiting, came)
}

#[tokio::test]
async fn slow_bodies_keep_no_small_one_waiting() {
    let router = Workshop::new().router();
    let (silent, _) = send_slowly(&router, 200, BODY_BYTES_MAX, 0).await;
    let (small, _) = send_slowly(&router, 200, MEBIBYTE, 0).await;
    let (large, came) = send_slowly(&router, 5, BODY_BYTES_MAX, 20).await;
    assert_eq!(large.len(), 5);
    assert!(came >= 50, "the room of large bodies is full: {came}");
    let sent = labelled("a").signed();
    let length = sent.body.len().to_string();
    let (status, _) = sent.with("content-length", length).to(&router).await;
    assert_eq!(status, StatusCode::ACCEPTED);
    drop((silent, small, large));
}

#[tokio::test]
async fn bodies_share_a_bounded_room() {
    for (length, mebibytes, room) in [(BODY_BYTES_MAX, 24, 50), (MEBIBYTE, 1, 14)] {
        let router = Workshop::new().router();
        let count = 20;
        let (waiting, came) = send_slowly(&router, count, length, mebibytes).await;
        // Each may hold one part more than it has room for: the one it has just been given.
        assert!(came >= room && came <= room + count, "{came} came, of which {room} have room");
        drop(waiting);
        let (waiting, again) = send_slowly(&router, count, length, mebibytes).await;
        assert_eq!(again, came, "who has gone takes no room");
        drop(waiting);
    }
}

#[tokio::test]
async fn no_body_is_read_for_what_is_no_signature() {
    let router = Workshop::new().router();
    let came = Arc::new(AtomicUsize::new(0));
    let short = format!("sha256={}", "0".repeat(62));
    for signature in ["", "sha256=", "sha256=00", &short, &format!("sha256={}", "x".repeat(64))] {
        let answer = router.clone().oneshot(slow(&came, signature, BODY_BYTES_MAX, 1)).await.expect("never fails");
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{signature}");
        assert!(answer.into_body().collect().await.is_ok());
    }
    assert_eq!(came.load(Ordering::SeqCst), 0);
}
