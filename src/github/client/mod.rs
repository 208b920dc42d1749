//! [`GitHub`] over GitHub's REST and GraphQL APIs, for one repository.
//!
//! Promises: one HTTP exchange per write and no repetition of any request, save once after a 401 (which did nothing)
//! with a fresh token; lists are read to their end or refused, never cut silently; nothing is sent while GitHub says
//! "wait", nor beyond what it allows the installation; what has not changed since it was last read costs none of the
//! hour's requests; whether a write may still be sent is asked when its token is made and the gate has let it through.

mod actions;
mod checks;
mod connect;
mod contents;
mod edits;
mod error;
mod folder;
mod gate;
mod graphql;
mod issues;
mod known;
mod page;
mod path;
mod pulls;
mod pulls_and_checks;
mod relations;
mod tips;
mod together;
mod transport;
mod wire;

#[cfg(test)]
pub(crate) mod tests;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::{Method, StatusCode};
use secrecy::{ExposeSecret, SecretString};

use crate::engine::id::{RepositoryName, Sha};
use crate::engine::time::Timestamp;
use crate::github::auth::TokenKeeper;
use crate::github::client::known::Known;
use crate::github::pace::Limits;
use crate::github::{Check, Error, GitHub, Request, Response, called_off};

pub(crate) use error::one_line;
pub use gate::{Budget, Gate};
pub(crate) use page::{Overflow, all_pages, next_page};
pub(crate) use path::{check_name, encode, segment};
pub(crate) use transport::{Answer, Call, Target};
pub use transport::{Clock, PUBLIC_API_URL, Transport};

/// Where a client's token comes from.
#[derive(Debug)]
pub enum Credentials {
    /// A token as given (`GITHUB_TOKEN` of a workflow job): never renewed.
    Fixed(SecretString),
    /// An App installation's, minted and renewed as needed.
    Installation(Arc<TokenKeeper>),
}

/// GitHub for one repository. Share it behind one `Arc`.
#[derive(Debug)]
pub struct Client {
    transport: Arc<Transport>,
    repository: RepositoryName,
    credentials: Credentials,
    gate: Arc<Gate>,
    known: Mutex<Known>,
    /// The commit made last, with its tree: the next one often goes on top of it.
    made: Mutex<Option<(Sha, String)>>,
    /// The repository's GraphQL id, where it was told.
    node_id: Mutex<Option<String>>,
}

impl Client {
    /// A client for `repository`; nothing is sent. A name that is not `owner/name` is refused.
    pub fn new(transport: Arc<Transport>, repository: RepositoryName, credentials: Credentials) -> Result<Self, Error> {
        Self::behind(Arc::new(Gate::new(Limits::GITHUB)), transport, repository, credentials)
    }

    /// The same behind a gate that the installation's other clients pass, too.
    pub fn behind(
        gate: Arc<Gate>,
        transport: Arc<Transport>,
        repository: RepositoryName,
        credentials: Credentials,
    ) -> Result<Self, Error> {
        check_name(&repository)?;
        let (known, made, node_id) = Default::default();
        Ok(Self { transport, repository, credentials, gate, known, made, node_id })
    }

    /// The repository.
    pub fn repository(&self) -> &RepositoryName {
        &self.repository
    }

    /// What GitHub last said about the rate limit; nothing where it says nothing (a forge without limits).
    pub fn budget(&self) -> Option<Budget> {
        self.gate.budget()
    }

    /// A token for the API, as it would be sent now.
    pub async fn token(&self) -> Result<SecretString, Error> {
        match &self.credentials {
            Credentials::Fixed(token) => Ok(token.clone()),
            Credentials::Installation(keeper) => keeper.token().await,
        }
    }

    /// Reads one thing that is no [`Request`], by a path below the repository's.
    pub(in crate::github) async fn look(&self, path: &str, what: impl Into<String>) -> Result<Answer, Error> {
        Sending { client: self, check: None }.call(&Call::get(self.path(path), what)).await
    }

    /// The same by a path of the whole API.
    pub(in crate::github) async fn look_beyond(&self, path: &str, what: impl Into<String>) -> Result<Answer, Error> {
        Sending { client: self, check: None }.call(&Call::get(path.to_owned(), what)).await
    }

