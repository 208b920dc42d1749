//! Whether rules let the orchestrator make and move its own branches.

use std::collections::BTreeSet;

use crate::doctor::checks::{Check, unread};
use crate::doctor::finding::Finding;
use crate::doctor::readings::Readings;
use crate::github::survey::RuleKind;

pub(super) const CHECK: Check = Check { id: "branch-names", title: "Own branches", judge };

fn judge(readings: &Readings) -> Finding {
    let page = readings.page("/rules");
    let rules = match readings.own_rules() {
        Ok(rules) => rules,
        Err(why) => return unread(&why).at(page),
    };
    let found: BTreeSet<String> = rules
        .into_iter()
        .filter_map(|(branch, rule)| words(branch, &rule.kind).map(|words| format!("`{branch}` {words}")))
        .collect();
    if found.is_empty() {
        return Finding::ok("no rule keeps `orchestrate*` from being made and moved");
    }
    let remedy = "leave `orchestrate/**`, `orchestrate-attempt/**` and `orchestrate-work/**` out of that ruleset, or \
                  put the App and, for its jobs, GitHub Actions on its bypass list";
    Finding::failed(found.into_iter().collect::<Vec<_>>().join("; "), remedy).at(page)
}

/// What a rule does to a push of ours, where it refuses it.
fn words(branch: &str, rule: &RuleKind) -> Option<String> {
    match rule {
        RuleKind::Names { operator, pattern, negate } => {
            let fits = fits(branch, operator, pattern)?;
            (fits == *negate).then(|| format!("is a name that a rule forbids ({operator} `{pattern}`)"))
        }
        RuleKind::Creation => Some("may not be made".to_owned()),
        RuleKind::Update => Some("may not be moved".to_owned()),
        RuleKind::PullRequest => Some("takes changes by pull request only".to_owned()),
        RuleKind::Checks { .. } => Some("takes only commits whose checks have passed".to_owned()),
        RuleKind::MergeQueue => Some("takes changes from a merge queue only".to_owned()),
        RuleKind::Signatures | RuleKind::Other(_) => None,
    }
}

/// Whether a name is as a rule says; what is compared by a regular expression is GitHub's to judge, and taken to fit
/// only where it plainly begins so.
fn fits(branch: &str, operator: &str, pattern: &str) -> Option<bool> {
    match operator {
        "starts_with" => Some(branch.starts_with(pattern)),
        "ends_with" => Some(branch.ends_with(pattern)),
        "contains" => Some(branch.contains(pattern)),
        "regex" => regex::Regex::new(pattern).ok().map(|regex| regex.is_match(branch)),
        _ => None,
    }
}
