use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode, header};
use tower::ServiceExt as _;

use crate::engine::time::Timestamp;
use crate::forge::http::registration::Manifest;
use crate::forge::http::tests::Fixture;
use crate::forge::world::access::app_permissions;
use crate::forge::world::administration::EVENTS;
use crate::github::auth::CreatedApp;
use crate::github::client::Transport;
use crate::github::webhook::WebhookSecrets;
use crate::server::setup::session::Session;
use crate::server::setup::{Desk, FILE_NAME, StoredApp, manifest, routes};

/// Where the page under test stands, as its browser sees it.
const ORIGIN: &str = "http://127.0.0.1:1";

/// A set-up beside a forge, and a browser.
struct Setting {
    forge: Fixture,
    desk: Arc<Desk>,
    now: Arc<AtomicI64>,
    cookie: Option<String>,
    folder: tempfile::TempDir,
}

struct Seen {
    status: StatusCode,
    headers: HeaderMap,
    body: String,
}

impl Setting {
    async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let forge = Fixture::start(folder.path()).await;
        let now = Arc::new(AtomicI64::new(1_800_000_000_000));
        let time = Arc::clone(&now);
        let clock = Arc::new(move || Timestamp(time.load(Ordering::SeqCst)));
        let base = forge.forge.base_url().to_owned();
        let desk = Desk {
            session: Session::new(1, false),
            origin: ORIGIN.to_owned(),
            public_url: None,
            web_url: base.clone(),
            api_url: base.clone(),
            transport: Arc::new(Transport::new(&base, clock).expect("loopback")),
            state: folder.path().join("kept"),
            offers: true,
            is_done: tokio::sync::watch::channel(false).0,
        };
        Self { forge, desk: Arc::new(desk), now, cookie: None, folder }
    }

    async fn entered() -> Self {
        let mut setting = Self::start().await;
        let invitation = setting.desk.session.invite().expect("randomness");
        let entered = setting.get(&format!("/setup?token={invitation}")).await;
        assert_eq!(
            (entered.status, &entered.headers[header::LOCATION]),
            (StatusCode::SEE_OTHER, &"/setup".parse().expect("a value"))
        );
        let cookie = entered.headers[header::SET_COOKIE].to_str().expect("text");
        setting.cookie = cookie.split(';').next().map(str::to_owned);
        setting
    }

    async fn send(&self, request: axum::http::request::Builder, body: &str) -> Seen {
        let request = match &self.cookie {
            Some(cookie) => request.header(header::COOKIE, cookie),
            None => request,
        };
        let request = request.body(Body::from(body.to_owned())).expect("a request");
        let answer = routes::router(Arc::clone(&self.desk)).oneshot(request).await.expect("an answer");
        let (parts, body) = answer.into_parts();
        let body = axum::body::to_bytes(body, usize::MAX).await.expect("a body");
        Seen { status: parts.status, headers: parts.headers, body: String::from_utf8_lossy(&body).into_owned() }
    }

    async fn get(&self, path: &str) -> Seen {
        self.send(Request::get(path).header(header::HOST, "127.0.0.1:1"), "").await
    }

    async fn post(&self, origin: &str, form: &str) -> Seen {
        let request = Request::post("/setup/app")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(header::ORIGIN, origin);
        self.send(request, form).await
    }

    async fn form_token(&self) -> String {
        value_after(&self.get("/setup").await.body, "name=\"token\" value=\"")
    }

    /// Chooses, and gives the state that goes to GitHub.
    async fn chosen(&self) -> String {
        let token = self.form_token().await;
        let page = self.post(ORIGIN, &format!("token={token}&name=mine&organization=&address=")).await;
        assert_eq!(page.status, StatusCode::OK, "{}", page.body);
        value_after(&page.body, "/settings/apps/new?state=")
    }

    /// A code as GitHub hands it out for the manifest that was sent there.
    fn code(&self) -> String {
        let wishes = manifest::Wishes { name: "mine".to_owned(), ..manifest::Wishes::default() };
        let sent = manifest::filled(&wishes, &format!("{ORIGIN}/setup/created")).expect("readable").to_string();
        let manifest = Manifest::read(&sent, &app_permissions(), EVENTS).expect("GitHub takes it");
        let hub = &self.forge.forge.hub;
        hub.registration.confirm(manifest, hub.clock.now()).expect("randomness")
    }

    fn kept(&self) -> Option<StoredApp> {
        StoredApp::read(&self.desk.state, &self.desk.api_url).expect("readable")
    }
}

