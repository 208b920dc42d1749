//! `worker agent`: prepares the work tree, runs set-up commands, launches and watches the agent, runs the validation
//! commands and leaves `report.json`, `work.patch` and `meta.json`. A report is left whatever happens; the step fails
//! only where the worker itself did. Of a planner run there is a report with its answer, and never a patch.

use std::path::{Path, PathBuf};

use clap::Args;
use serde::{Deserialize, Serialize};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::engine::brief::{Brief, Mode};
use crate::engine::report::{Cause, Report, ReportOutcome};
use crate::engine::time::Timestamp;
use crate::worker::agents::{self, Assignment, environment};
use crate::worker::job::{Common, Job, now};
use crate::worker::redact::Redactor;
use crate::worker::tree::Tree;
use crate::worker::validate::Ran;
use crate::worker::work::Work;
use crate::worker::{Error, prompt, validate, watchdog};

/// The report's file name.
pub(crate) const REPORT_FILE: &str = "report.json";
/// The patch's file name.
pub(crate) const PATCH_FILE: &str = "work.patch";
/// The file with what the worker itself measured.
pub(crate) const META_FILE: &str = "meta.json";

/// `worker agent --key KEY --brief COMMIT --work DIR --out DIR`.
#[derive(Args, Clone, Debug)]
pub struct AgentOptions {
    /// The attempt.
    #[command(flatten)]
    pub common: Common,
    /// The folder that `worker fetch` filled.
    #[arg(long)]
    pub work: PathBuf,
    /// Where to leave report and patch; made where it is missing.
    #[arg(long)]
    pub out: PathBuf,
}

/// When the agent ran.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Meta {
    pub(crate) agent_started_at: Option<Timestamp>,
    pub(crate) agent_ended_at: Option<Timestamp>,
}

/// Runs the agent and leaves its report, which is given back too; nothing where the run was started again.
pub async fn run(job: &Job, options: &AgentOptions) -> Result<Option<Report>, Error> {
    if job.is_rerun()? {
        return Ok(None);
    }
    let redactor = job.redactor();
    let (stop, _listening) = stop_by_signal()?;
    let mut meta = Meta::default();
    let done = attempt(job, options, &redactor, &mut meta, &stop).await;
    let report = match &done {
        Ok(report) => report.clone(),
        Err(error) => Report::ended(ReportOutcome::Infra, format!("the worker failed: {error}")),
    };
    let report = redactor.clean_report(report).bounded();
    leave(&options.out, &report, Some(meta))?;
    job.say(&format!("agent: {} {}", report.outcome, report.reason.lines().next().unwrap_or_default()))?;
    done.map(|_| Some(report))
}

/// Writes report and measurements.
pub(crate) fn leave(out: &Path, report: &Report, meta: Option<Meta>) -> Result<(), Error> {
    let write = || {
        std::fs::create_dir_all(out)?;
        if let Some(meta) = meta {
            std::fs::write(out.join(META_FILE), serde_json::to_vec_pretty(&meta)?)?;
        }
        std::fs::write(out.join(REPORT_FILE), serde_json::to_vec_pretty(report)?)
    };
    write().map_err(Error::machine(format!("leaving the report in {}", out.display())))
}

/// A token that is cancelled when the worker is asked to end, and what keeps listening for that.
fn stop_by_signal() -> Result<(CancellationToken, DropGuard), Error> {
    let stop = CancellationToken::new();
    let ended = CancellationToken::new();
    let mut terminate = signal(SignalKind::terminate()).map_err(Error::machine("listening for SIGTERM"))?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Error::machine("listening for SIGINT"))?;
    let (asked, over) = (stop.clone(), ended.clone());
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => asked.cancel(),
            _ = interrupt.recv() => asked.cancel(),
            () = over.cancelled() => {}
        }
    });
    Ok((stop, ended.drop_guard()))
}

async fn attempt(
    job: &Job,
    options: &AgentOptions,
    redactor: &Redactor,
    meta: &mut Meta,
    stop: &CancellationToken,
) -> Result<Report, Error> {
    let work = Work::new(&options.work)?;
    let bytes = std::fs::read(work.brief()).map_err(Error::machine("reading the brief that `worker fetch` left"))?;
    let brief = Brief::parse(&bytes).map_err(Error::Input)?;
    if brief.key != job.key {
        return Err(Error::Input("the folder was filled for another attempt".to_owned()));
    }
    if brief.mode == Mode::Judge {
        let reason = format!("this worker does not know runs of the kind `{}`", brief.mode);
        return Ok(Report { cause: Some(Cause::Fatal), ..Report::ended(ReportOutcome::Infra, reason) });
    }
    let tree = Tree::prepare(&work, &job.program, &brief).await?;
    let deadline = Instant::now() + brief.limits.timeout.0;
    let stages = Stages { job, brief: &brief, work: &work, tree: &tree, out: &options.out, redactor, deadline, stop };
    stages.run(meta).await
}

/// Set-up, agent and validation of one attempt.
pub(crate) struct Stages<'a> {
    pub(crate) job: &'a Job,
    pub(crate) brief: &'a Brief,
    pub(crate) work: &'a Work,
    pub(crate) tree: &'a Tree,
    /// Where the patch is left.
    pub(crate) out: &'a Path,
    pub(crate) redactor: &'a Redactor,
    /// When the attempt's time is up: each stage gets what those before it left.
    pub(crate) deadline: Instant,
    pub(crate) stop: &'a CancellationToken,
}

