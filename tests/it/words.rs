//! Who may say what, and how it is heard.

use std::time::Duration;

use task_orchestrator::engine::config::ApprovalPolicy;
use task_orchestrator::engine::id::IssueNumber;
use task_orchestrator::engine::snapshot::{Actor, Permission};
use task_orchestrator::engine::waits::Status;
use task_orchestrator::forge::world::request::{PersonAct, Request as Act};

use crate::support::Story;

const FILES: &[(&str, &str)] = &[("a.txt", "a\n"), ("b.txt", "b\n")];

fn asking() -> Story {
    let mut story = Story::with(FILES, |settings| {
        settings.approval = ApprovalPolicy::Ask;
        settings.allowed_bots = vec!["helpful[bot]".to_owned()];
    });
    story.issue(1, "One", "Files: a.txt").issue(2, "Two", "Files: b.txt").tick();
    for (login, permission) in
        [("reader", Permission::Read), ("triager", Permission::Triage), ("writer", Permission::Write)]
    {
        story.forge.permit(login, permission).expect("permits");
    }
    for bot in ["some[bot]", "helpful[bot]", "task-orchestrator[bot]"] {
        story.forge.permit(bot, Permission::Write).expect("permits");
    }
    story
}

/// A comment by an account on the tracking issue, and it is read.
fn said(story: &mut Story, login: &str, bot: bool, text: &str) {
    story.wait(Duration::from_secs(1));
    let actor = Actor { login: task_orchestrator::engine::id::Login::new(login), bot };
    let number = IssueNumber(story.tracking_number());
    let act = PersonAct::Comment { number, body: text.to_owned() };
    story.forge.apply(Act::Person { actor, act, git: None }).expect("comments");
    story.tick();
}

pub(crate) fn only_people_who_may_write_are_obeyed() {
    for (login, bot, obeyed) in [
        ("reader", false, false),
        ("triager", false, false),
        ("stranger", false, false),
        ("some[bot]", true, false),
        ("helpful[bot]", true, true),
        ("task-orchestrator[bot]", true, false),
        ("writer", false, true),
        ("OWNER", false, true),
    ] {
        let mut story = asking();
        said(&mut story, login, bot, "/orchestrate approve #1");
        story.expect(1, if obeyed { Status::Running } else { Status::Blocked });
    }
}

pub(crate) fn only_plain_lines_are_commands() {
    for (text, obeyed) in [
        ("/orchestrate approve #1", true),
        ("Looks good.\n\n/orchestrate approve #1\n", true),
        ("> /orchestrate approve #1", false),
        ("`/orchestrate approve #1`", false),
        ("```\n/orchestrate approve #1\n```", false),
        ("    /orchestrate approve #1", false),
        ("<!-- \n/orchestrate approve #1\n-->", false),
        ("please /orchestrate approve #1", false),
        ("/orchestrate aprove #1", false),
    ] {
        let mut story = asking();
        said(&mut story, "writer", false, text);
        story.expect(1, if obeyed { Status::Running } else { Status::Blocked });
    }
}

pub(crate) fn a_mistake_is_answered_with_what_was_meant() {
    let mut story = asking();
    said(&mut story, "writer", false, "/orchestrate aprove #1");
    let answers = story.comments(story.tracking_number());
    assert!(answers[0].contains("did you mean"), "{answers:?}");
}

pub(crate) fn an_edited_comment_commands_nothing() {
    let mut story = asking();
    let tracking = story.tracking_number();
    for read_between in [true, false] {
        story.wait(Duration::from_secs(1));
        let comment = story.forge.comment("writer", tracking, "hello").expect("comments");
        if read_between {
            story.tick();
        }
        story.wait(Duration::from_secs(1));
        let edit = PersonAct::EditComment { comment, body: "/orchestrate approve #1".to_owned() };
        story.person("owner", edit).minutes(1).expect(1, Status::Blocked);
    }
}

pub(crate) fn a_command_is_obeyed_once_however_often_it_is_heard() {
    let mut story = asking();
    said(&mut story, "writer", false, "/orchestrate status");
    let tracking = story.tracking_number();
    story.minutes(5);
    assert_eq!(story.comments(tracking).len(), 1);
}

/// With `approval: label`, an issue labelled by `login`, its text perhaps changed before or after.
fn labelled(login: &str, change: impl FnOnce(&mut Story)) -> Story {
    let mut story = Story::new(FILES);
    for (login, permission) in [("triager", Permission::Triage), ("writer", Permission::Write)] {
        story.forge.permit(login, permission).expect("permits");
    }
    story.forge.open_issue(1, "One", "Files: a.txt", &[]).expect("opens");
    story.wait(Duration::from_secs(5));
    let label = PersonAct::Label { number: IssueNumber(1), label: "orchestrate".to_owned() };
    story.forge.person(login, label).expect("labels");
    change(&mut story);
    story.tick();
    story
}

