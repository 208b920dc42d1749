//! Workflow runs: dispatched, listed, read, cancelled, run again.

use std::collections::BTreeMap;

use axum::Json;
use axum::body::Bytes;
use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::engine::id::{JobId, RunId};
use crate::engine::time::Timestamp;
use crate::forge::http::call::{Call, body_json};
use crate::forge::http::failure::{Answer, Failure};
use crate::forge::http::json;
use crate::forge::http::rest::issues::unexpected;
use crate::forge::world::access::{Level, Scope};
use crate::forge::world::state::RunEntry;
use crate::github::{Request, Response as Told};

const READ: &[(Scope, Level)] = &[(Scope::Actions, Level::Read)];

type One = Path<(String, String, u64)>;

#[derive(Deserialize)]
struct Dispatch {
    #[serde(rename = "ref")]
    reference: String,
    #[serde(default)]
    inputs: BTreeMap<String, Value>,
    #[serde(default)]
    return_run_details: bool,
}

/// `POST …/actions/workflows/{file}/dispatches`: 200 with the run where asked for, else 204.
pub(crate) async fn dispatch(
    call: Call,
    Path((_, _, workflow)): Path<(String, String, String)>,
    body: Bytes,
) -> Answer {
    let wish: Dispatch = body_json(&body)?;
    let branch = wish.reference.strip_prefix("refs/heads/").unwrap_or(&wish.reference).to_owned();
    let text = |value: Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let inputs = wish.inputs.into_iter().map(|(name, value)| (name, text(value))).collect();
    let request = Request::DispatchWorkflow { workflow, branch, inputs };
    let Told::Dispatched(run) = call.send(request, StatusCode::UNPROCESSABLE_ENTITY).await? else {
        return Err(unexpected());
    };
    match run.filter(|_| wish.return_run_details) {
        None => Ok(StatusCode::NO_CONTENT.into_response()),
        Some(run) => {
            let place = &call.hub.place;
            let body = json!({
                "workflow_run_id": run,
                "run_url": place.api(format_args!("/actions/runs/{run}")),
                "html_url": place.web(format_args!("/actions/runs/{run}")),
            });
            Ok(Json(body).into_response())
        }
    }
}

/// `PUT …/actions/workflows/{file}/enable`
pub(crate) async fn enable(call: Call, path: Path<(String, String, String)>) -> Answer<StatusCode> {
    set(call, path, true).await
}

/// `PUT …/actions/workflows/{file}/disable`
pub(crate) async fn disable(call: Call, path: Path<(String, String, String)>) -> Answer<StatusCode> {
    set(call, path, false).await
}

async fn set(call: Call, Path((_, _, workflow)): Path<(String, String, String)>, enabled: bool) -> Answer<StatusCode> {
    call.send(Request::SetWorkflow { workflow, enabled }, StatusCode::UNPROCESSABLE_ENTITY).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `created=>=…` of a query: from when.
fn created_since(call: &Call) -> Option<Timestamp> {
    let text = call.query.get("created")?;
    Timestamp::parse(text.strip_prefix(">=").or_else(|| text.strip_suffix("..*"))?)
}

fn list(call: &Call, workflow: Option<&str>) -> Response {
    let since = created_since(call);
    let status = call.query.get("status");
    call.hub.look(|world| {
        let wanted = |run: &&RunEntry| {
            workflow.is_none_or(|file| run.workflow == file)
                && since.is_none_or(|since| run.created_at >= since)
                && status.is_none_or(|status| {
                    status == json::status(run.progress)
                        || run.conclusion.is_some_and(|ended| ended.to_string() == status)
                })
        };
        let found = world.runs().rev().filter(wanted);
        let wrap = |total, items| json!({ "total_count": total, "workflow_runs": Value::Array(items) });
        call.page(found, |run| json::run::run(&call.hub.place, world, run), wrap)
    })
}

/// `GET …/actions/workflows/{file}/runs`
pub(crate) async fn runs_of_workflow(call: Call, Path((_, _, workflow)): Path<(String, String, String)>) -> Answer {
    call.may(READ)?;
    if !call.hub.look(|world| world.setup().workflows.contains_key(&workflow)) {
        return Err(Failure::not_found());
    }
    Ok(list(&call, Some(&workflow)))
}

/// `GET …/actions/runs`
pub(crate) async fn runs(call: Call) -> Answer {
    call.may(READ)?;
    Ok(list(&call, None))
}

/// `GET …/actions/runs/{run}`
pub(crate) async fn run(call: Call, Path((_, _, run)): One) -> Answer<Json<Value>> {
    call.may(READ)?;
    call.show(|world| Some(json::run::run(&call.hub.place, world, world.run(RunId(run))?))).map(Json)
}

/// `GET …/actions/runs/{run}/jobs`: of the latest attempt.
pub(crate) async fn jobs(call: Call, Path((_, _, run)): One) -> Answer {
    call.may(READ)?;
    call.hub.look(|world| {
        let entry = world.run(RunId(run)).ok_or_else(Failure::not_found)?;
        let wrap = |total, items| json!({ "total_count": total, "jobs": Value::Array(items) });
        Ok(call.page(world.jobs_of(entry.id), |job| json::run::job(&call.hub.place, entry, job), wrap))
    })
}

/// `GET …/actions/jobs/{job}`
pub(crate) async fn job(call: Call, Path((_, _, job)): One) -> Answer<Json<Value>> {
    call.may(READ)?;
    call.show(|world| {
        let entry = world.job(JobId(job))?;
        Some(json::run::job(&call.hub.place, world.run(entry.run)?, entry))
    })
    .map(Json)
}

/// `GET …/actions/runs/{run}/artifacts`
pub(crate) async fn artifacts(call: Call, Path((_, _, run)): One) -> Answer {
    call.may(READ)?;
    let name = call.query.get("name");
    call.hub.look(|world| {
        let entry = world.run(RunId(run)).ok_or_else(Failure::not_found)?;
        let kept = entry.artifacts.iter().enumerate().filter(|(_, (known, _))| name.is_none_or(|name| *known == name));
        let item = |(index, (name, artifact)): (usize, (&String, _))| {
            json::run::artifact(&call.hub.place, entry, index, name, artifact)
        };
        let wrap = |total, items| json!({ "total_count": total, "artifacts": Value::Array(items) });
        Ok(call.page(kept, item, wrap))
    })
}

async fn end(call: &Call, run: u64, force: bool) -> Answer {
    call.send(Request::CancelRun { run: RunId(run), force }, StatusCode::CONFLICT).await?;
    Ok((StatusCode::ACCEPTED, Json(json!({}))).into_response())
}

/// `POST …/actions/runs/{run}/cancel`: 202; over already is 409.
pub(crate) async fn cancel(call: Call, Path((_, _, run)): One) -> Answer {
    end(&call, run, false).await
}

/// `POST …/actions/runs/{run}/force-cancel`
pub(crate) async fn force_cancel(call: Call, Path((_, _, run)): One) -> Answer {
    end(&call, run, true).await
}

/// `POST …/actions/runs/{run}/rerun-failed-jobs`: 201; one under way, or in which nothing failed, is 403.
pub(crate) async fn rerun_failed(call: Call, Path((_, _, run)): One) -> Answer {
    call.send(Request::RerunFailedJobs { run: RunId(run) }, StatusCode::FORBIDDEN).await?;
    Ok((StatusCode::CREATED, Json(json!({}))).into_response())
}
