//! Reading the world without the API's limits and permissions: for the pages, the HTTP side's payloads and the runner.

use std::collections::BTreeMap;

use crate::engine::id::{CheckRunId, CommentId, IssueNumber, JobId, Login, PullNumber, RunId, Sha};
use crate::engine::snapshot::{Issue, Job, OpenState, Permission, Progress, PullRequest, Run};
use crate::forge::world::World;
use crate::forge::world::setup::Setup;
use crate::forge::world::state::{CheckEntry, CommentEntry, IssueEntry, JobEntry, PullEntry, RunEntry, StatusEntry};

impl World {
    /// What it was set up with; workflows told later are in it.
    pub fn setup(&self) -> &Setup {
        &self.setup
    }

    /// Branches as far as the world was told.
    pub fn branches(&self) -> &BTreeMap<String, Sha> {
        &self.branches
    }

    /// What named accounts may do, by lower-case login.
    pub fn permissions(&self) -> &BTreeMap<Login, Permission> {
        &self.permissions
    }

    /// An issue or the issue side of a pull request; a deleted one is given too.
    pub fn issue(&self, number: IssueNumber) -> Option<&IssueEntry> {
        self.issues.get(&number)
    }

    /// All issues and pull requests that are not deleted, by number.
    pub fn issues(&self) -> impl DoubleEndedIterator<Item = &IssueEntry> {
        self.issues.values().filter(|entry| !entry.deleted)
    }

    /// A pull request's own side.
    pub fn pull(&self, number: PullNumber) -> Option<&PullEntry> {
        self.pulls.get(&number)
    }

    /// All pull requests, by number.
    pub fn pulls(&self) -> impl DoubleEndedIterator<Item = (PullNumber, &PullEntry)> {
        self.pulls.iter().map(|(number, entry)| (*number, entry))
    }

    /// A comment.
    pub fn comment(&self, comment: CommentId) -> Option<&CommentEntry> {
        self.comments.get(&comment)
    }

    /// All comments, oldest first.
    pub fn comments(&self) -> impl DoubleEndedIterator<Item = &CommentEntry> {
        self.comments.values()
    }

    /// A run.
    pub fn run(&self, run: RunId) -> Option<&RunEntry> {
        self.runs.get(&run)
    }

    /// All runs, oldest first.
    pub fn runs(&self) -> impl DoubleEndedIterator<Item = &RunEntry> {
        self.runs.values()
    }

    /// A job, also of an earlier attempt of its run.
    pub fn job(&self, job: JobId) -> Option<&JobEntry> {
        self.jobs.get(&job)
    }

    /// The jobs of a run's latest attempt, in the file's order.
    pub fn jobs_of(&self, run: RunId) -> impl Iterator<Item = &JobEntry> {
        self.runs.get(&run).into_iter().flat_map(|entry| &entry.jobs).filter_map(|job| self.jobs.get(job))
    }

    /// A check run.
    pub fn check(&self, id: CheckRunId) -> Option<&CheckEntry> {
        self.checks.get(&id)
    }

    /// All check runs of a commit, oldest first.
    pub fn checks_of(&self, sha: &Sha) -> impl Iterator<Item = &CheckEntry> {
        self.checks.values().filter(move |entry| entry.sha == *sha)
    }

    /// All statuses of a commit.
    pub fn statuses_of(&self, sha: &Sha) -> impl Iterator<Item = &StatusEntry> {
        self.statuses.iter().filter(move |entry| entry.sha == *sha)
    }

    /// Heads of open pull requests, with their base branch: what checks are to be run on.
    pub fn open_heads(&self) -> impl Iterator<Item = (PullNumber, &PullEntry)> {
        self.pulls().filter(|(number, _)| self.is_open(IssueNumber(number.0)))
    }

    /// Whether an issue or pull request is there and open.
    pub fn is_open(&self, number: IssueNumber) -> bool {
        self.issues.get(&number).is_some_and(|entry| !entry.deleted && entry.issue.state == OpenState::Open)
    }

    /// Whether all jobs this one needs are over.
    pub fn is_ready(&self, job: &JobEntry) -> bool {
        self.jobs_of(job.run)
            .filter(|other| job.needs.contains(&other.key))
            .all(|other| other.job.progress == Progress::Completed)
    }

    /// An issue as the API tells it.
    pub fn issue_snapshot(&self, entry: &IssueEntry) -> Issue {
        let related = entry.blocked_by.len() + entry.sub_issues.len();
        Issue { blocked_by_count: u32::try_from(related).unwrap_or(u32::MAX), ..entry.issue.clone() }
    }

    /// A pull request as the API tells it; whether it merges is git's to say.
    pub fn pull_snapshot(&self, number: PullNumber, mergeable: Option<bool>) -> Option<PullRequest> {
        let pull = self.pulls.get(&number)?;
        let entry = self.issues.get(&IssueNumber(number.0))?;
        Some(PullRequest {
            number,
            title: entry.issue.title.clone(),
            body: entry.issue.body.clone(),
            state: entry.issue.state,
            merged: pull.merged.is_some(),
            merge_commit: pull.merged.as_ref().map(|merged| merged.commit.clone()),
            head_branch: pull.head_branch.clone(),
            head_sha: pull.head_sha.clone(),
            base_branch: pull.base_branch.clone(),
            draft: pull.draft,
            mergeable: if entry.issue.state == OpenState::Open { mergeable } else { None },
            author: entry.issue.author.clone(),
            updated_at: entry.issue.updated_at,
        })
    }

    /// A run as the API tells it, with its jobs where asked.
    pub fn run_snapshot(&self, entry: &RunEntry, with_jobs: bool) -> Run {
        let jobs: Vec<Job> =
            if with_jobs { self.jobs_of(entry.id).map(|job| job.job.clone()).collect() } else { Vec::new() };
        Run {
            id: entry.id,
            title: entry.title.clone(),
            progress: entry.progress,
            conclusion: entry.conclusion,
            run_attempt: entry.attempt,
            head_sha: entry.head_sha.clone(),
            created_at: entry.created_at,
            updated_at: entry.updated_at,
            jobs,
        }
    }
}
