//! Pull requests: merged, closed, reopened, pushed to, red, in conflict, refused.

use std::time::Duration;

use task_orchestrator::engine::attempt::AttemptOutcome;
use task_orchestrator::engine::config::Settings;
use task_orchestrator::engine::event::{Event, Fact};
use task_orchestrator::engine::footprint::OverlapPolicy;
use task_orchestrator::engine::id::{IssueNumber, PullNumber};
use task_orchestrator::engine::plan::PlanStatus;
use task_orchestrator::engine::snapshot::{Checks, Conclusion};
use task_orchestrator::engine::task::{CheckState, Hold, Stage, Verdict};
use task_orchestrator::engine::time::Span;
use task_orchestrator::engine::waits::Status;
use task_orchestrator::forge::memory::fault::{Fault, Target};
use task_orchestrator::forge::memory::{edit::Edit, worker::Work};
use task_orchestrator::forge::world::request::{PersonAct, Request as Act};
use task_orchestrator::github::{Error, GitHub as _, Request, Response};

use crate::support::{Crash, Story, at_once, touch_declared};

const FILES: &[(&str, &str)] = &[("a.txt", "a\n"), ("b.txt", "b\n")];

pub(crate) fn by_hand(settings: &mut Settings) {
    settings.auto_merge = false;
}

pub(crate) fn checked(settings: &mut Settings) {
    settings.checks_grace = Span::minutes(5);
}

/// Reports a check on the head of a task's pull request, and it is seen.
pub(crate) fn check(story: &mut Story, issue: u64, conclusion: Conclusion) {
    let head = story.task(issue).pull.as_ref().expect("open").head.clone();
    story.wait(Duration::from_secs(1));
    story.forge.check(&head, "test", Some(conclusion), "line 3 is wrong").expect("reports");
    story.tick();
}

/// One task up to its open pull request.
pub(crate) fn opened(change: fn(&mut Settings)) -> Story {
    let mut story = Story::with(FILES, change);
    story.issue(1, "One", "Files: a.txt").tick();
    story.work();
    story.tick().expect(1, Status::PrOpen);
    story
}

/// Once a head has checks it has some for ever: a view from before them would look as if none had come in time.
pub(crate) fn a_view_without_the_checks_that_were_there_is_an_old_one() {
    let mut story = opened(checked);
    let head = story.task(1).pull.as_ref().expect("open").head.clone();
    story.forge.check(&head, "test", None, "").expect("reports");
    story.minutes(10);
    let state = |story: &Story| story.task(1).pull.as_ref().expect("open").checks.clone();
    assert_eq!(state(&story), CheckState::Pending);
    let none = Checks { sha: head, runs: Vec::new(), statuses: Vec::new() };
    let seen = Fact::Checks { checks: none, tail: String::new(), base_red: Vec::new() };
    story.turn(vec![Event::Fact(Box::new(seen))]);
    assert_eq!((state(&story), story.status(1)), (CheckState::Pending, Status::PrOpen));
}

pub(crate) fn a_merge_while_a_retry_runs_ends_the_task() {
    let mut story = opened(checked);
    check(&mut story, 1, Conclusion::Failure);
    story.minutes(1);
    let run = story.claim();
    story.expect(1, Status::Running);
    let pull = PullNumber(story.pull(1));
    story.person("owner", PersonAct::Merge { number: pull });
    assert_eq!(story.task(1).verdict, Some(Verdict::Merged));
    assert_eq!(story.task(1).attempts[1].outcome, Some(AttemptOutcome::Cancelled));
    assert!(story.forge.finish_run(run, Work::NoChange("late".to_owned())).is_ok());
    story.run();
    story.expect(1, Status::Merged);
    assert!(story.tracking().contains("This plan has ended."));
}

pub(crate) fn a_read_from_before_a_merge_does_not_undo_it() {
    let mut story = opened(by_hand);
    let number = story.task(1).pull.as_ref().expect("open").number;
    let before = at_once(story.desk.send(Request::PullRequest { number })).expect("nothing waits").expect("answers");
    let Response::PullRequest(before) = before else { panic!("{before:?}") };
    story.say("owner", "/orchestrate merge #1").run();
    story.expect(1, Status::Merged);
    story.turn(vec![Event::Fact(Box::new(Fact::Pulls(vec![(*before, None)])))]).tick();
    let pull = story.task(1).pull.clone().expect("there");
    assert_eq!((pull.open, pull.merged), (false, true));
    assert_eq!(story.held.plan.header.status, PlanStatus::Ended);
}

