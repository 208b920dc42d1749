//! Comments and reactions to them.

use axum::Json;
use axum::body::Bytes;
use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::Deserialize;
use serde_json::Value;

use crate::engine::id::{CommentId, IssueNumber};
use crate::engine::snapshot::Comment;
use crate::engine::time::Timestamp;
use crate::forge::http::call::{Call, body_json, plain};
use crate::forge::http::failure::{Answer, Failure};
use crate::forge::http::json;
use crate::forge::http::rest::issues::{created, unexpected};
use crate::forge::world::World;
use crate::forge::world::access::{Level, Scope};
use crate::github::{Reaction, Request, Response as Told};

const READ: &[(Scope, Level)] = &[(Scope::Issues, Level::Read), (Scope::PullRequests, Level::Read)];

type One = Path<(String, String, u64)>;

fn there(world: &World, number: IssueNumber) -> bool {
    world.issue(number).is_some_and(|entry| !entry.deleted)
}

/// `GET …/issues/comments`: of the whole repository.
pub(crate) async fn list(call: Call) -> Answer {
    call.may(READ)?;
    let since = call.query.get("since").and_then(Timestamp::parse);
    let by_update = call.query.get("sort") == Some("updated");
    let descending = call.query.get("direction").map_or(by_update, |direction| direction == "desc");
    Ok(call.hub.look(|world| {
        let mut found: Vec<&Comment> = world
            .comments()
            .map(|entry| &entry.comment)
            .filter(|comment| since.is_none_or(|since| comment.updated_at >= since) && there(world, comment.issue))
            .collect();
        if by_update {
            found.sort_by_key(|comment| (comment.updated_at, comment.id));
        }
        if descending {
            found.reverse();
        }
        call.page(found, |comment| json::issue::comment(&call.hub.place, comment), plain)
    }))
}

/// `GET …/issues/{number}/comments`
pub(crate) async fn of_issue(call: Call, Path((_, _, number)): One) -> Answer {
    call.may(READ)?;
    let since = call.query.get("since").and_then(Timestamp::parse);
    call.hub.look(|world| {
        if !there(world, IssueNumber(number)) {
            return Err(Failure::not_found());
        }
        let wanted =
            |comment: &&Comment| comment.issue.0 == number && since.is_none_or(|since| comment.updated_at >= since);
        let found = world.comments().map(|entry| &entry.comment).filter(wanted);
        Ok(call.page(found, |comment| json::issue::comment(&call.hub.place, comment), plain))
    })
}

fn shown(call: &Call, id: CommentId) -> Answer<Value> {
    call.show(|world| {
        let entry = world.comment(id).filter(|entry| there(world, entry.comment.issue))?;
        Some(json::issue::comment(&call.hub.place, &entry.comment))
    })
}

/// `GET …/issues/comments/{comment}`
pub(crate) async fn get(call: Call, Path((_, _, id)): One) -> Answer<Json<Value>> {
    call.may(READ)?;
    shown(&call, CommentId(id)).map(Json)
}

#[derive(Deserialize)]
struct NewComment {
    body: String,
}

/// `POST …/issues/{number}/comments`
pub(crate) async fn create(call: Call, Path((_, _, number)): One, body: Bytes) -> Answer {
    let wish: NewComment = body_json(&body)?;
    let request = Request::CreateComment { number: IssueNumber(number), body: wish.body };
    let Told::Comment(comment) = call.send(request, StatusCode::UNPROCESSABLE_ENTITY).await? else {
        return Err(unexpected());
    };
    Ok(created(shown(&call, comment.id)?))
}

/// `DELETE …/issues/comments/{comment}`
pub(crate) async fn delete(call: Call, Path((_, _, id)): One) -> Answer<StatusCode> {
    call.send(Request::DeleteComment { comment: CommentId(id) }, StatusCode::CONFLICT).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
struct NewReaction {
    content: String,
}

/// `POST …/issues/comments/{comment}/reactions`: 201, or 200 where it was there already.
pub(crate) async fn react(call: Call, Path((_, _, id)): One, body: Bytes) -> Answer {
    let wish: NewReaction = body_json(&body)?;
    let known = [Reaction::Eyes, Reaction::PlusOne, Reaction::MinusOne, Reaction::Rocket];
    let reaction = known.into_iter().find(|known| json::issue::reaction_content(*known) == wish.content);
    let reaction =
        reaction.ok_or_else(|| Failure::invalid("Validation Failed: content is not included in the list"))?;
    let (comment, actor) = (CommentId(id), call.actor());
    let before = call.hub.look(|world| {
        let held = world.comment(comment)?.reactions.get(&reaction)?;
        held.contains(&actor.login).then_some(())
    });
    call.send(Request::React { comment, reaction }, StatusCode::UNPROCESSABLE_ENTITY).await?;
    let body = json::issue::reaction(&call.hub.place, id, &actor, reaction, call.hub.clock.now());
    let status = if before.is_some() { StatusCode::OK } else { StatusCode::CREATED };
    Ok::<Response, Failure>((status, Json(body)).into_response())
}
