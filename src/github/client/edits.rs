//! Who edited an issue's body: asked by itself, or told with an edit of our own.

use serde::Deserialize;
use serde_json::json;

use crate::engine::id::{IssueNumber, Login};
use crate::engine::snapshot::{Actor, BodyEdit};
use crate::github::client::Sending;
use crate::github::client::wire::{self, Account, actor, moment};
use crate::github::{Error, Response};

const BODY_EDITS: &str = "query($owner:String!,$name:String!,$number:Int!){repository(owner:$owner,name:$name){\
    issue(number:$number){userContentEdits(first:100){nodes{editedAt diff editor{login __typename}}}}}}";
const REWRITE: &str = "mutation($input:UpdateIssueInput!){updateIssue(input:$input){issue{number updatedAt \
    userContentEdits(first:100){nodes{editedAt diff editor{login __typename}}}}}}";

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RewriteData {
    update_issue: Option<Rewritten>,
}

#[derive(Debug, Deserialize)]
struct Rewritten {
    issue: Option<EditsIssue>,
}

#[derive(Debug, Deserialize)]
struct EditsData {
    repository: Option<EditsRepository>,
}

#[derive(Debug, Deserialize)]
struct EditsRepository {
    issue: Option<EditsIssue>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct EditsIssue {
    number: Option<u64>,
    updated_at: Option<String>,
    user_content_edits: Option<Edits>,
}

#[derive(Debug, Deserialize)]
struct Edits {
    nodes: Option<Vec<Option<Edit>>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Edit {
    edited_at: Option<String>,
    diff: Option<String>,
    editor: Option<Account>,
}

impl Sending<'_> {
    pub(super) async fn body_edits(&self, number: IssueNumber) -> Result<Response, Error> {
        let what = format!("the edits of #{number}");
        let variables = json!({"owner": self.owner(), "name": self.name(), "number": number});
        let data: EditsData = self.graphql(BODY_EDITS, &variables, what.clone()).await?;
        let issue = data.repository.and_then(|repository| repository.issue).ok_or(Error::Missing { what })?;
        Ok(Response::BodyEdits(issue.into_edits()))
    }

    pub(super) async fn rewrite_issue(
        &self,
        number: IssueNumber,
        node_id: &str,
        body: &str,
    ) -> Result<Response, Error> {
        let what = format!("the body of #{number}");
        let variables = json!({"input": {"id": node_id, "body": body}});
        let data: RewriteData = self.graphql(REWRITE, &variables, what.clone()).await?;
        let issue = data.update_issue.and_then(|written| written.issue).ok_or_else(|| wire::lacks(&what, "issue"))?;
        if issue.number != Some(number.0) {
            return Err(Error::Unexpected { message: format!("{what}: another issue was written") });
        }
        let updated_at = moment(issue.updated_at.as_deref());
        Ok(Response::Rewritten { updated_at, edits: issue.into_edits() })
    }
}

impl EditsIssue {
    /// GitHub lists the newest first, and its moments are whole seconds: turned around, the stable sort keeps their
    /// order.
    fn into_edits(self) -> Vec<BodyEdit> {
        let nodes = self.user_content_edits.and_then(|edits| edits.nodes).unwrap_or_default();
        let told = |edit: Edit| BodyEdit {
            editor: edit.editor.map(editor),
            at: moment(edit.edited_at.as_deref()),
            // For bodies of issues GitHub puts the whole text after the edit here.
            body: edit.diff.map(Into::into),
        };
        let mut edits: Vec<BodyEdit> = nodes.into_iter().flatten().map(told).collect();
        edits.reverse();
        edits.sort_by_key(|edit| edit.at);
        edits
    }
}

/// An editor; GraphQL leaves the ending off that REST gives to the logins of bots.
pub(super) fn editor(account: Account) -> Actor {
    let Actor { login, bot } = actor(Some(account));
    let ending = if bot && !login.as_str().ends_with("[bot]") { "[bot]" } else { "" };
    Actor { login: Login(login.0 + ending), bot }
}
