use http::StatusCode;
use serde_json::json;

use crate::forge::http::tests::{Fixture, START};
use crate::forge::world::access::{Level, Permissions, Scope};
use std::sync::atomic::Ordering;

#[tokio::test]
async fn only_the_apps_own_fresh_jwt_is_taken() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let forge = Fixture::start(folder.path()).await;
    let id = json!(forge.forge.app_id());
    for (jwt, status) in [
        (forge.jwt(&id, -60, 540), StatusCode::OK),
        (forge.jwt(&json!(forge.forge.app_id().to_string()), -60, 540), StatusCode::OK),
        (forge.jwt(&json!(7), -60, 540), StatusCode::UNAUTHORIZED),
        (forge.jwt(&id, -60, -1), StatusCode::UNAUTHORIZED),
        (forge.jwt(&id, -60, 900), StatusCode::UNAUTHORIZED),
        (forge.jwt(&id, 120, 300), StatusCode::UNAUTHORIZED),
        (format!("{}x", forge.jwt(&id, -60, 540)), StatusCode::UNAUTHORIZED),
        (forge.token.clone(), StatusCode::UNAUTHORIZED),
        (String::new(), StatusCode::UNAUTHORIZED),
    ] {
        assert_eq!(forge.call_as(&jwt, "GET", "/app", None).await.0, status, "{jwt}");
    }
    let jwt = forge.jwt(&id, -60, 540);
    let (status, body) = forge.call_as(&jwt, "GET", "/repos/octo/widgets", None).await;
    assert_eq!((status, body["status"].as_str()), (StatusCode::UNAUTHORIZED, Some("401")));
    assert_eq!(forge.call_as(&jwt, "GET", "/repos/octo/widgets/installation", None).await.0, StatusCode::OK);
    assert_eq!(forge.call_as(&jwt, "GET", "/repos/octo/other/installation", None).await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn tokens_are_narrow_and_end() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let forge = Fixture::start(folder.path()).await;
    let narrow = forge.installation_token(json!({ "permissions": { "issues": "read" } })).await;
    let issue = "/repos/octo/widgets/issues/1";
    assert_eq!(forge.call_as(&narrow, "GET", issue, None).await.0, StatusCode::OK);
    let change = Some(json!({ "title": "x" }));
    let (status, body) = forge.call_as(&narrow, "PATCH", issue, change).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    assert_eq!(body["message"], "Resource not accessible by integration");
    let tree = "/repos/octo/widgets/git/ref/heads/trunk";
    assert_eq!(forge.call_as(&narrow, "GET", tree, None).await.0, StatusCode::FORBIDDEN);
    let path = format!("/app/installations/{}/access_tokens", forge.forge.installation_id());
    let jwt = forge.jwt(&json!(forge.forge.app_id()), -60, 540);
    for wishes in [
        json!({ "permissions": { "workflows": "write" } }),
        json!({ "permissions": { "statuses": "write" } }),
        json!({ "repositories": ["another"] }),
    ] {
        let (status, body) = forge.call_as(&jwt, "POST", &path, Some(wishes)).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{body}");
    }
    forge.now.store(START + 3_600_000, Ordering::SeqCst);
    assert_eq!(forge.call_as(&narrow, "GET", issue, None).await.0, StatusCode::UNAUTHORIZED);
    assert_eq!(forge.get("/issues/1").await.0, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_jobs_token_has_its_permissions_until_it_is_revoked() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let forge = Fixture::start(folder.path()).await;
    let handle = forge.forge.handle();
    let permissions = Permissions::from([(Scope::Contents, Level::Read)]);
    let token = handle.mint_job_token(permissions).expect("random numbers");
    let text = secrecy::ExposeSecret::expose_secret(&token).to_owned();
    let path = "/repos/octo/widgets/git/ref/heads/trunk";
    assert_eq!(forge.call_as(&text, "GET", path, None).await.0, StatusCode::OK);
    assert_eq!(forge.call_as(&text, "GET", "/repos/octo/widgets/issues/1", None).await.0, StatusCode::FORBIDDEN);
    handle.revoke(&token);
    assert_eq!(forge.call_as(&text, "GET", path, None).await.0, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn only_this_machines_name_is_answered() {
    use tower::ServiceExt;
    let folder = tempfile::tempdir().expect("temporary folder");
    let forge = Fixture::start(folder.path()).await;
    for (host, status) in [
        ("localhost:9", StatusCode::OK),
        ("127.0.0.1", StatusCode::OK),
        ("evil.example", StatusCode::MISDIRECTED_REQUEST),
    ] {
        let request =
            http::Request::get("/healthz").header("host", host).body(axum::body::Body::empty()).expect("builds");
        let response = forge.router.clone().oneshot(request).await.expect("answers");
        assert_eq!(response.status(), status, "{host}");
    }
}
