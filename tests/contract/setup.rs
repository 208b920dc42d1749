//! The set-up of an App, from the printed address to its installation: pages by hand, everything else as it is.

use axum::body::Bytes;
use http::{HeaderMap, Request, header};
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use task_orchestrator::server::setup::{SetUp, SetUpOptions, StoredApp};

use crate::relay::Recording;
use crate::site::Site;

/// A browser, as far as forms go: it keeps what each of two sites had it keep.
struct Browser {
    client: Client<HttpConnector, Full<Bytes>>,
    cookies: Vec<String>,
}

impl Browser {
    async fn send(&mut self, request: http::request::Builder, body: String) -> (HeaderMap, String) {
        let request = request
            .header(header::COOKIE, self.cookies.join("; "))
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        let answer = self.client.request(request.body(Full::new(body.into())).expect("a request")).await;
        let (parts, body) = answer.expect("an answer").into_parts();
        let body = body.collect().await.expect("a body").to_bytes();
        let kept = parts.headers.get_all(header::SET_COOKIE).iter().filter_map(|value| value.to_str().ok());
        self.cookies.extend(kept.filter_map(|cookie| cookie.split(';').next().map(str::to_owned)));
        let text = String::from_utf8(body.to_vec()).expect("text");
        assert!(!parts.status.is_client_error() && !parts.status.is_server_error(), "{}: {text}", parts.status);
        (parts.headers, text)
    }

    async fn open(&mut self, address: &str) -> (HeaderMap, String) {
        self.send(Request::get(address), String::new()).await
    }

    async fn submit(&mut self, address: &str, fields: &[(&str, &str)]) -> (HeaderMap, String) {
        let encode =
            |text: &str| percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string();
        let pairs: Vec<String> = fields.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect();
        self.send(Request::post(address), pairs.join("&")).await
    }
}

/// The value of a page's attribute that follows a mark, as it was before it was escaped.
fn value(page: &str, mark: &str) -> String {
    let (_, rest) = page.split_once(mark).unwrap_or_else(|| panic!("no {mark} in {page}"));
    let value = rest.split('"').next().unwrap_or_default();
    value.replace("&quot;", "\"").replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

fn target(headers: &HeaderMap) -> &str {
    headers[header::LOCATION].to_str().expect("text")
}

/// Creates the App from the manifest and installs it; GitHub tells of that.
pub(crate) async fn create_and_install(site: &Site, recording: &Recording) {
    let (github, state) = (site.forge.base_url().to_owned(), tempfile::tempdir().expect("a folder"));
    let options = SetUpOptions {
        address: "127.0.0.1:0".parse().expect("an address"),
        public_url: None,
        web_url: github.clone(),
        api_url: site.api_url().to_owned(),
        transport: site.transport(),
        state: state.path().to_owned(),
        offers: true,
    };
    let mut set_up = SetUp::start(options).await.expect("a free port");
    let own = format!("http://{}", set_up.address());
    let mut browser = Browser { client: Client::builder(TokioExecutor::new()).build_http(), cookies: Vec::new() };
    browser.open(&site.forge.web_url().expect("random numbers")).await;
    browser.open(set_up.entrance()).await;
    let (_, page) = browser.open(&format!("{own}/setup")).await;
    let token = value(&page, "name=\"token\" value=\"");
    let hook = site.hook_url().strip_suffix("/webhook").expect("where webhooks go").to_owned();
    let fields = [("token", token.as_str()), ("name", "an App"), ("organization", ""), ("address", &hook)];
    let (_, page) = browser.submit(&format!("{own}/setup/app"), &fields).await;
    let asked = value(&page, "method=\"post\" action=\"");
    assert!(asked.starts_with(&format!("{github}/settings/apps/new?state=")), "{asked}");
    let (_, page) = browser.submit(&asked, &[("manifest", &value(&page, "name=\"manifest\" value=\""))]).await;
    let fields = ["token", "manifest", "state"].map(|name| (name, value(&page, &format!("name=\"{name}\" value=\""))));
    let fields: Vec<(&str, &str)> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let (headers, _) = browser.submit(&format!("{github}/settings/apps/manifest"), &fields).await;
    let (_, page) = browser.open(target(&headers)).await;
    assert!(page.contains("The App is created"), "{page}");
    set_up.finished().await;
    set_up.shutdown().await;
    let kept = StoredApp::read(state.path(), site.api_url()).expect("readable").expect("kept");
    assert_eq!(kept.credentials.app_id, site.forge.app_id().to_string());
    assert!(site.app.installations().await.expect("a list").is_empty(), "it is not installed yet");

    let install = format!("{github}/apps/task-orchestrator/installations");
    let (_, page) = browser.open(&format!("{install}/new")).await;
    browser.submit(&install, &[("token", &value(&page, "name=\"token\" value=\""))]).await;
    recording.hear("installation", "created", 1).await;
    assert_eq!(site.app.installations().await.expect("a list").len(), 1);
}
