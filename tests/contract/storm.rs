//! Everything that GitHub may send, at the server's own route: its published examples, payloads made from its
//! descriptions, and what a later GitHub may make of both.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::body::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::{Map, Value, json};
use task_orchestrator::github::webhook::{Parsed, parse, sign};

use crate::relay::Recording;
use crate::site::{Site, secret};

/// What no GitHub of today says.
const NEW_WORD: &str = "a_word_of_2030";
/// Fields whose texts come from a list that GitHub lengthens.
const WORDS: [&str; 10] = [
    "state",
    "status",
    "conclusion",
    "type",
    "author_association",
    "state_reason",
    "active_lock_reason",
    "visibility",
    "event",
    "repository_selection",
];

/// One delivery to be sent.
pub(crate) struct Sent {
    pub(crate) name: String,
    pub(crate) event: String,
    pub(crate) body: Value,
    /// Whether it must be understood: it differs from GitHub's form of today only as a later one may.
    pub(crate) is_readable: bool,
}

/// The server, and whoever sends it webhooks.
pub(crate) struct Storm {
    site: Site,
    server: task_orchestrator::server::Server,
    client: Client<HttpConnector, Full<Bytes>>,
    panics: Arc<AtomicU64>,
    sent: u64,
    /// How often each answer was given.
    pub(crate) answers: BTreeMap<String, u64>,
}

impl Storm {
    pub(crate) async fn start() -> Self {
        let panics = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&panics);
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            count.fetch_add(1, Ordering::SeqCst);
            before(panic);
        }));
        let mut site = Site::start(1, &Arc::new(Recording::default())).await;
        let server = site.serve().await;
        let client = Client::builder(TokioExecutor::new()).build_http();
        Self { site, server, client, panics, sent: 0, answers: BTreeMap::new() }
    }

    /// Reads one as the server does: it must be understood where it can be.
    pub(crate) fn read(sent: &Sent) {
        let read = parse(&sent.event, sent.body.to_string().as_bytes());
        let is_read = matches!(read, Ok(Parsed::Delivery(_) | Parsed::Ignored { .. }));
        assert!(is_read || !sent.is_readable, "{}: {read:?}", sent.name);
    }

    /// Sends one, signed, and gives what was answered: taken, or a reason why not.
    pub(crate) async fn send(&mut self, sent: &Sent) -> String {
        Self::read(sent);
        let body = sent.body.to_string().into_bytes();
        self.sent += 1;
        let request = Request::post(format!("http://{}/webhook", self.server.address()))
            .header("content-type", "application/json")
            .header("x-github-event", &sent.event)
            .header("x-github-delivery", format!("delivery-{}", self.sent))
            .header("x-hub-signature-256", sign(&secret(), &body))
            .body(Full::new(Bytes::from(body)))
            .expect("a request");
        let answer = self.client.request(request).await.unwrap_or_else(|error| panic!("{}: {error}", sent.name));
        let status = answer.status();
        let told = answer.into_body().collect().await.expect("a body").to_bytes();
        let told: Value = serde_json::from_slice(&told).unwrap_or_default();
        let word = match (status, &told) {
            (StatusCode::OK, told) if told["pong"] == true => "pong".to_owned(),
            (StatusCode::ACCEPTED, told) if told["kept"] == true => "taken".to_owned(),
            (StatusCode::ACCEPTED, told) => {
                let reason = told["ignored"].as_str().filter(|reason| !reason.is_empty());
                format!("ignored: {}", reason.unwrap_or_else(|| panic!("{}: {told}", sent.name)))
            }
            _ => panic!("{}: {status} {told}", sent.name),
        };
        *self.answers.entry(word.clone()).or_default() += 1;
        word
    }

    /// Ends, after which nothing may have broken down.
    pub(crate) async fn end(self) {
        assert!(self.server.shutdown().await, "nothing was cut off");
        self.site.forge.shutdown().await;
        assert_eq!(self.panics.load(Ordering::SeqCst), 0, "something panicked");
    }
}

