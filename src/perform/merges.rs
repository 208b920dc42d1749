//! Dry-run merges: asked of git alone, so that they take none of the API's calls; a commit that is not here yet is
//! fetched.

use crate::engine::dry_run::{Conflict, DIFF_CHARACTERS_MAX, Merging, Pair};
use crate::engine::event::Fact;
use crate::engine::id::Sha;
use crate::engine::{report, secret};
use crate::git::{self, Git};
use crate::github::Error;

/// Most bytes in a character of UTF-8.
const CHARACTER_BYTES_MAX: usize = 4;

/// Whether pairs would merge. A pair of which a commit is gone for good is one that nobody can tell of; git out of
/// reach is a failed read.
pub(super) async fn tried(git: &impl Git, pairs: &[Pair]) -> Result<Fact, Error> {
    let mut found = Vec::with_capacity(pairs.len());
    for pair in pairs {
        let merging = match git.merge_conflicts(&pair.ours, &pair.theirs).await {
            Ok(paths) if paths.is_empty() => Merging::Clean,
            Ok(paths) => Merging::Conflict(conflict(git, pair, paths).await),
            // The base's head is there by its nature: a remote that does not show it yet will.
            Err(git::Error::Missing { what }) if pair.against.is_some() || !what.contains(pair.theirs.as_str()) => {
                tracing::info!(task = %pair.task, %what, "nobody can tell whether this merges");
                Merging::Untold
            }
            Err(error) => return Err(Error::Unreachable { message: error.to_string() }),
        };
        found.push((pair.clone(), merging));
    }
    Ok(Fact::DryRuns(found))
}

/// Where two commits conflict; against the base with what both sides changed there. Without these changes the conflict
/// is told all the same.
async fn conflict(git: &impl Git, pair: &Pair, paths: Vec<String>) -> Conflict {
    let mut conflict = Conflict::of(paths);
    if pair.against.is_none() {
        conflict.ours = changes(git, &pair.theirs, &pair.ours, &conflict.paths).await;
        conflict.theirs = changes(git, &pair.ours, &pair.theirs, &conflict.paths).await;
    }
    conflict
}

async fn changes(git: &impl Git, other: &Sha, commit: &Sha, paths: &[String]) -> String {
    match git.changes(other, commit, paths, DIFF_CHARACTERS_MAX * CHARACTER_BYTES_MAX).await {
        Ok(diff) => report::head(&secret::redact(&diff), DIFF_CHARACTERS_MAX),
        Err(error) => {
            tracing::warn!(%error, "what changed in files that conflict could not be read");
            String::new()
        }
    }
}
