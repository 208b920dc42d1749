//! The code of a manifest, exchanged for the App.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse as _, Response};
use http::StatusCode;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;

use crate::forge::http::failure::{Answer, Failure};
use crate::forge::http::hub::Hub;
use crate::forge::http::json;
use crate::forge::http::keys::random_hex;
use crate::forge::http::options::WebhookTarget;

/// Random bytes of a webhook secret.
const SECRET_BYTES: usize = 20;

/// `POST /app-manifests/{code}/conversions`: the App's key and a new webhook secret, shown this once.
pub(crate) async fn convert(State(hub): State<Arc<Hub>>, Path(code): Path<String>) -> Answer {
    let manifest = hub.registration.convert(&code, hub.clock.now()).ok_or_else(Failure::not_found)?;
    let random = |error: getrandom::Error| Failure::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string());
    let secret = random_hex(SECRET_BYTES).map_err(random)?;
    let hook = manifest.hook().map(|hook| hook.url.clone());
    let mut body = hub.look(|world| json::app::app(&hub.place, world));
    body["client_secret"] = json!(random_hex(SECRET_BYTES).map_err(random)?);
    body["webhook_secret"] = hook.as_ref().map_or(serde_json::Value::Null, |_| json!(secret));
    body["pem"] = json!(hub.key.private_pem.expose_secret());
    let target = hook.map(|url| WebhookTarget { url, secret: SecretString::from(secret), repeats: false });
    hub.send_webhooks_to(target);
    Ok((StatusCode::CREATED, Json(body)).into_response()) as Answer<Response>
}
