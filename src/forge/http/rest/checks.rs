//! Check runs and commit statuses.

use axum::Json;
use axum::body::Bytes;
use axum::extract::Path;
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::engine::id::{CheckRunId, Sha};
use crate::engine::snapshot::Conclusion;
use crate::forge::http::call::{Call, body_json};
use crate::forge::http::failure::{Answer, Failure};
use crate::forge::http::json;
use crate::forge::http::rest::issues::created;
use crate::forge::repository::is_sha;
use crate::forge::world::access::{Level, Scope};
use crate::forge::world::request::{CheckAct, Request};

const READ: &[(Scope, Level)] = &[(Scope::Checks, Level::Read)];
const WRITE: &[(Scope, Level)] = &[(Scope::Checks, Level::Write)];

async fn commit_of(call: &Call, reference: &str) -> Answer<Sha> {
    let missing = || Failure::invalid(format!("No commit found for SHA: {reference}"));
    call.hub.repository.resolve(reference).await?.ok_or_else(missing)
}

/// `GET …/commits/{sha}/check-runs`
pub(crate) async fn of_commit(call: Call, Path((_, _, name)): Path<(String, String, String)>) -> Answer {
    call.may(READ)?;
    let sha = commit_of(&call, &name).await?;
    let wanted = call.query.get("check_name");
    Ok(call.hub.look(|world| {
        let found = world.checks_of(&sha).filter(|entry| wanted.is_none_or(|name| entry.check.name == name));
        let wrap = |total, items| json!({ "total_count": total, "check_runs": Value::Array(items) });
        call.page(found, |entry| json::check::check_run(&call.hub.place, entry), wrap)
    }))
}

/// `GET …/commits/{sha}/status`
pub(crate) async fn status_of_commit(
    call: Call,
    Path((_, _, name)): Path<(String, String, String)>,
) -> Answer<Json<Value>> {
    call.may(&[(Scope::Statuses, Level::Read)])?;
    let sha = commit_of(&call, &name).await?;
    call.show(|world| Some(json::check::combined_status(&call.hub.place, world, &sha))).map(Json)
}

fn shown(call: &Call, sha: &Sha, name: &str, app: &str) -> Answer<Value> {
    call.show(|world| {
        let found = world.checks_of(sha).filter(|entry| entry.check.name == name && entry.check.app == app);
        found.last().map(|entry| json::check::check_run(&call.hub.place, entry))
    })
}

/// `GET …/check-runs/{id}`
pub(crate) async fn get(call: Call, Path((_, _, id)): Path<(String, String, u64)>) -> Answer<Json<Value>> {
    call.may(READ)?;
    call.show(|world| Some(json::check::check_run(&call.hub.place, world.check(CheckRunId(id))?))).map(Json)
}

#[derive(Default, Deserialize)]
struct CheckWish {
    name: Option<String>,
    head_sha: Option<String>,
    status: Option<String>,
    conclusion: Option<String>,
    output: Option<Output>,
}

#[derive(Default, Deserialize)]
struct Output {
    #[serde(default)]
    summary: String,
    text: Option<String>,
}

async fn tell(call: &Call, sha: Sha, name: String, wish: CheckWish) -> Answer<Value> {
    let app = call.hub.place.app_slug.clone();
    let output = wish.output.unwrap_or_default();
    let act = match (wish.conclusion, wish.status.as_deref()) {
        (None, Some("completed")) => {
            return Err(Failure::invalid("Validation Failed: a completed check run has a conclusion"));
        }
        (None, _) => CheckAct::Started { sha: sha.clone(), name: name.clone(), app: app.clone() },
        (Some(word), _) => {
            let conclusion: Conclusion =
                word.parse().map_err(|_| Failure::invalid(format!("Validation Failed: conclusion `{word}`")))?;
            CheckAct::Ended {
                sha: sha.clone(),
                name: name.clone(),
                app: app.clone(),
                conclusion,
                summary: output.summary,
                log: output.text.unwrap_or_default(),
            }
        }
    };
    let now = call.hub.clock.now();
    let refused = |error| Failure::of(error, StatusCode::UNPROCESSABLE_ENTITY, now);
    call.hub.apply(Request::Check(act)).await.map_err(refused)?;
    shown(call, &sha, &name, &app)
}

/// `POST …/check-runs`
pub(crate) async fn create(call: Call, body: Bytes) -> Answer {
    call.may(WRITE)?;
    let wish: CheckWish = body_json(&body)?;
    let (Some(name), Some(sha)) = (wish.name.clone(), wish.head_sha.clone().filter(|sha| is_sha(sha))) else {
        return Err(Failure::invalid("Invalid request: \"name\" and \"head_sha\" weren't supplied."));
    };
    let sha = commit_of(&call, &sha).await?;
    Ok(created(tell(&call, sha, name, wish).await?))
}

/// `PATCH …/check-runs/{id}`; another App's is 404.
pub(crate) async fn update(
    call: Call,
    Path((_, _, id)): Path<(String, String, u64)>,
    body: Bytes,
) -> Answer<Json<Value>> {
    call.may(WRITE)?;
    let wish: CheckWish = body_json(&body)?;
    let known = call.hub.look(|world| {
        let entry = world.check(CheckRunId(id)).filter(|entry| entry.check.app == call.hub.place.app_slug)?;
        Some((entry.sha.clone(), entry.check.name.clone()))
    });
    let (sha, name) = known.ok_or_else(Failure::not_found)?;
    tell(&call, sha, name, wish).await.map(Json)
}
