//! Runs that events and the clock start, and groups in which one works at a time.

use super::*;
use crate::engine::snapshot::{Conclusion, Progress};
use crate::forge::world::request::RunnerAct;
use crate::forge::world::setup::Triggers;
use crate::forge::world::state::RunEntry;

const WAKING: &str = "orchestrate.yml";
const CLOCK: &str = "heartbeat.yml";

/// The same world with a workflow that issues and pushes start, and one that the clock does, in one group.
fn waking() -> World {
    let mut world = world();
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    let facts = |triggers: Triggers| WorkflowFacts {
        name: "wake".to_owned(),
        jobs: vec![JobFacts { id: "handle".to_owned(), name: "handle".to_owned(), needs: Vec::new() }],
        triggers,
        group: Some("orchestrate".to_owned()),
        ..WorkflowFacts::default()
    };
    let events = Triggers { issues: words(&["labeled", "edited"]), push: words(&["main"]), ..Triggers::default() };
    let clock = Triggers { dispatch: false, every_minutes: Some(30), ..Triggers::default() };
    for (file, triggers) in [(WAKING, events), (CLOCK, clock)] {
        let seed = SeedAct::Workflow { file: file.to_owned(), facts: facts(triggers) };
        world.apply(Request::Seed(seed), START).response.expect("seeded");
    }
    world
}

fn by(world: &mut World, login: &str, bot: bool, label: &str) {
    let actor = Actor { login: Login::new(login), bot };
    let act = PersonAct::Label { number: IssueNumber(1), label: label.to_owned() };
    world.apply(Request::Person { actor, act, git: None }, START).response.expect("labels");
}

fn runs(world: &World) -> Vec<(String, String, Progress, Option<Conclusion>)> {
    let of = |run: &RunEntry| (run.workflow.clone(), run.event.name.clone(), run.progress, run.conclusion);
    world.runs().map(of).collect()
}

fn queued(workflow: &str, event: &str) -> (String, String, Progress, Option<Conclusion>) {
    (workflow.to_owned(), event.to_owned(), Progress::Queued, None)
}

fn pushed(world: &mut World, login: &str, branch: &str, after: &str) {
    let actor = Actor { login: Login::new(login), bot: login.ends_with("[bot]") };
    let push = Request::Pushed { actor, branch: branch.to_owned(), before: None, after: Some(sha(after)) };
    world.apply(push, START).response.expect("pushed");
}

#[test]
fn what_people_and_apps_do_starts_what_waits_for_it_and_a_jobs_own_token_nothing() {
    let mut world = waking();
    by(&mut world, "owner", false, "later");
    assert_eq!(runs(&world), [queued(WAKING, "issues")]);
    assert_eq!(world.runs().next().expect("a run").event.issue, Some(IssueNumber(1)));
    let mut world = waking();
    let unlabel = PersonAct::Unlabel { number: IssueNumber(1), label: "orchestrate".to_owned() };
    let actor = Actor { login: Login::new("owner"), bot: false };
    world.apply(Request::Person { actor, act: unlabel, git: None }, START).response.expect("unlabels");
    pushed(&mut world, "owner", "work", "w1");
    pushed(&mut world, ACTIONS_BOT, "main", "m1");
    assert_eq!(runs(&world), [], "another action, another branch, and what starts nothing");
    pushed(&mut world, "task-orchestrator[bot]", "main", "m2");
    assert_eq!(runs(&world), [queued(WAKING, "push")]);
    assert_eq!(world.runs().next().expect("a run").head_sha, sha("m2"));
}

#[test]
fn of_a_group_one_works_and_the_newest_waits() {
    let mut world = waking();
    by(&mut world, "owner", false, "one");
    by(&mut world, "owner", false, "two");
    by(&mut world, "owner", false, "three");
    let progress: Vec<_> = runs(&world).into_iter().map(|(_, _, progress, ended)| (progress, ended)).collect();
    let replaced = (Progress::Completed, Some(Conclusion::Cancelled));
    assert_eq!(progress, [(Progress::Queued, None), replaced, (Progress::Queued, None)]);
    let waits = |world: &World| -> Vec<bool> { world.runs().map(|run| world.waits_for_its_group(run.id)).collect() };
    assert_eq!(waits(&world)[0..3], [false, true, true]);
    let first = world.runs().next().expect("a run").id;
    let act = RunnerAct::RunEnded { run: first, conclusion: Conclusion::Success };
    world.apply(Request::Runner(act), START).response.expect("ends");
    assert!(!waits(&world)[2], "the one that waited works");
}

#[test]
fn the_clock_starts_what_is_not_switched_off_and_asking_does_not() {
    let mut world = waking();
    let due = |workflow: &str| Request::Runner(RunnerAct::Due { workflow: workflow.to_owned() });
    let set = |enabled: bool| Call::SetWorkflow { workflow: CLOCK.to_owned(), enabled };
    app(&mut world, set(false)).response.expect("switched off");
    world.apply(due(CLOCK), START).response.expect("known");
    world.apply(due(WAKING), START).response.expect("known, and not the clock's");
    assert_eq!(runs(&world), []);
    app(&mut world, set(true)).response.expect("switched on");
    world.apply(due(CLOCK), START).response.expect("known");
    assert_eq!(runs(&world), [queued(CLOCK, "schedule")]);
    let ask = |workflow: &str| Call::DispatchWorkflow {
        workflow: workflow.to_owned(),
        branch: "main".to_owned(),
        inputs: BTreeMap::new(),
    };
    assert_eq!(kind(&app(&mut world, ask(CLOCK))), "invalid", "it cannot be asked for");
    let unknown = Call::SetWorkflow { workflow: "other.yml".to_owned(), enabled: true };
    assert_eq!(kind(&app(&mut world, unknown)), "missing");
    app(&mut world, Call::SetWorkflow { workflow: WAKING.to_owned(), enabled: false }).response.expect("off");
    assert_eq!(kind(&app(&mut world, ask(WAKING))), "invalid", "it is switched off");
}
