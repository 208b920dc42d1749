//! Whether the App is told of everything its manifest names.

use crate::doctor::checks::{Check, Manifest, as_app, listed, unread};
use crate::doctor::finding::Finding;
use crate::doctor::readings::Readings;

pub(super) const CHECK: Check = Check { id: "app-events", title: "App's events", judge };

fn judge(readings: &Readings) -> Finding {
    judged(readings).unwrap_or_else(|finding| finding)
}

fn judged(readings: &Readings) -> Result<Finding, Finding> {
    let app = as_app(readings)?;
    let manifest = Manifest::bundled()?;
    let told = &app.registration.as_ref().map_err(unread)?.events;
    let lacking: Vec<String> = manifest.default_events.into_iter().filter(|event| !told.contains(event)).collect();
    if lacking.is_empty() {
        return Ok(Finding::ok("as in the manifest"));
    }
    // The heartbeat finds everything; events only make it quick.
    let remedy = "tick them on the App's page; until then the heartbeat finds such things, only later";
    let found = format!("the App is not told of {}", listed(&lacking));
    Ok(Finding::warning(found, remedy).at(readings.app_page("/permissions")))
}
