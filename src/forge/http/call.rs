//! One authenticated API call: its grant, query and way to the world.

use std::sync::Arc;

use axum::extract::{FromRequestParts, RawPathParams};
use http::request::Parts;
use http::{HeaderMap, StatusCode, Uri};
use serde_json::Value;

use crate::engine::snapshot::Actor;
use crate::forge::http::failure::{Answer, Failure};
use crate::forge::http::hub::Hub;
use crate::forge::http::paging::{Query, cut};
use crate::forge::http::token::Grant;
use crate::forge::world::World;
use crate::forge::world::access::{Level, Scope, needed};
use crate::forge::world::request::Request;
use crate::github;
use crate::github::Response;

/// An API call on the repository by somebody whose token was accepted.
pub(crate) struct Call {
    pub(crate) hub: Arc<Hub>,
    pub(crate) grant: Grant,
    pub(crate) query: Query,
    pub(crate) headers: HeaderMap,
    uri: Uri,
}

impl FromRequestParts<Arc<Hub>> for Call {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, hub: &Arc<Hub>) -> Result<Self, Failure> {
        let grant = parts.extensions.get::<Grant>().cloned();
        let grant = grant.ok_or_else(|| Failure::new(StatusCode::UNAUTHORIZED, "Requires authentication"))?;
        let path = RawPathParams::from_request_parts(parts, hub).await.map_err(|_| Failure::not_found())?;
        for (name, value) in &path {
            let right = match name {
                "owner" => value.eq_ignore_ascii_case(&hub.place.owner),
                "repository" => value.eq_ignore_ascii_case(&hub.place.name),
                _ => true,
            };
            if !right {
                return Err(Failure::not_found());
            }
        }
        Ok(Self {
            hub: Arc::clone(hub),
            grant,
            query: Query::of(&parts.uri),
            headers: parts.headers.clone(),
            uri: parts.uri.clone(),
        })
    }
}

impl Call {
    /// Checks and counts a read: any one of these permissions suffices.
    pub(crate) fn may(&self, any_of: &[(Scope, Level)]) -> Result<(), Failure> {
        self.hub.may(&self.grant, any_of)
    }

    /// Who acts.
    pub(crate) fn actor(&self) -> Actor {
        self.grant.actor.clone()
    }

    /// Sends a write to the world; a conflict answers with that status.
    pub(crate) async fn send(&self, request: github::Request, conflict: StatusCode) -> Answer<Response> {
        let denied = || Failure::new(StatusCode::FORBIDDEN, "Resource not accessible by integration");
        if !crate::forge::world::access::allows(&self.grant.permissions, needed(&request)) {
            return Err(denied());
        }
        let request = Request::Api { actor: self.actor(), request, git: None };
        self.hub.apply(request).await.map_err(|error| Failure::of(error, conflict, self.hub.clock.now()))
    }

    /// Builds an answer from the world; nothing there is 404.
    pub(crate) fn show(&self, show: impl FnOnce(&World) -> Option<Value>) -> Answer<Value> {
        self.hub.look(show).ok_or_else(Failure::not_found)
    }

    /// One page of a list, each item built only if it stands on the page; `wrap` puts the page into its answer.
    pub(crate) fn page<T>(
        &self,
        all: impl IntoIterator<Item = T>,
        item: impl Fn(T) -> Value,
        wrap: impl FnOnce(usize, Vec<Value>) -> Value,
    ) -> axum::response::Response {
        let mut cut = cut(&self.query, all);
        let items = std::mem::take(&mut cut.items).into_iter().map(item).collect();
        let body = wrap(cut.total, items);
        // The router has taken the repository's own part off the path.
        cut.answer(&self.hub.place.api(""), &self.uri, &self.query, body)
    }
}

/// The items of a list as the answer itself.
pub(crate) fn plain(_total: usize, items: Vec<Value>) -> Value {
    Value::Array(items)
}

/// Reads a body as JSON, whatever its content type says.
pub(crate) fn body_json<T: serde::de::DeserializeOwned>(body: &[u8]) -> Answer<T> {
    let text = if body.is_empty() { b"{}" } else { body };
    serde_json::from_slice(text).map_err(|error| {
        let status = if error.is_data() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::BAD_REQUEST };
        Failure::new(status, format!("Problems parsing JSON: {error}"))
    })
}
