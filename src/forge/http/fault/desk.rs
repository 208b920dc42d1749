//! Where every request of the App passes on its way in and every answer on its way out.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use http::request::Parts;
use http::{HeaderMap, Method, StatusCode};

use crate::engine::time::Timestamp;
use crate::forge::http::failure::Failure;
use crate::forge::http::fault::{Fault, Faults, LIMIT_SECONDS, RUNS_BEFORE_MAX};
use crate::forge::http::hub::Hub;

/// Largest body of a dispatch, or of an answer that may be shown again, in bytes.
const BODY_BYTES_MAX: usize = 1024 * 1024;
/// How old an answer may be that is shown again.
const LAG_MAX: Duration = Duration::from_secs(1);
/// What comes so soon after a limit was told had left before that was heard.
const ON_THE_WAY: Duration = Duration::from_millis(100);
/// Most answers that are kept for it.
const VIEWS_MAX: usize = 2_000;

/// An answer that may be shown again.
#[derive(Clone, Debug)]
pub(super) struct View {
    at: Timestamp,
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl View {
    fn response(self) -> Response {
        let mut response = (self.status, self.body).into_response();
        *response.headers_mut() = self.headers;
        response
    }
}

/// Whose calls are counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Bucket {
    App,
    Installation,
}

/// A limit that somebody was told of.
#[derive(Debug)]
pub(super) struct Limit {
    told_at: Timestamp,
    until: Timestamp,
    told_to: String,
}

fn is_of_app_itself(path: &str) -> bool {
    path == "/app" || path.starts_with("/app/") || path.ends_with("/installation")
}

/// Lets a request through as the faults of the forge have it; one without faults lets everything through.
pub(crate) async fn meet(State(hub): State<Arc<Hub>>, request: Request, next: Next) -> Response {
    let Some(faults) = hub.faults().filter(|_| hub.is_of_the_app(request.headers())) else {
        return next.run(request).await;
    };
    let is_dispatch = request.method() == Method::POST && request.uri().path().ends_with("/dispatches");
    if let Some(refusal) = faults.slows_down(&request, hub.clock.now()) {
        return refusal;
    }
    if is_dispatch {
        return dispatch(&faults, request, next).await;
    }
    if faults.strikes(Fault::CallFailed) {
        return faults.no_answer();
    }
    let answer = if request.method() == Method::GET && !request.uri().path().contains(".git/") {
        read(&faults, &hub, request, next).await
    } else {
        next.run(request).await
    };
    if faults.strikes(Fault::AnswerLost) {
        return faults.no_answer();
    }
    answer
}

/// A read; where it lags, its answer is one that was true a moment ago.
async fn read(faults: &Faults, hub: &Hub, request: Request, next: Next) -> Response {
    let (name, now) = (request.uri().to_string(), hub.clock.now());
    let shown = faults.state().views.get(&name).filter(|view| now.since(view.at) <= LAG_MAX).cloned();
    if let Some(view) = shown
        && faults.strikes(Fault::ReadLag)
    {
        return view.response();
    }
    let answer = next.run(request).await;
    if answer.status() == StatusCode::NOT_MODIFIED {
        if let Some(view) = faults.state().views.get_mut(&name) {
            view.at = now;
        }
        return answer;
    }
    if !matches!(answer.status(), StatusCode::OK | StatusCode::NOT_FOUND) {
        return answer;
    }
    let (parts, body) = answer.into_parts();
    let Ok(body) = to_bytes(body, BODY_BYTES_MAX).await else { return cut() };
    let view = View { at: now, status: parts.status, headers: parts.headers.clone(), body: body.clone() };
    let views = &mut faults.state().views;
    if views.len() >= VIEWS_MAX {
        views.retain(|_, view| now.since(view.at) <= LAG_MAX);
    }
    views.insert(name, view);
    Response::from_parts(parts, Body::from(body))
}

