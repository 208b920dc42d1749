//! Pull requests and merges.

use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::json;

use crate::engine::id::{PullNumber, Sha};
use crate::github::client::path::encode;
use crate::github::client::{Call, Overflow, Sending, wire};
use crate::github::{Error, Response};

/// What a merge of a pull request answers.
#[derive(Debug, Deserialize)]
struct MergeResult {
    sha: Option<String>,
    merged: Option<bool>,
}

impl Sending<'_> {
    pub(super) async fn pull_request(&self, number: PullNumber) -> Result<Response, Error> {
        let found: wire::PullRequest =
            self.read(&format!("/pulls/{number}"), format!("pull request #{number}")).await?;
        Ok(Response::PullRequest(Box::new(found.into_snapshot()?)))
    }

    pub(super) async fn pull_requests(&self, head: Option<&str>) -> Result<Response, Error> {
        let filter = match head {
            // Without the owner in front GitHub ignores the filter.
            Some(head) => format!("head={}&state=all", encode(&format!("{}:{head}", self.owner()))),
            None => "state=open".to_owned(),
        };
        let path = format!("/pulls?{filter}&per_page=100");
        let found: Vec<wire::PullRequest> = self.list(&path, "the pull requests".to_owned(), Overflow::Refuse).await?;
        let mut pulls = found.into_iter().map(wire::PullRequest::into_snapshot).collect::<Result<Vec<_>, _>>()?;
        if let Some(head) = head {
            pulls.retain(|pull| pull.head_branch == head);
        }
        Ok(Response::PullRequests(pulls))
    }

    /// Where the plan of the repository's owner has no drafts, the pull request is opened ready: the refusal did
    /// nothing.
    pub(super) async fn create_pull_request(
        &self,
        title: &str,
        body: &str,
        head: &str,
        base: &str,
        draft: bool,
    ) -> Result<Response, Error> {
        let what = format!("a pull request from `{head}`");
        let open = async |draft: bool| -> Result<wire::PullRequest, Error> {
            let content = json!({"title": title, "body": body, "head": head, "base": base, "draft": draft});
            self.write(Method::POST, "/pulls", what.clone(), &content).await
        };
        let made = match open(draft).await {
            Err(Error::Invalid { message }) if draft && message.to_lowercase().contains("draft pull requests") => {
                open(false).await?
            }
            answer => answer?,
        };
        Ok(Response::PullRequest(Box::new(made.into_snapshot()?)))
    }

    pub(super) async fn update_pull_request(
        &self,
        number: PullNumber,
        title: Option<String>,
        body: Option<String>,
    ) -> Result<Response, Error> {
        let mut content = serde_json::Map::new();
        content.extend(title.map(|title| ("title".to_owned(), title.into())));
        content.extend(body.map(|body| ("body".to_owned(), body.into())));
        let what = format!("pull request #{number}");
        let changed: wire::PullRequest = self.write(Method::PATCH, &format!("/pulls/{number}"), what, &content).await?;
        Ok(Response::PullRequest(Box::new(changed.into_snapshot()?)))
    }

    pub(super) async fn merge_pull_request(&self, number: PullNumber, head: &Sha) -> Result<Response, Error> {
        let what = format!("the merge of pull request #{number}");
        let path = format!("/pulls/{number}/merge");
        let done: MergeResult = self.write(Method::PUT, &path, what.clone(), &json!({"sha": head})).await?;
        if done.merged == Some(false) {
            return Err(Error::Conflict { message: format!("pull request #{number} was not merged") });
        }
        done.sha.map(|sha| Response::Merged(Sha::new(sha))).ok_or_else(|| wire::lacks(&what, "sha"))
    }

    pub(super) async fn merge_branch(&self, into: &str, from: &str) -> Result<Response, Error> {
        let what = format!("the merge of `{from}` into `{into}`");
        let content = json!({"base": into, "head": from});
        let call = Call::new(Method::POST, self.path("/merges"), what).with_body(&content)?;
        let answer = self.call(&call).await?;
        if answer.status == StatusCode::NO_CONTENT {
            return Ok(Response::Done);
        }
        let made: wire::MergeCommit = answer.json(&call.what)?;
        let onto = made.parents.into_iter().next().map(|parent| Sha::new(parent.sha));
        Ok(Response::BranchMerged { commit: Sha::new(made.sha), onto })
    }
}
