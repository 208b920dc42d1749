//! The prompt as the agent gets it: the brief's layers, and what only the worker can know.

use std::fmt::Write as _;

use crate::engine::brief::Brief;

/// Most conflicted files named.
const CONFLICTS_NAMED_MAX: usize = 100;

/// The layers, and the conflicts that a merge of the base left in the tree.
pub(crate) fn prompt(brief: &Brief, conflicts: &[String]) -> String {
    let mut text = brief.prompt.text();
    if !conflicts.is_empty() {
        let base = &brief.base_branch;
        let _written = write!(
            text,
            "\n\n## Conflicts to resolve\n\nThe earlier work was merged with the current `{base}`. These files hold \
             conflict markers (`<<<<<<<`, `=======`, `>>>>>>>`). Keep what both sides meant, and leave no marker \
             behind:\n"
        );
        for name in conflicts.iter().take(CONFLICTS_NAMED_MAX) {
            let _written = write!(text, "\n- `{}`", name.escape_debug());
        }
        if conflicts.len() > CONFLICTS_NAMED_MAX {
            let _written = write!(text, "\n- and {} more", conflicts.len() - CONFLICTS_NAMED_MAX);
        }
    }
    text
}

/// What a second start within the attempt adds.
pub(crate) const RESTARTED: &str = "\n\n## Go on\n\nAn earlier run of yours made no progress and was ended. What it \
                                    changed is still in the work tree: look at it first, then finish the task without \
                                    waiting for input.";
