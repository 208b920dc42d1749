use std::sync::Arc;
use std::sync::atomic::AtomicI64;

use http::StatusCode;
use serde_json::json;

use crate::engine::id::{Login, PullNumber, Sha};
use crate::engine::snapshot::Actor;
use crate::forge::http::tests::{Fixture, START, options};
use crate::forge::http::{Forge, StartError};
use crate::forge::repository::{MergeOutcome, Moved, Repository};
use crate::forge::store::Store;
use crate::forge::world::question::GitAnswer;
use crate::forge::world::request::{PersonAct, Request};

/// Everything but the counters of the API's limits, which a restart begins anew.
fn world_of(forge: &Forge) -> serde_json::Value {
    forge.hub.look(|world| serde_json::to_value(world).expect("a world reads as JSON"))
}

async fn again(folder: &std::path::Path) -> Fixture {
    let now = Arc::new(AtomicI64::new(START + 1000));
    Fixture::start_with(options(folder, &now), now).await
}

#[tokio::test]
async fn a_restart_gives_the_same_world_and_the_same_tokens() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let forge = Fixture::start(folder.path()).await;
    forge.branch_with("work/1", "trunk", "b.txt", "b\n").await;
    assert_eq!(forge.call("PATCH", "/issues/1", Some(json!({ "body": "x" }))).await.0, StatusCode::OK);
    let (before, token, key) = (world_of(&forge.forge), forge.token.clone(), forge.forge.private_key_pem());
    let base = forge.forge.base_url().to_owned();
    let second = Forge::start(options(folder.path(), &forge.now)).await;
    assert!(matches!(second, Err(StartError::InUse { .. })));
    forge.forge.shutdown().await;

    let forge = again(folder.path()).await;
    assert_eq!(world_of(&forge.forge), before);
    assert_eq!(forge.forge.base_url(), base, "the port is kept");
    let same = secrecy::ExposeSecret::expose_secret(&forge.forge.private_key_pem()).to_owned();
    assert_eq!(same, secrecy::ExposeSecret::expose_secret(&key));
    assert_eq!(forge.call_as(&token, "GET", "/repos/octo/widgets", None).await.0, StatusCode::OK);
}

#[tokio::test]
async fn branches_that_moved_unseen_are_told_at_the_start() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let forge = Fixture::start(folder.path()).await;
    let sha = Sha::new(forge.branch_with("work/1", "trunk", "b.txt", "b\n").await);
    forge.forge.shutdown().await;
    let repository = Repository::open(&folder.path().join("state/repository.git")).expect("is there");
    assert_eq!(repository.move_branch("work/2", None, Some(&sha)).await, Ok(Moved::Done));
    assert_eq!(repository.move_branch("work/1", Some(&sha), None).await, Ok(Moved::Done));

    let forge = again(folder.path()).await;
    let branches = forge.forge.hub.look(|world| world.branches().clone());
    assert_eq!(branches.get("work/2"), Some(&sha));
    assert_eq!(branches.get("work/1"), None);
}

/// A forge that ended between keeping a merge's intent and keeping the merge; `landed`: the branch had moved.
async fn killed_while_merging(landed: bool) -> (Fixture, PullNumber, tempfile::TempDir) {
    let folder = tempfile::tempdir().expect("temporary folder");
    let forge = Fixture::start(folder.path()).await;
    let head = Sha::new(forge.branch_with("work/1", "trunk", "b.txt", "b\n").await);
    let wish = json!({ "title": "p", "body": "Closes #1", "head": "work/1", "base": "trunk" });
    let (_, pull) = forge.call("POST", "/pulls", Some(wish)).await;
    let number = PullNumber(pull["number"].as_u64().expect("a number"));
    forge.forge.shutdown().await;
    let state = folder.path().join("state");
    let repository = Repository::open(&state.join("repository.git")).expect("is there");
    let base = repository.branch("trunk").await.expect("git").expect("is there");
    let outcome = repository.merge(&base, &head, "merge").await.expect("git");
    let MergeOutcome::Merged(commit) = outcome else { panic!("{outcome:?}") };
    let store = Store::open(&state.join("forge.sqlite")).await.expect("opens");
    let request = Request::Person {
        actor: Actor { login: Login::new("owner"), bot: false },
        act: PersonAct::Merge { number },
        git: Some(GitAnswer::Merged(commit.clone())),
    };
    store.intend("trunk", commit.as_str(), &request).await.expect("keeps");
    store.close().await;
    if landed {
        assert_eq!(repository.move_branch("trunk", Some(&base), Some(&commit)).await, Ok(Moved::Done));
    }
    (again(folder.path()).await, number, folder)
}

#[tokio::test]
async fn a_merge_cut_off_is_a_merge_if_it_landed_and_nothing_else() {
    for landed in [true, false] {
        let (forge, number, _folder) = killed_while_merging(landed).await;
        let (_, pull) = forge.get(&format!("/pulls/{number}")).await;
        assert_eq!(pull["merged"].as_bool(), Some(landed), "{pull}");
        assert_eq!(forge.get("/issues/1").await.1["state"], if landed { "closed" } else { "open" });
        if !landed {
            let (status, body) = forge.call("PUT", &format!("/pulls/{number}/merge"), Some(json!({}))).await;
            assert_eq!(status, StatusCode::OK, "{body}");
        }
    }
}

#[tokio::test]
async fn what_ran_at_the_end_comes_back_cancelled() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let forge = Fixture::start(folder.path()).await;
    let body = json!({ "ref": "trunk", "inputs": { "key": "t1.1" }, "return_run_details": true });
    let (_, told) = forge.call("POST", "/actions/workflows/task.yml/dispatches", Some(body)).await;
    let run = told["workflow_run_id"].as_u64().expect("a run");
    let (_, jobs) = forge.get(&format!("/actions/runs/{run}/jobs")).await;
    let job = crate::engine::id::JobId(jobs["jobs"][0]["id"].as_u64().expect("a job"));
    let started = Request::Runner(crate::forge::world::request::RunnerAct::JobStarted { job });
    forge.forge.apply(started).await.expect("told");
    forge.forge.shutdown().await;
    let forge = again(folder.path()).await;
    let (_, run) = forge.get(&format!("/actions/runs/{run}")).await;
    assert_eq!((run["status"].as_str(), run["conclusion"].as_str()), (Some("completed"), Some("cancelled")));
}
