//! A forge over HTTP without limits, the real `serve` on it as a process of its own, and webhooks signed for it.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::body::Bytes;
use http::{Request, StatusCode};
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use task_orchestrator::engine::id::{IssueNumber, Login, RepositoryName};
use task_orchestrator::forge::http::{Clock, Forge, ForgeOptions};
use task_orchestrator::forge::memory::task_workflow;
use task_orchestrator::forge::world::request::SeedIssue;
use task_orchestrator::forge::world::setup::ApiLimits;
use task_orchestrator::github::webhook::sign;

/// Signs webhooks here.
const SECRET: &str = "a secret for the bench only";

/// A folder with a repository of one file for each of so many issues, and these settings; a forge on it.
pub(crate) async fn forge(folder: &Path, settings: &str, tasks: u64) -> Forge {
    let source = folder.join("source");
    std::fs::create_dir_all(source.join(".github/workflows")).expect("a folder");
    std::fs::write(source.join(".github/workflows/task.yml"), "name: task\n").expect("a file");
    std::fs::write(source.join(".github/orchestrator.yml"), settings).expect("a file");
    for number in 1..=tasks {
        std::fs::write(source.join(format!("f{number}.txt")), "one\n").expect("a file");
    }
    for arguments in [
        &["init", "--quiet", "--initial-branch=main"][..],
        &["add", "."],
        &["-c", "user.name=u", "-c", "user.email=u@example.invalid", "commit", "--quiet", "-m", "first"],
    ] {
        assert!(Command::new("git").arg("-C").arg(&source).args(arguments).status().expect("git").success());
    }
    let issue = |number| SeedIssue {
        number: IssueNumber(number),
        title: format!("Task {number}"),
        body: format!("Files: f{number}.txt"),
        labels: vec!["orchestrate".to_owned()],
    };
    let options = ForgeOptions {
        state: folder.join("forge"),
        source,
        repository: RepositoryName::new("acme/widgets"),
        owner: Login::new("owner"),
        issues: (1..=tasks).map(issue).collect(),
        webhook: None,
        port: 0,
        limits: ApiLimits::None,
        added: std::collections::BTreeMap::new(),
        workflows: [("task.yml".to_owned(), task_workflow())].into(),
        clock: Clock::system(),
    };
    Forge::start(options).await.expect("the forge starts")
}

/// `serve` at work, killed with the value.
pub(crate) struct Served {
    child: Child,
    pub(crate) address: SocketAddr,
    /// Its state folder.
    pub(crate) state: PathBuf,
    /// Turns that have ended, and those of them that took deliveries.
    turns: Arc<[AtomicU64; 2]>,
}

impl Drop for Served {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

impl Served {
    /// Starts it for the App of a forge, with GitHub at this address, and waits until it listens.
    pub(crate) fn start(folder: &Path, forge: &Forge, api_url: &str) -> Self {
        let state = folder.join("state");
        for (name, text) in [("key.pem", forge.private_key_pem().expose_secret()), ("secret", SECRET)] {
            let path = folder.join(name);
            std::fs::write(&path, text).expect("written");
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).expect("set");
        }
        let mut command = Command::new(env!("CARGO_BIN_EXE_task-orchestrator"));
        command.current_dir(folder).args(["serve", "--port", "0", "--app-id", &forge.app_id().to_string()]);
        command.args(["--private-key-file", "key.pem", "--webhook-secret-file", "secret", "--api-url", api_url]);
        command.arg("--state").arg(&state).stdin(Stdio::null()).stderr(Stdio::piped());
        command.env("NO_COLOR", "1").env("ORCHESTRATOR_LOG", "info,task_orchestrator::server::work=debug");
        let mut child = command.spawn().expect("it starts");
        let mut lines = BufReader::new(child.stderr.take().expect("piped")).lines().map_while(Result::ok);
        let mut before = String::new();
        let address = lines.by_ref().find_map(|line| {
            before += &format!("{line}\n");
            line.split("listening on http://").nth(1).and_then(|rest| rest.trim().parse().ok())
        });
        let address = address.unwrap_or_else(|| panic!("it does not say where it listens:\n{before}"));
        let is_loud = std::env::var_os("ORCHESTRATOR_BENCH_LOG").is_some();
        let turns: Arc<[AtomicU64; 2]> = Arc::default();
        let count = Arc::clone(&turns);
        std::thread::spawn(move || {
            for line in lines {
                if line.contains("a turn ended") {
                    count[0].fetch_add(1, Ordering::Relaxed);
                    count[1].fetch_add(u64::from(!line.contains("deliveries=0")), Ordering::Relaxed);
                }
                if is_loud {
                    println!("{line}");
                }
            }
        });
        Self { child, address, state, turns }
    }

    /// Turns that have ended so far, and those of them that took deliveries.
    pub(crate) fn turns(&self) -> (u64, u64) {
        (self.turns[0].load(Ordering::Relaxed), self.turns[1].load(Ordering::Relaxed))
    }

    /// The most memory it ever had, in KiB, as the kernel counts it (`VmHWM` in proc(5)).
    pub(crate) fn peak_memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("Linux tells it");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("Linux tells it");
        line.trim().trim_end_matches("kB").trim().parse().expect("a number")
    }
}

/// Sends webhooks to a server as GitHub does. Clones share their connections.
#[derive(Clone)]
pub(crate) struct Hook {
    client: Client<HttpConnector, Full<Bytes>>,
    url: String,
    secret: SecretString,
}

impl Hook {
    pub(crate) fn new(address: SocketAddr) -> Self {
        let client = Client::builder(TokioExecutor::new()).build_http();
        Self { client, url: format!("http://{address}/webhook"), secret: SECRET.into() }
    }

    /// Sends one, which must be kept.
    pub(crate) async fn send(&self, event: &str, guid: &str, body: &Value) {
        let body = body.to_string().into_bytes();
        let request = Request::post(&self.url)
            .header("x-github-event", event)
            .header("x-github-delivery", guid)
            .header("x-hub-signature-256", sign(&self.secret, &body))
            .body(Full::new(Bytes::from(body)))
            .expect("a request");
        let answer = self.client.request(request).await.expect("an answer");
        assert_eq!(answer.status(), StatusCode::ACCEPTED, "{event} {guid}");
    }
}

/// The middle of some numbers, which are put in order for it.
pub(crate) fn median(numbers: &mut [f64]) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}
