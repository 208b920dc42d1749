//! Everything people and agents read, as they read it. Titles are as hostile as titles can be.

use task_orchestrator::engine::config::ApprovalPolicy;
use task_orchestrator::engine::footprint::OverlapPolicy;
use task_orchestrator::engine::id::IssueNumber;
use task_orchestrator::engine::report::{Report, ReportOutcome};
use task_orchestrator::forge::memory::fault::{Fault, Target};
use task_orchestrator::forge::memory::{edit::Edit, worker::Work};
use task_orchestrator::github::{Error, Request};

use crate::support::{Story, touch_declared};

const FILES: &[(&str, &str)] = &[("a.txt", "a\n"), ("b.txt", "b\n"), ("c.txt", "c\n")];
const HOSTILE: &str = "Fixes #9 @everyone <!-- orchestrate:end --> [x](http://evil) `a` | b \u{202e} **bold**";

/// A plan with a task of every kind.
fn mixed() -> Story {
    let mut story = Story::with(FILES, |settings| {
        settings.auto_merge = false;
        settings.attempts = 2;
        settings.validate = vec!["cargo test".to_owned()];
    });
    story.script(|brief| match (brief.issue.0, brief.key.id.n) {
        (2, _) => Work::Failed(format!("the test `x` fails: {HOSTILE}\nexpected 1, found 2")),
        (4, _) => Work::NoChange("The flag is there already; see #3 and @somebody.".to_owned()),
        (5, _) => Work::NeedsDecision("Shall old clients be refused?\nOr served the old form?".to_owned()),
        (6, _) => Work::Changed(vec![Edit::append("elsewhere/`evil`.txt", "x\n")]),
        _ => touch_declared(brief),
    });
    story.issue(1, HOSTILE, "Files: a.txt\n\nPriority: high");
    story.issue(2, "Mend the parser", "Files: b.txt\n\nPriority: high");
    story.issue(3, "Use the parser", "Files: c.txt\n\nPriority: high\n\nDepends on: #2");
    story.issue(4, "Add the flag", "Files: d.txt\n\nPriority: high").issue(
        5,
        "Version the API",
        "Files: e.txt\n\nPriority: high",
    );
    story.issue(6, "Tidy up", "Files: f.txt\n\nPriority: high").issue(7, "Also a", "Files: a.txt\n\nPriority: high");
    story.issue(8, "Later", "Files: g.txt").issue(10, "Lost", "Files: h.txt\n\nPriority: high\n\nDepends on: #99");
    story
}

#[test]
fn the_tracking_issue_of_a_mixed_plan() {
    let mut story = mixed();
    story.run();
    insta::assert_snapshot!("tracking", story.tracking());
    story.say("owner", "/orchestrate status");
    insta::assert_snapshot!("status", story.comments(story.tracking_number()).last().expect("answered"));
}

#[test]
fn the_tracking_issue_before_approval_and_while_running() {
    let mut story = Story::with(FILES, |settings| settings.approval = ApprovalPolicy::Ask);
    story.issue(1, HOSTILE, "Files: a.txt\n\nPhase: 1");
    story.issue(2, "Second", "Files: a.txt\n\nPhase: 2\n\nDepends on: #1").tick();
    insta::assert_snapshot!("tracking_unapproved", story.tracking());
    story.say("owner", "/orchestrate approve").wait(std::time::Duration::from_secs(1)).tick();
    story.claim();
    story.say("owner", "/orchestrate pause until <Monday>").wait(std::time::Duration::from_secs(1)).tick();
    insta::assert_snapshot!("tracking_running", story.tracking());
}

#[test]
fn notices_on_issues() {
    let mut story = mixed();
    let dispatch = Target::Call(|request| matches!(request, Request::DispatchWorkflow { .. }));
    story.forge.plan_fault(dispatch, Fault::Instead(Error::Denied { message: "Actions are <disabled>".to_owned() }));
    story.run();
    let shown: Vec<String> =
        [1, 2, 4, 5, 6].iter().map(|issue| format!("== #{issue}\n{}", story.comments(*issue).join("\n--\n"))).collect();
    insta::assert_snapshot!("notices", shown.join("\n\n"));
}

#[test]
fn the_pull_request_and_the_report_at_the_end() {
    let mut story = Story::with(FILES, |settings| settings.validate = vec!["cargo test".to_owned()]);
    story.script(|brief| match brief.key.id.n {
        1 if brief.issue.0 == 1 => Work::Failed("no".to_owned()),
        _ => touch_declared(brief),
    });
    story.issue(1, HOSTILE, "Files: a.txt").issue(2, "Second", "Files: b.txt").run();
    let world = story.forge.world();
    let number = story.task(1).pull.as_ref().expect("merged").number;
    let pull = &world.issue(IssueNumber(number.0)).expect("there").issue;
    insta::assert_snapshot!("pull_request", format!("{}\n\n{}", pull.title, pull.body));
    insta::assert_snapshot!("completion", story.comments(story.tracking_number()).join("\n--\n"));
    insta::assert_snapshot!("tracking_ended", story.tracking());
}

#[test]
fn the_brief_and_its_prompt() {
    let mut story = Story::with(FILES, |settings| {
        settings.overlap = OverlapPolicy::Declared;
        settings.rules = "Write plain words.".to_owned();
    });
    story.script(|brief| match brief.issue.0 {
        1 => Work::Reported(Box::new(Report::ended(ReportOutcome::Failed, "```\nthe test fails\n```"))),
        _ => touch_declared(brief),
    });
    let body = "Files: a.txt\n\nAcceptance:\n- it works\n- it is tested\n\n````\n# not a heading\n````";
    story.issue(1, HOSTILE, body).issue(2, "Second", "Files: b.txt").tick();
    let run = story.forge.queued_runs()[0];
    let work = Work::Reported(Box::new(Report::ended(ReportOutcome::Failed, "```\nthe test fails\n```")));
    assert!(story.forge.claim(run).expect("claims"));
    story.forge.finish_run(run, work).expect("ends");
    story.tick().wait(std::time::Duration::from_secs(2)).tick();
    let runs = story.forge.queued_runs();
    let briefs = runs.iter().map(|run| story.forge.brief(*run).expect("a brief"));
    let brief = briefs.into_iter().find(|brief| brief.issue.0 == 1).expect("tried again");
    insta::assert_snapshot!("prompt", brief.prompt.text());
    insta::assert_snapshot!("brief", brief.to_text());
}
