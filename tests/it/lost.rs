//! The database is lost, at every boundary of a plan and between its turns: the next start rebuilds the plan from
//! GitHub alone, nothing is done twice, and what cannot be known is asked for again.

use std::collections::BTreeSet;
use std::time::Duration;

use task_orchestrator::engine::config::ApprovalPolicy;
use task_orchestrator::engine::id::{AttemptId, IssueNumber, PullNumber, STATE_BRANCH};
use task_orchestrator::engine::plan::PlanStatus;
use task_orchestrator::engine::record::{RECORD_FILE, Record};
use task_orchestrator::engine::task::{Hold, Stage, Verdict};
use task_orchestrator::engine::waits::Status;
use task_orchestrator::forge::memory::{edit::Edit, worker::Work};
use task_orchestrator::forge::world::request::PersonAct;

use crate::crash::{canonical, ending, nothing_twice};
use crate::support::program::full;
use crate::support::{Crash, Story};

const FILES: &[(&str, &str)] = &[("a.txt", "a\n"), ("b.txt", "b\n")];

fn dispatched_once(story: &Story, what: &str) {
    let keys = story.desk.dispatched();
    let attempts: BTreeSet<&str> = keys.iter().filter_map(|key| Some(key.rsplit_once('.')?.0)).collect();
    assert_eq!(attempts.len(), keys.len(), "{what}: an attempt was dispatched twice: {keys:?}");
}

pub(crate) fn lost_at_any_boundary_the_plan_comes_to_the_same_end() {
    let mut calm = canonical();
    calm.run();
    let (expected, boundaries) = (ending(&calm), calm.desk.boundaries());
    for moment in [Crash::Before, Crash::After] {
        for boundary in (0..boundaries).step_by(if full() { 1 } else { 5 }) {
            let mut story = canonical();
            story.desk.crash_at(boundary, moment);
            story.loses_database = true;
            story.run();
            let what = format!("{moment:?} boundary {boundary}");
            assert_eq!(ending(&story), expected, "{what}");
            nothing_twice(&story, &what);
            dispatched_once(&story, &what);
        }
    }
}

pub(crate) fn approvals_counters_and_numbers_outlive_it() {
    let mut story = Story::with(FILES, |settings| settings.approval = ApprovalPolicy::Ask);
    story.script(|brief| match brief.key.id.n {
        1..=3 => Work::Failed("it is bent".to_owned()),
        _ => Work::Changed(vec![Edit::append("a.txt", "at last\n")]),
    });
    story.issue(1, "One", "Files: a.txt").issue(2, "Two", "Files: b.txt").tick();
    story.say("owner", "/orchestrate approve #1").run();
    assert_eq!(story.task(1).verdict, Some(Verdict::Escalated));
    story.say("owner", "/orchestrate pause lunch").minutes(2).lose().minutes(3);
    let task = story.task(1);
    assert_eq!((task.verdict, task.counters.failures, task.attempts.len()), (Some(Verdict::Escalated), 3, 3));
    assert_eq!(story.held.plan.header.paused.as_ref().expect("paused").reason, "lunch");
    assert!(story.task(1).is_approved() && !story.task(2).is_approved(), "nobody approved #2");
    story.say("owner", "/orchestrate retry #1").say("owner", "/orchestrate resume").lose().run();
    assert_eq!((story.task(1).verdict, story.task(1).counters.granted), (Some(Verdict::Merged), 1));
    assert_eq!(story.task(1).attempts.last().expect("tried").id, AttemptId { issue: IssueNumber(1), n: 4 });
    story.expect(2, Status::Blocked);
    dispatched_once(&story, "a retry");
    nothing_twice(&story, "a retry");
}

pub(crate) fn a_text_edited_meanwhile_needs_its_own_approval() {
    let mut story = Story::with(FILES, |settings| {
        settings.approval = ApprovalPolicy::Ask;
        settings.max_parallel = 1;
    });
    story.issue(1, "One", "Files: a.txt").issue(2, "Two", "Files: a.txt").tick();
    story.say("owner", "/orchestrate approve");
    story.lose();
    let edit = PersonAct::Edit { number: IssueNumber(2), title: None, body: Some("Files: b.txt, now".to_owned()) };
    story.wait(Duration::from_secs(1));
    story.forge.person("owner", edit).expect("a person may");
    story.run();
    assert_eq!((story.task(1).verdict, story.task(2).attempts.len()), (Some(Verdict::Merged), 0));
    assert!(!story.task(2).is_approved(), "the text that was approved is another");
}

pub(crate) fn what_people_did_meanwhile_wins() {
    let mut story = Story::with(FILES, |settings| settings.auto_merge = false);
    story.issue(1, "One", "Files: a.txt").issue(2, "Two", "Files: b.txt").run();
    let (merged, closed) = (story.pull(1), story.pull(2));
    story.lose();
    story.forge.person("owner", PersonAct::Merge { number: PullNumber(merged) }).expect("merges");
    story.forge.person("owner", PersonAct::Close { number: IssueNumber(closed) }).expect("closes");
    story.run();
    assert_eq!(story.task(1).verdict, Some(Verdict::Merged));
    assert!(matches!(story.task(2).hold, Some(Hold::PullClosed { .. })), "{:?}", story.task(2).hold);
    nothing_twice(&story, "people acted");
    dispatched_once(&story, "people acted");
}

