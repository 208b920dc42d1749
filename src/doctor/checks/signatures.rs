//! Whether commits must be signed where the agent's, which are not, have to go.

use crate::doctor::checks::{Check, unread};
use crate::doctor::finding::Finding;
use crate::doctor::readings::{Reading, Readings};
use crate::github::survey::RuleKind;

pub(super) const CHECK: Check = Check { id: "signatures", title: "Required signatures", judge };

fn judge(readings: &Readings) -> Finding {
    judged(readings).unwrap_or_else(|why| unread(&why).at(readings.page("/settings/branches")))
}

fn judged(readings: &Readings) -> Reading<Finding> {
    let base = readings.base();
    let own = readings.own_rules()?;
    let by_rule = readings.base_rules()?.iter().any(|rule| rule.kind == RuleKind::Signatures);
    let own_branch = own.iter().find(|(_, rule)| rule.kind == RuleKind::Signatures).map(|(branch, _)| *branch);
    let remedy = "take that rule away for these branches, or put the App and GitHub Actions on its bypass list: work \
                  is pushed by git, unsigned";
    if let Some(branch) = own_branch {
        let found = format!("`{branch}` takes only signed commits: no work can be pushed");
        return Ok(Finding::failed(found, remedy).at(readings.page("/rules")));
    }
    if by_rule {
        let found = format!("`{base}` takes only signed commits: no pull request can be merged");
        return Ok(Finding::failed(found, remedy).at(readings.page("/rules")));
    }
    let protected = readings.protected.as_ref().map_err(Clone::clone)?;
    if !protected.is_protected {
        return Ok(Finding::ok(format!("`{base}` and our branches take unsigned commits")));
    }
    let page = readings.page("/settings/branches");
    Ok(match &readings.protection {
        Ok(Some(protection)) if protection.signatures => {
            let found = format!("the protection of `{base}` takes only signed commits");
            Finding::failed(found, "take *Require signed commits* away there").at(page)
        }
        Ok(Some(_)) => Finding::ok(format!("`{base}` is protected, and takes unsigned commits")),
        Ok(None) => {
            let found = format!("`{base}` is protected, and GH_TOKEN does not see how");
            Finding::unknown(found, "set GH_TOKEN to an administrator's token, or look there").at(page)
        }
        Err(why) => unread(why).at(page),
    })
}
