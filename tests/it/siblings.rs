//! Finished work is merged for a try, against the base and against what its siblings have finished: what would conflict
//! is told, who is nearer to the merge goes first, and the other is brought onto the base before it is shown.

use std::collections::BTreeSet;

use task_orchestrator::engine::attempt::AttemptOutcome;
use task_orchestrator::engine::brief::{Brief, Mode};
use task_orchestrator::engine::config::Settings;
use task_orchestrator::engine::footprint::OverlapPolicy;
use task_orchestrator::engine::id::{IssueNumber, PullNumber};
use task_orchestrator::engine::rest::{Rest, rest};
use task_orchestrator::engine::task::{Hold, Stage, Verdict};
use task_orchestrator::engine::time::Span;
use task_orchestrator::engine::waits::Status;
use task_orchestrator::forge::memory::{edit::Edit, worker::Work};
use task_orchestrator::forge::world::request::PersonAct;

use crate::support::Story;

const LINES: &str = "one\ntwo\nthree\nfour\nfive\nsix\nseven\n";
const FILES: &[(&str, &str)] = &[("a.txt", LINES), ("b.txt", "b\n"), ("c.txt", "c\n")];

fn by_hand(settings: &mut Settings) {
    settings.auto_merge = false;
}

/// Only dependencies order: nothing else keeps two tasks from one file.
fn unordered(settings: &mut Settings) {
    settings.auto_merge = false;
    settings.overlap = OverlapPolicy::Off;
}

/// A line of `a.txt` in other words.
fn changed(line: &str, to: &str) -> Work {
    Work::Changed(vec![Edit::write("a.txt", &LINES.replace(line, to))])
}

/// Two tasks at work side by side, the first one's work finished and shown.
fn beside(settings: fn(&mut Settings)) -> (Story, task_orchestrator::engine::id::RunId) {
    let mut story = Story::with(FILES, settings);
    story.issue(1, "One", "See `b.txt`").issue(2, "Two", "See `c.txt`").tick();
    let [first, second] = story.forge.queued_runs()[..] else { panic!("two runs") };
    assert!(story.forge.claim(first).expect("claims") && story.forge.claim(second).expect("claims"));
    story.forge.finish_run(first, changed("three", "by one")).expect("ends");
    story.minutes(1).expect(1, Status::PrOpen);
    (story, second)
}

/// The same, with the second one's work finished too, on the same line.
fn conflicting(settings: fn(&mut Settings)) -> Story {
    let (mut story, second) = beside(settings);
    story.forge.finish_run(second, changed("three", "by two")).expect("ends");
    // The tracking issue is not written more than once a minute.
    story.minutes(2);
    story
}

fn merged_by_a_person(story: &mut Story, issue: u64) {
    let number = PullNumber(story.pull(issue));
    story.person("owner", PersonAct::Merge { number }).minutes(1);
}

/// The brief of the only queued run.
fn brief(story: &Story) -> Brief {
    let runs = story.forge.queued_runs();
    assert_eq!(runs.len(), 1, "{:?}", story.statuses());
    story.forge.brief(runs[0]).expect("a brief")
}

pub(crate) fn who_conflicts_with_an_open_pull_request_waits_for_it_and_is_brought_onto_its_merge() {
    for settings in [unordered, by_hand] {
        let mut story = conflicting(settings);
        story.expect(2, Status::Complete);
        assert!(story.task(2).pull.is_none() && story.task(2).branch.is_none(), "nothing of it is shown");
        let (tracking, pull) = (story.tracking(), story.pull(1));
        assert!(tracking.contains("would conflict with #1 in `a.txt`"), "{tracking}");
        assert!(tracking.contains(&format!("pull request #{pull}")), "{tracking}");
        merged_by_a_person(&mut story, 1);
        let told = brief(&story);
        let work = story.task(2).work.as_ref().expect("finished").commit.clone();
        assert_eq!((told.mode, &told.start), (Mode::Rebase, &work));
        assert_eq!(Some(&told.base), story.forge.branch("main").as_ref(), "onto what was merged");
        let text = &told.prompt.task;
        assert!(
            text.contains("conflicts in `a.txt`") && text.contains(&format!("#1 One, pull request #{pull}")),
            "{text}"
        );
        assert!(text.contains("-three\n+by one"), "the other's change is told: {text}");
        story.work();
        story.minutes(1).expect(2, Status::PrOpen);
        assert_eq!(story.task(2).counters.conflict_reruns, 1);
        let outcomes: Vec<_> = story.task(2).attempts.iter().map(|attempt| attempt.outcome).collect();
        assert_eq!(outcomes, [Some(AttemptOutcome::Conflict), Some(AttemptOutcome::Changed)]);
        merged_by_a_person(&mut story, 2);
        let text = story.forge.file("main", "a.txt").expect("there");
        assert!(text.contains("by one") && text.contains("by two"), "{text}");
    }
}

