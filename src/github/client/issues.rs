//! The repository, permissions, issues, labels, comments and reactions.

use http::Method;
use serde_json::json;

use crate::engine::id::{CommentId, IssueNumber, Login};
use crate::engine::snapshot::{OpenState, Permission};
use crate::engine::time::Timestamp;
use crate::github::client::path::{encode, segment};
use crate::github::client::{Call, Overflow, Sending, all_pages, wire};
use crate::github::{Error, Reaction, Repository, Response};

impl Sending<'_> {
    /// Reads a whole list of JSON items.
    pub(super) async fn list<T: serde::de::DeserializeOwned>(
        &self,
        path: &str,
        what: String,
        overflow: Overflow,
    ) -> Result<Vec<T>, Error> {
        let call = Call::get(self.path(path), what.clone());
        let send = async |call: Call| self.call(&call).await;
        all_pages(&self.transport, call, overflow, send, |answer| answer.json::<Vec<T>>(&what)).await
    }

    pub(super) async fn repository_facts(&self) -> Result<Response, Error> {
        let found: wire::Repository = self.read("", format!("repository {}", self.repository)).await?;
        *self.node_id() = found.node_id;
        let default_branch = found.default_branch.ok_or_else(|| wire::lacks("the repository", "default_branch"))?;
        Ok(Response::Repository(Repository { id: found.id, default_branch, archived: found.archived.unwrap_or(false) }))
    }

    pub(super) async fn permission(&self, login: &Login) -> Result<Response, Error> {
        let path = format!("/collaborators/{}/permission", segment(login.as_str())?);
        let found: Result<wire::CollaboratorPermission, Error> =
            self.read(&path, format!("the permission of @{login}")).await;
        match found {
            Ok(found) => Ok(Response::Permission(permission_of(&found))),
            Err(Error::Missing { .. }) => Ok(Response::Permission(Permission::None)),
            Err(error) => Err(error),
        }
    }

    pub(super) async fn issues_labelled(&self, label: &str, open_only: bool) -> Result<Response, Error> {
        let state = if open_only { "open" } else { "all" };
        let path = format!("/issues?labels={}&state={state}&per_page=100", encode(label));
        let found: Vec<wire::Issue> =
            self.list(&path, format!("the issues labelled `{label}`"), Overflow::Refuse).await?;
        let issues = found.into_iter().map(wire::Issue::into_snapshot).collect::<Result<_, _>>()?;
        Ok(Response::Issues(issues))
    }

    pub(super) async fn issue(&self, number: IssueNumber) -> Result<Response, Error> {
        let what = format!("issue #{number}");
        let found: wire::Issue = self.read(&format!("/issues/{number}"), what.clone()).await?;
        if found.number != number.0 || !self.is_here(&found).await? {
            return Err(Error::Missing { what });
        }
        Ok(Response::Issue(Box::new(found.into_snapshot()?)))
    }

    /// Whether an issue is in this repository. GitHub redirects both a transferred issue and a renamed repository; only
    /// the latter's issues are still ours, and the repository's present name tells which it is.
    async fn is_here(&self, found: &wire::Issue) -> Result<bool, Error> {
        let Some(named) = found.repository() else { return Ok(true) };
        if named.eq_ignore_ascii_case(self.repository.as_str()) {
            return Ok(true);
        }
        let present: wire::Repository = self.read("", format!("repository {}", self.repository)).await?;
        Ok(present.full_name.is_some_and(|name| name.eq_ignore_ascii_case(&named)))
    }

    pub(super) async fn label_events(&self, number: IssueNumber) -> Result<Response, Error> {
        let path = format!("/issues/{number}/timeline?per_page=100");
        let found: Vec<wire::TimelineEvent> =
            self.list(&path, format!("the timeline of #{number}"), Overflow::Refuse).await?;
        Ok(Response::LabelEvents(found.into_iter().filter_map(wire::TimelineEvent::into_label_event).collect()))
    }

    pub(super) async fn comments_since(&self, since: Timestamp) -> Result<Response, Error> {
        let since = encode(&since.seconds_text());
        let path = format!("/issues/comments?since={since}&sort=updated&direction=asc&per_page=100");
        let what = format!("the comments of {}", self.repository);
        let found: Vec<wire::Comment> = self.list(&path, what, Overflow::Keep).await?;
        let comments = found.into_iter().map(|comment| comment.into_snapshot(None)).collect::<Result<_, _>>()?;
        Ok(Response::Comments(comments))
    }

    pub(super) async fn comments(&self, number: IssueNumber) -> Result<Response, Error> {
        let path = format!("/issues/{number}/comments?per_page=100");
        let found: Vec<wire::Comment> =
            self.list(&path, format!("the comments of #{number}"), Overflow::Refuse).await?;
        let comments =
            found.into_iter().map(|comment| comment.into_snapshot(Some(number))).collect::<Result<_, _>>()?;
        Ok(Response::Comments(comments))
    }

    pub(super) async fn create_issue(&self, title: &str, body: &str, labels: &[String]) -> Result<Response, Error> {
        let content = json!({"title": title, "body": body, "labels": labels});
        let made: wire::Issue = self.write(Method::POST, "/issues", "a new issue".to_owned(), &content).await?;
        Ok(Response::Issue(Box::new(made.into_snapshot()?)))
    }

    pub(super) async fn update_issue(
        &self,
        number: IssueNumber,
        title: Option<String>,
        body: Option<String>,
        state: Option<OpenState>,
    ) -> Result<Response, Error> {
        let mut content = serde_json::Map::new();
        content.extend(title.map(|title| ("title".to_owned(), title.into())));
        content.extend(body.map(|body| ("body".to_owned(), body.into())));
        match state {
            Some(OpenState::Open) => content.extend([("state".to_owned(), "open".into())]),
            Some(OpenState::Closed) => {
                content.extend([("state".to_owned(), "closed".into()), ("state_reason".to_owned(), "completed".into())])
            }
            None => {}
        }
        let path = format!("/issues/{number}");
        let changed: wire::Issue = self.write(Method::PATCH, &path, format!("issue #{number}"), &content).await?;
        Ok(Response::Issue(Box::new(changed.into_snapshot()?)))
    }

    pub(super) async fn create_comment(&self, number: IssueNumber, body: &str) -> Result<Response, Error> {
        let path = format!("/issues/{number}/comments");
        let made: wire::Comment =
            self.write(Method::POST, &path, format!("a comment on #{number}"), &json!({"body": body})).await?;
        Ok(Response::Comment(Box::new(made.into_snapshot(Some(number))?)))
    }

    pub(super) async fn delete_comment(&self, comment: CommentId) -> Result<Response, Error> {
        let path = format!("/issues/comments/{comment}");
        self.command(Method::DELETE, &path, format!("comment {comment}")).await
    }

    pub(super) async fn react(&self, comment: CommentId, reaction: Reaction) -> Result<Response, Error> {
        let content = match reaction {
            Reaction::Eyes => "eyes",
            Reaction::PlusOne => "+1",
            Reaction::MinusOne => "-1",
            Reaction::Rocket => "rocket",
        };
        let path = format!("/issues/comments/{comment}/reactions");
        let what = format!("a reaction on comment {comment}");
        let call = Call::new(Method::POST, self.path(&path), what).with_body(&json!({"content": content}))?;
        self.call(&call).await.map(|_| Response::Done)
    }
}

