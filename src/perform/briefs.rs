//! Writing to the state branch: briefs due at once, and the plan that knows their attempts, become one commit.

use crate::engine::effect::{Effect, Entry, Outcome, Receipt};
use crate::engine::id::{STATE_BRANCH, Sha};
use crate::engine::kept;
use crate::engine::plan::Plan;
use crate::engine::time::Timestamp;
use crate::github::{Error, GitHub, NewFile, commit_onto};
use crate::perform::{Tree, failure, look};

/// Most tries when others write the state branch at the same time.
const TRIES_MAX: u32 = 8;

/// Commits the briefs of these entries, and with them always the plan: whoever finds a brief finds its attempt's
/// number taken. Writing one again is harmless: the same file, and the commit that the dispatch names.
pub(super) async fn write(
    github: &impl GitHub,
    tree: &Tree,
    plan: &Plan,
    entries: &[&Entry],
    now: Timestamp,
) -> Outcome {
    let mut files = Vec::new();
    let mut names = Vec::new();
    for entry in entries {
        if let Effect::WriteBrief { brief } = &entry.effect {
            names.push(brief.key.id.to_string());
            files.push(NewFile { path: brief.key.id.brief_path(), content: brief.to_text() });
        }
    }
    let message = if names.is_empty() { "Keep the plan".to_owned() } else { format!("Brief {}", names.join(", ")) };
    match commit(github, tree, plan, &files, &message).await {
        Ok(sha) => Outcome::Done(Receipt::Commit(sha)),
        Err(Error::Conflict { message }) => Outcome::Lost { message },
        Err(error) => failure::outcome(error, now),
    }
}

/// Puts files on top of the state branch by compare-and-swap, and begins again where somebody else was faster. The
/// branch is taken to stand where our last commit left it, and looked at only where that is not known, or wrong. A
/// branch that is not there gets the whole plan.
async fn commit(
    github: &impl GitHub,
    tree: &Tree,
    plan: &Plan,
    briefs: &[NewFile],
    message: &str,
) -> Result<Sha, Error> {
    let mut refused = String::new();
    for _ in 0..TRIES_MAX {
        let remembered = tree.state();
        let is_remembered = remembered.is_some();
        let parent = match remembered {
            Some(tip) => Some(tip),
            None => look::branch(github, STATE_BRANCH).await?,
        };
        let rows = kept::files(plan, parent.is_none()).into_iter().map(|(path, content)| NewFile { path, content });
        let files = briefs.iter().cloned().chain(rows).collect();
        let done = commit_onto(github, STATE_BRANCH.to_owned(), parent, files, message.to_owned()).await;
        tree.keep_state(done.as_ref().ok().cloned());
        match done {
            Err(Error::Conflict { message }) => refused = message,
            // A branch that is gone is refused in other words.
            Err(error @ (Error::Missing { .. } | Error::Invalid { .. })) if is_remembered => {
                refused = error.to_string()
            }
            done => return done,
        }
    }
    Err(Error::Conflict {
        message: format!("the state branch moved {TRIES_MAX} times while it was written: {refused}"),
    })
}
