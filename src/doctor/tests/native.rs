//! A plan worked without a server: its workflow files, and what the workflow's own token may do.

use crate::doctor::State;
use crate::doctor::tests::site::{Wish, says, told};

const ORCHESTRATE: &str = include_str!("../../../examples/actions-native/orchestrate.yml");
const HEARTBEAT: &str = include_str!("../../../examples/actions-native/orchestrate-heartbeat.yml");
const TASK: &str = include_str!("../../../examples/actions-native/task.yml");

/// A repository whose plan workflow runs work; the default branch is `trunk`.
fn native(orchestrate: &str, heartbeat: &str, task: &str) -> Wish {
    let mut wish = Wish::file(".github/workflows/task.yml", task);
    for (path, text) in
        [(".github/workflows/orchestrate.yml", orchestrate), (".github/workflows/orchestrate-heartbeat.yml", heartbeat)]
    {
        if !text.is_empty() {
            wish.files.push((path, text.replace("branches: [main]", "branches: [trunk]")));
        }
    }
    wish
}

#[tokio::test]
async fn files_that_belong_together() {
    let whole = told("native-workflows", native(ORCHESTRATE, HEARTBEAT, TASK)).await;
    says(&whole, State::Ok, &["wake one another"]);
    says(&told("native-workflows", Wish::right()).await, State::Ok, &["a server works the plan"]);
}

#[tokio::test]
async fn files_that_do_not() {
    let other_group = HEARTBEAT.replace("group: orchestrate", "group: heartbeat");
    let cancelling = ORCHESTRATE.replace("cancel-in-progress: false", "cancel-in-progress: true");
    let deaf = ORCHESTRATE.replace("  workflow_dispatch:\n", "");
    let idle = ORCHESTRATE.replace("command: handle", "command: doctor");
    let timeless = HEARTBEAT.replace("  schedule:\n    - cron: \"*/30 * * * *\"\n", "  workflow_dispatch:\n");
    let elsewhere = ORCHESTRATE.replace("branches: [main]", "branches: [develop]");
    for (orchestrate, heartbeat, words) in [
        (ORCHESTRATE, "", "`orchestrate-heartbeat.yml` is not on `trunk`"),
        ("", HEARTBEAT, "`orchestrate.yml` is not on `trunk`"),
        (ORCHESTRATE, other_group.as_str(), "not in one concurrency group"),
        (cancelling.as_str(), HEARTBEAT, "cancels runs that are under way"),
        (deaf.as_str(), HEARTBEAT, "cannot be dispatched"),
        (idle.as_str(), HEARTBEAT, "does not run the action"),
        (ORCHESTRATE, timeless.as_str(), "has no schedule"),
        (elsewhere.as_str(), HEARTBEAT, "hears pushes to `develop` only"),
        ("on: [", HEARTBEAT, "`orchestrate.yml` is no workflow"),
    ] {
        let told = told("native-workflows", native(orchestrate, heartbeat, TASK)).await;
        says(&told, State::Failed, &[words, "init --actions-native"]);
        assert!(told.page.expect("a page").ends_with("/octo/widgets/tree/trunk/.github/workflows"));
    }
}

#[tokio::test]
async fn a_task_workflow_that_wakes_nobody() {
    let silent = crate::doctor::workflow_file::BUNDLED;
    let told = told("native-workflows", native(ORCHESTRATE, HEARTBEAT, silent)).await;
    says(&told, State::Warning, &["`task.yml` has no job that wakes", "next heartbeat"]);
}

#[tokio::test]
async fn a_token_of_a_workflow_that_may_not_open_pull_requests() {
    let id = "actions-pull-requests";
    let shut = |mut wish: Wish| {
        wish.set.actions.opens_pull_requests = false;
        wish
    };
    let told_shut = told(id, shut(native(ORCHESTRATE, HEARTBEAT, TASK))).await;
    says(&told_shut, State::Failed, &["may not open pull requests", "Allow GitHub Actions to create"]);
    assert!(told_shut.page.expect("a page").ends_with("/octo/widgets/settings/actions"));
    says(&told(id, native(ORCHESTRATE, HEARTBEAT, TASK)).await, State::Ok, &["may open them"]);
    says(&told(id, shut(Wish::right())).await, State::Ok, &["not needed"]);
}
