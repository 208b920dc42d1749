//! What only GraphQL can do: pinning an issue, and a commit that moves its branch in one call. How its answers are
//! read.
//!
//! GraphQL tells its errors in the body of a 200.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::engine::id::Sha;
use crate::engine::time::Timestamp;
use crate::github::client::error::one_line;
use crate::github::client::wire;
use crate::github::client::{Call, Sending, Target};
use crate::github::{Error, NewFile, Response};

const PIN: &str = "mutation($id:ID!){change:pinIssue(input:{issueId:$id}){issue{id}}}";
const UNPIN: &str = "mutation($id:ID!){change:unpinIssue(input:{issueId:$id}){issue{id}}}";
const COMMIT: &str = "mutation($input:CreateCommitOnBranchInput!){createCommitOnBranch(input:$input){commit{oid}}}";
/// Wait after a limit of which GraphQL does not say when it ends: one minute.
const LIMITED_MILLISECONDS: i64 = 60_000;

/// An answer: data, errors, or for several things asked at once both.
#[derive(Debug, Deserialize)]
pub(super) struct Reply<T> {
    pub(super) data: Option<T>,
    #[serde(default = "Vec::new")]
    pub(super) errors: Vec<ReplyError>,
}

#[derive(Debug, Deserialize)]
pub(super) struct ReplyError {
    #[serde(rename = "type")]
    kind: Option<String>,
    message: Option<String>,
    #[serde(default)]
    path: Vec<serde_json::Value>,
}

impl ReplyError {
    /// The entry of the repository that this says is missing, where it says nothing else.
    pub(super) fn missing_entry(&self) -> Option<String> {
        let [repository, entry] = self.path.as_slice() else { return None };
        let is_missing = self.kind.as_deref() == Some("NOT_FOUND") && repository.as_str() == Some("repository");
        entry.as_str().filter(|_| is_missing).map(str::to_owned)
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct CommitData {
    create_commit_on_branch: Option<Committed>,
}

#[derive(Debug, Deserialize)]
struct Committed {
    commit: Option<Oid>,
}

#[derive(Debug, Deserialize)]
struct Oid {
    oid: String,
}

impl Sending<'_> {
    pub(super) async fn pin(&self, node_id: &str, pinned: bool) -> Result<Response, Error> {
        let query = if pinned { PIN } else { UNPIN };
        let what = if pinned { "the pin" } else { "the unpin" };
        self.graphql::<serde_json::Value>(query, &json!({"id": node_id}), what.to_owned()).await?;
        Ok(Response::Done)
    }

    /// No author can be given here: GitHub signs the commit as the App's.
    pub(super) async fn commit_on_branch(
        &self,
        branch: &str,
        expected: &Sha,
        message: &str,
        files: &[NewFile],
    ) -> Result<Response, Error> {
        let what = format!("a commit on `{branch}`");
        let addition = |file: &NewFile| json!({"path": file.path, "contents": STANDARD.encode(&file.content)});
        let additions: Vec<_> = files.iter().map(addition).collect();
        let (headline, body) = message.split_once("\n\n").unwrap_or((message, ""));
        let input = json!({
            "branch": {"repositoryNameWithOwner": self.repository, "branchName": branch},
            "expectedHeadOid": expected,
            "message": {"headline": headline, "body": body},
            "fileChanges": {"additions": additions},
        });
        let data: CommitData = self.graphql(COMMIT, &json!({"input": input}), what.clone()).await?;
        let commit = data.create_commit_on_branch.and_then(|made| made.commit);
        commit.map(|commit| Response::Commit(Sha::new(commit.oid))).ok_or_else(|| wire::lacks(&what, "commit"))
    }

    pub(super) async fn graphql<T: DeserializeOwned>(
        &self,
        query: &str,
        variables: &serde_json::Value,
        what: String,
    ) -> Result<T, Error> {
        let reply: Reply<T> = self.graphql_reply(query, variables, &what).await?;
        match reply.errors.first() {
            Some(error) => Err(self.graphql_error(error, &what)),
            None => reply.data.ok_or_else(|| wire::lacks(&what, "data")),
        }
    }

    /// The whole answer, errors and all.
    pub(super) async fn graphql_reply<T: DeserializeOwned>(
        &self,
        query: &str,
        variables: &serde_json::Value,
        what: &str,
    ) -> Result<Reply<T>, Error> {
        let mut call = Call::new(Method::POST, String::new(), what.to_owned());
        call.target = Target::GraphQl;
        call.is_mutation = query.starts_with("mutation");
        let call = call.with_body(&json!({"query": query, "variables": variables}))?;
        self.call(&call).await?.json(&call.what)
    }

    /// An error told in an answer; a limit holds for everybody.
    pub(super) fn graphql_error(&self, error: &ReplyError, what: &str) -> Error {
        let error = error_of(error, what, self.transport.now());
        if let Error::RateLimited { until } = error {
            self.gate.wait(until);
        }
        error
    }
}

fn error_of(error: &ReplyError, what: &str, now: Timestamp) -> Error {
    let message = one_line(error.message.as_deref().unwrap_or("no reason given"));
    match error.kind.as_deref() {
        Some("FORBIDDEN" | "INSUFFICIENT_SCOPES") => Error::Denied { message },
        Some("NOT_FOUND") => Error::Missing { what: what.to_owned() },
        Some("STALE_DATA") => Error::Conflict { message },
        Some("RATE_LIMITED" | "RATE_LIMIT") => {
            Error::RateLimited { until: Timestamp(now.0.saturating_add(LIMITED_MILLISECONDS)) }
        }
        // GitHub's words for a failure or a time-out of its own: what was asked for may have been done.
        Some(_) | None if message.starts_with("Something went wrong") => Error::Unreachable { message },
        Some(_) | None => Error::Invalid { message },
    }
}
