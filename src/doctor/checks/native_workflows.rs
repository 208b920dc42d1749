//! Whether the workflows that work a plan without a server belong together: each wakes what it should, one at a time.

use serde_json::Value;

use crate::doctor::checks::{Check, listed, unread};
use crate::doctor::finding::Finding;
use crate::doctor::readings::{Native, Readings, TokenKind};
use crate::doctor::workflow_file::WorkflowFile;
use crate::engine::config::{HEARTBEAT_WORKFLOW, WORKFLOW, WORKFLOW_FOLDER};

pub(super) const CHECK: Check = Check { id: "native-workflows", title: "Work without a server", judge };

/// What writes the files as they should be.
const REMEDY: &str = "commit what `task-orchestrator init --actions-native` writes, with your own rights";

fn judge(readings: &Readings) -> Finding {
    let native = match &readings.native {
        Ok(native) => native,
        Err(why) => return unread(why),
    };
    let page = readings.page(&format!("/tree/{}/{WORKFLOW_FOLDER}", readings.base()));
    if native.is_unused() {
        // A job of ours is what asks: somebody wants the plan worked by workflow runs.
        return if readings.token == TokenKind::Job {
            let found = format!("`{WORKFLOW}` is not on `{}`: no event wakes `handle`", readings.base());
            Finding::warning(found, REMEDY).at(page)
        } else {
            Finding::ok("not used: a server works the plan")
        };
    }
    let broken = faults(native, readings.base());
    if !broken.is_empty() {
        return Finding::failed(broken.join("; "), REMEDY).at(page);
    }
    let task = readings.workflow.as_ref().ok().and_then(Option::as_ref).and_then(|text| WorkflowFile::parse(text).ok());
    match task {
        Some(task) if !task.wakes() => {
            let found = format!(
                "`{}` has no job that wakes `{WORKFLOW}`: the end of a run is seen at the next heartbeat",
                readings.settings.workflow
            );
            Finding::warning(found, REMEDY).at(page)
        }
        _ => Finding::ok("its workflows are there, wake one another, and take turns"),
    }
}

/// What keeps the files from doing their work, as words for people.
fn faults(native: &Native, base: &str) -> Vec<String> {
    let mut faults = Vec::new();
    let files = [(WORKFLOW, &native.orchestrate), (HEARTBEAT_WORKFLOW, &native.heartbeat)];
    let mut groups: Vec<Value> = Vec::new();
    for (name, text) in files {
        let Some(text) = text else {
            faults.push(format!("`{name}` is not on `{base}`"));
            continue;
        };
        let file = match WorkflowFile::parse(text) {
            Ok(file) => file,
            Err(error) => {
                faults.push(format!("`{name}` is no workflow: {error}"));
                continue;
            }
        };
        if !file.gives("handle") {
            faults.push(format!("`{name}` does not run the action with `command: handle`"));
        }
        if file.on("workflow_dispatch").is_none() && name == WORKFLOW {
            faults.push(format!("`{name}` cannot be dispatched, so that no run's end wakes it"));
        }
        if file.on("schedule").is_none() && name == HEARTBEAT_WORKFLOW {
            faults.push(format!("`{name}` has no schedule"));
        }
        let group = file.concurrency();
        if group["cancel-in-progress"] == Value::Bool(true) {
            faults.push(format!("`{name}` cancels runs that are under way"));
        }
        groups.push(group["group"].clone());
        faults.extend(missed_pushes(&file, base).map(|branches| {
            format!("`{name}` hears pushes to {} only, and the default branch is `{base}`", listed(&branches))
        }));
    }
    if groups.iter().any(|group| group.is_null() || *group != groups[0]) {
        faults.push("their runs are not in one concurrency group: two may work at once".to_owned());
    }
    faults
}

/// The branches whose pushes a workflow hears, where the default branch is not among them.
fn missed_pushes(file: &WorkflowFile, base: &str) -> Option<Vec<String>> {
    let branches = file.on("push")?["branches"].as_array()?;
    let names: Vec<String> = branches.iter().filter_map(Value::as_str).map(str::to_owned).collect();
    let plain = |name: &Value| name.as_str().is_some_and(|name| name == base || name.contains(['*', '?', '!', '[']));
    (!branches.iter().any(plain)).then_some(names)
}
