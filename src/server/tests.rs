//! Webhooks in, turns out: over the router, and over a running server on loopback.

mod backlog;
mod calls;
mod connecting;
mod failing;
pub(super) mod hooked;
mod leaving;
mod onboarding;
mod readiness;
mod redelivery;
mod room;
mod site;
mod stopped;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use secrecy::SecretString;
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tower::ServiceExt as _;

use crate::engine::config::Settings;
use crate::engine::id::{IssueNumber, Login, Owner, RepositoryName};
use crate::engine::time::{Span, Timestamp};
use crate::forge::memory::MemoryForge;
use crate::github::client::Clock;
use crate::github::webhook::{BODY_BYTES_MAX, WebhookSecrets, sign};
use crate::github::{self, GitHub, Response};
use crate::perform::Tree;
use crate::server::loops::Loops;
use crate::server::webhook::Intake;
use crate::server::{ConnectError, Connector, Options, Server, StartError, routes};
use crate::store::memory::MemoryStore;
use crate::turn::{Configuration, Deployment};

const START: Timestamp = Timestamp(1_790_000_000_000);
const SECRET: &str = "a secret of some length";

fn clock() -> Clock {
    Arc::new(|| START)
}

fn secret() -> SecretString {
    SECRET.into()
}

fn secrets() -> WebhookSecrets {
    WebhookSecrets::new(secret(), None).expect("long enough")
}

fn widgets() -> RepositoryName {
    RepositoryName::new("acme/widgets")
}

/// The forge in memory, with ways to go wrong.
#[derive(Clone)]
struct Workshop {
    forge: Arc<MemoryForge>,
    store: MemoryStore,
    /// Calls that are still to break down.
    breakdowns: Arc<AtomicU32>,
    /// Each call takes a permit.
    gate: Option<Arc<Semaphore>>,
    installed: Arc<AtomicBool>,
    /// How often somebody connected.
    connected: Arc<AtomicU32>,
    /// Calls whose credentials are still to be refused.
    unauthorized: Arc<AtomicU32>,
}

impl Workshop {
    fn new() -> Self {
        let (breakdowns, installed) = (Arc::default(), Arc::new(AtomicBool::new(true)));
        let forge = Arc::new(MemoryForge::new(&[("a.txt", "a\n")], START));
        Self {
            forge,
            store: MemoryStore::new(),
            breakdowns,
            gate: None,
            installed,
            connected: Arc::default(),
            unauthorized: Arc::default(),
        }
    }

    fn router(&self) -> Router {
        routes::router(Intake::new(Loops::new(self.clone(), self.store.clone(), clock(), true), secrets()))
    }

    async fn start(&self) -> Server {
        let options = Options {
            address: "127.0.0.1:0".parse().expect("an address"),
            secrets: secrets(),
            clock: clock(),
            is_followed: true,
        };
        Server::start(options, self.clone(), self.store.clone()).await.expect("a free port")
    }
}

impl GitHub for Workshop {
    async fn send(&self, request: github::Request) -> Result<Response, github::Error> {
        if let Some(gate) = &self.gate {
            gate.acquire().await.expect("open").forget();
        }
        let left = |left: u32| left.checked_sub(1);
        assert!(self.breakdowns.fetch_update(Ordering::SeqCst, Ordering::SeqCst, left).is_err(), "planned breakdown");
        if self.unauthorized.fetch_update(Ordering::SeqCst, Ordering::SeqCst, left).is_ok() {
            return Err(github::Error::Unauthorized { message: "Bad credentials".to_owned() });
        }
        self.forge.send(request).await
    }
}

impl Connector for Workshop {
    type GitHub = Self;
    type Git = Arc<MemoryForge>;
    type Store = MemoryStore;

