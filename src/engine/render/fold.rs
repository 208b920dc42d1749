//! A comment on the tracking issue that holds what is over and has no room there any more.

use crate::engine::draft::Draft;
use crate::engine::id::TaskId;
use crate::engine::render::text;
use crate::engine::render::tracking::{BODY_CHARACTERS_MAX, settled_line};

/// The lines of tasks of one phase, as they stood in the issue; at most [`BODY_CHARACTERS_MAX`] characters, what does
/// not fit is counted.
pub(in crate::engine) fn fold(draft: &Draft<'_>, tasks: &[TaskId]) -> String {
    let tasks: Vec<_> = tasks.iter().filter_map(|id| draft.task(*id)).collect();
    let phase = tasks.first().and_then(|task| draft.layout().phases.get(task.phase));
    let name = phase.map_or("Tasks", |phase| phase.name.as_str());
    let lines: Vec<String> = tasks.into_iter().map(|task| settled_line(draft, task)).collect();
    let head = format!("### {}: what is over\n\nThe issue above has no more room for it.\n\n", text::line(name));
    let room = BODY_CHARACTERS_MAX.saturating_sub(head.chars().count());
    head + &text::first_lines(&lines.join("\n"), room)
}
