//! Phases, gates, late comers, slots.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use task_orchestrator::engine::config::{ApprovalPolicy, Gate, Settings};
use task_orchestrator::engine::id::IssueNumber;
use task_orchestrator::engine::snapshot::Permission;
use task_orchestrator::engine::task::Verdict;
use task_orchestrator::engine::waits::Status;
use task_orchestrator::forge::memory::fault::{Fault, Target};
use task_orchestrator::forge::memory::{edit::Edit, worker::Work};
use task_orchestrator::forge::world::request::PersonAct;
use task_orchestrator::github::{Error, Request};
use task_orchestrator::turn::Configuration;

use crate::support::{Crash, Story, touch_declared};

const FILES: &[(&str, &str)] = &[("a.txt", "a\n"), ("b.txt", "b\n"), ("c.txt", "c\n"), ("d.txt", "d\n")];

/// Issue 1 fails for good, 2 depends on it, 3 comes a phase later.
fn failing(body: &str) -> Story {
    let mut story = Story::new(FILES);
    story.script(|brief| match (brief.issue.0, brief.key.id.n) {
        (1, 1..=3) => Work::Failed("no".to_owned()),
        _ => touch_declared(brief),
    });
    story.issue(1, "One", &format!("Phase: 1\n\nFiles: a.txt\n\n{body}"));
    story.issue(2, "Two", "Phase: 1\n\nFiles: b.txt\n\nDepends on: #1");
    story.issue(3, "Three", "Phase: 2\n\nFiles: c.txt");
    story
}

pub(crate) fn a_failure_keeps_the_gate_shut_until_a_person_acts() {
    for (word, second) in [("retry", Status::Merged), ("cancel", Status::Merged)] {
        let mut story = failing("");
        story.run();
        assert_eq!(story.task(1).verdict, Some(Verdict::Escalated));
        story.expect(2, Status::Blocked).expect(3, Status::Blocked);
        assert!(story.comments(1)[0].contains("#2"), "{:?}", story.comments(1));
        story.say("owner", &format!("/orchestrate {word} #1")).run();
        story.expect(2, second).expect(3, Status::Merged);
    }
}

pub(crate) fn on_fail_continue_lets_the_gate_open_and_names_who_stays_behind() {
    let mut story = failing("On fail: continue");
    story.run();
    story.expect(1, Status::Error).expect(2, Status::Blocked).expect(3, Status::Merged);
    assert!(!story.tracking().contains("This plan has ended."));
    story.say("owner", "/orchestrate retry #1").run();
    story.expect(1, Status::Merged).expect(2, Status::Merged);
    assert!(story.tracking().contains("This plan has ended."));
}

pub(crate) fn nothing_of_a_later_phase_starts_before_its_gate() {
    let mut story = Story::with(FILES, |settings| settings.auto_merge = false);
    story.issue(1, "One", "Phase: 1\n\nFiles: a.txt").issue(2, "Two", "Phase: 2\n\nFiles: b.txt");
    story.run().expect(1, Status::PrOpen).expect(2, Status::Blocked);
    assert!(story.tracking().contains("waits for the gate"), "{}", story.tracking());
    story.say("owner", "/orchestrate merge #1").run();
    story.expect(2, Status::PrOpen);
}

/// Fails closed: what is not known to be there is not there.
pub(crate) fn nothing_starts_before_the_workflow_is_there_or_while_it_is_gone() {
    let mut story = Story::new(FILES);
    let settings = story.deployment.configuration.settings().clone();
    story.deployment.configuration = Configuration::Repository(Box::new(settings));
    story.issue(1, "One", "Files: a.txt").issue(2, "Two", "Files: a.txt");
    story.tick().minutes(2).expect(1, Status::Blocked);
    assert!(story.tracking().contains("the task workflow is not on the default branch"), "{}", story.tracking());
    assert_eq!(story.forge.world().runs().count(), 0);
    let workflow = ".github/workflows/task.yml";
    story.forge.push("owner", "main", &[Edit::write(workflow, "name: task\n")]).expect("pushes");
    story.minutes(1).expect(1, Status::Running);
    story.forge.push("owner", "main", &[Edit::Delete { path: workflow.to_owned() }]).expect("pushes");
    story.work();
    story.minutes(3).expect(1, Status::Merged).expect(2, Status::Blocked);
    assert_eq!(story.forge.world().runs().count(), 1);
    story.forge.push("owner", "main", &[Edit::write(workflow, "name: task\n")]).expect("pushes");
    story.run();
    story.expect(2, Status::Merged);
}

pub(crate) fn a_green_gate_does_not_wait_for_the_merge() {
    let mut story = Story::with(FILES, |settings: &mut Settings| {
        settings.auto_merge = false;
        settings.gate = Gate::Green;
    });
    story.issue(1, "One", "Phase: 1\n\nFiles: a.txt").issue(2, "Two", "Phase: 2\n\nFiles: b.txt");
    story.run().expect(1, Status::PrOpen).expect(2, Status::PrOpen);
}

