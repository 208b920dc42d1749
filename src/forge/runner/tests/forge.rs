//! The runner on the whole forge: real git, real HTTP.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use std::time::Duration;

use crate::engine::id::{PullNumber, Sha};
use crate::engine::snapshot::{Actor, Conclusion, Progress};
use crate::forge::http::{Forge, Handle};
use crate::forge::runner::tests::stage::{Stage, TASK, key, wait_until};
use crate::forge::runner::workflow::Workflow;
use crate::forge::runner::{Check, Runner};
use crate::forge::world::World;
use crate::forge::world::request::Request;
use crate::github::{self, Response};

/// A worker that pushes a branch with its token where the workflow gives it one, and is refused where it may only read.
const ARMS: &str = "
    claim) echo won=true >> \"$GITHUB_OUTPUT\"; push claimed;;
    fetch) ! push fetched;;
    agent) ! push worked;;
    publish) push work;;";

const PUSH: &str = "push() {
    url=\"$GITHUB_SERVER_URL/$GITHUB_REPOSITORY.git\"
    login=$(printf 'x-access-token:%s' \"${ORCHESTRATOR_TOKEN:-}\" | base64 | tr -d '\\n')
    export GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=http.extraHeader GIT_CONFIG_VALUE_0=\"Authorization: Basic $login\"
    export GIT_TERMINAL_PROMPT=0
    git init --quiet here && cd here && git fetch --quiet --depth 1 \"$url\" trunk && git checkout --quiet FETCH_HEAD
    echo \"$1\" > marker && git add . && git -c user.name=w -c user.email=w@example.com commit --quiet -m \"$1\"
    git push --quiet \"$url\" \"HEAD:refs/heads/$1\"
}";

async fn call(handle: &Handle, request: github::Request) -> Response {
    let actor: Actor = handle.look(World::app_bot);
    Handle::apply(handle, Request::Api { actor, request, git: None }).await.expect("accepted")
}

#[tokio::test]
async fn jobs_push_with_their_own_tokens_and_what_they_push_is_checked() {
    let workflow = Workflow::parse(TASK).expect("reads");
    let mut stage = Stage::new(&workflow, ARMS);
    let script = std::fs::read_to_string(&stage.options.program).expect("there");
    std::fs::write(&stage.options.program, script.replace("set -eu\n", &format!("set -eu\n{PUSH}\n")))
        .expect("written");
    let mut options = crate::forge::http::tests::options(&stage.path("forge"), &Arc::new(AtomicI64::new(1)));
    options.workflows = BTreeMap::from([("task.yml".to_owned(), workflow.facts())]);
    let forge = Forge::start(options).await.expect("the forge starts");
    let handle = forge.handle();
    stage.options.server_url = forge.base_url().to_owned();
    let command = "test \"$(cat a.txt | head -1)\" = one && cat marker".to_owned();
    stage.options.check = Some(Check { name: "check".to_owned(), command, timeout: Duration::from_secs(60) });
    let runner = Runner::start(stage.options.clone(), handle.clone()).await.expect("started");
    let inputs = [("key", key()), ("brief", "b".repeat(40))].map(|(name, value)| (name.to_owned(), value)).into();
    let dispatch =
        github::Request::DispatchWorkflow { workflow: "task.yml".to_owned(), branch: "trunk".to_owned(), inputs };
    let Response::Dispatched(Some(run)) = call(&handle, dispatch).await else { panic!("a dispatch gives a run") };
    wait_until(&handle, "the run's end", |world| {
        world.run(run).is_some_and(|entry| entry.progress == Progress::Completed)
    })
    .await;
    let logs = || -> Vec<String> { handle.look(|world| world.jobs_of(run).map(|job| job.log.clone()).collect()) };
    let conclusion = handle.look(|world| world.run(run).and_then(|run| run.conclusion));
    assert_eq!(conclusion, Some(Conclusion::Success), "{}", logs().join("\n"));
    let branches: Vec<String> = handle.look(|world| world.branches().keys().cloned().collect());
    assert_eq!(branches, ["claimed", "trunk", "work"], "{}", logs().join("\n"));

    let [title, head, base] = ["work", "work", "trunk"].map(str::to_owned);
    let open = github::Request::CreatePullRequest { title, body: String::new(), head, base, draft: false };
    call(&handle, open).await;
    let head: Sha = handle.look(|world| world.branches().get("work").cloned()).expect("pushed");
    let checked = |world: &World| world.checks_of(&head).find(|entry| entry.check.conclusion.is_some()).cloned();
    wait_until(&handle, "the check's end", |world| checked(world).is_some()).await;
    let check = handle.look(checked).expect("there");
    assert_eq!(check.check.conclusion, Some(Conclusion::Success), "{}", check.log);
    assert!(check.log.contains("work"), "{}", check.log);
    assert!(handle.look(|world| world.pull(PullNumber(2)).is_some()));
    runner.stop().await;
    forge.shutdown().await;
}
