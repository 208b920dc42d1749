//! The server's addresses.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post};

use crate::server::connector::Connector;
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

/// All of them.
pub(super) fn router<C: Connector>(intake: Arc<Intake<C>>) -> Router {
    Router::new()
        .route("/", get(async || ABOUT))
        .route("/healthz", get(async || "alive\n"))
        .route("/readyz", get(ready::<C>))
        .route("/webhook", post(receive::<C>))
        .with_state(intake)
}

/// `GET /readyz`: 200 when the store answers and no loop is failing, else 503 and why.
async fn ready<C: Connector>(State(intake): State<Arc<Intake<C>>>) -> (StatusCode, String) {
    let loops = intake.loops();
    let complaint = match tokio::time::timeout(STORE_TIMEOUT, loops.store().repositories()).await {
        Err(_) => Some("the store does not answer".to_owned()),
        Ok(Err(error)) => Some(error.to_string()),
        Ok(Ok(_)) if loops.is_stopping() => Some("the server is stopping".to_owned()),
        Ok(Ok(_)) => loops.health().complaint(),
    };
    match complaint {
        None => (StatusCode::OK, "ready\n".to_owned()),
        Some(complaint) => (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {complaint}\n")),
    }
}
