//! Attempts that make no progress: seen, looked at closely, then closed by a fence, which no cancellation has to obey.

use std::time::Duration;

use crate::engine::attempt::{Attempt, FenceCause, Stand};
use crate::engine::brief::Mode;
use crate::engine::config::Settings;
use crate::engine::draft::Draft;
use crate::engine::event::Read;
use crate::engine::id::TaskId;
use crate::engine::observe::{fence, oldest, watch};
use crate::engine::planner::PLANNER_TIMEOUT_MAX;
use crate::engine::task::{Stage, Task, Trigger};
use crate::engine::tasks::Place;
use crate::engine::time::Timestamp;

/// What a stuck attempt is given beyond its own time limit before it is closed. The worker ends what is past its time
/// by itself, but its time begins only after checkout and fetch, and what it has to tell takes a while: the agent's job
/// ends, the publishing job gets a runner and pushes the result, and all of it has to be seen. Without this the fence
/// could be faster than the report it would throw away.
const PUBLISH_MARGIN: Duration = Duration::from_secs(15 * 60);

/// When an attempt has shown nothing new for all of its own time, and what its report needs to get here.
fn patience_end(attempt: &Attempt, task: &Task, settings: &Settings) -> Timestamp {
    attempt.progress_at + timeout(attempt, task, settings) + PUBLISH_MARGIN
}

/// The task's own time limit, or the configured one; a planner run has its own bound.
pub(super) fn timeout(attempt: &Attempt, task: &Task, settings: &Settings) -> Duration {
    let limit = task.facts.timeout.unwrap_or(settings.timeout).0;
    if attempt.mode == Mode::Plan { limit.min(PLANNER_TIMEOUT_MAX.0) } else { limit }
}

/// Whether a task's planner run has shown nothing new for its time limit: its jobs and steps are looked at with each
/// tick from then on. Its task is not said to be stuck: it waits, and goes on without an answer.
pub(in crate::engine) fn is_late_planner(draft: &Draft<'_>, task: &Task) -> bool {
    task.live_planner().is_some_and(|attempt| {
        attempt.started && draft.now >= attempt.progress_at + timeout(attempt, task, &draft.header().settings)
    })
}

/// When a live attempt is due to be healed, if nothing moves until then: it counts as stuck when it stayed queued for
/// `ghost_after`, or showed nothing new for its time limit.
pub(super) fn deadline(task: &Task, settings: &Settings) -> Option<Timestamp> {
    let attempt = task.live().filter(|attempt| attempt.fence.is_none())?;
    match attempt.stand {
        Stand::Planned | Stand::Briefed | Stand::Ended => None,
        Stand::Dispatched | Stand::Claimed if !attempt.started => {
            Some(attempt.dispatched_at.unwrap_or(attempt.planned_at) + settings.ghost_after.0)
        }
        Stand::Dispatched | Stand::Claimed if task.stage == Stage::Stuck || attempt.mode == Mode::Plan => {
            Some(patience_end(attempt, task, settings))
        }
        Stand::Dispatched | Stand::Claimed => Some(attempt.progress_at + timeout(attempt, task, settings)),
    }
}

/// Heals every live attempt that is past its deadline.
pub(super) fn heal(draft: &mut Draft<'_>) {
    let now = draft.now;
    refence(draft);
    let settings = &draft.header().settings;
    let is_late = |task: &&Task| deadline(task, settings).is_some_and(|deadline| now >= deadline);
    let late: Vec<TaskId> = draft.at(Place::Live).filter(is_late).map(|task| task.id).collect();
    for id in late {
        let Some(task) = draft.task(id) else { continue };
        let started = task.live().is_some_and(|attempt: &Attempt| attempt.started);
        let looked_at = task.live().is_some_and(|attempt| looked_at_late(attempt, task, &draft.header().settings));
        let watched = watch(task, true).filter(|_| task.stage == Stage::Running);
        if task.stage == Stage::Running {
            draft.move_task(id, Trigger::Stall);
        }
        if !started {
            fence(draft, id, FenceCause::Ghost);
        } else if looked_at {
            fence(draft, id, FenceCause::Stuck);
        } else if let Some(watched) = watched {
            // The list of runs may be behind: jobs and steps are read before anything is closed, now and with each
            // tick from here on.
            let since = oldest(draft);
            draft.read(Read::Attempts { watched: vec![watched], since });
        }
    }
}

/// Whether jobs and steps were read after the attempt's patience was up.
fn looked_at_late(attempt: &Attempt, task: &Task, settings: &Settings) -> bool {
    attempt.looked_at.is_some_and(|at| at >= patience_end(attempt, task, settings))
}

/// An attempt that is being closed keeps its fence in the outbox until it is closed.
fn refence(draft: &mut Draft<'_>) {
    for id in draft.ids_at(Place::Live) {
        let cause = draft.task(id).and_then(Task::live).and_then(|attempt| attempt.fence);
        if let Some(cause) = cause {
            fence(draft, id, cause);
        }
    }
}
