//! GitHub's native relations between issues: what blocks an issue, and its sub-issues.

use http::Method;
use serde_json::json;

use crate::engine::id::IssueNumber;
use crate::github::client::{Call, Overflow, Sending, wire};
use crate::github::{Error, Response};

impl Sending<'_> {
    pub(super) async fn blocked_by(&self, number: IssueNumber) -> Result<Response, Error> {
        let path = format!("/issues/{number}/dependencies/blocked_by?per_page=100");
        self.related(&path, format!("what blocks #{number}")).await
    }

    pub(super) async fn sub_issues(&self, number: IssueNumber) -> Result<Response, Error> {
        self.related(&format!("/issues/{number}/sub_issues?per_page=100"), format!("the sub-issues of #{number}")).await
    }

    /// Issues in other repositories are left out: a number alone would name the wrong one.
    async fn related(&self, path: &str, what: String) -> Result<Response, Error> {
        let found: Vec<wire::Issue> = self.list(path, what, Overflow::Refuse).await?;
        let here = |issue: &wire::Issue| {
            issue.repository().is_none_or(|name| name.eq_ignore_ascii_case(self.repository.as_str()))
        };
        Ok(Response::Numbers(found.into_iter().filter(here).map(|issue| IssueNumber(issue.number)).collect()))
    }

    /// GitHub wants the other issue's id, which is not its number.
    pub(super) async fn relate(&self, number: IssueNumber, by: IssueNumber, blocked: bool) -> Result<Response, Error> {
        let what = format!("issue #{by}");
        let other: wire::Issue = self.read(&format!("/issues/{by}"), what.clone()).await?;
        let id = other.id.ok_or_else(|| wire::lacks(&what, "id"))?;
        let path = format!("/issues/{number}/dependencies/blocked_by");
        let what = format!("that #{by} blocks #{number}");
        if blocked {
            let call = Call::new(Method::POST, self.path(&path), what).with_body(&json!({"issue_id": id}))?;
            return self.call(&call).await.map(|_| Response::Done);
        }
        match self.command(Method::DELETE, &format!("{path}/{id}"), what).await {
            // Somebody else took it away.
            Err(Error::Missing { .. }) => Ok(Response::Done),
            answer => answer,
        }
    }
}
