//! Pull requests with the checks of their heads, as many as are asked for.

use http::StatusCode;
use serde_json::{Map, Value, json};

use crate::engine::id::PullNumber;
use crate::engine::snapshot::{Actor, CheckRun, Checks, CommitStatus, OpenState, PullRequest};
use crate::forge::http::call::Call;
use crate::forge::http::failure::{Answer, Failure};
use crate::forge::http::graphql::{Question, aliased, short_login};
use crate::forge::http::json::{self, Place};
use crate::forge::world::access::{Level, Scope};
use crate::forge::world::request::Request;
use crate::github::{self, PullAndChecks, Response};

/// Those asked for, and an error for each that is not there.
pub(super) async fn told(call: &Call, question: &Question) -> Answer<(Map<String, Value>, Vec<Value>)> {
    let (mut told, mut errors) = (Map::new(), Vec::new());
    let asked = aliased(question, "pullRequest(number");
    if asked.is_empty() {
        return Ok((told, errors));
    }
    for scope in [Scope::PullRequests, Scope::Checks, Scope::Statuses] {
        call.may(&[(scope, Level::Read)])?;
    }
    let number = |value: Option<&Value>| PullNumber(value.and_then(Value::as_u64).unwrap_or_default());
    let numbers = asked.iter().map(|(_, value)| number(*value)).collect();
    let request = github::Request::PullsAndChecks { numbers };
    let found = call.hub.apply(Request::Api { actor: call.actor(), request, git: None }).await;
    let found = found.map_err(|error| Failure::of(error, StatusCode::CONFLICT, call.hub.clock.now()))?;
    let Response::PullsAndChecks(found) = found else {
        let message = "Something went wrong while executing your query.";
        return Err(Failure::new(StatusCode::INTERNAL_SERVER_ERROR, message));
    };
    for (alias, value) in asked {
        let entry = found.iter().find(|entry| entry.pull.number == number(value));
        if entry.is_none() {
            let message = format!("Could not resolve to a PullRequest with the number of {}.", number(value));
            errors.push(json!({ "type": "NOT_FOUND", "path": ["repository", alias], "message": message }));
        }
        told.insert(alias.to_owned(), entry.map_or(Value::Null, |entry| pull(&call.hub.place, entry)));
    }
    Ok((told, errors))
}

fn pull(place: &Place, entry: &PullAndChecks) -> Value {
    let PullRequest { number, title, body, state, merged, head_branch, head_sha, base_branch, draft, .. } = &entry.pull;
    let state = match (state, merged) {
        (_, true) => "MERGED",
        (OpenState::Open, false) => "OPEN",
        (OpenState::Closed, false) => "CLOSED",
    };
    let mergeable = match entry.pull.mergeable {
        Some(true) => "MERGEABLE",
        Some(false) => "CONFLICTING",
        None => "UNKNOWN",
    };
    let Actor { bot, .. } = &entry.pull.author;
    let rollup = entry.checks.as_ref().filter(|checks| !checks.runs.is_empty() || !checks.statuses.is_empty());
    let commit = json!({ "oid": head_sha, "statusCheckRollup": rollup.map(|checks| contexts(place, checks)) });
    json!({
        "number": number, "title": title, "body": body, "state": state, "merged": merged,
        "mergeCommit": entry.pull.merge_commit.as_ref().map(|sha| json!({ "oid": sha })),
        "headRefName": head_branch, "headRefOid": head_sha, "baseRefName": base_branch, "isDraft": draft,
        "mergeable": mergeable, "updatedAt": json::moment(entry.pull.updated_at),
        "author": {
            "login": short_login(&entry.pull.author), "__typename": if *bot { "Bot" } else { "User" },
        },
        "commits": { "nodes": [{ "commit": commit }] },
    })
}

fn contexts(place: &Place, checks: &Checks) -> Value {
    let runs = checks.runs.iter().map(|run| check_run(place, run));
    let nodes: Vec<Value> = runs.chain(checks.statuses.iter().map(status)).collect();
    json!({ "contexts": { "pageInfo": { "hasNextPage": false }, "nodes": nodes } })
}

fn check_run(place: &Place, check: &CheckRun) -> Value {
    let details = match (check.run, check.job) {
        (Some(run), Some(job)) => place.web(format_args!("/actions/runs/{run}/job/{job}")),
        (Some(run), None) => place.web(format_args!("/actions/runs/{run}")),
        (None, _) => place.web(format_args!("/runs/{}", check.id)),
    };
    let word = |value: Value| value.as_str().map(str::to_ascii_uppercase);
    json!({
        "__typename": "CheckRun", "databaseId": check.id, "name": check.name,
        "status": json::status(check.progress).to_ascii_uppercase(),
        "conclusion": word(json::conclusion(check.conclusion)),
        "detailsUrl": details, "summary": check.summary, "checkSuite": { "app": { "slug": check.app } },
    })
}

fn status(status: &CommitStatus) -> Value {
    let state = match status.conclusion {
        None => "PENDING",
        Some(ended) if ended.passes() => "SUCCESS",
        Some(_) => "FAILURE",
    };
    json!({
        "__typename": "StatusContext", "context": status.context, "state": state, "description": status.description,
    })
}
