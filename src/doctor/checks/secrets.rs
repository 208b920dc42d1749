//! Whether every secret and variable that the task workflow names is there.

use crate::doctor::checks::{Check, listed, unread};
use crate::doctor::finding::Finding;
use crate::doctor::readings::Readings;
use crate::doctor::workflow_file::{BUNDLED, WorkflowFile};

pub(super) const CHECK: Check = Check { id: "secrets", title: "Secrets", judge };

fn judge(readings: &Readings) -> Finding {
    let page = readings.page("/settings/secrets/actions");
    judged(readings).unwrap_or_else(|finding| finding.at(page))
}

fn judged(readings: &Readings) -> Result<Finding, Finding> {
    let text = readings.workflow.as_ref().ok().and_then(Option::as_deref).unwrap_or(BUNDLED);
    let Ok(file) = WorkflowFile::parse(text) else {
        return Ok(Finding::unknown("the task workflow cannot be read", "mend it first"));
    };
    let held = readings.secrets.as_ref().map_err(unread)?;
    let lacking: Vec<String> = file.names("secrets").into_iter().filter(|name| !held.contains(name)).collect();
    if !lacking.is_empty() {
        let (place, page) = match file.environment() {
            Some(name) => (format!("the environment `{name}`"), readings.page("/settings/environments")),
            None => ("the repository".to_owned(), readings.page("/settings/secrets/actions")),
        };
        let found = format!("the task workflow names secrets that are not there: {}", listed(&lacking));
        return Ok(Finding::failed(found, format!("add them to {place}")).at(page));
    }
    let variables = file.names("vars");
    if !variables.is_empty() {
        let held = readings.variables.as_ref().map_err(unread)?;
        let lacking: Vec<String> = variables.into_iter().filter(|name| !held.contains(name)).collect();
        if !lacking.is_empty() {
            let found = format!("the task workflow names variables that are not there: {}", listed(&lacking));
            let page = readings.page("/settings/variables/actions");
            return Ok(Finding::warning(found, "add them there, or to the organisation").at(page));
        }
    }
    Ok(Finding::ok("all that the task workflow names are there"))
}