/// S1 says that who was dispatched first goes on; but the other's pull request is open, and nearer to its merge.
pub(crate) fn a_pull_request_that_is_open_goes_before_who_was_dispatched_first() {
    let mut story = Story::with(FILES, by_hand);
    story.issue(1, "One", "See `b.txt`").issue(2, "Two", "See `c.txt`").tick();
    let [first, second] = story.forge.queued_runs()[..] else { panic!("two runs") };
    assert!(story.forge.claim(first).expect("claims") && story.forge.claim(second).expect("claims"));
    story.forge.finish_run(second, changed("three", "by two")).expect("ends");
    story.minutes(1).expect(2, Status::PrOpen);
    story.forge.finish_run(first, changed("three", "by one")).expect("ends");
    story.minutes(1).expect(1, Status::Complete);
    assert!(story.task(1).locked_since < story.task(2).locked_since && story.task(1).pull.is_none());
    merged_by_a_person(&mut story, 2);
    assert_eq!(brief(&story).mode, Mode::Rebase);
    story.work();
    story.minutes(1).expect(1, Status::PrOpen);
}

pub(crate) fn what_merges_is_shown_side_by_side_and_each_pair_is_tried_once() {
    let (mut story, second) = beside(unordered);
    story.forge.finish_run(second, changed("six", "by two")).expect("ends");
    story.minutes(1).expect(2, Status::PrOpen);
    assert!(!story.tracking().contains("would conflict"), "{}", story.tracking());
    let tried = story.desk.tried();
    let pairs: BTreeSet<_> = tried.iter().map(|(one, other)| BTreeSet::from([one, other])).collect();
    assert_eq!(pairs.len(), tried.len(), "each pair once");
    // Each one's work onto the base, and the second beside the first.
    assert_eq!(tried.len(), 3, "{tried:?}");
    story.minutes(5);
    assert_eq!(story.desk.tried().len(), 3, "nothing moved, nothing is asked");
}

pub(crate) fn work_that_touches_no_file_of_anothers_is_tried_against_the_base_alone() {
    let mut story = Story::with(FILES, by_hand);
    story.issue(1, "One", "Files: a.txt").issue(2, "Two", "Files: b.txt").issue(3, "Three", "Files: c.txt").tick();
    story.work();
    story.minutes(1).expect(1, Status::PrOpen).expect(2, Status::PrOpen).expect(3, Status::PrOpen);
    let base = story.forge.branch("main").expect("there");
    let tried = story.desk.tried();
    assert_eq!(tried.len(), 3);
    assert!(tried.iter().all(|(_, theirs)| *theirs == base), "{tried:?}");
}

pub(crate) fn a_base_that_moved_meanwhile_is_met_before_the_pull_request_and_not_in_it() {
    let mut story = Story::with(FILES, by_hand);
    story.issue(1, "One", "Files: a.txt").tick();
    let run = story.claim();
    let text = LINES.replace("three", "by the owner");
    story.forge.push("owner", "main", &[Edit::write("a.txt", &text)]).expect("pushes");
    story.forge.finish_run(run, changed("three", "by one")).expect("ends");
    story.minutes(1).expect(1, Status::Running);
    let told = brief(&story);
    assert_eq!(told.mode, Mode::Rebase);
    assert!(story.task(1).pull.is_none() && told.prompt.task.contains("+by the owner"), "{}", told.prompt.task);
    let error = &story.task(1).attempts[0].error;
    assert_eq!(error, "the work does not merge with its base: `a.txt`");
    story.work();
    story.minutes(1).expect(1, Status::PrOpen);
    let text = story.forge.file("orchestrate/issue-1", "a.txt").expect("there");
    assert!(text.contains("by one") && text.contains("by the owner"), "{text}");
}