    async fn deployment(
        &self,
        repository: &RepositoryName,
    ) -> Result<Deployment<Self, Arc<MemoryForge>, MemoryStore>, ConnectError> {
        if *repository != widgets() {
            return Err(ConnectError::NotInstalled);
        }
        self.connected.fetch_add(1, Ordering::SeqCst);
        if !self.installed.load(Ordering::SeqCst) {
            return Err(ConnectError::Failed { message: "GitHub sleeps".to_owned() });
        }
        // Nothing happens by the clock here, only by what is heard.
        let hour = Span::minutes(60);
        let settings = Settings { heartbeat: hour, tracking_interval: hour, ..Settings::local() };
        Ok(Deployment {
            github: self.clone(),
            git: self.forge.clone(),
            store: self.store.clone(),
            repository: repository.clone(),
            owner: Owner::new("server"),
            bot: Login::new("task-orchestrator[bot]"),
            seed: "seed".to_owned(),
            configuration: Configuration::Fixed(Box::new(settings)),
            tree: Tree::default(),
        })
    }

    async fn repositories(&self) -> Result<Vec<RepositoryName>, ConnectError> {
        Ok(Vec::new())
    }
}

/// A delivery as GitHub sends it, not yet signed.
struct Sent {
    event: &'static str,
    guid: &'static str,
    body: Vec<u8>,
    headers: Vec<(&'static str, String)>,
}

fn labelled(guid: &'static str) -> Sent {
    let body = json!({
        "action": "labeled",
        "issue": {"number": 1},
        "repository": {"id": 1, "full_name": "acme/widgets"},
    });
    Sent { event: "issues", guid, body: body.to_string().into_bytes(), headers: Vec::new() }
}

impl Sent {
    fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    fn signed(self) -> Self {
        let signature = sign(&secret(), &self.body);
        self.with("x-hub-signature-256", signature)
    }

    fn request(self, address: &str) -> Request<Full<Bytes>> {
        let mut request = Request::post(format!("{address}/webhook"))
            .header("x-github-event", self.event)
            .header("x-github-delivery", self.guid);
        for (name, value) in self.headers {
            request = request.header(name, value);
        }
        request.body(Full::new(self.body.into())).expect("a request")
    }

    async fn to(self, router: &Router) -> (StatusCode, Value) {
        let answer = router.clone().oneshot(self.request("").map(Body::new)).await.expect("never fails");
        let (status, body) = (answer.status(), answer.into_body().collect().await.expect("a body").to_bytes());
        (status, serde_json::from_slice(&body).expect("JSON"))
    }

