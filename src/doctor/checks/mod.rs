//! One check per file: a pure judgement over what was read. What its reading lacks makes it unknown, never good.

mod actions;
mod actions_pull_requests;
mod allowed_actions;
mod app;
mod branch_names;
mod clock;
mod configuration;
mod deliveries;
mod events;
mod installation;
mod label;
mod merge_queue;
mod native_workflows;
mod permissions;
mod rate;
mod repository;
mod required_checks;
mod secrets;
mod setup;
mod signatures;
mod token;
mod webhook;
mod workflow;

use serde::Deserialize;
use std::collections::BTreeMap;

use crate::doctor::finding::Finding;
use crate::doctor::readings::{AppReadings, Readings, Unread};
use crate::github::Error;

/// A check.
#[derive(Clone, Copy, Debug)]
pub struct Check {
    /// Its name for machines; it never changes.
    pub id: &'static str,
    /// Its name for people.
    pub title: &'static str,
    /// Its judgement.
    pub judge: fn(&Readings) -> Finding,
}

/// Every check, in the order in which they are shown.
pub const CHECKS: [Check; 23] = [
    app::CHECK,
    permissions::CHECK,
    events::CHECK,
    installation::CHECK,
    webhook::CHECK,
    deliveries::CHECK,
    clock::CHECK,
    token::CHECK,
    rate::CHECK,
    repository::CHECK,
    configuration::CHECK,
    workflow::CHECK,
    native_workflows::CHECK,
    actions::CHECK,
    allowed_actions::CHECK,
    actions_pull_requests::CHECK,
    secrets::CHECK,
    setup::CHECK,
    label::CHECK,
    branch_names::CHECK,
    signatures::CHECK,
    required_checks::CHECK,
    merge_queue::CHECK,
];

/// What the App is to ask for.
#[derive(Debug, Deserialize)]
struct Manifest {
    default_permissions: BTreeMap<String, String>,
    default_events: Vec<String>,
    hook_attributes: HookAttributes,
}

#[derive(Debug, Deserialize)]
struct HookAttributes {
    url: String,
}

impl Manifest {
    /// The manifest this version brings; a test reads it, so that it can be read.
    fn bundled() -> Result<Self, Finding> {
        let text = include_str!("../../../app-manifest.yml");
        serde_saphyr::from_str(text).map_err(|error| {
            Finding::unknown(format!("this program's own manifest cannot be read: {error}"), "report this as a defect")
        })
    }
}

/// What was read as the App; without its key nothing was.
fn as_app(readings: &Readings) -> Result<&AppReadings, Finding> {
    readings.app.as_ref().ok_or_else(|| {
        let remedy = "give --app-id and the App's key; without an App (Actions-native) there is nothing to look at";
        Finding::unknown("the App's key was not given", remedy)
    })
}

/// A reading that failed: nobody knows how it stands.
fn unread(why: &Unread) -> Finding {
    let remedy = match why {
        Unread::Unasked(_) => "give what may look: --app-id and the App's key, or GH_TOKEN",
        Unread::Failed(Error::Denied { .. } | Error::Missing { .. }) => {
            "set GH_TOKEN to the token of somebody who may look, or look there"
        }
        Unread::Failed(Error::Unauthorized { .. }) => "mend the credentials first, or set GH_TOKEN",
        Unread::Failed(_) => "look again later",
    };
    Finding::unknown(format!("not known: {why}"), remedy)
}

/// Names as a sentence's part: the first few, and how many more.
fn listed(names: &[String]) -> String {
    const SHOWN: usize = 5;
    let shown: Vec<String> = names.iter().take(SHOWN).map(|name| format!("`{name}`")).collect();
    match names.len().saturating_sub(SHOWN) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}