/// The role by name, never above what `permission` says (it says write for maintain and read for triage); a role we do
/// not know counts as its `permission`, and what we do not understand as nothing.
fn permission_of(found: &wire::CollaboratorPermission) -> Permission {
    let base = found.permission.as_deref().map(|word| match word {
        "admin" => (Permission::Admin, Permission::Admin),
        "write" => (Permission::Write, Permission::Maintain),
        "read" => (Permission::Read, Permission::Triage),
        _ => (Permission::None, Permission::None),
    });
    let role = found.role_name.as_deref().and_then(|role| role.parse::<Permission>().ok());
    match (role, base) {
        (Some(role), Some((_, most))) => role.min(most),
        (Some(role), None) => role,
        (None, Some((least, _))) => least,
        (None, None) => Permission::None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permissions_fail_closed() {
        for (role, permission, expected) in [
            (Some("admin"), Some("admin"), Permission::Admin),
            (Some("maintain"), Some("write"), Permission::Maintain),
            (Some("write"), Some("write"), Permission::Write),
            (Some("triage"), Some("read"), Permission::Triage),
            (Some("read"), Some("read"), Permission::Read),
            (Some("our-reviewers"), Some("write"), Permission::Write),
            (Some("our-reviewers"), Some("read"), Permission::Read),
            (Some("our-reviewers"), None, Permission::None),
            (Some("admin"), Some("none"), Permission::None),
            (Some("admin"), Some("read"), Permission::Triage),
            (None, Some("superuser"), Permission::None),
            (None, None, Permission::None),
        ] {
            let found = wire::CollaboratorPermission {
                permission: permission.map(str::to_owned),
                role_name: role.map(str::to_owned),
            };
            assert_eq!(permission_of(&found), expected, "{role:?} {permission:?}");
        }
    }
}
