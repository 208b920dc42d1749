//! One HTTP exchange with GitHub through octocrab: absolute addresses, our own headers, bounded bodies and time.
//!
//! Tokens are put on here, never by octocrab, and only for the configured host: octocrab leaves them off on hosts other
//! than api.github.com (page 2 of a list on GitHub Enterprise), mints one per clone, and joins GraphQL's path wrongly
//! there. Nothing here repeats a request.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, IF_NONE_MATCH, LOCATION, USER_AGENT};
use http::uri::{Authority, Scheme};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use http_body_util::BodyExt;
use hyper_util::client::proxy::matcher::Matcher;
use octocrab::{OctoBody, Octocrab};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;

use crate::engine::time::Timestamp;
use crate::github::Error;
use crate::github::client::connect;
use crate::github::client::error::server_time;

/// This machine's time, as the caller gives it.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// GitHub.com's API.
pub const PUBLIC_API_URL: &str = "https://api.github.com";

const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// Longest body that is read whole: a hundred issues of the greatest length fit well.
const BODY_BYTES_MAX: usize = 32 * 1024 * 1024;
const REDIRECTS_MAX: usize = 3;
const AGENT: &str = concat!("task-orchestrator/", env!("CARGO_PKG_VERSION"));
/// The version whose answers `wire` describes; it keeps `merge_commit_sha` and `return_run_details`.
const API_VERSION: &str = "2022-11-28";
/// What GitHub answers with unless another form is asked for.
pub(crate) const JSON: &str = "application/vnd.github+json";
/// A file's bytes instead of JSON about it.
pub(crate) const RAW: &str = "application/vnd.github.raw+json";

/// How much of a body is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keep {
    /// All of it; more than the bound is an error.
    Whole,
    /// The last so many bytes.
    Tail(usize),
}

/// One request, ready to be sent.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    /// The method.
    pub(crate) method: Method,
    /// Path and query below the API's base, beginning with `/`; or, from a `Link`, the whole path.
    pub(crate) target: Target,
    /// What form is wanted.
    pub(crate) accept: &'static str,
    /// JSON, where there is a body.
    pub(crate) body: Option<Vec<u8>>,
    /// How much of the answer is kept.
    pub(crate) keep: Keep,
    /// Whether a GraphQL call changes anything.
    pub(crate) is_mutation: bool,
    /// The `ETag` of an answer that is known already.
    pub(crate) known_as: Option<HeaderValue>,
    /// What is asked for, in people's words.
    pub(crate) what: String,
}

/// Where a request goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// Below the REST API's base.
    Rest(String),
    /// The GraphQL endpoint.
    GraphQl,
    /// A path and query as the server itself wrote it, on its own host.
    Given(String),
}

impl Call {
    /// A request without a body for JSON.
    pub(crate) fn new(method: Method, path: String, what: impl Into<String>) -> Self {
        let target = Target::Rest(path);
        let (body, is_mutation, known_as) = (None, false, None);
        Self { method, target, accept: JSON, body, keep: Keep::Whole, is_mutation, known_as, what: what.into() }
    }

    /// A GET.
    pub(crate) fn get(path: String, what: impl Into<String>) -> Self {
        Self::new(Method::GET, path, what)
    }

    /// Whether it changes anything at GitHub.
    pub(crate) fn is_write(&self) -> bool {
        let is_question = self.target == Target::GraphQl && !self.is_mutation;
        self.method != Method::GET && !is_question
    }

    /// The same with a JSON body.
    pub(crate) fn with_body<T: Serialize>(mut self, body: &T) -> Result<Self, Error> {
        let bytes = serde_json::to_vec(body)
            .map_err(|error| Error::Invalid { message: format!("{} cannot be written as JSON: {error}", self.what) })?;
        self.body = Some(bytes);
        Ok(self)
    }
}

/// An answer, whatever its status.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    /// The status.
    pub(crate) status: StatusCode,
    /// Its headers.
    pub(crate) headers: HeaderMap,
    /// Its body, as much as was to be kept.
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// Reads the body as JSON.
    pub(crate) fn json<T: serde::de::DeserializeOwned>(&self, what: &str) -> Result<T, Error> {
        serde_json::from_slice(&self.body).map_err(|error| Error::Unexpected {
            message: format!("{what} came in a form that cannot be read: {error}"),
        })
    }
}

/// The way to one GitHub: its address, the connections to it and the clock. Shared by all clients of one process.
pub struct Transport {
    crab: Octocrab,
    scheme: Scheme,
    authority: Authority,
    base_path: String,
    clock: Clock,
    /// How far GitHub's clock was ahead of this machine's at the last answer, in seconds.
    ahead: Mutex<Option<i64>>,
}

