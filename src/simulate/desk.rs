//! What stands between the orchestrator and the world: every call and every save passes here, meets the seed's faults,
//! and is shown to the judge.
//!
//! A crash is a wait that never ends: whoever polls gives up and begins anew from what was saved.

use std::collections::{BTreeMap, BTreeSet};
use std::future::pending;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::engine::id::{IssueNumber, PullNumber, RunId, Sha};
use crate::engine::plan::Change;
use crate::engine::time::Timestamp;
use crate::forge::memory::MemoryForge;
use crate::git::{self, Git};
use crate::github::pace::Pace;
use crate::github::{Error, GitHub, Request, Response};
use crate::simulate::coverage::Coverage;
use crate::simulate::fate::Fate;
use crate::simulate::fault::{FaultKind, Mix};
use crate::simulate::lines::{lag, words};
use crate::simulate::oracle::{Oracle, Seen};
use crate::simulate::planted::Planted;
use crate::simulate::random::Random;

/// Where the process dies, counted in boundaries: writes and saves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CrashAt {
    /// Before the boundary's act.
    Before(u64),
    /// After it.
    After(u64),
}

/// The desk.
#[derive(Debug)]
pub(super) struct Desk {
    pub(super) forge: Arc<MemoryForge>,
    inner: Mutex<Inner>,
}

/// What the desk knows.
#[derive(Debug)]
pub(super) struct Inner {
    pub(super) random: Random,
    pub(super) mix: Mix,
    /// Whether faults still happen.
    pub(super) faulty: bool,
    pub(super) oracle: Oracle,
    pub(super) coverage: Coverage,
    pub(super) now: Timestamp,
    /// How far the orchestrator's clock is off.
    pub(super) skew: i64,
    pub(super) denied_until: Timestamp,
    /// When GitHub last asked to be left alone, and what it was told. Reads that were begun side by side with the one
    /// that heard it do not leave: the client over HTTP holds them back.
    pub(super) left_alone: Option<(Timestamp, Error)>,
    /// The process's own account of GitHub's limits, where there are any; it dies with it.
    pub(super) pace: Option<Pace>,
    /// The App's calls of all kinds, and its writes.
    pub(super) calls: u64,
    pub(super) writes: u64,
    /// Writes and saves.
    pub(super) boundaries: u64,
    pub(super) crash_at: Option<CrashAt>,
    pub(super) planted: Option<Planted>,
    /// Issues of whose first dispatch the answer is lost.
    pub(super) answers_lost: BTreeSet<u64>,
    /// Runs that obey no cancellation.
    pub(super) ghosts: BTreeSet<RunId>,
    /// Whether the process dies together with its database, and how often that may still happen.
    pub(super) database_lost: bool,
    pub(super) losses_left: u32,
    /// Whether another process took over since this one began.
    pub(super) lease_lost: bool,
    /// What single things were last shown as, where such views may be old: when, and how far off the App's clock was.
    pub(super) views: BTreeMap<String, (Timestamp, i64, Response)>,
    /// What happened, where it is wanted.
    pub(super) log: Option<Vec<String>>,
}

impl Inner {
    pub(super) fn note(&mut self, line: impl FnOnce() -> String) {
        let now = self.now;
        if let Some(log) = &mut self.log {
            let since = now.0 - crate::simulate::scenario::START.0;
            log.push(format!("{:>9}.{:03} {}", since / 1000, since % 1000, line()));
        }
    }

    /// Whether a fault of this kind happens now.
    pub(super) fn meets(&mut self, kind: FaultKind) -> bool {
        let often = self.mix.of(kind);
        let happens = self.faulty && self.random.chance(often);
        if happens {
            self.coverage.met(kind, &self.oracle);
        }
        happens
    }
}

impl Desk {
    pub(super) fn new(forge: Arc<MemoryForge>, inner: Inner) -> Self {
        Self { forge, inner: Mutex::new(inner) }
    }

