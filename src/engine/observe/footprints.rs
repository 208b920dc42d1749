//! What texts were found to touch, and which files everybody touches.

use crate::engine::draft::Draft;
use crate::engine::event::FootprintSeen;
use crate::engine::id::TaskId;
use crate::engine::overlap::hotspots::Hotspots;
use crate::engine::task::Task;

/// The hotspots of a plan.
pub(super) fn hotspots(draft: &Draft<'_>) -> Hotspots {
    Hotspots::new(&draft.header().settings, &draft.header().hotspots)
}

/// Records footprints. One of a text that was replaced while it was looked up says nothing of the new text.
pub(super) fn record(draft: &mut Draft<'_>, found: &[FootprintSeen]) {
    let hotspots = hotspots(draft);
    for FootprintSeen { issue, digest, footprint } in found {
        let (id, footprint) = (TaskId(*issue), hotspots.soften(footprint.clone()));
        let is_old = |task: &Task| task.digest != *digest || task.inferred && task.footprint == footprint;
        if draft.task(id).is_none_or(is_old) {
            continue;
        }
        if let Some(task) = draft.task_mut(id) {
            task.footprint = footprint;
            task.inferred = true;
        }
        draft.replan();
    }
}

/// Records which files a good part of all changes touch. Tasks that were looked at before are looked at again.
pub(super) fn learn(draft: &mut Draft<'_>, learned: &[String]) {
    if draft.header().hotspots != learned {
        draft.header_mut().hotspots = learned.to_vec();
        soften(draft);
    }
}

/// Brings the footprints of all tasks up to date with the hotspots there are. What locked once and is no hotspot any
/// more locks again when its text is read again.
pub(super) fn soften(draft: &mut Draft<'_>) {
    let hotspots = hotspots(draft);
    let softer = |task: &Task| Some(hotspots.soften(task.footprint.clone())).filter(|soft| *soft != task.footprint);
    let changed: Vec<_> = draft.tasks().filter_map(|task| Some((task.id, softer(task)?))).collect();
    for (id, footprint) in changed {
        if let Some(task) = draft.task_mut(id) {
            task.footprint = footprint;
        }
        draft.replan();
    }
}
