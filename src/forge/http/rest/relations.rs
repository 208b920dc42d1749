//! Native relations between issues: what blocks one, and its sub-issues.

use axum::Json;
use axum::body::Bytes;
use axum::extract::Path;
use http::StatusCode;
use serde::Deserialize;
use serde_json::Value;

use crate::engine::id::IssueNumber;
use crate::forge::http::call::{Call, body_json, plain};
use crate::forge::http::failure::{Answer, Failure};
use crate::forge::http::json;
use crate::forge::http::rest::issues::{created, existing, shown};
use crate::forge::world::access::{Level, Scope};
use crate::forge::world::state::IssueEntry;
use crate::github::Request;

const READ: &[(Scope, Level)] = &[(Scope::Issues, Level::Read)];

type OneIssue = Path<(String, String, u64)>;

/// `GET …/issues/{number}/dependencies/blocked_by`
pub(crate) async fn blocked_by(call: Call, Path((_, _, number)): OneIssue) -> Answer {
    related(&call, number, |entry| entry.blocked_by.iter().copied().collect())
}

/// `GET …/issues/{number}/sub_issues`
pub(crate) async fn sub_issues(call: Call, Path((_, _, number)): OneIssue) -> Answer {
    related(&call, number, |entry| entry.sub_issues.iter().copied().collect())
}

fn related(call: &Call, number: u64, of: impl Fn(&IssueEntry) -> Vec<IssueNumber>) -> Answer {
    call.may(READ)?;
    call.hub.look(|world| {
        let entry = existing(world, number).ok_or_else(Failure::not_found)?;
        let others = of(entry).into_iter().filter_map(|other| existing(world, other.0));
        Ok(call.page(others, |other| json::issue::issue(&call.hub.place, world, other), plain))
    })
}

#[derive(Deserialize)]
struct Blocker {
    issue_id: u64,
}

/// `POST …/issues/{number}/dependencies/blocked_by`
pub(crate) async fn block(call: Call, Path((_, _, number)): OneIssue, body: Bytes) -> Answer {
    let blocker: Blocker = body_json(&body)?;
    let by = numbered(&call, blocker.issue_id)?;
    let known = |entry: &IssueEntry| entry.blocked_by.contains(&by);
    if call.hub.look(|world| existing(world, number).is_some_and(known)) {
        return Err(Failure::invalid("Validation Failed: this dependency already exists"));
    }
    call.send(Request::Relate { number: IssueNumber(number), by, blocked: true }, StatusCode::CONFLICT).await?;
    shown(&call, number).map(created)
}

/// `DELETE …/issues/{number}/dependencies/blocked_by/{id}`
pub(crate) async fn unblock(
    call: Call,
    Path((_, _, number, id)): Path<(String, String, u64, u64)>,
) -> Answer<Json<Value>> {
    let by = numbered(&call, id)?;
    let known = |entry: &IssueEntry| entry.blocked_by.contains(&by);
    if !call.hub.look(|world| existing(world, number).is_some_and(known)) {
        return Err(Failure::not_found());
    }
    call.send(Request::Relate { number: IssueNumber(number), by, blocked: false }, StatusCode::CONFLICT).await?;
    shown(&call, number).map(Json)
}

/// The number of an issue by its id.
fn numbered(call: &Call, id: u64) -> Answer<IssueNumber> {
    let number = call.hub.look(|world| {
        let is_it = |entry: &&IssueEntry| json::issue::id(&call.hub.place, entry.issue.number) == id;
        world.issues().find(is_it).map(|entry| entry.issue.number)
    });
    number.ok_or_else(Failure::not_found)
}
