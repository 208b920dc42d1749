//! The repository, its people and the API's limits.

use axum::Json;
use axum::extract::Path;
use serde_json::{Value, json};

use crate::engine::id::Login;
use crate::engine::snapshot::Permission;
use crate::forge::http::call::Call;
use crate::forge::http::failure::{Answer, Failure};
use crate::forge::http::json;
use crate::forge::world::access::{Level, Scope};

const METADATA: &[(Scope, Level)] = &[(Scope::Metadata, Level::Read)];

/// `GET /repos/{owner}/{repository}`
pub(crate) async fn get(call: Call) -> Answer<Json<Value>> {
    call.may(METADATA)?;
    call.show(|world| Some(json::repository::full(&call.hub.place, world))).map(Json)
}

/// `GET /repos/{owner}/{repository}/collaborators/{login}/permission`
pub(crate) async fn permission(call: Call, Path((_, _, login)): Path<(String, String, String)>) -> Answer<Json<Value>> {
    call.may(METADATA)?;
    let key = Login::new(login.to_ascii_lowercase());
    let role = call.hub.look(|world| world.permissions().get(&key).copied()).ok_or_else(Failure::not_found)?;
    let permission = match role {
        Permission::None => "none",
        Permission::Read | Permission::Triage => "read",
        Permission::Write | Permission::Maintain => "write",
        Permission::Admin => "admin",
    };
    let mut user = call.hub.place.account(&login, if login.ends_with("[bot]") { "Bot" } else { "User" });
    user["role_name"] = json!(role.to_string());
    user["permissions"] = json!({
        "admin": role >= Permission::Admin, "maintain": role >= Permission::Maintain,
        "push": role >= Permission::Write, "triage": role >= Permission::Triage, "pull": role >= Permission::Read,
    });
    Ok(Json(json!({ "permission": permission, "role_name": role.to_string(), "user": user })))
}

/// `GET /rate_limit`; 404 where limits are off, as on a server of one's own.
pub(crate) async fn rate_limit(call: Call) -> Answer<Json<Value>> {
    let quota = call.hub.look(|world| world.quota(&call.actor().login, call.hub.clock.now()));
    let quota = quota.ok_or_else(Failure::not_found)?;
    let core = json!({
        "limit": quota.limit, "used": quota.used, "remaining": quota.limit.saturating_sub(quota.used),
        "reset": quota.reset.0.div_euclid(1000),
    });
    Ok(Json(json!({ "resources": { "core": core }, "rate": core })))
}
