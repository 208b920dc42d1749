//! The plan's end, the next plan, quiet times, and a life without webhooks.

use std::time::Duration;

use task_orchestrator::engine::event::{Event, Hint};
use task_orchestrator::engine::id::IssueNumber;
use task_orchestrator::engine::plan::PlanStatus;
use task_orchestrator::engine::task::Verdict;
use task_orchestrator::engine::time::Span;
use task_orchestrator::engine::waits::Status;
use task_orchestrator::forge::memory::fault::{Fault, Target};
use task_orchestrator::forge::memory::worker::Work;
use task_orchestrator::forge::world::request::PersonAct;
use task_orchestrator::github::{Error, Request};

use crate::support::{Story, touch_declared};

const FILES: &[(&str, &str)] = &[("a.txt", "a\n"), ("b.txt", "b\n"), ("c.txt", "c\n")];

fn label(number: u64) -> PersonAct {
    PersonAct::Label { number: IssueNumber(number), label: "orchestrate".to_owned() }
}

pub(crate) fn the_end_is_reported_unpinned_and_closed_and_a_label_begins_the_next() {
    let mut story = Story::new(FILES);
    story.script(|brief| match brief.issue.0 {
        2 => Work::NoChange("already so".to_owned()),
        _ => touch_declared(brief),
    });
    story.issue(1, "One", "Files: a.txt").issue(2, "Two", "Files: b.txt").run();
    let first = story.tracking_number();
    let shown = |story: &Story, number: u64| {
        let world = story.forge.world();
        let entry = world.issue(IssueNumber(number)).expect("there");
        (entry.pinned, world.is_open(entry.issue.number))
    };
    assert_eq!(shown(&story, first), (false, false));
    assert!(story.comments(first).last().expect("a report").contains("1 merged, 1 without need for change"));
    let last_words = story.tracking();
    // The issue that needed no change is open and labelled still: that is no new wish.
    story.minutes(3);
    assert_eq!(story.tracking_number(), first);
    story.issue(9, "Nine", "Files: c.txt").tick();
    let second = story.tracking_number();
    assert_ne!(second, first);
    assert_eq!(story.held.plan.tasks.len(), 1);
    assert_eq!(shown(&story, second), (true, true));
    story.run().expect(9, Status::Merged);
    let world = story.forge.world();
    assert_eq!(world.issue(IssueNumber(first)).expect("there").issue.body, last_words);
}

pub(crate) fn an_issue_of_an_ended_plan_labelled_anew_counts_its_attempts_on() {
    let mut story = Story::new(FILES);
    story.script(|brief| if brief.key.id.n == 1 { Work::NoChange("so".to_owned()) } else { touch_declared(brief) });
    story.issue(1, "One", "Files: a.txt").run();
    let off = PersonAct::Unlabel { number: IssueNumber(1), label: "orchestrate".to_owned() };
    story.person("owner", off).person("owner", label(1)).run();
    story.expect(1, Status::Merged);
    assert_eq!(story.task(1).attempts.iter().map(|attempt| attempt.id.n).collect::<Vec<_>>(), [2]);
}

/// Its opening's answer was lost, and it is found only when the next plan has begun.
pub(crate) fn a_pull_request_of_an_ended_plan_is_not_the_next_ones() {
    let mut story = Story::with(FILES, |settings| {
        settings.auto_merge = false;
        settings.probe_window = Span::minutes(2);
    });
    story.issue(1, "One", "Files: a.txt").tick();
    story.work();
    let open = Target::Call(|request| matches!(request, Request::CreatePullRequest { .. }));
    let look = Target::Call(|request| matches!(request, Request::PullRequests { .. }));
    story.forge.plan_fault(open, Fault::AnswerLost);
    story.forge.plan_fault(look, Fault::Instead(Error::Unreachable { message: "cut".to_owned() }));
    story.tick();
    let number = story.forge.world().pulls().map(|(number, _)| number).next().expect("one");
    story.turn(vec![Event::Hint(Hint::Pull(number))]).expect(1, Status::PrOpen);
    story.person("owner", PersonAct::Merge { number }).tick();
    assert_eq!(story.held.plan.header.status, PlanStatus::Ended);
    assert!(story.held.plan.outbox.keys().any(|key| key.0 == "pull:t1.1"), "it is still to be looked for");
    story.person("owner", PersonAct::Reopen { number: IssueNumber(1) }).minutes(3).expect(1, Status::Running);
    story.run().expect(1, Status::PrOpen);
    assert_eq!(story.held.plan.header.number, 2);
    assert_eq!(story.task(1).attempts.iter().map(|attempt| attempt.id.n).collect::<Vec<_>>(), [2]);
    assert_ne!(story.pull(1), number.0);
}

