//! The App: who it is, where it is installed, and tokens for its installation.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode, Uri};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::forge::http::call::{Call, body_json};
use crate::forge::http::failure::{Answer, Failure};
use crate::forge::http::hub::Hub;
use crate::forge::http::json;
use crate::forge::http::paging::{Query, cut};
use crate::forge::http::token::{Grant, INSTALLATION_TOKEN_LIFE};
use crate::forge::store::KeptToken;
use crate::forge::world::access::{Level, Permissions, Scope};

/// `GET /app`
pub(crate) async fn get(State(hub): State<Arc<Hub>>, headers: HeaderMap) -> Answer<Json<Value>> {
    hub.check_app(&headers)?;
    Ok(Json(hub.look(|world| json::app::app(&hub.place, world))))
}

/// `GET /app/installations`
pub(crate) async fn installations(State(hub): State<Arc<Hub>>, headers: HeaderMap, uri: Uri) -> Answer {
    hub.check_app(&headers)?;
    let query = Query::of(&uri);
    let installation = hub.look(|world| json::app::installation(&hub.place, world));
    let cut = cut(&query, hub.registration.is_installed().then_some(installation));
    Ok(cut.answer(&hub.place.base, &uri, &query, json!(cut.items)))
}

/// `GET /app/installations/{id}`
pub(crate) async fn installation(
    State(hub): State<Arc<Hub>>,
    Path(id): Path<u64>,
    headers: HeaderMap,
) -> Answer<Json<Value>> {
    hub.check_app(&headers)?;
    if id != hub.place.installation_id || !hub.registration.is_installed() {
        return Err(Failure::not_found());
    }
    Ok(Json(hub.look(|world| json::app::installation(&hub.place, world))))
}

/// `GET /repos/{owner}/{repository}/installation`
pub(crate) async fn installation_of_repository(
    State(hub): State<Arc<Hub>>,
    Path((owner, name)): Path<(String, String)>,
    headers: HeaderMap,
) -> Answer<Json<Value>> {
    hub.check_app(&headers)?;
    let is_here = owner.eq_ignore_ascii_case(&hub.place.owner) && name.eq_ignore_ascii_case(&hub.place.name);
    if !is_here || !hub.registration.is_installed() {
        return Err(Failure::not_found());
    }
    Ok(Json(hub.look(|world| json::app::installation(&hub.place, world))))
}

#[derive(Deserialize)]
struct TokenWishes {
    repositories: Option<Vec<String>>,
    repository_ids: Option<Vec<u64>>,
    permissions: Option<BTreeMap<String, String>>,
}

/// `POST /app/installations/{id}/access_tokens`: a token for one hour, narrowed as asked.
pub(crate) async fn create_token(
    State(hub): State<Arc<Hub>>,
    Path(id): Path<u64>,
    headers: HeaderMap,
    body: Bytes,
) -> Answer {
    hub.check_app(&headers)?;
    if id != hub.place.installation_id || !hub.registration.is_installed() {
        return Err(Failure::not_found());
    }
    let wishes: TokenWishes = body_json(&body)?;
    let other_name = |name: &String| !name.eq_ignore_ascii_case(&hub.place.name);
    let other_id = |id: &u64| *id != hub.place.repository_id;
    if wishes.repositories.iter().flatten().any(other_name) || wishes.repository_ids.iter().flatten().any(other_id) {
        return Err(Failure::invalid("There is at least one repository that does not exist or is not accessible."));
    }
    let held = hub.look(|world| world.setup().app_permissions.clone());
    let permissions = narrowed(&held, wishes.permissions)?;
    let now = hub.clock.now();
    let expires_at = now + INSTALLATION_TOKEN_LIFE;
    let actor = hub.look(crate::forge::world::World::app_bot);
    let grant = Grant { actor, permissions: permissions.clone(), expires_at };
    let random = |error: getrandom::Error| Failure::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string());
    let (token, digest) = hub.tokens.mint(grant, now).map_err(random)?;
    let kept = KeptToken { digest, permissions: json!(permissions).to_string(), expires_at };
    hub.store
        .keep_token(&kept, now)
        .await
        .map_err(|error| Failure::new(StatusCode::SERVICE_UNAVAILABLE, error.to_string()))?;
    let body = json!({
        "token": token.expose_secret(),
        "expires_at": json::moment(expires_at),
        "permissions": json::app::permissions(&permissions),
        "repository_selection": "selected",
        "repositories": [hub.look(|world| json::repository::repository(&hub.place, world))],
    });
    Ok((StatusCode::CREATED, Json(body)).into_response())
}

/// The permissions asked for, if the installation has them; reading the repository's own data always comes with them.
fn narrowed(held: &Permissions, wished: Option<BTreeMap<String, String>>) -> Answer<Permissions> {
    let Some(wished) = wished else { return Ok(held.clone()) };
    let mut permissions = Permissions::from([(Scope::Metadata, Level::Read)]);
    for (name, level) in wished {
        let refused = || {
            let message = format!("The permissions requested are not granted to this installation: {name}: {level}");
            Failure::invalid(message)
        };
        let scope: Scope = name.parse().map_err(|_| refused())?;
        let level: Level = level.parse().map_err(|_| refused())?;
        if held.get(&scope).is_none_or(|has| *has < level) {
            return Err(refused());
        }
        permissions.insert(scope, level);
    }
    Ok(permissions)
}

/// `GET /installation/repositories`: what the token it is sent with may see.
pub(crate) async fn repositories(call: Call) -> Answer<Json<Value>> {
    call.may(&[(Scope::Metadata, Level::Read)])?;
    let repository = call.hub.look(|world| json::repository::repository(&call.hub.place, world));
    Ok(Json(json!({ "total_count": 1, "repository_selection": "selected", "repositories": [repository] })))
}

/// `DELETE /installation/token`: ends the token it is sent with.
pub(crate) async fn revoke(State(hub): State<Arc<Hub>>, headers: HeaderMap) -> Response {
    let token = headers.get(http::header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    if let Some((_, token)) = token.and_then(|value| value.split_once(' ')) {
        hub.tokens.revoke(&SecretString::from(token.trim()));
    }
    StatusCode::NO_CONTENT.into_response()
}
