//! What administrators have set: read here, changed by the forge's owner alone.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use http::HeaderMap;
use serde_json::{Value, json};

use crate::forge::http::call::{Call, plain};
use crate::forge::http::failure::{Answer, Failure};
use crate::forge::http::hub::Hub;
use crate::forge::http::json::{self, administration};
use crate::forge::world::World;
use crate::forge::world::access::{Level, Scope};
use crate::forge::world::administration::{Administration, Protection};

const ADMINISTRATION: &[(Scope, Level)] = &[(Scope::Administration, Level::Read)];
const CONTENTS: &[(Scope, Level)] = &[(Scope::Contents, Level::Read)];
const METADATA: &[(Scope, Level)] = &[(Scope::Metadata, Level::Read)];
const SECRETS: &[(Scope, Level)] = &[(Scope::Secrets, Level::Read)];

type Named = Path<(String, String, String)>;

fn set(world: &World) -> &Administration {
    &world.setup().administration
}

/// `GET /app/hook/config`
pub(crate) async fn hook(State(hub): State<Arc<Hub>>, headers: HeaderMap) -> Answer<Json<Value>> {
    hub.check_app(&headers)?;
    let told = hub.target().map(|target| target.url);
    let hook = hub.look(|world| set(world).hook.clone());
    let url = hook.url.clone().or(told).ok_or_else(Failure::not_found)?;
    Ok(Json(administration::hook(&hook, &url)))
}

/// `GET …/labels/{name}`
pub(crate) async fn label(call: Call, Path((_, _, name)): Named) -> Answer<Json<Value>> {
    call.may(&[(Scope::Issues, Level::Read), (Scope::PullRequests, Level::Read)])?;
    let carried = |world: &World| world.issues().any(|entry| entry.issue.labels.contains(&name));
    call.show(|world| {
        let is_there = set(world).labels.contains(&name) || carried(world);
        is_there.then(|| json::issue::label(&call.hub.place, &name))
    })
    .map(Json)
}

/// `GET …/rules/branches/{branch}`; the branch need not exist.
pub(crate) async fn rules(call: Call, Path((_, _, branch)): Named) -> Answer {
    call.may(METADATA)?;
    let about = |world: &World| {
        let rules = set(world).rules.iter().filter(|(beginning, _)| branch.starts_with(beginning));
        rules.map(|(_, rule)| rule.clone()).collect::<Vec<_>>()
    };
    let rules = call.hub.look(about);
    Ok(call.page(&rules, |rule| administration::rule(&call.hub.place, rule), plain))
}

/// `GET …/rulesets/{id}`
pub(crate) async fn ruleset(call: Call, Path((_, _, id)): Path<(String, String, u64)>) -> Answer<Json<Value>> {
    call.may(METADATA)?;
    call.show(|world| {
        let is_it = id == administration::RULESET && !set(world).rules.is_empty();
        is_it.then(|| administration::ruleset(&call.hub.place, set(world).may_bypass))
    })
    .map(Json)
}

/// `GET …/branches/{branch}`
pub(crate) async fn branch(call: Call, Path((_, _, name)): Named) -> Answer<Json<Value>> {
    call.may(CONTENTS)?;
    let place = &call.hub.place;
    let head = call.hub.repository.branch(&name).await?.ok_or_else(Failure::not_found)?;
    let facts = call.hub.repository.commit(&head).await?.ok_or_else(Failure::not_found)?;
    let commit = json::commit::repository_commit(place, &facts);
    let told = |world: &World| administration::branch(place, &name, &commit, protection_of(world, &name));
    Ok(Json(call.hub.look(told)))
}

fn protection_of<'w>(world: &'w World, name: &str) -> Option<&'w Protection> {
    set(world).protection.as_ref().filter(|_| world.setup().default_branch == name)
}

/// `GET …/branches/{branch}/protection`
pub(crate) async fn protection(call: Call, Path((_, _, name)): Named) -> Answer<Json<Value>> {
    call.may(ADMINISTRATION)?;
    call.show(|world| {
        let found = protection_of(world, &name)?;
        Some(administration::protection(&call.hub.place, &name, found))
    })
    .map(Json)
}

/// `GET …/actions/workflows/{file}`
pub(crate) async fn workflow(call: Call, Path((_, _, file)): Named) -> Answer<Json<Value>> {
    call.may(&[(Scope::Actions, Level::Read)])?;
    call.show(|world| {
        let facts = world.setup().workflows.get(&file)?;
        let disabled = set(world).disabled_workflows.contains(&file);
        Some(administration::workflow(&call.hub.place, &file, &facts.name, disabled))
    })
    .map(Json)
}

/// `GET …/actions/permissions`
pub(crate) async fn actions(call: Call) -> Answer<Json<Value>> {
    call.may(ADMINISTRATION)?;
    let actions = call.hub.look(|world| set(world).actions.clone());
    let mut told = json!({ "enabled": actions.enabled });
    if actions.enabled {
        told["allowed_actions"] = json!(actions.allowed);
        told["selected_actions_url"] = json!(call.hub.place.api("/actions/permissions/selected-actions"));
    }
    Ok(Json(told))
}

/// `GET …/actions/permissions/workflow`
pub(crate) async fn token_rights(call: Call) -> Answer<Json<Value>> {
    call.may(ADMINISTRATION)?;
    let opens = call.hub.look(|world| set(world).actions.opens_pull_requests);
    Ok(Json(json!({ "default_workflow_permissions": "read", "can_approve_pull_request_reviews": opens })))
}

/// `GET …/actions/permissions/selected-actions`
pub(crate) async fn selected_actions(call: Call) -> Answer<Json<Value>> {
    call.may(ADMINISTRATION)?;
    let actions = call.hub.look(|world| set(world).actions.clone());
    if actions.allowed != "selected" {
        return Err(Failure::new(http::StatusCode::CONFLICT, "All actions are allowed"));
    }
    Ok(Json(json!({
        "github_owned_allowed": actions.github_owned, "verified_allowed": false, "patterns_allowed": actions.patterns,
    })))
}

/// `GET …/actions/secrets`
pub(crate) async fn secrets(call: Call) -> Answer<Json<Value>> {
    call.may(SECRETS)?;
    Ok(Json(call.hub.look(|world| administration::secrets(&set(world).secrets))))
}

/// `GET …/actions/organization-secrets`; the owner is a person, who has none.
pub(crate) async fn organization_secrets(call: Call) -> Answer<Json<Value>> {
    call.may(SECRETS)?;
    Ok(Json(administration::secrets([])))
}

/// `GET …/environments/{environment}/secrets`
pub(crate) async fn environment_secrets(call: Call, Path((_, _, name)): Named) -> Answer<Json<Value>> {
    call.may(&[(Scope::Environments, Level::Read)])?;
    call.show(|world| set(world).environment_secrets.get(&name).map(administration::secrets)).map(Json)
}

/// `GET …/actions/variables`
pub(crate) async fn variables(call: Call) -> Answer<Json<Value>> {
    call.may(&[(Scope::Variables, Level::Read)])?;
    Ok(Json(call.hub.look(|world| administration::variables(&set(world).variables))))
}
