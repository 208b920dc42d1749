//! A forge in whatever state a test wants, and doctor on it.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;

use crate::doctor::{Access, Line, Report, State, examine};
use crate::engine::id::{IssueNumber, Login, RepositoryName};
use crate::forge::http::{Clock, Forge, ForgeOptions, WebhookTarget};
use crate::forge::memory::task_workflow;
use crate::forge::world::access::{Level, Permissions, Scope, app_permissions};
use crate::forge::world::administration::Administration;
use crate::forge::world::request::{Request, SeedAct, SeedIssue};
use crate::forge::world::setup::ApiLimits;
use crate::github::auth::{App, AppCredentials};
use crate::github::client::Transport;

/// Nothing that is waited for takes longer.
const PATIENCE: Duration = Duration::from_secs(60);

/// A forge and who may look at it.
pub(super) struct Site {
    pub(super) forge: Forge,
    _folder: tempfile::TempDir,
    /// How far this machine's clock is ahead, in milliseconds.
    pub(super) ahead: i64,
    pub(super) app_id: u64,
}

/// What a test changes of a set-up that is right.
pub(super) struct Wish {
    pub(super) files: Vec<(&'static str, String)>,
    pub(super) set: Administration,
    /// What answers at the webhook's address.
    pub(super) answer: StatusCode,
}

impl Wish {
    /// A set-up that is right.
    pub(super) fn right() -> Self {
        let workflow = crate::doctor::workflow_file::BUNDLED.to_owned();
        let mut set = Administration::default();
        set.labels.insert("orchestrate".to_owned());
        set.environment_secrets.insert("orchestrate".to_owned(), ["CODEX_API_KEY".to_owned()].into());
        let files = vec![
            (".github/workflows/task.yml", workflow),
            (".github/orchestrator.yml", "setup: cargo fetch\n".to_owned()),
            ("Cargo.toml", "[package]\n".to_owned()),
        ];
        Self { files, set, answer: StatusCode::ACCEPTED }
    }

    /// The same with what administrators set changed.
    pub(super) fn set(change: impl FnOnce(&mut Administration)) -> Self {
        let mut wish = Self::right();
        change(&mut wish.set);
        wish
    }

    /// The same with a file changed; an empty one is not there.
    pub(super) fn file(path: &'static str, text: impl Into<String>) -> Self {
        let mut wish = Self::right();
        wish.files.retain(|(there, _)| *there != path);
        let text = text.into();
        if !text.is_empty() {
            wish.files.push((path, text));
        }
        wish
    }
}

fn source(folder: &Path, files: &[(&str, String)]) {
    std::fs::create_dir_all(folder).expect("a folder");
    std::fs::write(folder.join("readme.md"), "# it\n").expect("a file");
    for (path, text) in files {
        let path = folder.join(path);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, text).expect("a file");
    }
    for arguments in [
        &["init", "--quiet", "--initial-branch=trunk"][..],
        &["add", "."],
        &["-c", "user.name=u", "-c", "user.email=u@example.com", "commit", "--quiet", "-m", "first"],
    ] {
        assert!(Command::new("git").arg("-C").arg(folder).args(arguments).status().expect("git").success());
    }
}

/// The address of somebody who answers like this.
async fn listener(answer: StatusCode) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}/webhook", listener.local_addr().expect("an address"));
    let router = Router::new().fallback(async move || answer);
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

