//! A replica that stands still right before each of its writes in turn, past its lease, while another takes over: when
//! it goes on it writes nothing, and the end is the same.

use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use task_orchestrator::engine::event::Event;
use task_orchestrator::engine::id::Owner;
use task_orchestrator::engine::waits::Status;
use task_orchestrator::perform::Tree;
use task_orchestrator::store::{Error, LEASE_LENGTH};
use task_orchestrator::turn::{Configuration, Deployment, load, turn};

use crate::support::{Desk, MemoryRows, Story, at_once};

const FILES: &[(&str, &str)] = &[("a.txt", "a\n"), ("b.txt", "b\n")];
/// Most writes of the story; more is a story that does not end.
const WRITES_MAX: u32 = 200;

type Replica = Deployment<std::sync::Arc<Desk>, std::sync::Arc<Desk>, MemoryRows>;

/// Another replica of a story's.
fn replica(story: &Story, name: &str) -> Replica {
    let first = &story.deployment;
    Deployment {
        github: first.github.clone(),
        git: first.git.clone(),
        store: first.store.clone(),
        repository: first.repository.clone(),
        owner: Owner::new(name),
        bot: first.bot.clone(),
        seed: first.seed.clone(),
        configuration: Configuration::Fixed(Box::new(first.configuration.settings().clone())),
        tree: Tree::default(),
    }
}

/// One turn. Where it stands still, the lease runs out, another replica takes the repository over and has a turn of
/// its own, and only then does the first go on. Gives whether that came about.
fn turn_or_take_over(story: &mut Story, what: &str) -> bool {
    let second = replica(story, "second");
    let mut held = story.held.clone();
    let taken_over = {
        let mut turning = pin!(turn(&story.deployment, &mut held, vec![Event::Tick], story.now));
        let mut go_on = || turning.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        match go_on() {
            Poll::Ready(turned) => {
                turned.expect("the store takes it");
                None
            }
            Poll::Pending => {
                let early = at_once(load(&second, story.now)).expect("nothing waits");
                assert!(matches!(early, Err(Error::Leased { .. })), "{what}: the lease has not run out yet");
                let later = story.now + LEASE_LENGTH;
                let mut other = at_once(load(&second, later)).expect("nothing waits").expect("it has run out");
                let turned = at_once(turn(&second, &mut other, vec![Event::Tick], story.now));
                turned.expect("nothing waits").expect("the store takes it");
                let (writes, boundaries) = (story.writes(), story.desk.boundaries());
                let ended = go_on();
                assert!(matches!(ended, Poll::Ready(Err(Error::Fenced))), "{what}: {ended:?}");
                assert_eq!((story.writes(), story.desk.boundaries()), (writes, boundaries), "{what}: it wrote");
                Some(other)
            }
        }
    };
    let is_over = taken_over.is_some();
    if let Some(other) = taken_over {
        story.deployment = second;
        held = other;
    }
    story.held = held;
    is_over
}

/// Tells the story with a pause before one write; whether there was such a write.
fn paused_before(write: u32) -> bool {
    let what = format!("write {write}");
    let mut story = Story::new(FILES);
    story.deployment.store.pause_after(write);
    story.issue(1, "One", "Files: a.txt").issue(2, "Two", "Files: a.txt, b.txt");
    let mut taken_over = false;
    // Each task takes a few turns; what follows the pause is told like any story.
    for _ in 0..40 {
        taken_over = turn_or_take_over(&mut story, &what);
        if taken_over {
            break;
        }
        story.work();
        story.wait(Duration::from_secs(5));
    }
    story.run();
    story.expect(1, Status::Merged).expect(2, Status::Merged);
    crate::crash::nothing_twice(&story, &what);
    taken_over
}

pub(crate) fn paused_before_any_write_a_replica_writes_nothing_after_its_lease() {
    let writes = (0..WRITES_MAX).take_while(|write| paused_before(*write)).count();
    println!("paused before each of {writes} writes");
    assert!((20..WRITES_MAX as usize).contains(&writes), "{writes} writes");
}

stories! {
    paused_before_any_write_a_replica_writes_nothing_after_its_lease,
}
