//! Check runs and commit statuses of one commit: both kinds, every page.

use crate::engine::id::Sha;
use crate::engine::snapshot::Checks;
use crate::github::client::path::segment;
use crate::github::client::{Answer, Call, Overflow, Sending, all_pages, wire};
use crate::github::{Error, Response};

impl Sending<'_> {
    pub(super) async fn checks(&self, sha: Sha) -> Result<Response, Error> {
        let commit = format!("/commits/{}", segment(sha.as_str())?);
        let what = format!("the checks of {}", sha.short());
        let send = async |call: Call| self.call(&call).await;
        let call = |path: &str| Call::get(self.path(&format!("{commit}{path}")), what.clone());

        let take_runs = |answer: &Answer| Ok(answer.json::<wire::CheckRunList>(&what)?.check_runs);
        let first = call("/check-runs?filter=latest&per_page=100");
        let runs = all_pages(&self.transport, first, Overflow::Refuse, send, take_runs).await?;

        let take_statuses = |answer: &Answer| Ok(answer.json::<wire::CombinedStatus>(&what)?.statuses);
        let first = call("/status?per_page=100");
        let statuses = all_pages(&self.transport, first, Overflow::Refuse, send, take_statuses).await?;

        Ok(Response::Checks(Checks {
            sha,
            runs: runs.into_iter().map(wire::CheckRun::into_snapshot).collect(),
            statuses: statuses.into_iter().map(wire::Status::into_snapshot).collect(),
        }))
    }
}
