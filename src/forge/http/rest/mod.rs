//! The REST side at GitHub's own paths: one file per resource. Each handler checks the token's permission, then reads
//! the world or sends it one request.

mod actions;
mod administration;
mod app;
mod checks;
mod comments;
mod contents;
mod deliveries;
mod issues;
mod logs;
mod manifest;
mod objects;
mod pulls;
mod refs;
mod relations;
mod repository;

pub(crate) use crate::forge::http::rest::pulls::git_side;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use axum::routing::{delete, get, patch, post, put};

use crate::forge::http::auth::require_token;
use crate::forge::http::graphql;
use crate::forge::http::hub::Hub;

/// Largest body of an API call, in bytes.
const BODY_BYTES_MAX: usize = 25 * 1024 * 1024;

/// Routes that take an installation's or job's token.
fn with_token(hub: &Arc<Hub>) -> Router<Arc<Hub>> {
    Router::new()
        .route("/graphql", post(graphql::answer))
        .route("/rate_limit", get(repository::rate_limit))
        .route("/installation/token", delete(app::revoke))
        .route("/installation/repositories", get(app::repositories))
        .nest("/repos/{owner}/{repository}", issue_routes().merge(git_routes()).merge(run_routes()).merge(set_routes()))
        .route("/repos/{owner}/{repository}", get(repository::get))
        .route_layer(from_fn_with_state(Arc::clone(hub), require_token))
}

fn issue_routes() -> Router<Arc<Hub>> {
    Router::new()
        .route("/collaborators/{login}/permission", get(repository::permission))
        .route("/issues", get(issues::list).post(issues::create))
        .route("/issues/{number}", get(issues::get).patch(issues::update))
        .route("/issues/{number}/timeline", get(issues::timeline))
        .route("/issues/{number}/dependencies/blocked_by", get(relations::blocked_by).post(relations::block))
        .route("/issues/{number}/dependencies/blocked_by/{id}", delete(relations::unblock))
        .route("/issues/{number}/sub_issues", get(relations::sub_issues))
        .route("/issues/{number}/comments", get(comments::of_issue).post(comments::create))
        .route("/issues/comments", get(comments::list))
        .route("/issues/comments/{comment}", get(comments::get).delete(comments::delete))
        .route("/issues/comments/{comment}/reactions", post(comments::react))
        .route("/pulls", get(pulls::list).post(pulls::create))
        .route("/pulls/{number}", get(pulls::get).patch(pulls::update))
        .route("/pulls/{number}/merge", put(pulls::merge))
        .route("/merges", post(pulls::merge_branch))
}

fn git_routes() -> Router<Arc<Hub>> {
    Router::new()
        .route("/git/ref/{*name}", get(refs::get))
        .route("/git/matching-refs/{*prefix}", get(refs::matching))
        .route("/git/refs", post(refs::create))
        .route("/git/refs/{*name}", patch(refs::update).delete(refs::delete))
        .route("/git/blobs", post(objects::create_blob))
        .route("/git/blobs/{sha}", get(objects::get_blob))
        .route("/git/trees", post(objects::create_tree))
        .route("/git/trees/{name}", get(objects::get_tree))
        .route("/git/commits", post(objects::create_commit))
        .route("/git/commits/{sha}", get(objects::get_commit))
        .route("/contents/{*path}", get(contents::get))
}

fn run_routes() -> Router<Arc<Hub>> {
    Router::new()
        .route("/actions/workflows/{file}/dispatches", post(actions::dispatch))
        .route("/actions/workflows/{file}/enable", put(actions::enable))
        .route("/actions/workflows/{file}/disable", put(actions::disable))
        .route("/actions/workflows/{file}/runs", get(actions::runs_of_workflow))
        .route("/actions/runs", get(actions::runs))
        .route("/actions/runs/{run}", get(actions::run))
        .route("/actions/runs/{run}/jobs", get(actions::jobs))
        .route("/actions/runs/{run}/artifacts", get(actions::artifacts))
        .route("/actions/runs/{run}/cancel", post(actions::cancel))
        .route("/actions/runs/{run}/force-cancel", post(actions::force_cancel))
        .route("/actions/runs/{run}/rerun-failed-jobs", post(actions::rerun_failed))
        .route("/actions/jobs/{job}", get(actions::job))
        .route("/actions/jobs/{job}/logs", get(logs::redirect))
        .route("/commits/{sha}/check-runs", get(checks::of_commit))
        .route("/commits/{sha}/status", get(checks::status_of_commit))
        .route("/check-runs", post(checks::create))
        .route("/check-runs/{id}", get(checks::get).patch(checks::update))
}

/// What administrators have set.
fn set_routes() -> Router<Arc<Hub>> {
    Router::new()
        .route("/labels/{name}", get(administration::label))
        .route("/rules/branches/{*branch}", get(administration::rules))
        .route("/rulesets/{id}", get(administration::ruleset))
        .route("/branches/{branch}", get(administration::branch))
        .route("/branches/{branch}/protection", get(administration::protection))
        .route("/actions/workflows/{file}", get(administration::workflow))
        .route("/actions/permissions", get(administration::actions))
        .route("/actions/permissions/workflow", get(administration::token_rights))
        .route("/actions/permissions/selected-actions", get(administration::selected_actions))
        .route("/actions/secrets", get(administration::secrets))
        .route("/actions/organization-secrets", get(administration::organization_secrets))
        .route("/environments/{environment}/secrets", get(administration::environment_secrets))
        .route("/actions/variables", get(administration::variables))
}

/// All of the API.
pub(crate) fn router(hub: &Arc<Hub>) -> Router<Arc<Hub>> {
    Router::new()
        .route("/app", get(app::get))
        .route("/app/installations", get(app::installations))
        .route("/app/installations/{id}", get(app::installation))
        .route("/app/installations/{id}/access_tokens", post(app::create_token))
        .route("/app-manifests/{code}/conversions", post(manifest::convert))
        .route("/app/hook/config", get(administration::hook))
        .route("/app/hook/deliveries", get(deliveries::list))
        .route("/app/hook/deliveries/{id}/attempts", post(deliveries::again))
        .route("/repos/{owner}/{repository}/installation", get(app::installation_of_repository))
        .route("/_logs/{job}", get(logs::show))
        .merge(with_token(hub))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
}
