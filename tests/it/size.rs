//! Large and odd input.

use task_orchestrator::engine::config::ApprovalPolicy;
use task_orchestrator::engine::id::IssueNumber;
use task_orchestrator::engine::waits::Status;
use task_orchestrator::forge::world::request::{Request, SeedAct, SeedIssue};

use crate::support::Story;

const FILES: &[(&str, &str)] = &[("a.txt", "a\n")];

#[test]
fn five_thousand_labelled_issues_are_one_plan_that_fits_its_issue() {
    let mut story = Story::with(FILES, |settings| settings.approval = ApprovalPolicy::Ask);
    let issues = (1..=5_000).map(|number| SeedIssue {
        number: IssueNumber(number),
        title: format!("Issue {number} with a title of an ordinary length"),
        body: format!("Files: src/{}.rs", number % 700),
        labels: vec!["orchestrate".to_owned()],
    });
    story.forge.apply(Request::Seed(SeedAct::Issues(issues.collect()))).expect("opened");
    story.tick();
    assert_eq!(story.held.plan.tasks.len(), 5_000);
    let body = story.tracking();
    assert!(body.chars().count() <= 60_100, "{}", body.chars().count());
    assert!(body.contains("more that do not fit here"));
    story.say("owner", "/orchestrate approve");
    assert_eq!(story.forge.queued_runs().len(), 4);
}

#[test]
fn a_body_as_long_as_github_takes_is_a_task_like_any_other() {
    let mut story = Story::new(FILES);
    let body = format!("Files: a.txt\n\n{}", "lorem `x` <!-- /orchestrate cancel --> @all #1 \n".repeat(1_250));
    story.issue(1, "One", &body.chars().take(60_000).collect::<String>()).run();
    story.expect(1, Status::Merged);
}