pub(crate) fn a_push_while_a_retry_runs_takes_it_over() {
    let mut story = opened(checked);
    check(&mut story, 1, Conclusion::Failure);
    story.minutes(1);
    let run = story.claim();
    story.forge.push("owner", "orchestrate/issue-1", &[Edit::append("a.txt", "mine\n")]).expect("pushes");
    story.tick().expect(1, Status::Blocked);
    assert_eq!((story.task(1).stage, story.task(1).live().is_none()), (Stage::PrOpen, true));
    assert!(story.forge.finish_run(run, touch_declared(&story.forge.brief(run).expect("a brief"))).is_ok());
    story.tick();
    check(&mut story, 1, Conclusion::Success);
    story.minutes(2).expect(1, Status::Blocked);
    story.say("owner", "/orchestrate merge #1").run();
    story.expect(1, Status::Merged);
    assert!(story.forge.file("main", "a.txt").expect("there").contains("mine"));
}

fn opens_pull(request: &Request) -> bool {
    matches!(request, Request::CreatePullRequest { .. })
}

/// A pull request whose answer is lost, and that somebody acts on before anybody looks for it.
fn lost_and(act: fn(PullNumber) -> PersonAct) -> Story {
    let mut story = Story::with(FILES, by_hand);
    story.issue(1, "One", "Files: a.txt").tick();
    story.work();
    story.forge.plan_fault(Target::Call(opens_pull), Fault::AnswerLost);
    story.desk.meanwhile(Crash::After, opens_pull, move |forge| {
        let number = forge.world().pulls().next().expect("it was opened").0;
        forge.person("owner", act(number)).expect("acts");
    });
    story.minutes(3);
    story
}

pub(crate) fn a_pull_request_closed_before_its_lost_answer_was_looked_for_is_no_reason_for_a_second() {
    let mut story = lost_and(|number| PersonAct::Close { number: IssueNumber(number.0) });
    assert_eq!(story.forge.world().pulls().count(), 1);
    let hold = story.task(1).hold.clone();
    assert!(matches!(&hold, Some(Hold::PullClosed { by: Some(by), .. }) if by.as_str() == "owner"), "{hold:?}");
    // Taken up again, it is another commit and another pull request.
    story.say("owner", "/orchestrate retry #1").run().expect(1, Status::PrOpen);
    assert_eq!(story.forge.world().pulls().count(), 2);
}

pub(crate) fn a_pull_request_merged_before_its_lost_answer_was_looked_for_is_merged() {
    let mut story = lost_and(|number| PersonAct::Merge { number });
    story.run().expect(1, Status::Merged);
    assert_eq!(story.forge.world().pulls().count(), 1);
}

pub(crate) fn a_second_pull_request_closed_at_once_is_found_too() {
    let mut story = opened(by_hand);
    let first = story.pull(1);
    story.person("owner", PersonAct::Close { number: IssueNumber(first) });
    story.say("owner", "/orchestrate retry #1").tick();
    story.work();
    story.forge.plan_fault(Target::Call(opens_pull), Fault::AnswerLost);
    story.desk.meanwhile(Crash::After, opens_pull, |forge| {
        let number = forge.world().pulls().last().expect("it was opened").0;
        forge.person("owner", PersonAct::Close { number: IssueNumber(number.0) }).expect("closes");
    });
    story.minutes(3);
    assert_eq!(story.forge.world().pulls().count(), 2);
    let hold = story.task(1).hold.clone();
    assert!(matches!(&hold, Some(Hold::PullClosed { pull, .. }) if pull.0 != first), "{hold:?}");
}

