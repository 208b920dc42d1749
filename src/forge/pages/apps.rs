//! GitHub's pages for Apps, as far as a new one needs them: confirming a manifest, and installing the App.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::{Form, Path, State};
use axum::response::{IntoResponse as _, Redirect, Response};
use http::{HeaderValue, StatusCode, Uri, header};
use maud::html;

use crate::forge::http::hub::Hub;
use crate::forge::http::query_of;
use crate::forge::http::registration::Manifest;
use crate::forge::pages::guard::{Submitted, Visitor};
use crate::forge::pages::layout::{Frame, Section, guarded, notice, page, policy};
use crate::forge::world::administration::EVENTS;

/// Where a confirmed manifest goes.
pub(crate) const CONFIRM_PATH: &str = "/settings/apps/manifest";

const UNPROCESSABLE: StatusCode = StatusCode::UNPROCESSABLE_ENTITY;

fn elsewhere(title: &str) -> Frame<'_> {
    Frame { title, section: Section::Elsewhere, follows: false }
}

fn read(hub: &Hub, text: &str) -> Result<Manifest, String> {
    let held = hub.look(|world| world.setup().app_permissions.clone());
    Manifest::read(text, &held, EVENTS)
}

/// `POST /settings/apps/new`: sent from another site, which GitHub allows here; so nothing is done but to show it.
pub(crate) async fn ask(
    State(hub): State<Arc<Hub>>,
    visitor: Visitor,
    uri: Uri,
    Form(fields): Form<BTreeMap<String, String>>,
) -> Response {
    let text = fields.get("manifest").map(String::as_str).unwrap_or_default();
    let manifest = match read(&hub, text) {
        Ok(manifest) => manifest,
        Err(message) => return notice(&hub.place, UNPROCESSABLE, &message),
    };
    let query = query_of(&uri);
    let content = html! {
        h1 { "Create GitHub App" }
        p { "For " strong { (hub.place.owner) } ": " (manifest.name.as_deref().unwrap_or(&hub.place.app_slug)) }
        @if let Some(description) = &manifest.description { p.quiet { (description) } }
        form method="post" action=(CONFIRM_PATH) {
            input type="hidden" name="token" value=(visitor.session.form_token);
            input type="hidden" name="manifest" value=(text);
            @if let Some(state) = query.get("state") { input type="hidden" name="state" value=(state); }
            button type="submit" { "Create GitHub App" }
        }
    };
    let mut response = page(&hub.place, elsewhere("Create GitHub App"), content);
    // The answer to the form leads back to whoever sent the manifest, and browsers hold that against the policy, too.
    if let Some((_, origin)) = manifest.way_back("", None)
        && let Ok(policy) = HeaderValue::from_str(&policy(&format!("'self' {origin}")))
    {
        response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response
}

/// The same for an organisation, which must be the one that the repository is of.
pub(crate) async fn ask_for_organization(
    State(hub): State<Arc<Hub>>,
    Path(organization): Path<String>,
    visitor: Visitor,
    uri: Uri,
    form: Form<BTreeMap<String, String>>,
) -> Response {
    if !organization.eq_ignore_ascii_case(&hub.place.owner) {
        return notice(&hub.place, StatusCode::NOT_FOUND, "There is no such organisation here.");
    }
    ask(State(hub), visitor, uri, form).await
}

/// `POST /settings/apps/manifest`: the person has confirmed it, and is led back with a code.
pub(crate) async fn confirm(State(hub): State<Arc<Hub>>, Submitted(fields): Submitted) -> Response {
    let text = fields.get("manifest").map(String::as_str).unwrap_or_default();
    let manifest = match read(&hub, text) {
        Ok(manifest) => manifest,
        Err(message) => return notice(&hub.place, UNPROCESSABLE, &message),
    };
    let code = match hub.registration.confirm(manifest.clone(), hub.clock.now()) {
        Ok(code) => code,
        Err(error) => return notice(&hub.place, StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
    };
    match manifest.way_back(&code, fields.get("state").map(String::as_str)) {
        Some((address, _)) => guarded(Redirect::to(&address).into_response()),
        None => notice(&hub.place, UNPROCESSABLE, "The manifest has no `redirect_url` to lead back to."),
    }
}

/// `GET /apps/{slug}/installations/new`
pub(crate) async fn installation(State(hub): State<Arc<Hub>>, Path(slug): Path<String>, visitor: Visitor) -> Response {
    if slug != hub.place.app_slug {
        return notice(&hub.place, StatusCode::NOT_FOUND, "There is no such App here.");
    }
    let content = html! {
        h1 { "Install " (slug) }
        p { "On " strong { (hub.place.full_name()) } "." }
        form method="post" action={ "/apps/" (slug) "/installations" } {
            input type="hidden" name="token" value=(visitor.session.form_token);
            button type="submit" { "Install" }
        }
    };
    page(&hub.place, elsewhere("Install"), content)
}

/// `POST /apps/{slug}/installations`
pub(crate) async fn install(State(hub): State<Arc<Hub>>, Submitted(_): Submitted) -> Response {
    if hub.registration.install()
        && let Err(message) = hub.tell_installed().await
    {
        return notice(&hub.place, StatusCode::INTERNAL_SERVER_ERROR, &message);
    }
    let address = format!("/settings/installations/{}", hub.place.installation_id);
    guarded(Redirect::to(&address).into_response())
}

/// `GET /settings/installations/{id}`
pub(crate) async fn installed(State(hub): State<Arc<Hub>>, _visitor: Visitor) -> Response {
    let is_installed = hub.registration.is_installed();
    let content = html! {
        h1 { (hub.place.app_slug) }
        p { @if is_installed { "Installed on " } @else { "Not installed on " } strong { (hub.place.full_name()) } "." }
    };
    page(&hub.place, elsewhere("Installation"), content)
}
