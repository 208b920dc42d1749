//! The App's webhooks: what became of them, and once more.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use serde_json::{Value, json};

use crate::forge::http::failure::{Answer, Failure};
use crate::forge::http::hub::Hub;
use crate::forge::http::json;
use crate::forge::http::paging::Query;
use crate::forge::store::PastDelivery;

/// Items on a page where the caller does not say, and at most.
const PER_PAGE: (u32, u32) = (30, 100);

/// `GET /app/hook/deliveries`: newest first, page by page under a cursor.
pub(crate) async fn list(State(hub): State<Arc<Hub>>, headers: HeaderMap, uri: Uri) -> Answer {
    hub.check_app(&headers)?;
    let query = Query::of(&uri);
    let number = |name: &str| query.get(name).and_then(|value| value.parse::<i64>().ok());
    let per_page = number("per_page").and_then(|value| u32::try_from(value).ok()).unwrap_or(PER_PAGE.0);
    let per_page = per_page.clamp(1, PER_PAGE.1);
    let past = hub.store.past_deliveries(number("cursor"), per_page).await;
    let past = past.map_err(|error| Failure::new(StatusCode::SERVICE_UNAVAILABLE, error.to_string()))?;
    let next = past.last().filter(|_| past.len() >= per_page as usize).map(|last| last.id);
    let items: Vec<Value> = past.iter().map(|past| item(&hub, past)).collect();
    let mut response = Json(items).into_response();
    let link = next.map(|id| {
        let base = &hub.place.base;
        format!("<{base}/app/hook/deliveries?per_page={per_page}&cursor={id}>; rel=\"next\"")
    });
    if let Some(link) = link.and_then(|link| HeaderValue::from_str(&link).ok()) {
        response.headers_mut().insert(header::LINK, link);
    }
    Ok(response)
}

/// `POST /app/hook/deliveries/{id}/attempts`
pub(crate) async fn again(State(hub): State<Arc<Hub>>, Path(id): Path<i64>, headers: HeaderMap) -> Answer {
    hub.check_app(&headers)?;
    let queued = hub.store.attempt_again(id).await;
    if !queued.map_err(|error| Failure::new(StatusCode::SERVICE_UNAVAILABLE, error.to_string()))? {
        return Err(Failure::not_found());
    }
    hub.to_deliver.notify_one();
    Ok((StatusCode::ACCEPTED, Json(json!({}))).into_response()) as Answer<Response>
}

fn item(hub: &Hub, past: &PastDelivery) -> Value {
    let status = match past.status {
        0 => "failed to connect to host",
        200..=299 => "OK",
        _ => "Invalid HTTP Response",
    };
    json!({
        "id": past.id, "guid": past.guid, "delivered_at": json::moment(past.at), "redelivery": false, "duration": 0.1,
        "status": status, "status_code": past.status, "event": past.event, "action": null,
        "installation_id": hub.place.installation_id, "repository_id": hub.place.repository_id, "throttled_at": null,
    })
}