pub(crate) fn a_pull_request_tells_the_files_of_all_its_attempts() {
    let mut story = Story::with(FILES, |settings| {
        by_hand(settings);
        checked(settings);
    });
    story.script(|brief| {
        let path = if brief.key.id.n == 1 { "a.txt" } else { "b.txt" };
        Work::Changed(vec![Edit::append(path, "more\n")])
    });
    story.issue(1, "One", "Both files matter.").tick();
    story.work();
    story.tick().expect(1, Status::PrOpen);
    check(&mut story, 1, Conclusion::Failure);
    story.minutes(1);
    story.work();
    story.tick().expect(1, Status::PrOpen);
    let body = story.forge.world().issue(IssueNumber(story.pull(1))).expect("there").issue.body.clone();
    assert!(body.contains("- `a.txt`") && body.contains("- `b.txt`"), "{body}");
}

pub(crate) fn a_pull_request_that_begins_anew_tells_nothing_of_the_work_it_replaces() {
    let mut story = Story::with(FILES, by_hand);
    story.script(|_| Work::Changed(vec![Edit::append("a.txt", "more\n")]));
    story.issue(1, "One", "Both files matter.").tick();
    story.work();
    let number = story.tick().pull(1);
    story.person("owner", PersonAct::Close { number: IssueNumber(number) });
    story.say("owner", "/orchestrate retry #1");
    let run = story.claim();
    story.person("owner", PersonAct::Reopen { number: IssueNumber(number) });
    story.forge.finish_run(run, Work::Changed(vec![Edit::append("b.txt", "other\n")])).expect("ends");
    story.tick().expect(1, Status::PrOpen);
    assert_eq!(story.pull(1), number);
    let body = story.forge.world().issue(IssueNumber(number)).expect("there").issue.body.clone();
    assert!(body.contains("- `b.txt`") && !body.contains("- `a.txt`"), "{body}");
}

pub(crate) fn a_retry_of_a_taken_over_branch_starts_from_it() {
    let mut story = opened(by_hand);
    let theirs = story.forge.push("owner", "orchestrate/issue-1", &[Edit::append("a.txt", "mine\n")]).expect("pushes");
    story.tick().say("owner", "/orchestrate retry #1");
    assert_eq!(story.task(1).attempts[1].start, theirs);
    story.run().expect(1, Status::PrOpen);
    story.say("owner", "/orchestrate merge #1").run();
    let text = story.forge.file("main", "a.txt").expect("there");
    assert!(text.contains("mine") && text.contains("attempt 2"), "{text}");
    let number = story.task(1).pull.as_ref().expect("merged").number;
    let body = story.forge.world().issue(IssueNumber(number.0)).expect("there").issue.body.clone();
    assert!(body.contains("What others committed to the branch is not in this list."), "{body}");
}

pub(crate) fn an_escalated_pull_request_that_a_person_mends_is_merged() {
    let mut story = Story::with(FILES, |settings| {
        checked(settings);
        settings.attempts = 1;
    });
    story.issue(1, "One", "Files: a.txt").tick();
    story.work();
    story.tick();
    check(&mut story, 1, Conclusion::Failure);
    assert_eq!(story.task(1).verdict, Some(Verdict::Escalated));
    story.forge.push("owner", "orchestrate/issue-1", &[Edit::append("a.txt", "mended\n")]).expect("pushes");
    story.tick().expect(1, Status::Blocked);
    check(&mut story, 1, Conclusion::Success);
    story.say("owner", "/orchestrate merge #1").run();
    story.expect(1, Status::Merged);
}

pub(crate) fn a_reopened_pull_request_goes_on() {
    let mut story = opened(by_hand);
    let number = IssueNumber(story.pull(1));
    story.person("owner", PersonAct::Close { number }).expect(1, Status::Blocked);
    assert!(story.task(1).locked_since.is_none());
    story.person("owner", PersonAct::Reopen { number }).expect(1, Status::PrOpen);
    assert!(story.task(1).locked_since.is_some() && story.task(1).hold.is_none());
    story.say("owner", "/orchestrate merge #1").run();
    story.expect(1, Status::Merged);
}

pub(crate) fn a_closed_pull_request_is_merged_all_the_same_or_tried_again_as_another() {
    let mut story = opened(by_hand);
    let first = story.pull(1);
    story.person("owner", PersonAct::Close { number: IssueNumber(first) });
    story.say("owner", "/orchestrate retry #1").run();
    story.expect(1, Status::PrOpen);
    assert_ne!(story.pull(1), first);
    story.minutes(3).expect(1, Status::PrOpen);
    story.say("owner", "/orchestrate merge #1").run();
    story.expect(1, Status::Merged);
}

