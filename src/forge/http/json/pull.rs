//! Pull requests.

use serde_json::{Value, json};

use crate::engine::id::{IssueNumber, PullNumber, Sha};
use crate::engine::snapshot::OpenState;
use crate::forge::http::json::issue::{label, state};
use crate::forge::http::json::repository::repository;
use crate::forge::http::json::{Place, moment, moment_or_null, node_id};
use crate::forge::world::World;

/// What git knows about a pull request beyond the world.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct GitSide {
    /// Whether it merges cleanly.
    pub(crate) mergeable: Option<bool>,
    /// Commits, lines added, lines removed, files changed.
    pub(crate) size: (u64, u64, u64, u64),
}

/// A pull request with everything `pulls/get` tells; nothing where there is none.
pub(crate) fn pull(place: &Place, world: &World, number: PullNumber, git: GitSide) -> Option<Value> {
    let pull = world.pull(number)?;
    let entry = world.issue(IssueNumber(number.0)).filter(|entry| !entry.deleted)?;
    let issue = &entry.issue;
    let open = issue.state == OpenState::Open;
    let mergeable = git.mergeable.filter(|_| open);
    let base_sha = world.branches().get(&pull.base_branch).filter(|_| open).unwrap_or(&pull.base_sha);
    let comments = world.comments().filter(|comment| comment.comment.issue == issue.number).count();
    let id = place.repository_id * 1_000_000 + number.0;
    let mut value = json!({
        "id": id,
        "node_id": node_id("PullRequest", id),
        "number": number,
        "title": issue.title,
        "body": issue.body,
        "state": state(issue.state),
        "draft": pull.draft,
        "locked": false,
        "user": place.user(&issue.author),
        "author_association": "NONE",
        "labels": issue.labels.iter().map(|name| label(place, name)).collect::<Vec<_>>(),
        "assignee": null, "assignees": [], "milestone": null, "requested_reviewers": [], "requested_teams": [],
        "auto_merge": null, "active_lock_reason": null,
        "head": side(place, world, &pull.head_branch, &pull.head_sha),
        "base": side(place, world, &pull.base_branch, base_sha),
        "created_at": moment(issue.created_at),
        "updated_at": moment(issue.updated_at),
        "closed_at": moment_or_null(entry.closed_at),
        "merged_at": moment_or_null(pull.merged.as_ref().map(|merged| merged.at)),
        "merged": pull.merged.is_some(),
        "merged_by": pull.merged.as_ref().map(|merged| place.user(&merged.by)),
        "merge_commit_sha": pull.merged.as_ref().map(|merged| merged.commit.clone()),
        "mergeable": mergeable,
        "rebaseable": mergeable,
        "mergeable_state": match mergeable { Some(true) => "clean", Some(false) => "dirty", None => "unknown" },
        "maintainer_can_modify": false,
        "comments": comments,
        "review_comments": 0,
        "commits": git.size.0, "additions": git.size.1, "deletions": git.size.2, "changed_files": git.size.3,
    });
    add_addresses(place, number, &pull.head_sha, &mut value);
    Some(value)
}

/// A pull request as lists give it: without what is looked up for one alone.
pub(crate) fn listed(place: &Place, world: &World, number: PullNumber) -> Option<Value> {
    const ALONE: [&str; 12] = [
        "merged",
        "mergeable",
        "rebaseable",
        "mergeable_state",
        "merged_by",
        "comments",
        "review_comments",
        "maintainer_can_modify",
        "commits",
        "additions",
        "deletions",
        "changed_files",
    ];
    let mut pull = pull(place, world, number, GitSide::default())?;
    if let Value::Object(fields) = &mut pull {
        fields.retain(|name, _| !ALONE.contains(&name.as_str()));
    }
    Some(pull)
}

fn side(place: &Place, world: &World, branch: &str, sha: &Sha) -> Value {
    json!({
        "label": format!("{}:{branch}", place.owner), "ref": branch, "sha": sha,
        "user": place.account(&place.owner, "User"), "repo": repository(place, world),
    })
}

fn add_addresses(place: &Place, number: PullNumber, head: &Sha, value: &mut Value) {
    let api = place.api(format_args!("/pulls/{number}"));
    let issue = place.api(format_args!("/issues/{number}"));
    let page = place.web(format_args!("/pull/{number}"));
    let statuses = place.api(format_args!("/statuses/{head}"));
    value["url"] = json!(api);
    value["html_url"] = json!(page);
    value["diff_url"] = json!(format!("{page}.diff"));
    value["patch_url"] = json!(format!("{page}.patch"));
    value["issue_url"] = json!(issue);
    value["commits_url"] = json!(format!("{api}/commits"));
    value["review_comments_url"] = json!(format!("{api}/comments"));
    value["review_comment_url"] = json!(place.api("/pulls/comments{/number}"));
    value["comments_url"] = json!(format!("{issue}/comments"));
    value["statuses_url"] = json!(statuses);
    let link = |href: &Value| json!({ "href": href });
    value["_links"] = json!({
        "self": link(&value["url"]), "html": link(&value["html_url"]), "issue": link(&value["issue_url"]),
        "comments": link(&value["comments_url"]), "review_comments": link(&value["review_comments_url"]),
        "review_comment": link(&value["review_comment_url"]), "commits": link(&value["commits_url"]),
        "statuses": link(&value["statuses_url"]),
    });
}
