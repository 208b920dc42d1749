//! The server's addresses.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post};

use crate::server::connector::Connector;
use crate::server::health::failure_id;
use crate::server::webhook::{Intake, receive};
use crate::store::Store;

/// How long the store may take to answer for `/readyz`.
const STORE_TIMEOUT: Duration = Duration::from_secs(2);
/// What `/` says.
const ABOUT: &str = concat!(
    "task-orchestrator ",
    env!("CARGO_PKG_VERSION"),
    "\n\nPOST /webhook  deliveries of the GitHub App\nGET  /healthz  whether the process is alive\n\
     GET  /readyz   whether it does its work\n"
);

/// What whoever comes back to the set-up is told.
const SET_UP: &str = "This server is set up, and works as a GitHub App.\n";

/// All of them.
pub(super) fn router<C: Connector>(intake: Arc<Intake<C>>) -> Router {
    Router::new()
        .route("/", get(async || ABOUT))
        .route("/healthz", get(async || "alive\n"))
        .route("/readyz", get(ready::<C>))
        .route("/webhook", post(receive::<C>))
        .route("/setup", get(async || SET_UP))
        .route("/setup/{*rest}", get(async || SET_UP))
        .with_state(intake)
}

/// `GET /readyz`: 200 when the store answers and no loop is failing, else 503 with the name of a failure in the log.
async fn ready<C: Connector>(State(intake): State<Arc<Intake<C>>>) -> (StatusCode, String) {
    let loops = intake.loops();
    let unasked = match tokio::time::timeout(STORE_TIMEOUT, loops.store().repositories()).await {
        Err(_) => Some("the store does not answer".to_owned()),
        Ok(Err(error)) => Some(error.to_string()),
        Ok(Ok(_)) => None,
    };
    if let Some(reason) = unasked {
        let failure = failure_id();
        tracing::error!(failure, reason, "the server is not ready");
        return not_ready(&format!("failure {failure}"));
    }
    if loops.is_stopping() {
        return not_ready("stopping");
    }
    match loops.health().failure() {
        None => (StatusCode::OK, "ready\n".to_owned()),
        Some((failure, 0)) => not_ready(&format!("failure {failure}")),
        Some((failure, more)) => not_ready(&format!("failure {failure} and {more} more")),
    }
}

fn not_ready(why: &str) -> (StatusCode, String) {
    (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {why}\n"))
}
