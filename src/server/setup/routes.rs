//! The addresses of the set-up and what happens at each.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Form, Query, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};

use crate::github::Error;
use crate::github::auth::{App, AppCredentials, CreatedApp, convert_manifest};
use crate::server::setup::manifest::{self, Wishes};
use crate::server::setup::pages::{self, Creation};
use crate::server::setup::session::{Choice, is_same, random_token};
use crate::server::setup::stored::{Reserved, StoredApp};
use crate::server::setup::{CREATED_PATH, Desk, SETUP_PATH};

/// Largest form, in bytes.
const FORM_BYTES_MAX: usize = 16 * 1024;
/// Where a request comes from, as browsers tell (W3C Fetch Metadata).
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
/// What is said to whoever is not let in.
const SHUT: &str = "This page is for the browser that opened the address which the program printed when it started. \
                    That address lets in one browser, once; end the program and start it again for a new one.";

type Fields = BTreeMap<String, String>;

/// All of them. What the server will serve later is not ready yet.
pub(super) fn router(desk: Arc<Desk>) -> Router {
    let unready = (StatusCode::SERVICE_UNAVAILABLE, "not ready: the server waits to be set up\n");
    Router::new()
        .route("/", get(async move || unready))
        .route("/healthz", get(async || "alive\n"))
        .route("/readyz", get(async move || unready))
        .route("/webhook", post(async move || unready))
        .route(SETUP_PATH, get(begin))
        .route("/setup/app", post(choose))
        .route(CREATED_PATH, get(created))
        .layer(DefaultBodyLimit::max(FORM_BYTES_MAX))
        .with_state(desk)
}

fn field<'f>(fields: &'f Fields, name: &str) -> &'f str {
    fields.get(name).map(String::as_str).unwrap_or_default()
}

impl Desk {
    fn show(&self, status: StatusCode, markup: maud::Markup) -> Response {
        pages::answer(status, markup, &self.web_url)
    }

    fn refuse(&self, status: StatusCode, message: &str, leads_back: bool) -> Response {
        self.show(status, pages::notice("Not done", message, leads_back))
    }

    fn shut(&self) -> Response {
        self.show(StatusCode::FORBIDDEN, pages::notice("Not let in", SHUT, false))
    }

    fn failed(&self, error: &dyn std::fmt::Display) -> Response {
        tracing::error!(%error, "the set-up cannot go on");
        self.refuse(StatusCode::INTERNAL_SERVER_ERROR, "Something failed here; the log says what.", true)
    }
}

/// `GET /setup`: lets the invited browser in, and shows it the first step.
async fn begin(State(desk): State<Arc<Desk>>, headers: HeaderMap, Query(query): Query<Fields>) -> Response {
    if let Some(address) = desk.own_address(&headers, field(&query, "token")) {
        // The cookie would belong to the other name; the invitation is kept for the address that GitHub leads back to.
        let mut response = Redirect::to(&address).into_response();
        pages::guard(&mut response);
        return response;
    }
    if let Some(form_token) = desk.session.form_token(&headers) {
        return match desk.first_wishes() {
            Ok(wishes) => desk.show(StatusCode::OK, pages::choose(&wishes, &[], &form_token)),
            Err(error) => desk.failed(&error),
        };
    }
    let cookie = match desk.session.enter(field(&query, "token")) {
        Ok(Some(cookie)) => cookie,
        Ok(None) => return desk.shut(),
        Err(error) => return desk.failed(&error),
    };
    let mut response = Redirect::to(SETUP_PATH).into_response();
    pages::guard(&mut response);
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
}

/// Whether a form was sent from a page of ours, as far as the browser tells; it has the token to show besides.
fn is_from_here(origin: &str, headers: &HeaderMap) -> bool {
    let fits = |name: HeaderName, allowed: &[&str]| {
        headers.get_all(name).iter().all(|told| told.to_str().is_ok_and(|told| allowed.contains(&told)))
    };
    fits(header::ORIGIN, &[origin]) && fits(FETCH_SITE, &["same-origin", "none"])
}

