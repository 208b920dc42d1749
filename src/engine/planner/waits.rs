//! What planner runs make a task wait for.

use crate::engine::draft::Draft;
use crate::engine::id::TaskId;
use crate::engine::planner::{is_wanted, order};
use crate::engine::task::Task;
use crate::engine::waits::{self, Wait};

/// What its planner run puts before a task and is still to come.
pub(in crate::engine) fn proposed(draft: &Draft<'_>, task: &Task) -> Vec<Wait> {
    let state = |issue| draft.task(TaskId(issue)).map_or_else(String::new, waits::dependency_state);
    let awaited = order::awaited(draft, task).into_iter();
    awaited
        .map(|proposal| Wait::Proposed { issue: proposal.before, state: state(proposal.before), by: proposal.by })
        .collect()
}

/// A planner run that is under way, or is to be before the task starts.
pub(in crate::engine) fn planning(draft: &Draft<'_>, task: &Task) -> Option<Wait> {
    let live = task.live_planner().map(|attempt| attempt.id);
    let unchecked = || task.unchecked().map(|(attempt, _)| attempt.id);
    let wanted = live.is_some() || is_wanted(task, &draft.header().settings);
    wanted.then(|| Wait::Planning { attempt: live.or_else(unchecked) })
}
