//! Small looks at requests and answers.

use crate::engine::id::PullNumber;
use crate::engine::time::Timestamp;
use crate::github::{Request, Response};

/// Takes out of a list what is younger than a moment. `opened`: when a pull request was. One that only changed since is
/// listed all the same.
pub(super) fn lag(response: &mut Response, seen_until: Timestamp, opened: impl Fn(PullNumber) -> Timestamp) {
    match response {
        Response::Issues(issues) => issues.retain(|issue| issue.created_at <= seen_until),
        Response::Comments(comments) => comments.retain(|comment| comment.created_at <= seen_until),
        Response::Runs(runs) => runs.retain(|run| run.created_at <= seen_until),
        Response::PullRequests(pulls) => pulls.retain(|pull| opened(pull.number) <= seen_until),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::id::{Login, Sha};
    use crate::engine::snapshot::{Actor, OpenState, PullRequest};

    #[test]
    fn a_pull_request_that_only_changed_is_no_young_one() {
        let pull = PullRequest {
            number: PullNumber(4),
            title: String::new(),
            body: String::new(),
            state: OpenState::Closed,
            merged: true,
            merge_commit: None,
            head_branch: "orchestrate/issue-2".to_owned(),
            head_sha: Sha::new("head"),
            base_branch: "main".to_owned(),
            draft: false,
            mergeable: None,
            author: Actor { login: Login::new("bot"), bot: true },
            updated_at: Timestamp(90),
        };
        for (opened, listed) in [(10, 1), (80, 0)] {
            let mut response = Response::PullRequests(vec![pull.clone()]);
            lag(&mut response, Timestamp(50), |_| Timestamp(opened));
            let Response::PullRequests(pulls) = response else { panic!("another answer") };
            assert_eq!(pulls.len(), listed, "opened at {opened}");
        }
    }
}
