//! Lost answers, refusals, limits, and runs that go wrong.

use std::time::Duration;

use task_orchestrator::engine::attempt::AttemptOutcome;
use task_orchestrator::engine::effect::EntryState;
use task_orchestrator::engine::event::{Event, Hint};
use task_orchestrator::engine::id::IssueNumber;
use task_orchestrator::engine::report::{Cause, Report, ReportOutcome};
use task_orchestrator::engine::snapshot::{Conclusion, OpenState};
use task_orchestrator::engine::task::{Hold, Verdict};
use task_orchestrator::engine::waits::Status;
use task_orchestrator::forge::memory::edit::Edit;
use task_orchestrator::forge::memory::fault::{Fault, Target};
use task_orchestrator::forge::memory::worker::Work;
use task_orchestrator::github::{Error, Request};

use crate::support::{START, Story, touch_declared};

const FILES: &[(&str, &str)] = &[("a.txt", "a\n"), ("b.txt", "b\n")];

/// Every kind of write, with how to know it.
const WRITES: &[(&str, Target)] = &[
    ("create issue", Target::Call(|request| matches!(request, Request::CreateIssue { .. }))),
    ("edit issue", Target::Call(|request| matches!(request, Request::UpdateIssue { .. }))),
    ("rewrite issue", Target::Call(|request| matches!(request, Request::RewriteIssue { .. }))),
    ("comment", Target::Call(|request| matches!(request, Request::CreateComment { .. }))),
    ("pin", Target::Call(|request| matches!(request, Request::Pin { .. }))),
    ("commit", Target::Call(|request| matches!(request, Request::CreateCommit { .. }))),
    ("commit on a branch", Target::Call(|request| matches!(request, Request::CommitOnBranch { .. }))),
    ("create branch", Target::Call(|request| matches!(request, Request::CreateBranch { .. }))),
    ("dispatch", Target::Call(|request| matches!(request, Request::DispatchWorkflow { .. }))),
    ("open pull request", Target::Call(|request| matches!(request, Request::CreatePullRequest { .. }))),
    ("merge", Target::Call(|request| matches!(request, Request::MergePullRequest { .. }))),
    ("delete branch", Target::Call(|request| matches!(request, Request::DeleteBranch { .. }))),
    ("pull branch", Target::MoveBranch),
];

/// Two tasks on one file with a check, one needing no change: every kind of write happens.
fn busy() -> Story {
    let mut story = Story::new(FILES);
    story.script(|brief| match brief.issue.0 {
        3 => Work::NoChange("already so".to_owned()),
        _ => touch_declared(brief),
    });
    story.issue(1, "One", "Files: a.txt").issue(2, "Two", "Files: a.txt").issue(3, "Three", "Files: b.txt");
    story
}

fn ends_well(story: &mut Story, what: &str) {
    story.run();
    let statuses = story.statuses();
    assert_eq!(statuses.values().map(String::as_str).collect::<Vec<_>>(), ["merged", "merged", "complete"], "{what}");
    assert_eq!(story.forge.world().pulls().count(), 2, "{what}");
    let tracking = |labels: &[String]| labels.iter().any(|label| label == "orchestrate:tracking");
    assert_eq!(story.forge.world().issues().filter(|entry| tracking(&entry.issue.labels)).count(), 1, "{what}");
    assert_eq!(story.comments(3).len(), 1, "{what}");
}

pub(crate) fn lost_answers_change_nothing_in_the_end() {
    for (what, target) in WRITES {
        for (how, fault) in [
            ("happened", Fault::AnswerLost),
            ("did not happen", Fault::Instead(Error::Unreachable { message: "cut".to_owned() })),
        ] {
            let mut story = busy();
            story.forge.plan_fault(*target, fault);
            ends_well(&mut story, &format!("{what} {how}"));
            assert!(story.desk.failed() > 0, "{what} {how}: nothing was lost");
        }
    }
}

