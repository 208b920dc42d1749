//! The base is brought into a pull request's branch before it is merged, whoever else writes there.

use std::time::Duration;

use task_orchestrator::engine::config::Settings;
use task_orchestrator::engine::event::{Event, Hint};
use task_orchestrator::engine::footprint::OverlapPolicy;
use task_orchestrator::engine::id::{IssueNumber, PullNumber};
use task_orchestrator::engine::snapshot::Conclusion;
use task_orchestrator::engine::task::Hold;
use task_orchestrator::engine::waits::Status;
use task_orchestrator::forge::memory::edit::Edit;
use task_orchestrator::forge::memory::fault::{Fault, Target};
use task_orchestrator::forge::memory::worker::Work;
use task_orchestrator::forge::world::request::PersonAct;
use task_orchestrator::github::{Error, Request};
use task_orchestrator::turn::Configuration;

use crate::pulls::{by_hand, check, checked, opened};
use crate::support::{Crash, Story};

fn brings_in(request: &Request) -> bool {
    matches!(request, Request::MergeBranch { .. })
}

/// One task up to its green pull request, whose base has gone on since its checks.
fn behind() -> Story {
    let mut story = opened(|settings| {
        by_hand(settings);
        checked(settings);
    });
    check(&mut story, 1, Conclusion::Success);
    story.forge.push("owner", "main", &[Edit::append("b.txt", "more\n")]).expect("pushes");
    story.minutes(1).expect(1, Status::PrOpen);
    story
}

pub(crate) fn the_base_is_brought_in_and_checked_before_a_merge() {
    for fault in [None, Some(Fault::AnswerLost), Some(Fault::Instead(Error::Unreachable { message: "cut".to_owned() }))]
    {
        let mut story = behind();
        let work = story.task(1).branch.clone();
        if let Some(fault) = fault {
            story.forge.plan_fault(Target::Call(brings_in), fault);
        }
        story.say("owner", "/orchestrate merge #1").minutes(2).expect(1, Status::PrOpen);
        assert_ne!(story.task(1).branch, work, "the base is in it");
        check(&mut story, 1, Conclusion::Success);
        story.run();
        story.expect(1, Status::Merged);
        assert_eq!((&story.task(1).hold, story.task(1).attempts.len()), (&None, 1));
    }
}

pub(crate) fn a_push_just_before_the_base_is_brought_in_is_a_persons() {
    for (moment, lost) in [(Crash::Before, false), (Crash::Before, true), (Crash::After, true)] {
        let mut story = behind();
        if lost {
            story.forge.plan_fault(Target::Call(brings_in), Fault::AnswerLost);
        }
        story.desk.meanwhile(moment, brings_in, |forge| {
            forge.push("owner", "orchestrate/issue-1", &[Edit::append("a.txt", "mine\n")]).expect("pushes");
        });
        story.say("owner", "/orchestrate merge #1").minutes(2).expect(1, Status::Blocked);
        assert!(matches!(story.task(1).hold, Some(Hold::Theirs { .. })), "{moment:?} {lost}: {:?}", story.task(1).hold);
        // Whoever asked for the merge asked for it once it is green, whoever pushes meanwhile.
        check(&mut story, 1, Conclusion::Success);
        story.run();
        story.expect(1, Status::Merged);
        assert!(story.forge.file("main", "a.txt").expect("there").contains("mine"));
    }
}

/// An update that did not reach GitHub comes again; by then the branch is seen to be a person's.
pub(crate) fn an_update_that_comes_again_leaves_what_a_person_pushed_meanwhile() {
    let mut story = behind();
    let settings = Settings { auto_merge: true, ..story.deployment.configuration.settings().clone() };
    story.deployment.configuration = Configuration::Fixed(Box::new(settings));
    for _ in 0..2 {
        let cut = Error::Unreachable { message: "cut".to_owned() };
        story.forge.plan_fault(Target::Call(brings_in), Fault::Instead(cut));
    }
    story.minutes(1).expect(1, Status::PrOpen);
    assert!(story.held.plan.outbox.keys().any(|key| key.0 == "update:t1"), "it is to come again");
    let theirs = story.forge.push("owner", "orchestrate/issue-1", &[Edit::append("a.txt", "mine\n")]).expect("pushes");
    story.wait(Duration::from_secs(1));
    let pull = PullNumber(story.pull(1));
    story.turn(vec![Event::Hint(Hint::Pull(pull))]);
    story.minutes(2).expect(1, Status::Blocked);
    assert!(matches!(&story.task(1).hold, Some(Hold::Theirs { head }) if *head == theirs), "{:?}", story.task(1).hold);
    assert_eq!(story.forge.branch("orchestrate/issue-1"), Some(theirs));
}

