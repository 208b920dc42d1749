//! What lies in the repository: configuration, workflow, label, manifests.

use crate::doctor::tests::site::{Site, Wish, line, says, told};
use crate::doctor::workflow_file::BUNDLED;
use crate::doctor::{State, examine};
use crate::engine::id::RepositoryName;

const WORKFLOW: &str = ".github/workflows/task.yml";

#[tokio::test]
async fn a_repository_that_is_not_there() {
    let site = Site::start(Wish::right()).await;
    let mut access = site.as_both();
    access.repository = RepositoryName::new("octo/elsewhere");
    let token = site.forge.handle().mint_owner_token().expect("random numbers");
    let person = crate::doctor::Access::with_token(&access.transport, &access.repository, token);
    access.person = Some((person.expect("a name"), "a classic token"));
    let report = examine(&access).await;
    says(&line(&report, "repository"), State::Failed, &["octo/elsewhere is not there", "--repository"]);
    assert_eq!(line(&report, "workflow").state, State::Unknown);
}

#[tokio::test]
async fn a_configuration_with_a_mistake_is_told_with_its_line() {
    let wish = Wish::file(".github/orchestrator.yml", "label: x\nmax_paralel: 3\n");
    let told = told("configuration", wish).await;
    says(&told, State::Failed, &["line 2", "max_paralel"]);
    assert!(told.page.expect("a page").ends_with("/edit/trunk/.github/orchestrator.yml"));
}

#[tokio::test]
async fn a_workflow_that_is_not_there() {
    let told = told("workflow", Wish::file(WORKFLOW, "")).await;
    says(&told, State::Failed, &["not on `trunk`", "your own rights"]);
    assert!(told.page.expect("a page").contains("/new/trunk?filename=.github/workflows/task.yml"));
}

#[tokio::test]
async fn a_workflow_that_is_not_current() {
    says(&told("workflow", Wish::file(WORKFLOW, "jobs: [")).await, State::Failed, &["no workflow"]);
    let older = BUNDLED.replace("      brief:\n", "      commit:\n");
    says(&told("workflow", Wish::file(WORKFLOW, older)).await, State::Failed, &["lacks input `brief`", "`commit`"]);
    let unnamed = BUNDLED.replace("run-name:", "x-name:");
    says(&told("workflow", Wish::file(WORKFLOW, unnamed)).await, State::Failed, &["`run-name`"]);
    let less = BUNDLED.replace("task-orchestrator worker publish", "task-orchestrator work publish");
    says(&told("workflow", Wish::file(WORKFLOW, less)).await, State::Failed, &["worker publish"]);
    let wider = BUNDLED.replacen("      contents: read", "      contents: write", 1);
    says(&told("workflow", Wish::file(WORKFLOW, wider)).await, State::Warning, &["`jobs.agent.permissions`"]);
}

#[tokio::test]
async fn a_workflow_with_other_runners_times_and_steps_is_current() {
    let own =
        BUNDLED.replace("ubuntu-24.04", "[self-hosted, big]").replace("timeout-minutes: 350", "timeout-minutes: 90");
    let own = own.replacen("    steps:\n", "    steps:\n      - run: echo hello\n", 2);
    assert_ne!(own, BUNDLED);
    assert_eq!(told("workflow", Wish::file(WORKFLOW, own)).await.state, State::Ok);
}

#[tokio::test]
async fn a_workflow_that_is_switched_off() {
    let wish = Wish::set(|set| set.disabled_workflows = ["task.yml".to_owned()].into());
    let told = told("workflow", wish).await;
    says(&told, State::Failed, &["disabled_manually", "switch it on"]);
    assert!(told.page.expect("a page").ends_with("/actions/workflows/task.yml"));
}

#[tokio::test]
async fn a_label_that_nobody_made() {
    let told = told("label", Wish::set(|set| set.labels.clear())).await;
    says(&told, State::Failed, &["`orchestrate`", "gh label create"]);
}

#[tokio::test]
async fn dependencies_that_nothing_fetches() {
    let told = told("setup", Wish::file(".github/orchestrator.yml", "")).await;
    says(&told, State::Warning, &["`Cargo.toml`", "no network", "setup: [cargo fetch]"]);
}
