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

/// The same, where forms go to these.
pub(crate) fn policy(forms: &str) -> String {
    POLICY.replace("form-action 'self'", &format!("form-action {forms}"))
}

/// The style sheet.
pub(crate) const STYLE: &str = include_str!("style.css");

/// Where the style sheet is.
pub(crate) const STYLE_PATH: &str = "/_forge/style.css";

/// Seconds after which a page that follows what goes on is loaded again.
const FRESH_SECONDS: u8 = 3;

/// The list that a page belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Section {
    /// Issues.
    Issues,
    /// Pull requests.
    Pulls,
    /// Runs.
    Runs,
    /// None of them.
    Elsewhere,
}

/// What is above and around a page's content.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frame<'a> {
    /// The window's title.
    pub(crate) title: &'a str,
    /// Where it belongs.
    pub(crate) section: Section,
    /// Whether it loads itself again after a few seconds.
    pub(crate) follows: bool,
}

/// A whole page.
pub(crate) fn page(place: &Place, frame: Frame<'_>, content: Markup) -> Response {
    let lists = [
        (Section::Issues, "/issues", "Issues"),
        (Section::Pulls, "/pulls", "Pull requests"),
        (Section::Runs, "/actions", "Runs"),
    ];
    let navigation = html! {
        nav {
            @for (section, path, word) in lists {
                a href=(place.web(path)) aria-current=[(section == frame.section).then_some("page")] { (word) }
            }
        }
    };
    whole(place, frame, &navigation, &content)
}

fn whole(place: &Place, frame: Frame<'_>, navigation: &Markup, content: &Markup) -> Response {
    let markup = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                @if frame.follows { meta http-equiv="refresh" content=(FRESH_SECONDS); }
                title { (frame.title) " · " (place.full_name()) }
                link rel="icon" href="data:,";
                link rel="stylesheet" href=(STYLE_PATH);
            }
            body {
                header { strong { (place.full_name()) } (navigation) }
                main { (content) }
            }
        }
    };
    guarded(Html(markup.into_string()).into_response())
}

/// A page that says why something was not done, and leads back.
pub(crate) fn notice(place: &Place, status: StatusCode, message: &str) -> Response {
    let title = if status == StatusCode::NOT_FOUND { "Not found" } else { "Not done" };
    let content = html! {
        h1 { (title) }
        div.notice role="alert" { (message) }
        p { a href=(place.web("/issues")) { "Go to the issues" } }
    };
    let mut response = page(place, Frame { title, section: Section::Elsewhere, follows: false }, content);
    *response.status_mut() = status;
    response
}

/// The page for whoever is not let in: what is wrong, and how to get in.
pub(crate) fn shut(place: &Place, status: StatusCode, message: &str) -> Response {
    let frame = Frame { title: "Not logged in", section: Section::Elsewhere, follows: false };
    let content = html! {
        h1 { (frame.title) }
        div.notice role="alert" { (message) }
        p {
            "The program prints an address when it starts, on the line that begins with " code { "Pages" }
            ". It lets in one browser, once. For another one, end the program with Ctrl-C and give the same command "
            "again: with the same state it goes on where it was, and prints a new address."
        }
    };
    let mut response = whole(place, frame, &html! {}, &content);
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