pub(crate) fn a_lost_database_changes_nothing_of_who_goes_first() {
    let (mut story, second) = beside(unordered);
    story.forge.finish_run(second, changed("three", "by two")).expect("ends");
    story.minutes(1).expect(2, Status::Complete);
    story.minutes(2).lose().minutes(5).expect(1, Status::PrOpen).expect(2, Status::Complete);
    assert!(story.tracking().contains("would conflict with #1 in `a.txt`"), "{}", story.tracking());
    merged_by_a_person(&mut story, 1);
    story.lose().minutes(5);
    story.work();
    // What could stand twice is looked for first.
    story.minutes(5).expect(2, Status::PrOpen);
    assert_eq!((story.task(2).counters.conflict_reruns, story.task(2).attempts.len()), (1, 2));
}

pub(crate) fn a_pull_request_that_a_person_closes_holds_nobody_up() {
    let mut story = conflicting(by_hand);
    let number = IssueNumber(story.pull(1));
    story.person("owner", PersonAct::Close { number }).minutes(1);
    story.expect(1, Status::Blocked).expect(2, Status::PrOpen);
    assert!(!story.tracking().contains("would conflict"), "{}", story.tracking());
    // Opened again it has the lower number and goes first; the other is told so, and is not merged by us meanwhile.
    story.person("owner", PersonAct::Reopen { number }).minutes(1);
    story.expect(1, Status::PrOpen).expect(2, Status::PrOpen);
    let tracking = story.tracking();
    assert!(tracking.contains("checks ran, would conflict with #1 in `a.txt`"), "{tracking}");
}

pub(crate) fn auto_merge_takes_the_lower_number_first_and_waits_for_a_person_by_name() {
    let mut story = conflicting(by_hand);
    let number = IssueNumber(story.pull(1));
    story.person("owner", PersonAct::Close { number }).minutes(1).expect(2, Status::PrOpen);
    story.person("owner", PersonAct::Reopen { number }).minutes(1);
    // A person has the first one: it is theirs to merge.
    let push = [Edit::append("b.txt", "mine\n")];
    story.forge.push("owner", "orchestrate/issue-1", &push).expect("pushes");
    story.minutes(1);
    assert!(matches!(story.task(1).hold, Some(Hold::Theirs { .. })));
    let settings = Settings { auto_merge: true, ..story.deployment.configuration.settings().clone() };
    story.deployment.configuration = task_orchestrator::turn::Configuration::Fixed(Box::new(settings));
    story.minutes(10).expect(2, Status::PrOpen);
    assert!(story.tracking().contains("(somebody pushed to its branch: it is theirs now)"), "{}", story.tracking());
    let resting = rest(&story.held.plan, story.now);
    assert!(matches!(&resting, Rest::NeedsPerson(wanted) if wanted[0].0.0 == 1), "{resting:?}");
    story.say("owner", "/orchestrate merge #1").run();
    story.expect(1, Status::Merged).expect(2, Status::Merged);
    assert_eq!(story.task(2).counters.conflict_reruns, 1);
}

pub(crate) fn a_persons_word_to_merge_counts_whoever_goes_first() {
    let mut story = conflicting(by_hand);
    let number = IssueNumber(story.pull(1));
    story.person("owner", PersonAct::Close { number }).minutes(1);
    story.person("owner", PersonAct::Reopen { number }).minutes(1);
    story.say("owner", "/orchestrate merge #2").minutes(2).expect(2, Status::Merged);
    assert_eq!(brief(&story).key.id.issue, IssueNumber(1), "the other one is brought onto it");
}

pub(crate) fn a_winner_whose_checks_fail_holds_nobody_up_where_nothing_is_locked() {
    let mut story = conflicting(|settings| {
        unordered(settings);
        settings.checks_grace = Span::minutes(30);
    });
    story.expect(2, Status::Complete);
    crate::pulls::check(&mut story, 1, task_orchestrator::engine::snapshot::Conclusion::Failure);
    story.minutes(1);
    assert!(matches!(story.task(1).stage, Stage::Error | Stage::Running), "{:?}", story.task(1).stage);
    story.minutes(1).expect(2, Status::PrOpen);
}

