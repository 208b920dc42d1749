//! Webhook payloads, rendered from the world right after the request that made them.

use serde_json::{Value, json};

use crate::engine::id::{IssueNumber, Sha};
use crate::engine::snapshot::Actor;
use crate::forge::http::json::{Place, check, commit, issue, node_id, pull, repository, run};
use crate::forge::world::World;
use crate::forge::world::state::RunEntry;
use crate::forge::world::webhook::Webhook;

const NO_COMMIT: &str = "0000000000000000000000000000000000000000";

/// The JSON body of a webhook.
pub(crate) fn render(place: &Place, world: &World, webhook: &Webhook) -> Value {
    let (mut body, sender) = match webhook {
        Webhook::Issues { number, sender, label, title_from, body_from, .. } => {
            let mut body = json!({ "issue": issue_of(place, world, *number) });
            note_changes(place, &mut body, label.as_deref(), title_from.as_deref(), body_from.as_deref());
            (body, sender.clone())
        }
        Webhook::IssueComment { comment, sender, body_from, .. } => {
            let mut body =
                json!({ "issue": issue_of(place, world, comment.issue), "comment": issue::comment(place, comment) });
            note_changes(place, &mut body, None, None, body_from.as_deref());
            (body, sender.clone())
        }
        Webhook::PullRequest { number, sender, label, title_from, body_from, before, .. } => {
            let pull_request = pull::pull(place, world, *number, pull::GitSide::default());
            let mut body = json!({ "number": number, "pull_request": pull_request });
            if let Some(before) = before {
                body["before"] = json!(before);
                body["after"] = body["pull_request"]["head"]["sha"].clone();
            }
            note_changes(place, &mut body, label.as_deref(), title_from.as_deref(), body_from.as_deref());
            (body, sender.clone())
        }
        Webhook::Push { branch, before, after, sender } => {
            (push(place, branch, before.as_ref(), after.as_ref(), sender), sender.clone())
        }
        Webhook::WorkflowRun { run: id, .. } => {
            let entry = world.run(*id);
            let body = json!({
                "workflow_run": entry.map(|entry| run_of(place, world, entry)),
                "workflow": entry.map(|entry| run::workflow(place, world, &entry.workflow)),
            });
            (body, entry.map_or_else(|| world.app_bot(), |entry| entry.actor.clone()))
        }
        Webhook::WorkflowJob { run: id, job, .. } => {
            let entry = world.run(*id);
            let job = entry.zip(world.job(*job)).map(|(entry, job)| run::job(place, entry, job));
            (json!({ "workflow_job": job }), entry.map_or_else(|| world.app_bot(), |entry| entry.actor.clone()))
        }
        Webhook::CheckRun { id, .. } => {
            (json!({ "check_run": world.check(*id).map(|entry| check::check_run(place, entry)) }), world.app_bot())
        }
        Webhook::CheckSuiteCompleted { sha, app } => {
            (json!({ "check_suite": check::check_suite(place, world, sha, app) }), world.app_bot())
        }
    };
    if let Some(action) = webhook.action() {
        body["action"] = json!(action);
    }
    body["repository"] = repository::repository(place, world);
    body["sender"] = place.user(&sender);
    body["installation"] =
        json!({ "id": place.installation_id, "node_id": node_id("Installation", place.installation_id) });
    body
}

/// Who closed it is told by the API alone.
fn issue_of(place: &Place, world: &World, number: IssueNumber) -> Value {
    let mut issue = world.issue(number).map_or(Value::Null, |entry| issue::issue(place, world, entry));
    if let Value::Object(fields) = &mut issue {
        fields.remove("closed_by");
    }
    issue
}

fn run_of(place: &Place, world: &World, entry: &RunEntry) -> Value {
    let mut run = run::run(place, world, entry);
    run["repository"] = repository::lite(place, world);
    run["head_repository"] = run["repository"].clone();
    run
}

fn note_changes(place: &Place, body: &mut Value, label: Option<&str>, title: Option<&str>, text: Option<&str>) {
    if let Some(label) = label {
        body["label"] = issue::label(place, label);
    }
    if let Some(title) = title {
        body["changes"]["title"] = json!({ "from": title });
    }
    if let Some(text) = text {
        body["changes"]["body"] = json!({ "from": text });
    }
}

fn push(place: &Place, branch: &str, before: Option<&Sha>, after: Option<&Sha>, sender: &Actor) -> Value {
    let name = |sha: Option<&Sha>| sha.map_or(NO_COMMIT, Sha::as_str).to_owned();
    let (old, new) = (name(before), name(after));
    json!({
        "ref": commit::reference(place, branch, &Sha::new(new.clone()))["ref"],
        "before": old, "after": new,
        "created": before.is_none(), "deleted": after.is_none(), "forced": false, "base_ref": null,
        "compare": place.web(format_args!("/compare/{old}...{new}")),
        "commits": [], "head_commit": null,
        "pusher": { "name": sender.login, "email": format!("{}@users.noreply.localhost", sender.login) },
    })
}
