//! The pages of the set-up: plain HTML, no script, nothing from elsewhere. No secret is ever handed to this module.

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse as _, Response};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::server::setup::manifest::{NAME_CHARACTERS_MAX, Wishes};

/// The style sheet. It stands in each page: when the last one is shown, nothing more is served.
const STYLE: &str = include_str!("style.css");
/// The steps, as the person sees them.
const STEPS: [&str; 3] = ["Choose", "Create at GitHub", "Install"];

/// How far the person has come, from 0; nothing: nowhere.
type Step = Option<usize>;

/// What the page on which the App is created shows.
pub(super) struct Creation<'a> {
    /// Where the form goes, with the state in it.
    pub(super) target: &'a str,
    /// What it carries.
    pub(super) manifest: &'a Value,
    /// Who will own the App, in words.
    pub(super) owner: &'a str,
}

fn page(title: &str, step: Step, content: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) " · task-orchestrator" }
                link rel="icon" href="data:,";
                style { (PreEscaped(STYLE)) }
            }
            body {
                main {
                    @if step.is_some() {
                        ol.steps aria-label="Steps" {
                            @for (index, name) in STEPS.iter().enumerate() {
                                li aria-current=[(step == Some(index)).then_some("step")] { (index + 1) ". " (name) }
                            }
                        }
                    }
                    h1 { (title) }
                    (content)
                }
            }
        }
    }
}

/// Puts a page into an answer, with the headers that keep it harmless: nothing runs, forms go back here or to GitHub,
/// nobody frames it, nobody keeps it, and of its address others hear the host alone.
pub(super) fn answer(status: StatusCode, markup: Markup, web_origin: &str) -> Response {
    let style = BASE64_STANDARD.encode(Sha256::digest(STYLE));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{style}'; img-src data:; form-action 'self' {web_origin}; \
         base-uri 'none'; frame-ancestors 'none'"
    );
    let mut response = (status, Html(markup.into_string())).into_response();
    let policy = HeaderValue::from_str(&policy).unwrap_or(HeaderValue::from_static("default-src 'none'"));
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    guard(&mut response);
    response
}

/// The headers that every answer of the set-up has.
pub(super) fn guard(response: &mut Response) {
    const OPENER: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "strict-origin"),
        (header::CACHE_CONTROL, "no-store"),
        (OPENER, "same-origin"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
}

/// The first step: what to create.
pub(super) fn choose(wishes: &Wishes, mistakes: &[String], form_token: &str) -> Markup {
    let content = html! {
        p {
            "This server has no GitHub App yet. It takes three steps: choose below, create the App at GitHub, install "
            "it on your repositories. The App's key goes from GitHub to this server and is shown nowhere."
        }
        @if !mistakes.is_empty() {
            div.notice role="alert" { @for mistake in mistakes { p { (mistake) } } }
        }
        form method="post" action="/setup/app" {
            input type="hidden" name="token" value=(form_token);
            label for="name" { "Name of the App" }
            p.hint id="name-hint" { "It comments and opens pull requests by this name. No other App may have it." }
            input type="text" id="name" name="name" value=(wishes.name) required maxlength=(NAME_CHARACTERS_MAX)
                autocomplete="off" aria-describedby="name-hint";
            label for="organization" { "Organisation (optional)" }
            p.hint id="organization-hint" {
                "The organisation that is to own the App, as in its address. Left empty, your own account owns it. "
                "The App can be installed on its owner's repositories only."
            }
            input type="text" id="organization" name="organization" value=(wishes.organization) autocomplete="off"
                spellcheck="false" aria-describedby="organization-hint";
            label for="address" { "Address at which GitHub reaches this server (optional)" }
            p.hint id="address-hint" {
                "Such as https://orchestrator.example.com: the reverse proxy in front of it. GitHub then tells what "
                "happens by webhook. Left empty, this server looks by itself, about once a minute."
            }
            input type="url" id="address" name="address" value=(wishes.address) autocomplete="off"
                aria-describedby="address-hint";
            button type="submit" { "Go on" }
        }
    };
    page("Set up this server", Some(0), &content)
}

/// The second step: what the App will be, and the way to GitHub.
pub(super) fn create(creation: &Creation<'_>) -> Markup {
    let manifest = creation.manifest;
    let hook = manifest["hook_attributes"]["url"].as_str();
    let permissions = manifest["default_permissions"].as_object().into_iter().flatten();
    let content = html! {
        p { "GitHub shows the same once more and asks you to confirm it. Nothing is created before that." }
        dl {
            div { dt { "Name" } dd { (manifest["name"].as_str().unwrap_or_default()) } }
            div { dt { "Owner" } dd { (creation.owner) } }
            div { dt { "Webhooks" } dd { (hook.unwrap_or("none: this server looks by itself")) } }
        }
        h2 { "What it may do" }
        ul.list {
            @for (name, level) in permissions {
                li { (name.replace('_', " ")) ": " (level.as_str().unwrap_or_default()) }
            }
        }
        p { "It cannot change workflow files, settings, secrets or members." }
        form method="post" action=(creation.target) {
            input type="hidden" name="manifest" value=(manifest.to_string());
            button type="submit" { "Create GitHub App" }
            a.other href="/setup" { "Change something" }
        }
    };
    page("Create the App at GitHub", Some(1), &content)
}

/// The third step: the App is there and its key is kept; `address` is where it is installed.
/// `offers`: whether a chosen repository is offered its first files.
pub(super) fn install(slug: &str, address: &str, hears: bool, offers: bool) -> Markup {
    let found = if hears {
        "It is noticed at once."
    } else {
        "It is noticed within ten minutes, or at once when this server is started again."
    };
    let content = html! {
        p { "The App " strong { (slug) } " is there, its key is kept, and this server works with it from now on." }
        p {
            "Install it on the repositories that it is to serve. " (found)
            @if offers {
                " Choose them by name: each gets one pull request that offers the first files and says what is next."
            }
            " Nothing is changed before you ask for it."
        }
        a.button href=(address) { "Install" }
    };
    page("The App is created", Some(2), &content)
}

/// Why something was not done, and where to go on.
pub(super) fn notice(title: &str, message: &str, leads_back: bool) -> Markup {
    let content = html! {
        div.notice role="alert" { p { (message) } }
        @if leads_back { p { a href="/setup" { "Begin again" } } }
    };
    page(title, None, &content)
}