    pub(super) fn locked(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One call; nothing where the process dies at it.
    fn call(&self, mut request: Request) -> Option<Result<Response, Error>> {
        let inner = &mut *self.locked();
        let write = request.is_write();
        if let Some((at, told)) = &inner.left_alone
            && *at == inner.now
            && !write
        {
            return Some(Err(told.clone()));
        }
        if let Err(error) = inner.admit(&request) {
            return Some(Err(error));
        }
        inner.calls += 1;
        inner.writes += u64::from(write);
        if write {
            inner.must_hold_lease(|| words(&request));
        }
        let planted = inner.planted;
        if let Request::MergePullRequest { number, .. } = &request
            && let Some(branch) = self.forge.look(|world, _| world.pull(*number).map(|pull| pull.head_branch.clone()))
        {
            self.race_push(inner, &branch);
        }
        if let Some(answer) = planted.and_then(|bug| bug.answers(&mut request, &self.forge)) {
            return Some(answer);
        }
        let now = inner.now;
        inner.oracle.asked(&request, now);
        if planted.is_some_and(|bug| bug.drops(&request)) {
            return Some(Ok(Response::Done));
        }
        let fate = if inner.loses_answer(&request) { Fate::AnswerLost } else { inner.fate(write) };
        if planted.is_some_and(|bug| bug.doubles(&request, matches!(fate, Fate::AnswerLost))) {
            // What comes of the first is as lost as its answer.
            drop(self.write(inner, request.clone()));
        }
        if write {
            inner.note(|| format!("{}{}", fate.words(), words(&request)));
        }
        let applied = match fate {
            Fate::Dies { after: false } => return None,
            Fate::Instead(error) => {
                inner.oracle.not_let(&request);
                return Some(Err(inner.told(error)));
            }
            Fate::Fine | Fate::Dies { after: true } | Fate::AnswerLost if write => self.write(inner, request),
            Fate::Fine | Fate::Dies { after: true } | Fate::AnswerLost => self.read(inner, request),
        };
        if matches!(applied, Err(Error::RateLimited { .. })) {
            inner.coverage.met(FaultKind::RealLimits, &inner.oracle);
        }
        match fate {
            // What GitHub asks for in an answer that nobody hears binds nobody.
            Fate::Dies { .. } => None,
            Fate::AnswerLost => Some(Err(Error::Unreachable { message: "the answer was lost".to_owned() })),
            Fate::Fine | Fate::Instead(_) => Some(match (applied, planted) {
                (Err(error), _) => Err(inner.told(error)),
                (Ok(answer), Some(bug)) => Ok(bug.alters(answer)),
                (Ok(answer), None) => Ok(answer),
            }),
        }
    }

    fn write(&self, inner: &mut Inner, request: Request) -> Result<Response, Error> {
        if let Request::UpdateIssue { number, body: Some(_), .. } | Request::RewriteIssue { number, .. } = &request {
            self.race(inner, *number);
        }
        if let Request::CancelRun { run, .. } = &request
            && inner.faulty
            && inner.ghosts.contains(run)
        {
            return Err(Error::Unreachable { message: "500".to_owned() });
        }
        self.forge.look(|world, repository| inner.oracle.before(&request, Seen { world, repository }));
        let answer = self.forge.call(request.clone());
        if let Ok(response) = &answer {
            self.forge.look(|world, repository| inner.oracle.after(&request, response, Seen { world, repository }));
            self.double(inner, response);
        } else {
            inner.note(|| format!("  refused: {:?}", answer.as_ref().err()));
        }
        answer
    }

    /// A read; lists may lag behind or miss an entry, and single things be shown as they were.
    fn read(&self, inner: &mut Inner, request: Request) -> Result<Response, Error> {
        let single = inner.may_show_old(&request).then(|| words(&request));
        if let Some(view) = single.as_ref().and_then(|name| inner.old_view(name)) {
            return Ok(view);
        }
        let mut answer = self.forge.call(request);
        if let (Some(name), Ok(response)) = (single, &answer) {
            inner.views.insert(name, (inner.now, inner.skew, response.clone()));
        }
        if let Ok(response) = &mut answer {
            if let Response::Checks(checks) = response {
                inner.oracle.told_checks(checks);
            }
            match response {
                Response::PullsAndChecks(found) => {
                    for entry in found {
                        inner.oracle.shows(&entry.pull.head_sha);
                        entry.checks.iter().for_each(|checks| inner.oracle.told_checks(checks));
                    }
                }
                Response::PullRequest(pull) => inner.oracle.shows(&pull.head_sha),
                Response::PullRequests(pulls) => pulls.iter().for_each(|pull| inner.oracle.shows(&pull.head_sha)),
                Response::Ref(found) => inner.oracle.shows(&found.sha),
                Response::Tips(tips) => tips.iter().flatten().for_each(|tip| inner.oracle.shows(&tip.sha)),
                _ => {}
            }
            if inner.meets(FaultKind::ReadLag) {
                let seen_until = inner.now - Duration::from_secs(inner.random.between(1, inner.longest_lag()));
                let entry =
                    |number: PullNumber| self.forge.look(|world, _| world.issue(IssueNumber(number.0)).cloned());
                lag(response, seen_until, |number| entry(number).map_or(seen_until, |entry| entry.issue.created_at));
            }
            if let Response::Issues(issues) = response
                && inner.random.chance(200)
                && !issues.is_empty()
                && inner.meets(FaultKind::ListShift)
            {
                let at = usize::try_from(inner.random.below(issues.len() as u64)).unwrap_or_default();
                issues.remove(at);
            }
        }
        answer
    }

    /// Shows a save to the judge, or lets the process die at it; `Some(false)`: the database refuses.
    pub(super) fn saves(&self, changes: &[Change], save: impl FnOnce() -> bool) -> Option<bool> {
        let fate = {
            let inner = &mut *self.locked();
            let at = inner.boundaries;
            inner.boundaries += 1;
            inner.must_hold_lease(|| "a save".to_owned());
            match inner.crash_at {
                Some(CrashAt::Before(planned)) if planned == at => return None,
                _ => {}
            }
            if inner.faulty && inner.random.chance(60) && inner.meets(FaultKind::SaveFails) {
                return Some(false);
            }
            let dies = inner.faulty && inner.random.chance(60) && inner.meets(FaultKind::Crash);
            if dies && inner.random.chance(500) {
                inner.note(|| "dies before a save".to_owned());
                return None;
            }
            dies || inner.loses_database() || inner.crash_at == Some(CrashAt::After(at))
        };
        let saved = save();
        let inner = &mut *self.locked();
        if saved {
            self.forge.look(|world, repository| inner.oracle.saved(changes, Seen { world, repository }));
        }
        if fate {
            inner.note(|| "dies after a save".to_owned());
            return None;
        }
        Some(saved)
    }

    /// What a question to git meets: it may have to fetch first.
    fn asks_git(&self) -> Fate {
        self.locked().fate(false)
    }

    fn moves(&self, branch: &str, expected: Option<&Sha>, to: &Sha) -> Option<Result<(), git::Error>> {
        let failed = |message: &str| git::Error::Failed { message: message.to_owned() };
        let inner = &mut *self.locked();
        inner.writes += 1;
        inner.must_hold_lease(|| format!("move {branch}"));
        self.race_push(inner, branch);
        let unleased = inner.planted == Some(Planted::LeaseIgnored);
        let found = unleased.then(|| self.forge.branch(branch)).flatten();
        let expected = if unleased { found.as_ref() } else { expected };
        let fate = inner.fate(true);
        inner.note(|| format!("{}move {branch} {expected:?} -> {to}", fate.words()));
        match fate {
            Fate::Dies { after: false } => return None,
            Fate::Instead(Error::Denied { message }) => return Some(Err(git::Error::Refused { message })),
            Fate::Instead(_) => return Some(Err(failed("git could not reach the remote"))),
            Fate::Fine | Fate::AnswerLost | Fate::Dies { after: true } => {}
        }
        let show = |world: &_, repository: &_| {
            inner.oracle.moves_branch(branch, expected, to, Seen { world, repository });
        };
        self.forge.look(show);
        let before = self.forge.branch(branch);
        let moved = at_once(self.forge.move_branch(branch, expected, to))?;
        // To expect nothing is to expect that there is no such branch: over one that is there it moves nothing.
        let compared = moved.is_err() || before.as_ref() == expected;
        inner.oracle.must("S15", compared, || format!("`{branch}` was moved from elsewhere than expected"));
        match fate {
            Fate::Dies { .. } => None,
            Fate::AnswerLost => Some(Err(failed("the answer was lost"))),
            Fate::Fine | Fate::Instead(_) => Some(moved),
        }
    }
}

/// What a future gives without waiting; nothing where it waits.
pub(super) fn at_once<F: Future>(future: F) -> Option<F::Output> {
    let mut future = std::pin::pin!(future);
    match future.as_mut().poll(&mut std::task::Context::from_waker(std::task::Waker::noop())) {
        std::task::Poll::Ready(output) => Some(output),
        std::task::Poll::Pending => None,
    }
}

impl GitHub for Desk {
    async fn send(&self, request: Request) -> Result<Response, Error> {
        match self.call(request) {
            Some(answer) => answer,
            None => pending().await,
        }
    }
}

impl Git for Desk {
    async fn move_branch(&self, branch: &str, expected: Option<&Sha>, to: &Sha) -> Result<(), git::Error> {
        match self.moves(branch, expected, to) {
            Some(answer) => answer,
            None => pending().await,
        }
    }

    async fn parents(&self, commit: &Sha) -> Result<Vec<Sha>, git::Error> {
        self.forge.parents(commit).await
    }

    async fn paths(&self, commit: &Sha) -> Result<Vec<String>, git::Error> {
        self.forge.paths(commit).await
    }

    async fn files(&self, commit: &Sha) -> Result<git::Files, git::Error> {
        self.forge.files(commit).await
    }

    async fn merge_conflicts(&self, ours: &Sha, theirs: &Sha) -> Result<Vec<String>, git::Error> {
        match self.asks_git() {
            Fate::Dies { .. } => return pending().await,
            Fate::Fine => {}
            Fate::AnswerLost | Fate::Instead(_) => {
                return Err(git::Error::Failed { message: "git could not reach the remote".to_owned() });
            }
        }
        self.forge.merge_conflicts(ours, theirs).await
    }

    async fn changes(&self, other: &Sha, commit: &Sha, paths: &[String], bytes: usize) -> Result<String, git::Error> {
        self.forge.changes(other, commit, paths, bytes).await
    }
}
