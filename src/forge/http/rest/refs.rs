//! Branches as git refs. Other kinds of refs are not kept here: they are 404.

use axum::Json;
use axum::body::Bytes;
use axum::extract::Path;
use http::StatusCode;
use serde::Deserialize;
use serde_json::Value;

use crate::engine::id::Sha;
use crate::forge::http::call::{Call, body_json};
use crate::forge::http::failure::{Answer, Failure};
use crate::forge::http::json;
use crate::forge::http::rest::issues::{created, unexpected};
use crate::forge::world::access::{Level, Scope};
use crate::github::{Request, Response as Told};

const READ: &[(Scope, Level)] = &[(Scope::Contents, Level::Read)];

type Named = Path<(String, String, String)>;

fn branch_of(name: &str) -> Answer<&str> {
    name.strip_prefix("heads/").ok_or_else(Failure::not_found)
}

/// `GET …/git/ref/{name}`
pub(crate) async fn get(call: Call, Path((_, _, name)): Named) -> Answer<Json<Value>> {
    call.may(READ)?;
    let branch = branch_of(&name)?;
    let sha = call.hub.repository.branch(branch).await?.ok_or_else(Failure::not_found)?;
    Ok(Json(json::commit::reference(&call.hub.place, branch, &sha)))
}

/// `GET …/git/matching-refs/{prefix}`: all of them, on one page.
pub(crate) async fn matching(call: Call, Path((_, _, prefix)): Named) -> Answer<Json<Value>> {
    call.may(READ)?;
    let branches = call.hub.repository.branches().await?;
    let found = branches.iter().filter(|(branch, _)| format!("heads/{branch}").starts_with(&prefix));
    Ok(Json(found.map(|(branch, sha)| json::commit::reference(&call.hub.place, branch, sha)).collect()))
}

#[derive(Deserialize)]
struct NewRef {
    #[serde(rename = "ref")]
    name: String,
    sha: String,
}

fn told(call: &Call, answer: Told) -> Answer<Value> {
    let Told::Ref(found) = answer else { return Err(unexpected()) };
    Ok(json::commit::reference(&call.hub.place, &found.branch, &found.sha))
}

/// `POST …/git/refs`; one that exists is 422 `Reference already exists`.
pub(crate) async fn create(call: Call, body: Bytes) -> Answer {
    let wish: NewRef = body_json(&body)?;
    let branch = wish.name.strip_prefix("refs/heads/").filter(|branch| !branch.is_empty());
    let branch = branch.ok_or_else(|| Failure::invalid("only branches (`refs/heads/…`) can be created here"))?;
    let request = Request::CreateBranch { branch: branch.to_owned(), sha: Sha::new(wish.sha) };
    let answer = call.send(request, StatusCode::UNPROCESSABLE_ENTITY).await;
    let answer = answer.map_err(|failure| unless_missing(failure, "Object does not exist"))?;
    Ok(created(told(&call, answer)?))
}

/// A commit that is not there makes the request wrong; the ref's own address is right.
fn unless_missing(failure: Failure, message: &str) -> Failure {
    if failure.status == StatusCode::NOT_FOUND { Failure::invalid(message) } else { failure }
}

#[derive(Deserialize)]
struct RefMove {
    sha: String,
    #[serde(default)]
    force: bool,
}

/// `PATCH …/git/refs/{name}`, forward only; anything else is 422 `Update is not a fast forward`.
pub(crate) async fn update(call: Call, Path((_, _, name)): Named, body: Bytes) -> Answer<Json<Value>> {
    let wish: RefMove = body_json(&body)?;
    if wish.force {
        return Err(Failure::invalid("branches are not moved by force here; push with git"));
    }
    let branch = branch_of(&name)?.to_owned();
    if call.hub.repository.branch(&branch).await?.is_none() {
        return Err(Failure::invalid("Reference does not exist"));
    }
    let request = Request::AdvanceBranch { branch, sha: Sha::new(wish.sha) };
    let answer = call.send(request, StatusCode::UNPROCESSABLE_ENTITY).await;
    let answer = answer.map_err(|failure| unless_missing(failure, "Object does not exist"))?;
    told(&call, answer).map(Json)
}

/// `DELETE …/git/refs/{name}`; gone already is 422 `Reference does not exist`.
pub(crate) async fn delete(call: Call, Path((_, _, name)): Named) -> Answer<StatusCode> {
    let branch = branch_of(&name)?.to_owned();
    if call.hub.repository.branch(&branch).await?.is_none() {
        return Err(Failure::invalid("Reference does not exist"));
    }
    call.send(Request::DeleteBranch { branch }, StatusCode::UNPROCESSABLE_ENTITY).await?;
    Ok(StatusCode::NO_CONTENT)
}
