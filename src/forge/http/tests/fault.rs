//! Each fault does what it says, and to the App alone.

use std::sync::Arc;

use http::StatusCode;
use serde_json::json;

use crate::engine::id::IssueNumber;
use crate::forge::http::tests::Fixture;
use crate::forge::http::{Fault, Faults};

/// A forge on which one fault strikes whenever it can.
async fn always(fault: Fault) -> (tempfile::TempDir, Fixture, Arc<Faults>) {
    let folder = tempfile::tempdir().expect("temporary folder");
    let fixture = Fixture::start(folder.path()).await;
    let faults = Arc::new(Faults::new(1, [(fault, 1_000)]));
    fixture.forge.misbehave(Arc::clone(&faults));
    (folder, fixture, faults)
}

/// Comments six times; `false`: no good answer came.
async fn comment(fixture: &Fixture) -> Vec<bool> {
    let mut heard = Vec::new();
    for _ in 0..6 {
        let path = "/repos/octo/widgets/issues/1/comments";
        let answer = fixture.answer(&fixture.token, "POST", path, Some(json!({ "body": "hello" }))).await;
        let is_good = answer.status().is_success();
        let body = axum::body::to_bytes(answer.into_body(), usize::MAX).await;
        heard.push(is_good && body.is_ok());
    }
    heard
}

fn comments(fixture: &Fixture) -> usize {
    fixture.forge.handle().look(|world| world.comments().count())
}

fn runs(fixture: &Fixture) -> usize {
    fixture.forge.handle().look(|world| world.runs().count())
}

async fn dispatch(fixture: &Fixture, key: &str) -> StatusCode {
    let wish = json!({ "ref": "trunk", "inputs": { "key": key } });
    let path = "/repos/octo/widgets/actions/workflows/task.yml/dispatches";
    fixture.answer(&fixture.token, "POST", path, Some(wish)).await.status()
}

#[tokio::test]
async fn an_answer_is_lost_after_the_write_and_a_call_fails_before_it() {
    let (_folder, fixture, faults) = always(Fault::AnswerLost).await;
    assert_eq!(comment(&fixture).await, [false; 6]);
    assert_eq!(comments(&fixture), 6);
    assert_eq!(faults.met()[&Fault::AnswerLost], 6);
    faults.end();
    assert_eq!(comment(&fixture).await, [true; 6]);

    let (_folder, fixture, faults) = always(Fault::CallFailed).await;
    assert_eq!(comment(&fixture).await, [false; 6]);
    assert_eq!((comments(&fixture), faults.met()[&Fault::CallFailed]), (0, 6));
}

#[tokio::test]
async fn a_limit_says_how_long_and_tells_who_does_not_wait() {
    let (_folder, fixture, faults) = always(Fault::Limited).await;
    let path = "/repos/octo/widgets/issues/1/comments";
    let wish = || Some(json!({ "body": "hello" }));
    let answer = fixture.answer(&fixture.token, "POST", path, wish()).await;
    assert_eq!(answer.status(), StatusCode::FORBIDDEN);
    assert_eq!(answer.headers()["retry-after"], "1");
    assert_eq!((comments(&fixture), faults.early()), (0, Vec::new()));
    faults.end();
    fixture.pass(999);
    fixture.answer(&fixture.token, "POST", path, wish()).await;
    assert_eq!(faults.early().len(), 1, "a millisecond too soon: {:?}", faults.early());
    fixture.pass(1);
    fixture.answer(&fixture.token, "POST", path, wish()).await;
    assert_eq!(faults.early().len(), 1, "in time: {:?}", faults.early());
    let (_folder, fixture, _) = always(Fault::LimitedSilently).await;
    let answer = fixture.answer(&fixture.token, "POST", path, wish()).await;
    assert!(answer.status() == StatusCode::FORBIDDEN && !answer.headers().contains_key("retry-after"));
}

#[tokio::test]
async fn a_read_lags_for_a_moment_and_no_longer() {
    let (_folder, fixture, _) = always(Fault::ReadLag).await;
    let title = async || fixture.get("/issues/1").await.1["title"].as_str().map(str::to_owned);
    assert_eq!(title().await.as_deref(), Some("First"));
    let (status, _) = fixture.call("PATCH", "/issues/1", Some(json!({ "title": "Second" }))).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(title().await.as_deref(), Some("First"), "as it was");
    fixture.pass(1_001);
    assert_eq!(title().await.as_deref(), Some("Second"));
}

#[tokio::test]
async fn runs_are_doubled_or_late_and_every_dispatch_is_noted() {
    let (_folder, fixture, faults) = always(Fault::RunDoubled).await;
    assert_eq!(dispatch(&fixture, "t1.1.a").await, StatusCode::NO_CONTENT);
    assert_eq!((runs(&fixture), faults.dispatches()), (2, vec!["t1.1.a".to_owned()]));

    let (_folder, fixture, faults) = always(Fault::RunLate).await;
    dispatch(&fixture, "t1.1.a").await;
    dispatch(&fixture, "t1.2.b").await;
    assert_eq!(faults.dispatches().len(), 2);
    let mut changes = fixture.forge.handle().changes();
    faults.end();
    while runs(&fixture) < 2 {
        changes.changed().await.expect("the forge lives");
    }
}

#[tokio::test]
async fn who_is_not_the_app_meets_none() {
    let (_folder, fixture, faults) = always(Fault::CallFailed).await;
    let permissions = fixture.forge.hub.look(|world| world.setup().app_permissions.clone());
    let token = fixture.forge.handle().mint_job_token(permissions).expect("a token");
    let token = secrecy::ExposeSecret::expose_secret(&token).to_owned();
    let answer = fixture.answer(&token, "GET", "/repos/octo/widgets/issues/1", None).await;
    assert_eq!((answer.status(), faults.met().len()), (StatusCode::OK, 0));
    assert!(fixture.forge.handle().look(|world| world.issue(IssueNumber(1)).is_some()));
}
