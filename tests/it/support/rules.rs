//! What must hold after every turn of every story.

use std::collections::BTreeSet;

use task_orchestrator::engine::brief::Mode;
use task_orchestrator::engine::draft::Draft;
use task_orchestrator::engine::snapshot::OpenState;
use task_orchestrator::engine::task::{Stage, Verdict};
use task_orchestrator::engine::waits::{self, Status};
use task_orchestrator::forge::memory::MemoryForge;

use crate::support::Story;

/// Checks every rule.
pub(crate) fn check(story: &Story) {
    slots(story);
    verdicts(story);
    kinds(story);
    waits_are_named(story);
    keys_are_dispatched_once(story);
    // The world only changes where something was written.
    if story.writes_changed() {
        one_of_each(&story.forge);
    }
}

/// `max_parallel` holds at every instant, and the table of slots is what the rows say.
fn slots(story: &Story) {
    let plan = &story.held.plan;
    let live = plan.tasks.values().filter(|task| task.live().is_some()).count();
    assert!(live <= plan.header.settings.max_parallel as usize, "{live} attempts are live");
}

/// A verdict is given only when no attempt is live; what is settled holds no file; what is under way has an attempt.
fn verdicts(story: &Story) {
    for task in story.held.plan.tasks.values() {
        let live = task.live().is_some();
        assert!(!(live && task.verdict.is_some()), "{} has a verdict while an attempt is live", task.id);
        assert!(!(task.is_settled() && task.locked_since.is_some()), "{} is settled and holds files", task.id);
        let under_way = matches!(task.stage, Stage::Running | Stage::Stuck);
        assert!(!under_way || live, "{} is {} without an attempt", task.id, task.stage);
        let started = task.live().is_some_and(|attempt| attempt.dispatched_at.is_some());
        assert!(
            !started
                || task.locked_since.is_some()
                || task.live_planner().is_some()
                || task.cancel_asked
                || task.hold.is_some()
                || task.stage == Stage::Merged,
            "{} runs without its files",
            task.id
        );
    }
}

/// No run is of a kind that no worker knows.
fn kinds(story: &Story) {
    for attempt in story.held.plan.tasks.values().flat_map(|task| &task.attempts) {
        assert!(attempt.mode != Mode::Judge, "{:?} is a `{}` run", attempt.id, attempt.mode);
        assert!(attempt.mode != Mode::Plan || attempt.commit.is_none(), "{:?} is a planner run's work", attempt.id);
    }
}

/// Whoever is blocked says for what.
fn waits_are_named(story: &Story) {
    let draft = Draft::view(&story.held.plan, story.now);
    let locks = waits::locks(&draft);
    for task in draft.tasks() {
        let waits = waits::waits(&draft, &locks, task);
        let blocked = waits::status(task, &waits) == Status::Blocked;
        assert!(!blocked || !waits.is_empty(), "{} is blocked by nothing", task.id);
        assert!(!(blocked && task.verdict == Some(Verdict::Merged)), "{} is merged and blocked", task.id);
    }
}

/// At most one open pull request for each branch, and one open tracking issue.
fn one_of_each(forge: &MemoryForge) {
    let world = forge.world();
    let mut heads = BTreeSet::new();
    for (number, pull) in world.open_heads() {
        assert!(heads.insert(pull.head_branch.clone()), "#{number} is the second for {}", pull.head_branch);
    }
    let tracking = |labels: &[String]| labels.iter().any(|label| label == "orchestrate:tracking");
    let open = world.issues().filter(|entry| entry.issue.state == OpenState::Open && !entry.deleted);
    let bodies: Vec<&str> =
        open.filter(|entry| tracking(&entry.issue.labels)).map(|entry| entry.issue.body.as_str()).collect();
    for body in &bodies {
        assert!(body.chars().count() <= 65_536, "the tracking issue has {} characters", body.chars().count());
    }
}

/// No key makes two runs by our own dispatches.
fn keys_are_dispatched_once(story: &Story) {
    let mut keys = BTreeSet::new();
    for key in story.desk.dispatched() {
        assert!(keys.insert(key.clone()), "{key} was dispatched twice");
    }
}