/// `POST /setup/app`: checks what was chosen, and shows the way to GitHub.
async fn choose(State(desk): State<Arc<Desk>>, headers: HeaderMap, Form(fields): Form<Fields>) -> Response {
    let Some(form_token) = desk.session.form_token(&headers) else { return desk.shut() };
    if !is_from_here(&desk.origin, &headers) || !is_same(field(&fields, "token"), &form_token) {
        let message = "This form was not sent from the page as it stands now. Nothing was done.";
        return desk.refuse(StatusCode::FORBIDDEN, message, true);
    }
    let text = |name: &str| field(&fields, name).to_owned();
    let told = Wishes { name: text("name"), organization: text("organization"), address: text("address") };
    let wishes = match told.checked() {
        Ok(wishes) => wishes,
        Err(mistakes) => {
            let page = pages::choose(&told, &mistakes, &form_token);
            return desk.show(StatusCode::UNPROCESSABLE_ENTITY, page);
        }
    };
    let manifest = match manifest::filled(&wishes, &format!("{}{CREATED_PATH}", desk.origin)) {
        Ok(manifest) => manifest,
        Err(error) => return desk.failed(&error),
    };
    let organization = Some(wishes.organization).filter(|name| !name.is_empty());
    let choice = Choice { organization: organization.clone(), hears: !wishes.address.is_empty() };
    let state = match desk.session.begin(choice, desk.transport.now()) {
        Ok(state) => state,
        Err(error) => return desk.failed(&error),
    };
    let target = format!("{}/apps/new?state={state}", desk.settings_url(organization.as_deref()));
    let owner = organization.unwrap_or_else(|| "your own account".to_owned());
    let creation = Creation { target: &target, manifest: &manifest, owner: &owner };
    desk.show(StatusCode::OK, pages::create(&creation))
}

/// `GET /setup/created`: where GitHub leads back to, with a code for the App.
async fn created(State(desk): State<Arc<Desk>>, headers: HeaderMap, Query(query): Query<Fields>) -> Response {
    if desk.session.form_token(&headers).is_none() {
        return desk.shut();
    }
    let Some(choice) = desk.session.take(field(&query, "state"), desk.transport.now()) else {
        let message = "GitHub led back here with a state that is not the one this page began with, that was used \
                       already, or that is older than an hour. Nothing was taken from it.";
        return desk.refuse(StatusCode::FORBIDDEN, message, true);
    };
    // Whether the key can be kept is found out before GitHub gives it, which it does once.
    let reserved = match Reserved::make(&desk.state) {
        Ok(reserved) => reserved,
        Err(error) => {
            tracing::error!(%error, "the App's key could not be kept, so that it was not fetched");
            return desk.refuse(StatusCode::INTERNAL_SERVER_ERROR, &desk.unkept(&choice), true);
        }
    };
    let made = match convert_manifest(&desk.transport, field(&query, "code")).await {
        Ok(made) => made,
        Err(error) => {
            tracing::error!(%error, "GitHub did not hand over the new App");
            return desk.refuse(StatusCode::BAD_GATEWAY, &desk.not_handed_over(&error, &choice), true);
        }
    };
    let (slug, address) = (made.slug.clone(), desk.install_url(&made));
    if let Err(message) = keep(&desk, reserved, made) {
        tracing::error!(message, "the new App is not kept");
        return desk.refuse(StatusCode::INTERNAL_SERVER_ERROR, &desk.unkept(&choice), true);
    }
    tracing::info!(slug, "the App is created, and its key is kept");
    let mut response = desk.show(StatusCode::OK, pages::install(&slug, &address, choice.hears, desk.offers));
    // The server itself takes over the address.
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    desk.is_done.send_replace(true);
    response
}

/// Puts the new App where the next start finds it.
fn keep(desk: &Desk, reserved: Reserved, made: CreatedApp) -> Result<(), String> {
    let secret = match made.webhook_secret {
        Some(secret) => secret,
        // Without a webhook nothing is signed: with a secret that nobody knows, nothing is believed.
        None => random_token().map_err(|error| error.to_string())?.into(),
    };
    let credentials = AppCredentials { app_id: made.id.to_string(), key: made.key };
    // A key that cannot be read is found here, not at the next start.
    App::new(Arc::clone(&desk.transport), &credentials).map_err(|error| error.to_string())?;
    let app = StoredApp { credentials, webhook_secret: secret };
    reserved.keep(&desk.api_url, made.id, &app).map_err(|error| error.to_string())
}

impl Desk {
    fn unkept(&self, choice: &Choice) -> String {
        format!(
            "The App is created, but its key could not be kept; the log says why. Delete the App at {}/apps, mend it, \
             and begin again.",
            self.settings_url(choice.organization.as_deref())
        )
    }

    fn not_handed_over(&self, error: &Error, choice: &Choice) -> String {
        let settings = self.settings_url(choice.organization.as_deref());
        if error.leaves_doubt() {
            return format!(
                "GitHub did not answer with the new App ({error}). If it stands at {settings}/apps, delete it there: \
                 its key is lost. Then begin again."
            );
        }
        format!(
            "GitHub did not take the code that it led back with ({error}); it is good once, and for an hour. If the \
             App stands at {settings}/apps, delete it there. Then begin again."
        )
    }
}