/// Reads payloads: `{name, event, body}` a line.
pub(crate) fn payloads(text: &str) -> Vec<Sent> {
    let read = |line: &str| {
        let value: Value = serde_json::from_str(line).expect("JSON");
        let text = |key: &str| value[key].as_str().expect("text").to_owned();
        Sent { name: text("name"), event: text("event"), body: value["body"].clone(), is_readable: true }
    };
    text.lines().map(read).collect()
}

/// Does something with every object in a value, the innermost first.
fn each_object(value: &mut Value, act: &mut impl FnMut(&mut Map<String, Value>)) {
    match value {
        Value::Object(fields) => {
            fields.values_mut().for_each(|inner| each_object(inner, act));
            act(fields);
        }
        Value::Array(items) => items.iter_mut().for_each(|inner| each_object(inner, act)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// A payload with something done to it; nothing where that changes nothing.
fn changed(sent: &Sent, what: &str, is_readable: bool, act: impl FnOnce(&mut Value)) -> Option<Sent> {
    let mut body = sent.body.clone();
    act(&mut body);
    let name = format!("{} with {what}", sent.name);
    (body != sent.body).then(|| Sent { name, event: sent.event.clone(), body, is_readable })
}

/// What a later GitHub may make of a payload everywhere in it.
pub(crate) fn mutations(sent: &Sent) -> Vec<Sent> {
    let mut made = vec![
        changed(sent, "an unknown action", true, |body| body["action"] = NEW_WORD.into()),
        changed(sent, "users that are null", true, |body| {
            each_object(body, &mut |fields| {
                fields.values_mut().filter(|value| value.get("login").is_some()).for_each(|user| *user = Value::Null);
            });
        }),
        changed(sent, "more fields", true, |body| {
            each_object(body, &mut |fields| {
                fields.insert("field_of_2030".to_owned(), json!([{ "new": 1 }]));
            });
        }),
    ];
    for word in WORDS {
        made.push(changed(sent, &format!("a new `{word}`"), true, |body| {
            each_object(body, &mut |fields| {
                fields.get_mut(word).filter(|value| value.is_string()).into_iter().for_each(|it| *it = NEW_WORD.into());
            });
        }));
    }
    made.into_iter().flatten().collect()
}

/// A payload without each of its fields, with null in its place, and with something of another kind.
pub(crate) fn losses(sent: &Sent) -> Vec<Sent> {
    let names = sent.body.as_object().into_iter().flatten().map(|(name, _)| format!("/{name}"));
    let lose = |place: String| {
        [
            changed(sent, &format!("no {place}"), true, |body| take(body, &place, None)),
            changed(sent, &format!("a null {place}"), true, |body| take(body, &place, Some(Value::Null))),
            changed(sent, &format!("a list as {place}"), false, |body| take(body, &place, Some(json!([])))),
        ]
    };
    names.flat_map(lose).flatten().collect()
}

/// A payload without each of the fields of its objects, or with null there: read only, and not sent.
pub(crate) fn inner_losses(sent: &Sent) -> Vec<Sent> {
    let objects =
        sent.body.as_object().into_iter().flatten().filter_map(|(name, value)| Some((name, value.as_object()?)));
    let places = objects.flat_map(|(name, fields)| fields.keys().map(move |inner| format!("/{name}/{inner}")));
    let lose = |place: String| {
        [None, Some(Value::Null)]
            .map(|value| changed(sent, &format!("{place} lost"), true, |it| take(it, &place, value)))
    };
    places.flat_map(lose).flatten().collect()
}

/// Puts another value at a place, or nothing.
fn take(body: &mut Value, place: &str, value: Option<Value>) {
    let Some((above, name)) = place.rsplit_once('/') else { return };
    let Some(fields) = body.pointer_mut(above).and_then(Value::as_object_mut) else { return };
    match value {
        Some(value) => fields.insert(name.to_owned(), value),
        None => fields.remove(name),
    };
}
