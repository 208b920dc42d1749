//! A backlog: what waits together for one repository is worked together.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::body::Bytes;
use axum::http::{Request, StatusCode};
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::json;
use tokio::sync::Semaphore;

use crate::engine::id::{IssueNumber, RepositoryName};
use crate::forge::memory::MemoryForge;
use crate::github::webhook::sign;
use crate::github::{self, GitHub, Response};
use crate::server::tests::{Workshop, clock, secret, secrets, widgets};
use crate::server::{ConnectError, Connector, Options, Server};
use crate::store::memory::MemoryStore;
use crate::turn::Deployment;

const REPOSITORIES: u64 = 20;
/// Deliveries of each.
const EACH: u64 = 100;
/// Issues that the deliveries of one repository are about.
const ISSUES: u64 = 5;

/// Repositories of many names, each at a GitHub of its own, over one store.
#[derive(Clone)]
struct Street {
    gate: Arc<Semaphore>,
    store: MemoryStore,
    /// How often each repository was asked for the first issue: once in each turn that was told of it.
    looks: Arc<Mutex<BTreeMap<RepositoryName, u64>>>,
}

/// GitHub for one of them.
struct House {
    street: Street,
    workshop: Workshop,
    repository: RepositoryName,
}

impl GitHub for House {
    async fn send(&self, request: github::Request) -> Result<Response, github::Error> {
        if matches!(request, github::Request::Issue { number: IssueNumber(1) }) {
            *self.street.looks.lock().expect("no panic").entry(self.repository.clone()).or_default() += 1;
        }
        self.workshop.send(request).await
    }
}

impl Connector for Street {
    type GitHub = House;
    type Git = Arc<MemoryForge>;
    type Store = MemoryStore;

    async fn deployment(
        &self,
        repository: &RepositoryName,
    ) -> Result<Deployment<House, Arc<MemoryForge>, MemoryStore>, ConnectError> {
        let workshop = Workshop { gate: Some(Arc::clone(&self.gate)), store: self.store.clone(), ..Workshop::new() };
        let usual = workshop.deployment(&widgets()).await?;
        let house = House { street: self.clone(), workshop, repository: repository.clone() };
        Ok(Deployment {
            github: house,
            git: usual.git,
            store: usual.store,
            repository: repository.clone(),
            owner: usual.owner,
            bot: usual.bot,
            seed: usual.seed,
            configuration: usual.configuration,
            tree: usual.tree,
        })
    }

    async fn repositories(&self) -> Result<Vec<RepositoryName>, ConnectError> {
        Ok(Vec::new())
    }
}

fn delivery(address: &str, number: u64) -> Request<Full<Bytes>> {
    let body = json!({
        "action": "edited",
        "issue": {"number": 1 + number / REPOSITORIES % ISSUES},
        "repository": {"id": 1, "full_name": format!("acme/r{}", number % REPOSITORIES)},
    });
    let body = body.to_string().into_bytes();
    Request::post(format!("{address}/webhook"))
        .header("x-github-event", "issues")
        .header("x-github-delivery", format!("delivery-{number}"))
        .header("x-hub-signature-256", sign(&secret(), &body))
        .body(Full::new(body.into()))
        .expect("a request")
}

#[tokio::test]
async fn deliveries_that_wait_together_are_one_turn_of_their_repository() {
    let street = Street { gate: Arc::new(Semaphore::new(0)), store: MemoryStore::new(), looks: Arc::default() };
    let options = Options {
        address: "127.0.0.1:0".parse().expect("an address"),
        secrets: secrets(),
        clock: clock(),
        is_followed: true,
    };
    let server = Server::start(options, street.clone(), street.store.clone()).await.expect("a free port");
    let client = Client::builder(TokioExecutor::new()).build_http();
    let address = format!("http://{}", server.address());
    for number in 0..REPOSITORIES * EACH {
        let answer = client.request(delivery(&address, number)).await.expect("an answer");
        assert_eq!(answer.status(), StatusCode::ACCEPTED);
    }
    let waiting = street.store.deliveries().iter().filter(|(_, worked)| !worked).count() as u64;
    assert_eq!(waiting, REPOSITORIES * EACH, "GitHub does not answer, and all of them wait");
    street.gate.add_permits(Semaphore::MAX_PERMITS / 2);
    let mut progress = server.progress();
    let is_drained =
        |_: &crate::server::ProgressByRepository| street.store.deliveries().iter().all(|(_, worked)| *worked);
    progress.wait_for(is_drained).await.expect("the server runs");
    let looks = street.looks.lock().expect("no panic").clone();
    // The first turn has begun before most of them came; the second takes all that came since.
    let is_gathered = looks.len() as u64 == REPOSITORIES && looks.values().all(|count| (1..=2).contains(count));
    assert!(is_gathered, "{looks:?}");
    assert!(server.shutdown().await);
}