/// A dispatch: refused, carried out once or twice, or late.
async fn dispatch(faults: &Arc<Faults>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, BODY_BYTES_MAX).await else { return cut() };
    faults.note_dispatch(&body);
    if faults.strikes(Fault::CallFailed) {
        return faults.no_answer();
    }
    if faults.strikes(Fault::RunLate) {
        let after = faults.expect_late_run();
        let faults = Arc::clone(faults);
        let answer = faults.no_answer();
        tokio::spawn(async move {
            faults.wait_for_dispatches(after).await;
            drop(next.run(again(&parts, &body)).await);
            faults.state().late -= 1;
        });
        return answer;
    }
    let copy = next.clone();
    let answer = next.run(again(&parts, &body)).await;
    if answer.status().is_success() && faults.strikes(Fault::RunDoubled) {
        drop(copy.run(again(&parts, &body)).await);
    }
    if faults.strikes(Fault::AnswerLost) {
        return faults.no_answer();
    }
    answer
}

fn again(parts: &Parts, body: &Bytes) -> Request {
    Request::from_parts(parts.clone(), Body::from(body.clone()))
}

/// No answer at all: the connection is closed.
fn cut() -> Response {
    let broken = stream::once(async { Err::<Bytes, _>(std::io::Error::other("the connection is cut")) });
    Response::new(Body::from_stream(broken))
}

impl Faults {
    /// No answer, or one by a gateway that knows nothing.
    fn no_answer(&self) -> Response {
        if self.coin() { cut() } else { Failure::new(StatusCode::BAD_GATEWAY, "Server Error").into_response() }
    }

    /// A refusal where GitHub wants less of this; notes what comes before its end. The App's own calls (its tokens, its
    /// webhooks) and the installation's are counted apart, as at GitHub; git is not limited.
    fn slows_down(&self, request: &Request, now: Timestamp) -> Option<Response> {
        let path = request.uri().path();
        if path.contains(".git/") {
            return None;
        }
        let bucket = if is_of_app_itself(path) { Bucket::App } else { Bucket::Installation };
        let told = self.strikes(Fault::Limited);
        let silently = self.strikes(Fault::LimitedSilently);
        let call = format!("{} {path}", request.method());
        let mut state = self.state();
        let is_kept = |limit: &&Limit| now >= limit.until || now < limit.told_at + ON_THE_WAY;
        let limit = state.limits.get(&bucket).filter(|limit| !is_kept(limit));
        if let Some(limit) = limit.filter(|_| request.method() != Method::GET) {
            let (left, by) = (limit.until.since(now).as_millis(), &limit.told_to);
            let early = format!("{call}, {left} ms before the end of the limit told to {by}");
            state.early.push(early);
        }
        if !told && !silently {
            return None;
        }
        let mut refusal = Failure::new(StatusCode::FORBIDDEN, "You have exceeded a secondary rate limit.");
        if told {
            let until = now + Duration::from_secs(LIMIT_SECONDS);
            state.limits.insert(bucket, Limit { told_at: now, until, told_to: call });
            refusal.retry_after = Some(LIMIT_SECONDS);
        }
        Some(refusal.into_response())
    }

    fn note_dispatch(&self, body: &[u8]) {
        let wish: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
        self.state().dispatches.push(wish["inputs"]["key"].as_str().unwrap_or_default().to_owned());
        self.passed.notify_waiters();
    }

    /// Draws after how many dispatches in all a late run comes.
    fn expect_late_run(&self) -> usize {
        let mut state = self.state();
        state.late += 1;
        let more = 1 + state.chance.below(RUNS_BEFORE_MAX);
        state.dispatches.len() + usize::try_from(more).unwrap_or(1)
    }

    async fn wait_for_dispatches(&self, count: usize) {
        loop {
            let passed = self.passed.notified();
            tokio::pin!(passed);
            passed.as_mut().enable();
            if self.has_ended() || self.state().dispatches.len() >= count {
                return;
            }
            passed.await;
        }
    }
}