impl Site {
    pub(super) async fn start(wish: Wish) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        source(&folder.path().join("source"), &wish.files);
        let url = listener(wish.answer).await;
        let options = ForgeOptions {
            state: folder.path().join("state"),
            source: folder.path().join("source"),
            repository: RepositoryName::new("octo/widgets"),
            owner: Login::new("owner"),
            issues: vec![SeedIssue {
                number: IssueNumber(1),
                title: "First".to_owned(),
                body: String::new(),
                labels: Vec::new(),
            }],
            webhook: Some(WebhookTarget { url, secret: "a secret of some length".into(), repeats: false }),
            port: 0,
            limits: ApiLimits::Github,
            added: std::collections::BTreeMap::new(),
            workflows: [("task.yml".to_owned(), task_workflow())].into(),
            clock: Clock::system(),
        };
        let forge = Forge::start(options).await.expect("the forge starts");
        let app_id = forge.app_id();
        let site = Self { forge, _folder: folder, ahead: 0, app_id };
        site.forge.apply(Request::Seed(SeedAct::Administration(Box::new(wish.set)))).await.expect("set");
        site
    }

    /// Waits until GitHub has tried to tell of something.
    pub(super) async fn delivered(&self) {
        let app = self.app();
        let tried = async { while app.last_deliveries().await.is_ok_and(|all| all.is_empty()) {} };
        tokio::time::timeout(PATIENCE, tried).await.expect("a webhook is sent");
    }

    fn transport(&self) -> Arc<Transport> {
        let ahead = self.ahead;
        let clock = Clock::system();
        let told = Arc::new(move || crate::engine::time::Timestamp(clock.now().0 + ahead));
        Arc::new(Transport::new(self.forge.base_url(), told).expect("loopback"))
    }

    fn app(&self) -> App {
        let credentials = AppCredentials { app_id: self.app_id.to_string(), key: self.forge.private_key_pem() };
        App::new(self.transport(), &credentials).expect("a key")
    }

    /// Nobody's access yet.
    pub(super) fn nobody(&self) -> Access {
        let (transport, api_url) = (self.transport(), self.forge.base_url().to_owned());
        let repository = RepositoryName::new("octo/widgets");
        Access { repository, api_url, transport, app: None, job: None, person: None }
    }

    /// The App's.
    pub(super) fn as_app(&self) -> Access {
        let access = self.nobody();
        let credentials = AppCredentials { app_id: self.app_id.to_string(), key: self.forge.private_key_pem() };
        let app = App::new(Arc::clone(&access.transport), &credentials).expect("a key");
        Access { app: Some(Arc::new(app)), ..access }
    }

    /// The App's and the owner's.
    pub(super) fn as_both(&self) -> Access {
        let access = self.as_app();
        let token = self.forge.handle().mint_owner_token().expect("random numbers");
        let person = Access::with_token(&access.transport, &access.repository, token).expect("a repository");
        Access { person: Some((person, "a classic token")), ..access }
    }

    /// A job's.
    pub(super) fn as_job(&self) -> Access {
        let access = self.nobody();
        let token = self.forge.handle().mint_job_token(app_permissions()).expect("random numbers");
        let job = Access::with_token(&access.transport, &access.repository, token).expect("a repository");
        Access { job: Some(job), ..access }
    }

    pub(super) async fn report(&self) -> Report {
        examine(&self.as_both()).await
    }
}

/// What a check says of such a set-up.
pub(super) async fn told(id: &str, wish: Wish) -> Line {
    let site = Site::start(wish).await;
    site.delivered().await;
    line(&site.report().await, id)
}

/// One check's line.
pub(super) fn line(report: &Report, id: &str) -> Line {
    report.checks.iter().find(|line| line.id == id).cloned().unwrap_or_else(|| panic!("no check `{id}`"))
}

/// Checks how a line stands, and that it says these words.
pub(super) fn says(line: &Line, state: State, words: &[&str]) {
    let text = format!("{} {}", line.found, line.remedy.as_deref().unwrap_or_default());
    assert_eq!(line.state, state, "{text}");
    words.iter().for_each(|words| assert!(text.contains(words), "`{words}` is not in: {text}"));
}

/// What the App was given, less one thing.
pub(super) fn without(scope: Scope) -> Permissions {
    let mut permissions = app_permissions();
    permissions.remove(&scope);
    permissions
}

/// What the App was given, and one thing more.
pub(super) fn with(scope: Scope) -> Permissions {
    let mut permissions = app_permissions();
    permissions.insert(scope, Level::Write);
    permissions
}