impl Stages<'_> {
    /// Runs them, as far as the one before allows.
    pub(crate) async fn run(&self, meta: &mut Meta) -> Result<Report, Error> {
        let (brief, tree) = (self.brief, self.tree);
        let plain = environment(&self.job.environment);
        let set_up = validate::run_all(&brief.setup, tree, &plain, self.deadline, self.stop).await;
        if let Some(failed) = validate::failure(&set_up) {
            let told = validate::told(failed);
            return Ok(if set_up.timed_out {
                timed_out(Report::ended(ReportOutcome::Failed, format!("the time was up during set-up: {told}")))
            } else {
                Report::ended(ReportOutcome::Infra, format!("set-up failed: {told}"))
            });
        }
        tree.exclude_new().await?;
        if brief.mode == Mode::Plan {
            let (report, patch) = self.launch(meta).await?;
            return Ok(unchanged(report, &patch));
        }
        let (report, patch) = if brief.mode == Mode::Rebase && tree.conflicts.is_empty() {
            (merged_cleanly(brief), tree.patch().await?)
        } else {
            let (report, patch) = self.launch(meta).await?;
            (marked(report, tree), patch)
        };
        let report = keep_patch(report, patch, self.out, self.redactor)?;
        if report.outcome != ReportOutcome::Changed {
            return Ok(report);
        }
        Ok(validated(report, validate::run_all(&brief.validate, tree, &plain, self.deadline, self.stop).await))
    }

    /// Launches the agent; what it reports, and the patch of what it left: nothing of it runs any more.
    async fn launch(&self, meta: &mut Meta) -> Result<(Report, Vec<u8>), Error> {
        let (brief, tree) = (self.brief, self.tree);
        let mut agent = match agents::agent(brief, self.work) {
            Ok(agent) => agent,
            Err(error) => {
                let report = Report::ended(ReportOutcome::Infra, error.to_string());
                return Ok((Report { cause: Some(Cause::Fatal), ..report }, Vec::new()));
            }
        };
        let assignment = Assignment {
            brief,
            work: self.work,
            prompt: prompt::prompt(brief, &tree.conflicts),
            conflicts: &tree.conflicts,
            variables: &self.job.environment,
        };
        let before = self.before().await?;
        meta.agent_started_at = Some(now());
        let say = |line: &str| {
            if let Err(error) = self.job.say(line) {
                tracing::warn!(%error, "the summary cannot be written");
            }
        };
        let watched = watchdog::watch(agent.as_mut(), &assignment, tree, self.deadline, self.stop, &say).await;
        meta.agent_ended_at = Some(now());
        let watched = watched?;
        let (report, patch) = match tree.patch().await {
            Ok(patch) => (agents::report(agent.as_ref(), &watched.end, patch != before), patch),
            Err(error) => {
                let reason = format!("the work cannot be made into a patch: {error}");
                (Report::ended(ReportOutcome::Failed, reason), Vec::new())
            }
        };
        Ok((Report { restarts: watched.restarts, ..report }, patch))
    }

    /// The patch that counts as no change: what set-up commands did to files of the start. What a merge left is to be
    /// worked on, and never as it should be.
    async fn before(&self) -> Result<Vec<u8>, Error> {
        if self.brief.setup.is_empty() || self.brief.mode == Mode::Rebase {
            Ok(Vec::new())
        } else {
            self.tree.patch().await
        }
    }
}

fn timed_out(report: Report) -> Report {
    Report { outcome: ReportOutcome::Failed, cause: Some(Cause::Timeout), ..report }
}

fn merged_cleanly(brief: &Brief) -> Report {
    let summary = format!("The work merges with `{}` without conflicts; no agent was needed.", brief.base_branch);
    Report { summary, ..Report::ended(ReportOutcome::Changed, "") }
}

/// A planner run reads: an answer beside a changed tree is none, and no patch is ever left.
fn unchanged(report: Report, patch: &[u8]) -> Report {
    if report.outcome != ReportOutcome::Planned || patch.is_empty() {
        return report;
    }
    let reason = "the agent changed files, which a planner run may not";
    Report { outcome: ReportOutcome::Failed, reason: reason.to_owned(), answer: String::new(), ..report }
}

/// Work that still holds conflict markers is none.
fn marked(report: Report, tree: &Tree) -> Report {
    let marked = tree.marked();
    if report.outcome != ReportOutcome::Changed || marked.is_empty() {
        return report;
    }
    let reason = format!("conflict markers are left in {}", marked.join(", "));
    Report { outcome: ReportOutcome::Failed, reason, ..report }
}

/// Leaves the patch of finished work, taken before validation commands can add to the tree.
fn keep_patch(report: Report, patch: Vec<u8>, out: &Path, redactor: &Redactor) -> Result<Report, Error> {
    if report.outcome != ReportOutcome::Changed {
        return Ok(report);
    }
    if patch.is_empty() {
        let reason = "nothing of the work is left to publish: the base holds it already";
        return Ok(Report { outcome: ReportOutcome::Failed, reason: reason.to_owned(), ..report });
    }
    if redactor.holds(&patch) {
        let reason = "the work holds a secret of the runner's environment and was thrown away";
        return Ok(Report { outcome: ReportOutcome::Failed, reason: reason.to_owned(), ..report });
    }
    std::fs::create_dir_all(out)
        .and_then(|()| std::fs::write(out.join(PATCH_FILE), patch))
        .map_err(Error::machine("leaving the patch"))?;
    Ok(report)
}

fn validated(report: Report, ran: Ran) -> Report {
    let failed = validate::failure(&ran).map(validate::told);
    let report = Report { validation: ran.commands, ..report };
    match failed {
        None => report,
        Some(told) if ran.timed_out => {
            timed_out(Report { reason: format!("the time was up during validation: {told}"), ..report })
        }
        Some(told) => Report {
            outcome: ReportOutcome::Failed,
            cause: Some(Cause::Validation),
            reason: format!("validation failed: {told}"),
            ..report
        },
    }
}
