//! Refusals as GitHub writes them: a status and `{"message", "documentation_url"}`, most with `status`.

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde_json::json;

use crate::engine::time::Timestamp;
use crate::forge::repository;
use crate::github::Error;

/// Milliseconds in a second.
const SECOND: u128 = 1000;

/// Why a request over HTTP has no good answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) status: StatusCode,
    pub(crate) message: String,
    /// Seconds to wait, where the API's limits refuse.
    pub(crate) retry_after: Option<u64>,
}

/// What a handler gives.
pub(crate) type Answer<T = Response> = Result<T, Failure>;

impl Failure {
    pub(crate) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), retry_after: None }
    }

    pub(crate) fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "Not Found")
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, message)
    }

    /// The world's error; conflicts answer with `conflict`, which differs from one call to the other.
    pub(crate) fn of(error: Error, conflict: StatusCode, now: Timestamp) -> Self {
        match error {
            Error::Missing { .. } => Self::not_found(),
            Error::Unauthorized { message } => Self::new(StatusCode::UNAUTHORIZED, message),
            Error::Denied { message } => Self::new(StatusCode::FORBIDDEN, message),
            Error::Conflict { message } => Self::new(conflict, message),
            Error::Invalid { message } => Self::invalid(message),
            Error::RateLimited { until } | Error::OverBudget { until } => {
                let seconds = until.since(now).as_millis().div_ceil(SECOND).max(1);
                Self {
                    retry_after: Some(u64::try_from(seconds).unwrap_or(u64::MAX)),
                    ..Self::new(StatusCode::FORBIDDEN, "You have exceeded a secondary rate limit.")
                }
            }
            Error::Unreachable { message } => Self::new(StatusCode::SERVICE_UNAVAILABLE, message),
            Error::Unexpected { message } => Self::new(StatusCode::INTERNAL_SERVER_ERROR, message),
        }
    }
}

impl From<repository::Error> for Failure {
    fn from(error: repository::Error) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut body = json!({ "message": self.message, "documentation_url": "https://docs.github.com/rest" });
        // GitHub describes what the state or the content forbids without it.
        let by_content = [StatusCode::METHOD_NOT_ALLOWED, StatusCode::CONFLICT, StatusCode::UNPROCESSABLE_ENTITY];
        if !by_content.contains(&self.status) {
            body["status"] = json!(self.status.as_str());
        }
        let mut response = (self.status, Json(body)).into_response();
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}
