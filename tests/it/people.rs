//! What people do: approving, commanding, ticking, closing, pushing.

use task_orchestrator::engine::config::ApprovalPolicy;
use task_orchestrator::engine::snapshot::{Conclusion, Permission};
use task_orchestrator::engine::task::{Hold, Verdict};
use task_orchestrator::engine::waits::Status;
use task_orchestrator::forge::memory::fault::{Fault, Target};
use task_orchestrator::forge::memory::{edit::Edit, worker::Work};
use task_orchestrator::forge::world::request::PersonAct;
use task_orchestrator::github::{Error, Request};

use crate::support::{Story, touch_declared};

const FILES: &[(&str, &str)] = &[("a.txt", "a\n"), ("b.txt", "b\n"), ("c.txt", "c\n")];

fn asking() -> Story {
    Story::with(FILES, |settings| {
        settings.approval = ApprovalPolicy::Ask;
        settings.auto_merge = false;
    })
}

pub(crate) fn nothing_is_dispatched_before_a_writer_approves() {
    let mut story = asking();
    story.issue(1, "One", "Files: a.txt");
    story.forge.permit("reader", Permission::Read).expect("permits");
    story.forge.permit("writer", Permission::Write).expect("permits");
    story.tick().expect(1, Status::Blocked);
    let tracking = story.tracking_number();
    story.forge.comment("reader", tracking, "/orchestrate approve").expect("comments");
    story.tick().expect(1, Status::Blocked);
    assert_eq!(story.forge.queued_runs().len(), 0);
    story.forge.comment("writer", tracking, "please\n\n/orchestrate approve #1").expect("comments");
    story.tick().expect(1, Status::Running);
    assert_eq!(story.task(1).approval.as_ref().expect("approved").by.as_str(), "writer");
}

pub(crate) fn an_edit_after_approval_needs_approval_again() {
    let mut story = asking();
    story.issue(1, "One", "Files: a.txt").issue(2, "Two", "Files: a.txt");
    story.tick();
    let tracking = story.tracking_number();
    story.forge.comment("owner", tracking, "/orchestrate approve").expect("comments");
    story.tick().expect(1, Status::Running);
    story.wait(std::time::Duration::from_secs(60));
    let edit =
        PersonAct::Edit { number: story.task(2).issue(), title: None, body: Some("Files: b.txt, evil".to_owned()) };
    story.forge.person("owner", edit).expect("edits");
    story.run();
    story.expect(2, Status::Blocked);
    assert!(story.tracking().contains("its text changed"), "{}", story.tracking());
}

pub(crate) fn a_box_ticked_by_the_owner_approves_and_one_ticked_by_a_reader_does_not() {
    let mut story = asking();
    story.issue(1, "One", "Files: a.txt").issue(2, "Two", "Files: b.txt");
    story.forge.permit("triager", Permission::Triage).expect("permits");
    story.tick().tick();
    let tracking = story.tracking_number();
    story.wait(std::time::Duration::from_secs(60));
    story.forge.tick_line("triager", tracking, "Approve #1").expect("ticks");
    story.tick().expect(1, Status::Blocked);
    story.wait(std::time::Duration::from_secs(60)).tick();
    assert!(!story.tracking().contains("[x]"), "{}", story.tracking());
    story.wait(std::time::Duration::from_secs(60));
    story.forge.tick_line("owner", tracking, "Approve #2").expect("ticks");
    story.tick().expect(1, Status::Blocked).expect(2, Status::Running);
}

pub(crate) fn a_closed_pull_request_blocks_until_a_person_decides() {
    let mut story = asking();
    story.issue(1, "One", "Files: a.txt").issue(2, "Two", "Files: a.txt");
    story.tick();
    let tracking = story.tracking_number();
    story.forge.comment("owner", tracking, "/orchestrate approve").expect("comments");
    story.run();
    story.expect(1, Status::PrOpen).expect(2, Status::Blocked);
    let pull = story.task(1).pull.as_ref().expect("a pull request").number;
    story
        .forge
        .person("owner", PersonAct::Close { number: task_orchestrator::engine::id::IssueNumber(pull.0) })
        .expect("closes");
    story.run();
    story.expect(1, Status::Blocked).expect(2, Status::PrOpen);
    assert!(matches!(&story.task(1).hold, Some(Hold::PullClosed { by: Some(by), .. }) if by.as_str() == "owner"));
    story.forge.comment("owner", tracking, "/orchestrate cancel #1").expect("comments");
    story.run();
    assert_eq!(story.task(1).verdict, Some(Verdict::Cancelled));
    story.forge.comment("owner", tracking, "/orchestrate merge #2").expect("comments");
    story.run();
    story.expect(2, Status::Merged);
}

pub(crate) fn red_checks_give_the_agent_the_log_and_the_same_pull_request_goes_on() {
    let mut story = Story::with(FILES, |settings| {
        settings.checks_grace = task_orchestrator::engine::time::Span::minutes(5);
    });
    story.script(|brief| {
        if brief.key.id.n > 1 {
            assert!(brief.previous_errors[0].contains("line 3 is wrong"), "{:?}", brief.previous_errors);
        }
        touch_declared(brief)
    });
    story.issue(1, "One", "Files: a.txt").tick();
    story.work();
    story.tick().expect(1, Status::PrOpen);
    let head = story.task(1).pull.as_ref().expect("open").head.clone();
    story.forge.check(&head, "test", Some(Conclusion::Failure), "line 3 is wrong").expect("reports");
    story.tick();
    story.wait(std::time::Duration::from_secs(60)).tick();
    story.work();
    story.tick().expect(1, Status::PrOpen);
    let pull = story.task(1).pull.clone().expect("open");
    assert_ne!(pull.head, head);
    story.forge.check(&pull.head, "test", Some(Conclusion::Success), "fine").expect("reports");
    story.run();
    story.expect(1, Status::Merged);
    assert_eq!(story.task(1).attempts.len(), 2);
    assert_eq!(story.forge.world().pulls().count(), 1);
}