pub(crate) fn a_server_that_knows_no_question_about_several_things_is_asked_singly() {
    let mut story = busy();
    let together = |request: &Request| {
        matches!(
            request,
            Request::CommitOnBranch { .. }
                | Request::PullsAndChecks { .. }
                | Request::Tips { .. }
                | Request::RewriteIssue { .. }
        )
    };
    for _ in 0..400 {
        let unknown = Error::Invalid { message: "Field 'x' doesn't exist on type 'Mutation'".to_owned() };
        story.forge.plan_fault(Target::Call(together), Fault::Instead(unknown));
    }
    ends_well(&mut story, "singly");
    assert!(story.desk.failed() > 0, "it was asked");
}

pub(crate) fn a_state_branch_that_somebody_moved_or_took_away_is_looked_at_again() {
    let mut story = busy();
    story.tick().work();
    story.forge.push("owner", "orchestrate/state", &[Edit::write("theirs.txt", "x\n")]).expect("pushes");
    story.run();
    assert_eq!(story.forge.file("orchestrate/state", "theirs.txt").as_deref(), Some("x\n"), "nothing is lost");
    ends_well(&mut story, "moved");
}

pub(crate) fn a_lost_dispatch_is_fenced_and_counts_as_infrastructure() {
    let mut story = Story::new(FILES);
    let dispatch = Target::Call(|request| matches!(request, Request::DispatchWorkflow { .. }));
    story.forge.plan_fault(dispatch, Fault::Instead(Error::Unreachable { message: "cut".to_owned() }));
    story.issue(1, "One", "Files: a.txt").tick().run();
    story.expect(1, Status::Merged);
    let outcomes: Vec<_> = story.task(1).attempts.iter().map(|attempt| (attempt.id.n, attempt.outcome)).collect();
    assert_eq!(outcomes, [(1, Some(AttemptOutcome::Fenced)), (2, Some(AttemptOutcome::Changed))]);
    assert_eq!((story.task(1).counters.infra_retries, story.task(1).counters.failures), (1, 0));
}

pub(crate) fn a_dispatch_that_happened_is_adopted() {
    let mut story = Story::new(FILES);
    let dispatch = Target::Call(|request| matches!(request, Request::DispatchWorkflow { .. }));
    story.forge.plan_fault(dispatch, Fault::AnswerLost);
    story.issue(1, "One", "Files: a.txt").tick().run();
    assert_eq!((story.task(1).attempts.len(), story.forge.world().runs().count()), (1, 1));
}

pub(crate) fn a_refused_dispatch_waits_for_a_person_and_takes_no_number() {
    let mut story = Story::new(FILES);
    let dispatch = Target::Call(|request| matches!(request, Request::DispatchWorkflow { .. }));
    story.forge.plan_fault(dispatch, Fault::Instead(Error::Invalid { message: "no such input".to_owned() }));
    story.issue(1, "One", "Files: a.txt").run().expect(1, Status::Blocked);
    assert!(
        matches!(&story.task(1).hold, Some(Hold::DispatchRefused { message }) if message.contains("no such input"))
    );
    assert_eq!(story.comments(1).len(), 1);
    story.say("owner", "/orchestrate retry #1").run();
    story.expect(1, Status::Merged);
    assert_eq!(story.task(1).attempts.iter().map(|attempt| attempt.id.n).collect::<Vec<_>>(), [1]);
}

pub(crate) fn nothing_is_asked_of_github_before_it_allows_it() {
    let mut story = busy();
    let until = START + Duration::from_secs(600);
    let commit = Target::Call(|request| matches!(request, Request::CreateCommit { .. }));
    story.forge.plan_fault(commit, Fault::Instead(Error::RateLimited { until }));
    story.tick();
    let writes = story.writes();
    story.minutes(9);
    assert_eq!(story.writes(), writes);
    story.minutes(2);
    assert!(story.writes() > writes);
    ends_well(&mut story, "limited");
}

