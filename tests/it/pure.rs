//! The step itself: the same input gives the same bytes, and what is told twice changes nothing.

use std::time::Duration;

use task_orchestrator::engine::event::{Event, Fact, Hint};
use task_orchestrator::engine::id::{IssueNumber, Owner, PullNumber};
use task_orchestrator::engine::plan::Plan;
use task_orchestrator::engine::snapshot::Conclusion;
use task_orchestrator::engine::step::step;
use task_orchestrator::forge::memory::worker::Work;

use crate::support::{Story, touch_declared};

const FILES: &[(&str, &str)] = &[("a.txt", "a\n"), ("b.txt", "b\n")];

/// Plans from the middle of a life, with the moment they stood at.
fn moments() -> Vec<(Plan, task_orchestrator::engine::time::Timestamp)> {
    let mut story = Story::with(FILES, |settings| settings.auto_merge = false);
    story.script(|brief| match (brief.issue.0, brief.key.id.n) {
        (2, 1) => Work::Failed("no".to_owned()),
        (3, _) => Work::Lost(Conclusion::Failure),
        _ => touch_declared(brief),
    });
    story.issue(1, "One", "Files: a.txt").issue(2, "Two", "Files: b.txt").issue(3, "Three", "Files: c.txt");
    let mut plans = Vec::new();
    for round in 0..12 {
        story.tick();
        plans.push((story.held.plan.clone(), story.now));
        story.work();
        story.wait(Duration::from_secs(7));
        if round == 8 {
            story.say("owner", "/orchestrate cancel #2");
        }
    }
    plans
}

fn events() -> Vec<Event> {
    vec![
        Event::Resumed,
        Event::Tick,
        Event::Hint(Hint::Issue(IssueNumber(1))),
        Event::Hint(Hint::Pull(PullNumber(5))),
        Event::Fact(Box::new(Fact::Issue(IssueNumber(3), None))),
        Event::Fact(Box::new(Fact::Comments(Vec::new()))),
    ]
}

#[test]
fn the_same_input_gives_the_same_bytes_and_leaves_the_plan_alone() {
    let owner = Owner::new("pure");
    for (plan, now) in moments() {
        let before = plan.clone();
        let first = step(&plan, &events(), now, &owner);
        let second = step(&plan, &events(), now, &owner);
        assert_eq!(format!("{first:?}"), format!("{second:?}"));
        assert_eq!(plan, before);
    }
}

#[test]
fn what_is_told_twice_changes_nothing() {
    let owner = Owner::new("pure");
    for (plan, now) in moments() {
        for event in events() {
            let mut once = plan.clone();
            once.apply(step(&plan, std::slice::from_ref(&event), now, &owner).changes);
            let again = step(&once, std::slice::from_ref(&event), now, &owner);
            // A loop that begins anew takes over what may have been sent: that alone may change, and only once.
            let mut twice = once.clone();
            twice.apply(again.changes);
            assert_eq!(twice.tasks, once.tasks, "{event:?}");
            assert_eq!(twice.header, once.header, "{event:?}");
            assert_eq!(twice.numbers, once.numbers, "{event:?}");
        }
    }
}
