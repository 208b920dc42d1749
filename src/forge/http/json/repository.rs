//! The repository.

use serde_json::{Map, Value, json};

use crate::forge::http::json::{Place, node_id};
use crate::forge::world::World;

/// The repository as in `repos/get`: with what is counted there alone.
pub(crate) fn full(place: &Place, world: &World) -> Value {
    let mut repository = repository(place, world);
    repository["network_count"] = json!(0);
    repository["subscribers_count"] = json!(0);
    repository
}

/// The repository as inside other answers and in every webhook.
pub(crate) fn repository(place: &Place, world: &World) -> Value {
    let mut fields = Map::new();
    for (name, path) in ADDRESSES {
        fields.insert((*name).to_owned(), json!(place.api(path)));
    }
    let open = world.issues().filter(|entry| world.is_open(entry.issue.number)).count();
    for part in [identity(place, world), counts(open)] {
        if let Value::Object(more) = part {
            fields.extend(more);
        }
    }
    Value::Object(fields)
}

/// The repository as beside a commit's statuses: without what changes with every issue.
pub(crate) fn minimal(place: &Place, world: &World) -> Value {
    let mut repository = repository(place, world);
    if let Value::Object(fields) = &mut repository {
        fields.retain(|name, _| name != "open_issues" && name != "open_issues_count");
    }
    repository
}

/// The repository as a webhook tells it of a run: who it is and its addresses.
pub(crate) fn lite(place: &Place, world: &World) -> Value {
    const FIELDS: [&str; 10] =
        ["id", "node_id", "name", "full_name", "owner", "private", "html_url", "description", "fork", "url"];
    let mut repository = repository(place, world);
    if let Value::Object(fields) = &mut repository {
        let known = |name: &str| FIELDS.contains(&name) || ADDRESSES.iter().any(|(address, _)| *address == name);
        fields.retain(|name, _| known(name));
    }
    repository
}

fn identity(place: &Place, world: &World) -> Value {
    let created = "2026-01-01T00:00:00Z";
    json!({
        "id": place.repository_id,
        "node_id": node_id("Repository", place.repository_id),
        "name": place.name,
        "full_name": place.full_name(),
        "owner": place.account(&place.owner, "User"),
        "private": false,
        "html_url": place.web(""),
        "description": null,
        "fork": false,
        "url": place.api(""),
        "clone_url": place.web(".git"),
        "git_url": place.web(".git"),
        "ssh_url": place.web(".git"),
        "svn_url": place.web(""),
        "mirror_url": null,
        "default_branch": world.setup().default_branch,
        "visibility": "public",
        "archived": false,
        "disabled": false,
        "pushed_at": created,
        "created_at": created,
        "updated_at": created,
    })
}

/// What this forge has none of, as GitHub's schema wants it told.
fn counts(open: usize) -> Value {
    json!({
        "forks": 0, "forks_count": 0, "stargazers_count": 0,
        "watchers": 0, "watchers_count": 0, "open_issues": open, "open_issues_count": open, "size": 0,
        "has_downloads": false, "has_issues": true, "has_projects": false, "has_wiki": false, "has_pages": false,
        "has_discussions": false, "is_template": false, "allow_forking": false, "web_commit_signoff_required": false,
        "homepage": null, "language": null, "license": null, "topics": [],
    })
}

const ADDRESSES: &[(&str, &str)] = &[
    ("archive_url", "/{archive_format}{/ref}"),
    ("assignees_url", "/assignees{/user}"),
    ("blobs_url", "/git/blobs{/sha}"),
    ("branches_url", "/branches{/branch}"),
    ("collaborators_url", "/collaborators{/collaborator}"),
    ("comments_url", "/comments{/number}"),
    ("commits_url", "/commits{/sha}"),
    ("compare_url", "/compare/{base}...{head}"),
    ("contents_url", "/contents/{+path}"),
    ("contributors_url", "/contributors"),
    ("deployments_url", "/deployments"),
    ("downloads_url", "/downloads"),
    ("events_url", "/events"),
    ("forks_url", "/forks"),
    ("git_commits_url", "/git/commits{/sha}"),
    ("git_refs_url", "/git/refs{/sha}"),
    ("git_tags_url", "/git/tags{/sha}"),
    ("hooks_url", "/hooks"),
    ("issue_comment_url", "/issues/comments{/number}"),
    ("issue_events_url", "/issues/events{/number}"),
    ("issues_url", "/issues{/number}"),
    ("keys_url", "/keys{/key_id}"),
    ("labels_url", "/labels{/name}"),
    ("languages_url", "/languages"),
    ("merges_url", "/merges"),
    ("milestones_url", "/milestones{/number}"),
    ("notifications_url", "/notifications{?since,all,participating}"),
    ("pulls_url", "/pulls{/number}"),
    ("releases_url", "/releases{/id}"),
    ("stargazers_url", "/stargazers"),
    ("statuses_url", "/statuses/{sha}"),
    ("subscribers_url", "/subscribers"),
    ("subscription_url", "/subscription"),
    ("tags_url", "/tags"),
    ("teams_url", "/teams"),
    ("trees_url", "/git/trees{/sha}"),
];
