//! A worker that does what a script says, and to records, branches and jobs what the real one does: claims by creating
//! the record, pushes work and result together or not at all, ends quietly where the attempt is taken.

use std::collections::BTreeMap;

use crate::engine::brief::{Brief, Mode};
use crate::engine::id::{AttemptKey, JobId, RunId, Sha};
use crate::engine::record::{Claimed, Published, RECORD_FILE, Record};
use crate::engine::report::{Report, ReportOutcome};
use crate::engine::snapshot::{Conclusion, Progress};
use crate::forge::memory::edit::Edit;
use crate::forge::memory::merge::{OnConflict, Tree, changed_lines};
use crate::forge::memory::{MemoryForge, State, actions_bot};
use crate::forge::world::request::{Request, RunnerAct};
use crate::github;
use crate::github::Error;

/// How a run's work ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Work {
    /// The agent changed files. In a rebase run the base is merged in first, both sides kept where they conflict.
    Changed(Vec<Edit>),
    /// The agent says that nothing need change.
    NoChange(String),
    /// The agent of a planner run answers so.
    Planned(String),
    /// The agent did not manage.
    Failed(String),
    /// A person must answer.
    NeedsDecision(String),
    /// The agent could not even work.
    Infra(String),
    /// Any other report, without work.
    Reported(Box<Report>),
    /// The agent changed files, and publish refused the patch for these reasons.
    Refused(Vec<Edit>, Vec<String>),
    /// The run ends so, without any result.
    Lost(Conclusion),
}

impl MemoryForge {
    /// Runs nobody has begun, oldest first.
    pub fn queued_runs(&self) -> Vec<RunId> {
        let world = self.world();
        world.runs().filter(|run| run.progress == Progress::Queued).map(|run| run.id).collect()
    }

    /// A run's brief.
    ///
    /// # Errors
    /// The run, its inputs, the brief's commit or the brief are not what they should be.
    pub fn brief(&self, run: RunId) -> Result<Brief, Error> {
        self.locked().brief(run).map(|(brief, _, _)| brief)
    }

    /// The claim job: creates the attempt's record. Taken already: the run ends quietly, well, and the answer is
    /// `false`.
    ///
    /// # Errors
    /// The run is over, or its brief cannot be read.
    pub fn claim(&self, run: RunId) -> Result<bool, Error> {
        self.locked().claim(run)
    }

    /// Agent and publish: does the work of a run that was claimed and ends it. A record closed meanwhile: nothing is
    /// pushed, and the run fails.
    ///
    /// # Errors
    /// The run is over or was never claimed, or its brief cannot be read.
    pub fn finish_run(&self, run: RunId, work: Work) -> Result<(), Error> {
        self.locked().finish(run, work)
    }

    /// What a run that GitHub has given up may still do: its last job pushes all the same. `false` where the record is
    /// not this run's any more, or closed.
    ///
    /// # Errors
    /// The run was never claimed, or its brief cannot be read.
    pub fn publish_late(&self, run: RunId, work: Work) -> Result<bool, Error> {
        let mut state = self.locked();
        let (brief, key, _) = state.brief(run)?;
        state.publish(run, &brief, &key, work)
    }

    /// Takes every queued run: claims it and does what the script says to its brief. Gives how many runs were taken.
    ///
    /// # Errors
    /// As [`Self::claim`] and [`Self::finish_run`].
    pub fn work_off(&self, mut script: impl FnMut(&Brief) -> Work) -> Result<usize, Error> {
        let runs = self.queued_runs();
        for run in &runs {
            let work = script(&self.brief(*run)?);
            if self.claim(*run)? {
                self.finish_run(*run, work)?;
            }
        }
        Ok(runs.len())
    }

    /// GitHub doubles a run: another one with the same inputs is queued.
    ///
    /// # Errors
    /// There is no such run.
    pub fn double(&self, run: RunId) -> Result<RunId, Error> {
        let mut state = self.locked();
        let entry = state.world.run(run).cloned().ok_or_else(|| wrong(format!("no run {run}")))?;
        let (workflow, branch, inputs) = (entry.workflow, entry.branch, entry.inputs);
        let request = github::Request::DispatchWorkflow { workflow, branch, inputs };
        let answer = state.apply(Request::Api { actor: entry.actor, request, git: None })?;
        if let github::Response::Dispatched(Some(run)) = answer { Ok(run) } else { Err(wrong(format!("{answer:?}"))) }
    }
}

