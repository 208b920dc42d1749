//! `worker claim`: creates the attempt's record. Creating a branch is atomic, so of all runs of one attempt one wins;
//! the others end quietly and write nothing.

use clap::Args;

use crate::engine::record::{Claimed, Record};
use crate::git;
use crate::git::push::Pushed;
use crate::worker::Error;
use crate::worker::job::{Common, Job, now};
use crate::worker::remote::{Move, Remote};
use crate::worker::work::Scratch;

/// `worker claim --key KEY --brief COMMIT`.
#[derive(Args, Clone, Debug)]
pub struct ClaimOptions {
    /// The attempt.
    #[command(flatten)]
    pub common: Common,
}

/// Times a push is tried whose answer was lost and which is then seen not to have happened.
const TRIES: u32 = 3;

/// Claims the attempt and sets the output `won`. Losing is no error; a brief that is not for this run is.
pub async fn run(job: &Job, _options: &ClaimOptions) -> Result<bool, Error> {
    let won = !job.is_rerun()? && claim(job).await?;
    job.set_output("won", if won { "true" } else { "false" })?;
    Ok(won)
}

async fn claim(job: &Job) -> Result<bool, Error> {
    let scratch = Scratch::make()?;
    let remote = Remote::open(job, &scratch.path().join("git")).await?;
    remote.brief().await?;
    let record = Record::claimed(Claimed {
        run_id: job.run_id,
        run_attempt: job.run_attempt,
        key: job.key.clone(),
        brief: job.brief.clone(),
        at: now(),
    });
    let commit = remote.record_commit(&record, None).await?;
    let branch = job.key.id.record_branch();
    let create = Move { branch: &branch, expected: None, to: &commit };
    let mut last = String::new();
    for _ in 0..TRIES {
        let pushed = remote.push(std::slice::from_ref(&create)).await?;
        if pushed == Pushed::Done {
            return Ok(true);
        }
        // Whatever the remote said, the record itself tells whether somebody has the attempt, and who.
        if let Some((_, found)) = remote.record().await? {
            return Ok(remote.is_own(&found) && !found.is_closed());
        }
        match pushed {
            Pushed::Refused(message) => return Err(git::Error::Refused { message }.into()),
            Pushed::Done | Pushed::Moved => last = "the record was not created, yet it is not there".to_owned(),
            Pushed::Unknown(message) => last = message,
        }
    }
    Err(git::Error::Failed { message: last }.into())
}
