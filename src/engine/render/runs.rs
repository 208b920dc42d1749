//! What is said of a plan that workflow runs work.

use crate::engine::config::ActionsNative;
use crate::engine::time::Span;

/// What a person must know of a plan that no server works: what is seen late, and what the token cannot do.
pub(super) fn worked_by_runs(native: ActionsNative, heartbeat: Span) -> String {
    let late = if native.hears_comments { "Everything else" } else { "Comments, and checks that others run," };
    let mut words = format!(
        "\nWorked by workflow runs: changes of issues, pushes and ended tasks are seen at once. {late} may be seen \
         only at the next look, within {heartbeat} or what GitHub makes of it."
    );
    if native.own_token {
        words.push_str(
            " Pull requests are opened with the workflow's own token: the checks of each start once a person with \
             write access has approved them there. With an App's key they start by themselves.",
        );
    }
    words
}
