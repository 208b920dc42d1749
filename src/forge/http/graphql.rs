//! The few GraphQL operations a client needs: pinning an issue, the edits of an issue's body, a commit on a branch,
//! branches with a file, pull requests with their checks. The query's text is looked at for names and aliases only;
//! arguments come as variables. Errors come with status 200, as GitHub's do.

use axum::Json;
use axum::body::Bytes;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::engine::id::{IssueNumber, Sha};
use crate::engine::snapshot::{Actor, BodyEdit};
use crate::forge::http::call::{Call, body_json};
use crate::forge::http::failure::{Answer, Failure};
use crate::forge::http::json;
use crate::forge::world::World;
use crate::forge::world::access::{Level, Scope};
use crate::github::{NewFile, Request, Response, Tip};

mod pulls;
mod refs;

/// Most edits given at once.
const EDITS_MAX: usize = 100;

#[derive(Deserialize)]
struct Question {
    query: String,
    #[serde(default)]
    variables: Map<String, Value>,
}

fn error(kind: &str, message: impl Into<String>) -> Json<Value> {
    Json(json!({ "data": null, "errors": [{ "type": kind, "message": message.into() }] }))
}

/// `POST /graphql`
pub(crate) async fn answer(call: Call, body: Bytes) -> Answer<Json<Value>> {
    let question: Question = body_json(&body)?;
    let words: Vec<&str> = question.query.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').collect();
    if words.contains(&"unpinIssue") {
        return pin(&call, &question, "unpinIssue", false).await;
    }
    if words.contains(&"pinIssue") {
        return pin(&call, &question, "pinIssue", true).await;
    }
    if words.contains(&"updateRefs") {
        return refs::update(&call, &question).await;
    }
    if words.contains(&"updateIssue") {
        return rewrite(&call, &question).await;
    }
    if words.contains(&"createCommitOnBranch") {
        return commit(&call, question).await;
    }
    if words.contains(&"expression") {
        return folder(&call, &question).await.or_else(refused);
    }
    if words.contains(&"qualifiedName") || words.contains(&"statusCheckRollup") {
        return repository(&call, &question).await.or_else(refused);
    }
    if words.contains(&"userContentEdits") {
        return Ok(body_edits(&call, &question));
    }
    Ok(error("UNPROCESSABLE", "this server knows few operations, and not this one"))
}

/// The name under which the answer to a field stands: its alias, where the query gives one.
fn alias<'a>(query: &'a str, field: &'a str) -> &'a str {
    let before = query.find(field).and_then(|at| query.get(..at)).unwrap_or_default().trim_end();
    let Some(before) = before.strip_suffix(':') else { return field };
    let before = before.trim_end();
    let start = before.rfind(|c: char| !c.is_ascii_alphanumeric() && c != '_').map_or(0, |at| at + 1);
    before.get(start..).filter(|name| !name.is_empty()).unwrap_or(field)
}

/// The aliases of a field that has one argument, each with the value of the variable it names.
fn aliased<'q>(question: &'q Question, field: &str) -> Vec<(&'q str, Option<&'q Value>)> {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let parts: Vec<&str> = question.query.split(&format!(":{field}:$")).collect();
    let pair = |pair: &[&'q str]| {
        let [before, after] = pair else { return None };
        let alias = before.rsplit(|c| !word(c)).next()?;
        Some((alias, question.variables.get(after.split(|c| !word(c)).next()?)))
    };
    parts.windows(2).filter_map(pair).collect()
}

/// Branches, pull requests, or both in one question. One that is not there is `null`; of a pull request an error says
/// so beside the others' data.
async fn repository(call: &Call, question: &Question) -> Answer<Json<Value>> {
    let mut told = tips(call, question).await?;
    let (pulls, errors) = pulls::told(call, question).await?;
    told.extend(pulls);
    let mut body = json!({ "data": { "repository": told } });
    if !errors.is_empty() {
        body["errors"] = Value::Array(errors);
    }
    Ok(Json(body))
}