pub(crate) fn what_is_said_while_github_wants_no_questions_is_read_as_soon_as_it_takes_them() {
    let mut story = Story::new(FILES);
    let until = START + Duration::from_secs(600);
    let commit = Target::Call(|request| matches!(request, Request::CreateCommit { .. }));
    story.forge.plan_fault(commit, Fault::Instead(Error::RateLimited { until }));
    story.issue(1, "One", "Files: a.txt").tick();
    story.issue(9, "Nine", "Files: b.txt").turn(vec![Event::Hint(Hint::Issue(IssueNumber(9)))]);
    assert_eq!(story.held.plan.tasks.len(), 1, "nothing is asked of GitHub");
    // Nobody says it again, and no heartbeat comes.
    story.wait(Duration::from_secs(600)).turn(Vec::new());
    assert_eq!(story.held.plan.tasks.len(), 2);
}

pub(crate) fn what_is_put_off_blocks_nothing_else_and_is_shown() {
    let mut story = Story::new(FILES);
    let until = START + Duration::from_secs(600);
    let opening = Target::Call(|request| matches!(request, Request::CreatePullRequest { .. }));
    story.forge.plan_fault(opening, Fault::Instead(Error::OverBudget { until }));
    story.issue(1, "One", "Files: a.txt").tick().work();
    story.tick().issue(5, "Five", "Files: b.txt").minutes(1);
    let waiting = story.held.plan.outbox.values().find(|entry| entry.not_before == until).expect("it waits");
    assert_eq!((waiting.state, waiting.tries), (EntryState::Queued, 0), "it was never sent: {waiting:?}");
    assert!(story.task(5).live().is_some(), "the next task is dispatched all the same: {:#?}", story.statuses());
    story.minutes(1);
    assert!(story.tracking().contains("Comments and pull requests wait until"), "{}", story.tracking());
    story.minutes(11).run();
    story.expect(1, Status::Merged).expect(5, Status::Merged);
    assert!(!story.tracking().contains("Comments and pull requests wait until"), "{}", story.tracking());
}

pub(crate) fn a_limited_look_never_turns_into_a_second_dispatch() {
    let mut story = Story::new(FILES);
    let dispatch = Target::Call(|request| matches!(request, Request::DispatchWorkflow { .. }));
    let look = Target::Call(|request| matches!(request, Request::Tips { .. }));
    story.forge.plan_fault(dispatch, Fault::AnswerLost);
    story.forge.plan_fault(look, Fault::Instead(Error::RateLimited { until: START + Duration::from_secs(60) }));
    story.issue(1, "One", "Files: a.txt").tick().minutes(3).run();
    story.expect(1, Status::Merged);
    assert_eq!(story.forge.world().runs().count(), 1);
}

pub(crate) fn of_two_runs_of_one_attempt_one_works() {
    let mut story = Story::new(FILES);
    story.issue(1, "One", "Files: a.txt").tick();
    let first = story.forge.queued_runs()[0];
    let second = story.forge.double(first).expect("it can be doubled");
    assert!(story.forge.claim(second).expect("claims"));
    assert!(!story.forge.claim(first).expect("ends quietly"));
    story.tick().expect(1, Status::Running);
    story.forge.finish_run(second, touch_declared(&story.forge.brief(second).expect("a brief"))).expect("ends");
    story.run();
    story.expect(1, Status::Merged);
    assert_eq!(story.task(1).attempts.len(), 1);
}

pub(crate) fn a_stuck_run_is_looked_at_fenced_and_its_late_result_changes_nothing() {
    let mut story = Story::new(FILES);
    story.issue(1, "One", "Files: a.txt").tick();
    let run = story.claim();
    story.minutes(59).expect(1, Status::Running);
    // Past its own time the worker still gets its margin to say so itself.
    story.minutes(2).expect(1, Status::Stuck);
    story.minutes(13).expect(1, Status::Stuck);
    assert!(story.task(1).live().is_some());
    story.minutes(3);
    let first = &story.task(1).attempts[0];
    assert_eq!((first.outcome, first.is_live()), (Some(AttemptOutcome::Timeout), false));
    let zombie = story.forge.finish_run(run, Work::Failed("late".to_owned()));
    assert!(zombie.is_ok(), "a zombie ends by itself");
    story.run();
    story.expect(1, Status::Merged);
    let outcomes: Vec<_> = story.task(1).attempts.iter().map(|attempt| attempt.outcome).collect();
    assert_eq!(outcomes, [Some(AttemptOutcome::Timeout), Some(AttemptOutcome::Changed)]);
    assert_eq!((story.task(1).counters.failures, story.task(1).counters.infra_retries), (1, 0));
}

