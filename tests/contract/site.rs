//! A forge, the App and its server around it, and relays between them: on the test's own time.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use secrecy::SecretString;
use task_orchestrator::engine::config::Settings;
use task_orchestrator::engine::id::{IssueNumber, Login, RepositoryName};
use task_orchestrator::engine::snapshot::Actor;
use task_orchestrator::engine::time::Timestamp;
use task_orchestrator::forge::http::{Clock, Forge, ForgeOptions, Handle, WebhookTarget};
use task_orchestrator::forge::memory::task_workflow;
use task_orchestrator::forge::world::request::{PersonAct, Request, SeedIssue};
use task_orchestrator::forge::world::setup::ApiLimits;
use task_orchestrator::git::command::Program;
use task_orchestrator::github::Response;
use task_orchestrator::github::auth::{App, AppCredentials};
use task_orchestrator::github::client::Transport;
use task_orchestrator::github::webhook::WebhookSecrets;
use task_orchestrator::server::{AppConnector, AppOptions, OnboardingPolicy, Options, Server};
use task_orchestrator::store::memory::MemoryStore;
use task_orchestrator::turn::Configuration;

use crate::relay::{Recording, Relay};

const SECRET: &str = "a secret of some length";

/// Everything at work.
pub(crate) struct Site {
    pub(crate) forge: Forge,
    pub(crate) handle: Handle,
    pub(crate) app: Arc<App>,
    now: Arc<AtomicI64>,
    folder: tempfile::TempDir,
    relays: Vec<Relay>,
    recording: Arc<Recording>,
}

pub(crate) fn repository() -> RepositoryName {
    RepositoryName::new("octo/widgets")
}

pub(crate) fn secret() -> SecretString {
    SECRET.into()
}

/// A repository with the task workflow and one file for each of so many tasks.
fn source(folder: &Path, tasks: u64) {
    std::fs::create_dir_all(folder.join(".github/workflows")).expect("a folder");
    std::fs::write(folder.join(".github/workflows/task.yml"), "name: task\n").expect("a file");
    std::fs::write(folder.join(".github/orchestrator.yml"), "heartbeat: 60s\n").expect("a file");
    for number in 1..=tasks {
        std::fs::write(folder.join(format!("f{number}.txt")), "one\n").expect("a file");
    }
    for arguments in [
        &["init", "--quiet", "--initial-branch=trunk"][..],
        &["add", "."],
        &["-c", "user.name=u", "-c", "user.email=u@example.com", "commit", "--quiet", "-m", "first"],
    ] {
        assert!(Command::new("git").arg("-C").arg(folder).args(arguments).status().expect("git").success());
    }
}

impl Site {
    /// Issues 1 to `tasks`, each about a file of its own; GitHub's limits are in force.
    pub(crate) async fn start(tasks: u64, recording: &Arc<Recording>) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        source(&folder.path().join("source"), tasks);
        let now = Arc::new(AtomicI64::new(Clock::system().now().0));
        let (forge_time, our_time) = (Arc::clone(&now), Arc::clone(&now));
        let issue = |number| SeedIssue {
            number: IssueNumber(number),
            title: format!("Task {number}"),
            body: format!("Files: f{number}.txt"),
            labels: vec!["orchestrate".to_owned()],
        };
        let options = ForgeOptions {
            state: folder.path().join("state"),
            source: folder.path().join("source"),
            repository: repository(),
            owner: Login::new("owner"),
            issues: (1..=tasks).map(issue).collect(),
            webhook: None,
            port: 0,
            limits: ApiLimits::Github,
            added: [].into(),
            workflows: [("task.yml".to_owned(), task_workflow())].into(),
            clock: Clock::new(move || Timestamp(forge_time.load(Ordering::SeqCst))),
        };
        let forge = Forge::start(options).await.expect("the forge starts");
        let relay = Relay::start("exchange", forge.base_url().to_owned(), Arc::clone(recording)).await;
        let clock = Arc::new(move || Timestamp(our_time.load(Ordering::SeqCst)));
        let transport = Transport::new(&relay.url, clock).expect("loopback");
        let credentials = AppCredentials { app_id: forge.app_id().to_string(), key: forge.private_key_pem() };
        let app = Arc::new(App::new(Arc::new(transport), &credentials).expect("a key"));
        let (handle, relays, recording) = (forge.handle(), vec![relay], Arc::clone(recording));
        Self { forge, handle, app, now, folder, relays, recording }
    }

    /// The API's address, past the relay.
    pub(crate) fn api_url(&self) -> &str {
        &self.relays[0].url
    }

    /// A way there of one's own.
    pub(crate) fn transport(&self) -> Arc<Transport> {
        let now = Arc::clone(&self.now);
        let clock = Arc::new(move || Timestamp(now.load(Ordering::SeqCst)));
        Arc::new(Transport::new(self.api_url(), clock).expect("loopback"))
    }

    /// Where webhooks go.
    pub(crate) fn hook_url(&self) -> String {
        format!("{}/webhook", self.relays.last().expect("somebody listens").url)
    }

    /// The App's server on the forge, which tells it what happens.
    pub(crate) async fn serve(&mut self) -> Server {
        let defaults = Settings { auto_merge: true, ..Settings::server() };
        let options = AppOptions {
            git_url: self.forge.base_url().to_owned(),
            mirrors: self.folder.path().join("mirrors"),
            configuration: Configuration::Repository(Box::new(defaults)),
            onboarding: OnboardingPolicy::Never,
            program: Program::default(),
        };
        let store = MemoryStore::new();
        let connector = AppConnector::new(Arc::clone(&self.app), options, store.clone()).expect("random numbers");
        let now = Arc::clone(&self.now);
        let options = Options {
            address: "127.0.0.1:0".parse().expect("an address"),
            secrets: WebhookSecrets::new(secret(), None).expect("long enough"),
            clock: Arc::new(move || Timestamp(now.load(Ordering::SeqCst))),
            is_followed: true,
        };
        let server = Server::start(options, connector, store).await.expect("a free port");
        self.tell(format!("http://{}", server.address())).await;
        server
    }

    /// Has webhooks sent to somebody who takes them and does nothing.
    pub(crate) async fn tell_nobody(&mut self) {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let router = axum::Router::new().fallback(async || http::StatusCode::ACCEPTED);
        tokio::spawn(async move { axum::serve(listener, router).await });
        self.tell(url).await;
    }

    /// Has webhooks sent to what listens at `target`.
    async fn tell(&mut self, target: String) {
        let relay = Relay::start("webhook", target, Arc::clone(&self.recording)).await;
        let url = format!("{}/webhook", relay.url);
        self.relays.push(relay);
        self.forge.send_webhooks_to(Some(WebhookTarget { url, secret: secret(), repeats: false }));
    }

    pub(crate) fn now(&self) -> Timestamp {
        Timestamp(self.now.load(Ordering::SeqCst))
    }

    pub(crate) fn pass(&self, seconds: i64) {
        self.now.fetch_add(seconds * 1000, Ordering::SeqCst);
    }

    /// The owner does something in the pages.
    pub(crate) async fn person(&self, act: PersonAct) -> Response {
        let actor = Actor { login: Login::new("owner"), bot: false };
        let asked = format!("{act:?}");
        let answer = self.handle.apply(Request::Person { actor, act, git: None }).await;
        answer.unwrap_or_else(|error| panic!("{asked}: {error}"))
    }

    /// Runner, checks and the like tell something.
    pub(crate) async fn report(&self, request: Request) {
        self.handle.apply(request).await.expect("it may be told");
    }
}
