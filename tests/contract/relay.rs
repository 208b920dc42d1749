//! A relay on loopback: hands every exchange on as it is and writes it down. Addresses of what lies behind it become
//! its own in the answers, so that whoever follows them passes here again.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use http::{HeaderMap, HeaderValue, header};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};
use tokio::sync::watch;

/// Nothing that is waited for takes longer.
const PATIENCE: Duration = Duration::from_secs(60);

/// What passed relays, in order.
#[derive(Debug, Default)]
pub(crate) struct Recording(watch::Sender<Vec<Value>>);

impl Recording {
    /// Waits until webhooks of this event and action have passed so often.
    pub(crate) async fn hear(&self, event: &str, action: &str, times: usize) {
        let is_it = |line: &&Value| line["headers"]["x-github-event"] == event && line["body"]["action"] == action;
        let mut told = self.0.subscribe();
        let heard = told.wait_for(|lines| lines.iter().filter(is_it).count() >= times);
        tokio::time::timeout(PATIENCE, heard).await.expect("a webhook comes").expect("somebody records");
    }

    /// The webhooks that passed, as `event.action`.
    pub(crate) fn webhooks(&self) -> BTreeSet<String> {
        let name = |line: &Value| {
            let event = line["headers"]["x-github-event"].as_str()?;
            let action = line["body"]["action"].as_str().map(|action| format!(".{action}")).unwrap_or_default();
            Some(format!("{event}{action}"))
        };
        self.0.borrow().iter().filter_map(name).collect()
    }

    /// Writes it as JSON lines.
    pub(crate) fn write(&self, path: &Path) {
        let text: String = self.0.borrow().iter().map(|line| format!("{line}\n")).collect();
        std::fs::write(path, text).expect("a file");
    }
}

/// A running relay; it ends with the value.
pub(crate) struct Relay {
    /// `http://127.0.0.1:PORT`.
    pub(crate) url: String,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Way {
    /// What is written of each exchange: `exchange` or `webhook`.
    kind: &'static str,
    target: String,
    own: String,
    client: Client<HttpConnector, Full<axum::body::Bytes>>,
    recording: Arc<Recording>,
}

impl Relay {
    /// Begins to hand on to what listens at `target`.
    pub(crate) async fn start(kind: &'static str, target: String, recording: Arc<Recording>) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let client = Client::builder(TokioExecutor::new()).build_http();
        let way = Arc::new(Way { kind, target, own: url.clone(), client, recording });
        let router = Router::new().fallback(hand_on).with_state(way);
        let task = tokio::spawn(async move {
            axum::serve(listener, router).await.expect("it listens until the test ends");
        });
        Self { url, task }
    }
}

async fn hand_on(State(way): State<Arc<Way>>, request: Request) -> Response {
    let (mut parts, body) = request.into_parts();
    let body = body.collect().await.expect("a body").to_bytes();
    let mut line = json!({
        "kind": way.kind, "method": parts.method.as_str(), "path": parts.uri.path(),
        "query": parts.uri.query().unwrap_or_default(), "headers": told(&parts.headers), "body": read(&body),
    });
    let address = format!("{}{}", way.target, parts.uri.path_and_query().map_or("/", |path| path.as_str()));
    parts.uri = address.parse().expect("an address");
    parts.headers.remove(header::HOST);
    let answer = way.client.request(Request::from_parts(parts, Full::new(body))).await.expect("an answer");
    let (mut parts, body) = answer.into_parts();
    let body = body.collect().await.expect("a body").to_bytes();
    let body = match std::str::from_utf8(&body) {
        Ok(text) => text.replace(&way.target, &way.own).into_bytes(),
        Err(_) => body.to_vec(),
    };
    for value in parts.headers.values_mut() {
        let text = value.to_str().unwrap_or_default();
        if text.contains(&way.target) {
            *value = HeaderValue::from_str(&text.replace(&way.target, &way.own)).expect("a header's value");
        }
    }
    line["answer"] = json!({ "status": parts.status.as_u16(), "headers": told(&parts.headers), "body": read(&body) });
    way.recording.0.send_modify(|lines| lines.push(line));
    parts.headers.remove(header::CONTENT_LENGTH);
    parts.headers.remove(header::TRANSFER_ENCODING);
    Response::from_parts(parts, Body::from(body))
}

/// Headers by name. Of a credential only its kind is written down.
fn told(headers: &HeaderMap) -> Value {
    let text = |name: &str, value: &HeaderValue| {
        let text = value.to_str().unwrap_or_default();
        if name != "authorization" {
            return text.to_owned();
        }
        let token = text.strip_prefix("Bearer ").unwrap_or_default();
        let is_web_token = token.starts_with("eyJ") && token.split('.').count() == 3;
        if is_web_token { "json web token" } else { "token" }.to_owned()
    };
    let pairs = headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(name.as_str(), value).into()));
    Value::Object(pairs.collect())
}

/// What is left out of bodies.
const SECRETS: [&str; 4] = ["token", "pem", "client_secret", "webhook_secret"];

/// A body as JSON; null where it is empty, its length where it is something else. Secrets are left out.
fn read(body: &[u8]) -> Value {
    if body.is_empty() {
        return Value::Null;
    }
    let mut value = serde_json::from_slice(body).unwrap_or_else(|_| json!({ "bytes": body.len() }));
    for name in SECRETS {
        if let Some(secret) = value.get_mut(name).filter(|secret| secret.is_string()) {
            *secret = format!("a {name}").into();
        }
    }
    value
}