pub(crate) fn a_worker_at_its_own_deadline_is_not_fenced_before_its_report_is_there() {
    let mut story = Story::new(FILES);
    story.issue(1, "One", "Files: a.txt").tick();
    let run = story.claim();
    // The worker ends the agent after 60 minutes; its report takes ten more to be there.
    story.minutes(70).expect(1, Status::Stuck);
    let report = Report { cause: Some(Cause::Timeout), ..Report::ended(ReportOutcome::Failed, "its time was up") };
    story.forge.finish_run(run, Work::Reported(Box::new(report))).expect("ends");
    story.tick();
    let first = &story.task(1).attempts[0];
    assert_eq!((first.outcome, first.error.as_str()), (Some(AttemptOutcome::Timeout), "its time was up"));
    assert_eq!(story.task(1).counters.failures, 1);
}

pub(crate) fn runs_that_end_without_a_result_count_where_they_belong() {
    use Conclusion::{Cancelled, Failure, StartupFailure, Success, TimedOut};
    let rows = [
        (Failure, true, (AttemptOutcome::Infra, 0, 1)),
        (Success, true, (AttemptOutcome::Infra, 0, 1)),
        (StartupFailure, false, (AttemptOutcome::Infra, 0, 1)),
        (TimedOut, true, (AttemptOutcome::Timeout, 1, 0)),
        (Cancelled, true, (AttemptOutcome::Infra, 0, 1)),
        (Cancelled, false, (AttemptOutcome::Infra, 0, 1)),
    ];
    for (conclusion, claimed, expected) in rows {
        for forgive in [false, true] {
            let mut story = Story::with(FILES, |settings| settings.forgive_cancelled_runs = forgive);
            story.issue(1, "One", "Files: a.txt").tick();
            let run = story.forge.queued_runs()[0];
            if claimed {
                story.claim();
            }
            story.forge.finish_run(run, Work::Lost(conclusion)).expect("ends");
            story.run();
            story.expect(1, Status::Merged);
            let task = story.task(1);
            let found = (task.attempts[0].outcome.expect("ended"), task.counters.failures, task.counters.infra_retries);
            let forgiven = forgive && conclusion == Cancelled;
            let expected = if forgiven { (AttemptOutcome::Cancelled, 0, 0) } else { expected };
            assert_eq!(found, expected, "{conclusion:?} claimed {claimed} forgiven {forgive}");
        }
    }
}

pub(crate) fn what_cannot_be_helped_escalates_at_once() {
    for outcome in [ReportOutcome::Infra, ReportOutcome::Failed] {
        let mut story = Story::new(FILES);
        story.script(move |_| {
            let report = Report { cause: Some(Cause::Fatal), ..Report::ended(outcome, "the key is refused") };
            Work::Reported(Box::new(report))
        });
        story.issue(1, "One", "Files: a.txt").run();
        assert_eq!((story.task(1).verdict, story.task(1).attempts.len()), (Some(Verdict::Escalated), 1));
        assert!(story.comments(1)[0].contains("the key is refused"));
    }
}

pub(crate) fn infrastructure_has_a_bound_of_its_own() {
    let mut story = Story::new(FILES);
    story.script(|_| Work::Infra("the disk is full".to_owned()));
    story.issue(1, "One", "Files: a.txt").run();
    let task = story.task(1);
    assert_eq!((task.attempts.len(), task.counters.failures, task.counters.infra_retries), (6, 0, 6));
    assert_eq!(task.verdict, Some(Verdict::Escalated));
}