    fn owner(&self) -> &str {
        self.repository.as_str().split_once('/').map_or("", |(owner, _)| owner)
    }

    fn name(&self) -> &str {
        self.repository.as_str().split_once('/').map_or("", |(_, name)| name)
    }

    /// A path below the repository's.
    fn path(&self, rest: &str) -> String {
        format!("/repos/{}{rest}", self.repository)
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn made(&self) -> MutexGuard<'_, Option<(Sha, String)>> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn node_id(&self) -> MutexGuard<'_, Option<String>> {
        self.node_id.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn refusal(&self, call: &Call, answer: &Answer) -> Error {
        let error = refusal(call, answer, self.transport.now());
        if let Error::RateLimited { until } = error {
            self.gate.wait(until);
        }
        error
    }
}

/// One request on its way, and what its exchanges that write are checked by.
struct Sending<'c> {
    client: &'c Client,
    check: Option<&'c dyn Check>,
}

impl std::ops::Deref for Sending<'_> {
    type Target = Client;

    fn deref(&self) -> &Client {
        self.client
    }
}

impl Sending<'_> {
    /// Sends, renews the token once after a 401, and turns anything but 2xx (and 3xx, for the caller) into an error.
    async fn call(&self, call: &Call) -> Result<Answer, Error> {
        let answer = self.call_raw(call).await?;
        if answer.status.is_success() { Ok(answer) } else { Err(self.refusal(call, &answer)) }
    }

    async fn call_raw(&self, call: &Call) -> Result<Answer, Error> {
        let token = self.token().await?;
        let answer = self.exchange(call, &token).await?;
        match &self.credentials {
            Credentials::Installation(keeper) if answer.status == StatusCode::UNAUTHORIZED => {
                let renewed = keeper.renewed(&token).await?;
                if renewed.expose_secret() == token.expose_secret() {
                    return Ok(answer);
                }
                self.exchange(call, &renewed).await
            }
            Credentials::Installation(_) | Credentials::Fixed(_) => Ok(answer),
        }
    }

    /// One exchange through the gate; what GitHub says has not changed is answered from what is known.
    async fn exchange(&self, call: &Call, token: &SecretString) -> Result<Answer, Error> {
        let _entered = self.gate.enter(call, || self.transport.now()).await?;
        // Minting and waiting at the gate may have taken long: nothing but the exchange itself comes after this.
        if let Some(check) = self.check.filter(|_| call.is_write())
            && !check.passes().await
        {
            return Err(called_off());
        }
        let tag = self.known().tag(call);
        let given = self.transport.exchange(&Call { known_as: tag, ..call.clone() }, Some(token)).await?;
        self.gate.hear(&given, self.transport.now());
        Ok(self.known().settle(call, given))
    }

    /// GETs one JSON value.
    async fn read<T: serde::de::DeserializeOwned>(&self, path: &str, what: String) -> Result<T, Error> {
        let call = Call::get(self.path(path), what);
        self.call(&call).await?.json(&call.what)
    }

    /// Sends a JSON body and reads a JSON answer.
    async fn write<B: serde::Serialize, T: serde::de::DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        what: String,
        body: &B,
    ) -> Result<T, Error> {
        let call = Call::new(method, self.path(path), what).with_body(body)?;
        self.call(&call).await?.json(&call.what)
    }

    /// Sends a request whose answer says nothing but "done".
    async fn command(&self, method: Method, path: &str, what: String) -> Result<Response, Error> {
        self.call(&Call::new(method, self.path(path), what)).await.map(|_| Response::Done)
    }
}

/// The error an answer other than 2xx stands for.
pub(crate) fn refusal(call: &Call, answer: &Answer, now: Timestamp) -> Error {
    error::of_answer(&call.what, answer.status, &answer.headers, &answer.body, now)
}

impl GitHub for Client {
    async fn send(&self, request: Request) -> Result<Response, Error> {
        Sending { client: self, check: None }.send(request).await
    }

    async fn send_if(&self, request: Request, check: &dyn Check) -> Result<Response, Error> {
        Sending { client: self, check: Some(check) }.send(request).await
    }