/// Branches with a file's text each.
async fn tips(call: &Call, question: &Question) -> Answer<Map<String, Value>> {
    let asked = aliased(question, "ref(qualifiedName");
    if asked.is_empty() {
        return Ok(Map::new());
    }
    call.may(&[(Scope::Contents, Level::Read)])?;
    let path = question.variables.get("path").and_then(Value::as_str).unwrap_or_default();
    let name = |value: Option<&Value>| {
        value.and_then(Value::as_str)?.strip_prefix("refs/heads/").map(str::to_owned).filter(|name| !name.is_empty())
    };
    let branches: Option<Vec<String>> = asked.iter().map(|(_, value)| name(*value)).collect();
    let only_branches = "only branches (`refs/heads/…`) can be asked for here";
    let branches = branches.ok_or_else(|| Failure::new(StatusCode::UNPROCESSABLE_ENTITY, only_branches))?;
    let tip = |tip: Option<Tip>| {
        let blob = |text: String| json!({ "object": { "text": text, "isTruncated": false } });
        tip.map(|tip| json!({ "target": { "oid": tip.sha, "file": tip.file.map(blob) } }))
    };
    let tips = call.hub.tips(&branches, path).await?;
    Ok(asked.iter().zip(tips).map(|((alias, _), found)| ((*alias).to_owned(), json!(tip(found)))).collect())
}

/// The files of a folder at a commit.
async fn folder(call: &Call, question: &Question) -> Answer<Json<Value>> {
    let asked = question.variables.get("at").and_then(Value::as_str).and_then(|at| at.split_once(':'));
    let Some((commit, path)) = asked else {
        return Ok(error("UNPROCESSABLE", "only `<commit>:<folder>` can be asked for here"));
    };
    let request = Request::Folder { commit: Sha::new(commit), path: path.to_owned() };
    let Response::Folder(files) = call.send(request, StatusCode::UNPROCESSABLE_ENTITY).await? else {
        return Ok(error("INTERNAL", "Something went wrong while executing your query."));
    };
    let blob = |text: Option<String>| json!({ "text": text, "isTruncated": false });
    let entry = |(name, text)| json!({ "name": name, "type": "blob", "object": blob(text) });
    let entries: Vec<Value> = files.into_iter().map(entry).collect();
    let object = if entries.is_empty() { Value::Null } else { json!({ "entries": entries }) };
    Ok(Json(json!({ "data": { "repository": { alias(&question.query, "object"): object } } })))
}