pub(crate) fn doubled_words_go_within_one_tick() {
    let mut story = Story::new(FILES);
    story.script(|_| Work::NoChange("already so".to_owned()));
    story.issue(1, "One", "Files: a.txt").issue(2, "Two", "Files: b.txt\n\nDepends on: #9").run();
    let world = story.forge.world();
    let bot = world.app_bot();
    let comment = world.comments().find(|entry| entry.comment.issue.0 == 1).expect("said").comment.clone();
    let tracking =
        world.issue(story.held.plan.header.tracking.as_ref().expect("one").number).expect("there").issue.clone();
    for request in [
        Request::CreateComment { number: comment.issue, body: comment.body },
        Request::CreateIssue { title: tracking.title, body: tracking.body, labels: tracking.labels },
    ] {
        let api = task_orchestrator::forge::world::request::Request::Api { actor: bot.clone(), request, git: None };
        story.forge.apply(api).expect("made twice");
    }
    story.tick();
    assert_eq!(story.comments(1).len(), 1);
    let world = story.forge.world();
    let open = |entry: &&task_orchestrator::forge::world::state::IssueEntry| {
        entry.issue.labels.iter().any(|label| label == "orchestrate:tracking") && world.is_open(entry.issue.number)
    };
    assert_eq!(world.issues().filter(open).map(|entry| entry.issue.number).collect::<Vec<_>>(), [tracking.number]);
}

pub(crate) fn what_the_plan_needs_is_asked_again_after_a_refusal() {
    let mut story = busy();
    let create = Target::Call(|request| matches!(request, Request::CreateIssue { .. }));
    for _ in 0..3 {
        story.forge.plan_fault(create, Fault::Instead(Error::Denied { message: "issues are disabled".to_owned() }));
    }
    story.tick();
    story.minutes(8);
    ends_well(&mut story, "a refused tracking issue");
}

/// The App may not write for longer than words are tried: the plan's end is shown all the same.
pub(crate) fn an_ended_plan_is_closed_however_long_that_is_refused() {
    let mut story = busy();
    let close = Target::Call(|request| matches!(request, Request::UpdateIssue { state: Some(OpenState::Closed), .. }));
    for _ in 0..15 {
        story.forge.plan_fault(close, Fault::Instead(Error::Denied { message: "not now".to_owned() }));
    }
    for _ in 0..20 {
        story.tick();
        story.work();
        story.minutes(11);
    }
    assert!(story.statuses().values().all(|status| status != "running"), "{:?}", story.statuses());
    assert!(!story.forge.world().is_open(IssueNumber(story.tracking_number())));
}

stories! {
    lost_answers_change_nothing_in_the_end,
    a_server_that_knows_no_question_about_several_things_is_asked_singly,
    a_state_branch_that_somebody_moved_or_took_away_is_looked_at_again,
    a_lost_dispatch_is_fenced_and_counts_as_infrastructure,
    a_dispatch_that_happened_is_adopted,
    a_refused_dispatch_waits_for_a_person_and_takes_no_number,
    nothing_is_asked_of_github_before_it_allows_it,
    what_is_said_while_github_wants_no_questions_is_read_as_soon_as_it_takes_them,
    what_is_put_off_blocks_nothing_else_and_is_shown,
    a_limited_look_never_turns_into_a_second_dispatch,
    of_two_runs_of_one_attempt_one_works,
    a_stuck_run_is_looked_at_fenced_and_its_late_result_changes_nothing,
    a_worker_at_its_own_deadline_is_not_fenced_before_its_report_is_there,
    runs_that_end_without_a_result_count_where_they_belong,
    what_cannot_be_helped_escalates_at_once,
    infrastructure_has_a_bound_of_its_own,
    doubled_words_go_within_one_tick,
    what_the_plan_needs_is_asked_again_after_a_refusal,
    an_ended_plan_is_closed_however_long_that_is_refused,
}
