//! Whether the actions that the task workflow uses are allowed.

use globset::Glob;

use crate::doctor::checks::{Check, listed, unread};
use crate::doctor::finding::Finding;
use crate::doctor::readings::Readings;
use crate::doctor::workflow_file::{BUNDLED, WorkflowFile};
use crate::github::survey::SelectedActions;

/// Owners of GitHub's own actions.
const GITHUB: [&str; 2] = ["actions", "github"];
/// Letters of a full commit's name.
const COMMIT_LETTERS: usize = 40;

pub(super) const CHECK: Check = Check { id: "allowed-actions", title: "Allowed actions", judge };

fn judge(readings: &Readings) -> Finding {
    let page = readings.page("/settings/actions");
    judged(readings).unwrap_or_else(|finding| finding.at(page))
}

fn judged(readings: &Readings) -> Result<Finding, Finding> {
    let allowed = readings.allowed.as_ref().map_err(unread)?;
    let page = readings.page("/settings/actions");
    let text = readings.workflow.as_ref().ok().and_then(Option::as_deref).unwrap_or(BUNDLED);
    let used = WorkflowFile::parse(text).map(|file| file.uses()).unwrap_or_default();
    let own = readings.repository.as_str().split('/').next().unwrap_or_default();
    let foreign: Vec<String> = used.into_iter().filter(|action| !is_of(action, own)).collect();
    let unpinned: Vec<String> = foreign.iter().filter(|action| !is_pinned(action)).cloned().collect();
    if allowed.sha_pinning_required && !unpinned.is_empty() {
        let remedy = "write the full name of a commit behind `@`";
        let found = format!("every action must be named by its commit, and these are not: {}", listed(&unpinned));
        return Ok(Finding::failed(found, remedy).at(readings.page("/actions")));
    }
    let refused: Vec<String> = match allowed.allowed_actions.as_deref() {
        Some("local_only") => foreign,
        Some("selected") => {
            let selected = readings.selected.as_ref().map_err(unread)?;
            foreign.into_iter().filter(|action| !is_selected(action, selected)).collect()
        }
        Some(_) | None => Vec::new(),
    };
    if refused.is_empty() {
        return Ok(Finding::ok("all that the task workflow uses"));
    }
    let remedy = "allow them there by name, or have the workflow use copies of your own";
    Ok(Finding::failed(format!("the task workflow uses what is not allowed: {}", listed(&refused)), remedy).at(page))
}

fn is_of(action: &str, owner: &str) -> bool {
    action.starts_with("./") || action.split('/').next().is_some_and(|name| name.eq_ignore_ascii_case(owner))
}

fn is_pinned(action: &str) -> bool {
    let commit = action.split_once('@').map_or("", |(_, commit)| commit);
    commit.len() == COMMIT_LETTERS && commit.chars().all(|letter| letter.is_ascii_hexdigit())
}

/// Whether a pattern allows it and none forbids it. What a verified creator made cannot be told from here.
fn is_selected(action: &str, selected: &SelectedActions) -> bool {
    let fits = |pattern: &str| {
        let name = action.split('@').next().unwrap_or(action);
        let glob = Glob::new(pattern).map(|glob| glob.compile_matcher());
        glob.is_ok_and(|glob| glob.is_match(action) || glob.is_match(name))
    };
    let (forbidding, allowing): (Vec<&String>, Vec<&String>) =
        selected.patterns_allowed.iter().partition(|pattern| pattern.starts_with('!'));
    let is_github = selected.github_owned_allowed && GITHUB.iter().any(|owner| is_of(action, owner));
    (is_github || allowing.iter().any(|pattern| fits(pattern)))
        && !forbidding.iter().any(|pattern| fits(pattern.trim_start_matches('!')))
}
