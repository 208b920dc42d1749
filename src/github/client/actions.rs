//! Workflows: dispatching, watching, ending and re-running runs.

use std::collections::BTreeMap;

use http::header::LOCATION;
use http::{Method, StatusCode};
use serde_json::json;

use crate::engine::id::{JobId, RunId};
use crate::engine::time::Timestamp;
use crate::github::client::path::{encode, segment};
use crate::github::client::transport::Keep;
use crate::github::client::{Call, Overflow, Sending, all_pages, wire};
use crate::github::{Error, Response};

/// How much of a log's end is kept.
const LOG_BYTES: usize = 64 * 1024;
/// GitHub's words where a run's state is what forbids that it runs again.
const NOT_AGAIN: [&str; 3] = ["already running", "cannot be retried", "Unable to retry"];

impl Sending<'_> {
    pub(super) async fn dispatch_workflow(
        &self,
        workflow: &str,
        branch: &str,
        inputs: &BTreeMap<String, String>,
    ) -> Result<Response, Error> {
        let path = format!("/actions/workflows/{}/dispatches", segment(workflow)?);
        let content = json!({"ref": branch, "inputs": inputs, "return_run_details": true});
        let call = Call::new(Method::POST, self.path(&path), format!("workflow `{workflow}`")).with_body(&content)?;
        let answer = self.call(&call).await?;
        if answer.status == StatusCode::NO_CONTENT {
            return Ok(Response::Dispatched(None));
        }
        let details: wire::DispatchDetails = answer.json(&call.what)?;
        Ok(Response::Dispatched(details.workflow_run_id.map(RunId)))
    }

    pub(super) async fn set_workflow(&self, workflow: &str, enabled: bool) -> Result<Response, Error> {
        let how = if enabled { "enable" } else { "disable" };
        let path = format!("/actions/workflows/{}/{how}", segment(workflow)?);
        self.command(Method::PUT, &path, format!("workflow `{workflow}`")).await
    }

    pub(super) async fn runs(&self, workflow: &str, since: Timestamp) -> Result<Response, Error> {
        let created = encode(&format!(">={}", since.seconds_text()));
        let path = format!("/actions/workflows/{}/runs?created={created}&per_page=100", segment(workflow)?);
        let call = Call::get(self.path(&path), format!("the runs of `{workflow}`"));
        let what = call.what.clone();
        let send = async |call: Call| self.call(&call).await;
        let take = |answer: &super::Answer| Ok(answer.json::<wire::RunList>(&what)?.workflow_runs);
        let found = all_pages(&self.transport, call, Overflow::Keep, send, take).await?;
        Ok(Response::Runs(found.into_iter().map(|run| run.into_snapshot(Vec::new())).collect()))
    }

    pub(super) async fn run(&self, run: RunId) -> Result<Response, Error> {
        let found: wire::Run = self.read(&format!("/actions/runs/{run}"), format!("run {run}")).await?;
        if found.ended_well() {
            return Ok(Response::Run(Box::new(found.into_snapshot(Vec::new()))));
        }
        let path = format!("/actions/runs/{run}/jobs?filter=latest&per_page=100");
        let call = Call::get(self.path(&path), format!("the jobs of run {run}"));
        let what = call.what.clone();
        let send = async |call: Call| self.call(&call).await;
        let take = |answer: &super::Answer| Ok(answer.json::<wire::JobList>(&what)?.jobs);
        let jobs = all_pages(&self.transport, call, Overflow::Refuse, send, take).await?;
        let jobs = jobs.into_iter().map(wire::Job::into_snapshot).collect();
        Ok(Response::Run(Box::new(found.into_snapshot(jobs))))
    }

    pub(super) async fn cancel_run(&self, run: RunId, force: bool) -> Result<Response, Error> {
        let how = if force { "force-cancel" } else { "cancel" };
        self.command(Method::POST, &format!("/actions/runs/{run}/{how}"), format!("run {run}")).await
    }

    /// GitHub answers with 403 both where the run's state does not allow it and where we may not.
    pub(super) async fn rerun_failed_jobs(&self, run: RunId) -> Result<Response, Error> {
        let path = format!("/actions/runs/{run}/rerun-failed-jobs");
        match self.command(Method::POST, &path, format!("run {run}")).await {
            Err(Error::Denied { message }) if NOT_AGAIN.iter().any(|words| message.contains(words)) => {
                Err(Error::Conflict { message })
            }
            answer => answer,
        }
    }

    /// The log lies on another host, behind an address that is itself the right to read it: the token stays at home.
    pub(super) async fn job_log(&self, job: JobId) -> Result<Response, Error> {
        let mut call = Call::get(self.path(&format!("/actions/jobs/{job}/logs")), format!("the log of job {job}"));
        call.keep = Keep::Tail(LOG_BYTES);
        let mut answer = self.call_raw(&call).await?;
        if answer.status.is_redirection() {
            let address = answer.headers.get(LOCATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
            answer = self.transport.fetch_elsewhere(&call, address).await?;
        }
        if !answer.status.is_success() {
            return Err(self.refusal(&call, &answer));
        }
        Ok(Response::Log(String::from_utf8_lossy(&answer.body).into_owned()))
    }
}