pub(crate) fn a_base_that_may_not_be_brought_in_is_tried_once_each_time_a_person_asks() {
    let mut story = behind();
    for _ in 0..2 {
        let denied = Error::Denied { message: "not accessible".to_owned() };
        story.forge.plan_fault(Target::Call(brings_in), Fault::Instead(denied));
    }
    for asked in 1..=2 {
        story.say("owner", "/orchestrate merge #1").minutes(5).expect(1, Status::Blocked);
        let hold = &story.task(1).hold;
        assert!(matches!(hold, Some(Hold::PublishRefused { message }) if message.contains("not accessible")));
        assert_eq!(story.desk.failed(), asked);
    }
    story.say("owner", "/orchestrate merge #1").minutes(2).expect(1, Status::PrOpen);
    check(&mut story, 1, Conclusion::Success);
    story.run().expect(1, Status::Merged);
}

fn reads_base(request: &Request) -> bool {
    matches!(request, Request::Branch { branch } if branch == "main")
}

/// Each appends to the file, so that the second conflicts where it begins without the first.
pub(crate) fn what_waited_for_a_merge_begins_on_it_even_where_reads_lag() {
    let workflow = (".github/workflows/task.yml", "name: task\n");
    let mut story = Story::new(&[("a.txt", "a\n"), workflow]);
    let settings = Settings { max_parallel: 3, ..story.deployment.configuration.settings().clone() };
    story.deployment.configuration = Configuration::Repository(Box::new(settings));
    story.issue(1, "One", "Files: a.txt").issue(2, "Two", "Files: a.txt").tick();
    story.desk.freeze(Some(reads_base));
    story.tick();
    let change = Edit::write(".github/orchestrator.yml", "max_parallel: 7\n");
    story.forge.push("owner", "main", &[change]).expect("pushes");
    story.work();
    story.tick().tick().tick().expect(1, Status::Merged).expect(2, Status::Running);
    assert_eq!(Some(&story.task(2).attempts[0].base), story.forge.branch("main").as_ref(), "the first one's merge");
    assert_eq!(story.held.plan.header.settings.max_parallel, 7, "what stands on our merge is read, wherever reads lag");
    story.desk.freeze(None);
    story.run();
    story.expect(2, Status::Merged);
    assert_eq!(story.task(2).attempts.len(), 1, "nothing conflicted");
    assert_eq!(story.held.plan.header.settings.max_parallel, 7);
}

pub(crate) fn a_rerun_that_github_refused_counts_once_however_often_its_pull_request_is_opened_again() {
    let mut story = Story::with(&[("a.txt", "a\n")], |settings| {
        by_hand(settings);
        settings.overlap = OverlapPolicy::Off;
    });
    story.script(|brief| Work::Changed(vec![Edit::write("a.txt", &format!("{}\n", brief.key.id.n))]));
    story.issue(1, "One", "").run();
    let dispatch = Target::Call(|request| matches!(request, Request::DispatchWorkflow { .. }));
    for _ in 0..2 {
        story.forge.plan_fault(dispatch, Fault::Instead(Error::Denied { message: "not accessible".to_owned() }));
    }
    story.forge.push("owner", "main", &[Edit::write("a.txt", "another\n")]).expect("pushes");
    story.minutes(1).expect(1, Status::Blocked);
    let number = IssueNumber(story.pull(1));
    for _ in 0..2 {
        assert!(matches!(story.task(1).hold, Some(Hold::DispatchRefused { .. })), "{:?}", story.task(1).hold);
        assert_eq!((story.task(1).counters.conflict_reruns, story.task(1).attempts.len()), (1, 1));
        story.person("owner", PersonAct::Close { number }).person("owner", PersonAct::Reopen { number }).minutes(1);
    }
    story.run().expect(1, Status::PrOpen);
    assert_eq!((story.task(1).counters.conflict_reruns, story.task(1).attempts.len()), (1, 2));
}

stories! {
    a_rerun_that_github_refused_counts_once_however_often_its_pull_request_is_opened_again,
    what_waited_for_a_merge_begins_on_it_even_where_reads_lag,
    the_base_is_brought_in_and_checked_before_a_merge,
    a_base_that_may_not_be_brought_in_is_tried_once_each_time_a_person_asks,
    an_update_that_comes_again_leaves_what_a_person_pushed_meanwhile,
    a_push_just_before_the_base_is_brought_in_is_a_persons,
}
