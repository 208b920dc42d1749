//! Webhooks that were sent while nobody listened, over HTTP: a server that comes up asks for them and works them.

use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;

use super::site::{Site, repository};
use super::{START, secrets};
use crate::engine::id::IssueNumber;
use crate::forge::http::WebhookTarget;
use crate::server::{Options, Server};

/// Where the server is, once it is up.
type Behind = Arc<OnceLock<std::net::SocketAddr>>;

/// Passes a webhook on; while the server is down, says so.
async fn pass_on(State(behind): State<Behind>, request: Request) -> Response {
    let Some(address) = behind.get() else { return StatusCode::BAD_GATEWAY.into_response() };
    let (mut parts, body) = request.into_parts();
    parts.uri = format!("http://{address}/webhook").parse::<Uri>().expect("an address");
    let client = Client::builder(TokioExecutor::new()).build_http::<Body>();
    let answer = client.request(Request::from_parts(parts, body)).await.expect("an answer");
    answer.status().into_response()
}

#[tokio::test]
async fn what_was_sent_while_the_server_was_down_is_asked_for_again_and_worked() {
    let site = Site::start(1).await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}/", listener.local_addr().expect("an address"));
    let behind = Behind::default();
    let router = Router::new().fallback(pass_on).with_state(Arc::clone(&behind));
    tokio::spawn(async move { axum::serve(listener, router).await });
    site.forge.send_webhooks_to(Some(WebhookTarget { url, secret: Site::secret(), repeats: false }));
    site.say(IssueNumber(1), "/orchestrate status").await;
    let missed = loop {
        let attempted = site.app.attempted(START).await.expect("a list");
        match attempted.first() {
            Some(attempted) => break attempted.clone(),
            None => tokio::task::yield_now().await,
        }
    };
    assert!(!missed.taken, "nobody was there: {missed:?}");

    let address = "127.0.0.1:0".parse().expect("an address");
    let options = Options { address, secrets: secrets(), clock: site.clock(), is_followed: true };
    let server = Server::start(options, site.connector(), site.store.clone()).await.expect("a free port");
    // Nothing of the server has run yet on this thread: its first look meets an open way.
    behind.set(server.address()).expect("set once");
    while !site.store.deliveries().iter().any(|(kept, worked)| kept.guid == missed.guid && *worked) {
        tokio::task::yield_now().await;
    }
    let attempted = site.app.attempted(START).await.expect("a list");
    let of_it: Vec<bool> = attempted.iter().filter(|at| at.guid == missed.guid).map(|at| at.taken).collect();
    assert_eq!(of_it.last(), Some(&false), "the first attempt failed: {attempted:?}");
    assert_eq!(site.store.deliveries().iter().filter(|(kept, _)| kept.guid == missed.guid).count(), 1);
    let mut progress = server.progress();
    progress.wait_for(|plans| plans.contains_key(&repository())).await.expect("the server runs");
    assert!(server.shutdown().await);
    site.forge.shutdown().await;
}