/// The pull request was opened after the plan was kept, and what was merged is not the work that the record names.
pub(crate) fn a_pull_request_merged_on_a_persons_head_is_found_again() {
    let mut story = Story::with(FILES, |settings| settings.auto_merge = false);
    story.issue(1, "One", "Files: a.txt").tick();
    story.work();
    story.tick();
    let number = PullNumber(story.pull(1));
    let kept = story.forge.file(STATE_BRANCH, "plan/t1.json").expect("kept with its brief");
    assert!(kept.contains("\"pull\":null"), "{kept}");
    story.wait(Duration::from_secs(1));
    story.forge.push("owner", "orchestrate/issue-1", &[Edit::append("a.txt", "mine\n")]).expect("pushes");
    story.forge.person("owner", PersonAct::Merge { number }).expect("merges");
    story.lose().run();
    assert_eq!((story.task(1).verdict, story.task(1).attempts.len()), (Some(Verdict::Merged), 1));
    nothing_twice(&story, "merged on a person's head");
}

/// #2 had left when the plan ended; the next plan is the one that it comes back to, whatever was lost in between.
pub(crate) fn an_ended_plan_stays_ended_and_who_had_left_it_begins_the_next() {
    let label = || "orchestrate".to_owned();
    let mut story = Story::with(FILES, |_| {});
    story.issue(1, "One", "Files: a.txt").issue(2, "Two", "Files: a.txt").tick();
    story.person("owner", PersonAct::Unlabel { number: IssueNumber(2), label: label() }).run();
    assert_eq!((story.held.plan.header.status, story.task(1).verdict), (PlanStatus::Ended, Some(Verdict::Merged)));
    assert!(story.task(2).left);
    story.minutes(2).lose().minutes(3);
    assert_eq!((story.held.plan.header.status, story.held.plan.header.number), (PlanStatus::Ended, 1));
    story.person("owner", PersonAct::Label { number: IssueNumber(2), label: label() }).run();
    assert_eq!((story.held.plan.header.number, story.task(2).verdict), (2, Some(Verdict::Merged)));
    assert_eq!(story.held.plan.tasks.len(), 1, "#1 is done");
    dispatched_once(&story, "the next plan");
}

/// Puts a text in place of the kept plan.
fn keep(story: &Story, text: &str) {
    story.forge.push("owner", STATE_BRANCH, &[Edit::write("plan.json", text)]).expect("pushed");
}

pub(crate) fn a_plan_that_cannot_be_read_stops_everything_until_it_is_mended() {
    let mut story = Story::with(FILES, |settings| settings.auto_merge = false);
    story.issue(1, "One", "Files: a.txt").run();
    let whole = story.forge.file(STATE_BRANCH, "plan.json").expect("it is kept");
    for spoiled in [whole.replace("\"schema\":2", "\"schema\":99"), "{".to_owned(), whole.replace("t1", "t7")] {
        keep(&story, &spoiled);
        let writes = story.lose().writes();
        story.minutes(3);
        assert_eq!(story.held.plan.header.status, PlanStatus::Rebuilding);
        assert_eq!(story.writes(), writes, "nothing is written on what cannot be read");
    }
    keep(&story, &whole);
    story.run();
    assert_eq!((story.task(1).stage, story.task(1).attempts.len()), (Stage::PrOpen, 1));
    nothing_twice(&story, "mended");
}

pub(crate) fn with_the_state_branch_lost_too_no_number_is_given_twice() {
    let mut story = Story::with(FILES, |settings| settings.auto_merge = false);
    story.issue(1, "One", "Files: a.txt").tick();
    story.claim();
    let tracking = story.tracking_number();
    story.forge.delete_branch("owner", STATE_BRANCH).expect("deleted");
    story.lose().minutes(3);
    assert_eq!(story.tracking_number(), tracking, "found by label, marker and author");
    story.run();
    let first = story.task(1).attempts.first().expect("it is tried again").id;
    assert_eq!(first.n, 2, "the first is taken by its record");
    let record = story.forge.file(&AttemptId { n: 1, ..first }.record_branch(), RECORD_FILE).expect("a record");
    assert!(Record::parse(record.as_bytes()).expect("readable").fenced.is_some(), "{record}");
    nothing_twice(&story, "the state branch is gone");
}

stories! {
    lost_at_any_boundary_the_plan_comes_to_the_same_end,
    approvals_counters_and_numbers_outlive_it,
    a_text_edited_meanwhile_needs_its_own_approval,
    what_people_did_meanwhile_wins,
    a_pull_request_merged_on_a_persons_head_is_found_again,
    an_ended_plan_stays_ended_and_who_had_left_it_begins_the_next,
    a_plan_that_cannot_be_read_stops_everything_until_it_is_mended,
    with_the_state_branch_lost_too_no_number_is_given_twice,
}
