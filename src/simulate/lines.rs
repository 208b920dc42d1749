//! Small looks at requests and answers.

use crate::engine::time::Timestamp;
use crate::github::{Request, Response};

/// Takes out of a list what is younger than a moment.
pub(super) fn lag(response: &mut Response, seen_until: Timestamp) {
    match response {
        Response::Issues(issues) => issues.retain(|issue| issue.created_at <= seen_until),
        Response::Comments(comments) => comments.retain(|comment| comment.created_at <= seen_until),
        Response::Runs(runs) => runs.retain(|run| run.created_at <= seen_until),
        Response::PullRequests(pulls) => pulls.retain(|pull| pull.updated_at <= seen_until),
        _ => {}
    }
}

/// A request in a line.
pub(super) fn words(request: &Request) -> String {
    let mut text = format!("{request:?}").replace('\n', " ");
    if text.len() > 300 {
        text = crate::engine::report::head(&text, 300);
    }
    text
}
