//! What every page has: head, navigation, the headers that keep it harmless.

use axum::response::{Html, IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use maud::{DOCTYPE, Markup, html};

use crate::engine::snapshot::{Conclusion, Progress};
use crate::engine::time::Timestamp;
use crate::forge::http::json::Place;

/// Nothing runs, nothing is fetched from elsewhere, forms go back here only, and nobody frames the page.
const POLICY: &str = "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none'; \
                      frame-ancestors 'none'";

/// The style sheet.
pub(crate) const STYLE: &str = include_str!("style.css");

/// Where the style sheet is.
pub(crate) const STYLE_PATH: &str = "/_forge/style.css";

/// A whole page.
pub(crate) fn page(place: &Place, title: &str, content: Markup) -> Response {
    let markup = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) " · " (place.full_name()) }
                link rel="stylesheet" href=(STYLE_PATH);
            }
            body {
                header {
                    strong { (place.full_name()) }
                    nav { a href=(place.web("/issues")) { "Issues" } }
                    nav { a href=(place.web("/pulls")) { "Pull requests" } }
                    nav { a href=(place.web("/actions")) { "Runs" } }
                }
                main { (content) }
            }
        }
    };
    guarded(Html(markup.into_string()).into_response())
}

/// A page that says why something was not done.
pub(crate) fn notice(place: &Place, status: StatusCode, message: &str) -> Response {
    let content =
        html! { div.notice role="alert" { (message) } p { a href=(place.web("/issues")) { "Back to the issues" } } };
    let mut response = page(place, "Not done", content);
    *response.status_mut() = status;
    response
}

/// Puts the protecting headers on an answer.
pub(crate) fn guarded(mut response: Response) -> Response {
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "same-origin"),
        (header::CACHE_CONTROL, "no-store"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

/// A word for how something stands, coloured by it.
pub(crate) fn state(word: &str) -> Markup {
    html! { span class={ "state " (word) } { (word.replace('_', " ")) } }
}

/// How far, or how it ended.
pub(crate) fn progress(progress: Progress, ended: Option<Conclusion>) -> Markup {
    match (progress, ended) {
        (Progress::Queued, _) => state("queued"),
        (Progress::InProgress, _) => state("in_progress"),
        (Progress::Completed, Some(ended)) => state(&ended.to_string()),
        (Progress::Completed, None) => state("completed"),
    }
}

/// A moment, for reading.
pub(crate) fn moment(at: Timestamp) -> Markup {
    let text = at.seconds_text();
    html! { time datetime=(text) { (text.replace('T', " ").replace('Z', " UTC")) } }
}
