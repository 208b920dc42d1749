//! A repository that was chosen when the App was installed, and has none of its files: over HTTP, by the real client.

use std::time::Duration;

use super::secrets;
use super::site::{Site, repository};
use crate::engine::id::{IssueNumber, Login};
use crate::engine::snapshot::Actor;
use crate::forge::world::World;
use crate::forge::world::request::{PersonAct, Request};
use crate::server::{OnboardingPolicy, Options, Server};
use crate::starter::onboarding::BRANCH;

const PATIENCE: Duration = Duration::from_secs(60);

async fn serve(site: &Site, policy: OnboardingPolicy) -> Server {
    let options = Options {
        address: "127.0.0.1:0".parse().expect("an address"),
        secrets: secrets(),
        clock: site.clock(),
        is_followed: true,
    };
    Server::start(options, site.connector_offering(policy), site.store.clone()).await.expect("a free port")
}

/// Has the server look at the repository once, and ends it after that.
async fn look(site: &Site, policy: OnboardingPolicy) {
    let server = serve(site, policy).await;
    let mut progress = server.progress();
    server.look(&repository());
    let turned = progress.wait_for(|all| all.contains_key(&repository()));
    tokio::time::timeout(PATIENCE, turned).await.expect("a turn ends").expect("the server works");
    assert!(server.shutdown().await, "what was begun is ended");
}

fn pulls(world: &World) -> Vec<(String, bool)> {
    world.pulls().map(|(number, pull)| (pull.head_branch.clone(), world.is_open(IssueNumber(number.0)))).collect()
}

#[tokio::test]
async fn a_chosen_repository_is_offered_its_first_files_once() {
    let site = Site::bare().await;
    for policy in [OnboardingPolicy::Never, OnboardingPolicy::Labelled] {
        look(&site, policy).await;
        assert_eq!(site.handle.look(pulls), [], "{policy}: nobody asked");
    }
    look(&site, OnboardingPolicy::Chosen).await;
    assert_eq!(site.handle.look(pulls), [(BRANCH.to_owned(), true)]);
    let number = site.handle.look(|world| world.pulls().map(|(number, _)| IssueNumber(number.0)).next()).expect("one");
    let actor = Actor { login: Login::new("owner"), bot: false };
    let close = Request::Person { actor, act: PersonAct::Close { number }, git: None };
    site.handle.apply(close).await.expect("the owner may");
    look(&site, OnboardingPolicy::Chosen).await;
    assert_eq!(site.handle.look(pulls), [(BRANCH.to_owned(), false)], "closed, it stays closed");
    site.forge.shutdown().await;
}