pub(crate) fn who_is_approved_late_joins_the_open_phase_first() {
    let mut story = Story::with(FILES, |settings| {
        settings.approval = ApprovalPolicy::Ask;
        settings.max_parallel = 1;
    });
    story.issue(1, "One", "Phase: 1\n\nFiles: a.txt").issue(2, "Two", "Phase: 1\n\nFiles: b.txt");
    story.issue(3, "Three", "Phase: 2\n\nFiles: c.txt").issue(4, "Four", "Phase: 2\n\nFiles: d.txt").tick();
    for issue in [1, 3, 4] {
        story.say("owner", &format!("/orchestrate approve #{issue}"));
    }
    story.work();
    story.tick().tick().expect(1, Status::Merged);
    story.say("owner", "/orchestrate approve #2");
    story.work();
    story.tick().tick().expect(2, Status::Running);
    story.run();
    for issue in 1..=4 {
        story.expect(issue, Status::Merged);
    }
}

fn asks_label_of_one(request: &Request) -> bool {
    matches!(request, Request::LabelEvents { number: IssueNumber(1) })
}

fn asks_permission(request: &Request) -> bool {
    matches!(request, Request::Permission { login } if login.as_str() == "writer")
}

/// Both are labelled at once; that one's label is heard of later than the other's opens no gate before it.
pub(crate) fn no_gate_opens_while_it_is_unheard_whom_a_label_approves() {
    for unheard in [asks_label_of_one, asks_permission] {
        let mut story = Story::new(FILES);
        story.forge.permit("writer", Permission::Write).expect("permits");
        story.forge.open_issue(1, "One", "Phase: 1\n\nFiles: a.txt", &[]).expect("opens");
        let label = PersonAct::Label { number: IssueNumber(1), label: "orchestrate".to_owned() };
        story.forge.person("writer", label).expect("labels");
        story.issue(2, "Two", "Phase: 2\n\nFiles: b.txt");
        for _ in 0..8 {
            let cut = Error::Unreachable { message: "cut".to_owned() };
            story.forge.plan_fault(Target::Call(unheard), Fault::Instead(cut));
        }
        story.tick().expect(1, Status::Blocked).expect(2, Status::Blocked);
        assert!(story.task(2).is_approved() && !story.task(1).is_approved());
        story.minutes(8).expect(1, Status::Running).expect(2, Status::Blocked);
        story.run().expect(1, Status::Merged).expect(2, Status::Merged);
    }
}

pub(crate) fn an_edit_of_a_running_task_does_not_open_its_gate() {
    let mut story = Story::with(FILES, |settings| settings.approval = ApprovalPolicy::Ask);
    story.issue(1, "One", "Phase: 1\n\nFiles: a.txt").issue(2, "Two", "Phase: 2\n\nFiles: b.txt").tick();
    story.say("owner", "/orchestrate approve");
    let run = story.claim();
    let edit = PersonAct::Edit { number: IssueNumber(1), title: Some("One, but better".to_owned()), body: None };
    story.person("owner", edit).minutes(1).expect(2, Status::Blocked);
    story.forge.finish_run(run, touch_declared(&story.forge.brief(run).expect("a brief"))).expect("ends");
    story.run().expect(1, Status::Merged).expect(2, Status::Merged);
}

pub(crate) fn a_retry_of_a_task_put_into_a_later_phase_waits_for_no_gate() {
    let mut story = Story::new(FILES);
    story.script(|brief| match (brief.issue.0, brief.key.id.n) {
        (1, 1) => Work::Failed("no".to_owned()),
        _ => touch_declared(brief),
    });
    story.issue(1, "One", "Phase: 1\n\nFiles: a.txt").issue(2, "Two", "Phase: 1\n\nFiles: a.txt").tick();
    let body = Some("Phase: 2\n\nFiles: a.txt".to_owned());
    story.person("owner", PersonAct::Edit { number: IssueNumber(1), title: None, body });
    story.say("owner", "/orchestrate approve #1");
    story.work();
    story.tick().expect(1, Status::Error).expect(2, Status::Blocked);
    // It holds the file that the open phase waits for: were its retry to wait for that phase, neither would go on.
    story.run().expect(1, Status::Merged).expect(2, Status::Merged);
}

pub(crate) fn a_phase_that_goes_opens_no_later_one() {
    let mut story = Story::with(FILES, |settings| settings.approval = ApprovalPolicy::Ask);
    story.issue(1, "One", "Phase: 1\n\nFiles: a.txt").issue(2, "Two", "Phase: 2\n\nFiles: b.txt");
    story.issue(3, "Three", "Phase: 3\n\nFiles: c.txt").tick();
    story.say("owner", "/orchestrate approve #2").say("owner", "/orchestrate approve #3");
    story.claim();
    story.expect(2, Status::Running).expect(3, Status::Blocked);
    let label = "orchestrate".to_owned();
    story.person("owner", PersonAct::Unlabel { number: IssueNumber(1), label });
    story.minutes(2).expect(2, Status::Running).expect(3, Status::Blocked);
    assert!(story.tracking().contains("Open: **Phase 2** (1 of 2)"), "{}", story.tracking());
}

