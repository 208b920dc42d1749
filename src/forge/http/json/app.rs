//! The App and its installation.

use serde_json::{Map, Value, json};

use crate::forge::http::json::{Place, node_id, repository};
use crate::forge::world::World;
use crate::forge::world::access::Permissions;

const BEGUN: &str = "2026-01-01T00:00:00Z";

/// Permissions as GitHub names them.
pub(crate) fn permissions(held: &Permissions) -> Value {
    let fields: Map<String, Value> =
        held.iter().map(|(scope, level)| (scope.to_string(), json!(level.to_string()))).collect();
    Value::Object(fields)
}

/// The App as `GET /app` tells it.
pub(crate) fn app(place: &Place, world: &World) -> Value {
    let set = &world.setup().administration;
    json!({
        "id": place.app_id,
        "slug": place.app_slug,
        "client_id": format!("Iv1.{}", place.app_id),
        "node_id": node_id("App", place.app_id),
        "owner": place.account(&place.owner, "User"),
        "name": place.app_slug,
        "description": null,
        "external_url": place.base,
        "html_url": format!("{}/apps/{}", place.base, place.app_slug),
        "created_at": BEGUN,
        "updated_at": BEGUN,
        "permissions": permissions(set.registered.as_ref().unwrap_or(&world.setup().app_permissions)),
        "events": set.events,
        "installations_count": 1,
    })
}

/// The installation on the one repository.
pub(crate) fn installation(place: &Place, world: &World) -> Value {
    let id = place.installation_id;
    let api = format!("{}/app/installations/{id}", place.base);
    let set = &world.setup().administration;
    let by = if set.suspended { place.account(&place.owner, "User") } else { Value::Null };
    let since = if set.suspended { json!(BEGUN) } else { Value::Null };
    json!({
        "id": id,
        "account": place.account(&place.owner, "User"),
        "repository_selection": "selected",
        "access_tokens_url": format!("{api}/access_tokens"),
        "repositories_url": format!("{}/installation/repositories", place.base),
        "html_url": format!("{}/settings/installations/{id}", place.base),
        "app_id": place.app_id,
        "app_slug": place.app_slug,
        "target_id": place.repository_id,
        "target_type": "User",
        "permissions": permissions(&world.setup().app_permissions),
        "events": set.events,
        "created_at": BEGUN,
        "updated_at": BEGUN,
        "single_file_name": null,
        "has_multiple_single_files": false,
        "single_file_paths": [],
        "suspended_by": by,
        "suspended_at": since,
    })
}

/// What the App is told when somebody has installed it.
pub(crate) fn installed(place: &Place, world: &World) -> Value {
    let repository = repository::repository(place, world);
    let kept = ["id", "node_id", "name", "full_name", "private"];
    let brief: Map<String, Value> = kept.iter().map(|key| ((*key).to_owned(), repository[*key].clone())).collect();
    json!({
        "action": "created",
        "installation": installation(place, world),
        "repositories": [brief],
        "requester": null,
        "sender": place.account(world.setup().owner.as_str(), "User"),
    })
}
