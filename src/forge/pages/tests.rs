use axum::body::Body;
use http::{Request, StatusCode, header};
use tower::ServiceExt;

use crate::engine::id::IssueNumber;
use crate::forge::http::hub::Hub;
use crate::forge::http::tests::Fixture;

/// A browser with at most one cookie.
struct Browser<'f> {
    forge: &'f Fixture,
    cookie: Option<String>,
}

impl Browser<'_> {
    async fn send(&self, request: http::request::Builder, body: &str) -> (StatusCode, http::HeaderMap, String) {
        let named = request.headers_ref().is_some_and(|headers| headers.contains_key(header::HOST));
        let request = if named { request } else { request.header(header::HOST, "127.0.0.1:1") };
        let request = match &self.cookie {
            Some(cookie) => request.header(header::COOKIE, cookie),
            None => request,
        };
        let request = request.body(Body::from(body.to_owned())).expect("a request");
        let response = self.forge.router.clone().oneshot(request).await.expect("an answer");
        let (parts, body) = response.into_parts();
        let body = axum::body::to_bytes(body, usize::MAX).await.expect("a body");
        (parts.status, parts.headers, String::from_utf8_lossy(&body).into_owned())
    }

    async fn get(&self, path: &str) -> (StatusCode, String) {
        let (status, _, body) = self.send(Request::get(path), "").await;
        (status, body)
    }

    async fn post(&self, path: &str, origin: Option<&str>, body: &str) -> StatusCode {
        let request = Request::post(path).header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        let request = match origin {
            Some(origin) => request.header(header::ORIGIN, origin),
            None => request,
        };
        self.send(request, body).await.0
    }
}

async fn logged_in(forge: &Fixture) -> Browser<'_> {
    let mut browser = Browser { forge, cookie: None };
    let address = forge.forge.web_url().expect("an invitation");
    let path = address.strip_prefix(forge.forge.base_url()).expect("on this server").to_owned();
    // By the other name nothing is spent: the browser is sent to the name that the pages use.
    let (status, headers, _) = browser.send(Request::get(&path).header(header::HOST, "localhost:1"), "").await;
    assert_eq!((status, headers[header::LOCATION].to_str().expect("text")), (StatusCode::SEE_OTHER, address.as_str()));
    assert!(!headers.contains_key(header::SET_COOKIE));
    let (status, headers, _) = browser.send(Request::get(&path), "").await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    let cookie = headers[header::SET_COOKIE].to_str().expect("text");
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
    browser.cookie = cookie.split(';').next().map(str::to_owned);
    let (status, _, _) = browser.send(Request::get(&path), "").await;
    assert_eq!(status, StatusCode::FORBIDDEN, "an invitation is good once");
    browser
}

fn form_token(page: &str) -> String {
    let after = page.split_once("name=\"token\" value=\"").map(|(_, after)| after).expect("a form");
    after.split('"').next().unwrap_or_default().to_owned()
}

fn comments(hub: &Hub) -> usize {
    hub.look(|world| world.comments().count())
}

#[tokio::test]
async fn nobody_sees_or_does_anything_without_an_invitation() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let forge = Fixture::start(folder.path()).await;
    let stranger = Browser { forge: &forge, cookie: None };
    for path in ["/octo/widgets/issues", "/octo/widgets/issues/1", "/octo/widgets/pulls", "/octo/widgets/actions"] {
        let (status, body) = stranger.get(path).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{path}");
        assert!(!body.contains("First"), "{body}");
    }
    assert_eq!(stranger.get("/login?token=guess").await.0, StatusCode::FORBIDDEN);
    assert_eq!(stranger.post("/octo/widgets/act/1/comment", None, "body=x&token=").await, StatusCode::UNAUTHORIZED);
    assert_eq!(comments(&forge.forge.hub), 0);
}

#[tokio::test]
async fn forms_act_only_with_their_token_and_from_here() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let forge = Fixture::start(folder.path()).await;
    let browser = logged_in(&forge).await;
    let (_, page) = browser.get("/octo/widgets/issues/1").await;
    let token = form_token(&page);
    let path = "/octo/widgets/act/1/comment";
    for (origin, body, status) in [
        (None, "body=x".to_owned(), StatusCode::FORBIDDEN),
        (None, "body=x&token=guess".to_owned(), StatusCode::FORBIDDEN),
        (Some("http://evil.example"), format!("body=x&token={token}"), StatusCode::FORBIDDEN),
        (None, format!("body=+&token={token}"), StatusCode::UNPROCESSABLE_ENTITY),
    ] {
        assert_eq!(browser.post(path, origin, &body).await, status, "{body}");
        assert_eq!(comments(&forge.forge.hub), 0);
    }
    let here = forge.forge.base_url().to_owned();
    assert_eq!(browser.post(path, Some(&here), &format!("body=x&token={token}")).await, StatusCode::SEE_OTHER);
    assert_eq!(comments(&forge.forge.hub), 1);
    let comment = forge.forge.hub.look(|world| world.comments().next().map(|entry| entry.comment.id)).expect("one");
    assert!(!browser.get("/octo/widgets/issues/1").await.1.contains('🚀'));
    let rocket = serde_json::json!({ "content": "rocket" });
    let (status, _) = forge.call("POST", &format!("/issues/comments/{comment}/reactions"), Some(rocket)).await;
    assert!(status.is_success(), "{status}");
    assert!(browser.get("/octo/widgets/issues/1").await.1.contains("🚀 1"));
    for (verb, fields) in [("label", "label=urgent"), ("close", ""), ("reopen", ""), ("unlabel", "label=urgent")] {
        let body = format!("{fields}&token={token}");
        assert_eq!(
            browser.post(&format!("/octo/widgets/act/1/{verb}"), None, &body).await,
            StatusCode::SEE_OTHER,
            "{verb}"
        );
    }
    let events = forge.forge.hub.look(|world| world.issue(IssueNumber(1)).map(|entry| entry.label_events.len()));
    assert_eq!(events, Some(3));
}