fn value_after(text: &str, mark: &str) -> String {
    let (_, after) = text.split_once(mark).unwrap_or_else(|| panic!("no {mark} in {text}"));
    after.split('"').next().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn nobody_sees_or_does_anything_without_the_printed_address() {
    let setting = Setting::start().await;
    let invitation = setting.desk.session.invite().expect("randomness");
    for path in ["/setup", "/setup?token=", "/setup?token=guess", "/setup/created?code=1&state=2"] {
        let seen = setting.get(path).await;
        assert_eq!(seen.status, StatusCode::FORBIDDEN, "{path}");
        assert!(!seen.body.contains("<form"), "{}", seen.body);
    }
    assert_eq!(setting.post(ORIGIN, "token=&name=x").await.status, StatusCode::FORBIDDEN);
    let unready = setting.get("/readyz").await;
    assert_eq!(
        (unready.status, setting.get("/healthz").await.status),
        (StatusCode::SERVICE_UNAVAILABLE, StatusCode::OK)
    );
    // By the machine's other name nothing is spent; what is no token's letters is not led on.
    let other = |path: &str| Request::get(path).header(header::HOST, "localhost:1");
    let led_on = setting.send(other(&format!("/setup?token={invitation}")), "").await;
    let target = format!("{ORIGIN}/setup?token={invitation}");
    assert_eq!(
        (led_on.status, led_on.headers[header::LOCATION].to_str().ok()),
        (StatusCode::SEE_OTHER, Some(&*target))
    );
    assert_eq!(setting.send(other("/setup?token=a%0d%0ab"), "").await.status, StatusCode::FORBIDDEN);
    assert_eq!(setting.get(&format!("/setup?token={invitation}")).await.status, StatusCode::SEE_OTHER);
    assert_eq!(setting.get(&format!("/setup?token={invitation}")).await.status, StatusCode::FORBIDDEN, "good once");
}

#[tokio::test]
async fn forms_count_only_with_their_token_and_from_here() {
    let setting = Setting::entered().await;
    let token = setting.form_token().await;
    for (origin, form) in [
        ("http://evil.example", format!("token={token}&name=mine")),
        ("null", format!("token={token}&name=mine")),
        (ORIGIN, "name=mine".to_owned()),
        (ORIGIN, "token=guess&name=mine".to_owned()),
    ] {
        let seen = setting.post(origin, &form).await;
        assert!(seen.status == StatusCode::FORBIDDEN && !seen.body.contains("state="), "{origin} {form}");
    }
    let page = setting.post(ORIGIN, &format!("token={token}&name=%3Cb%3E&organization=octo&address=")).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(
        page.body.contains(&format!("action=\"{}/organizations/octo/settings/apps/new?state=", setting.desk.web_url))
    );
    assert!(page.body.contains("&lt;b&gt;") && !page.body.contains("<b>"), "{}", page.body);
    let policy = page.headers[header::CONTENT_SECURITY_POLICY].to_str().expect("text");
    assert!(policy.starts_with("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{policy}");
    assert!(policy.contains(&format!("form-action 'self' {};", setting.desk.web_url)), "{policy}");
    assert_eq!(page.headers[header::CACHE_CONTROL], "no-store");
    let wrong = setting.post(ORIGIN, &format!("token={token}&name=&address=here")).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(wrong.body.contains("The name must have") && wrong.body.contains("The address must be"), "{}", wrong.body);
}

#[tokio::test]
async fn what_comes_back_counts_once_and_only_with_the_state_that_was_sent() {
    let setting = Setting::entered().await;
    let (state, code) = (setting.chosen().await, setting.code());
    let back = |state: &str| format!("/setup/created?code={code}&state={state}");
    for wrong in ["", "guess"] {
        assert_eq!(setting.get(&back(wrong)).await.status, StatusCode::FORBIDDEN);
    }
    assert!(setting.kept().is_none() && !*setting.desk.is_done.borrow());
    let page = setting.get(&back(&state)).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.body);
    let install = format!("{}/apps/task-orchestrator/installations/new", setting.desk.web_url);
    assert!(page.body.contains(&format!("href=\"{install}\"")), "{}", page.body);
    let kept = setting.kept().expect("kept");
    assert_eq!(kept.credentials.app_id, setting.forge.forge.app_id().to_string());
    // Created without a webhook, it has a secret all the same: one that nobody knows.
    assert!(WebhookSecrets::new(kept.webhook_secret, None).is_ok());
    assert!(*setting.desk.is_done.borrow());
    assert_eq!(setting.get(&back(&state)).await.status, StatusCode::FORBIDDEN, "it is used up");
    let again = setting.chosen().await;
    let refused = setting.get(&format!("/setup/created?code={}&state={again}", setting.code())).await;
    assert_eq!(refused.status, StatusCode::INTERNAL_SERVER_ERROR, "what is kept is never written over");
}

#[tokio::test]
async fn a_code_that_github_does_not_take_leaves_nothing_and_says_where_to_look() {
    let setting = Setting::entered().await;
    for code in ["guess", "", "..", "a/b"] {
        let state = setting.chosen().await;
        let page = setting.get(&format!("/setup/created?code={code}&state={state}")).await;
        assert_eq!(page.status, StatusCode::BAD_GATEWAY, "{code}");
        assert!(page.body.contains("/settings/apps") && page.body.contains("Begin again"), "{}", page.body);
    }
    let state = setting.chosen().await;
    setting.now.fetch_add(3_600_000, Ordering::SeqCst);
    let late = setting.get(&format!("/setup/created?code={}&state={state}", setting.code())).await;
    assert_eq!(late.status, StatusCode::FORBIDDEN, "an hour has passed");
    assert!(setting.kept().is_none());
    assert_eq!(std::fs::read_dir(&setting.desk.state).expect("made").count(), 0, "nothing half written stays");
}

#[tokio::test]
async fn the_app_is_installed_where_github_is_and_nowhere_else() {
    let mut setting = Setting::start().await;
    let made = |page: Option<&str>| CreatedApp {
        id: 1,
        slug: "mine".to_owned(),
        page: page.map(str::to_owned),
        key: "key".into(),
        webhook_secret: None,
    };
    for (web, page, expected) in [
        ("https://github.com", Some("https://github.com/apps/mine"), "https://github.com/apps/mine/installations/new"),
        (
            "https://github.com",
            Some("https://github.com.evil.example/apps/x"),
            "https://github.com/apps/mine/installations/new",
        ),
        (
            "https://git.example.com",
            Some("https://git.example.com/github-apps/mine"),
            "https://git.example.com/github-apps/mine/installations/new",
        ),
        ("https://git.example.com", None, "https://git.example.com/github-apps/mine/installations/new"),
    ] {
        let desk = Arc::get_mut(&mut setting.desk).expect("nobody else has it");
        desk.web_url = web.to_owned();
        assert_eq!(desk.install_url(&made(page)), expected, "{page:?}");
    }
    assert_eq!(setting.desk.settings_url(Some("octo")), "https://git.example.com/organizations/octo/settings");
}

#[tokio::test]
async fn the_key_is_not_fetched_where_it_could_not_be_kept() {
    let mut setting = Setting::entered().await;
    let blocked = setting.folder.path().join("file");
    std::fs::write(&blocked, "").expect("written");
    let desk = Arc::get_mut(&mut setting.desk).expect("nobody else has it");
    desk.state = blocked.join("state");
    let (state, code) = (setting.chosen().await, setting.code());
    let page = setting.get(&format!("/setup/created?code={code}&state={state}")).await;
    assert_eq!(page.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert!(page.body.contains("could not be kept") && page.body.contains("/settings/apps"), "{}", page.body);
    let hub = &setting.forge.forge.hub;
    assert!(hub.registration.convert(&code, hub.clock.now()).is_some(), "the code is still good");
    assert!(!Path::new(&blocked).join(FILE_NAME).exists());
}
