//! Receiving webhooks: verify over the raw bytes, read, keep, answer. The work comes later, from what was kept.
//!
//! A body is never logged. What is not signed with our secret is not even read as JSON.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde_json::json;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::engine::id::RepositoryName;
use crate::github::webhook::{BODY_BYTES_MAX, Parsed, PayloadError, Signature, SignatureError, WebhookSecrets, parse};
use crate::server::connector::Connector;
use crate::server::delivery;
use crate::server::gather::Gather;
use crate::server::health::failure_id;
use crate::server::loops::Loops;
use crate::store::{Delivery, Store};

/// Most bodies are no longer: what is set aside for one before it has come.
const BODY_BYTES_USUAL: usize = 16 * 1024;
/// A body of more bytes is a large one; so is one that does not tell its length. Most of GitHub's are far smaller.
const SMALL_BODY_BYTES_MAX: usize = 1024 * 1024;
/// Most bytes of small bodies held in memory at the same time.
const SMALL_BODIES_BYTES_MAX: usize = 14 * 1024 * 1024;
/// The same for large ones: two of the longest.
const LARGE_BODIES_BYTES_MAX: usize = 2 * BODY_BYTES_MAX;
/// How long a body may take to arrive, and to wait for room; GitHub gives up after ten seconds.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest GUID or event name; GitHub's are far shorter.
const HEADER_BYTES_MAX: usize = 128;

/// What receives.
pub(super) struct Intake<C: Connector> {
    loops: Arc<Loops<C>>,
    gather: Gather,
    secrets: WebhookSecrets,
    rooms: Rooms,
}

/// What bodies may take of the memory while they are read: one permit for each byte that has arrived. Large bodies have
/// a room of their own, so that however slow they are, they never keep small ones waiting.
struct Rooms {
    small: Semaphore,
    large: Semaphore,
}

impl Rooms {
    fn new() -> Self {
        Self { small: Semaphore::new(SMALL_BODIES_BYTES_MAX), large: Semaphore::new(LARGE_BODIES_BYTES_MAX) }
    }

    /// The room for a body that may become so long.
    fn of(&self, most: usize) -> &Semaphore {
        if most <= SMALL_BODY_BYTES_MAX { &self.small } else { &self.large }
    }
}

impl<C: Connector> Intake<C> {
    /// Receives for these loops what these secrets signed.
    pub(super) fn new(loops: Arc<Loops<C>>, secrets: WebhookSecrets) -> Arc<Self> {
        Arc::new(Self { gather: Gather::start(&loops), loops, secrets, rooms: Rooms::new() })
    }

    pub(super) fn loops(&self) -> &Arc<Loops<C>> {
        &self.loops
    }
}

/// Why a request is not taken.
struct Refusal(StatusCode, String);

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.0, Json(json!({"error": self.1}))).into_response()
    }
}

/// `POST /webhook`.
pub(super) async fn receive<C: Connector>(State(intake): State<Arc<Intake<C>>>, request: Request) -> Response {
    match take(&intake, request).await {
        Ok(answer) => answer,
        Err(refusal) => {
            tracing::warn!(status = refusal.0.as_u16(), reason = refusal.1, "a webhook was refused");
            refusal.into_response()
        }
    }
}

async fn take<C: Connector>(intake: &Intake<C>, request: Request) -> Result<Response, Refusal> {
    let (parts, body) = request.into_parts();
    let unsigned = |error: SignatureError| Refusal(StatusCode::UNAUTHORIZED, error.to_string());
    // Without the form of a signature no body is worth its memory.
    let signature = Signature::read(text(&parts.headers, "x-hub-signature-256")).map_err(unsigned)?;
    let (bytes, room) = read(intake, &parts.headers, body).await?;
    intake.secrets.verify(signature, &bytes).map_err(unsigned)?;
    let event = named(&parts.headers, "x-github-event")?;
    let guid = named(&parts.headers, "x-github-delivery")?;
    if event == "ping" {
        return Ok((StatusCode::OK, Json(json!({"pong": true}))).into_response());
    }
    let is_form = text(&parts.headers, header::CONTENT_TYPE.as_str()).is_some_and(|kind| kind.contains("form"));
    let parsed = if is_form { Err(PayloadError::Form) } else { parse(event, &bytes) };
    let (kept, named) = match parsed {
        Ok(Parsed::Delivery(heard)) if delivery::is_own_act(&heard) => {
            return Ok(accepted(json!({"ignored": "what we did ourselves"})));
        }
        Ok(Parsed::Delivery(mut heard)) => {
            let named = std::mem::take(&mut heard.repositories);
            (delivery::kept(guid, *heard, intake.loops.now()), named)
        }
        Ok(Parsed::Ignored { reason }) => return Ok(accepted(json!({"ignored": reason}))),
        Err(error @ PayloadError::Form) => return Err(Refusal(StatusCode::UNSUPPORTED_MEDIA_TYPE, error.to_string())),
        Err(error @ PayloadError::TooLong) => return Err(Refusal(StatusCode::PAYLOAD_TOO_LARGE, error.to_string())),
        Err(error @ PayloadError::Malformed { .. }) => {
            tracing::error!(guid, event, %error, "a signed delivery cannot be read; its beginning is kept");
            (delivery::unreadable(guid, event, &bytes, intake.loops.now()), Vec::new())
        }
    };
    drop((bytes, room));
    keep(intake, kept, &named).await
}

