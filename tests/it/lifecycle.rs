//! The whole life of tasks.

use std::time::Duration;

use task_orchestrator::engine::task::Verdict;
use task_orchestrator::engine::waits::Status;
use task_orchestrator::forge::memory::fault::{Fault, Target};
use task_orchestrator::forge::memory::{edit::Edit, worker::Work};
use task_orchestrator::github::{Error, Request};

use crate::support::{Story, touch_declared};

const FILES: &[(&str, &str)] = &[("a.txt", "a\n"), ("b.txt", "b\n"), ("c.txt", "c\n")];

pub(crate) fn one_task_becomes_a_merged_pull_request() {
    let mut story = Story::new(FILES);
    story.issue(1, "Write a", "Files: a.txt").run();
    story.expect(1, Status::Merged);
    assert!(story.forge.file("main", "a.txt").expect("still there").contains("1 by attempt 1"));
    assert_eq!(story.task(1).attempts.len(), 1);
}

pub(crate) fn the_same_file_is_worked_by_one_after_the_other() {
    let mut story = Story::new(FILES);
    story.issue(1, "One", "Files: a.txt").issue(2, "Two", "Files: a.txt").issue(3, "Three", "Files: b.txt");
    story.tick();
    assert_eq!(story.forge.queued_runs().len(), 2, "{:#?}", story.statuses());
    story.expect(1, Status::Running).expect(2, Status::Blocked).expect(3, Status::Running);
    story.run();
    for issue in 1..=3 {
        story.expect(issue, Status::Merged);
    }
}

pub(crate) fn a_failure_is_retried_with_its_error_and_then_escalates() {
    let mut story = Story::new(FILES);
    story.script(|brief| match brief.issue.0 {
        1 if brief.previous_errors.is_empty() => Work::Failed("the widget is bent".to_owned()),
        2 => Work::Failed("hopeless".to_owned()),
        _ => touch_declared(brief),
    });
    story.issue(1, "One", "Files: a.txt").issue(2, "Two", "Files: b.txt\n\nOn fail: continue");
    story.issue(3, "Three", "Files: c.txt\n\nDepends on: #2");
    story.run();
    story.expect(1, Status::Merged).expect(2, Status::Error).expect(3, Status::Blocked);
    assert_eq!(story.task(1).attempts.len(), 2);
    assert_eq!(story.task(2).attempts.len(), 3);
    assert_eq!(story.task(2).verdict, Some(Verdict::Escalated));
}

pub(crate) fn no_change_and_a_conflict_end_well() {
    let mut story =
        Story::with(FILES, |settings| settings.overlap = task_orchestrator::engine::footprint::OverlapPolicy::Off);
    story.script(|brief| match brief.issue.0 {
        1 => Work::NoChange("already so".to_owned()),
        n => Work::Changed(vec![Edit::write("a.txt", &format!("{n} {}\n", brief.key.id.n))]),
    });
    story.issue(1, "One", "").issue(2, "Two", "").issue(3, "Three", "");
    story.run();
    assert_eq!(story.task(1).verdict, Some(Verdict::NoChange));
    story.expect(2, Status::Merged).expect(3, Status::Merged);
    let reruns = story.task(2).counters.conflict_reruns + story.task(3).counters.conflict_reruns;
    assert_eq!(reruns, 1);
}

pub(crate) fn a_ghost_is_fenced_and_dispatched_anew() {
    let mut story = Story::new(FILES);
    story.issue(1, "One", "Files: a.txt");
    story.tick();
    // Its fence does not get through at once: until then people see it stuck.
    let fences = |request: &Request| matches!(request, Request::CreateBranch { branch, .. } if branch.contains("1.1"));
    story.forge.plan_fault(Target::Call(fences), Fault::Instead(Error::Denied { message: "not now".to_owned() }));
    story.wait(Duration::from_secs(31 * 60)).tick().expect(1, Status::Stuck);
    story.run();
    story.expect(1, Status::Merged);
    assert_eq!(story.task(1).attempts.len(), 2);
    assert_eq!(story.task(1).counters.infra_retries, 1);
}

stories! {
    one_task_becomes_a_merged_pull_request,
    the_same_file_is_worked_by_one_after_the_other,
    a_failure_is_retried_with_its_error_and_then_escalates,
    no_change_and_a_conflict_end_well,
    a_ghost_is_fenced_and_dispatched_anew,
}
