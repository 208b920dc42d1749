//! Pull requests and merges.

use axum::Json;
use axum::body::Bytes;
use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::engine::id::{IssueNumber, PullNumber, Sha};
use crate::engine::snapshot::OpenState;
use crate::forge::http::call::{Call, body_json, plain};
use crate::forge::http::failure::{Answer, Failure};
use crate::forge::http::hub::Hub;
use crate::forge::http::json;
use crate::forge::http::json::pull::GitSide;
use crate::forge::http::rest::issues::{created, unexpected};
use crate::forge::repository;
use crate::forge::world::access::{Level, Scope};
use crate::forge::world::state::PullEntry;
use crate::github::{Request, Response as Told};

const READ: &[(Scope, Level)] = &[(Scope::PullRequests, Level::Read)];

type One = Path<(String, String, u64)>;

/// `GET …/pulls`
pub(crate) async fn list(call: Call) -> Answer {
    call.may(READ)?;
    let head = call.query.get("head");
    // A branch without its owner matches nothing, as on GitHub.
    let owner = |prefix: &str| prefix.eq_ignore_ascii_case(&call.hub.place.owner);
    let branch = head.map(|head| head.split_once(':').filter(|(prefix, _)| owner(prefix)).map_or("", |(_, b)| b));
    let base = call.query.get("base");
    let state = call.query.get("state").unwrap_or("open");
    let ascending = call.query.get("direction") == Some("asc");
    Ok(call.hub.look(|world| {
        let wanted = |(number, pull): &(PullNumber, &PullEntry)| {
            let open = world.is_open(IssueNumber(number.0));
            (state == "all" || (state == "open") == open)
                && branch.is_none_or(|branch| pull.head_branch == branch)
                && base.is_none_or(|base| pull.base_branch == base)
        };
        let mut found: Vec<PullNumber> = world.pulls().filter(wanted).map(|(number, _)| number).collect();
        if !ascending {
            found.reverse();
        }
        let item = |number| json::pull::listed(&call.hub.place, world, number).unwrap_or(Value::Null);
        call.page(found, item, plain)
    }))
}

/// What git knows about a pull request: how large it is and, while it is open, whether it merges.
pub(crate) async fn git_side(hub: &Hub, number: PullNumber) -> Result<GitSide, repository::Error> {
    let known = hub.look(|world| {
        let pull = world.pull(number)?;
        let open = world.is_open(IssueNumber(number.0));
        let base = world.branches().get(&pull.base_branch).filter(|_| open).unwrap_or(&pull.base_sha).clone();
        Some((base, pull.head_sha.clone(), open))
    });
    let Some((base, head, open)) = known else { return Ok(GitSide::default()) };
    let mergeable = if open { Some(hub.repository.mergeable(&base, &head).await?) } else { None };
    let lines = hub.repository.changed_lines(&base, &head).await.unwrap_or_default();
    let commits = hub.repository.commits_between(&base, &head).await.unwrap_or(0);
    let added = lines.iter().map(|line| line.0).sum();
    let removed = lines.iter().map(|line| line.1).sum();
    Ok(GitSide { mergeable, size: (commits, added, removed, lines.len() as u64) })
}

async fn shown(call: &Call, number: PullNumber) -> Answer<Value> {
    let git = git_side(&call.hub, number).await?;
    call.show(|world| json::pull::pull(&call.hub.place, world, number, git))
}

/// `GET …/pulls/{number}`
pub(crate) async fn get(call: Call, Path((_, _, number)): One) -> Answer<Json<Value>> {
    call.may(READ)?;
    shown(&call, PullNumber(number)).await.map(Json)
}

#[derive(Deserialize)]
struct NewPull {
    title: String,
    body: Option<String>,
    head: String,
    base: String,
    #[serde(default)]
    draft: bool,
}

/// `POST …/pulls`; one that is open for the same branches, or nothing to merge, is 422.
pub(crate) async fn create(call: Call, body: Bytes) -> Answer {
    let wish: NewPull = body_json(&body)?;
    let head = match wish.head.split_once(':') {
        Some((owner, branch)) if owner.eq_ignore_ascii_case(&call.hub.place.owner) => branch.to_owned(),
        Some(_) => return Err(Failure::invalid("Validation Failed: PullRequest head is in another repository")),
        None => wish.head,
    };
    let request = Request::CreatePullRequest {
        title: wish.title,
        body: wish.body.unwrap_or_default(),
        head,
        base: wish.base,
        draft: wish.draft,
    };
    let Told::PullRequest(pull) = call.send(request, StatusCode::UNPROCESSABLE_ENTITY).await? else {
        return Err(unexpected());
    };
    Ok(created(shown(&call, pull.number).await?))
}

#[derive(Deserialize)]
struct PullChange {
    title: Option<String>,
    body: Option<String>,
    state: Option<OpenState>,
}

/// `PATCH …/pulls/{number}`
pub(crate) async fn update(call: Call, Path((_, _, number)): One, body: Bytes) -> Answer<Json<Value>> {
    let change: PullChange = body_json(&body)?;
    let conflict = StatusCode::UNPROCESSABLE_ENTITY;
    let request = Request::UpdatePullRequest { number: PullNumber(number), title: change.title, body: change.body };
    call.send(request, conflict).await?;
    if change.state.is_some() {
        let number = IssueNumber(number);
        let request = Request::UpdateIssue { number, title: None, body: None, state: change.state };
        call.send(request, conflict).await?;
    }
    shown(&call, PullNumber(number)).await.map(Json)
}

#[derive(Deserialize)]
struct Merge {
    sha: Option<String>,
    merge_method: Option<String>,
}

/// `PUT …/pulls/{number}/merge`: 405 where it does not merge, 409 where the head moved.
pub(crate) async fn merge(call: Call, Path((_, _, number)): One, body: Bytes) -> Answer<Json<Value>> {
    let wish: Merge = body_json(&body)?;
    if wish.merge_method.as_deref().is_some_and(|method| method != "merge") {
        return Err(Failure::new(StatusCode::METHOD_NOT_ALLOWED, "only merge commits are allowed on this repository."));
    }
    let number = PullNumber(number);
    let present = call.hub.look(|world| world.pull(number).map(|pull| pull.head_sha.clone()));
    let head = wish.sha.map(Sha::new).or(present).ok_or_else(Failure::not_found)?;
    let answer = call.send(Request::MergePullRequest { number, head }, StatusCode::METHOD_NOT_ALLOWED).await;
    let moved = |failure: Failure| {
        let moved = failure.message.contains("was modified");
        if moved { Failure { status: StatusCode::CONFLICT, ..failure } } else { failure }
    };
    let Told::Merged(sha) = answer.map_err(moved)? else { return Err(unexpected()) };
    Ok(Json(json!({ "sha": sha, "merged": true, "message": "Pull Request successfully merged" })))
}

#[derive(Deserialize)]
struct BranchMerge {
    base: String,
    head: String,
}

/// `POST …/merges`: 201 with the commit, 204 where there is nothing to do, 409 on a conflict.
pub(crate) async fn merge_branch(call: Call, body: Bytes) -> Answer<Response> {
    let wish: BranchMerge = body_json(&body)?;
    let request = Request::MergeBranch { into: wish.base, from: wish.head };
    let Told::BranchMerged { commit, .. } = call.send(request, StatusCode::CONFLICT).await? else {
        return Ok(StatusCode::NO_CONTENT.into_response());
    };
    let facts = call.hub.repository.commit(&commit).await?.ok_or_else(Failure::not_found)?;
    Ok(created(json::commit::repository_commit(&call.hub.place, &facts)))
}
