//! The App's permissions at the forge: it holds what the manifest asks for, and each one is what some call needs.

use std::sync::Arc;

use task_orchestrator::engine::id::{IssueNumber, Login, PullNumber};
use task_orchestrator::forge::world::access::{Level, Permissions, Scope, app_permissions};
use task_orchestrator::github::auth::API_PERMISSIONS;
use task_orchestrator::github::client::{Client, Credentials, Transport};
use task_orchestrator::github::{Error, GitHub as _, Request, Response};

use crate::relay::Recording;
use crate::site::{Site, repository};

/// What the client's table says, in the forge's words.
fn asked() -> Permissions {
    let read = |(scope, level): (&str, &str)| {
        (scope.parse().expect("the forge knows the permission"), level.parse().expect("the forge knows the level"))
    };
    API_PERMISSIONS.into_iter().map(read).collect()
}

/// A client whose token may do exactly this.
fn client(site: &Site, permissions: Permissions) -> Client {
    let token = site.handle.mint_job_token(permissions).expect("random numbers");
    let now = site.now();
    let transport = Transport::new(site.forge.base_url(), Arc::new(move || now)).expect("loopback");
    Client::new(Arc::new(transport), repository(), Credentials::Fixed(token)).expect("a repository")
}

#[tokio::test]
async fn each_permission_is_needed_by_a_call_and_what_is_asked_for_suffices() {
    assert_eq!(app_permissions(), asked(), "the forge gives its App what the manifest asks for");
    let site = Site::start(1, &Arc::new(Recording::default())).await;
    let whole = client(&site, asked());
    let Ok(Response::Ref(trunk)) = whole.send(Request::Branch { branch: "trunk".to_owned() }).await else {
        panic!("a branch")
    };
    let text = || "text".to_owned();
    let (inputs, sha) = ([("key".to_owned(), text()), ("brief".to_owned(), text())].into(), trunk.sha);
    let named = [
        (Scope::Metadata, Request::Permission { login: Login::new("owner") }),
        (Scope::Issues, Request::CreateIssue { title: text(), body: text(), labels: Vec::new() }),
        (Scope::Issues, Request::BlockedBy { number: IssueNumber(1) }),
        (Scope::Contents, Request::CreateBranch { branch: "topic".to_owned(), sha: sha.clone() }),
        (Scope::Contents, Request::Branches { prefix: "orchestrate/".to_owned() }),
        (
            Scope::Actions,
            Request::DispatchWorkflow { workflow: "task.yml".to_owned(), branch: "trunk".to_owned(), inputs },
        ),
        (Scope::PullRequests, Request::UpdatePullRequest { number: PullNumber(9), title: None, body: None }),
        (Scope::PullRequests, Request::PullRequests { head: None }),
        (Scope::Checks, Request::Checks { sha: sha.clone() }),
        (Scope::Statuses, Request::Checks { sha }),
        (Scope::Statuses, Request::PullsAndChecks { numbers: vec![PullNumber(9)] }),
    ];
    let unnamed: Vec<Scope> = asked().into_keys().filter(|scope| named.iter().all(|(it, _)| it != scope)).collect();
    assert!(unnamed.is_empty(), "no call is named that needs {unnamed:?}");
    for (scope, request) in named {
        let mut less = asked();
        match less.get_mut(&scope) {
            Some(level) if *level == Level::Write && request.is_write() => *level = Level::Read,
            Some(_) | None => drop(less.remove(&scope)),
        }
        let told = client(&site, less).send(request.clone()).await;
        assert!(matches!(told, Err(Error::Denied { .. })), "{scope} is not needed for {request:?}: {told:?}");
        let told = whole.send(request.clone()).await;
        assert!(!matches!(told, Err(Error::Denied { .. })), "{request:?}: {told:?}");
    }
    site.forge.shutdown().await;
}
