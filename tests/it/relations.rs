//! GitHub's own relations between issues: read, and written where that is asked for; and the tracking issue's place.

use std::time::Duration;

use task_orchestrator::engine::config::{ApprovalPolicy, Dependencies};
use task_orchestrator::engine::id::IssueNumber;
use task_orchestrator::engine::waits::Status;
use task_orchestrator::forge::memory::fault::{Fault, Target};
use task_orchestrator::forge::world::request::PersonAct;
use task_orchestrator::github::{Error, Request};

use crate::support::{START, Story};

const FILES: &[(&str, &str)] = &[("a.txt", "a\n"), ("b.txt", "b\n"), ("c.txt", "c\n")];
const BEHIND: &str = "Files: b.txt\n\nDepends on: #1";

/// Issue 2 states that it depends on 1; a person has to approve.
fn stated(dependencies: Dependencies) -> Story {
    let mut story = Story::with(FILES, |settings| {
        settings.approval = ApprovalPolicy::Ask;
        settings.dependencies = dependencies;
    });
    story.issue(1, "One", "Files: a.txt").issue(2, "Two", BEHIND).issue(3, "Three", "Files: c.txt").tick();
    story
}

fn blockers(story: &Story, number: u64) -> Vec<u64> {
    let world = story.forge.world();
    let entry = world.issue(IssueNumber(number)).expect("an issue");
    entry.blocked_by.iter().map(|issue| issue.0).collect()
}

fn blocked(by: u64, blocked: bool) -> PersonAct {
    PersonAct::BlockedBy { number: IssueNumber(2), by: IssueNumber(by), blocked }
}

pub(crate) fn dependencies_of_approved_texts_become_githubs_own_where_that_is_asked_for() {
    let mut story = stated(Dependencies::WriteBack);
    story.minutes(2);
    assert_eq!(blockers(&story, 2), [] as [u64; 0], "nobody has approved the text");
    story.say("owner", "/orchestrate approve").minutes(2);
    assert_eq!(blockers(&story, 2), [1]);
    assert_eq!(story.task(2).blocked_by, [IssueNumber(1)], "it is read like any other");
    let mut silent = stated(Dependencies::Read);
    silent.say("owner", "/orchestrate approve").minutes(2).expect(2, Status::Blocked);
    assert_eq!(blockers(&silent, 2), [] as [u64; 0]);
}

pub(crate) fn a_relation_that_a_person_took_away_is_not_put_back() {
    let mut story = stated(Dependencies::WriteBack);
    story.say("owner", "/orchestrate approve").minutes(2);
    story.person("owner", blocked(1, false)).minutes(5).expect(2, Status::Blocked);
    assert_eq!(blockers(&story, 2), [] as [u64; 0]);
}

pub(crate) fn a_line_taken_out_takes_its_own_relation_along_and_no_other() {
    let mut story = stated(Dependencies::WriteBack);
    story.say("owner", "/orchestrate approve").minutes(2);
    story.person("owner", blocked(3, true)).minutes(2);
    assert_eq!(blockers(&story, 2), [1, 3]);
    let body = Some("Files: b.txt".to_owned());
    story.person("owner", PersonAct::Edit { number: IssueNumber(2), title: None, body }).minutes(2);
    story.say("owner", "/orchestrate approve #2").minutes(2);
    assert_eq!(blockers(&story, 2), [3]);
}

/// GitHub's content is used up when the relation is to be written, and the task is given up before there is some again.
pub(crate) fn a_relation_that_could_not_be_written_in_time_is_not_written_late() {
    for (word, related) in [("/orchestrate cancel #2", vec![]), ("/orchestrate status", vec![1])] {
        let mut story = stated(Dependencies::WriteBack);
        let until = START + Duration::from_secs(30 * 60);
        let relation = Target::Call(|request| matches!(request, Request::Relate { .. }));
        story.forge.plan_fault(relation, Fault::Instead(Error::OverBudget { until }));
        story.say("owner", "/orchestrate approve").minutes(2);
        assert_eq!(blockers(&story, 2), [] as [u64; 0], "put off");
        story.say("owner", word).minutes(40);
        assert_eq!(blockers(&story, 2), related, "after {word}");
    }
}

pub(crate) fn an_issue_waits_for_its_sub_issues() {
    let mut story = Story::new(FILES);
    story.issue(1, "Above", "Files: a.txt").issue(2, "Below", "Files: b.txt");
    let child = |added: bool| PersonAct::SubIssue { number: IssueNumber(1), child: IssueNumber(2), added };
    story.person("owner", child(true)).tick().expect(1, Status::Blocked).expect(2, Status::Running);
    story.run().expect(1, Status::Merged).expect(2, Status::Merged);
}

pub(crate) fn a_pin_that_github_refuses_is_told_and_nothing_else_waits_for_it() {
    let mut story = Story::new(FILES);
    let refused = Error::Invalid { message: "Maximum 3 pinned issues per repository".to_owned() };
    let pin = Target::Call(|request| matches!(request, Request::Pin { pinned: true, .. }));
    story.forge.plan_fault(pin, Fault::Instead(refused));
    story.issue(1, "One", "Files: a.txt").tick().minutes(1);
    assert!(story.tracking().contains("not pinned") && story.tracking().contains("Maximum 3"), "{}", story.tracking());
    story.run().expect(1, Status::Merged);
}

pub(crate) fn a_tracking_issue_that_somebody_deleted_is_told_of_in_the_next() {
    let mut story = Story::with(FILES, |settings| settings.auto_merge = false);
    story.issue(1, "One", "Files: a.txt").run();
    let first = story.tracking_number();
    story.person("owner", PersonAct::Delete { number: IssueNumber(first) }).run();
    assert!(story.tracking().contains(&format!("takes the place of #{first}")), "{}", story.tracking());
}

stories! {
    dependencies_of_approved_texts_become_githubs_own_where_that_is_asked_for,
    a_relation_that_a_person_took_away_is_not_put_back,
    a_line_taken_out_takes_its_own_relation_along_and_no_other,
    a_relation_that_could_not_be_written_in_time_is_not_written_late,
    an_issue_waits_for_its_sub_issues,
    a_pin_that_github_refuses_is_told_and_nothing_else_waits_for_it,
    a_tracking_issue_that_somebody_deleted_is_told_of_in_the_next,
}
