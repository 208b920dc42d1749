//! Giving up, leaving, coming back, and trying again.

use std::time::Duration;

use task_orchestrator::engine::attempt::AttemptOutcome;
use task_orchestrator::engine::event::{AttemptSeen, Event, Fact, Hint};
use task_orchestrator::engine::id::{IssueNumber, PullNumber};
use task_orchestrator::engine::record::{RECORD_FILE, Record};
use task_orchestrator::engine::snapshot::Issue;
use task_orchestrator::engine::task::{Hold, Verdict};
use task_orchestrator::engine::waits::{Status, Wait};
use task_orchestrator::forge::memory::edit::Edit;
use task_orchestrator::forge::memory::fault::{Fault, Target};
use task_orchestrator::forge::memory::worker::Work;
use task_orchestrator::forge::world::request::PersonAct;
use task_orchestrator::github::{Error, GitHub as _, Request, Response, Tip};

use crate::support::{Story, at_once, touch_declared};

const FILES: &[(&str, &str)] = &[("a.txt", "a\n"), ("b.txt", "b\n")];

fn unlabel(number: u64) -> PersonAct {
    PersonAct::Unlabel { number: IssueNumber(number), label: "orchestrate".to_owned() }
}

fn label(number: u64) -> PersonAct {
    PersonAct::Label { number: IssueNumber(number), label: "orchestrate".to_owned() }
}

/// One task under way and a second that depends on it.
fn two() -> Story {
    let mut story = Story::with(FILES, |settings| settings.auto_merge = false);
    story.issue(1, "One", "Files: a.txt").issue(2, "Two", "Files: b.txt\n\nDepends on: #1").tick();
    story.expect(1, Status::Running).expect(2, Status::Blocked);
    story
}

pub(crate) fn cancelling_frees_dependents_whatever_the_task_was_doing() {
    for when in ["queued", "claimed", "finished", "in review", "dispatch lost"] {
        let mut story = if when == "dispatch lost" {
            let mut story = Story::with(FILES, |settings| settings.auto_merge = false);
            let dispatch = Target::Call(|request| matches!(request, Request::DispatchWorkflow { .. }));
            story.forge.plan_fault(dispatch, Fault::Instead(Error::Unreachable { message: "cut".to_owned() }));
            story.issue(1, "One", "Files: a.txt").issue(2, "Two", "Files: b.txt\n\nDepends on: #1").tick();
            story
        } else {
            two()
        };
        match when {
            "claimed" => drop(story.claim()),
            "finished" => drop(story.work()),
            "in review" => {
                story.work();
                story.tick().expect(1, Status::PrOpen);
            }
            _ => {}
        }
        story.say("owner", "/orchestrate cancel #1");
        assert_eq!(story.task(1).verdict, Some(Verdict::Cancelled), "{when}");
        story.run();
        assert_eq!(story.task(2).attempts.len(), 1, "{when}");
        assert_eq!(story.task(1).attempts.len(), 1, "{when}");
        assert!(story.comments(story.tracking_number()).iter().any(|text| text.contains("#2")), "{when}");
    }
}

pub(crate) fn who_leaves_blocks_dependents_while_the_issue_is_open() {
    let mut story = two();
    let run = story.claim();
    story.person("owner", unlabel(1));
    assert!(story.task(1).left && story.task(1).verdict == Some(Verdict::Cancelled));
    assert!(story.forge.finish_run(run, Work::NoChange("late".to_owned())).is_ok());
    story.minutes(2).expect(2, Status::Blocked);
    story.person("owner", PersonAct::Close { number: IssueNumber(1) }).minutes(1);
    story.expect(2, Status::Running);
}

pub(crate) fn a_deleted_issue_is_a_problem_of_who_depends_on_it() {
    let mut story = two();
    story.person("owner", PersonAct::Delete { number: IssueNumber(1) }).minutes(2);
    story.expect(2, Status::Blocked);
    assert!(story.tracking().contains("#2"), "{}", story.tracking());
    assert_eq!(story.task(2).attempts.len(), 0);
}

