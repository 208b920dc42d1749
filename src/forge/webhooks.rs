//! Sends webhooks in the order they happened, signed as GitHub signs them. One that is not taken is tried again where
//! the target wants that, because a forge and its receiver start and stop together; else it is tried once, as GitHub
//! does.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use http::{Request, header};
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;
use tokio_util::sync::CancellationToken;

use crate::forge::http::hub::Hub;
use crate::forge::http::options::WebhookTarget;
use crate::forge::store::Delivery;

/// How long the receiver may take.
const ANSWER_WAIT: Duration = Duration::from_secs(10);
/// First pause after a try in vain; doubles.
const PAUSE_FIRST: Duration = Duration::from_millis(50);
/// Longest pause.
const PAUSE_MAX: Duration = Duration::from_secs(5);
/// Tries of a webhook that the receiver answers with a refusal (4xx); then it is given up.
const REFUSALS_MAX: i64 = 10;
/// Largest body that is sent, as GitHub's limit.
const BODY_BYTES_MAX: usize = 25 * 1024 * 1024;

/// How a delivery went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sent {
    Taken,
    Refused(u16),
    Lost,
}

/// The value of `X-Hub-Signature-256` for a body.
pub(crate) fn signature(secret: &SecretString, body: &[u8]) -> Option<String> {
    let mut signer = Hmac::<Sha256>::new_from_slice(secret.expose_secret().as_bytes()).ok()?;
    signer.update(body);
    Some(format!("sha256={}", hex::encode(signer.finalize().into_bytes())))
}

/// Sends until stopped.
pub(crate) async fn send_all(hub: Arc<Hub>, stop: CancellationToken) {
    let client: Client<HttpConnector, Full<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
    let mut in_vain: u32 = 0;
    loop {
        let woken = hub.to_deliver.notified();
        let pause = match deliver_next(&hub, &client).await {
            Next::Done => {
                in_vain = 0;
                continue_unless(&stop)
            }
            Next::Empty => None,
            Next::Again => {
                in_vain = in_vain.saturating_add(1);
                Some(PAUSE_FIRST.saturating_mul(1 << in_vain.min(10)).min(PAUSE_MAX))
            }
        };
        let wait = async {
            match pause {
                Some(pause) => tokio::time::sleep(pause).await,
                None => woken.await,
            }
        };
        tokio::select! {
            () = stop.cancelled() => return,
            () = wait => {}
        }
    }
}

fn continue_unless(stop: &CancellationToken) -> Option<Duration> {
    (!stop.is_cancelled()).then_some(Duration::ZERO)
}

enum Next {
    Done,
    Empty,
    Again,
}

async fn deliver_next(hub: &Hub, client: &Client<HttpConnector, Full<Bytes>>) -> Next {
    let Some(target) = hub.target() else { return Next::Empty };
    let faults = hub.faults();
    let passed_over = faults.as_ref().map_or(0, |faults| faults.passed_over());
    let delivery = match hub.store.next_delivery(passed_over).await {
        Ok(Some(delivery)) => delivery,
        Ok(None) => return Next::Empty,
        Err(error) => {
            tracing::error!(%error, "webhooks cannot be read");
            return Next::Again;
        }
    };
    let copies = faults.map_or(1, |faults| faults.copies());
    let mut sent = Sent::Lost;
    for _ in 0..copies {
        sent = send(hub, client, &target, &delivery).await;
    }
    if !target.repeats {
        return note_attempt(hub, &delivery, sent).await;
    }
    let over = match sent {
        Sent::Taken => true,
        Sent::Refused(status) if delivery.attempts + 1 >= REFUSALS_MAX => {
            tracing::warn!(status, event = delivery.event, "a webhook was refused too often and is given up");
            true
        }
        Sent::Refused(_) | Sent::Lost => false,
    };
    let noted =
        if over { hub.store.delivery_over(delivery.id).await } else { hub.store.delivery_failed(delivery.id).await };
    match noted {
        Ok(()) if over => Next::Done,
        Ok(()) => Next::Again,
        Err(error) => {
            tracing::error!(%error, "a webhook's fate cannot be kept");
            Next::Again
        }
    }
}

/// Keeps what became of a webhook that is tried once.
async fn note_attempt(hub: &Hub, delivery: &Delivery, sent: Sent) -> Next {
    let status = match sent {
        Sent::Taken => 200,
        Sent::Refused(status) => status,
        Sent::Lost => 0,
    };
    match hub.store.attempted(delivery, status, hub.clock.now()).await {
        Ok(()) => Next::Done,
        Err(error) => {
            tracing::error!(%error, "a webhook's fate cannot be kept");
            Next::Again
        }
    }
}

async fn send(
    hub: &Hub,
    client: &Client<HttpConnector, Full<Bytes>>,
    target: &WebhookTarget,
    delivery: &Delivery,
) -> Sent {
    if delivery.payload.len() > BODY_BYTES_MAX {
        tracing::warn!(event = delivery.event, "a webhook larger than 25 MB is not sent");
        return Sent::Taken;
    }
    let Some(signature) = signature(&target.secret, delivery.payload.as_bytes()) else { return Sent::Lost };
    let request = Request::post(&target.url)
        .header(header::CONTENT_TYPE, "application/json")
        .header(header::USER_AGENT, "GitHub-Hookshot/forge")
        .header("X-GitHub-Event", &delivery.event)
        .header("X-GitHub-Delivery", &delivery.guid)
        .header("X-GitHub-Hook-ID", "1")
        .header("X-GitHub-Hook-Installation-Target-ID", hub.place.app_id)
        .header("X-GitHub-Hook-Installation-Target-Type", "integration")
        .header("X-Hub-Signature-256", signature)
        .body(Full::new(Bytes::from(delivery.payload.clone())));
    let request = match request {
        Ok(request) => request,
        Err(error) => {
            tracing::error!(%error, "the webhook address cannot be used");
            return Sent::Lost;
        }
    };
    match tokio::time::timeout(ANSWER_WAIT, client.request(request)).await {
        Ok(Ok(response)) if response.status().is_success() => Sent::Taken,
        Ok(Ok(response)) if response.status().is_client_error() => Sent::Refused(response.status().as_u16()),
        Ok(Ok(_) | Err(_)) | Err(_) => Sent::Lost,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_githubs() {
        // The example that GitHub's documentation gives for checking signatures.
        let secret = SecretString::from("It's a Secret to Everybody");
        assert_eq!(
            signature(&secret, b"Hello, World!").as_deref(),
            Some("sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17")
        );
    }
}