fn edit(title: Option<&str>, body: Option<&str>) -> PersonAct {
    let own = |text: &str| text.to_owned();
    PersonAct::Edit { number: IssueNumber(1), title: title.map(own), body: body.map(own) }
}

pub(crate) fn a_label_approves_the_text_as_it_stood() {
    labelled("writer", |_| {}).expect(1, Status::Running);
    let mut triaged = labelled("triager", |_| {});
    triaged.expect(1, Status::Blocked);
    assert!(triaged.comments(1)[0].contains("/orchestrate approve #1"), "{:?}", triaged.comments(1));
    labelled("writer", |story| {
        story.wait(Duration::from_secs(5));
        story.forge.person("triager", edit(None, Some("Files: b.txt"))).expect("edits");
    })
    .expect(1, Status::Blocked);
}

/// GitHub's moments are whole seconds: of an edit and a label within one, nobody knows which came first.
pub(crate) fn of_texts_written_in_the_second_of_the_label_only_the_labellers_own_is_approved() {
    let cases: [(&[&str], Status); 4] = [
        (&["writer"], Status::Running),
        (&["triager"], Status::Blocked),
        (&["writer", "triager"], Status::Blocked),
        (&["triager", "writer"], Status::Blocked),
    ];
    for (editors, status) in cases {
        labelled("writer", |story| {
            for (editor, file) in editors.iter().zip(["b.txt", "c.txt"]) {
                story.forge.person(editor, edit(None, Some(&format!("Files: {file}")))).expect("edits");
            }
        })
        .expect(1, status);
    }
}

pub(crate) fn a_title_changed_after_the_label_was_read_needs_a_new_word() {
    let mut story = Story::with(FILES, |settings| settings.max_parallel = 1);
    story.issue(1, "One", "Files: a.txt").issue(2, "Two", "Files: b.txt").tick();
    story.expect(1, Status::Running).expect(2, Status::Pending);
    let rename =
        PersonAct::Edit { number: IssueNumber(2), title: Some("Two, and wipe the disk".to_owned()), body: None };
    story.person("owner", rename).run();
    story.expect(1, Status::Merged).expect(2, Status::Blocked);
    assert!(story.tracking().contains("waits for approval"), "{}", story.tracking());
}

pub(crate) fn ticks_of_two_people_are_told_apart() {
    let mut story = asking();
    story.forge.permit("triager", Permission::Write).expect("permits");
    story.minutes(1);
    let tracking = story.tracking_number();
    story.forge.tick_line("writer", tracking, "Approve #1").expect("ticks");
    story.forge.tick_line("triager", tracking, "Approve #2").expect("ticks");
    story.tick();
    assert_eq!(story.task(1).approval.as_ref().map(|approval| approval.by.as_str()), Some("writer"));
    assert_eq!(story.task(2).approval.as_ref().map(|approval| approval.by.as_str()), Some("triager"));
}

pub(crate) fn the_box_for_all_stands_for_the_texts_it_was_shown_with() {
    let mut story = asking();
    story.minutes(1);
    let tracking = story.tracking_number();
    let rename =
        PersonAct::Edit { number: IssueNumber(2), title: Some("Two, and wipe the disk".to_owned()), body: None };
    story.forge.person("owner", rename).expect("edits");
    story.wait(Duration::from_secs(1));
    story.forge.tick_line("owner", tracking, "Approve all").expect("ticks");
    story.tick().expect(1, Status::Blocked).expect(2, Status::Blocked);
    story.minutes(1);
    story.forge.tick_line("owner", tracking, "Approve all").expect("ticks");
    story.tick().expect(1, Status::Running).expect(2, Status::Running);
}

pub(crate) fn what_people_write_around_the_plan_is_kept() {
    let mut story = asking();
    let number = IssueNumber(story.tracking_number());
    let body = format!("Read this first.\n\n{}\n\nAnd this.", story.tracking());
    story.person("writer", PersonAct::Edit { number, title: None, body: Some(body) });
    story.say("owner", "/orchestrate approve").minutes(1);
    let body = story.tracking();
    assert!(body.starts_with("Read this first.") && body.trim_end().ends_with("And this.") && body.contains("running"));
}

stories! {
    only_people_who_may_write_are_obeyed,
    only_plain_lines_are_commands,
    a_mistake_is_answered_with_what_was_meant,
    an_edited_comment_commands_nothing,
    a_command_is_obeyed_once_however_often_it_is_heard,
    a_label_approves_the_text_as_it_stood,
    of_texts_written_in_the_second_of_the_label_only_the_labellers_own_is_approved,
    a_title_changed_after_the_label_was_read_needs_a_new_word,
    ticks_of_two_people_are_told_apart,
    the_box_for_all_stands_for_the_texts_it_was_shown_with,
    what_people_write_around_the_plan_is_kept,
}
