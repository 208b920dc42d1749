//! The forge in a browser, for the local owner: issues with the tracking issue first, pull requests with their changes,
//! runs with their logs, and forms to comment, tick, label, merge and close. Plain HTML: no script, nothing from
//! elsewhere.

mod act;
mod apps;
mod diagram;
mod guard;
mod issues;
mod layout;
mod markdown;
mod run;
pub(crate) mod session;
#[cfg(test)]
mod tests;
mod thread;

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use http::{StatusCode, header};

use crate::forge::http::hub::Hub;

async fn style() -> Response {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], layout::STYLE).into_response()
}

async fn front(State(hub): State<Arc<Hub>>) -> Redirect {
    Redirect::to(&hub.place.web("/issues"))
}

async fn missing(State(hub): State<Arc<Hub>>, _visitor: guard::Visitor) -> Response {
    layout::notice(&hub.place, StatusCode::NOT_FOUND, "There is no such page here.")
}

/// The pages below `home` (`/owner/name`), the way in, and the style sheet.
pub(crate) fn router(home: &str) -> Router<Arc<Hub>> {
    Router::new()
        .route("/", get(front))
        .route("/login", get(guard::log_in))
        .route(layout::STYLE_PATH, get(style))
        .route("/settings/apps/new", post(apps::ask))
        .route("/organizations/{organization}/settings/apps/new", post(apps::ask_for_organization))
        .route(apps::CONFIRM_PATH, post(apps::confirm))
        .route("/apps/{slug}/installations/new", get(apps::installation))
        .route("/apps/{slug}/installations", post(apps::install))
        .route("/settings/installations/{id}", get(apps::installed))
        .route(home, get(front))
        .route(&format!("{home}/issues"), get(issues::issues))
        .route(&format!("{home}/issues/{{number}}"), get(thread::issue))
        .route(&format!("{home}/pulls"), get(issues::pulls))
        .route(&format!("{home}/pull/{{number}}"), get(thread::pull))
        .route(&format!("{home}/actions"), get(issues::runs))
        .route(&format!("{home}/actions/runs/{{run}}"), get(run::show))
        .route(&format!("{home}/act/{{number}}/{{verb}}"), post(act::submit))
        .route(&format!("{home}/{{*rest}}"), get(missing))
}
