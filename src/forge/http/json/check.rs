//! Check runs, check suites and commit statuses.

use serde_json::{Value, json};

use crate::engine::id::Sha;
use crate::engine::snapshot::Conclusion;
use crate::forge::http::json::repository::minimal;
use crate::forge::http::json::{Place, conclusion, moment, moment_or_null, node_id, status};
use crate::forge::world::World;
use crate::forge::world::state::{CheckEntry, StatusEntry};

fn app(place: &Place, slug: &str) -> Value {
    let id = if slug == place.app_slug { place.app_id } else { place.app_id + 1 };
    let begun = "2026-01-01T00:00:00Z";
    json!({
        "id": id, "slug": slug, "node_id": node_id("App", id), "name": slug, "description": null,
        "owner": place.account(&place.owner, "User"), "external_url": place.base,
        "html_url": format!("{}/apps/{slug}", place.base), "created_at": begun, "updated_at": begun,
        "permissions": {}, "events": [],
    })
}

/// A check run.
pub(crate) fn check_run(place: &Place, entry: &CheckEntry) -> Value {
    let check = &entry.check;
    let id = check.id;
    let url = place.api(format_args!("/check-runs/{id}"));
    let details = match (check.run, check.job) {
        (Some(run), Some(job)) => place.web(format_args!("/actions/runs/{run}/job/{job}")),
        (Some(run), None) => place.web(format_args!("/actions/runs/{run}")),
        (None, _) => place.web(format_args!("/runs/{id}")),
    };
    json!({
        "id": id,
        "node_id": node_id("CheckRun", id),
        "name": check.name,
        "head_sha": entry.sha,
        "external_id": "",
        "status": status(check.progress),
        "conclusion": conclusion(check.conclusion),
        "started_at": moment(entry.started_at),
        "completed_at": moment_or_null(entry.completed_at),
        "url": url,
        "html_url": place.web(format_args!("/runs/{id}")),
        "details_url": details,
        "check_suite": { "id": check.run.map_or(id.0, |run| run.0) },
        "app": app(place, &check.app),
        "pull_requests": [],
        "output": {
            "title": check.name, "summary": check.summary, "text": entry.log, "annotations_count": 0,
            "annotations_url": format!("{url}/annotations"),
        },
    })
}

/// What a completed suite is told with.
pub(crate) fn check_suite(place: &Place, world: &World, sha: &Sha, slug: &str) -> Value {
    let runs: Vec<_> = world.checks_of(sha).filter(|entry| entry.check.app == slug).collect();
    let passes = runs.iter().all(|entry| entry.check.conclusion.is_some_and(Conclusion::passes));
    let id = runs.first().map_or(0, |entry| entry.check.id.0);
    json!({
        "id": id, "node_id": node_id("CheckSuite", id), "head_sha": sha, "head_branch": null, "status": "completed",
        "conclusion": if passes { "success" } else { "failure" }, "app": app(place, slug), "pull_requests": [],
        "url": place.api(format_args!("/check-suites/{id}")), "before": null, "after": sha,
        "latest_check_runs_count": runs.len(),
        "check_runs_url": place.api(format_args!("/check-suites/{id}/check-runs")),
        "created_at": moment_or_null(runs.first().map(|entry| entry.started_at)),
        "updated_at": moment_or_null(runs.last().and_then(|entry| entry.completed_at)),
    })
}

fn status_state(ended: Option<Conclusion>) -> &'static str {
    match ended {
        None => "pending",
        Some(ended) if ended.passes() => "success",
        Some(_) => "failure",
    }
}

/// A commit status.
fn commit_status(place: &Place, index: usize, entry: &StatusEntry) -> Value {
    json!({
        "id": index + 1,
        "node_id": node_id("Status", index + 1),
        "url": place.api(format_args!("/statuses/{}", entry.sha)),
        "state": status_state(entry.status.conclusion),
        "context": entry.status.context,
        "description": entry.status.description,
        "target_url": null,
        "avatar_url": null,
        "created_at": moment(entry.at),
        "updated_at": moment(entry.at),
    })
}

/// The combined status of a commit: the newest of each context.
pub(crate) fn combined_status(place: &Place, world: &World, sha: &Sha) -> Value {
    let newest: std::collections::BTreeMap<&str, &StatusEntry> =
        world.statuses_of(sha).map(|entry| (entry.status.context.as_str(), entry)).collect();
    let states: Vec<&str> = newest.values().map(|entry| status_state(entry.status.conclusion)).collect();
    let state = if states.contains(&"failure") {
        "failure"
    } else if states.is_empty() || states.contains(&"pending") {
        "pending"
    } else {
        "success"
    };
    json!({
        "state": state,
        "sha": sha,
        "total_count": newest.len(),
        "statuses":
            newest.values().enumerate().map(|(index, entry)| commit_status(place, index, entry)).collect::<Vec<_>>(),
        "repository": minimal(place, world),
        "commit_url": place.api(format_args!("/commits/{sha}")),
        "url": place.api(format_args!("/commits/{sha}/status")),
    })
}