pub(crate) fn whoever_conflicts_too_often_goes_to_a_person_with_both_sides() {
    let mut story = conflicting(|settings| {
        by_hand(settings);
        settings.conflict_reruns = 0;
    });
    merged_by_a_person(&mut story, 1);
    assert_eq!(story.task(2).verdict, Some(Verdict::Escalated));
    let said = story.comments(2).join("\n");
    for words in [
        "the work does not merge with its base: `a.txt`, changed meanwhile by #1",
        "Its work and the base conflict in `a.txt`.",
        "What the base changed there meanwhile, by #1",
        "-three\n+by one",
        "What this task's work changed there",
        "-three\n+by two",
    ] {
        assert!(said.contains(words), "{words}: {said}");
    }
    // One more attempt begins at the base, where the other's work is.
    story.script(|_| Work::Changed(vec![Edit::append("a.txt", "by two\n")]));
    story.say("owner", "/orchestrate retry #2").run();
    story.expect(2, Status::PrOpen);
}

pub(crate) fn credentials_are_in_no_side_of_a_conflict() {
    let mut story = Story::with(FILES, by_hand);
    story.issue(1, "One", "Files: a.txt").tick();
    let run = story.claim();
    let token = format!("ghp_{}", "a1".repeat(18));
    let text = LINES.replace("three", &format!("token {token}"));
    story.forge.push("owner", "main", &[Edit::write("a.txt", &text)]).expect("pushes");
    story.forge.finish_run(run, changed("three", "by one")).expect("ends");
    story.minutes(1);
    let told = brief(&story);
    assert!(told.prompt.task.contains("+token ***") && !told.prompt.task.contains(&token), "{}", told.prompt.task);
}

pub(crate) fn paths_are_told_as_data() {
    let path = "docs/`@everyone` <!-- x -->.md";
    let mut story = Story::with(&[(path, "one\n"), ("b.txt", "b\n")], by_hand);
    story.issue(1, "One", "See `b.txt`").tick();
    let run = story.claim();
    story.forge.push("owner", "main", &[Edit::write(path, "two\n")]).expect("pushes");
    story.forge.finish_run(run, Work::Changed(vec![Edit::write(path, "three\n")])).expect("ends");
    story.minutes(1);
    assert!(brief(&story).prompt.task.contains("conflicts in `docs/@everyone <!-- x -->.md`."));
}

pub(crate) fn git_out_of_reach_shows_nothing_untried_and_is_asked_again() {
    let (mut story, second) = beside(unordered);
    story.desk.git_unreachable(true);
    story.forge.finish_run(second, changed("three", "by two")).expect("ends");
    story.minutes(3).expect(2, Status::Complete);
    story.desk.git_unreachable(false);
    story.minutes(1).expect(2, Status::Complete);
    assert!(story.tracking().contains("would conflict with #1"), "{}", story.tracking());
}

stories! {
    who_conflicts_with_an_open_pull_request_waits_for_it_and_is_brought_onto_its_merge,
    a_pull_request_that_is_open_goes_before_who_was_dispatched_first,
    what_merges_is_shown_side_by_side_and_each_pair_is_tried_once,
    work_that_touches_no_file_of_anothers_is_tried_against_the_base_alone,
    a_base_that_moved_meanwhile_is_met_before_the_pull_request_and_not_in_it,
    a_lost_database_changes_nothing_of_who_goes_first,
    a_pull_request_that_a_person_closes_holds_nobody_up,
    auto_merge_takes_the_lower_number_first_and_waits_for_a_person_by_name,
    a_persons_word_to_merge_counts_whoever_goes_first,
    a_winner_whose_checks_fail_holds_nobody_up_where_nothing_is_locked,
    whoever_conflicts_too_often_goes_to_a_person_with_both_sides,
    credentials_are_in_no_side_of_a_conflict,
    paths_are_told_as_data,
    git_out_of_reach_shows_nothing_untried_and_is_asked_again,
}
