//! Workflow runs, their jobs and artifacts.

use serde_json::{Value, json};

use crate::engine::snapshot::JobStep;
use crate::forge::http::json::repository::repository;
use crate::forge::http::json::{Place, conclusion, moment, moment_or_null, node_id, status};
use crate::forge::world::World;
use crate::forge::world::state::{Artifact, JobEntry, RunEntry};

/// The id of a workflow file: numbers its place among the files.
pub(crate) fn workflow_id(world: &World, file: &str) -> usize {
    world.setup().workflows.keys().position(|known| known == file).map_or(0, |index| index + 1)
}

/// A workflow file.
pub(crate) fn workflow(place: &Place, world: &World, file: &str) -> Value {
    let id = workflow_id(world, file);
    let name = world.setup().workflows.get(file).map_or(file, |facts| facts.name.as_str());
    let begun = "2026-01-01T00:00:00Z";
    json!({
        "id": id, "node_id": node_id("Workflow", id), "name": name, "path": format!(".github/workflows/{file}"),
        "state": "active", "created_at": begun, "updated_at": begun,
        "url": place.api(format_args!("/actions/workflows/{id}")),
        "html_url": place.web(format_args!("/actions/workflows/{file}")),
        "badge_url": place.web(format_args!("/actions/workflows/{file}/badge.svg")),
    })
}

/// A run.
pub(crate) fn run(place: &Place, world: &World, entry: &RunEntry) -> Value {
    let id = entry.id;
    let url = place.api(format_args!("/actions/runs/{id}"));
    let identity =
        json!({ "name": entry.actor.login, "email": format!("{}@users.noreply.localhost", entry.actor.login) });
    let repository = repository(place, world);
    json!({
        "id": id,
        "node_id": node_id("WorkflowRun", id),
        "name": entry.name,
        "display_title": entry.title,
        "path": format!(".github/workflows/{}", entry.workflow),
        "head_branch": entry.branch,
        "head_sha": entry.head_sha,
        "event": entry.event.name,
        "status": status(entry.progress),
        "conclusion": conclusion(entry.conclusion),
        "run_number": entry.number,
        "run_attempt": entry.attempt,
        "workflow_id": workflow_id(world, &entry.workflow),
        "check_suite_id": id,
        "check_suite_node_id": node_id("CheckSuite", id),
        "actor": place.user(&entry.actor),
        "triggering_actor": place.user(&entry.actor),
        "pull_requests": [],
        "referenced_workflows": [],
        "created_at": moment(entry.created_at),
        "updated_at": moment(entry.updated_at),
        "run_started_at": moment(entry.started_at.unwrap_or(entry.created_at)),
        "url": url,
        "html_url": place.web(format_args!("/actions/runs/{id}")),
        "jobs_url": format!("{url}/jobs"),
        "logs_url": format!("{url}/logs"),
        "check_suite_url": place.api(format_args!("/check-suites/{id}")),
        "artifacts_url": format!("{url}/artifacts"),
        "cancel_url": format!("{url}/cancel"),
        "rerun_url": format!("{url}/rerun"),
        "previous_attempt_url": null,
        "workflow_url": place.api(format_args!("/actions/workflows/{}", workflow_id(world, &entry.workflow))),
        "head_commit": {
            "id": entry.head_sha, "tree_id": entry.head_sha, "message": "", "timestamp": moment(entry.created_at),
            "author": identity, "committer": identity,
        },
        "repository": repository.clone(),
        "head_repository": repository,
    })
}

/// A job with its steps.
pub(crate) fn job(place: &Place, run: &RunEntry, entry: &JobEntry) -> Value {
    let job = &entry.job;
    let id = job.id;
    let step = |(index, step): (usize, &JobStep)| {
        json!({
            "name": step.name, "status": status(step.progress), "conclusion": conclusion(step.conclusion),
            "number": index + 1, "started_at": null, "completed_at": null,
        })
    };
    json!({
        "id": id,
        "node_id": node_id("Job", id),
        "run_id": entry.run,
        "run_attempt": entry.attempt,
        "run_url": place.api(format_args!("/actions/runs/{}", entry.run)),
        "workflow_name": run.name,
        "head_branch": run.branch,
        "head_sha": run.head_sha,
        "name": job.name,
        "status": status(job.progress),
        "conclusion": conclusion(job.conclusion),
        "created_at": moment(run.created_at),
        "started_at": moment(job.started_at.unwrap_or(run.created_at)),
        "completed_at": moment_or_null(job.completed_at),
        "steps": job.steps.iter().enumerate().map(step).collect::<Vec<_>>(),
        "url": place.api(format_args!("/actions/jobs/{id}")),
        "html_url": place.web(format_args!("/actions/runs/{}#job-{id}", entry.run)),
        "check_run_url": place.api(format_args!("/check-runs/{id}")),
        "labels": ["local"],
        "runner_id": 1,
        "runner_name": "local",
        "runner_group_id": 1,
        "runner_group_name": "local",
    })
}

/// An artifact of a run.
pub(crate) fn artifact(place: &Place, run: &RunEntry, index: usize, name: &str, artifact: &Artifact) -> Value {
    let id = run.id.0 * 1_000 + index as u64;
    let url = place.api(format_args!("/actions/artifacts/{id}"));
    let kept = std::time::Duration::from_secs(90 * 86_400);
    json!({
        "id": id,
        "node_id": node_id("Artifact", id),
        "name": name,
        "size_in_bytes": artifact.bytes,
        "url": url,
        "archive_download_url": format!("{url}/zip"),
        "expired": false,
        "created_at": moment(artifact.at),
        "updated_at": moment(artifact.at),
        "expires_at": moment(artifact.at + kept),
        "workflow_run": { "id": run.id, "head_branch": run.branch, "head_sha": run.head_sha },
    })
}
