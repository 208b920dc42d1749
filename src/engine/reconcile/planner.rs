//! Planner runs as they are started and given up. They take slots as every run does, and no file: what is ready to be
//! worked comes first, and who is planned is whoever could start but for that.

use crate::engine::attempt::{Attempt, FenceCause};
use crate::engine::brief::{Listed, Mode};
use crate::engine::config::PlannerPolicy;
use crate::engine::draft::Draft;
use crate::engine::event::{PlannedFiles, Read};
use crate::engine::id::TaskId;
use crate::engine::observe::fence;
use crate::engine::plan::Base;
use crate::engine::planner::{self, LISTED_MAX};
use crate::engine::reconcile::dispatch::{intend_brief, next_key};
use crate::engine::render::text;
use crate::engine::task::Task;
use crate::engine::tasks::Place;
use crate::engine::waits::{self, Wait};

/// Starts planner runs in so many slots.
pub(super) fn start(draft: &mut Draft<'_>, slots: usize, base: &Base) {
    if slots == 0 || draft.header().settings.planner == PlannerPolicy::Off {
        return;
    }
    let settings = &draft.header().settings;
    let only_planning = |task: &&Task| {
        let waits = waits::waits_but_files(draft, task);
        planner::is_wanted(task, settings)
            && task.unchecked().is_none()
            && waits.iter().all(|wait| matches!(wait, Wait::Planning { .. }))
    };
    let open = draft.header().open_phase;
    let startable = draft.startable();
    let candidates = startable.before(open).chain(startable.in_phase(open));
    let chosen: Vec<TaskId> = candidates.filter(only_planning).take(slots).map(|task| task.id).collect();
    for id in chosen {
        let now = draft.now;
        let key = next_key(draft, id);
        if let Some(task) = draft.task_mut(id) {
            planner::begin(task, key.id);
            task.attempts.push(Attempt::planned(key, Mode::Plan, base.head.clone(), base.head.clone(), now));
        }
        intend_brief(draft, id);
    }
}

/// Closes planner runs of texts that were edited meanwhile: nobody waits for their answers.
pub(super) fn give_up_outdated(draft: &mut Draft<'_>) {
    let of_this_text =
        |task: &Task, attempt: &Attempt| task.planning().is_some_and(|planning| planning.attempt == Some(attempt.id));
    let outdated = |task: &&Task| {
        task.live_planner().is_some_and(|attempt| attempt.fence.is_none() && !of_this_text(task, attempt))
    };
    let outdated: Vec<TaskId> = draft.at(Place::Live).filter(outdated).map(|task| task.id).collect();
    outdated.into_iter().for_each(|id| fence(draft, id, FenceCause::Outdated));
}

/// Asks which of the files that answers name are there.
pub(super) fn ask(draft: &mut Draft<'_>) {
    let named = |task: &Task| {
        let (attempt, answer) = task.unchecked()?;
        let files = answer.files.clone();
        Some(PlannedFiles { attempt: attempt.id, base: attempt.base.clone(), files })
    };
    let named: Vec<PlannedFiles> = draft.at(Place::PlanUnchecked).filter_map(named).collect();
    if !named.is_empty() {
        draft.read(Read::PlannedFiles(named));
    }
}

/// The other open issues of the plan, as a planner run is told of them.
pub(in crate::engine) fn listed(draft: &Draft<'_>, task: &Task) -> Vec<Listed> {
    let others = draft.tasks().filter(|other| other.id != task.id && !other.left && other.verdict.is_none());
    others.take(LISTED_MAX).map(|other| Listed { issue: other.issue(), title: text::plain(&other.title) }).collect()
}