async fn pin(call: &Call, question: &Question, field: &str, pinned: bool) -> Answer<Json<Value>> {
    let node_id = question.variables.values().find_map(Value::as_str);
    let Some(node_id) = node_id else { return Ok(error("UNPROCESSABLE", "the issue's id is missing")) };
    let request = Request::Pin { node_id: node_id.to_owned(), pinned };
    match call.send(request, StatusCode::UNPROCESSABLE_ENTITY).await {
        Ok(_) => {
            let done = json!({ "issue": { "id": node_id } });
            Ok(Json(json!({ "data": { alias(&question.query, field): done } })))
        }
        Err(failure) => refused(failure),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CommitInput {
    branch: CommittableBranch,
    expected_head_oid: String,
    message: CommitMessage,
    #[serde(default)]
    file_changes: FileChanges,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CommittableBranch {
    repository_name_with_owner: String,
    branch_name: String,
}

#[derive(Deserialize)]
struct CommitMessage {
    headline: String,
    #[serde(default)]
    body: String,
}

#[derive(Default, Deserialize)]
struct FileChanges {
    #[serde(default)]
    additions: Vec<FileAddition>,
}

#[derive(Deserialize)]
struct FileAddition {
    path: String,
    contents: String,
}

async fn commit(call: &Call, mut question: Question) -> Answer<Json<Value>> {
    let input = question.variables.remove("input").unwrap_or_default();
    let input: CommitInput = match serde_json::from_value(input) {
        Ok(input) => input,
        Err(wrong) => {
            return Ok(error("UNPROCESSABLE", format!("Variable $input was provided invalid value: {wrong}")));
        }
    };
    let repository = format!("{}/{}", call.hub.place.owner, call.hub.place.name);
    if !input.branch.repository_name_with_owner.eq_ignore_ascii_case(&repository) {
        return Ok(error("NOT_FOUND", "Could not resolve to a Repository with that name"));
    }
    let mut files = Vec::with_capacity(input.file_changes.additions.len());
    for FileAddition { path, contents } in input.file_changes.additions {
        let content = STANDARD.decode(contents).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let Some(content) = content else {
            return Ok(error("UNPROCESSABLE", format!("the contents of `{path}` are not Base64 of UTF-8 text")));
        };
        files.push(NewFile { path, content });
    }
    let CommitMessage { headline, body } = input.message;
    let message = if body.is_empty() { headline } else { format!("{headline}\n\n{body}") };
    let (branch, expected) = (input.branch.branch_name, Sha::new(input.expected_head_oid));
    let request = Request::CommitOnBranch { branch, expected, message, files };
    match call.send(request, StatusCode::CONFLICT).await {
        Ok(Response::Commit(sha)) => {
            let made = json!({ "commit": { "oid": sha } });
            Ok(Json(json!({ "data": { alias(&question.query, "createCommitOnBranch"): made } })))
        }
        Ok(_) => Ok(error("INTERNAL", "Something went wrong while executing your query.")),
        Err(failure) if failure.status == StatusCode::CONFLICT => Ok(error("STALE_DATA", failure.message)),
        Err(failure) => refused(failure),
    }
}

fn refused(failure: Failure) -> Answer<Json<Value>> {
    match failure.status {
        StatusCode::NOT_FOUND => Ok(error("NOT_FOUND", "Could not resolve to a node with that id")),
        StatusCode::FORBIDDEN if failure.retry_after.is_none() => Ok(error("FORBIDDEN", failure.message)),
        StatusCode::UNPROCESSABLE_ENTITY => Ok(error("UNPROCESSABLE", failure.message)),
        _ => Err(failure),
    }
}

fn body_edits(call: &Call, question: &Question) -> Json<Value> {
    if let Err(failure) = call.may(&[(Scope::Issues, Level::Read)]) {
        return refused(failure).unwrap_or_else(|failure| error("RATE_LIMITED", failure.message));
    }
    let number = question.variables.values().find_map(Value::as_u64);
    let edits = call.hub.look(|world| {
        let entry = number.and_then(|number| world.issue(IssueNumber(number))).filter(|entry| !entry.deleted)?;
        Some(connection(&entry.edits))
    });
    match edits {
        None => error("NOT_FOUND", "Could not resolve to an Issue"),
        Some(edits) => {
            let issue = json!({ "userContentEdits": edits });
            Json(json!({ "data": { "repository": { "issue": issue } } }))
        }
    }
}

/// Edits, the newest first.
fn connection(edits: &[BodyEdit]) -> Value {
    let nodes: Vec<Value> = edits.iter().rev().take(EDITS_MAX).map(edit).collect();
    json!({ "nodes": nodes })
}

/// A body written anew.
async fn rewrite(call: &Call, question: &Question) -> Answer<Json<Value>> {
    let text = |name: &str| question.variables.get("input")?.get(name)?.as_str().map(str::to_owned);
    let (Some(node_id), Some(body)) = (text("id"), text("body")) else {
        return Ok(error("UNPROCESSABLE", "the issue's id or its new body is missing"));
    };
    let find = |world: &World| world.issues().find(|entry| entry.issue.node_id == node_id).map(|e| e.issue.number);
    let Some(number) = call.hub.look(find) else { return refused(Failure::not_found()) };
    match call.send(Request::RewriteIssue { number, node_id, body }, StatusCode::UNPROCESSABLE_ENTITY).await {
        Ok(Response::Rewritten { updated_at, edits }) => {
            let updated_at = json::moment(updated_at);
            let issue = json!({ "number": number, "updatedAt": updated_at, "userContentEdits": connection(&edits) });
            Ok(Json(json!({ "data": { alias(&question.query, "updateIssue"): { "issue": issue } } })))
        }
        Ok(_) => Ok(error("INTERNAL", "Something went wrong while executing your query.")),
        Err(failure) => refused(failure),
    }
}

/// GraphQL gives a bot's login without the ending it has in REST.
fn short_login(actor: &Actor) -> &str {
    actor.login.as_str().strip_suffix("[bot]").unwrap_or(actor.login.as_str())
}

fn edit(edit: &BodyEdit) -> Value {
    let editor =
        |actor: &Actor| json!({ "login": short_login(actor), "__typename": if actor.bot { "Bot" } else { "User" } });
    json!({
        "editedAt": json::moment(edit.at),
        "editor": edit.editor.as_ref().map(editor),
        "diff": edit.body.as_deref(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_stand_under_the_alias_the_query_gives() {
        for (query, name) in [
            ("mutation($id:ID!){change:pinIssue(input:{issueId:$id}){issue{id}}}", "change"),
            ("mutation { x : pinIssue(input: {}) }", "x"),
            ("mutation($id:ID!){pinIssue(input:{issueId:$id}){issue{id}}}", "pinIssue"),
        ] {
            assert_eq!(alias(query, "pinIssue"), name);
        }
    }
}