/// Keeps a delivery and wakes who is to work it. Only then is it answered. `named`: the repositories an installation
/// gained or lost, which connect anew if that is news.
async fn keep<C: Connector>(intake: &Intake<C>, kept: Delivery, named: &[RepositoryName]) -> Result<Response, Refusal> {
    let is_new = match intake.gather.keep(kept.clone()).await {
        Ok(is_new) => is_new,
        Err(error) => {
            let failure = failure_id();
            tracing::error!(failure, guid = kept.guid, %error, "a delivery could not be kept");
            let told = format!("the delivery could not be kept (failure {failure}); deliver it again later");
            return Err(Refusal(StatusCode::SERVICE_UNAVAILABLE, told));
        }
    };
    tracing::debug!(guid = kept.guid, event = kept.event, is_new, "a delivery was kept");
    if is_new && kept.event.starts_with("installation") {
        intake.loops.installations_changed(named);
    }
    match &kept.repository {
        Some(repository) => intake.loops.wake(repository),
        None => {
            // Nobody's turn: there is nothing to read, or what there is to know is looked up at once and at each start.
            if let Err(error) = intake.loops.store().worked(std::slice::from_ref(&kept.guid)).await {
                tracing::warn!(guid = kept.guid, %error, "a delivery could not be marked as worked");
            }
        }
    }
    let word = if is_new { "kept" } else { "known" };
    Ok(accepted(json!({word: true})))
}

fn accepted(answer: serde_json::Value) -> Response {
    (StatusCode::ACCEPTED, Json(answer)).into_response()
}

/// The body's bytes, bounded in length and time, and the room they take of what all bodies share.
async fn read<'i, C: Connector>(
    intake: &'i Intake<C>,
    headers: &HeaderMap,
    body: Body,
) -> Result<(Vec<u8>, SemaphorePermit<'i>), Refusal> {
    let too_long = || Refusal(StatusCode::PAYLOAD_TOO_LARGE, PayloadError::TooLong.to_string());
    let told: Option<usize> = text(headers, header::CONTENT_LENGTH.as_str()).and_then(|length| length.parse().ok());
    if told.is_some_and(|length| length > BODY_BYTES_MAX) {
        return Err(too_long());
    }
    let most = told.unwrap_or(BODY_BYTES_MAX);
    let reading = collect(intake.rooms.of(most), Limited::new(body, most));
    match tokio::time::timeout(BODY_TIMEOUT, reading).await {
        Ok(Ok(read)) => Ok(read),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_long()),
        Ok(Err(_)) => Err(Refusal(StatusCode::BAD_REQUEST, "the body broke off".to_owned())),
        Err(_) => Err(Refusal(StatusCode::REQUEST_TIMEOUT, "the body took too long".to_owned())),
    }
}

/// The body's bytes, each of which takes its room once it has come: who sends nothing takes none.
async fn collect(
    room: &Semaphore,
    mut body: Limited<Body>,
) -> Result<(Vec<u8>, SemaphorePermit<'_>), Box<dyn std::error::Error + Send + Sync>> {
    // Nobody closes the semaphore: who does has no room for bodies.
    let mut taken = room.acquire_many(0).await?;
    let mut bytes = Vec::with_capacity(BODY_BYTES_USUAL);
    while let Some(frame) = body.frame().await {
        if let Ok(part) = frame?.into_data() {
            taken.merge(room.acquire_many(u32::try_from(part.len())?).await?);
            bytes.extend_from_slice(&part);
        }
    }
    Ok((bytes, taken))
}

fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

fn named<'h>(headers: &'h HeaderMap, name: &str) -> Result<&'h str, Refusal> {
    let found = text(headers, name).filter(|value| !value.is_empty() && value.len() <= HEADER_BYTES_MAX);
    found.ok_or_else(|| Refusal(StatusCode::BAD_REQUEST, format!("the header `{name}` is missing or too long")))
}
