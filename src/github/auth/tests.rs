//! Tokens: minted once, narrowed, renewed, never shown.

mod check;

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU16, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::KeyPair as _;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::engine::id::{IssueNumber, Login, RepositoryName};
use crate::engine::time::Timestamp;
use crate::github::auth::{App, AppCredentials, InstallationId, Installations};
use crate::github::client::Transport;
use crate::github::client::tests::NOW;
use crate::github::client::tests::server::{self, Reply, Seen, Server};
use crate::github::{Error, GitHub, Request};

/// A key made for this run of the tests: PEM of the private half, DER of the public one.
static KEY: LazyLock<(String, Vec<u8>)> = LazyLock::new(|| {
    let pair = KeyPair::generate(KeySize::Rsa2048).expect("a key");
    let der = pair.as_der().expect("DER");
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", lines(der.as_ref()));
    (pem, pair.public_key().as_ref().to_vec())
});

fn lines(der: &[u8]) -> String {
    let text = BASE64_STANDARD.encode(der);
    text.as_bytes().chunks(64).map(String::from_utf8_lossy).collect::<Vec<_>>().join("\n")
}

/// GitHub as far as tokens go. Tokens are `ghs_<number>`; those below `first_good` are refused.
#[derive(Clone)]
struct Tokens {
    minted: Arc<AtomicUsize>,
    first_good: Arc<AtomicUsize>,
    time: Arc<AtomicI64>,
    /// Everything an installation asks is refused for now.
    limited: Arc<AtomicBool>,
    /// Everything the App itself asks is refused for now.
    app_limited: Arc<AtomicBool>,
    /// What minting is answered instead of a token; 0: a token is given.
    no_token: Arc<AtomicU16>,
}

impl Tokens {
    fn new() -> Self {
        Self {
            minted: Arc::default(),
            first_good: Arc::new(AtomicUsize::new(1)),
            time: Arc::new(AtomicI64::new(NOW.0)),
            limited: Arc::default(),
            app_limited: Arc::default(),
            no_token: Arc::default(),
        }
    }

    fn answer(&self, seen: &Seen) -> Reply {
        let time = self.time.load(Ordering::SeqCst);
        let bearer = seen.authorization.as_deref().and_then(|value| value.strip_prefix("Bearer ")).expect("a token");
        let limited = if bearer.starts_with("ghs_") { &self.limited } else { &self.app_limited };
        if limited.load(Ordering::SeqCst) {
            return server::json(429, json!({"message": "slow down"})).with("retry-after", "30");
        }
        if let Some(number) = bearer.strip_prefix("ghs_") {
            return if number.parse::<usize>().expect("a number") < self.first_good.load(Ordering::SeqCst) {
                server::json(401, json!({"message": "Bad credentials"}))
            } else if seen.line.starts_with("GET /installation/repositories") {
                server::json(200, json!({"repositories": [{"full_name": "o/r"}, {"full_name": "o/s"}]}))
            } else {
                server::json(200, json!({"id": 1, "default_branch": "main"}))
            };
        }
        check_web_token(bearer, time);
        match seen.line.as_str() {
            "GET /app" => server::json(200, json!({"id": 12, "slug": "our-app"})),
            "GET /app/installations?per_page=100" => {
                server::json(200, json!([{"id": 5, "account": {"login": "o"}, "suspended_at": null}]))
            }
            "GET /repos/o/gone/installation" => server::json(404, json!({"message": "Not Found"})),
            line if line.ends_with("/installation") => server::json(200, json!({"id": 5})),
            "POST /app/installations/5/access_tokens" if self.no_token.load(Ordering::SeqCst) > 0 => {
                server::json(self.no_token.load(Ordering::SeqCst), json!({"message": "no"}))
            }
            "POST /app/installations/5/access_tokens" => {
                let number = self.minted.fetch_add(1, Ordering::SeqCst) + 1;
                let end = Timestamp(time + 3_600_000).seconds_text();
                server::json(201, json!({"token": format!("ghs_{number}"), "expires_at": end}))
            }
            line => panic!("{line}"),
        }
    }
}

fn check_web_token(token: &str, time: i64) {
    let mut validation = Validation::new(Algorithm::RS256);
    validation.validate_exp = false;
    validation.required_spec_claims.clear();
    let claims = jsonwebtoken::decode::<Value>(token, &DecodingKey::from_rsa_der(&KEY.1), &validation)
        .expect("signed with the App's key")
        .claims;
    let now = time / 1000;
    assert_eq!(claims, json!({"iat": now - 60, "exp": now + 540, "iss": 12}));
}

