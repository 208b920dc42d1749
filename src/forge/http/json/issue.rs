//! Issues, labels, comments, reactions and the timeline.

use serde_json::{Value, json};

use crate::engine::id::IssueNumber;
use crate::engine::snapshot::{Actor, Comment, LabelEvent, OpenState};
use crate::engine::time::Timestamp;
use crate::forge::http::json::{Place, moment, moment_or_null, node_id};
use crate::forge::world::World;
use crate::forge::world::state::IssueEntry;
use crate::github::Reaction;

/// `open` or `closed`.
pub(crate) fn state(state: OpenState) -> &'static str {
    match state {
        OpenState::Open => "open",
        OpenState::Closed => "closed",
    }
}

/// A label.
pub(crate) fn label(place: &Place, name: &str) -> Value {
    let id = name.bytes().fold(7_u64, |sum, byte| (sum * 31 + u64::from(byte)) % 0x7fff_ffff) + 1;
    json!({
        "id": id,
        "node_id": node_id("Label", id),
        "url": place.api(format_args!("/labels/{name}")),
        "name": name,
        "description": null,
        "color": "ededed",
        "default": false,
    })
}

/// An issue's id, which is not its number.
pub(crate) fn id(place: &Place, number: IssueNumber) -> u64 {
    place.repository_id * 1_000_000 + number.0
}

/// An issue, or a pull request as the issue side shows it.
pub(crate) fn issue(place: &Place, world: &World, entry: &IssueEntry) -> Value {
    let issue = &entry.issue;
    let number = issue.number;
    let url = place.api(format_args!("/issues/{number}"));
    let comments = world.comments().filter(|comment| comment.comment.issue == number).count();
    let blocking = world.issues().filter(|other| other.blocked_by.contains(&number)).count();
    let blocked_by_open = entry.blocked_by.iter().filter(|by| world.is_open(**by)).count();
    let closed_below = entry.sub_issues.iter().filter(|child| !world.is_open(**child)).count();
    let page = if issue.is_pull_request { "pull" } else { "issues" };
    let mut value = json!({
        "id": id(place, number),
        "node_id": issue.node_id,
        "number": number,
        "title": issue.title,
        "body": issue.body,
        "state": state(issue.state),
        "state_reason": if issue.state == OpenState::Closed { json!("completed") } else { Value::Null },
        "labels": issue.labels.iter().map(|name| label(place, name)).collect::<Vec<_>>(),
        "user": place.user(&issue.author),
        "author_association": "NONE",
        "closed_by": issue.closed_by.as_ref().map(|actor| place.user(actor)),
        "assignee": null, "assignees": [], "milestone": null, "locked": false, "active_lock_reason": null,
        "comments": comments,
        "created_at": moment(issue.created_at),
        "updated_at": moment(issue.updated_at),
        "closed_at": moment_or_null(entry.closed_at),
        "url": url,
        "repository_url": place.api(""),
        "labels_url": format!("{url}/labels{{/name}}"),
        "comments_url": format!("{url}/comments"),
        "events_url": format!("{url}/events"),
        "timeline_url": format!("{url}/timeline"),
        "html_url": place.web(format_args!("/{page}/{number}")),
        "issue_dependencies_summary": {
            "blocked_by": blocked_by_open,
            "total_blocked_by": entry.blocked_by.len(),
            "blocking": blocking,
            "total_blocking": blocking,
        },
        "sub_issues_summary": {
            "total": entry.sub_issues.len(),
            "completed": closed_below,
            "percent_completed": (closed_below * 100).checked_div(entry.sub_issues.len()).unwrap_or(0),
        },
        "performed_via_github_app": null,
    });
    if issue.is_pull_request {
        let pull = place.api(format_args!("/pulls/{number}"));
        let page = place.web(format_args!("/pull/{number}"));
        value["pull_request"] = json!({
            "url": pull, "html_url": page, "diff_url": format!("{page}.diff"), "patch_url": format!("{page}.patch"),
            "merged_at": null,
        });
    }
    value
}

/// A comment.
pub(crate) fn comment(place: &Place, comment: &Comment) -> Value {
    let id = comment.id;
    let url = place.api(format_args!("/issues/comments/{id}"));
    json!({
        "id": id,
        "node_id": node_id("IssueComment", id),
        "url": url,
        "html_url": place.web(format_args!("/issues/{}#issuecomment-{id}", comment.issue)),
        "issue_url": place.api(format_args!("/issues/{}", comment.issue)),
        "user": place.user(&comment.author),
        "author_association": "NONE",
        "body": comment.body,
        "created_at": moment(comment.created_at),
        "updated_at": moment(comment.updated_at),
        "performed_via_github_app": null,
    })
}

/// GitHub's word for a reaction.
pub(crate) fn reaction_content(reaction: Reaction) -> &'static str {
    match reaction {
        Reaction::Eyes => "eyes",
        Reaction::PlusOne => "+1",
        Reaction::MinusOne => "-1",
        Reaction::Rocket => "rocket",
    }
}

/// A reaction by somebody.
pub(crate) fn reaction(place: &Place, id: u64, actor: &Actor, reaction: Reaction, at: Timestamp) -> Value {
    json!({
        "id": id,
        "node_id": node_id("Reaction", id),
        "user": place.user(actor),
        "content": reaction_content(reaction),
        "created_at": moment(at),
    })
}

/// A label put on or taken off, as the timeline tells it.
pub(crate) fn label_event(place: &Place, number: u64, index: usize, event: &LabelEvent) -> Value {
    let id = number * 100_000 + index as u64;
    json!({
        "id": id,
        "node_id": node_id("LabelEvent", id),
        "url": place.api(format_args!("/issues/events/{id}")),
        "event": if event.added { "labeled" } else { "unlabeled" },
        "actor": place.user(&event.actor),
        "label": { "name": event.label, "color": "ededed" },
        "commit_id": null,
        "commit_url": null,
        "created_at": moment(event.at),
        "performed_via_github_app": null,
    })
}
