//! Fencing: closing an attempt's record so that no run can do its work any more. GitHub itself decides who is first:
//! creating the branch is atomic, and every later move is a fast-forward.

use crate::engine::id::{AttemptId, Sha};
use crate::engine::record::{Fenced, RECORD_FILE, Record};
use crate::engine::time::Timestamp;
use crate::github::{Error, GitHub, NewFile, commit_onto};
use crate::perform::look;

/// Most tries when the worker moves the record at the same time: it can move at most twice.
const TRIES_MAX: u32 = 5;

/// Fences an attempt, or finds it closed already. Gives the record as it stands then.
pub(super) async fn fence(
    github: &impl GitHub,
    attempt: AttemptId,
    why: &str,
    now: Timestamp,
) -> Result<(Sha, Record), Error> {
    let mut refused = String::new();
    for _ in 0..TRIES_MAX {
        let found = look::record(github, attempt).await?;
        if let Some((tip, record)) = found.as_ref().filter(|(_, record)| record.is_closed()) {
            return Ok((tip.clone(), record.clone()));
        }
        let (parent, claimed) = found.map_or((None, None), |(tip, record)| (Some(tip), record.claimed));
        let record = Record::fenced(claimed, Fenced { why: why.to_owned(), at: now });
        let files = vec![NewFile { path: RECORD_FILE.to_owned(), content: record.to_text() }];
        match commit_onto(github, attempt.record_branch(), parent, files, format!("Fence {attempt}")).await {
            Ok(sha) => return Ok((sha, record)),
            Err(Error::Conflict { message }) => refused = message,
            Err(error) => return Err(error),
        }
    }
    Err(Error::Unreachable { message: format!("the record of {attempt} kept moving: {refused}") })
}
