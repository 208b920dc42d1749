//! What `doctor` asks, as the App and as a person: each may ask what the other may not.

use std::sync::Arc;

use task_orchestrator::doctor::{self, Access, State};
use task_orchestrator::forge::world::administration::{Administration, Protection, Rule};
use task_orchestrator::forge::world::request::{Request, SeedAct};
use task_orchestrator::github::auth::{App, AppCredentials};
use task_orchestrator::github::client::Transport;

use crate::relay::{Recording, Relay};
use crate::site::{Site, repository};

/// A repository about which there is something to be read of every kind.
fn set() -> Administration {
    let mut set = Administration::default();
    // Nobody knocks at the relay of webhooks, which knows nothing but those.
    set.hook.url = Some("http://127.0.0.1:1/webhook".to_owned());
    set.labels.insert("orchestrate".to_owned());
    set.actions.allowed = "selected".to_owned();
    set.secrets.insert("CODEX_API_KEY".to_owned());
    set.environment_secrets.insert("orchestrate".to_owned(), ["CODEX_API_KEY".to_owned()].into());
    set.variables.insert("RUNNER".to_owned());
    set.protection = Some(Protection { signatures: true, checks: vec!["ci".to_owned()], strict: true });
    let pattern = Rule::BranchNamePattern { operator: "starts_with".to_owned(), pattern: "x".to_owned() };
    let checks = Rule::RequiredStatusChecks { contexts: vec!["ci".to_owned()], strict: true };
    let rules = [Rule::Creation, Rule::RequiredSignatures, pattern, checks, Rule::MergeQueue];
    set.rules = rules.into_iter().map(|rule| (String::new(), rule)).collect();
    set
}

/// Looks at everything, first as the App and then as the owner.
pub(crate) async fn look(site: &Site, recording: &Arc<Recording>) {
    site.report(Request::Seed(SeedAct::Administration(Box::new(set())))).await;
    let now = site.now();
    let access = async |kind: &'static str| {
        let relay = Relay::start(kind, site.forge.base_url().to_owned(), Arc::clone(recording)).await;
        let transport = Arc::new(Transport::new(&relay.url, Arc::new(move || now)).expect("loopback"));
        let (repository, api_url) = (repository(), relay.url.clone());
        (relay, Access { repository, api_url, transport, app: None, job: None, person: None })
    };
    let (_relay, mut as_app) = access("exchange").await;
    let credentials = AppCredentials { app_id: site.forge.app_id().to_string(), key: site.forge.private_key_pem() };
    as_app.app = Some(Arc::new(App::new(Arc::clone(&as_app.transport), &credentials).expect("a key")));
    let told = doctor::examine(&as_app).await;
    let unknown = told.checks.iter().filter(|line| line.state == State::Unknown).map(|line| line.id);
    assert_eq!(unknown.collect::<Vec<_>>(), ["actions", "allowed-actions", "secrets"], "{}", told.to_text(false));

    // What people ask is no call of the App's: none of it needs a permission of its manifest.
    let (_relay, mut as_person) = access("answer").await;
    let token = site.handle.mint_owner_token().expect("random numbers");
    let person = Access::with_token(&as_person.transport, &as_person.repository, token).expect("a repository");
    as_person.person = Some((person, "a classic token"));
    let readings = doctor::read(&as_person).await;
    assert!(readings.allowed.is_ok() && readings.selected.is_ok(), "{readings:?}");
    assert!(readings.secrets.is_ok() && matches!(readings.protection, Ok(Some(_))), "{readings:?}");
    person_reads_names(&as_person).await;
}

/// The workflow here names none, so nobody has asked for these.
async fn person_reads_names(access: &Access) {
    let (person, _) = access.person.as_ref().expect("a person");
    assert!(person.variables().await.expect("a list").contains("RUNNER"));
    assert!(person.secrets(Some("orchestrate")).await.expect("a list").contains("CODEX_API_KEY"));
}