pub(crate) fn a_close_while_a_retry_runs_counts_for_nothing_it_brings() {
    let mut story = opened(checked);
    check(&mut story, 1, Conclusion::Failure);
    story.minutes(1);
    let run = story.claim();
    // The result is there before the closing is seen.
    story.forge.finish_run(run, touch_declared(&story.forge.brief(run).expect("a brief"))).expect("ends");
    let number = IssueNumber(story.task(1).pull.as_ref().expect("open").number.0);
    story.forge.person("owner", PersonAct::Close { number }).expect("closes");
    story.turn(vec![task_orchestrator::engine::event::Event::Hint(task_orchestrator::engine::event::Hint::Pull(
        PullNumber(number.0),
    ))]);
    story.tick().expect(1, Status::Blocked);
    assert!(matches!(story.task(1).hold, Some(Hold::PullClosed { .. })));
}

pub(crate) fn a_red_base_blocks_and_spends_nothing() {
    let mut story = opened(checked);
    let base = story.forge.branch("main").expect("there");
    story.forge.check(&base, "test", Some(Conclusion::Failure), "broken").expect("reports");
    check(&mut story, 1, Conclusion::Failure);
    story.expect(1, Status::Blocked);
    assert!(matches!(&story.task(1).hold, Some(Hold::BaseRed { check }) if check == "test"));
    story.say("owner", "/orchestrate retry #1").expect(1, Status::Blocked);
    assert_eq!((story.task(1).counters.failures, story.task(1).attempts.len()), (0, 1));
    // The base is mended: it is brought into the branch, and what its checks say then counts.
    story.forge.push("owner", "main", &[Edit::append("b.txt", "mended\n")]).expect("pushes");
    let head = story.task(1).pull.as_ref().expect("open").head.clone();
    story.minutes(1);
    assert_ne!(story.task(1).pull.as_ref().expect("open").head, head);
    check(&mut story, 1, Conclusion::Success);
    story.run();
    story.expect(1, Status::Merged);
    assert_eq!((story.task(1).counters.failures, story.task(1).attempts.len()), (0, 1));
}

pub(crate) fn a_work_that_never_merges_is_brought_along_twice_and_then_escalates() {
    let mut story = Story::with(FILES, |settings| {
        by_hand(settings);
        settings.overlap = OverlapPolicy::Off;
    });
    story.script(|brief| Work::Changed(vec![Edit::write("a.txt", &format!("{} {}\n", brief.issue, brief.key.id.n))]));
    story.issue(1, "One", "").run();
    for round in 1..=3u32 {
        story.forge.push("owner", "main", &[Edit::write("a.txt", &format!("another {round}\n"))]).expect("pushes");
        story.run();
        assert_eq!(story.task(1).counters.conflict_reruns, round);
    }
    assert_eq!((story.task(1).verdict, story.task(1).counters.failures), (Some(Verdict::Escalated), 0));
    story.say("owner", "/orchestrate retry #1").run();
    story.expect(1, Status::PrOpen);
}

pub(crate) fn a_merge_that_github_refuses_is_asked_for_once_and_then_waits_for_a_person() {
    let refused = || Fault::Instead(Error::Conflict { message: "a review is required".to_owned() });
    let merge = Target::Call(|request| matches!(request, Request::MergePullRequest { .. }));
    let mut story = Story::new(FILES);
    for _ in 0..20 {
        story.forge.plan_fault(merge, refused());
    }
    story.issue(1, "One", "Files: a.txt").tick();
    story.work();
    story.minutes(10).expect(1, Status::Blocked);
    let hold = &story.task(1).hold;
    assert!(matches!(hold, Some(Hold::PublishRefused { message }) if message.contains("a review is required")));
    assert_eq!(story.desk.failed(), 1);
    story.say("owner", "/orchestrate retry #1");
    assert_eq!((story.desk.failed(), story.task(1).attempts.len()), (2, 1));
    let number = PullNumber(story.pull(1));
    story.person("owner", PersonAct::Merge { number }).run();
    story.expect(1, Status::Merged);
}

