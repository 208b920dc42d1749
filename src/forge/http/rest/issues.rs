//! Issues: list, read, open, change, their label events and what blocks them.

use axum::Json;
use axum::body::Bytes;
use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::Deserialize;
use serde_json::Value;

use crate::engine::id::IssueNumber;
use crate::engine::snapshot::OpenState;
use crate::engine::time::Timestamp;
use crate::forge::http::call::{Call, body_json, plain};
use crate::forge::http::failure::{Answer, Failure};
use crate::forge::http::json;
use crate::forge::world::World;
use crate::forge::world::access::{Level, Scope};
use crate::forge::world::state::IssueEntry;
use crate::github::{Request, Response as Told};

const READ: &[(Scope, Level)] = &[(Scope::Issues, Level::Read), (Scope::PullRequests, Level::Read)];

/// The path of something on one issue.
type OneIssue = Path<(String, String, u64)>;

pub(crate) fn existing(world: &World, number: u64) -> Option<&IssueEntry> {
    world.issue(IssueNumber(number)).filter(|entry| !entry.deleted)
}

/// `GET …/issues`
pub(crate) async fn list(call: Call) -> Answer {
    call.may(READ)?;
    let labels: Vec<&str> = call.query.get("labels").unwrap_or_default().split(',').filter(|l| !l.is_empty()).collect();
    let since = call.query.get("since").and_then(Timestamp::parse);
    let state = call.query.get("state").unwrap_or("open");
    let ascending = call.query.get("direction") == Some("asc");
    let by_update = call.query.get("sort") == Some("updated");
    Ok(call.hub.look(|world| {
        let wanted = |entry: &&IssueEntry| {
            let held = |label: &&str| entry.issue.labels.iter().any(|held| held.eq_ignore_ascii_case(label));
            (state == "all" || state == json::issue::state(entry.issue.state))
                && since.is_none_or(|since| entry.issue.updated_at >= since)
                && labels.iter().all(held)
        };
        let mut found: Vec<&IssueEntry> = world.issues().filter(wanted).collect();
        if by_update {
            found.sort_by_key(|entry| entry.issue.updated_at);
        }
        if !ascending {
            found.reverse();
        }
        call.page(found, |entry| json::issue::issue(&call.hub.place, world, entry), plain)
    }))
}

pub(crate) fn shown(call: &Call, number: u64) -> Answer<Value> {
    call.show(|world| Some(json::issue::issue(&call.hub.place, world, existing(world, number)?)))
}

/// `GET …/issues/{number}`; a deleted one is 410.
pub(crate) async fn get(call: Call, Path((_, _, number)): OneIssue) -> Answer<Json<Value>> {
    call.may(READ)?;
    let deleted = call.hub.look(|world| world.issue(IssueNumber(number)).is_some_and(|entry| entry.deleted));
    if deleted {
        return Err(Failure::new(StatusCode::GONE, "This issue was deleted"));
    }
    shown(&call, number).map(Json)
}

#[derive(Deserialize)]
struct NewIssue {
    title: String,
    body: Option<String>,
    #[serde(default)]
    labels: Vec<LabelName>,
}

/// A label by its name, or as an object that has one.
#[derive(Deserialize)]
#[serde(untagged)]
enum LabelName {
    Name(String),
    Object { name: String },
}

impl LabelName {
    fn name(self) -> String {
        match self {
            Self::Name(name) | Self::Object { name } => name,
        }
    }
}

/// `POST …/issues`
pub(crate) async fn create(call: Call, body: Bytes) -> Answer {
    let wish: NewIssue = body_json(&body)?;
    let labels = wish.labels.into_iter().map(LabelName::name).collect();
    let request = Request::CreateIssue { title: wish.title, body: wish.body.unwrap_or_default(), labels };
    let Told::Issue(issue) = call.send(request, StatusCode::UNPROCESSABLE_ENTITY).await? else {
        return Err(unexpected());
    };
    Ok(created(shown(&call, issue.number.0)?))
}

#[derive(Deserialize)]
struct IssueChange {
    title: Option<String>,
    body: Option<String>,
    state: Option<OpenState>,
    labels: Option<Value>,
}

/// `PATCH …/issues/{number}`
pub(crate) async fn update(call: Call, Path((_, _, number)): OneIssue, body: Bytes) -> Answer<Json<Value>> {
    let change: IssueChange = body_json(&body)?;
    if change.labels.is_some() {
        return Err(Failure::invalid("labels cannot be set here; use the page of the issue"));
    }
    let request = Request::UpdateIssue {
        number: IssueNumber(number),
        title: change.title,
        body: change.body,
        state: change.state,
    };
    call.send(request, StatusCode::UNPROCESSABLE_ENTITY).await?;
    shown(&call, number).map(Json)
}

/// `GET …/issues/{number}/timeline`: labels put on and taken off.
pub(crate) async fn timeline(call: Call, Path((_, _, number)): OneIssue) -> Answer {
    call.may(READ)?;
    call.hub.look(|world| {
        let entry = existing(world, number).ok_or_else(Failure::not_found)?;
        let place = &call.hub.place;
        let item = |(index, event)| json::issue::label_event(place, number, index, event);
        Ok(call.page(entry.label_events.iter().enumerate(), item, plain))
    })
}

/// The world answered with something else than asked for.
pub(crate) fn unexpected() -> Failure {
    Failure::new(StatusCode::INTERNAL_SERVER_ERROR, "the forge gave another kind of answer than asked for")
}

/// 201 with a body.
pub(crate) fn created(body: Value) -> Response {
    (StatusCode::CREATED, Json(body)).into_response()
}