impl std::fmt::Debug for Transport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Transport({}://{}{})", self.scheme, self.authority, self.base_path)
    }
}

impl Transport {
    /// Prepares the way to `api_url` (`https://api.github.com`, `https://host/api/v3` of an Enterprise server, or
    /// `http://127.0.0.1:PORT`); opens no connection. Needs a tokio runtime. Plain HTTP is taken on the local machine
    /// only, where it needs no certificates.
    pub fn new(api_url: &str, clock: Clock) -> Result<Self, Error> {
        Self::trusting(api_url, None, clock)
    }

    /// The same; the certificate authorities of a file (PEM) are trusted beside the machine's own, as an Enterprise
    /// server or a proxy that opens TLS needs it.
    pub fn trusting(api_url: &str, bundle: Option<&Path>, clock: Clock) -> Result<Self, Error> {
        Self::through(api_url, bundle, Matcher::from_env(), clock)
    }

    /// The same through the proxies that `proxies` names.
    pub(super) fn through(api_url: &str, bundle: Option<&Path>, proxies: Matcher, clock: Clock) -> Result<Self, Error> {
        let wrong = |why: &str| Error::Invalid {
            message: format!("`{api_url}` is no address of a GitHub API ({why}); write it as `{PUBLIC_API_URL}`"),
        };
        let uri: Uri = api_url.trim_end_matches('/').parse().map_err(|_| wrong("it cannot be read"))?;
        let parts = uri.into_parts();
        let authority = parts.authority.ok_or_else(|| wrong("it names no host"))?;
        if authority.as_str().contains('@') {
            return Err(Error::Invalid { message: "an API address must not hold a password".to_owned() });
        }
        let path_and_query = parts.path_and_query;
        if path_and_query.as_ref().is_some_and(|whole| whole.query().is_some()) {
            return Err(wrong("it has a query"));
        }
        let base_path = path_and_query.map_or_else(String::new, |whole| whole.path().trim_end_matches('/').to_owned());
        let scheme = parts.scheme.ok_or_else(|| wrong("it has no `https://`"))?;
        let crab = if scheme == Scheme::HTTPS {
            connect::encrypted(bundle, proxies)?
        } else if scheme == Scheme::HTTP && is_loopback(authority.host()) {
            connect::plain()
        } else {
            return Err(wrong("only `https://`, or `http://` on 127.0.0.1, keeps a token secret"));
        };
        Ok(Self { crab, scheme, authority, base_path, clock, ahead: Mutex::default() })
    }

    /// This machine's time.
    pub(crate) fn now(&self) -> Timestamp {
        (self.clock)()
    }

