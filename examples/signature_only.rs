//! What the measure of webhook ingest holds our server against from below: an axum handler that checks the signature of
//! a delivery and answers, with nothing read or kept. `signature_only PORT SECRET-FILE`; see `script/bench-ingest`.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use task_orchestrator::github::webhook::{Signature, WebhookSecrets};

async fn receive(State(secrets): State<Arc<WebhookSecrets>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let told = headers.get("x-hub-signature-256").and_then(|value| value.to_str().ok());
    match Signature::read(told).and_then(|signature| secrets.verify(signature, &body)) {
        Ok(()) => StatusCode::ACCEPTED,
        Err(_) => StatusCode::UNAUTHORIZED,
    }
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let (Some(port), Some(secret)) = (arguments.next(), arguments.next()) else {
        anyhow::bail!("usage: signature_only PORT SECRET-FILE");
    };
    let secret = std::fs::read_to_string(secret)?;
    let secrets = WebhookSecrets::new(secret.trim().to_owned().into(), None)?;
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port.parse()?));
    let listener = tokio::net::TcpListener::bind(address).await?;
    let router = Router::new().route("/webhook", post(receive)).with_state(Arc::new(secrets));
    Ok(axum::serve(listener, router).await?)
}
