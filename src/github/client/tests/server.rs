//! A server on loopback that writes down what it is asked and answers as told.

use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::response::Response;
use http_body_util::BodyExt;
use serde_json::Value;

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    /// Method, blank, path and query.
    pub(crate) line: String,
    /// The authorization header.
    pub(crate) authorization: Option<String>,
    /// The `Accept` header.
    pub(crate) accept: String,
    /// The JSON body, or null.
    pub(crate) body: Value,
}

/// An answer to be given.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reply {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

/// A JSON answer.
pub(crate) fn json(status: u16, body: Value) -> Reply {
    text(status, body.to_string()).with("content-type", "application/json; charset=utf-8")
}

/// An answer of plain bytes.
pub(crate) fn text(status: u16, body: impl Into<Vec<u8>>) -> Reply {
    Reply { status, headers: Vec::new(), body: body.into() }
}

impl Reply {
    /// The same with a header more.
    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

/// The running server; it ends with the value.
pub(crate) struct Server {
    /// `http://127.0.0.1:PORT`.
    pub(crate) url: String,
    seen: Arc<Mutex<Vec<Seen>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    /// Starts it; `answer` gets each request and the server's own address.
    pub(crate) async fn start(answer: impl Fn(&Seen, &str) -> Reply + Clone + Send + Sync + 'static) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (log, own) = (seen.clone(), url.clone());
        let handler = move |request: Request| {
            let (log, own, answer) = (log.clone(), own.clone(), answer.clone());
            async move {
                let request = read(request).await;
                let reply = answer(&request, &own);
                log.lock().unwrap_or_else(PoisonError::into_inner).push(request);
                let mut response = Response::builder().status(reply.status);
                for (name, value) in reply.headers {
                    response = response.header(name, value);
                }
                response.body(Body::from(reply.body)).expect("a response")
            }
        };
        let router = Router::new().fallback(handler);
        let task = tokio::spawn(async move {
            axum::serve(listener, router).await.expect("the server runs until the test ends");
        });
        Self { url, seen, task }
    }

    /// All requests so far.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The lines of all requests so far.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.seen().into_iter().map(|seen| seen.line).collect()
    }
}

async fn read(request: Request) -> Seen {
    let (parts, body) = request.into_parts();
    let bytes = body.collect().await.expect("a body").to_bytes();
    let header = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    assert_eq!(header("x-github-api-version").as_deref(), Some("2022-11-28"));
    assert!(header("user-agent").is_some_and(|agent| agent.starts_with("task-orchestrator/")));
    Seen {
        line: format!("{} {}", parts.method, parts.uri),
        authorization: header("authorization"),
        accept: header("accept").unwrap_or_default(),
        body: serde_json::from_slice(&bytes).unwrap_or_default(),
    }
}
