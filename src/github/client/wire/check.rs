//! Check runs and commit statuses.

use serde::Deserialize;

use crate::engine::id::{CheckRunId, JobId, RunId};
use crate::engine::snapshot::{self, Conclusion};
use crate::github::client::wire::{conclusion, progress};

/// Longest summary kept, in characters.
const SUMMARY_MAX: usize = 4_000;

/// A page of check runs.
#[derive(Debug, Deserialize)]
pub(crate) struct CheckRunList {
    #[serde(default)]
    pub(crate) check_runs: Vec<CheckRun>,
}

/// Who made a check.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct App {
    slug: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
struct Output {
    summary: Option<String>,
}

/// A check run.
#[derive(Debug, Deserialize)]
pub(crate) struct CheckRun {
    id: u64,
    name: Option<String>,
    status: Option<String>,
    conclusion: Option<String>,
    details_url: Option<String>,
    app: Option<App>,
    output: Option<Output>,
}

impl CheckRun {
    /// One that another form of answer told of, in REST's words.
    pub(crate) fn told(
        id: CheckRunId,
        [name, status, conclusion, details_url, summary]: [Option<String>; 5],
        app: Option<App>,
    ) -> Self {
        Self { id: id.0, name, status, conclusion, details_url, app, output: Some(Output { summary }) }
    }

    /// The snapshot. Run and job are read from the address of the details, and only where Actions wrote it.
    pub(crate) fn into_snapshot(self) -> snapshot::CheckRun {
        let progress = progress(self.status.as_deref());
        let app = self.app.unwrap_or_default().slug.unwrap_or_default();
        let details = self.details_url.filter(|_| app == "github-actions").unwrap_or_default();
        let summary = self.output.unwrap_or_default().summary.unwrap_or_default();
        snapshot::CheckRun {
            id: CheckRunId(self.id),
            name: self.name.unwrap_or_default(),
            progress,
            conclusion: conclusion(progress, self.conclusion.as_deref()),
            app,
            run: number_after(&details, "/actions/runs/").map(RunId),
            job: number_after(&details, "/job/").map(JobId),
            summary: summary.chars().take(SUMMARY_MAX).collect(),
        }
    }
}

fn number_after(text: &str, mark: &str) -> Option<u64> {
    let (_, rest) = text.split_once(mark)?;
    rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

/// A commit's statuses, the newest of each context.
#[derive(Debug, Deserialize)]
pub(crate) struct CombinedStatus {
    #[serde(default)]
    pub(crate) statuses: Vec<Status>,
}

/// One status.
#[derive(Debug, Deserialize)]
pub(crate) struct Status {
    context: Option<String>,
    state: Option<String>,
    description: Option<String>,
}

impl Status {
    /// One that another form of answer told of, in REST's words.
    pub(crate) fn told(context: Option<String>, state: Option<String>, description: Option<String>) -> Self {
        Self { context, state, description }
    }

    /// The snapshot.
    pub(crate) fn into_snapshot(self) -> snapshot::CommitStatus {
        let conclusion = match self.state.as_deref() {
            Some("pending") => None,
            Some("success") => Some(Conclusion::Success),
            Some("failure" | "error") => Some(Conclusion::Failure),
            Some(_) | None => Some(Conclusion::Unknown),
        };
        let description = self.description.unwrap_or_default();
        snapshot::CommitStatus { context: self.context.unwrap_or_default(), conclusion, description }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_actions_checks_name_a_run() {
        let check = |slug: &str| {
            let json = serde_json::json!({"id": 1, "name": "test", "status": "completed", "conclusion": "failure",
                "details_url": "https://github.com/o/r/actions/runs/12/job/34", "app": {"slug": slug}});
            serde_json::from_value::<CheckRun>(json).expect("a check run").into_snapshot()
        };
        assert_eq!((check("github-actions").run, check("github-actions").job), (Some(RunId(12)), Some(JobId(34))));
        assert_eq!((check("somebody").run, check("somebody").job), (None, None));
    }
}
