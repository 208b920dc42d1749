//! `worker publish`: on a fresh runner, believes nothing the agent's job left. It makes a tree from the patch, judges
//! what git says about it, and pushes the work and the record's result in one atomic push. Without work there still is
//! a result.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::engine::brief::{Brief, Mode};
use crate::engine::id::Sha;
use crate::engine::policy;
use crate::engine::record::{Published, Record};
use crate::engine::render::text::plain_title;
use crate::engine::report::{Report, ReportOutcome};
use crate::git;
use crate::git::push::Pushed;
use crate::worker::Error;
use crate::worker::agent::{META_FILE, Meta, PATCH_FILE, REPORT_FILE};
use crate::worker::apply::{Applied, apply, paths};
use crate::worker::job::{Common, Job, now};
use crate::worker::remote::{Move, Remote};
use crate::worker::work::Scratch;

/// `worker publish --key KEY --brief COMMIT --from DIR`.
#[derive(Args, Clone, Debug)]
pub struct PublishOptions {
    /// The attempt.
    #[command(flatten)]
    pub common: Common,
    /// What the agent's job left; may be missing.
    #[arg(long)]
    pub from: PathBuf,
}

/// Times a push is tried whose answer was lost and which is then seen not to have happened.
const TRIES: u32 = 3;
/// Most bytes of the report and of the measurements.
const DOCUMENT_BYTES_MAX: u64 = 1024 * 1024;
/// Most files named in a result.
const FILES_NAMED_MAX: usize = 1_000;
/// Longest title in a commit's message, in characters.
const TITLE_CHARACTERS_MAX: usize = 200;

/// Publishes; gives the result that stands. Nothing where this run has no open claim, or was started again.
pub async fn run(job: &Job, options: &PublishOptions) -> Result<Option<Published>, Error> {
    if job.is_rerun()? {
        return Ok(None);
    }
    let scratch = Scratch::make()?;
    let remote = Remote::open(job, &scratch.path().join("git")).await?;
    let (brief, record) = remote.brief_and_record().await?;
    let own = record.filter(|(_, record)| remote.is_own(record) && !record.is_closed());
    let Some((tip, record)) = own else {
        job.say("The attempt's record is not this run's open claim; nothing is published.")?;
        return Ok(None);
    };
    let result = judge(job, &remote, scratch.path(), &brief, &options.from).await?;
    let published = push(job, &remote, &tip, &record, result).await?;
    if let Some(result) = &published {
        let refused = result.refused.iter().map(|refusal| format!("\n- {refusal}")).collect::<String>();
        job.say(&format!("published: {}, {} files{refused}", result.report.outcome, result.files.len()))?;
    }
    Ok(published)
}

/// What came of the agent's job: a result, with a commit where there is work that the policy lets through.
async fn judge(job: &Job, remote: &Remote<'_>, scratch: &Path, brief: &Brief, from: &Path) -> Result<Published, Error> {
    let report = job.redactor().clean_report(read_report(from)).bounded();
    let meta: Meta = read_bounded(&from.join(META_FILE), DOCUMENT_BYTES_MAX)
        .ok()
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .unwrap_or_default();
    let mut result = Published {
        report,
        commit: None,
        files: Vec::new(),
        added: 0,
        removed: 0,
        refused: Vec::new(),
        start: brief.start.clone(),
        agent_started_at: meta.agent_started_at,
        agent_ended_at: meta.agent_ended_at,
        at: now(),
    };
    if brief.mode == Mode::Plan {
        return Ok(planned(result, from));
    }
    result.report.answer.clear();
    if result.report.outcome != ReportOutcome::Changed {
        return Ok(result);
    }
    let patch = match read_bounded(&from.join(PATCH_FILE), brief.policy.bytes_max) {
        Ok(patch) => patch,
        Err(problem) => return Ok(refused(result, vec![format!("the patch cannot be taken: {problem}")])),
    };
    let mut commits = vec![&brief.start];
    commits.extend((brief.mode == Mode::Rebase).then_some(&brief.base));
    let Some(paths) = paths(remote, &patch).await? else {
        return Ok(refused(result, vec!["the patch cannot be read".to_owned()]));
    };
    let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    remote.fetch_trees(&commits, foundation(brief), &paths).await?;
    let applied = match apply(remote, scratch, foundation(brief), &patch, brief.policy.files_max).await? {
        Ok(applied) => applied,
        Err(problem) => {
            return Ok(refused(result, vec![format!("the patch does not apply: {}", policy_text(&problem))]));
        }
    };
    result.files = applied.entries.iter().map(|entry| entry.path.clone()).take(FILES_NAMED_MAX).collect();
    (result.added, result.removed) = (applied.lines_added, applied.lines_removed);
    let refusals = policy::judge(&brief.policy, &applied.entries, patch.len() as u64, &applied.added);
    if !refusals.is_empty() {
        return Ok(refused(result, refusals));
    }
    if applied.entries.is_empty() {
        result.report.outcome = ReportOutcome::Failed;
        result.report.reason = "the patch changes nothing".to_owned();
        return Ok(result);
    }
    result.commit = Some(commit(job, remote, brief, &applied, &commits).await?);
    Ok(result)
}

