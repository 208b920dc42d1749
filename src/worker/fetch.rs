//! `worker fetch`: brings the brief and the commits it names into a folder. It is the only step of the agent's job that
//! sees a token, so that nothing of a later step's process holds one.

use std::path::PathBuf;

use clap::Args;

use crate::engine::brief::Mode;
use crate::engine::report::{Report, ReportOutcome};
use crate::worker::Error;
use crate::worker::agent::leave;
use crate::worker::job::{Common, Job};
use crate::worker::remote::Remote;
use crate::worker::work::Work;

/// `worker fetch --key KEY --brief COMMIT --work DIR --out DIR`.
#[derive(Args, Clone, Debug)]
pub struct FetchOptions {
    /// The attempt.
    #[command(flatten)]
    pub common: Common,
    /// The folder to fill for `worker agent`; made where it is missing.
    #[arg(long)]
    pub work: PathBuf,
    /// Where to leave a report if that fails.
    #[arg(long)]
    pub out: PathBuf,
}

/// Fills the folder. A failure is an error, and an `infra` report is left that tells it.
pub async fn run(job: &Job, options: &FetchOptions) -> Result<(), Error> {
    if job.is_rerun()? {
        return Ok(());
    }
    let brought = bring(job, options).await;
    if let Err(error) = &brought {
        let reason = format!("the work could not be fetched: {error}");
        leave(&options.out, &Report::ended(ReportOutcome::Infra, reason), None)?;
    }
    brought
}

async fn bring(job: &Job, options: &FetchOptions) -> Result<(), Error> {
    let work = Work::new(&options.work)?;
    let remote = Remote::open(job, &work.git()).await?;
    let brief = remote.brief().await?;
    match brief.mode {
        // A merge needs the history that both commits share.
        Mode::Rebase => remote.fetch(&[&brief.start, &brief.base], true).await?,
        Mode::Task | Mode::Plan | Mode::Judge => remote.fetch(&[&brief.start], false).await?,
    }
    std::fs::write(work.brief(), brief.to_text()).map_err(Error::machine("keeping the brief"))
}
