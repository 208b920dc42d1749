//! The forge over HTTP: through its router where one request tells the story, over a real port where git or webhooks
//! take part.

mod api;
mod auth;
mod fault;
mod git;
mod restart;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use axum::Router;
use axum::body::Body;
use http::{Request, Response, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::engine::id::{IssueNumber, Login, RepositoryName};
use crate::engine::time::Timestamp;
use crate::forge::http::{Clock, Forge, ForgeOptions, router};
use crate::forge::world::request::SeedIssue;
use crate::forge::world::setup::{ApiLimits, InputFacts, JobFacts, WorkflowFacts};

/// The moment every test begins at.
const START: i64 = 1_800_000_000_000;

/// A forge for one test, on a clock of the test's own.
pub(crate) struct Fixture {
    pub(crate) forge: Forge,
    pub(crate) router: Router,
    now: Arc<AtomicI64>,
    token: String,
}

/// Options for a forge in a folder.
pub(crate) fn options(folder: &Path, now: &Arc<AtomicI64>) -> ForgeOptions {
    let source = folder.join("source");
    if !source.exists() {
        crate::forge::repository::tests::user_repository(&source);
    }
    let now = Arc::clone(now);
    let input = InputFacts { required: true, default: None };
    let facts = WorkflowFacts {
        name: "Task".to_owned(),
        run_name: Some("task ${{ inputs.key }}".to_owned()),
        inputs: BTreeMap::from([("key".to_owned(), input)]),
        jobs: vec![JobFacts { id: "claim".to_owned(), name: "claim".to_owned(), needs: Vec::new() }],
        ..WorkflowFacts::default()
    };
    ForgeOptions {
        state: folder.join("state"),
        source,
        repository: RepositoryName::new("octo/widgets"),
        owner: Login::new("owner"),
        issues: vec![SeedIssue {
            number: IssueNumber(1),
            title: "First".to_owned(),
            body: "- [ ] one\n- [ ] two\n".to_owned(),
            labels: vec!["orchestrate".to_owned()],
        }],
        webhook: None,
        port: 0,
        limits: ApiLimits::Github,
        added: BTreeMap::new(),
        workflows: BTreeMap::from([("task.yml".to_owned(), facts)]),
        clock: Clock::new(move || Timestamp(now.load(Ordering::SeqCst))),
    }
}

impl Fixture {
    pub(crate) async fn start(folder: &Path) -> Self {
        let now = Arc::new(AtomicI64::new(START));
        Self::start_with(options(folder, &now), now).await
    }

    async fn start_with(options: ForgeOptions, now: Arc<AtomicI64>) -> Self {
        let forge = Forge::start(options).await.expect("the forge starts");
        let router = router(&forge.hub);
        let mut fixture = Self { forge, router, now, token: String::new() };
        fixture.token = fixture.installation_token(json!({})).await;
        fixture
    }

    /// A JWT of the App that began and ends so many seconds from now.
    fn jwt(&self, issuer: &Value, from: i64, until: i64) -> String {
        let now = self.now.load(Ordering::SeqCst) / 1000;
        let claims = json!({ "iss": issuer, "iat": now + from, "exp": now + until });
        let pem = self.forge.private_key_pem();
        let key = jsonwebtoken::EncodingKey::from_rsa_pem(pem.expose_secret().as_bytes()).expect("a key");
        jsonwebtoken::encode(&jsonwebtoken::Header::new(jsonwebtoken::Algorithm::RS256), &claims, &key).expect("signs")
    }

    async fn installation_token(&self, wishes: Value) -> String {
        let path = format!("/app/installations/{}/access_tokens", self.forge.installation_id());
        let jwt = self.jwt(&json!(self.forge.app_id()), -60, 540);
        let (status, body) = self.call_as(&jwt, "POST", &path, Some(wishes)).await;
        assert_eq!(status, StatusCode::CREATED, "{body}");
        body["token"].as_str().expect("a token").to_owned()
    }

    async fn answer(&self, token: &str, method: &str, path: &str, body: Option<Value>) -> Response<Body> {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "127.0.0.1:1")
            .header("authorization", format!("Bearer {token}"))
            .body(body.map_or_else(Body::empty, |body| Body::from(body.to_string())))
            .expect("a request");
        self.router.clone().oneshot(request).await.expect("the router answers")
    }

    async fn call_as(&self, token: &str, method: &str, path: &str, body: Option<Value>) -> (StatusCode, Value) {
        read(self.answer(token, method, path, body).await).await
    }

    /// A call on the repository with the installation's token.
    pub(crate) async fn call(&self, method: &str, path: &str, body: Option<Value>) -> (StatusCode, Value) {
        self.call_as(&self.token, method, &format!("/repos/octo/widgets{path}"), body).await
    }

    async fn get(&self, path: &str) -> (StatusCode, Value) {
        self.call("GET", path, None).await
    }

    /// A commit with one file on top of a branch, and a branch that names it.
    pub(crate) async fn branch_with(&self, branch: &str, from: &str, path: &str, content: &str) -> String {
        let (_, base) = self.get(&format!("/git/ref/heads/{from}")).await;
        let parent = base["object"]["sha"].clone();
        let entry = json!({ "path": path, "mode": "100644", "type": "blob", "content": content });
        let (status, tree) =
            self.call("POST", "/git/trees", Some(json!({ "base_tree": parent, "tree": [entry] }))).await;
        assert_eq!(status, StatusCode::CREATED, "{tree}");
        let commit = json!({ "message": "work", "tree": tree["sha"], "parents": [parent] });
        let (status, commit) = self.call("POST", "/git/commits", Some(commit)).await;
        assert_eq!(status, StatusCode::CREATED, "{commit}");
        let sha = commit["sha"].as_str().expect("a name").to_owned();
        let reference = json!({ "ref": format!("refs/heads/{branch}"), "sha": sha });
        let (status, body) = self.call("POST", "/git/refs", Some(reference)).await;
        assert_eq!(status, StatusCode::CREATED, "{body}");
        sha
    }

    /// So many milliseconds pass.
    fn pass(&self, milliseconds: i64) {
        self.now.fetch_add(milliseconds, Ordering::SeqCst);
    }

    fn secret(&self) -> SecretString {
        SecretString::from(self.token.clone())
    }
}

async fn read(response: Response<Body>) -> (StatusCode, Value) {
    let status = response.status();
    let body = axum::body::to_bytes(response.into_body(), usize::MAX).await.expect("a body");
    let text = String::from_utf8_lossy(&body).into_owned();
    (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}
