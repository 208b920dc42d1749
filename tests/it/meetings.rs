//! Files that turn out to meet once work is real: who was dispatched first goes on, and nobody waits in a circle.

use task_orchestrator::engine::config::ApprovalPolicy;
use task_orchestrator::engine::event::{Event, Fact, FootprintSeen};
use task_orchestrator::engine::id::IssueNumber;
use task_orchestrator::engine::rest::{Rest, rest};
use task_orchestrator::engine::snapshot::Conclusion;
use task_orchestrator::engine::task::Stage;
use task_orchestrator::engine::time::{Span, Timestamp};
use task_orchestrator::engine::waits::Status;
use task_orchestrator::forge::memory::{edit::Edit, worker::Work};
use task_orchestrator::forge::world::request::PersonAct;

use crate::support::Story;

const FILES: &[(&str, &str)] = &[("a.txt", "a\n"), ("b.txt", "b\n")];

fn appended(path: &str) -> Work {
    Work::Changed(vec![Edit::append(path, "x\n")])
}

/// The second task declares nothing and really touches the file that the first one, still running, declared.
pub(crate) fn finished_work_waits_for_a_running_task_that_was_dispatched_first() {
    let mut story = Story::with(FILES, |settings| settings.auto_merge = false);
    story.issue(1, "One", "Files: a.txt").issue(2, "Two", "See `b.txt`").tick();
    let [first, second] = story.forge.queued_runs()[..] else { panic!("two runs") };
    assert!(story.forge.claim(first).expect("claims") && story.forge.claim(second).expect("claims"));
    story.forge.finish_run(second, appended("a.txt")).expect("ends");
    story.tick().expect(1, Status::Running).expect(2, Status::Complete);
    assert!(story.task(2).pull.is_none(), "its pull request waits");
    story.forge.finish_run(first, appended("a.txt")).expect("ends");
    story.tick().expect(1, Status::PrOpen).expect(2, Status::Complete);
    let resting = rest(&story.held.plan, story.now);
    assert!(matches!(&resting, Rest::NeedsPerson(wanted) if wanted.len() == 1 && wanted[0].0.0 == 1), "{resting:?}");
}

/// The clock is set back between two dispatches: who was dispatched first goes first all the same.
pub(crate) fn who_was_dispatched_first_goes_first_whatever_the_clock_says() {
    let mut story = Story::with(FILES, |settings| settings.auto_merge = false);
    story.issue(2, "Two", "Files: a.txt").tick();
    let second = story.claim();
    story.now = Timestamp(story.now.0 - 600_000);
    story.issue(1, "One", "See `b.txt`").tick();
    let first = story.claim();
    assert!(story.task(1).locked_since > story.task(2).locked_since, "locks are in order");
    story.forge.finish_run(first, appended("a.txt")).expect("ends");
    story.tick().expect(1, Status::Complete).expect(2, Status::Running);
    assert!(story.task(1).pull.is_none(), "its pull request waits");
    story.forge.finish_run(second, appended("a.txt")).expect("ends");
    story.tick().expect(2, Status::PrOpen).expect(1, Status::Complete);
}

/// A run works on the text it was given: what an edit takes out of the text stays locked while it does.
pub(crate) fn an_edited_text_gives_no_file_back_that_a_run_works_on() {
    for approval in [ApprovalPolicy::Ask, ApprovalPolicy::Label] {
        let mut story = Story::with(FILES, |settings| settings.approval = approval);
        story.issue(1, "One", "Files: a.txt").tick();
        story.say("owner", "/orchestrate approve").tick();
        let run = story.claim();
        story.minutes(1);
        let edit = PersonAct::Edit { number: IssueNumber(1), title: None, body: Some("Files: b.txt".to_owned()) };
        story.person("owner", edit).tick();
        story.issue(5, "Two", "Files: a.txt").tick();
        story.minutes(1);
        story.say("owner", "/orchestrate approve").tick();
        story.expect(1, Status::Running).expect(5, Status::Blocked);
        assert!(story.task(5).is_approved() && story.task(5).attempts.is_empty());
        story.forge.finish_run(run, appended("a.txt")).expect("ends");
        story.tick();
        assert!(story.task(5).attempts.is_empty(), "{:?}", story.task(1).stage);
    }
}

/// The first task's checks fail while the second's finished work waits for it: the retry goes on under the lock it
/// holds.
pub(crate) fn a_retry_does_not_wait_for_who_waits_for_it() {
    let mut story = Story::with(FILES, |settings| settings.checks_grace = Span::minutes(30));
    story.issue(1, "One", "Files: a.txt").issue(2, "Two", "See `b.txt`").tick();
    let [first, second] = story.forge.queued_runs()[..] else { panic!("two runs") };
    for run in [first, second] {
        assert!(story.forge.claim(run).expect("claims"));
        story.forge.finish_run(run, appended("a.txt")).expect("ends");
    }
    story.tick().expect(1, Status::PrOpen).expect(2, Status::Complete);
    let head = story.task(1).pull.as_ref().expect("open").head.clone();
    story.forge.check(&head, "test", Some(Conclusion::Failure), "it is wrong").expect("reports");
    story.tick();
    assert_eq!(story.task(1).stage, Stage::Error);
    story.minutes(2).expect(1, Status::Running);
    story.expect(2, Status::Complete);
}

