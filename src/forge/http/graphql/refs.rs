//! Several branches deleted at once: all of them, or none.

use axum::Json;
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::forge::http::call::Call;
use crate::forge::http::failure::Answer;
use crate::forge::http::graphql::{Question, alias, error, refused};
use crate::github::Request;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Input {
    ref_updates: Vec<RefUpdate>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RefUpdate {
    name: String,
    after_oid: String,
}

pub(super) async fn update(call: &Call, question: &Question) -> Answer<Json<Value>> {
    let input = question.variables.get("input").cloned().unwrap_or_default();
    let Ok(input) = serde_json::from_value::<Input>(input) else {
        return Ok(error("UNPROCESSABLE", "Variable $input was provided invalid value"));
    };
    let mut branches = Vec::with_capacity(input.ref_updates.len());
    for RefUpdate { name, after_oid } in input.ref_updates {
        let Some(branch) = name.strip_prefix("refs/heads/").filter(|_| after_oid.bytes().all(|byte| byte == b'0'))
        else {
            return Ok(error("UNPROCESSABLE", "this server only deletes branches so"));
        };
        if call.hub.repository.branch(branch).await?.is_none() {
            return Ok(error("UNPROCESSABLE", format!("`{name}` does not exist")));
        }
        branches.push(branch.to_owned());
    }
    for branch in branches {
        if let Err(failure) = call.send(Request::DeleteBranch { branch }, StatusCode::UNPROCESSABLE_ENTITY).await {
            return refused(failure);
        }
    }
    Ok(Json(json!({ "data": { alias(&question.query, "updateRefs"): { "clientMutationId": null } } })))
}