pub(crate) fn an_open_pull_request_of_one_who_left_keeps_its_files() {
    let mut story = Story::with(FILES, |settings| settings.auto_merge = false);
    story.issue(1, "One", "Files: a.txt").issue(2, "Two", "Files: a.txt").tick();
    story.work();
    story.tick().person("owner", unlabel(1)).minutes(2);
    story.expect(2, Status::Blocked);
    assert!(story.tracking().contains("merge or close it"), "{}", story.tracking());
    let number = IssueNumber(story.pull(1));
    story.person("owner", PersonAct::Close { number }).minutes(1).expect(2, Status::Running);
}

pub(crate) fn labelled_again_it_is_the_same_task() {
    for claimed in [false, true] {
        let mut story = two();
        if claimed {
            story.claim();
        }
        story.forge.person("owner", unlabel(1)).expect("takes it off");
        story.tick();
        story.person("owner", label(1)).run();
        story.expect(1, Status::PrOpen);
        assert_eq!(story.task(1).attempts.iter().map(|attempt| attempt.id.n).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(story.task(1).attempts[0].outcome, Some(AttemptOutcome::Cancelled));
    }
}

/// The issue as GitHub would show it now.
fn view(story: &Story, number: u64) -> Box<Issue> {
    let answer = at_once(story.desk.send(Request::Issue { number: IssueNumber(number) })).expect("nothing waits");
    let Ok(Response::Issue(issue)) = answer else { panic!("{answer:?}") };
    issue
}

pub(crate) fn a_view_from_before_its_last_change_says_nothing_of_an_issue() {
    let mut story = two();
    let before = view(&story, 1);
    story.minutes(1).person("owner", unlabel(1)).expect(1, Status::Cancelled);
    let old = |story: &mut Story, view: &Issue| {
        let fact = Fact::Issue(view.number, Some(Box::new(view.clone())));
        story.turn(vec![Event::Fact(Box::new(fact)), Event::Fact(Box::new(Fact::Issues(vec![view.clone()])))]);
    };
    old(&mut story, &before);
    assert!(story.task(1).left, "it was not labelled again");
    let gone = view(&story, 1);
    story.minutes(1).person("owner", label(1)).run();
    story.expect(1, Status::PrOpen);
    old(&mut story, &gone);
    story.run().expect(1, Status::PrOpen);
    assert!(!story.task(1).left, "it did not leave again");
}

pub(crate) fn labelled_again_while_its_run_is_being_closed() {
    let mut story = two();
    let fence = Target::Call(
        |request| matches!(request, Request::CreateBranch { branch, .. } if branch.starts_with("orchestrate-attempt/")),
    );
    for _ in 0..3 {
        story.forge.plan_fault(fence, Fault::Instead(Error::Denied { message: "not now".to_owned() }));
    }
    story.person("owner", unlabel(1));
    assert!(story.task(1).live().is_some() && story.task(1).verdict.is_none());
    story.person("owner", label(1)).minutes(8).run();
    story.expect(1, Status::PrOpen);
}

pub(crate) fn an_escalated_task_can_leave() {
    let mut story = Story::new(FILES);
    story.script(|_| Work::Failed("no".to_owned()));
    story.issue(1, "One", "Files: a.txt").run();
    assert_eq!(story.task(1).verdict, Some(Verdict::Escalated));
    story.person("owner", unlabel(1)).run();
    assert_eq!(story.task(1).verdict, Some(Verdict::Cancelled));
    assert!(story.tracking().contains("This plan has ended."));
}

pub(crate) fn the_issue_closed_by_a_merge_is_no_leaving() {
    let mut story = two();
    story.work();
    story.tick();
    let number = PullNumber(story.pull(1));
    story.forge.person("owner", PersonAct::Merge { number }).expect("merges");
    story.turn(vec![Event::Hint(Hint::Issue(IssueNumber(1)))]);
    assert_eq!((story.task(1).verdict, story.task(1).left), (Some(Verdict::Merged), false));
}

/// Of what an App may not see any more GitHub says that it is not there.
pub(crate) fn an_app_that_is_taken_off_the_repository_finds_nothing_deleted() {
    let missing = || Fault::Instead(Error::Missing { what: "it".to_owned() });
    let mut story = two();
    story.forge.plan_fault(Target::Call(|request| matches!(request, Request::Issue { .. })), missing());
    story.forge.plan_fault(Target::Call(|request| matches!(request, Request::Repository)), missing());
    story.turn(vec![Event::Hint(Hint::Issue(IssueNumber(1)))]);
    assert!(!story.task(1).left && !story.task(1).cancel_asked);
    story.expect(1, Status::Running);
    // The repository is there, and the issue is not.
    story.person("owner", PersonAct::Delete { number: IssueNumber(1) });
    assert!(story.task(1).left);
}

fn reads_pull(request: &Request) -> bool {
    matches!(request, Request::PullRequest { .. })
}

pub(crate) fn the_issue_closed_by_a_merge_is_no_leaving_even_where_the_merge_is_shown_late() {
    let mut story = two();
    story.work();
    story.tick();
    let number = PullNumber(story.pull(1));
    story.desk.freeze(Some(reads_pull));
    story.turn(vec![Event::Hint(Hint::Pull(number))]);
    story.person("owner", PersonAct::Merge { number });
    assert_eq!((story.task(1).issue_open, story.task(1).has_open_pull()), (false, true), "an old view");
    assert_eq!((story.task(1).verdict, story.task(1).left), (None, false));
    story.desk.freeze(None);
    story.run();
    assert_eq!((story.task(1).verdict, story.task(1).left), (Some(Verdict::Merged), false));
}

/// A story's turn bounds its rounds: asked for until it is new, the old view would feed the turn for ever.
pub(crate) fn an_old_view_at_the_second_look_is_not_asked_for_again_and_again() {
    let mut story = two();
    story.work();
    story.tick();
    let number = PullNumber(story.pull(1));
    story.desk.freeze(Some(reads_pull));
    story.turn(vec![Event::Hint(Hint::Pull(number))]).minutes(1);
    story.forge.push("owner", "orchestrate/issue-1", &[Edit::append("a.txt", "mine\n")]).expect("pushes");
    let new = at_once(story.forge.send(Request::PullRequest { number })).expect("nothing waits");
    let Ok(Response::PullRequest(new)) = new else { panic!("{new:?}") };
    story.turn(vec![Event::Fact(Box::new(Fact::Pulls(vec![(*new.clone(), None)])))]);
    assert_eq!(story.task(1).pull.as_ref().expect("open").changed_at, new.updated_at, "what is shown is older");
    story.person("owner", PersonAct::Close { number: IssueNumber(1) }).minutes(1);
    assert!(!story.task(1).left);
    story.desk.freeze(None);
    story.minutes(1);
    assert!(story.task(1).left, "the heartbeat has looked");
}

pub(crate) fn an_issue_closed_by_a_person_leaves_with_its_pull_request_open() {
    let mut story = two();
    story.work();
    story.tick();
    story.person("owner", PersonAct::Close { number: IssueNumber(1) });
    assert!(!story.task(1).left, "a merge may have closed it, whatever the pull request looks like");
    story.wait(story.deployment.configuration.settings().probe_window.0).tick();
    assert!(story.task(1).left && story.task(1).has_open_pull());
    let number = PullNumber(story.pull(1));
    story.person("owner", PersonAct::Merge { number }).run();
    assert_eq!(story.task(1).verdict, Some(Verdict::Merged));
    story.expect(2, Status::PrOpen);
}

/// An issue as the forge shows it now.
fn shown(story: &Story, number: u64) -> Event {
    let number = IssueNumber(number);
    let issue = at_once(story.forge.send(Request::Issue { number })).expect("nothing waits");
    let Ok(Response::Issue(issue)) = issue else { panic!("{issue:?}") };
    Event::Fact(Box::new(Fact::Issue(number, Some(issue))))
}

/// The newest attempt of #1 as its record and its run show it now.
fn attempt_shown(story: &Story) -> Event {
    let id = story.task(1).attempts.last().expect("dispatched").id;
    let tips = Request::Tips { branches: vec![id.record_branch()], path: RECORD_FILE.to_owned() };
    let tips = at_once(story.forge.send(tips)).expect("nothing waits");
    let Ok(Response::Tips(tips)) = tips else { panic!("{tips:?}") };
    let Some(Tip { sha, file: Some(text) }) = tips.into_iter().flatten().next() else { panic!("no record") };
    let record = Record::parse(text.as_bytes()).expect("readable");
    let seen = AttemptSeen { id, record: Some((sha, record)), run: None };
    Event::Fact(Box::new(Fact::Attempts(vec![seen])))
}

/// It leaves, its attempt turns out to have ended, and it is labelled again: all of that is seen at once.
pub(crate) fn who_comes_back_in_the_moment_in_which_the_attempt_ended_begins_again() {
    let mut story = two();
    story.work();
    let mut seen = Vec::new();
    story.forge.person("owner", unlabel(1)).expect("a person may");
    seen.push(shown(&story, 1));
    seen.push(attempt_shown(&story));
    story.wait(Duration::from_secs(1)).forge.person("owner", label(1)).expect("a person may");
    seen.push(shown(&story, 1));
    story.turn(seen);
    assert!(!story.task(1).left);
    story.run();
    story.expect(1, Status::PrOpen);
    assert_eq!(story.task(1).attempts.len(), 2, "what was approved before it left counts no more");
}

pub(crate) fn retrying_is_answered_in_every_state() {
    let mut story = two();
    let tracking = story.tracking_number();
    let refusals = |story: &Story| story.comments(tracking).iter().filter(|text| text.starts_with("Not done")).count();
    story.say("owner", "/orchestrate retry #1");
    assert_eq!(refusals(&story), 1, "running");
    story.say("owner", "/orchestrate retry #2");
    assert_eq!(refusals(&story), 2, "waiting");
    story.say("owner", "/orchestrate retry #77");
    assert_eq!(refusals(&story), 3, "unknown");
    story.work();
    story.tick().say("owner", "/orchestrate retry #1");
    assert_eq!(refusals(&story), 4, "in review");
    story.say("owner", "/orchestrate cancel #1").say("owner", "/orchestrate retry #1");
    assert_eq!((refusals(&story), story.task(1).verdict), (4, None), "cancelled");
    story.run();
    story.expect(1, Status::PrOpen);
    let number = PullNumber(story.pull(1));
    story.person("owner", PersonAct::Merge { number }).say("owner", "/orchestrate retry #1");
    assert_eq!(refusals(&story), 5, "merged");
    story.run();
}

pub(crate) fn a_retry_after_no_change_and_escalation_starts_again() {
    let mut story = Story::new(FILES);
    story.script(|brief| match (brief.issue.0, brief.key.id.n) {
        (1, 1) => Work::NoChange("already so".to_owned()),
        (2, 1..=3) => Work::Failed("no".to_owned()),
        _ => touch_declared(brief),
    });
    story.issue(1, "One", "Files: a.txt").issue(2, "Two", "Files: b.txt").issue(3, "Three", "Depends on: #9").run();
    assert_eq!((story.task(1).verdict, story.task(2).verdict), (Some(Verdict::NoChange), Some(Verdict::Escalated)));
    story.say("owner", "/orchestrate retry #1").say("owner", "/orchestrate retry #2").run();
    story.expect(1, Status::Merged).expect(2, Status::Merged);
    assert_eq!((story.task(2).counters.failures, story.task(2).counters.granted), (3, 1));
}

pub(crate) fn pausing_starts_nothing_and_resuming_goes_on() {
    let mut story = two();
    story.say("owner", "/orchestrate pause it is late").say("owner", "/orchestrate cancel #1").minutes(2);
    story.expect(2, Status::Blocked);
    assert!(story.tracking().contains("it is late"));
    story.say("owner", "/orchestrate resume").expect(2, Status::Running);
}

pub(crate) fn work_outside_its_declared_files_waits_for_a_word() {
    let mut story = Story::new(FILES);
    let edits = || vec![task_orchestrator::forge::memory::edit::Edit::append("b.txt", "x\n")];
    story.script(move |_| Work::Changed(edits()));
    story.issue(1, "One", "Files: a.txt").run();
    story.expect(1, Status::Blocked);
    assert!(matches!(&story.task(1).hold, Some(Hold::Scope { paths }) if paths == &["b.txt"]));
    assert_eq!(story.comments(1).len(), 1);
    story.say("owner", "/orchestrate approve #1").run();
    story.expect(1, Status::Merged);
}

pub(crate) fn a_late_meeting_of_files_holds_the_later_one_by_name() {
    let mut story = Story::with(FILES, |settings| settings.auto_merge = false);
    story.script(|_| Work::Changed(vec![task_orchestrator::forge::memory::edit::Edit::append("a.txt", "x\n")]));
    story.issue(1, "One", "See `a.txt`").issue(2, "Two", "See `b.txt`").tick();
    let runs = story.forge.queued_runs();
    assert_eq!(runs.len(), 2);
    for run in runs {
        assert!(story.forge.claim(run).expect("claims"));
        story
            .forge
            .finish_run(run, Work::Changed(vec![task_orchestrator::forge::memory::edit::Edit::append("a.txt", "x\n")]))
            .expect("ends");
    }
    story.tick().expect(1, Status::PrOpen).expect(2, Status::Complete);
    let draft = task_orchestrator::engine::draft::Draft::view(&story.held.plan, story.now);
    let locks = task_orchestrator::engine::waits::locks(&draft);
    let waits = task_orchestrator::engine::waits::waits(&draft, &locks, story.task(2));
    assert!(matches!(&waits[..], [Wait::File { path, pull: Some(_), .. }] if path == "a.txt"), "{waits:?}");
    let pull = story.pull(1);
    assert!(story.tracking().contains(&format!("#{pull} is open")), "{}", story.tracking());
    story.say("owner", "/orchestrate merge #1").run();
    story.expect(1, Status::Merged).expect(2, Status::PrOpen);
    story.say("owner", "/orchestrate merge #2").run();
    story.expect(2, Status::Merged);
}

pub(crate) fn a_retry_of_an_issue_that_we_closed_asks_for_it_to_be_opened_first() {
    let mut story = Story::with(FILES, |settings| settings.close_no_change = true);
    story.script(|brief| match brief.key.id.n {
        1 => Work::NoChange("it is there".to_owned()),
        _ => touch_declared(brief),
    });
    story.issue(1, "One", "Files: a.txt").issue(2, "Two", "Files: b.txt\nDepends on: #1").tick();
    story.work();
    story.tick();
    assert_eq!(story.task(1).verdict, Some(Verdict::NoChange));
    // Its closing is told by nobody yet.
    story.say("owner", "/orchestrate retry #1").tick();
    let said = story.comments(story.tracking_number());
    assert!(said.iter().any(|text| text.contains("is closed; open it again")), "{said:?} {:?}", story.task(1));
    story.person("owner", PersonAct::Reopen { number: IssueNumber(1) });
    story.tick().say("owner", "/orchestrate retry #1").run();
    story.expect(1, Status::Merged);
    assert_eq!(story.task(1).counters.granted, 1);
}

stories! {
    cancelling_frees_dependents_whatever_the_task_was_doing,
    who_leaves_blocks_dependents_while_the_issue_is_open,
    a_deleted_issue_is_a_problem_of_who_depends_on_it,
    an_open_pull_request_of_one_who_left_keeps_its_files,
    labelled_again_it_is_the_same_task,
    a_view_from_before_its_last_change_says_nothing_of_an_issue,
    labelled_again_while_its_run_is_being_closed,
    an_escalated_task_can_leave,
    the_issue_closed_by_a_merge_is_no_leaving,
    the_issue_closed_by_a_merge_is_no_leaving_even_where_the_merge_is_shown_late,
    an_issue_closed_by_a_person_leaves_with_its_pull_request_open,
    an_old_view_at_the_second_look_is_not_asked_for_again_and_again,
    an_app_that_is_taken_off_the_repository_finds_nothing_deleted,
    who_comes_back_in_the_moment_in_which_the_attempt_ended_begins_again,
    retrying_is_answered_in_every_state,
    a_retry_after_no_change_and_escalation_starts_again,
    a_retry_of_an_issue_that_we_closed_asks_for_it_to_be_opened_first,
    pausing_starts_nothing_and_resuming_goes_on,
    work_outside_its_declared_files_waits_for_a_word,
    a_late_meeting_of_files_holds_the_later_one_by_name,
}
