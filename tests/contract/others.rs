//! What the forge answers beside the client's requests: to jobs, and to people's own programs.

use std::sync::Arc;

use axum::body::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};
use task_orchestrator::forge::world::access::{Level, Scope, app_permissions};
use task_orchestrator::forge::world::request::{self, RunnerAct};

use crate::relay::{Recording, Relay};
use crate::site::Site;

const UNPROCESSABLE: StatusCode = StatusCode::UNPROCESSABLE_ENTITY;

/// Somebody with a token of a job.
struct Other {
    relay: Relay,
    token: SecretString,
    client: Client<HttpConnector, Full<Bytes>>,
}

impl Other {
    async fn ask(&self, method: Method, path: &str, body: Option<Value>) -> (StatusCode, Value) {
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.relay.url))
            .header("accept", "application/vnd.github+json")
            .header("authorization", format!("Bearer {}", self.token.expose_secret()))
            .header("content-type", "application/json")
            .header("user-agent", "somebody")
            .header("x-github-api-version", "2022-11-28");
        let body = body.map(|body| body.to_string()).unwrap_or_default();
        let request = request.body(Full::new(Bytes::from(body))).expect("a request");
        let answer = self.client.request(request).await.expect("an answer");
        let status = answer.status();
        let body = answer.into_body().collect().await.expect("a body").to_bytes();
        (status, serde_json::from_slice(&body).unwrap_or_default())
    }

    async fn get(&self, path: &str) -> Value {
        let (status, told) = self.ask(Method::GET, path, None).await;
        assert!(status.is_success(), "GET {path}: {status} {told}");
        told
    }

    async fn post(&self, path: &str, body: Value) -> Value {
        let (status, told) = self.ask(Method::POST, path, Some(body)).await;
        assert!(status.is_success(), "POST {path}: {status} {told}");
        told
    }
}

/// Asks for everything that the client never asks for; runs, jobs and comments are there.
pub(crate) async fn ask(site: &Site, recording: &Arc<Recording>) {
    let relay = Relay::start("answer", site.forge.base_url().to_owned(), Arc::clone(recording)).await;
    let mut permissions = app_permissions();
    permissions.insert(Scope::Checks, Level::Write);
    let token = site.handle.mint_job_token(permissions).expect("random numbers");
    let other = Other { relay, token, client: Client::builder(TokioExecutor::new()).build_http() };
    let run = site.handle.look(|world| world.runs().map(|run| run.id).next()).expect("a run");
    let job = site.handle.look(|world| world.jobs_of(run).map(|job| job.job.id).next()).expect("a job");
    let comment = site.handle.look(|world| world.comments().map(|entry| entry.comment.id).next()).expect("a comment");
    let (name, location, bytes) = ("work".to_owned(), "there".to_owned(), 9);
    site.report(request::Request::Runner(RunnerAct::ArtifactStored { run, name, location, bytes })).await;

    let home = "/repos/octo/widgets";
    for path in [
        "/rate_limit".to_owned(),
        format!("{home}/actions/runs?status=completed"),
        format!("{home}/actions/runs/{run}/artifacts"),
        format!("{home}/actions/jobs/{job}"),
        format!("{home}/issues/comments/{comment}"),
        format!("{home}/contents/f1.txt?ref=trunk"),
        format!("{home}/issues?labels=orchestrate&sort=updated&direction=asc"),
    ] {
        other.get(&path).await;
    }
    let blob = other.post(&format!("{home}/git/blobs"), json!({ "content": "text", "encoding": "utf-8" })).await;
    other.get(&format!("{home}/git/blobs/{}", blob["sha"].as_str().expect("a name"))).await;
    let trunk = other.get(&format!("{home}/git/ref/heads/trunk")).await["object"]["sha"].clone();
    let check = json!({ "name": "plan", "head_sha": trunk, "status": "in_progress" });
    let check = other.post(&format!("{home}/check-runs"), check).await["id"].as_u64().expect("an id");
    let ended = json!({ "conclusion": "failure", "output": { "title": "plan", "summary": "broken" } });
    other.ask(Method::PATCH, &format!("{home}/check-runs/{check}"), Some(ended)).await;
    other.get(&format!("{home}/check-runs/{check}")).await;
    for (method, path, body, refused) in [
        (Method::PUT, "pulls/1/merge", json!({}), StatusCode::NOT_FOUND),
        (Method::PATCH, "issues/9999", json!({ "title": "it" }), StatusCode::NOT_FOUND),
        (Method::POST, "issues", json!({ "title": "x".repeat(1_000) }), UNPROCESSABLE),
        (Method::POST, "git/refs", json!({ "ref": "refs/heads/x", "sha": "0".repeat(40) }), UNPROCESSABLE),
        (Method::POST, "git/trees", json!({ "tree": [] }), UNPROCESSABLE),
        (Method::POST, "actions/workflows/task.yml/dispatches", json!({ "ref": "nowhere" }), UNPROCESSABLE),
        (Method::POST, "actions/workflows/none.yml/dispatches", json!({ "ref": "trunk" }), StatusCode::NOT_FOUND),
    ] {
        let (status, told) = other.ask(method, &format!("{home}/{path}"), Some(body)).await;
        assert_eq!(status, refused, "{path}: {told}");
    }
    let (status, _) = other.ask(Method::DELETE, "/installation/token", None).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    let (status, _) = other.ask(Method::GET, &format!("{home}/issues/1"), None).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
}