pub(crate) fn each_of_many_finished_at_once_is_merged_by_one_call() {
    let names: Vec<String> = (1..=8).map(|number| format!("{number}.txt")).collect();
    let files: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "x\n")).collect();
    let mut story = Story::with(&files, |settings| settings.max_parallel = 8);
    for number in 1..=8 {
        story.issue(number, "One", &format!("Files: {number}.txt"));
    }
    story.run();
    (1..=8).for_each(|number| {
        story.expect(number, Status::Merged);
    });
    assert_eq!(story.desk.failed(), 0, "nothing was asked for that GitHub refuses");
}

pub(crate) fn a_strangers_pull_request_from_a_branch_of_that_name_is_not_ours() {
    let mut story = Story::with(FILES, |settings| {
        settings.approval = task_orchestrator::engine::config::ApprovalPolicy::Ask;
    });
    story.issue(1, "One", "Files: a.txt").tick();
    story.forge.push("owner", "orchestrate/issue-1", &[Edit::append("a.txt", "evil\n")]).expect("pushes");
    let actor = task_orchestrator::engine::snapshot::Actor {
        login: task_orchestrator::engine::id::Login::new("owner"),
        bot: false,
    };
    let (head, base) = ("orchestrate/issue-1".to_owned(), "main".to_owned());
    let request = Request::CreatePullRequest {
        title: "fix: #1 One".to_owned(),
        body: "Closes #1".to_owned(),
        head,
        base,
        draft: false,
    };
    let opened = story.forge.apply(Act::Api { actor, request, git: None });
    let Ok(task_orchestrator::github::Response::PullRequest(pull)) = opened else { panic!("{opened:?}") };
    let heard = task_orchestrator::engine::event::Hint::Pull(pull.number);
    story.turn(vec![task_orchestrator::engine::event::Event::Hint(heard)]).minutes(2);
    assert!(story.task(1).pull.is_none());
}

pub(crate) fn a_pull_request_opened_and_merged_before_its_answer_came_counts() {
    let mut story = Story::with(FILES, by_hand);
    story.issue(1, "One", "Files: a.txt").tick();
    story.work();
    let open = Target::Call(|request| matches!(request, Request::CreatePullRequest { .. }));
    let look = Target::Call(|request| matches!(request, Request::PullRequests { .. }));
    story.forge.plan_fault(open, Fault::AnswerLost);
    story.forge.plan_fault(look, Fault::Instead(Error::Unreachable { message: "cut".to_owned() }));
    story.tick();
    let number = story.forge.world().pulls().map(|(number, _)| number).next().expect("one");
    story.forge.person("owner", PersonAct::Merge { number }).expect("merges");
    story.minutes(3).run();
    story.expect(1, Status::Merged);
}

stories! {
    a_read_from_before_a_merge_does_not_undo_it,
    a_pull_request_that_begins_anew_tells_nothing_of_the_work_it_replaces,
    a_pull_request_closed_before_its_lost_answer_was_looked_for_is_no_reason_for_a_second,
    a_pull_request_merged_before_its_lost_answer_was_looked_for_is_merged,
    a_second_pull_request_closed_at_once_is_found_too,
    a_pull_request_tells_the_files_of_all_its_attempts,
    a_view_without_the_checks_that_were_there_is_an_old_one,
    a_merge_while_a_retry_runs_ends_the_task,
    a_push_while_a_retry_runs_takes_it_over,
    a_retry_of_a_taken_over_branch_starts_from_it,
    an_escalated_pull_request_that_a_person_mends_is_merged,
    a_reopened_pull_request_goes_on,
    a_closed_pull_request_is_merged_all_the_same_or_tried_again_as_another,
    a_close_while_a_retry_runs_counts_for_nothing_it_brings,
    a_red_base_blocks_and_spends_nothing,
    a_work_that_never_merges_is_brought_along_twice_and_then_escalates,
    a_merge_that_github_refuses_is_asked_for_once_and_then_waits_for_a_person,
    each_of_many_finished_at_once_is_merged_by_one_call,
    a_strangers_pull_request_from_a_branch_of_that_name_is_not_ours,
    a_pull_request_opened_and_merged_before_its_answer_came_counts,
}
