//! What administrators have set: rules, protection, Actions, secrets.

use crate::doctor::State;
use crate::doctor::tests::site::{Wish, says, told};
use crate::doctor::workflow_file::BUNDLED;
use crate::forge::world::administration::{Protection, Rule};

const WORKFLOW: &str = ".github/workflows/task.yml";

fn rule(beginning: &str, rule: Rule) -> Wish {
    let beginning = beginning.to_owned();
    Wish::set(move |set| set.rules.push((beginning, rule)))
}

fn names(operator: &str, pattern: &str) -> Rule {
    Rule::BranchNamePattern { operator: operator.to_owned(), pattern: pattern.to_owned() }
}

#[tokio::test]
async fn rules_that_keep_our_branches_from_being_made() {
    for wish in [
        rule("", names("starts_with", "feature/")),
        rule("orchestrate", names("regex", "^(feature|fix)/[a-z]+$")),
        rule("orchestrate-work/", Rule::Creation),
    ] {
        let told = told("branch-names", wish).await;
        says(&told, State::Failed, &["`orchestrate", "bypass list"]);
        assert!(told.page.expect("a page").ends_with("/octo/widgets/rules"));
    }
    assert_eq!(told("branch-names", rule("", names("regex", "^[a-z0-9/.-]+$"))).await.state, State::Ok);
    assert_eq!(told("branch-names", rule("trunk", Rule::Creation)).await.state, State::Ok);
}

#[tokio::test]
async fn rules_that_the_app_may_pass_do_not_count() {
    let mut wish = rule("", Rule::RequiredSignatures);
    wish.set.may_bypass = true;
    assert_eq!(told("signatures", wish).await.state, State::Ok);
}

#[tokio::test]
async fn signatures_that_no_commit_of_an_agent_has() {
    let on_base = told("signatures", rule("trunk", Rule::RequiredSignatures)).await;
    says(&on_base, State::Failed, &["`trunk` takes only signed commits", "unsigned"]);
    let on_ours = told("signatures", rule("orchestrate", Rule::RequiredSignatures)).await;
    says(&on_ours, State::Failed, &["no work can be pushed"]);
    let protection = Protection { signatures: true, ..Protection::default() };
    let classic = told("signatures", Wish::set(|set| set.protection = Some(protection))).await;
    says(&classic, State::Failed, &["protection of `trunk`", "Require signed commits"]);
}

#[tokio::test]
async fn checks_that_must_have_passed_on_the_newest_base() {
    let checks = |strict| Rule::RequiredStatusChecks { contexts: vec!["ci".to_owned()], strict };
    says(&told("required-checks", rule("trunk", checks(true))).await, State::Warning, &["`ci`", "newest `trunk`"]);
    says(&told("required-checks", rule("trunk", checks(false))).await, State::Ok, &["`ci` must have passed"]);
    let protection = Protection { checks: vec!["lint".to_owned()], strict: true, signatures: false };
    let classic = told("required-checks", Wish::set(|set| set.protection = Some(protection))).await;
    says(&classic, State::Warning, &["`lint`"]);
}

#[tokio::test]
async fn a_merge_queue() {
    says(&told("merge-queue", rule("trunk", Rule::MergeQueue)).await, State::Warning, &["yourself"]);
    let mut wish = Wish::file(".github/orchestrator.yml", "auto_merge: true\nsetup: cargo fetch\n");
    wish.set.rules.push(("trunk".to_owned(), Rule::MergeQueue));
    says(&told("merge-queue", wish).await, State::Failed, &["`auto_merge` is on"]);
}

#[tokio::test]
async fn actions_that_are_switched_off() {
    let told = told("actions", Wish::set(|set| set.actions.enabled = false)).await;
    says(&told, State::Failed, &["switched off"]);
    assert!(told.page.expect("a page").ends_with("/settings/actions"));
}

#[tokio::test]
async fn actions_that_are_not_allowed() {
    let local = told("allowed-actions", Wish::set(|set| set.actions.allowed = "local_only".to_owned())).await;
    says(&local, State::Failed, &["`actions/upload-artifact@"]);
    let selected = |github_owned, patterns: &[&str]| {
        let patterns = patterns.iter().map(|pattern| (*pattern).to_owned()).collect();
        Wish::set(move |set| {
            set.actions.allowed = "selected".to_owned();
            set.actions.github_owned = github_owned;
            set.actions.patterns = patterns;
        })
    };
    let some = told("allowed-actions", selected(true, &[])).await;
    says(&some, State::Failed, &["`task-orchestrator/task-orchestrator@"]);
    assert!(!some.found.contains("upload-artifact"), "{}", some.found);
    assert_eq!(told("allowed-actions", selected(true, &["task-orchestrator/*"])).await.state, State::Ok);
    let forbidden = told("allowed-actions", selected(true, &["*", "!task-orchestrator/*"])).await;
    assert_eq!(forbidden.state, State::Failed);
}

#[tokio::test]
async fn secrets_and_variables_that_are_not_there() {
    let lacking = told("secrets", Wish::set(|set| set.environment_secrets.clear())).await;
    says(&lacking, State::Failed, &["`CODEX_API_KEY`", "environment `orchestrate`"]);
    let in_the_repository = Wish::set(|set| {
        set.environment_secrets.clear();
        set.secrets.insert("CODEX_API_KEY".to_owned());
    });
    assert_eq!(told("secrets", in_the_repository).await.state, State::Ok);
    let named = BUNDLED.replace("runs-on: ubuntu-24.04", "runs-on: \"${{ vars.RUNNER }}\"");
    says(&told("secrets", Wish::file(WORKFLOW, named.clone())).await, State::Warning, &["`RUNNER`"]);
    let mut there = Wish::file(WORKFLOW, named);
    there.set.variables.insert("RUNNER".to_owned());
    assert_eq!(told("secrets", there).await.state, State::Ok);
}
