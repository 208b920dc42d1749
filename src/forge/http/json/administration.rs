//! What administrators have set, as GitHub tells it.

use serde_json::{Value, json};

use crate::engine::id::Sha;
use crate::forge::http::json::Place;
use crate::forge::repository::TreeItem;
use crate::forge::world::administration::{Hook, Protection, Rule};

/// When everything was set.
const SET: &str = "2026-01-01T00:00:00Z";
/// The one ruleset's id.
pub(crate) const RULESET: u64 = 7001;

/// The App's webhook.
pub(crate) fn hook(hook: &Hook, url: &str) -> Value {
    let mut value = json!({
        "url": url, "content_type": hook.content_type, "insecure_ssl": if hook.insecure_ssl { "1" } else { "0" },
    });
    if hook.has_secret {
        value["secret"] = json!("********");
    }
    value
}

/// A rule, as it holds for a branch.
pub(crate) fn rule(place: &Place, rule: &Rule) -> Value {
    let mut value = json!({
        "ruleset_source_type": "Repository", "ruleset_source": place.full_name(), "ruleset_id": RULESET,
    });
    let (kind, parameters) = match rule {
        Rule::Creation => ("creation", None),
        Rule::RequiredSignatures => ("required_signatures", None),
        Rule::BranchNamePattern { operator, pattern } => {
            ("branch_name_pattern", Some(json!({ "operator": operator, "pattern": pattern, "negate": false })))
        }
        Rule::RequiredStatusChecks { contexts, strict } => {
            let checks: Vec<Value> = contexts.iter().map(|context| json!({ "context": context })).collect();
            let parameters =
                json!({ "required_status_checks": checks, "strict_required_status_checks_policy": strict });
            ("required_status_checks", Some(parameters))
        }
        Rule::MergeQueue => (
            "merge_queue",
            Some(json!({
                "check_response_timeout_minutes": 60, "grouping_strategy": "ALLGREEN", "max_entries_to_build": 5,
                "max_entries_to_merge": 5, "merge_method": "MERGE", "min_entries_to_merge": 1,
                "min_entries_to_merge_wait_minutes": 5,
            })),
        ),
    };
    value["type"] = json!(kind);
    if let Some(parameters) = parameters {
        value["parameters"] = parameters;
    }
    value
}

/// The ruleset that all rules stand in.
pub(crate) fn ruleset(place: &Place, may_bypass: bool) -> Value {
    json!({
        "id": RULESET, "name": "rules", "target": "branch", "source_type": "Repository",
        "source": place.full_name(), "enforcement": "active",
        "current_user_can_bypass": if may_bypass { "always" } else { "never" },
    })
}

/// A branch with what its protection tells everybody.
pub(crate) fn branch(place: &Place, name: &str, commit: &Value, protection: Option<&Protection>) -> Value {
    let address = place.api(format_args!("/branches/{name}"));
    let told = protection.map(|set| {
        json!({
            "enabled": true,
            "required_status_checks": {
                "enforcement_level": "non_admins", "contexts": set.checks, "checks": checks(set),
            },
        })
    });
    json!({
        "name": name, "commit": commit, "protected": protection.is_some(),
        "protection": told.unwrap_or_else(|| json!({ "enabled": false })),
        "protection_url": format!("{address}/protection"),
        "_links": { "self": address, "html": place.web(format_args!("/tree/{name}")) },
    })
}

/// A branch's protection, as administrators see it.
pub(crate) fn protection(place: &Place, name: &str, set: &Protection) -> Value {
    let url = place.api(format_args!("/branches/{name}/protection"));
    json!({
        "url": url,
        "required_signatures": { "url": format!("{url}/required_signatures"), "enabled": set.signatures },
        "required_status_checks": { "strict": set.strict, "contexts": set.checks, "checks": checks(set) },
    })
}

fn checks(set: &Protection) -> Vec<Value> {
    set.checks.iter().map(|context| json!({ "context": context, "app_id": null })).collect()
}

/// A workflow.
pub(crate) fn workflow(place: &Place, file: &str, name: &str, disabled: bool) -> Value {
    let url = place.api(format_args!("/actions/workflows/{file}"));
    json!({
        "id": 1, "node_id": "workflow", "name": name, "path": format!(".github/workflows/{file}"),
        "state": if disabled { "disabled_manually" } else { "active" },
        "url": url, "html_url": place.web(format_args!("/actions/workflows/{file}")),
        "badge_url": place.web(format_args!("/actions/workflows/{file}/badge.svg")),
        "created_at": SET, "updated_at": SET,
    })
}

/// Names of secrets.
pub(crate) fn secrets<'n>(names: impl IntoIterator<Item = &'n String>) -> Value {
    let secret = |name: &String| json!({ "name": name, "created_at": SET, "updated_at": SET });
    let secrets: Vec<Value> = names.into_iter().map(secret).collect();
    json!({ "total_count": secrets.len(), "secrets": secrets })
}

/// Variables by name.
pub(crate) fn variables<'n>(names: impl IntoIterator<Item = &'n String>) -> Value {
    let variable = |name: &String| json!({ "name": name, "value": "set", "created_at": SET, "updated_at": SET });
    let variables: Vec<Value> = names.into_iter().map(variable).collect();
    json!({ "total_count": variables.len(), "variables": variables })
}

/// A folder of the repository, not what lies in its folders.
pub(crate) fn tree(place: &Place, name: &Sha, items: &[TreeItem]) -> Value {
    let item = |item: &TreeItem| {
        let folder = if item.kind == "tree" { "trees" } else { "blobs" };
        json!({
            "path": item.path, "mode": item.mode, "type": item.kind, "sha": item.name,
            "url": place.api(format_args!("/git/{folder}/{}", item.name)),
        })
    };
    json!({
        "sha": name, "url": place.api(format_args!("/git/trees/{name}")), "truncated": false,
        "tree": items.iter().map(item).collect::<Vec<_>>(),
    })
}