    /// How far GitHub's clock is ahead of this machine's, in seconds, by the `Date` of the last answer of its own host;
    /// nothing before the first. It is whole seconds, less what the answer took to come.
    pub(crate) fn ahead_seconds(&self) -> Option<i64> {
        *self.ahead.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hear_the_time(&self, headers: &HeaderMap) {
        let told = server_time(headers);
        let ahead = told.map(|told| told.0.div_euclid(1000) - self.now().0.div_euclid(1000));
        let mut known = self.ahead.lock().unwrap_or_else(PoisonError::into_inner);
        *known = ahead.or(*known);
    }

    /// Sends a request with a token, or without. Redirects of reads are followed on the same host, at most three times;
    /// a redirect elsewhere is the answer. Errors: [`Error::Unreachable`] only.
    pub(crate) async fn exchange(&self, call: &Call, token: Option<&SecretString>) -> Result<Answer, Error> {
        let mut uri = self.uri_of(&call.target)?;
        for _ in 0..REDIRECTS_MAX {
            let answer = self.once(call, uri.clone(), token).await?;
            self.hear_the_time(&answer.headers);
            let next = if call.method == Method::GET { self.redirect_here(&answer) } else { None };
            match next {
                Some(next) => uri = next,
                None => return Ok(answer),
            }
        }
        Err(Error::Unexpected { message: format!("{} is redirected in a circle", call.what) })
    }

    /// Fetches what lies at another address, without a token and without following further.
    pub(crate) async fn fetch_elsewhere(&self, call: &Call, address: &str) -> Result<Answer, Error> {
        let uri: Uri = address
            .parse()
            .map_err(|_| Error::Unexpected { message: format!("{} is redirected to no address", call.what) })?;
        self.once(call, uri, None).await
    }

    /// Path and query of an address, if it lies on our host.
    pub(crate) fn own_path(&self, address: &str) -> Option<String> {
        let parts = address.parse::<Uri>().ok()?.into_parts();
        let own = match (parts.scheme, parts.authority) {
            (None, None) => true,
            (Some(scheme), Some(authority)) => scheme == self.scheme && authority == self.authority,
            (Some(_), None) | (None, Some(_)) => false,
        };
        let path = parts.path_and_query?.as_str().to_owned();
        (own && path.starts_with('/')).then_some(path)
    }

    fn redirect_here(&self, answer: &Answer) -> Option<Uri> {
        if !answer.status.is_redirection() {
            return None;
        }
        let path = self.own_path(answer.headers.get(LOCATION)?.to_str().ok()?)?;
        self.address(&path).ok()
    }

    fn uri_of(&self, target: &Target) -> Result<Uri, Error> {
        match target {
            Target::Rest(path) => self.address(&format!("{}{path}", self.base_path)),
            Target::Given(path) => self.address(path),
            // GitHub Enterprise serves REST at /api/v3 and GraphQL at /api/graphql.
            Target::GraphQl => {
                let base = self.base_path.strip_suffix("/v3").unwrap_or(&self.base_path);
                self.address(&format!("{base}/graphql"))
            }
        }
    }

    fn address(&self, path: &str) -> Result<Uri, Error> {
        Uri::builder()
            .scheme(self.scheme.clone())
            .authority(self.authority.clone())
            .path_and_query(path)
            .build()
            .map_err(|_| Error::Invalid { message: format!("`{path}` cannot stand in an address") })
    }

    async fn once(&self, call: &Call, uri: Uri, token: Option<&SecretString>) -> Result<Answer, Error> {
        let unreachable = |why: &str| Error::Unreachable { message: format!("{} {}: {why}", call.method, call.what) };
        let request = build(call, uri, token)?;
        let exchange = async {
            let response = self.crab.execute(request).await.map_err(|error| unreachable(cause(&error)))?;
            let (parts, mut body) = response.into_parts();
            let mut kept = Vec::new();
            while let Some(frame) = body.frame().await {
                let frame = frame.map_err(|_| unreachable("the connection was cut inside the answer"))?;
                if let Ok(bytes) = frame.into_data() {
                    keep(&mut kept, &bytes, call)?;
                }
            }
            if let Keep::Tail(bytes) = call.keep {
                kept.drain(..kept.len().saturating_sub(bytes));
            }
            Ok(Answer { status: parts.status, headers: parts.headers, body: kept })
        };
        match tokio::time::timeout(REQUEST_TIMEOUT, exchange).await {
            Ok(answer) => answer,
            Err(_) => Err(unreachable("no answer within 30 seconds")),
        }
    }
}

fn keep(kept: &mut Vec<u8>, bytes: &[u8], call: &Call) -> Result<(), Error> {
    match call.keep {
        Keep::Whole if kept.len() + bytes.len() > BODY_BYTES_MAX => {
            return Err(Error::Unexpected { message: format!("{} is longer than {BODY_BYTES_MAX} bytes", call.what) });
        }
        // Dropping the front only now and then keeps the cost of a long log linear.
        Keep::Tail(tail) if kept.len() > tail.saturating_mul(4) => {
            kept.drain(..kept.len() - tail);
        }
        Keep::Whole | Keep::Tail(_) => {}
    }
    kept.extend_from_slice(bytes);
    Ok(())
}

fn build(call: &Call, uri: Uri, token: Option<&SecretString>) -> Result<http::Request<OctoBody>, Error> {
    let unfit = |what: &str| Error::Invalid { message: format!("{what} cannot stand in a header") };
    let mut request = http::Request::builder()
        .method(call.method.clone())
        .uri(uri)
        .header(ACCEPT, call.accept)
        .header(USER_AGENT, AGENT)
        .header("X-GitHub-Api-Version", API_VERSION);
    if let Some(token) = token {
        let mut value =
            HeaderValue::from_str(&format!("Bearer {}", token.expose_secret())).map_err(|_| unfit("the token"))?;
        value.set_sensitive(true);
        request = request.header(AUTHORIZATION, value);
    }
    if let Some(tag) = &call.known_as {
        request = request.header(IF_NONE_MATCH, tag);
    }
    let body = match &call.body {
        Some(bytes) => {
            request = request.header(CONTENT_TYPE, "application/json");
            OctoBody::from(bytes.clone())
        }
        None => OctoBody::empty(),
    };
    request.body(body).map_err(|_| unfit("the request"))
}

/// What kind of failure it was, in our own words: octocrab's text carries a backtrace.
fn cause(error: &octocrab::Error) -> &'static str {
    if matches!(error, octocrab::Error::Service { .. } | octocrab::Error::Hyper { .. }) {
        "the connection could not be made or was cut"
    } else {
        "the request could not be sent"
    }
}

fn is_loopback(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}
