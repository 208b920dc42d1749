//! Writing briefs: several due at once become one commit on the state branch.

use crate::engine::effect::{Effect, Entry, Outcome, Receipt};
use crate::engine::id::{STATE_BRANCH, Sha};
use crate::engine::time::Timestamp;
use crate::github::{Error, GitHub, NewFile};
use crate::perform::onto::commit_onto;
use crate::perform::{failure, look};

/// Most tries when others write the state branch at the same time.
const TRIES_MAX: u32 = 8;

/// Commits the briefs of these entries. Writing one again is harmless: the same file, and the commit that the
/// dispatch names.
pub(super) async fn write(github: &impl GitHub, entries: &[&Entry], now: Timestamp) -> Outcome {
    let mut files = Vec::new();
    let mut names = Vec::new();
    for entry in entries {
        if let Effect::WriteBrief { brief } = &entry.effect {
            names.push(brief.key.id.to_string());
            files.push(NewFile { path: brief.key.id.brief_path(), content: brief.to_text() });
        }
    }
    match commit(github, &files, &format!("Brief {}", names.join(", "))).await {
        Ok(sha) => Outcome::Done(Receipt::Commit(sha)),
        Err(Error::Conflict { message }) => Outcome::Lost { message },
        Err(error) => failure::outcome(error, now),
    }
}

/// Puts files on top of the state branch by compare-and-swap: commit on the head that was read, move the branch
/// forward, and begin again where somebody else was faster.
async fn commit(github: &impl GitHub, files: &[NewFile], message: &str) -> Result<Sha, Error> {
    let mut refused = String::new();
    for _ in 0..TRIES_MAX {
        let parent = look::branch(github, STATE_BRANCH).await?;
        let branch = STATE_BRANCH.to_owned();
        match commit_onto(github, branch, parent, files.to_vec(), message.to_owned()).await {
            Ok(sha) => return Ok(sha),
            Err(Error::Conflict { message }) => refused = message,
            Err(error) => return Err(error),
        }
    }
    Err(Error::Conflict {
        message: format!("the state branch moved {TRIES_MAX} times while a brief was written: {refused}"),
    })
}
