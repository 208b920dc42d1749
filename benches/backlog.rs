//! Measures a backlog: many deliveries over many repositories, heard by the real `serve` while GitHub's API is down,
//! and worked once a forge over HTTP without limits answers, until the last of them is.
//!
//! `cargo bench --bench backlog` sends 100,000 deliveries over 1,000 repositories; `-- --help` tells the flags. With
//! `--live` the API answers all the time, and whatever comes is worked at once, on the cores that also send. All
//! repositories are one at the forge, reached under many names through a front in this process: each has a plan of its
//! own and nothing labelled, so what is measured is hearing, keeping, gathering, looking and forgetting, and not
//! dispatching. Deliveries are about ten issues of each repository, in an order that never gives one repository two in
//! a row. Turns are counted by the lines that the server logs of them.

#![expect(clippy::expect_used, reason = "a bench that cannot go on ends")]
#![expect(clippy::print_stdout, reason = "a bench prints its figures")]

#[allow(dead_code, reason = "the other bench uses more of it")]
#[path = "serve/mod.rs"]
mod serve;

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use clap::Parser;
use http::{StatusCode, Uri, header};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::json;
use sqlx::ConnectOptions as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};

use serve::{Hook, Served, forge};

/// Issues that the deliveries of one repository are about.
const ISSUES: u64 = 10;
/// Requests with deliveries under way at once.
const SENDERS: u64 = 32;
/// Longest body that passes the front.
const BODY_BYTES_MAX: usize = 32 * 1024 * 1024;
/// How often it is asked whether all is worked.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);
/// All must be worked within this.
const SECONDS_MAX: f64 = 300.0;
/// The server may have so much memory, in KiB.
const MEMORY_MAX: u64 = 200 * 1024;
/// No run may take longer.
const PATIENCE: Duration = Duration::from_secs(900);

/// Measures how a backlog of deliveries is drained.
#[derive(Parser)]
struct Flags {
    /// How many deliveries
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    deliveries: u64,
    /// How many repositories
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    repositories: u64,
    /// The API answers while they come
    #[arg(long)]
    live: bool,
    /// Given by cargo
    #[arg(long, hide = true)]
    bench: bool,
    /// Benches to run, as cargo hands it to all of them
    #[arg(hide = true)]
    filter: Option<String>,
}

/// What stands before the forge.
struct Front {
    client: Client<HttpConnector, Body>,
    forge: String,
    calls: AtomicU64,
    /// Whether the forge can be reached.
    is_up: AtomicBool,
}