pub(crate) fn a_phase_that_comes_before_the_open_one_takes_nothing_back() {
    let mut story = Story::with(FILES, |settings| {
        settings.approval = ApprovalPolicy::Ask;
        settings.max_parallel = 1;
    });
    story.issue(2, "Two", "Phase: 2\n\nFiles: b.txt").issue(3, "Three", "Phase: 3\n\nFiles: c.txt").tick();
    story.say("owner", "/orchestrate approve #2").run();
    story.expect(2, Status::Merged);
    story.say("owner", "/orchestrate approve #3");
    let run = story.claim();
    story.issue(1, "One", "Phase: 1\n\nFiles: a.txt").minutes(2);
    assert!(story.tracking().contains("Open: **Phase 3** (3 of 3)"), "{}", story.tracking());
    story.say("owner", "/orchestrate approve #1").expect(1, Status::Pending);
    story.forge.finish_run(run, Work::NoChange("fine".to_owned())).expect("ends");
    story.run().expect(1, Status::Merged);
}

pub(crate) fn a_phase_of_which_nothing_was_approved_is_no_phase_that_began() {
    let mut story = Story::with(FILES, |settings| settings.approval = ApprovalPolicy::Ask);
    story.issue(2, "Two", "Phase: 2\n\nFiles: b.txt").tick();
    story.issue(1, "One", "Phase: 1\n\nFiles: a.txt").tick();
    story.say("owner", "/orchestrate approve").expect(1, Status::Running).expect(2, Status::Blocked);
    story.run().expect(1, Status::Merged).expect(2, Status::Merged);
}

/// A runner waits for its dispatch, nobody for a branch or a pull request.
pub(crate) fn the_next_run_is_asked_for_before_the_last_ones_work_is_shown() {
    let mut story = Story::with(FILES, |settings| settings.max_parallel = 1);
    story.issue(1, "One", "Files: a.txt").issue(2, "Two", "Files: b.txt").tick();
    let shown = Arc::new(AtomicBool::new(true));
    let seen = Arc::clone(&shown);
    story.desk.meanwhile(
        Crash::Before,
        |request| matches!(request, Request::DispatchWorkflow { .. }),
        move |forge| {
            let world = forge.world();
            seen.store(world.branches().contains_key("orchestrate/issue-1"), Ordering::SeqCst);
        },
    );
    story.work();
    story.tick().expect(2, Status::Running);
    assert!(!shown.load(Ordering::SeqCst), "the branch stood before the dispatch");
    assert!(story.task(1).pull.is_some(), "and follows at once");
}

pub(crate) fn slots_are_never_overbooked() {
    let mut story = Story::with(FILES, |settings| settings.max_parallel = 2);
    story.script(|brief| match brief.issue.0 % 3 {
        0 if brief.key.id.n == 1 => Work::Failed("first".to_owned()),
        1 if brief.key.id.n == 1 => Work::Lost(task_orchestrator::engine::snapshot::Conclusion::Failure),
        _ => Work::NoChange("fine".to_owned()),
    });
    for issue in 1..=9 {
        story.issue(issue, "Some", &format!("Files: {issue}.txt"));
    }
    story.tick();
    assert_eq!(story.forge.queued_runs().len(), 2);
    story.run();
    assert!(story.held.plan.tasks.values().all(|task| task.verdict == Some(Verdict::NoChange)));
}

pub(crate) fn a_native_blocker_added_and_taken_away_later_counts() {
    let mut story = Story::with(FILES, |settings| settings.approval = ApprovalPolicy::Ask);
    story.issue(1, "One", "Files: a.txt").issue(2, "Two", "Files: b.txt").tick();
    let blocked = |blocked: bool| PersonAct::BlockedBy { number: IssueNumber(2), by: IssueNumber(1), blocked };
    story.person("owner", blocked(true)).say("owner", "/orchestrate approve").expect(2, Status::Blocked);
    story.person("owner", blocked(false)).minutes(1).expect(2, Status::Running);
}

stories! {
    a_failure_keeps_the_gate_shut_until_a_person_acts,
    on_fail_continue_lets_the_gate_open_and_names_who_stays_behind,
    nothing_of_a_later_phase_starts_before_its_gate,
    nothing_starts_before_the_workflow_is_there_or_while_it_is_gone,
    a_green_gate_does_not_wait_for_the_merge,
    who_is_approved_late_joins_the_open_phase_first,
    no_gate_opens_while_it_is_unheard_whom_a_label_approves,
    an_edit_of_a_running_task_does_not_open_its_gate,
    a_retry_of_a_task_put_into_a_later_phase_waits_for_no_gate,
    a_phase_that_goes_opens_no_later_one,
    a_phase_that_comes_before_the_open_one_takes_nothing_back,
    a_phase_of_which_nothing_was_approved_is_no_phase_that_began,
    the_next_run_is_asked_for_before_the_last_ones_work_is_shown,
    slots_are_never_overbooked,
    a_native_blocker_added_and_taken_away_later_counts,
}
