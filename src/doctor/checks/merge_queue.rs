//! Whether merges go through a queue.

use crate::doctor::checks::{Check, unread};
use crate::doctor::finding::Finding;
use crate::doctor::readings::Readings;
use crate::github::survey::RuleKind;

pub(super) const CHECK: Check = Check { id: "merge-queue", title: "Merge queue", judge };

fn judge(readings: &Readings) -> Finding {
    let page = readings.page("/rules");
    let rules = match readings.base_rules() {
        Ok(rules) => rules,
        Err(why) => return unread(&why).at(page),
    };
    let base = readings.base();
    if !rules.iter().any(|rule| rule.kind == RuleKind::MergeQueue) {
        return Finding::ok(format!("none on `{base}`"));
    }
    let found = format!("`{base}` has a merge queue: merges that do not come from it are refused");
    if readings.settings.auto_merge {
        let remedy = "leave `auto_merge` off and add green pull requests to the queue yourself, or put the App on the \
                      ruleset's bypass list";
        return Finding::failed(format!("{found}, and `auto_merge` is on"), remedy).at(page);
    }
    let remedy = "add green pull requests to the queue yourself; what it merges is seen like any merge";
    Finding::warning(found, remedy).at(page)
}
