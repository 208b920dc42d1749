//! What people say and tick at odd moments: before an issue has joined, late, between our reading and our writing.

use task_orchestrator::engine::config::ApprovalPolicy;
use task_orchestrator::engine::event::{Event, Fact, Hint};
use task_orchestrator::engine::id::{CommentId, IssueNumber};
use task_orchestrator::engine::snapshot::{Comment, Permission};
use task_orchestrator::engine::waits::Status;
use task_orchestrator::forge::memory::fault::{Fault, Target};
use task_orchestrator::forge::world::request::PersonAct;
use task_orchestrator::github::{Error, Request};

use crate::support::{Crash, Story};

const FILES: &[(&str, &str)] = &[("a.txt", "a\n"), ("b.txt", "b\n")];

fn asking() -> Story {
    Story::with(FILES, |settings| {
        settings.approval = ApprovalPolicy::Ask;
        settings.auto_merge = false;
    })
}

fn paused(story: &Story) -> bool {
    story.held.plan.header.paused.is_some()
}

fn comment(story: &Story, id: CommentId) -> Comment {
    story.forge.world().comments().find(|entry| entry.comment.id == id).expect("it stands").comment.clone()
}

fn edits_body(request: &Request) -> bool {
    matches!(request, Request::RewriteIssue { .. })
}

pub(crate) fn a_comment_that_appears_after_a_newer_one_is_obeyed_once() {
    let mut story = asking();
    story.issue(1, "One", "Files: a.txt").tick();
    let tracking = story.tracking_number();
    story.wait(std::time::Duration::from_secs(10));
    story.forge.comment("owner", tracking, "/orchestrate pause").expect("comments");
    story.wait(std::time::Duration::from_secs(10));
    let newer = story.forge.comment("owner", tracking, "/orchestrate status").expect("comments");
    let seen = comment(&story, newer);
    story.turn(vec![Event::Fact(Box::new(Fact::Comments(vec![seen])))]);
    assert!(!paused(&story));
    story.tick();
    assert!(paused(&story), "the older comment appeared and was passed over");
    story.say("owner", "/orchestrate resume").minutes(8);
    assert!(!paused(&story), "the older comment was obeyed twice");
    assert_eq!(story.comments(tracking).iter().filter(|text| text.contains("Files: a.txt")).count(), 0);
}

pub(crate) fn a_command_heard_before_its_issue_has_joined_counts() {
    for comment_first in [true, false] {
        let mut story = asking();
        story.issue(1, "One", "Files: a.txt");
        let said = story.forge.comment("owner", 1, "/orchestrate approve #1").expect("comments");
        let mut heard = vec![Event::Hint(Hint::Comment(said)), Event::Hint(Hint::Issue(IssueNumber(1)))];
        if !comment_first {
            heard.reverse();
        }
        story.turn(heard);
        story.tick().expect(1, Status::Running);
        assert_eq!(story.held.plan.header.unplaced, []);
    }
}

pub(crate) fn a_command_on_a_tracking_issue_that_we_have_not_heard_of_yet_counts() {
    let mut story = asking();
    story.tick().issue(1, "One", "Files: a.txt");
    let created = Target::Call(|request| matches!(request, Request::CreateIssue { .. }));
    story.forge.plan_fault(created, Fault::AnswerLost);
    let lists = |request: &Request| matches!(request, Request::IssuesLabelled { label, .. } if label != "orchestrate");
    for _ in 0..2 {
        story.forge.plan_fault(Target::Call(lists), Fault::Instead(Error::Unreachable { message: "cut".to_owned() }));
    }
    story.tick();
    assert!(story.held.plan.header.tracking.is_none());
    let number = story.forge.world().issues().map(|entry| entry.issue.number).max().expect("it was made");
    let said = story.forge.comment("owner", number.0, "/orchestrate pause").expect("comments");
    story.turn(vec![Event::Hint(Hint::Comment(said))]);
    story.minutes(3);
    assert_eq!(story.tracking_number(), number.0);
    assert!(paused(&story));
}

