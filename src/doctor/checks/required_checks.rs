//! Which checks must have passed before a merge, and whether each merge makes the next pull request stale.

use std::collections::BTreeSet;

use crate::doctor::checks::{Check, listed, unread};
use crate::doctor::finding::Finding;
use crate::doctor::readings::{Reading, Readings};
use crate::github::survey::RuleKind;

pub(super) const CHECK: Check = Check { id: "required-checks", title: "Required checks", judge };

fn judge(readings: &Readings) -> Finding {
    judged(readings).unwrap_or_else(|why| unread(&why).at(readings.page("/settings/branches")))
}

fn judged(readings: &Readings) -> Reading<Finding> {
    let protected = readings.protected.as_ref().map_err(Clone::clone)?;
    let mut names: BTreeSet<String> = protected.contexts.iter().cloned().collect();
    let mut is_strict = readings.protection.as_ref().is_ok_and(|it| it.as_ref().is_some_and(|it| it.strict));
    for rule in readings.base_rules()? {
        if let RuleKind::Checks { contexts, strict } = &rule.kind {
            names.extend(contexts.iter().cloned());
            is_strict |= strict;
        }
    }
    if names.is_empty() {
        return Ok(Finding::ok("none: whatever checks there are count"));
    }
    let names: Vec<String> = names.into_iter().collect();
    if is_strict {
        // The base is merged into the head and checked again before each merge, which costs a round of CI each.
        let found = format!("{} must have passed on the newest `{}`", listed(&names), readings.base());
        let remedy = "each merge makes every other pull request wait for another round of checks; a merge queue, or \
                      checks that need not be up to date, are quicker";
        return Ok(Finding::warning(found, remedy).at(readings.page("/rules")));
    }
    Ok(Finding::ok(format!("{} must have passed", listed(&names))))
}
