//! Whether the App asks for exactly what its manifest does, and whether the account has granted that.

use std::collections::BTreeMap;

use crate::doctor::checks::{Check, Manifest, as_app, listed, unread};
use crate::doctor::finding::Finding;
use crate::doctor::readings::Readings;

pub(super) const CHECK: Check = Check { id: "app-permissions", title: "App's permissions", judge };

fn judge(readings: &Readings) -> Finding {
    judged(readings).unwrap_or_else(|finding| finding)
}

fn judged(readings: &Readings) -> Result<Finding, Finding> {
    let app = as_app(readings)?;
    let manifest = Manifest::bundled()?;
    let asked = &app.registration.as_ref().map_err(unread)?.permissions;
    let lacking = beyond(&manifest.default_permissions, asked);
    if !lacking.is_empty() {
        let remedy = "grant that on the App's page, then accept it for the installation";
        let found = format!("the App does not ask for {}", listed(&lacking));
        return Ok(Finding::failed(found, remedy).at(readings.app_page("/permissions")));
    }
    if let Ok(installed) = &app.installed {
        let lacking = beyond(&manifest.default_permissions, &installed.permissions);
        if !lacking.is_empty() {
            let finding = Finding::failed(
                format!("the account has not granted {}", listed(&lacking)),
                "review and accept the App's new permissions on the installation's page",
            );
            return Ok(match &installed.page {
                Some(page) => finding.at(page.clone()),
                None => finding,
            });
        }
    }
    let more = beyond(asked, &manifest.default_permissions);
    if more.is_empty() {
        return Ok(Finding::ok("as in the manifest"));
    }
    let remedy = "take them away on the App's page: nothing uses them";
    let found = format!("the App asks for more than it needs: {}", listed(&more));
    Ok(Finding::warning(found, remedy).at(readings.app_page("/permissions")))
}

/// What `wanted` has and `held` has not, or only for reading.
fn beyond(wanted: &BTreeMap<String, String>, held: &BTreeMap<String, String>) -> Vec<String> {
    let suffices = |level: &String, has: &String| has == level || has == "admin" || (has == "write" && level == "read");
    let lacking = wanted.iter().filter(|(name, level)| !held.get(*name).is_some_and(|has| suffices(level, has)));
    lacking.map(|(name, level)| format!("{name}: {level}")).collect()
}