impl State {
    fn brief(&self, run: RunId) -> Result<(Brief, AttemptKey, Sha), Error> {
        let entry = self.world.run(run).ok_or_else(|| wrong(format!("no run {run}")))?;
        let input = |name: &str| entry.inputs.get(name).cloned().unwrap_or_default();
        let key = AttemptKey::parse(&input("key")).ok_or_else(|| wrong(format!("run {run} has no key")))?;
        let commit = Sha(input("brief"));
        let path = key.id.brief_path();
        let bytes = self.repository.file(commit.as_str(), &path);
        let bytes = bytes.ok_or_else(|| wrong(format!("commit {commit} has no {path}")))?;
        let brief = Brief::parse(bytes).map_err(wrong)?;
        if brief.key == key { Ok((brief, key, commit)) } else { Err(wrong(format!("the brief is of {}", brief.key))) }
    }

    fn claim(&mut self, run: RunId) -> Result<bool, Error> {
        let (_, key, brief) = self.brief(run)?;
        let jobs = self.jobs(run);
        let attempt = self.world.run(run).map_or(1, |entry| entry.attempt);
        let claim = *jobs.get("claim").ok_or_else(|| wrong("the workflow has no job `claim`"))?;
        self.report(RunnerAct::JobStarted { job: claim })?;
        let branch = key.id.record_branch();
        let won = attempt == 1 && self.repository.branch(&branch).is_none();
        if won {
            let claimed = Claimed { run_id: run, run_attempt: attempt, key, brief, at: self.now };
            let record = self.record_commit(&Record::claimed(claimed), None);
            self.push(actions_bot(), &branch, Some(record))?;
        }
        let outputs = BTreeMap::from([("won".to_owned(), won.to_string())]);
        self.report(RunnerAct::JobEnded { job: claim, conclusion: Conclusion::Success, outputs })?;
        for (key, job) in jobs.iter().filter(|(key, _)| *key != "claim") {
            if !won {
                self.report(ended(*job, Conclusion::Skipped))?;
            } else if key == "agent" {
                self.report(RunnerAct::JobStarted { job: *job })?;
            }
        }
        if !won {
            self.report(RunnerAct::RunEnded { run, conclusion: Conclusion::Success })?;
        }
        Ok(won)
    }

    fn finish(&mut self, run: RunId, work: Work) -> Result<(), Error> {
        if let Work::Lost(conclusion) = work {
            return self.report(RunnerAct::RunEnded { run, conclusion });
        }
        let (brief, key, _) = self.brief(run)?;
        let jobs = self.jobs(run);
        let job =
            |name: &str| jobs.get(name).copied().ok_or_else(|| wrong(format!("the workflow has no job `{name}`")));
        self.report(ended(job("agent")?, Conclusion::Success))?;
        self.report(RunnerAct::JobStarted { job: job("publish")? })?;
        let published = self.publish(run, &brief, &key, work)?;
        let conclusion = if published { Conclusion::Success } else { Conclusion::Failure };
        self.report(ended(job("publish")?, conclusion))?;
        self.report(RunnerAct::RunEnded { run, conclusion })
    }

    /// Pushes work branch and result together; `false` where the record is not this run's any more.
    fn publish(&mut self, run: RunId, brief: &Brief, key: &AttemptKey, work: Work) -> Result<bool, Error> {
        let record_branch = key.id.record_branch();
        let record = self.repository.file(&record_branch, RECORD_FILE).map(Record::parse);
        let Some(Ok(record)) = record else { return Err(wrong(format!("{record_branch} holds no record"))) };
        let own = record.claimed.as_ref().is_some_and(|claimed| claimed.run_id == run);
        if !own || record.is_closed() {
            return Ok(false);
        }
        let (report, tree, mut refused) = self.worked(brief, work)?;
        if brief.mode == Mode::Plan && tree.is_some() {
            refused.push("a planner run may not change files".to_owned());
        }
        let foundation = if brief.mode == Mode::Rebase { &brief.base } else { &brief.start };
        let before = self.repository.get(foundation).map(|commit| commit.tree.clone()).unwrap_or_default();
        let (files, added, removed) = tree.as_ref().map_or_else(Default::default, |tree| difference(&before, tree));
        let commit = tree.filter(|_| refused.is_empty()).map(|tree| self.work_commit(brief, tree));
        let now = self.now;
        let published = Published {
            report,
            commit: commit.clone(),
            files,
            added,
            removed,
            refused,
            start: brief.start.clone(),
            agent_started_at: record.claimed.as_ref().map(|claimed| claimed.at),
            agent_ended_at: Some(now),
            at: now,
        };
        let parent = self.repository.branch(&record_branch).cloned();
        let tip = self.record_commit(&record.with_result(published), parent);
        if commit.is_some() {
            self.push(actions_bot(), &key.id.work_branch(), commit)?;
        }
        self.push(actions_bot(), &record_branch, Some(tip))?;
        Ok(true)
    }

