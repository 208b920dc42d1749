//! The step itself: the same input gives the same bytes, and what is told twice changes nothing.

use std::time::Duration;

use task_orchestrator::engine::config::ApprovalPolicy;
use task_orchestrator::engine::draft::Draft;
use task_orchestrator::engine::event::{Event, Fact, Hint};
use task_orchestrator::engine::id::{IssueNumber, Login, Owner, PullNumber};
use task_orchestrator::engine::plan::Plan;
use task_orchestrator::engine::render;
use task_orchestrator::engine::snapshot::{Actor, BodyEdit, Conclusion};
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
fn a_tick_nobody_can_be_told_for_is_put_back_with_a_line() {
    let mut story = Story::with(FILES, |settings| settings.approval = ApprovalPolicy::Ask);
    story.issue(1, "One", "Files: a.txt").tick().wait(Duration::from_secs(60)).tick();
    let number = IssueNumber(story.tracking_number());
    let mut issue = story.forge.world().issue(number).expect("there").issue.clone();
    issue.body = issue.body.replacen("- [ ] <!-- orchestrate: approve", "- [x] <!-- orchestrate: approve", 1);
    let by = |login: Option<&str>| BodyEdit {
        editor: login.map(|login| Actor { login: Login::new(login), bot: false }),
        at: story.now,
        body: None,
    };
    for (edits, known) in [
        (vec![by(Some("ann")), by(Some("bob"))], false),
        (vec![by(Some("ann")), by(None)], false),
        (vec![by(None)], false),
        (Vec::new(), false),
        (vec![by(Some("ann")), by(Some("ANN"))], true),
    ] {
        let fact = Fact::Tracking(number, Some(Box::new(issue.clone())), Some(edits), Vec::new());
        let mut plan = story.held.plan.clone();
        let events = [Event::Fact(Box::new(fact))];
        plan.apply(step(&plan, &events, story.now, &Owner::new("pure")).changes);
        assert_eq!(plan.header.acts.len(), usize::from(known));
        let shown = render::tracking(&Draft::view(&plan, story.now), render::BODY_CHARACTERS_MAX);
        assert_eq!(shown.contains("Please comment `/orchestrate approve #1`"), !known, "{shown}");
        assert!(!shown.contains("[x]"), "the box is put back");
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