/// Passes a request on under the one name that the forge knows.
async fn pass(State(front): State<Arc<Front>>, request: Request) -> Response {
    if !front.is_up.load(Ordering::Relaxed) {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    match passed(&front, request).await {
        Ok(answer) => answer,
        Err(reason) => (StatusCode::BAD_GATEWAY, reason).into_response(),
    }
}

async fn passed(front: &Front, request: Request) -> Result<Response, String> {
    let words = |error: &dyn std::error::Error| error.to_string();
    let (mut parts, body) = request.into_parts();
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
    front.calls.fetch_add(1, Ordering::Relaxed);
    let path = match path.strip_prefix("/repos/acme/").and_then(|rest| rest.split_once('/').or(Some((rest, "")))) {
        Some((_, rest)) => {
            let slash = if rest.is_empty() { "" } else { "/" };
            format!("/repos/acme/widgets{slash}{rest}")
        }
        None => path,
    };
    let mut body = to_bytes(body, BODY_BYTES_MAX).await.map_err(|error| words(&error))?;
    if path.ends_with("/access_tokens") {
        let mut wishes: serde_json::Value = serde_json::from_slice(&body).map_err(|error| words(&error))?;
        if wishes.get("repositories").is_some() {
            wishes["repositories"] = json!(["widgets"]);
        }
        body = Bytes::from(wishes.to_string());
    }
    parts.headers.remove(header::CONTENT_LENGTH);
    parts.headers.remove(header::HOST);
    parts.uri = format!("{}{path}", front.forge).parse::<Uri>().map_err(|error| words(&error))?;
    let answer = front.client.request(Request::from_parts(parts, Body::from(body))).await;
    Ok(answer.map_err(|error| words(&error))?.map(Body::new))
}

async fn listen(forge: &str, is_up: bool) -> (String, Arc<Front>) {
    let client = Client::builder(TokioExecutor::new()).build_http();
    let (calls, is_up) = (AtomicU64::new(0), AtomicBool::new(is_up));
    let front = Arc::new(Front { client, forge: forge.to_owned(), calls, is_up });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = format!("http://{}", listener.local_addr().expect("an address"));
    let router = Router::new().fallback(pass).with_state(Arc::clone(&front));
    tokio::spawn(async move { axum::serve(listener, router).await });
    (address, front)
}

/// Sends all deliveries, each repository's spread over the whole time.
async fn send_all(hook: &Hook, flags: &Flags) {
    let (deliveries, repositories) = (flags.deliveries, flags.repositories);
    let sender = |first: u64| {
        let hook = hook.clone();
        tokio::spawn(async move {
            for number in (first..deliveries).step_by(usize::try_from(SENDERS).expect("small")) {
                let (repository, round) = (number % repositories, number / repositories);
                let body = json!({
                    "action": "edited",
                    "issue": {"number": 1 + round % ISSUES},
                    "repository": {"id": 1 + repository, "full_name": format!("acme/r{repository}")},
                    "sender": {"login": "owner", "type": "User"},
                });
                hook.send("issues", &format!("backlog-{number}"), &body).await;
            }
        })
    };
    for sender in (0..SENDERS).map(sender).collect::<Vec<_>>() {
        sender.await.expect("it sends");
    }
}

/// Deliveries kept, and those of them not worked yet.
async fn kept(database: &mut SqliteConnection) -> (u64, u64) {
    let question = "SELECT count(*), count(*) FILTER (WHERE NOT worked) FROM delivery";
    let (all, waiting): (i64, i64) = sqlx::query_as(question).fetch_one(database).await.expect("readable");
    (all.unsigned_abs(), waiting.unsigned_abs())
}

async fn measure(flags: &Flags) -> bool {
    let folder = tempfile::tempdir().expect("a folder");
    let forge = forge(folder.path(), "heartbeat: 60s\n", 0).await;
    let (address, front) = listen(forge.base_url(), flags.live).await;
    let served = Served::start(folder.path(), &forge, &address);
    let file = SqliteConnectOptions::new().filename(served.state.join("orchestrator.sqlite")).read_only(true);
    let mut database = file.connect().await.expect("the server's database");
    let before = served.peak_memory();
    let began = Instant::now();
    send_all(&Hook::new(served.address), flags).await;
    let heard = began.elapsed().as_secs_f64();
    front.is_up.store(true, Ordering::Relaxed);
    let answered = Instant::now();
    loop {
        let (all, waiting) = kept(&mut database).await;
        if waiting == 0 && all >= flags.deliveries {
            break;
        }
        assert!(began.elapsed() < PATIENCE, "{waiting} of {all} deliveries wait after {PATIENCE:?}");
        tokio::time::sleep(LOOK_INTERVAL).await;
    }
    // Without the outage working begins with the first delivery.
    let since = if flags.live { began } else { answered };
    let (seconds, memory) = (since.elapsed().as_secs_f64(), served.peak_memory());
    let ((turns, taking), calls) = (served.turns(), front.calls.load(Ordering::Relaxed));
    println!(
        "{} deliveries over {} repositories: heard in {heard:.1} s, worked in {seconds:.1} s; {turns} turns, \
         {taking} of them with deliveries; {calls} calls of GitHub; peak memory {:.1} MiB ({:.1} at the start)",
        flags.deliveries,
        flags.repositories,
        f64::from(u32::try_from(memory).expect("KiB")) / 1024.0,
        f64::from(u32::try_from(before).expect("KiB")) / 1024.0,
    );
    drop(served);
    forge.shutdown().await;
    seconds <= SECONDS_MAX && memory <= MEMORY_MAX
}

fn main() -> ExitCode {
    let flags = Flags::parse();
    if flags.filter.as_ref().is_some_and(|filter| !"backlog".contains(filter.as_str())) {
        return ExitCode::SUCCESS;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    if runtime.block_on(measure(&flags)) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