    async fn send_together(&self, requests: Vec<Request>) -> Vec<Result<Response, Error>> {
        Sending { client: self, check: None }.ask_together(requests).await
    }

    async fn send_together_if(&self, requests: Vec<Request>, check: &dyn Check) -> Vec<Result<Response, Error>> {
        Sending { client: self, check: Some(check) }.ask_together(requests).await
    }
}

/// As one part of several that are asked together.
impl GitHub for Sending<'_> {
    async fn send(&self, request: Request) -> Result<Response, Error> {
        Sending::send(self, request).await
    }
}

impl Sending<'_> {
    async fn send(&self, request: Request) -> Result<Response, Error> {
        self.gate.admit(&request, self.transport.now())?;
        match request {
            Request::Repository => self.repository_facts().await,
            Request::Permission { login } => self.permission(&login).await,
            Request::IssuesLabelled { label, open_only } => self.issues_labelled(&label, open_only).await,
            Request::Issue { number } => self.issue(number).await,
            Request::LabelEvents { number } => self.label_events(number).await,
            Request::BlockedBy { number } => self.blocked_by(number).await,
            Request::SubIssues { number } => self.sub_issues(number).await,
            Request::CommentsSince { since } => self.comments_since(since).await,
            Request::Comments { number } => self.comments(number).await,
            Request::BodyEdits { number } => self.body_edits(number).await,
            Request::CreateIssue { title, body, labels } => self.create_issue(&title, &body, &labels).await,
            Request::UpdateIssue { number, title, body, state } => self.update_issue(number, title, body, state).await,
            Request::RewriteIssue { number, node_id, body } => self.rewrite_issue(number, &node_id, &body).await,
            Request::CreateComment { number, body } => self.create_comment(number, &body).await,
            Request::DeleteComment { comment } => self.delete_comment(comment).await,
            Request::React { comment, reaction } => self.react(comment, reaction).await,
            Request::Relate { number, by, blocked } => self.relate(number, by, blocked).await,
            Request::Pin { node_id, pinned } => self.pin(&node_id, pinned).await,
            Request::Branch { branch } => self.branch(&branch).await,
            Request::Branches { prefix } => self.branches(&prefix).await,
            Request::Tips { branches, path } => self.tips(&branches, &path).await,
            Request::CreateBranch { branch, sha } => self.create_branch(&branch, &sha).await,
            Request::AdvanceBranch { branch, sha } => self.advance_branch(&branch, &sha).await,
            Request::DeleteBranch { branch } => self.delete_branch(&branch).await,
            Request::CreateCommit { message, files, parent } => self.create_commit(&message, files, parent).await,
            Request::CommitOnBranch { branch, expected, message, files } => {
                self.commit_on_branch(&branch, &expected, &message, &files).await
            }
            Request::File { reference, path } => self.file(&reference, &path).await,
            Request::Folder { commit, path } => self.folder(&commit, &path).await,
            Request::SetWorkflow { workflow, enabled } => self.set_workflow(&workflow, enabled).await,
            Request::DispatchWorkflow { workflow, branch, inputs } => {
                self.dispatch_workflow(&workflow, &branch, &inputs).await
            }
            Request::Runs { workflow, since } => self.runs(&workflow, since).await,
            Request::Run { run } => self.run(run).await,
            Request::CancelRun { run, force } => self.cancel_run(run, force).await,
            Request::RerunFailedJobs { run } => self.rerun_failed_jobs(run).await,
            Request::JobLog { job } => self.job_log(job).await,
            Request::PullRequest { number } => self.pull_request(number).await,
            Request::PullsAndChecks { numbers } => self.pulls_and_checks(&numbers).await,
            Request::PullRequests { head } => self.pull_requests(head.as_deref()).await,
            Request::CreatePullRequest { title, body, head, base, draft } => {
                self.create_pull_request(&title, &body, &head, &base, draft).await
            }
            Request::UpdatePullRequest { number, title, body } => self.update_pull_request(number, title, body).await,
            Request::MergePullRequest { number, head } => self.merge_pull_request(number, &head).await,
            Request::MergeBranch { into, from } => self.merge_branch(&into, &from).await,
            Request::Checks { sha } => self.checks(sha).await,
        }
    }
}
