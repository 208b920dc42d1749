//! What the App asks as itself, by its own key.

use task_orchestrator::engine::id::{Login, RepositoryName};
use task_orchestrator::github::Error;
use task_orchestrator::github::auth::Installations;

use crate::site::{Site, repository};

/// What the App asks as itself.
pub(crate) async fn ask_as_the_app(site: &Site, installations: &Installations) {
    let identity = site.app.identity().await.expect("the App");
    assert_eq!(identity.bot, Login::new(format!("{}[bot]", identity.slug)));
    let installed = site.app.installations().await.expect("a list");
    let covered = installations.repositories(installed[0].id).await.expect("a list");
    assert_eq!(covered, [repository()]);
    installations.push_token(&repository()).await.expect("a token");
    let attempted = site.app.attempted(site.now() - std::time::Duration::from_secs(3_600)).await.expect("a list");
    site.app.redeliver(attempted.first().expect("webhooks were sent").id).await.expect("it is taken");
    let elsewhere = RepositoryName::new("octo/elsewhere");
    assert!(matches!(installations.client(&elsewhere).await, Err(Error::Missing { .. })));
}