pub(crate) fn a_person_who_pushes_takes_the_branch_over() {
    let mut story = asking();
    story.issue(1, "One", "Files: a.txt").tick();
    let tracking = story.tracking_number();
    story.forge.comment("owner", tracking, "/orchestrate approve").expect("comments");
    story.run();
    story.expect(1, Status::PrOpen);
    story.forge.push("owner", "orchestrate/issue-1", &[Edit::append("b.txt", "mine\n")]).expect("pushes");
    story.run();
    assert!(matches!(story.task(1).hold, Some(Hold::Theirs { .. })), "{:?}", story.task(1).hold);
    story.forge.comment("owner", tracking, "/orchestrate merge #1").expect("comments");
    story.run();
    story.expect(1, Status::Merged);
    assert!(story.forge.file("main", "b.txt").expect("there").contains("mine"));
}

pub(crate) fn a_question_waits_for_an_answer_and_an_unlabelled_issue_leaves() {
    let mut story = Story::new(FILES);
    story.script(|brief| match brief.issue.0 {
        1 if brief.key.id.n == 1 => Work::NeedsDecision("red or blue?".to_owned()),
        _ => touch_declared(brief),
    });
    story.issue(1, "One", "Files: a.txt").issue(2, "Two", "Files: b.txt\n\nDepends on: #1");
    story.run();
    story.expect(1, Status::Blocked).expect(2, Status::Blocked);
    assert!(story.tracking().contains("red or blue?"));
    let tracking = story.tracking_number();
    story.forge.comment("owner", tracking, "/orchestrate retry #1").expect("comments");
    story.run();
    story.expect(1, Status::Merged).expect(2, Status::Merged);
    assert!(story.tracking().contains("This plan has ended."), "{}", story.tracking());
}

pub(crate) fn every_command_of_a_comment_is_answered_and_code_stays_code() {
    let mut story = asking();
    story.issue(1, "One", "Files: a.txt").tick();
    let tracking = story.tracking_number();
    let commands = "/orchestrate status\n/orchestrate help\n/orchestrate merge #1\n/orchestrate retri #1";
    story.forge.comment("owner", tracking, commands).expect("comments");
    story.tick().tick();
    let world = story.forge.world();
    let answers: Vec<&str> = world
        .comments()
        .map(|comment| comment.comment.body.as_str())
        .filter(|body| body.contains(":answer:"))
        .collect();
    let [answer] = answers.as_slice() else { panic!("one answer to one comment: {answers:#?}") };
    let said = ["0 of 1 done.", "| `/orchestrate help` |", "Not done: ", "did you mean `/orchestrate retry`?\n"];
    let places: Vec<Option<usize>> = said.iter().map(|part| answer.find(part)).collect();
    assert!(places.is_sorted() && places.iter().all(Option::is_some), "{places:?} in {answer}");
}

pub(crate) fn a_path_that_is_only_mentioned_is_not_handed_over_as_the_tasks() {
    let mut story = Story::new(FILES);
    story.script(|brief| {
        assert_eq!(brief.files, if brief.issue.0 == 1 { vec!["a.txt"] } else { vec!["c.txt"] });
        let also = "Mentioned in the issue, but not declared: b.txt";
        assert_eq!(brief.prompt.task.contains(also), brief.issue.0 == 1, "{}", brief.prompt.task);
        touch_declared(brief)
    });
    story.issue(1, "One", "See b.txt.\n\nFiles: a.txt").issue(2, "Two", "Mend c.txt.").run();
    story.expect(1, Status::Merged).expect(2, Status::Merged);
}

pub(crate) fn a_merge_that_the_bot_may_not_do_is_tried_once_each_time_a_person_asks() {
    let merge = Target::Call(|request| matches!(request, Request::MergePullRequest { .. }));
    let mut story = Story::with(FILES, |settings| settings.auto_merge = false);
    for _ in 0..2 {
        story.forge.plan_fault(merge, Fault::Instead(Error::Denied { message: "not accessible".to_owned() }));
    }
    story.issue(1, "One", "Files: a.txt").run().expect(1, Status::PrOpen);
    for asked in 1..=2 {
        story.say("owner", "/orchestrate merge #1").minutes(5).expect(1, Status::Blocked);
        let hold = &story.task(1).hold;
        assert!(matches!(hold, Some(Hold::PublishRefused { message }) if message.contains("not accessible")));
        assert_eq!(story.desk.failed(), asked);
    }
    story.say("owner", "/orchestrate merge #1").expect(1, Status::Merged);
}

stories! {
    a_merge_that_the_bot_may_not_do_is_tried_once_each_time_a_person_asks,
    nothing_is_dispatched_before_a_writer_approves,
    an_edit_after_approval_needs_approval_again,
    a_box_ticked_by_the_owner_approves_and_one_ticked_by_a_reader_does_not,
    a_closed_pull_request_blocks_until_a_person_decides,
    red_checks_give_the_agent_the_log_and_the_same_pull_request_goes_on,
    a_person_who_pushes_takes_the_branch_over,
    a_question_waits_for_an_answer_and_an_unlabelled_issue_leaves,
    every_command_of_a_comment_is_answered_and_code_stays_code,
    a_path_that_is_only_mentioned_is_not_handed_over_as_the_tasks,
}