pub(crate) fn what_is_said_on_issues_of_others_is_dropped_without_a_word() {
    let mut story = asking();
    story.issue(1, "One", "Files: a.txt").tick();
    story.forge.open_issue(7, "Seven", "nothing of ours", &[]).expect("an issue");
    story.tick();
    story.forge.permit("reader", Permission::Read).expect("permits");
    story.say_on("owner", 7, "/orchestrate pause").say_on("reader", 7, "/orchestrate pause");
    assert!(!paused(&story) && story.held.plan.header.unplaced.is_empty());
    assert_eq!(story.comments(7), Vec::<String>::new());
    let writes = story.minutes(2).writes();
    story.minutes(3);
    assert_eq!(story.writes(), writes);
    // Labelled later, the issue joins without what was said before.
    let label = "orchestrate".to_owned();
    story.person("owner", PersonAct::Label { number: IssueNumber(7), label }).minutes(2);
    assert!(!paused(&story));
}

/// Another issue joins, and the tracking issue is written anew; nothing else is heard or looked at meanwhile.
fn joins(story: &mut Story) {
    story.issue(12, "Twelve", "Files: b.txt");
    story.turn(vec![Event::Hint(Hint::Issue(IssueNumber(12)))]);
    for _ in 0..3 {
        story.wait(std::time::Duration::from_secs(60)).turn(Vec::new());
    }
}

pub(crate) fn a_tick_between_our_reading_and_our_writing_is_not_lost() {
    let mut story = asking();
    story.issue(1, "One", "Files: a.txt").tick().minutes(1);
    let tracking = story.tracking_number();
    story.desk.meanwhile(Crash::Before, edits_body, move |forge| {
        forge.tick_line("owner", tracking, "Approve #1").expect("ticks");
    });
    joins(&mut story);
    assert!(!story.tracking().contains("[x] <!--"), "{}", story.tracking());
    // The history of edits is read at the heartbeat after a writing.
    story.minutes(1).expect(1, Status::Running).expect(12, Status::Blocked);
    assert_eq!(story.task(1).approval.as_ref().expect("approved").by.as_str(), "owner");
}

/// A task whose pull request somebody closed: its box offers a retry.
fn closed() -> (Story, u64) {
    let mut story = asking();
    story.forge.permit("triager", Permission::Triage).expect("permits");
    story.issue(1, "One", "Files: a.txt").tick().say("owner", "/orchestrate approve").run();
    let number = IssueNumber(story.pull(1));
    story.person("owner", PersonAct::Close { number }).minutes(2);
    let tracking = story.tracking_number();
    assert!(story.tracking().contains("Retry #1"), "{}", story.tracking());
    (story, tracking)
}

pub(crate) fn a_tick_that_was_written_over_needs_the_right_and_counts_once() {
    for (login, granted) in [("owner", 1), ("triager", 0)] {
        let (mut story, tracking) = closed();
        story.desk.meanwhile(Crash::Before, edits_body, move |forge| {
            forge.tick_line(login, tracking, "Retry #1").expect("ticks");
        });
        joins(&mut story);
        story.minutes(8);
        assert_eq!(story.task(1).counters.granted, granted, "{login}");
        assert_eq!(story.comments(tracking), Vec::<String>::new(), "{login}: obeyed twice");
    }
}

pub(crate) fn a_tick_that_was_read_before_is_not_obeyed_again_after_our_writing() {
    let (mut story, tracking) = closed();
    story.forge.tick_line("owner", tracking, "Retry #1").expect("ticks");
    story.turn(vec![Event::Hint(Hint::Issue(IssueNumber(tracking)))]);
    assert_eq!(story.task(1).counters.granted, 1);
    story.minutes(8);
    assert_eq!((story.task(1).counters.granted, story.comments(tracking)), (1, Vec::new()));
}

stories! {
    a_comment_that_appears_after_a_newer_one_is_obeyed_once,
    a_command_heard_before_its_issue_has_joined_counts,
    a_command_on_a_tracking_issue_that_we_have_not_heard_of_yet_counts,
    what_is_said_on_issues_of_others_is_dropped_without_a_word,
    a_tick_between_our_reading_and_our_writing_is_not_lost,
    a_tick_that_was_written_over_needs_the_right_and_counts_once,
    a_tick_that_was_read_before_is_not_obeyed_again_after_our_writing,
}
