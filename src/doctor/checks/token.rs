//! What kind of token the orchestrator's own calls are made with.

use crate::doctor::checks::Check;
use crate::doctor::finding::Finding;
use crate::doctor::readings::{Readings, TokenKind};

/// Requests an hour of a workflow's own token (rate limits for the REST API); an App has at least five times that.
const WORKFLOW_REQUESTS: u64 = 1_000;

pub(super) const CHECK: Check = Check { id: "token", title: "Token", judge };

fn judge(readings: &Readings) -> Finding {
    match readings.token {
        TokenKind::Installation => {
            Finding::ok("an installation token of the App: the checks of its pull requests start by themselves")
        }
        TokenKind::Job => of_job(readings),
        TokenKind::Person(kind) if readings.app.is_some() => Finding::failed(
            format!("the App gets no token for {}; this was read with {kind} of yours", readings.repository),
            "mend what the checks of the App and its installation say",
        ),
        TokenKind::Person(kind) => Finding::unknown(
            format!("read with {kind} of yours; what the orchestrator itself works with was not given"),
            "give --app-id and the App's key, or run this in a job with its token in ORCHESTRATOR_TOKEN",
        ),
        TokenKind::None => {
            let remedy =
                "mend what the checks of the App and its installation say, or set GH_TOKEN to look as yourself";
            Finding::failed("there is no token that GitHub takes", remedy)
        }
    }
}

fn of_job(readings: &Readings) -> Finding {
    let limit = readings.quota.as_ref().ok().and_then(|quota| quota.map(|quota| quota.limit));
    match limit {
        Some(limit) if limit <= WORKFLOW_REQUESTS => Finding::warning(
            format!(
                "the workflow's own GITHUB_TOKEN: the checks of its pull requests wait until a person approves them, \
                 and all jobs share {limit} calls an hour"
            ),
            "make an App and give its id and key to the action (`app-id`, `private-key`): its token has neither limit",
        ),
        Some(_) => Finding::ok("a job's token of an App: the checks of its pull requests start by themselves"),
        None => Finding::unknown("a job's token; GitHub does not say how much it may ask", "look again later"),
    }
}