async fn start() -> (Tokens, Server, Installations) {
    let tokens = Tokens::new();
    let answering = tokens.clone();
    let server = Server::start(move |seen, _| answering.answer(seen)).await;
    let hands = tokens.time.clone();
    let clock = Arc::new(move || Timestamp(hands.load(Ordering::SeqCst)));
    let transport = Arc::new(Transport::new(&server.url, clock).expect("loopback"));
    let key = KEY.0.replace('\n', "\\n");
    let credentials = AppCredentials { app_id: "12".to_owned(), key: key.into() };
    let app = App::new(transport, &credentials).expect("a key with escaped line ends");
    (tokens, server, Installations::new(Arc::new(app)))
}

fn repository() -> RepositoryName {
    RepositoryName::new("o/r")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twenty_cold_calls_mint_one_narrow_token() {
    let (_, server, installations) = start().await;
    let installations = Arc::new(installations);
    let calls = (0..20).map(|_| {
        let installations = installations.clone();
        tokio::spawn(async move {
            let client = installations.client(&repository()).await.expect("a client");
            client.send(Request::Repository).await.expect("an answer");
        })
    });
    for call in calls.collect::<Vec<_>>() {
        call.await.expect("no panic");
    }
    let minted: Vec<Seen> = server.seen().into_iter().filter(|seen| seen.line.ends_with("access_tokens")).collect();
    assert_eq!(minted.len(), 1);
    let permissions = json!({"actions": "write", "checks": "read", "contents": "write", "issues": "write",
        "metadata": "read", "pull_requests": "write", "statuses": "read"});
    assert_eq!(minted[0].body, json!({"repositories": ["r"], "permissions": permissions}));
    let other_case = installations.client(&RepositoryName::new("O/R")).await.expect("the same client");
    assert!(Arc::ptr_eq(&other_case, &installations.client(&repository()).await.expect("a client")));
}

#[tokio::test]
async fn a_refused_token_is_renewed_once_and_the_call_sent_again() {
    let (tokens, server, installations) = start().await;
    let client = installations.client(&repository()).await.expect("a client");
    client.send(Request::Repository).await.expect("the first token is good");
    tokens.first_good.store(2, Ordering::SeqCst);
    client.send(Request::Repository).await.expect("the second one is");
    assert_eq!(tokens.minted.load(Ordering::SeqCst), 2);

    tokens.first_good.store(usize::MAX, Ordering::SeqCst);
    let before = server.lines().iter().filter(|line| *line == "GET /repos/o/r").count();
    let answer = client.send(Request::Repository).await;
    assert_eq!(answer, Err(Error::Unauthorized { message: "Bad credentials".to_owned() }));
    assert_eq!(server.lines().iter().filter(|line| *line == "GET /repos/o/r").count(), before + 2);
    assert_eq!(tokens.minted.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn where_there_is_no_token_nothing_is_missing_but_the_credentials() {
    let (tokens, _server, installations) = start().await;
    let client = installations.client(&repository()).await.expect("a client");
    for status in [404, 403, 422] {
        tokens.no_token.store(status, Ordering::SeqCst);
        let answer = client.send(Request::Issue { number: IssueNumber(1) }).await;
        assert!(matches!(answer, Err(Error::Unauthorized { .. })), "{status}: {answer:?}");
        let push = installations.push_token(&repository()).await;
        assert!(matches!(push, Err(Error::Unauthorized { .. })), "{status}");
    }
    tokens.no_token.store(502, Ordering::SeqCst);
    let answer = client.send(Request::Repository).await;
    assert!(matches!(answer, Err(Error::Unreachable { .. })), "{answer:?}");
}

#[tokio::test]
async fn a_token_is_renewed_five_minutes_before_its_end() {
    let (tokens, _server, installations) = start().await;
    let push = async || installations.push_token(&repository()).await.expect("a token").expose_secret().to_owned();
    assert_eq!(push().await, "ghs_1");
    tokens.time.fetch_add(54 * 60_000, Ordering::SeqCst);
    assert_eq!(push().await, "ghs_1");
    tokens.time.fetch_add(60_000, Ordering::SeqCst);
    assert_eq!(push().await, "ghs_2");
}

#[tokio::test]
async fn a_push_token_may_only_push() {
    let (_, server, installations) = start().await;
    installations.push_token(&repository()).await.expect("a token");
    let minted = server.seen().pop().expect("a request");
    assert_eq!(minted.body["permissions"], json!({"contents": "write", "metadata": "read"}));
}

#[tokio::test]
async fn the_repositories_of_an_installation_share_one_account() {
    let (tokens, server, installations) = start().await;
    tokens.limited.store(true, Ordering::SeqCst);
    let one = installations.client(&repository()).await.expect("a client");
    let other = installations.client(&RepositoryName::new("o/s")).await.expect("another");
    assert!(!Arc::ptr_eq(&one, &other));
    let limited = Err(Error::RateLimited { until: Timestamp(NOW.0 + 30_000) });
    assert_eq!(one.send(Request::Repository).await, limited);
    let asked = server.lines().len();
    assert_eq!(other.send(Request::Repository).await, limited);
    installations.forget(&repository()).await;
    let anew = installations.client(&repository()).await.expect("a client");
    assert_eq!(anew.send(Request::Repository).await, limited);
    let called = server.lines().into_iter().skip(asked).filter(|line| line.starts_with("GET /repos/o/r "));
    assert_eq!(called.count(), 0, "nobody asked GitHub again");
    tokens.limited.store(false, Ordering::SeqCst);
    tokens.time.fetch_add(30_000, Ordering::SeqCst);
    assert!(other.send(Request::Repository).await.is_ok());
}

#[tokio::test]
async fn a_limit_told_to_the_list_of_its_repositories_is_an_installations_own() {
    let (tokens, server, installations) = start().await;
    tokens.limited.store(true, Ordering::SeqCst);
    let until = Timestamp(NOW.0 + 30_000);
    assert_eq!(installations.repositories(InstallationId(5)).await, Err(Error::RateLimited { until }));
    let client = installations.client(&repository()).await.expect("a client");
    assert_eq!(client.send(Request::Repository).await, Err(Error::RateLimited { until }));
    assert!(!server.lines().iter().any(|line| line.starts_with("GET /repos/o/r ")), "GitHub was not asked again");
}

#[tokio::test]
async fn the_app_itself_asks_nothing_before_the_moment_that_github_named() {
    let (tokens, server, installations) = start().await;
    let app = installations.app();
    tokens.app_limited.store(true, Ordering::SeqCst);
    let limited = Err(Error::RateLimited { until: Timestamp(NOW.0 + 30_000) });
    assert_eq!(app.identity().await.map(drop), limited);
    let asked = server.lines().len();
    tokens.app_limited.store(false, Ordering::SeqCst);
    tokens.time.fetch_add(29_999, Ordering::SeqCst);
    assert_eq!(app.redeliver(1).await, limited);
    assert_eq!(installations.push_token(&repository()).await.map(drop), limited, "a token is a write of the App's");
    assert_eq!(server.lines().len(), asked, "nothing was sent");
    tokens.time.fetch_add(1, Ordering::SeqCst);
    assert!(app.identity().await.is_ok());
}

#[tokio::test]
async fn the_app_knows_itself_and_where_it_is() {
    let (_, _server, installations) = start().await;
    let app = installations.app();
    let identity = app.identity().await.expect("the App");
    assert_eq!((identity.slug.as_str(), identity.bot), ("our-app", Login::new("our-app[bot]")));
    let found = app.installations().await.expect("installations");
    assert_eq!((found.len(), found[0].account.as_str(), found[0].suspended), (1, "o", false));
    let covered = installations.repositories(found[0].id).await.expect("repositories");
    assert_eq!(covered, [RepositoryName::new("o/r"), RepositoryName::new("o/s")]);
    let gone = installations.client(&RepositoryName::new("o/gone")).await;
    assert!(matches!(gone, Err(Error::Missing { .. })), "{gone:?}");
}

#[tokio::test]
async fn nothing_secret_is_printed() {
    let (_, _server, installations) = start().await;
    let client = installations.client(&repository()).await.expect("a client");
    let token = client.token().await.expect("a token");
    let credentials = AppCredentials { app_id: "12".to_owned(), key: KEY.0.clone().into() };
    let printed = format!("{installations:?} {client:?} {credentials:?}");
    assert!(!printed.contains(token.expose_secret()) && !printed.contains("PRIVATE KEY"), "{printed}");

    let transport = installations.app().transport().clone();
    let wrong = AppCredentials { app_id: "12".to_owned(), key: "not the key but secret".into() };
    let error = App::new(transport, &wrong).expect_err("no PEM").to_string();
    assert!(error.contains(".pem") && !error.contains("secret"), "{error}");
}