    /// The report, the work's tree where there is one, and why publish refuses it.
    fn worked(&self, brief: &Brief, work: Work) -> Result<(Report, Option<Tree>, Vec<String>), Error> {
        let report = |outcome: ReportOutcome, reason: &str| Report::ended(outcome, reason);
        Ok(match work {
            Work::Changed(edits) => {
                let summary = format!("{} files changed", edits.len());
                (
                    Report { summary, ..report(ReportOutcome::Changed, "") },
                    Some(self.worked_tree(brief, &edits)?),
                    vec![],
                )
            }
            Work::Refused(edits, why) => {
                (report(ReportOutcome::Failed, &why.join("; ")), Some(self.worked_tree(brief, &edits)?), why)
            }
            Work::NoChange(summary) => (Report { summary, ..report(ReportOutcome::NoChange, "") }, None, vec![]),
            Work::NeedsDecision(question) => {
                (Report { question, ..report(ReportOutcome::NeedsDecision, "") }, None, vec![])
            }
            Work::Planned(answer) => (Report { answer, ..report(ReportOutcome::Planned, "") }.bounded(), None, vec![]),
            Work::Failed(reason) => (report(ReportOutcome::Failed, &reason), None, vec![]),
            Work::Infra(reason) => (report(ReportOutcome::Infra, &reason), None, vec![]),
            Work::Reported(report) => (*report, None, vec![]),
            Work::Lost(_) => return Err(wrong("a lost run publishes nothing")),
        })
    }

    fn worked_tree(&self, brief: &Brief, edits: &[Edit]) -> Result<Tree, Error> {
        let start = self.repository.get(&brief.start).ok_or_else(|| wrong(format!("no commit {}", brief.start)))?;
        let mut tree = match brief.mode {
            Mode::Rebase => {
                let merged = self.repository.merged_tree(&brief.start, &brief.base, OnConflict::Both);
                merged.map_err(|paths| wrong(format!("{paths:?} do not merge")))?
            }
            Mode::Task | Mode::Plan | Mode::Judge => start.tree.clone(),
        };
        edits.iter().for_each(|edit| edit.make(&mut tree));
        Ok(tree)
    }

    fn work_commit(&mut self, brief: &Brief, tree: Tree) -> Sha {
        let parents = match brief.mode {
            Mode::Rebase => vec![brief.start.clone(), brief.base.clone()],
            Mode::Task | Mode::Plan | Mode::Judge => vec![brief.start.clone()],
        };
        let now = self.now;
        self.repository.commit(parents, tree, &format!("fix: #{} {}", brief.issue, brief.text.title), now)
    }

    fn record_commit(&mut self, record: &Record, parent: Option<Sha>) -> Sha {
        let tree = Tree::from([(RECORD_FILE.to_owned(), record.to_text().into_bytes().into())]);
        let now = self.now;
        self.repository.commit(parent.into_iter().collect(), tree, "record", now)
    }

    fn jobs(&self, run: RunId) -> BTreeMap<String, JobId> {
        self.world.jobs_of(run).map(|job| (job.key.clone(), job.job.id)).collect()
    }

    fn report(&mut self, act: RunnerAct) -> Result<(), Error> {
        self.apply(Request::Runner(act)).map(drop)
    }
}

/// Files that differ, and lines added and removed.
fn difference(before: &Tree, after: &Tree) -> (Vec<String>, u64, u64) {
    let mut paths: Vec<&String> = before.keys().chain(after.keys()).collect();
    paths.sort();
    paths.dedup();
    paths.retain(|path| before.get(*path) != after.get(*path));
    let text = |tree: &Tree, path: &str| tree.get(path).map(|content| content.to_vec()).unwrap_or_default();
    let counts = paths.iter().map(|path| changed_lines(&text(before, path), &text(after, path)));
    let (added, removed) = counts.fold((0, 0), |sum, count| (sum.0 + count.0, sum.1 + count.1));
    (paths.into_iter().cloned().collect(), added, removed)
}

fn ended(job: JobId, conclusion: Conclusion) -> RunnerAct {
    RunnerAct::JobEnded { job, conclusion, outputs: BTreeMap::new() }
}

fn wrong(message: impl Into<String>) -> Error {
    Error::Invalid { message: message.into() }
}
