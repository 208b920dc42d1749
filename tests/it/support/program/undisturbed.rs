//! What a run must have come to, however often it was killed on its way.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::Stage;

/// The first number that the forge gives by itself where the issues have at most a hundred.
const FIRST_OWN: u64 = 1_001;

/// How a run's end differs from one that nobody disturbed and that met no conflict: all merged with the files that were
/// declared, every attempt run once, one pull request per task, each change once in the branch. `issues` are numbered
/// from 1 and declare their files in the first line; `began` is what the agents said as they began.
pub(crate) fn differences(
    stage: &Stage,
    branch: &str,
    issues: &[Value],
    summary: &Value,
    began: &[String],
) -> Vec<String> {
    let mut found = Vec::new();
    let tasks = summary["tasks"].as_array().expect("tasks");
    if tasks.len() != issues.len() {
        found.push(format!("{} tasks for {} issues", tasks.len(), issues.len()));
    }
    let mut pulls = Vec::new();
    for (task, issue) in tasks.iter().zip(issues) {
        let files = declared(issue);
        if (&task["verdict"], &task["files_touched"]) != (&json!("merged"), &json!(files)) {
            found.push(format!("not merged with {files:?}: {task:#}"));
            continue;
        }
        let conflict = |attempt: &Value| attempt["outcome"] == "conflict";
        if task["attempts"].as_array().expect("attempts").iter().any(conflict) {
            found.push(format!("a conflict: {task:#}"));
        }
        pulls.extend(task["pr"].as_u64());
        let line = format!("by issue {}", task["issue"]);
        for file in files {
            let count = stage.show(branch, file).lines().filter(|found| *found == line).count();
            if count != 1 {
                found.push(format!("{file} has `{line}` {count} times"));
            }
        }
    }
    // Of the forge's own numbers the tracking issue has the first and the pull requests, one for each, the next.
    pulls.sort_unstable();
    let count = issues.len() as u64;
    if pulls != (FIRST_OWN + 1..=FIRST_OWN + count).collect::<Vec<_>>() {
        found.push(format!("not one pull request for each of {count} tasks: {pulls:?}"));
    }
    let unique: BTreeSet<&String> = began.iter().collect();
    if unique.len() != began.len() {
        found.push(format!("an attempt ran twice: {began:?}"));
    }
    found
}

/// The files an issue declares in its first line, in order.
pub(crate) fn declared(issue: &Value) -> Vec<&str> {
    let body = issue["body"].as_str().expect("a body");
    let line = body.lines().next().unwrap_or_default();
    line.trim_start_matches("Files: ").split(", ").collect()
}