#[tokio::test]
async fn a_box_is_ticked_by_its_line_never_by_a_stale_number() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let forge = Fixture::start(folder.path()).await;
    let browser = logged_in(&forge).await;
    let (_, page) = browser.get("/octo/widgets/issues/1").await;
    let token = form_token(&page);
    let value =
        page.split("name=\"box\" value=\"").nth(2).and_then(|rest| rest.split('"').next()).expect("a second box");
    assert!(value.starts_with("1:on:"), "{value}");
    let body_of = || forge.forge.hub.look(|world| world.issue(IssueNumber(1)).map(|entry| entry.issue.body.clone()));
    let form = format!("box={}&token={token}", value.replace(':', "%3A"));
    let path = "/octo/widgets/act/1/tick";
    assert_eq!(browser.post(path, None, &form).await, StatusCode::SEE_OTHER);
    assert_eq!(body_of().as_deref(), Some("- [ ] one\n- [x] two\n"));
    let change = serde_json::json!({ "body": "- [ ] zero\n- [ ] one\n- [ ] two\n" });
    assert_eq!(forge.call("PATCH", "/issues/1", Some(change)).await.0, StatusCode::OK);
    assert_eq!(browser.post(path, None, &form).await, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(body_of().as_deref(), Some("- [ ] zero\n- [ ] one\n- [ ] two\n"));
}

#[tokio::test]
async fn pages_show_the_work_and_forbid_scripts() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let forge = Fixture::start(folder.path()).await;
    let browser = logged_in(&forge).await;
    forge.branch_with("work/1", "trunk", "b.txt", "brand new line\n").await;
    let title = "<script>alert(1)</script>";
    let wish = serde_json::json!({ "title": title, "body": "for #1 <img src=x>", "head": "work/1", "base": "trunk" });
    assert_eq!(forge.call("POST", "/pulls", Some(wish)).await.0, StatusCode::CREATED);
    let (status, headers, page) = browser.send(Request::get("/octo/widgets/pull/2"), "").await;
    assert_eq!(status, StatusCode::OK);
    assert!(headers["content-security-policy"].to_str().is_ok_and(|policy| policy.contains("default-src 'none'")));
    assert!(page.contains("+brand new line") && page.contains("&lt;script&gt;"), "{page}");
    assert!(!page.contains("<script") && !page.contains("<img"), "{page}");
    let token = form_token(&page);
    assert_eq!(browser.post("/octo/widgets/act/2/merge", None, &format!("token={token}")).await, StatusCode::SEE_OTHER);
    let (_, page) = browser.get("/octo/widgets/pull/2").await;
    assert!(page.contains("Merged as") && !page.contains("Open again"), "{page}");
    assert_eq!(browser.get("/octo/widgets/issues/77").await.0, StatusCode::NOT_FOUND);
    assert_eq!(browser.get("/octo/widgets/actions/runs/77").await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn error_pages_say_what_to_do() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let forge = Fixture::start(folder.path()).await;
    let stranger = Browser { forge: &forge, cookie: None };
    for path in ["/octo/widgets/issues", "/octo/widgets/nothing", "/login?token=guess"] {
        let (status, page) = stranger.get(path).await;
        assert!(status.is_client_error() && page.contains("same state"), "{path}: {page}");
        assert!(!page.contains("<a "), "a stranger is led nowhere: {page}");
    }
    let browser = logged_in(&forge).await;
    for path in ["/octo/widgets/nothing", "/octo/widgets/issues/77", "/octo/widgets/pull/1"] {
        let (status, page) = browser.get(path).await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{path}");
        assert!(page.contains("Not found") && page.contains("Go to the issues"), "{path}: {page}");
    }
}

#[tokio::test]
async fn a_page_that_is_followed_has_boxes_and_nothing_to_lose() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let forge = Fixture::start(folder.path()).await;
    let browser = logged_in(&forge).await;
    let (_, still) = browser.get("/octo/widgets/issues/1").await;
    assert!(still.contains("<textarea") && !still.contains("http-equiv"), "{still}");
    let (_, followed) = browser.get("/octo/widgets/issues/1?follow=1").await;
    assert!(followed.contains("http-equiv=\"refresh\"") && !followed.contains("<textarea"), "{followed}");
    let value = followed.split("name=\"box\" value=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a box");
    let form = format!("follow=1&box={}&token={}", value.replace(':', "%3A"), form_token(&followed));
    let request =
        Request::post("/octo/widgets/act/1/tick").header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    let (status, headers, _) = browser.send(request, &form).await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    assert!(headers[header::LOCATION].to_str().is_ok_and(|place| place.ends_with("/issues/1?follow=1")));
}
