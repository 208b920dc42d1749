use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::routing::post;
use http::{HeaderMap, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::engine::id::Sha;
use crate::forge::http::WebhookTarget;
use crate::forge::http::tests::Fixture;
use crate::forge::runner::{Host, MergedTree};
use crate::forge::webhooks::signature;

/// Runs git in a folder; the token goes by the environment, never by an address or argument.
async fn git(folder: &Path, token: &SecretString, arguments: &[&str]) -> bool {
    let mut command = tokio::process::Command::from(Command::new("git"));
    let credentials = "!f() { echo username=x-access-token; echo \"password=$FORGE_TOKEN\"; }; f";
    command
        .env("FORGE_TOKEN", token.expose_secret())
        .env("GIT_TERMINAL_PROMPT", "0")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .args([
            "-c",
            &format!("credential.helper={credentials}"),
            "-c",
            "user.name=u",
            "-c",
            "user.email=u@example.com",
        ])
        .arg("-C")
        .arg(folder)
        .args(arguments)
        .stderr(std::process::Stdio::null())
        .stdout(std::process::Stdio::null());
    command.status().await.expect("git runs").success()
}

#[tokio::test]
async fn git_fetches_and_pushes_as_its_token_allows() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let forge = Fixture::start(folder.path()).await;
    let (writer, url) = (forge.secret(), forge.forge.git_url());
    let reader = SecretString::from(forge.installation_token(json!({ "permissions": { "contents": "read" } })).await);
    let blind = SecretString::from(forge.installation_token(json!({ "permissions": { "issues": "read" } })).await);
    let work = folder.path().join("work");
    assert!(!git(folder.path(), &blind, &["clone", &url, "work"]).await);
    assert!(!git(folder.path(), &SecretString::from("ghs_wrong"), &["clone", &url, "work"]).await);
    assert!(git(folder.path(), &reader, &["clone", &url, "work"]).await);
    std::fs::write(work.join("new.txt"), "x".repeat(3_000_000)).expect("writes");
    assert!(git(&work, &reader, &["checkout", "-q", "-b", "orchestrate/issue-1"]).await);
    assert!(git(&work, &reader, &["add", "."]).await && git(&work, &reader, &["commit", "-q", "-m", "work"]).await);
    let push = ["push", "--atomic", "origin", "HEAD:refs/heads/orchestrate/issue-1", "HEAD:refs/heads/second"];
    assert!(!git(&work, &reader, &push).await);
    assert_eq!(forge.get("/git/ref/heads/second").await.0, StatusCode::NOT_FOUND);
    assert!(git(&work, &writer, &push).await);
    let (_, found) = forge.get("/git/ref/heads/orchestrate/issue-1").await;
    let sha = found["object"]["sha"].as_str().expect("pushed").to_owned();
    let known = forge.forge.hub.look(|world| world.branches().get("second").map(|sha| sha.as_str().to_owned()));
    assert_eq!(known.as_deref(), Some(sha.as_str()), "the world was told");
    let wrong_lease = format!("--force-with-lease=second:{}", "1".repeat(40));
    assert!(!git(&work, &writer, &["push", &wrong_lease, "origin", "origin/trunk:refs/heads/second"]).await);
    assert!(git(&work, &reader, &["fetch", "-q", "origin", &sha]).await, "any commit can be asked for by name");
}

#[tokio::test]
async fn the_runner_gets_the_merged_files_or_hears_of_the_conflict() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let forge = Fixture::start(folder.path()).await;
    let fits = forge.branch_with("fits", "trunk", "b.txt", "b\n").await;
    let clash = forge.branch_with("clash", "trunk", "a.txt", "eins\ntwo\nthree\n").await;
    forge.branch_with("base", "trunk", "a.txt", "ONE\ntwo\nthree\n").await;
    let target = folder.path().join("merged");
    std::fs::create_dir(&target).expect("folder");
    let handle = forge.forge.handle();
    let filled = Host::merged_tree(&handle, "base", &Sha::new(fits), &target).await;
    assert_eq!(filled, Ok(MergedTree::Filled));
    assert_eq!(std::fs::read_to_string(target.join("a.txt")).expect("merged"), "ONE\ntwo\nthree\n");
    assert_eq!(std::fs::read_to_string(target.join("b.txt")).expect("merged"), "b\n");
    let refused = Host::merged_tree(&handle, "base", &Sha::new(clash.clone()), &target).await;
    assert_eq!(refused, Ok(MergedTree::Conflict));
    assert!(Host::merged_tree(&handle, "nowhere", &Sha::new(clash), &target).await.is_err());
}

type Seen = mpsc::UnboundedSender<(HeaderMap, Bytes)>;

async fn receive(
    State((seen, refusals)): State<(Seen, Arc<Mutex<u32>>)>,
    headers: HeaderMap,
    body: Bytes,
) -> StatusCode {
    let mut refusals = refusals.lock().expect("one holder");
    if *refusals > 0 {
        *refusals -= 1;
        return StatusCode::SERVICE_UNAVAILABLE;
    }
    seen.send((headers, body)).expect("the test listens");
    StatusCode::ACCEPTED
}

#[tokio::test]
async fn webhooks_arrive_signed_in_order_and_again_where_refused() {
    let (sender, mut seen) = mpsc::unbounded_channel();
    let router = Router::new().route("/hook", post(receive)).with_state((sender, Arc::new(Mutex::new(2))));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(async move { axum::serve(listener, router).await });
    let folder = tempfile::tempdir().expect("temporary folder");
    let forge = Fixture::start(folder.path()).await;
    let secret = SecretString::from("a secret of the test");
    let target = WebhookTarget { url: format!("http://{address}/hook"), secret: secret.clone(), repeats: true };
    forge.forge.send_webhooks_to(Some(target));
    assert_eq!(forge.call("POST", "/issues/1/comments", Some(json!({ "body": "hi" }))).await.0, StatusCode::CREATED);
    forge.branch_with("work/1", "trunk", "b.txt", "b\n").await;
    let mut events = Vec::new();
    for _ in 0..2 {
        let (headers, body) = seen.recv().await.expect("a webhook");
        let signed = signature(&secret, &body).expect("a signature");
        assert_eq!(headers["x-hub-signature-256"].to_str().ok(), Some(signed.as_str()));
        assert_eq!(headers["x-github-delivery"].len(), 36);
        let payload: Value = serde_json::from_slice(&body).expect("JSON");
        assert_eq!(payload["repository"]["full_name"], "octo/widgets");
        assert_eq!(payload["installation"]["id"], forge.forge.installation_id());
        events.push((headers["x-github-event"].to_str().expect("text").to_owned(), payload["action"].clone()));
    }
    assert_eq!(events, [("issue_comment".to_owned(), json!("created")), ("push".to_owned(), Value::Null)]);
    forge.forge.shutdown().await;
}
