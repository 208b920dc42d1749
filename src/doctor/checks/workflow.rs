//! Whether the task workflow is on the default branch, does what this version expects, and is switched on.

use crate::doctor::checks::{Check, listed, unread};
use crate::doctor::finding::Finding;
use crate::doctor::readings::Readings;
use crate::doctor::workflow_file::WorkflowFile;

pub(super) const CHECK: Check = Check { id: "workflow", title: "Task workflow", judge };

fn judge(readings: &Readings) -> Finding {
    judged(readings).unwrap_or_else(|finding| finding)
}

fn judged(readings: &Readings) -> Result<Finding, Finding> {
    let (base, name) = (readings.base(), &readings.settings.workflow);
    let path = format!(".github/workflows/{name}");
    let Some(text) = readings.workflow.as_ref().map_err(unread)? else {
        let remedy = "commit this project's `.github/workflows/task.yml` there with your own rights: the App has none";
        let page = readings.page(&format!("/new/{base}?filename={path}"));
        return Ok(Finding::failed(format!("`{path}` is not on `{base}`"), remedy).at(page));
    };
    let page = readings.page(&format!("/edit/{base}/{path}"));
    let remedy = "take over this version's `.github/workflows/task.yml`, with your runners and versions in it";
    let file = match WorkflowFile::parse(text) {
        Ok(file) => file,
        Err(error) => {
            return Ok(Finding::failed(format!("`{path}` is no workflow: {error}"), remedy).at(page));
        }
    };
    let lacking = file.lacking();
    if !lacking.is_empty() {
        return Ok(
            Finding::failed(format!("`{path}` is not current; it lacks {}", lacking.join(", ")), remedy).at(page)
        );
    }
    let state = readings.workflow_state.as_ref().map_err(unread)?;
    match state.as_ref().map(|state| state.state.as_str()) {
        Some("active") => {}
        Some(state) => {
            let page = readings.page(&format!("/actions/workflows/{name}"));
            return Ok(Finding::failed(format!("`{path}` is switched off ({state})"), "switch it on there").at(page));
        }
        None => {
            let remedy = "see on the Actions page whether Actions is switched on and what it says of this file";
            let found = format!("Actions knows no workflow `{name}`, though the file is there");
            return Ok(Finding::failed(found, remedy).at(readings.page("/actions")));
        }
    }
    let differences = file.differences();
    if !differences.is_empty() {
        let found = format!("`{path}` is not this version's: {} differ", listed(&differences));
        return Ok(Finding::warning(found, remedy).at(page));
    }
    Ok(Finding::ok(format!("`{path}` is on `{base}`, current and switched on")))
}