/// A dependency is written into a task that has begun, on one that waits for its file: a lock stays with its task, so
/// that a person is told what to part.
pub(crate) fn who_waits_for_whom_it_keeps_waiting_asks_for_a_person() {
    let mut story = Story::with(FILES, |_| {});
    story.issue(1, "One", "Files: a.txt").tick();
    let run = story.claim();
    story.issue(7, "Two", "Files: b.txt\nDepends on: #8").issue(8, "Three", "Files: a.txt").tick();
    story.expect(1, Status::Running).expect(8, Status::Blocked);
    let body = Some("Files: a.txt\nDepends on: #7".to_owned());
    story.person("owner", PersonAct::Edit { number: IssueNumber(1), title: None, body }).tick();
    story.forge.finish_run(run, Work::Failed("it did not go".to_owned())).expect("ends");
    story.tick().minutes(30);
    let tracking = story.tracking();
    assert!(tracking.contains("- #1: waits for #7, which waits for `a.txt` that this task holds"), "{tracking}");
    let body = Some("Files: a.txt".to_owned());
    story.person("owner", PersonAct::Edit { number: IssueNumber(1), title: None, body }).run();
    story.expect(1, Status::Merged).expect(7, Status::Merged).expect(8, Status::Merged);
}

/// A text is replaced while its files are looked up: what was found is not the new text's.
pub(crate) fn files_looked_up_for_an_older_text_count_for_nothing() {
    let mut story = Story::with(FILES, |settings| settings.approval = ApprovalPolicy::Ask);
    story.issue(1, "One", "Files: a.txt").tick();
    let task = story.task(1);
    let (digest, footprint) = (task.digest.clone(), task.footprint.clone());
    story.minutes(1);
    let body = Some("Files: b.txt".to_owned());
    story.person("owner", PersonAct::Edit { number: IssueNumber(1), title: None, body }).tick();
    let newer = story.task(1).footprint.clone();
    assert_ne!(newer, footprint);
    let found = vec![FootprintSeen { issue: IssueNumber(1), digest, footprint }];
    story.turn(vec![Event::Fact(Box::new(Fact::Footprints(found)))]);
    assert_eq!(story.task(1).footprint, newer);
}

/// Whoever may edit the tracking issue can write a box into it; ticking that does nothing.
pub(crate) fn a_box_that_we_do_not_offer_stands_for_nothing() {
    let mut story = Story::with(FILES, |settings| {
        settings.approval = task_orchestrator::engine::config::ApprovalPolicy::Ask;
    });
    story.issue(1, "One", "Files: a.txt").tick();
    story.tick();
    for planted in ["cancel", "approve #1", "approve #1 @", "approve #1 @0"] {
        let body = story.tracking();
        let end = "<!-- orchestrate:end -->";
        let forged = body.replace(end, &format!("- [x] <!-- orchestrate: {planted} --> Approve\n{end}"));
        let number = task_orchestrator::engine::id::IssueNumber(story.tracking_number());
        story.minutes(1);
        story.person("owner", PersonAct::Edit { number, title: None, body: Some(forged) }).tick();
        story.minutes(1);
        story.expect(1, Status::Blocked);
        assert!(story.task(1).approval.is_none() && !story.task(1).cancel_asked, "{planted}");
    }
}

/// The approval is read before the edit that came just before it is heard of: the text is read again first.
pub(crate) fn a_text_edited_unheard_is_not_approved_by_a_later_word() {
    let mut story = Story::with(FILES, |settings| {
        settings.approval = task_orchestrator::engine::config::ApprovalPolicy::Ask;
    });
    story.issue(1, "One", "Files: a.txt").tick();
    story.minutes(1);
    let edit = PersonAct::Edit { number: story.task(1).issue(), title: None, body: Some("Files: b.txt".to_owned()) };
    story.forge.person("owner", edit).expect("edits");
    story.minutes(0);
    let tracking = story.tracking_number();
    let comment = story.forge.comment("owner", tracking, "/orchestrate approve #1").expect("comments");
    let heard = task_orchestrator::engine::event::Hint::Comment(comment);
    story.turn(vec![task_orchestrator::engine::event::Event::Hint(heard)]);
    assert_eq!(story.task(1).body, "Files: b.txt", "the text was read again");
    assert!(story.task(1).approval.is_none(), "of two acts in one second nobody knows which came first");
    story.minutes(1).say("owner", "/orchestrate approve #1").tick();
    let approved = story.task(1).approval.as_ref().map(|approval| approval.body.as_str());
    assert_eq!(approved, Some("Files: b.txt"));
}

stories! {
    finished_work_waits_for_a_running_task_that_was_dispatched_first,
    who_was_dispatched_first_goes_first_whatever_the_clock_says,
    an_edited_text_gives_no_file_back_that_a_run_works_on,
    a_retry_does_not_wait_for_who_waits_for_it,
    who_waits_for_whom_it_keeps_waiting_asks_for_a_person,
    files_looked_up_for_an_older_text_count_for_nothing,
    a_box_that_we_do_not_offer_stands_for_nothing,
    a_text_edited_unheard_is_not_approved_by_a_later_word,
}