    async fn over_http(self, server: &Server) -> StatusCode {
        let client = Client::builder(TokioExecutor::new()).build_http();
        let address = format!("http://{}", server.address());
        client.request(self.request(&address)).await.expect("an answer").status()
    }
}

async fn get(router: &Router, path: &str) -> (StatusCode, String) {
    let request = Request::get(path).body(Body::empty()).expect("a request");
    let answer = router.clone().oneshot(request).await.expect("never fails");
    let (status, body) = (answer.status(), answer.into_body().collect().await.expect("a body").to_bytes());
    (status, String::from_utf8(body.into()).expect("text"))
}

/// Waits for the tracking issue, which only a turn makes.
async fn tracking(server: &Server) -> IssueNumber {
    let mut progress = server.progress();
    let shown = |plans: &crate::server::ProgressByRepository| {
        plans.get(&widgets()).is_some_and(|progress| progress.plan.header.tracking.is_some())
    };
    let plans = progress.wait_for(shown).await.expect("the server runs");
    plans[&widgets()].plan.header.tracking.as_ref().expect("just seen").number
}

/// Waits for the first turn.
async fn a_turn(server: &Server) {
    let mut progress = server.progress();
    progress.wait_for(|plans| plans.contains_key(&widgets())).await.expect("the server runs");
}

#[tokio::test]
async fn what_is_not_signed_with_the_secret_is_refused_and_leaves_nothing() {
    let workshop = Workshop::new();
    let router = workshop.router();
    let wrong = sign(&"another secret".into(), &labelled("a").body);
    for (sent, reason) in [
        (labelled("a"), "not signed"),
        (labelled("a").with("x-hub-signature-256", "sha256=00"), "64 hexadecimal digits"),
        (labelled("a").with("x-hub-signature-256", wrong), "does not fit"),
        (labelled("a").with("x-hub-signature", "sha1=00"), "not signed"),
        (Sent { body: b"{".to_vec(), ..labelled("a") }.with("x-hub-signature-256", "sha256="), "64 hexadecimal"),
    ] {
        let (status, answer) = sent.to(&router).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{reason}");
        let told = answer["error"].as_str().expect("a reason");
        assert!(told.contains(reason) && !told.contains('\n') && !told.contains(SECRET), "{told}");
    }
    assert_eq!(workshop.store.deliveries(), []);
}

#[tokio::test]
async fn every_kind_of_delivery_has_its_answer() {
    let workshop = Workshop::new();
    let router = workshop.router();
    let form = Sent { body: b"payload=%7B%7D".to_vec(), ..labelled("a") };
    let typed = labelled("a").with("content-type", "application/x-www-form-urlencoded");
    let long = labelled("a").with("content-length", (BODY_BYTES_MAX + 1).to_string());
    let nowhere = Sent { body: b"{}".to_vec(), ..labelled("a") };
    for (sent, expected) in [
        (Sent { event: "ping", ..labelled("a") }, (StatusCode::OK, "pong")),
        (Sent { event: "star", ..labelled("a") }, (StatusCode::ACCEPTED, "ignored")),
        (nowhere, (StatusCode::ACCEPTED, "ignored")),
        (form, (StatusCode::UNSUPPORTED_MEDIA_TYPE, "error")),
        (typed, (StatusCode::UNSUPPORTED_MEDIA_TYPE, "error")),
        (long, (StatusCode::PAYLOAD_TOO_LARGE, "error")),
        (Sent { guid: "", ..labelled("a") }, (StatusCode::BAD_REQUEST, "error")),
    ] {
        let (event, guid) = (sent.event, sent.guid);
        let (status, answer) = sent.signed().to(&router).await;
        assert_eq!(
            (status, answer.as_object().and_then(|answer| answer.keys().next()).map(String::as_str)),
            (expected.0, Some(expected.1)),
            "{event} {guid}: {answer}"
        );
    }
    assert_eq!(workshop.store.deliveries(), []);
    assert_eq!(get(&router, "/webhook").await.0, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(get(&router, "/healthz").await.0, StatusCode::OK);
    assert!(get(&router, "/").await.1.contains("/webhook"));
}

#[tokio::test]
async fn a_body_longer_than_it_says_is_cut_off() {
    let router = Workshop::new().router();
    let sent = Sent { body: vec![b' '; BODY_BYTES_MAX + 1], ..labelled("a") };
    let (status, _) = sent.with("x-hub-signature-256", format!("sha256={}", "0".repeat(64))).to(&router).await;
    assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn a_signed_body_that_is_no_json_is_kept_for_the_operator() {
    let workshop = Workshop::new();
    let sent = Sent { body: [b"{\"action\": oops", "x".repeat(9_000).as_bytes()].concat(), ..labelled("a") };
    let (status, _) = sent.signed().to(&workshop.router()).await;
    assert_eq!(status, StatusCode::ACCEPTED);
    let kept = workshop.store.deliveries();
    let [(delivery, worked)] = kept.as_slice() else { panic!("{kept:?}") };
    let text = delivery.unreadable.as_deref().expect("its beginning");
    assert!(*worked && text.starts_with("{\"action\": oops") && text.len() == 2_000, "{delivery:?}");
}

#[tokio::test]
async fn a_labelled_issue_leads_to_a_tracking_issue() {
    let workshop = Workshop::new();
    let server = workshop.start().await;
    assert_eq!(labelled("first").signed().over_http(&server).await, StatusCode::ACCEPTED);
    // The loop began with a look at everything and found nothing; what follows comes from the webhook alone.
    a_turn(&server).await;
    workshop.forge.open_issue(1, "Write a", "Files: a.txt", &["orchestrate"]).expect("an issue");
    assert_eq!(labelled("second").signed().over_http(&server).await, StatusCode::ACCEPTED);
    let number = tracking(&server).await;
    let body = workshop.forge.world().issue(number).expect("it exists").issue.body.clone();
    assert!(body.contains("Write a"), "{body}");
    assert_eq!(labelled("second").signed().over_http(&server).await, StatusCode::ACCEPTED);
    assert!(server.shutdown().await);
    let deliveries = workshop.store.deliveries();
    let worked: Vec<(&str, bool)> = deliveries.iter().map(|(kept, worked)| (kept.guid.as_str(), *worked)).collect();
    assert_eq!(worked, [("first", true), ("second", true)]);
}

#[tokio::test]
async fn a_delivery_outlives_the_server_that_took_it() {
    let workshop = Workshop::new();
    workshop.installed.store(false, Ordering::SeqCst);
    workshop.forge.open_issue(1, "Write a", "Files: a.txt", &["orchestrate"]).expect("an issue");
    let server = workshop.start().await;
    assert_eq!(labelled("a").signed().over_http(&server).await, StatusCode::ACCEPTED);
    assert!(server.shutdown().await);
    assert!(workshop.store.deliveries().iter().all(|(_, worked)| !worked), "nobody could work it");
    workshop.installed.store(true, Ordering::SeqCst);
    let server = workshop.start().await;
    tracking(&server).await;
    assert!(server.shutdown().await);
    assert!(workshop.store.deliveries().iter().all(|(_, worked)| *worked));
}

#[tokio::test]
async fn a_turn_that_breaks_down_is_taken_again() {
    let workshop = Workshop::new();
    workshop.breakdowns.store(1, Ordering::SeqCst);
    workshop.forge.open_issue(1, "Write a", "Files: a.txt", &["orchestrate"]).expect("an issue");
    let server = workshop.start().await;
    assert_eq!(labelled("a").signed().over_http(&server).await, StatusCode::ACCEPTED);
    tracking(&server).await;
    assert_eq!(workshop.breakdowns.load(Ordering::SeqCst), 0);
    assert!(server.shutdown().await);
}

#[tokio::test]
async fn stopping_finishes_the_turn_under_way() {
    let gate = Arc::new(Semaphore::new(1));
    let workshop = Workshop { gate: Some(Arc::clone(&gate)), ..Workshop::new() };
    workshop.forge.open_issue(1, "Write a", "Files: a.txt", &["orchestrate"]).expect("an issue");
    let server = workshop.start().await;
    assert_eq!(labelled("a").signed().over_http(&server).await, StatusCode::ACCEPTED);
    // The turn has begun once it has taken the only permit.
    while gate.available_permits() > 0 {
        tokio::task::yield_now().await;
    }
    let (address, progress) = (server.address(), server.progress());
    let stopping = tokio::spawn(server.shutdown());
    while tokio::net::TcpStream::connect(address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    assert!(!stopping.is_finished(), "the turn still waits at the gate");
    gate.add_permits(1_000);
    assert!(stopping.await.expect("no panic"), "nothing was cut off");
    assert!(progress.borrow().contains_key(&widgets()), "the turn came to its end");
    assert!(workshop.store.deliveries().iter().all(|(_, worked)| *worked));
}

#[tokio::test]
async fn a_port_in_use_is_told() {
    let workshop = Workshop::new();
    let first = workshop.start().await;
    let options = Options { address: first.address(), secrets: secrets(), clock: clock(), is_followed: true };
    let refused = Server::start(options, workshop.clone(), workshop.store.clone()).await;
    let error = refused.err().expect("the port is taken");
    assert!(matches!(&error, StartError::Address { address, .. } if *address == first.address()), "{error}");
    assert!(first.shutdown().await);
}