/// What came of a planner run: its answer as data, for the orchestrator to judge. Nothing it left is ever made into a
/// commit.
fn planned(result: Published, from: &Path) -> Published {
    let left = std::fs::symlink_metadata(from.join(PATCH_FILE)).is_ok();
    if left || result.report.outcome == ReportOutcome::Changed {
        return refused(result, vec!["a planner run may not change files".to_owned()]);
    }
    result
}

/// What the patch stands on: the start, or the base that the work was brought onto.
fn foundation(brief: &Brief) -> &Sha {
    if brief.mode == Mode::Rebase { &brief.base } else { &brief.start }
}

async fn commit(
    job: &Job,
    remote: &Remote<'_>,
    brief: &Brief,
    applied: &Applied,
    parents: &[&Sha],
) -> Result<Sha, Error> {
    let message = format!(
        "fix: #{} {}\n\nTask-Orchestrator-Attempt: {}\nTask-Orchestrator-Run: {}\n",
        brief.issue,
        subject(&brief.text.title),
        job.key.id,
        job.run_id
    );
    remote.commit(&applied.tree, &message, parents).await
}

/// A title as one plain line that closes no issue, names nobody and skips no checks.
fn subject(title: &str) -> String {
    let plain: String = plain_title(title).chars().take(TITLE_CHARACTERS_MAX).collect();
    plain.trim().to_owned()
}

fn refused(mut result: Published, refusals: Vec<String>) -> Published {
    result.report.outcome = ReportOutcome::Failed;
    result.report.reason = format!("the publish policy refused the work: {}", refusals.join("; "));
    result.report.answer.clear();
    result.report = result.report.bounded();
    result.refused = refusals;
    result
}

/// The first lines of what git said, without control characters.
fn policy_text(problem: &str) -> String {
    problem.chars().map(|c| if c.is_control() { ' ' } else { c }).take(500).collect()
}

fn read_report(from: &Path) -> Report {
    let read = read_bounded(&from.join(REPORT_FILE), DOCUMENT_BYTES_MAX)
        .and_then(|bytes| serde_json::from_slice::<Report>(&bytes).map_err(|error| error.to_string()));
    read.unwrap_or_else(|problem| {
        Report::ended(ReportOutcome::Infra, format!("the agent's job left no report that can be read: {problem}"))
    })
}

/// Reads a plain file of at most so many bytes; links are not followed.
fn read_bounded(path: &Path, most: u64) -> Result<Vec<u8>, String> {
    let file = std::fs::symlink_metadata(path).map_err(|error| error.to_string())?;
    if !file.is_file() {
        return Err("it is no plain file".to_owned());
    }
    if file.len() > most {
        return Err(format!("it has {} bytes, at most {most} are taken", file.len()));
    }
    std::fs::read(path).map_err(|error| error.to_string())
}

/// Pushes the result, with the work where there is some: both or neither. A work branch that exists already, or a
/// refusal of the commit by the remote, leaves a result without it.
async fn push(
    job: &Job,
    remote: &Remote<'_>,
    tip: &Sha,
    record: &Record,
    mut result: Published,
) -> Result<Option<Published>, Error> {
    let (record_branch, work_branch) = (job.key.id.record_branch(), job.key.id.work_branch());
    let mut last = String::new();
    for _ in 0..TRIES {
        let next = remote.record_commit(&record.clone().with_result(result.clone()), Some(tip)).await?;
        let mut moves = vec![Move { branch: &record_branch, expected: Some(tip), to: &next }];
        moves.extend(result.commit.as_ref().map(|to| Move { branch: &work_branch, expected: None, to }));
        let pushed = remote.push(&moves).await?;
        if pushed == Pushed::Done {
            return Ok(Some(result));
        }
        let Some((found, standing)) = remote.record().await? else {
            return Err(git::Error::Missing { what: "the attempt's record".to_owned() }.into());
        };
        if found != *tip {
            return Ok(standing.result.filter(|_| found == next));
        }
        match pushed {
            Pushed::Refused(why) if result.commit.is_some() => {
                result.commit = None;
                result = refused(result, vec![format!("the repository refused the commit: {}", policy_text(&why))]);
            }
            Pushed::Moved if result.commit.is_some() && remote.branch(&work_branch).await?.is_some() => {
                result.commit = None;
                result = refused(result, vec![format!("the branch `{work_branch}` exists already")]);
            }
            Pushed::Refused(why) => return Err(git::Error::Refused { message: why }.into()),
            Pushed::Moved => last = "the refs moved while the work was pushed".to_owned(),
            Pushed::Unknown(why) => last = why,
            Pushed::Done => return Ok(Some(result)),
        }
    }
    Err(git::Error::Failed { message: last }.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_is_one_line_and_asks_nothing_of_github() {
        assert_eq!(subject("[Bug] x\ny"), "[Bug] x y");
        assert_eq!(subject("please [Skip CI] this"), "please (Skip CI) this");
        assert_eq!(subject("Fixes #9 @all"), "Fixes 9 all");
        assert_eq!(subject(&"é".repeat(300)).chars().count(), TITLE_CHARACTERS_MAX);
    }
}
