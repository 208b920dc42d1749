//! The workflow files as they are given to people, and how they come into a checkout.

use std::io;
use std::path::Path;

use serde::Serialize;

use crate::actions::{COMMENTS_WORKFLOW, HEARTBEAT_WORKFLOW, WORKFLOW};
use crate::engine::config::WORKFLOW_FOLDER;

/// The task workflow, as the server mode uses it.
const TASK: &str = include_str!("../../.github/workflows/task.yml");
/// The same with the last job that wakes `handle`.
const TASK_THAT_WAKES: &str = include_str!("../../examples/actions-native/task.yml");
const ORCHESTRATE: &str = include_str!("../../examples/actions-native/orchestrate.yml");
const HEARTBEAT: &str = include_str!("../../examples/actions-native/orchestrate-heartbeat.yml");
const COMMENTS: &str = include_str!("../../examples/actions-native/orchestrate-comments.yml");
/// The action that the files name.
const BUNDLED_ACTION: &str = "task-orchestrator/task-orchestrator@3d1c5e0b7a94f2608c1f6e5ab2d7904833fe61ca";

/// What became of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Written {
    /// It was not there.
    New,
    /// It was there, word for word.
    Same,
    /// It was there, differed, and was written over.
    Over,
    /// It was there, differed, and was left alone.
    Changed,
    /// It was there and is people's own, whatever it says.
    Kept,
}

/// The files, path and text: the task workflow, and for a plan without a server those that work it. `action` stands in
/// place of the bundled one.
///
/// # Errors
/// The action is not named by a full commit.
pub fn files(actions_native: bool, comments: bool, action: Option<&str>) -> Result<Vec<(String, String)>, String> {
    let mut chosen = if actions_native {
        vec![("task.yml", TASK_THAT_WAKES), (WORKFLOW, ORCHESTRATE), (HEARTBEAT_WORKFLOW, HEARTBEAT)]
    } else {
        vec![("task.yml", TASK)]
    };
    if comments {
        chosen.push((COMMENTS_WORKFLOW, COMMENTS));
    }
    let action = action.map_or(Ok(BUNDLED_ACTION), checked)?;
    let text = |text: &str| text.replace(BUNDLED_ACTION, action);
    Ok(chosen.into_iter().map(|(name, file)| (format!("{WORKFLOW_FOLDER}/{name}"), text(file))).collect())
}

/// An action by a full commit: a tag may move under whoever uses it.
fn checked(action: &str) -> Result<&str, String> {
    let plain = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
    let parts = action.split_once('@').and_then(|(name, commit)| Some((name.split_once('/')?, commit)));
    match parts {
        Some(((owner, name), commit))
            if plain(owner) && plain(name) && commit.len() == 40 && commit.bytes().all(|b| b.is_ascii_hexdigit()) =>
        {
            Ok(action)
        }
        _ => Err(format!("`{}` is no action; write OWNER/REPO@ and the 40 digits of a commit", action.escape_debug())),
    }
}

/// Writes a file into a checkout, making folders where they are missing. One that differs stays, unless `force`.
///
/// # Errors
/// The system's.
pub fn write(checkout: &Path, path: &str, text: &str, force: bool) -> io::Result<Written> {
    let file = checkout.join(path);
    let found = match std::fs::read(&file) {
        Ok(found) => Some(found),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    let written = match found {
        Some(found) if found == text.as_bytes() => return Ok(Written::Same),
        Some(_) if !force => return Ok(Written::Changed),
        Some(_) => Written::Over,
        None => Written::New,
    };
    put(&file, text).map(|()| written)
}

/// Writes a file that people are to make their own, where none is: another one is never written over.
///
/// # Errors
/// The system's.
pub fn begin(checkout: &Path, path: &str, text: &str) -> io::Result<Written> {
    let file = checkout.join(path);
    if file.try_exists()? {
        return Ok(Written::Kept);
    }
    put(&file, text).map(|()| Written::New)
}

fn put(file: &Path, text: &str) -> io::Result<()> {
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(file, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_task_workflow_that_wakes_is_the_other_with_one_job_more() {
        let wake = TASK_THAT_WAKES.strip_prefix(TASK).expect("the same file, and more");
        let jobs = wake.lines().filter(|line| line.starts_with("  ") && line.trim_start().len() + 2 == line.len());
        assert_eq!(jobs.filter(|line| !line.contains('#')).collect::<Vec<_>>(), ["  wake:"]);
        assert!(wake.contains("if: \"${{ always() }}\"") && wake.contains("actions: write"), "{wake}");
        assert!(!wake.contains("checkout"), "{wake}");
    }

    #[test]
    fn an_action_is_named_by_a_full_commit_in_every_file() {
        let own = format!("acme/orchestrator@{}", "ab".repeat(20));
        let files = files(true, true, Some(&own)).expect("an action");
        assert_eq!(files.len(), 4);
        for (path, text) in &files {
            assert!(text.contains(&own) && !text.contains(BUNDLED_ACTION), "{path}");
        }
        for wrong in ["acme/orchestrator", "acme/orchestrator@v1", "acme@0", "a b/c@00", ""] {
            assert!(super::files(false, false, Some(wrong)).is_err(), "{wrong}");
        }
    }

    #[test]
    fn what_people_changed_stays_unless_they_say_so() {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |text: &str, force: bool| write(folder.path(), ".github/workflows/task.yml", text, force);
        let states: Vec<Written> = [("a", false), ("a", false), ("b", false), ("b", true), ("b", false)]
            .into_iter()
            .map(|(text, force)| write(text, force).expect("written"))
            .collect();
        assert_eq!(states, [Written::New, Written::Same, Written::Changed, Written::Over, Written::Same]);
    }
}
