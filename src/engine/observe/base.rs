//! The repository and its base branch: what was read of it, and what our own merges say before any read does.

use crate::engine::draft::Draft;
use crate::engine::event::{Fact, Read};
use crate::engine::id::Sha;
use crate::engine::observe::footprints;
use crate::engine::plan::{Base, Superseded};
use crate::engine::task::{CheckState, Hold, Pull, Task};
use crate::engine::tasks::Place;

/// Records the repository and its configuration. A read that shows the base as it was before our own merge is older
/// than that merge, and says nothing.
pub(super) fn record(draft: &mut Draft<'_>, fact: &Fact) {
    let Fact::Repository { branch, head, settings, problem, workflow_present } = fact else { return };
    let now = draft.now;
    let mut superseded = Vec::new();
    if let Some(base) = draft.header_mut().base.as_mut().filter(|base| base.branch == *branch) {
        base.superseded.retain(|old| now < old.until);
        if base.superseded.iter().any(|old| old.head == *head) {
            base.stale = false;
            return;
        }
        superseded.clone_from(&base.superseded);
    }
    if draft.header().base.as_ref().is_some_and(|base| base.head != *head) {
        look_at_open_pulls(draft);
    }
    let header = draft.header_mut();
    let (branch, head, workflow_present) = (branch.clone(), head.clone(), *workflow_present);
    header.base = Some(Base { branch, head, told: false, stale: false, workflow_present, superseded });
    header.settings_problem.clone_from(problem);
    if header.settings != **settings {
        header.settings = (**settings).clone();
        draft.replan();
        footprints::soften(draft);
    }
}

/// We merged, and GitHub told the commit: that is the base's head, whatever its reads still show. What starts from the
/// head before it would conflict with the very task that it waited for.
pub(super) fn merged(draft: &mut Draft<'_>, commit: &Sha) {
    let until = draft.now + draft.header().settings.probe_window.0;
    let Some(base) = draft.header_mut().base.as_mut().filter(|base| base.head != *commit) else { return };
    let head = std::mem::replace(&mut base.head, commit.clone());
    base.superseded.push(Superseded { head, until });
    base.told = true;
    look_at_open_pulls(draft);
}

/// What merged cleanly before may not any more. That is asked at once where somebody waits for nothing else, and at the
/// heartbeat, or with what is heard of the checks, where it would decide nothing yet.
fn look_at_open_pulls(draft: &mut Draft<'_>) {
    let settings = &draft.header().settings;
    let waits = |task: &Task| {
        let green = |pull: &&Pull| matches!(pull.checks, CheckState::Green { .. });
        let wanted = |pull: &Pull| pull.merge_asked || settings.auto_merge && task.hold.is_none();
        let red_with_base = matches!(task.hold, Some(Hold::BaseRed { .. }));
        red_with_base || task.pull.as_ref().filter(green).is_some_and(wanted)
    };
    let is_next = draft.at(Place::OpenPull).any(waits);
    let open: Vec<_> = draft.at(Place::OpenPull).map(|task| task.id).collect();
    let mut pulls = Vec::new();
    for id in open {
        if let Some(pull) = draft.task_mut(id).and_then(|task| task.pull.as_mut()) {
            pull.mergeable = pull.mergeable.filter(|merges| !merges);
            pulls.push(pull.number);
        }
    }
    if is_next {
        draft.read(Read::PullsAndChecks(pulls));
    }
}