pub(crate) fn giving_the_whole_plan_up_ends_it_with_pull_requests_open() {
    let mut story = Story::with(FILES, |settings| settings.auto_merge = false);
    story.issue(1, "One", "Files: a.txt").issue(2, "Two", "Files: b.txt").issue(3, "Three", "Files: a.txt").tick();
    let runs = story.forge.queued_runs();
    assert!(story.forge.claim(runs[0]).expect("claims"));
    story.forge.finish_run(runs[0], touch_declared(&story.forge.brief(runs[0]).expect("a brief"))).expect("ends");
    story.tick().expect(1, Status::PrOpen);
    story.say("owner", "/orchestrate cancel").run();
    assert!(story.held.plan.tasks.values().all(|task| task.verdict == Some(Verdict::Cancelled)));
    assert!(story.tracking().contains("This plan has ended."));
    story.say("owner", "/orchestrate retry #1");
    assert!(story.comments(story.tracking_number()).last().expect("answered").contains("the plan has ended"));
    story.minutes(2);
    assert_eq!(story.held.plan.header.number, 1);
}

pub(crate) fn a_quiet_plan_writes_nothing() {
    let mut story = Story::with(FILES, |settings| {
        settings.auto_merge = false;
        settings.attempts = 1;
    });
    story.script(|brief| match brief.issue.0 {
        2 => Work::Failed("no".to_owned()),
        3 => Work::NeedsDecision("red?".to_owned()),
        _ => touch_declared(brief),
    });
    story.issue(1, "One", "Files: a.txt").issue(2, "Two", "Files: b.txt").issue(3, "Three", "Files: c.txt");
    story.issue(4, "Four", "Depends on: #99").run();
    let writes = story.writes();
    // What was ticked just before may become visible late: the history of edits is read once more.
    story.minutes(6);
    let version = story.held.version;
    for _ in 0..50 {
        story.wait(Duration::from_secs(60)).tick();
    }
    assert_eq!(story.writes(), writes);
    assert_eq!(story.held.version, version, "a quiet plan saves nothing either");
}

fn eventful(story: &mut Story) {
    story.script(|brief| match (brief.issue.0, brief.key.id.n) {
        (2, 1) => Work::Failed("first".to_owned()),
        (3, _) => Work::NoChange("so".to_owned()),
        (4, 1) => Work::Lost(task_orchestrator::engine::snapshot::Conclusion::Failure),
        _ => touch_declared(brief),
    });
    story.issue(1, "One", "Files: a.txt").issue(2, "Two", "Files: a.txt, b.txt").issue(3, "Three", "Files: c.txt");
    story.issue(4, "Four", "Files: c.txt\n\nDepends on: #1").issue(5, "Five", "Phase: 7");
}

/// What the end looks like, moments and numbers of pull requests left out.
fn ending(story: &Story) -> Vec<(String, usize, u32, Option<Verdict>)> {
    let tasks = story.held.plan.tasks.values();
    let row = |task: &task_orchestrator::engine::task::Task| {
        (task.id.to_string(), task.attempts.len(), task.counters.failures, task.verdict)
    };
    tasks.map(|task| row(task)).collect()
}

pub(crate) fn webhooks_alone_and_ticks_alone_lead_to_the_same_end() {
    let mut ticking = Story::new(FILES);
    eventful(&mut ticking);
    ticking.run();
    let mut hearing = Story::new(FILES);
    eventful(&mut hearing);
    hearing.hears_only = true;
    for _ in 0..60 {
        hearing.tick();
        hearing.work();
        hearing.tick();
        hearing.wait(Duration::from_secs(2)).tick();
    }
    hearing.hears_only = false;
    let before = ending(&hearing);
    hearing.tick();
    assert_eq!(ending(&hearing), before, "a tick had to help");
    assert_eq!(before, ending(&ticking));
    assert!(before.iter().all(|row| row.3.is_some()), "{before:?}");
}

pub(crate) fn a_deleted_tracking_issue_is_made_anew() {
    let mut story = Story::with(FILES, |settings| settings.auto_merge = false);
    story.issue(1, "One", "Files: a.txt").run();
    let first = story.tracking_number();
    story.person("owner", PersonAct::Delete { number: IssueNumber(first) }).run();
    assert_ne!(story.tracking_number(), first);
    assert!(story.tracking().contains("#1 One"));
}

stories! {
    a_pull_request_of_an_ended_plan_is_not_the_next_ones,
    the_end_is_reported_unpinned_and_closed_and_a_label_begins_the_next,
    an_issue_of_an_ended_plan_labelled_anew_counts_its_attempts_on,
    giving_the_whole_plan_up_ends_it_with_pull_requests_open,
    a_quiet_plan_writes_nothing,
    webhooks_alone_and_ticks_alone_lead_to_the_same_end,
    a_deleted_tracking_issue_is_made_anew,
}
