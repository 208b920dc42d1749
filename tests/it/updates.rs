//! The base is brought into a pull request's branch before it is merged, whoever else writes there.

use task_orchestrator::engine::snapshot::Conclusion;
use task_orchestrator::engine::task::Hold;
use task_orchestrator::engine::waits::Status;
use task_orchestrator::forge::memory::edit::Edit;
use task_orchestrator::forge::memory::fault::{Fault, Target};
use task_orchestrator::github::{Error, Request};

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

stories! {
    the_base_is_brought_in_and_checked_before_a_merge,
    a_push_just_before_the_base_is_brought_in_is_a_persons,
}
