//! Carrying out reads.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::engine::config;
use crate::engine::event::{AttemptSeen, Event, Fact, FootprintSeen, Read, Watched};
use crate::engine::graph::Outside;
use crate::engine::id::{AttemptId, AttemptKey, IssueNumber, PullNumber, RECORD_BRANCH_PREFIX, RunId, Sha};
use crate::engine::plan::Plan;
use crate::engine::record::Record;
use crate::engine::render::{TRACKING_LABEL, tracking_marker};
use crate::engine::report::tail;
use crate::engine::snapshot::{Actor, Checks, Issue, OpenState, Permission, Progress, PullRequest, Run};
use crate::engine::time::Timestamp;
use crate::git::Git;
use crate::github::{Error, GitHub, PullAndChecks, Request, Response};
use crate::infer;
use crate::perform::{Configuration, Deployment, kept, look};

/// Where a repository keeps its configuration.
pub(super) const CONFIGURATION_PATH: &str = ".github/orchestrator.yml";
/// A young run claims its attempt within so long, mostly.
const CLAIMED_WITHIN: Duration = Duration::from_secs(5 * 60);
/// Characters kept of one failed check's output.
const CHECK_TAIL_CHARACTERS: usize = 2_000;
/// Most failed checks whose output is fetched.
const CHECK_TAILS_MAX: usize = 3;

/// Carries one read out.
pub(super) async fn read<G: GitHub, M: Git, S>(
    deployment: &Deployment<G, M, S>,
    plan: &Plan,
    read: &Read,
    now: Timestamp,
) -> Vec<Event> {
    match facts(deployment, plan, read, now).await {
        Ok(facts) => facts.into_iter().map(|fact| Event::Fact(Box::new(fact))).collect(),
        Err(error) => {
            tracing::info!(read = ?read, %error, "a read failed; it is asked for again at the next tick");
            let until = if let Error::RateLimited { until } = error { Some(until) } else { None };
            vec![Event::ReadFailed { read: read.clone(), message: error.to_string(), until }]
        }
    }
}

/// A read that is not made because GitHub asked us to wait.
pub(super) fn put_off(read: &Read, until: Timestamp) -> Event {
    Event::ReadFailed { read: read.clone(), message: "put off".to_owned(), until: Some(until) }
}

async fn facts<G: GitHub, M: Git, S>(
    deployment: &Deployment<G, M, S>,
    plan: &Plan,
    read: &Read,
    now: Timestamp,
) -> Result<Vec<Fact>, Error> {
    let github = &deployment.github;
    let fact = match read {
        Read::PullsAndChecks(numbers) => return pulls_and_checks(github, plan, numbers).await,
        Read::Kept { since } => kept::found(deployment, plan, *since).await?,
        Read::Repository => repository(deployment, plan, now).await?,
        Read::Issues => Fact::Issues(look::labelled(github, &plan.header.settings.label).await?),
        Read::Issue(number) => Fact::Issue(*number, look::issue(github, *number).await?),
        Read::Outside(numbers) => {
            let mut found = Vec::new();
            for number in numbers {
                let state = match look::issue(github, *number).await? {
                    Some(issue) if issue.state == OpenState::Open => Outside::Open,
                    Some(_) => Outside::Closed,
                    None => Outside::Missing,
                };
                found.push((*number, state));
            }
            Fact::Outside(found)
        }
        Read::BlockedBy(number) => Fact::BlockedBy(*number, look::blocked_by(github, *number).await?),
        Read::Footprints(numbers) => footprints(deployment, plan, numbers).await?,
        Read::Labelled(number) => labelled(github, plan, *number).await?,
        Read::Permission(login) => match github.send(Request::Permission { login: login.clone() }).await {
            Ok(Response::Permission(permission)) => Fact::Permission(login.clone(), permission),
            Ok(_) | Err(Error::Missing { .. }) => Fact::Permission(login.clone(), Permission::None),
            Err(error) => return Err(error),
        },
        Read::Comments(since) => Fact::Comments(look::comments_since(github, *since).await?),
        Read::Tracking(number) => tracking(deployment, plan, *number, now).await?,
        Read::Attempts { watched, since } => attempts(github, plan, watched, *since, now).await?,
        Read::Pulls(numbers) => pulls(github, numbers).await?,
        Read::Pull(number) => pulls(github, &[*number]).await?,
        Read::Checks(sha) => checks(github, plan, sha).await?,
    };
    Ok(vec![fact])
}

/// The base's head; configuration and workflow only where the head moved. Both are read by the branch's name: asked
/// again after most merges GitHub can say that they are as they were. Where the branch moves in between, the head read
/// next differs, and so they are read again.
async fn repository<G: GitHub, M, S>(
    deployment: &Deployment<G, M, S>,
    plan: &Plan,
    now: Timestamp,
) -> Result<Fact, Error> {
    let github = &deployment.github;
    let branch = match deployment.tree.named(now) {
        Some(branch) => branch,
        None => {
            let branch = look::repository(github).await?.default_branch;
            deployment.tree.name(&branch, now);
            branch
        }
    };
    let head = look::some_branch(github, &branch).await?.sha;
    let known = plan.header.base.as_ref().filter(|base| base.head == head && !base.told);
    let header = &plan.header;
    let (settings, problem, workflow_present) = match (&deployment.configuration, known) {
        (Configuration::Fixed(settings), _) => (settings.clone(), None, true),
        (Configuration::Repository(_), Some(base)) if base.workflow_present => {
            (Box::new(header.settings.clone()), header.settings_problem.clone(), true)
        }
        (Configuration::Repository(defaults), _) => {
            let text = look::existing(github, look::some_file(github, &branch, CONFIGURATION_PATH).await).await?;
            let text = String::from_utf8_lossy(&text.unwrap_or_default()).into_owned();
            let (settings, problem) = match config::parse(&text, defaults) {
                Ok(settings) => (Box::new(settings), None),
                Err(problem) => (Box::new(header.settings.clone()), Some(problem.message)),
            };
            let path = format!(".github/workflows/{}", settings.workflow);
            let present = look::existing(github, look::some_file(github, &branch, &path).await).await?.is_some();
            (settings, problem, present)
        }
    };
    Ok(Fact::Repository { branch, head, settings, problem, workflow_present })
}

/// Which files issues mean, by the base's file list. Without one (an empty repository, git out of reach) the text
/// alone speaks.
async fn footprints<G, M: Git, S>(
    deployment: &Deployment<G, M, S>,
    plan: &Plan,
    numbers: &[IssueNumber],
) -> Result<Fact, Error> {
    let index = match plan.header.base.as_ref().map(|base| base.head.clone()) {
        Some(head) => match deployment.tree.at(&head) {
            Some(index) => Some(index),
            None => match deployment.git.paths(&head).await {
                Ok(paths) => {
                    let index = std::sync::Arc::new(infer::Index::new(paths));
                    deployment.tree.keep(head, index.clone());
                    Some(index)
                }
                Err(error) => {
                    tracing::warn!(%error, "the base's file list could not be read; the issues' text alone speaks");
                    None
                }
            },
        },
        None => None,
    };
    let footprint = |number: &IssueNumber| {
        let task = plan.task_of(*number)?;
        let footprint = infer::footprint(&task.facts, index.as_deref());
        Some(FootprintSeen { issue: *number, digest: task.digest.clone(), footprint })
    };
    Ok(Fact::Footprints(numbers.iter().filter_map(footprint).collect()))
}

/// Who put the label on last, and when the body was last edited.
async fn labelled(github: &impl GitHub, plan: &Plan, issue: IssueNumber) -> Result<Fact, Error> {
    let label = &plan.header.settings.label;
    let events = look::label_events(github, issue).await?;
    let last = events.iter().rev().find(|event| event.label.eq_ignore_ascii_case(label)).filter(|event| event.added);
    let by = last.map(|event| (event.actor.clone(), event.at));
    let edited_at = look::body_edits(github, issue).await?.iter().map(|edit| edit.at).max();
    Ok(Fact::Labelled { issue, by, edited_at })
}

/// The tracking issue among those of ours that are open, and who edited it. That is asked also where it stands as we
/// left it, once after we wrote: a tick that we wrote over is seen nowhere else.
async fn tracking<G: GitHub, M, S>(
    deployment: &Deployment<G, M, S>,
    plan: &Plan,
    number: IssueNumber,
    now: Timestamp,
) -> Result<Fact, Error> {
    let github = &deployment.github;
    let open = look::labelled(github, TRACKING_LABEL).await?;
    let marked = |issue: &Issue| issue.body.contains(&tracking_marker(plan.header.number));
    let ours = |issue: &&Issue| issue.author.login.same(&deployment.bot) && marked(issue) && issue.number != number;
    let doubles = open.iter().filter(ours).map(|issue| issue.number).collect();
    let issue = match open.into_iter().find(|issue| issue.number == number) {
        Some(issue) => Some(Box::new(issue)),
        None => look::issue(github, number).await?,
    };
    let known = plan.header.tracking.as_ref().filter(|known| known.number == number);
    let asks = |issue: &Issue| known.is_none_or(|known| known.asks_history(issue, now));
    let edits = match &issue {
        Some(issue) if asks(issue) => Some(look::body_edits(github, number).await?),
        Some(_) => None,
        None => Some(Vec::new()),
    };
    Ok(Fact::Tracking(number, issue, edits, doubles))
}

/// Attempts: runs first, then records, so that a run seen completed has its last word in the record read after it.
async fn attempts(
    github: &impl GitHub,
    plan: &Plan,
    watched: &[Watched],
    since: Timestamp,
    now: Timestamp,
) -> Result<Fact, Error> {
    if let [attempt @ Watched { run: Some(run), closely: true, .. }] = watched {
        return Ok(Fact::Attempts(vec![one_closely(github, attempt, *run).await?]));
    }
    let listed = look::runs(github, &plan.header.settings.workflow, since).await?;
    let runs = look::together(watched.iter().map(|attempt| run_of(github, attempt, &listed)).collect()).await?;
    let mut asked = Vec::new();
    let mut awaited = Vec::new();
    for (attempt, run) in watched.iter().zip(&runs) {
        match record_moves(attempt, run.as_ref(), now) {
            Moves::Likely => asked.push(attempt.id),
            Moves::Unknown => awaited.push(attempt),
            Moves::Not => {}
        }
    }
    asked.extend(moved(github, &awaited).await?);
    let found = look::records(github, &asked).await?;
    let mut records: BTreeMap<AttemptId, (Sha, Record)> =
        asked.into_iter().zip(found).filter_map(|(id, record)| Some((id, record?))).collect();
    let seen = |(attempt, run): (&Watched, Option<Run>)| {
        let record = records.remove(&attempt.id).filter(|(tip, _)| attempt.record.as_ref() != Some(tip));
        AttemptSeen { id: attempt.id, record, run }
    };
    Ok(Fact::Attempts(watched.iter().zip(runs).map(seen).collect()))
}

/// Whether a record may have moved since it was last read.
enum Moves {
    /// A run is at the point of claiming it, or has ended: it is read.
    Likely,
    /// Nobody can say: the list of records is asked, which costs nothing while none of them moved.
    Unknown,
    /// The run that claimed it is under way, and nobody else but us may write there.
    Not,
}

fn record_moves(attempt: &Watched, run: Option<&Run>, now: Timestamp) -> Moves {
    match run {
        Some(run) if run.progress == Progress::Completed => Moves::Likely,
        Some(run) if !attempt.closely && attempt.record.is_some() && run.progress == Progress::InProgress => Moves::Not,
        Some(run) if attempt.record.is_none() && now.since(run.created_at) < CLAIMED_WITHIN => Moves::Likely,
        Some(_) | None => Moves::Unknown,
    }
}

/// One attempt of which was heard. Its record is looked at first: where it is closed, nothing about the run says more.
async fn one_closely(github: &impl GitHub, attempt: &Watched, run: RunId) -> Result<AttemptSeen, Error> {
    let changed = |record: &(Sha, Record)| attempt.record.as_ref() != Some(&record.0);
    let mut record = look::record(github, attempt.id).await?;
    let mut seen = None;
    if record.as_ref().is_none_or(|(_, record)| !record.is_closed()) {
        seen = look::existing(github, look::some_run(github, run).await).await?.map(|run| *run);
        if seen.as_ref().is_some_and(|run| run.progress == Progress::Completed) {
            record = look::record(github, attempt.id).await?;
        }
    }
    Ok(AttemptSeen { id: attempt.id, record: record.filter(changed), run: seen })
}

/// An attempt's run: the known one, else the first that carries its number in a key.
async fn run_of(github: &impl GitHub, attempt: &Watched, listed: &[Run]) -> Result<Option<Run>, Error> {
    let carries = |run: &&Run| run.title.split_whitespace().filter_map(AttemptKey::parse).any(|key| key == attempt.key);
    let run = match attempt.run {
        Some(id) => listed.iter().find(|run| run.id == id),
        None => listed.iter().filter(carries).min_by_key(|run| run.id),
    };
    match (run, attempt.run) {
        (Some(run), _) if !attempt.closely => Ok(Some(run.clone())),
        (Some(run), _) => Ok(look::existing(github, look::some_run(github, run.id).await).await?.map(|run| *run)),
        (None, Some(id)) => Ok(look::existing(github, look::some_run(github, id).await).await?.map(|run| *run)),
        (None, None) => Ok(None),
    }
}

/// Which records stand elsewhere than when they were last read: one list for many, one look for one.
async fn moved(github: &impl GitHub, watched: &[&Watched]) -> Result<Vec<AttemptId>, Error> {
    let tips: BTreeMap<AttemptId, Sha> = match watched {
        [] => return Ok(Vec::new()),
        [attempt] => {
            let tip = look::branch(github, &attempt.id.record_branch()).await?;
            tip.map(|tip| (attempt.id, tip)).into_iter().collect()
        }
        _ => {
            let named = |found: crate::engine::snapshot::Ref| {
                Some((AttemptId::parse(found.branch.strip_prefix(RECORD_BRANCH_PREFIX)?)?, found.sha))
            };
            look::branches(github, RECORD_BRANCH_PREFIX).await?.into_iter().filter_map(named).collect()
        }
    };
    let moved = |attempt: &&&Watched| tips.get(&attempt.id).is_some_and(|tip| attempt.record.as_ref() != Some(tip));
    Ok(watched.iter().filter(moved).map(|attempt| attempt.id).collect())
}

async fn pulls(github: &impl GitHub, numbers: &[PullNumber]) -> Result<Fact, Error> {
    let found = look::together(numbers.iter().map(|number| pull_and_closer(github, *number)).collect()).await?;
    Ok(Fact::Pulls(found.into_iter().flatten().collect()))
}

/// Pull requests and what the checks of open ones say, the pull requests first. Where the server does not answer such a
/// question (an older Enterprise server, an App without one of the rights), they are read singly, and so are checks
/// that are not told whole.
async fn pulls_and_checks(github: &impl GitHub, plan: &Plan, numbers: &[PullNumber]) -> Result<Vec<Fact>, Error> {
    let found = match look::pulls_and_checks(github, numbers).await {
        Ok(found) => found,
        Err(Error::Invalid { .. } | Error::Denied { .. }) => return Ok(vec![pulls(github, numbers).await?]),
        Err(error) => return Err(error),
    };
    let mut seen = Vec::with_capacity(found.len());
    let mut checked = Vec::new();
    for PullAndChecks { pull, checks } in found {
        if let Some(checks) = checks.filter(|_| pull.state == OpenState::Open) {
            checked.push(judged(github, plan, checks).await?);
        }
        let by = closer(github, &pull).await?;
        seen.push((pull, by));
    }
    Ok([Fact::Pulls(seen)].into_iter().chain(checked).collect())
}

/// A pull request, and where it was closed without a merge, by whom.
pub(super) async fn pull_and_closer(
    github: &impl GitHub,
    number: PullNumber,
) -> Result<Option<(PullRequest, Option<Actor>)>, Error> {
    let Some(pull) = look::existing(github, look::pull(github, number).await).await? else { return Ok(None) };
    let by = closer(github, &pull).await?;
    Ok(Some((*pull, by)))
}

/// Who closed it without a merge.
async fn closer(github: &impl GitHub, pull: &PullRequest) -> Result<Option<Actor>, Error> {
    if pull.state == OpenState::Open || pull.merged {
        return Ok(None);
    }
    Ok(look::issue(github, IssueNumber(pull.number.0)).await?.and_then(|issue| issue.closed_by))
}

/// A commit's checks, what the failed ones printed, and which of them fail on the base too.
async fn checks(github: &impl GitHub, plan: &Plan, sha: &Sha) -> Result<Fact, Error> {
    judged(github, plan, look::checks(github, sha).await?).await
}

/// The same of checks that were read already.
async fn judged(github: &impl GitHub, plan: &Plan, checks: Checks) -> Result<Fact, Error> {
    let checks = foreign(plan, checks);
    let mut tails = Vec::new();
    for run in checks.runs.iter().filter(|run| run.failed()).take(CHECK_TAILS_MAX) {
        let log = match run.job {
            Some(job) => match github.send(Request::JobLog { job }).await {
                Ok(Response::Log(log)) => log,
                Err(error @ Error::RateLimited { .. }) => return Err(error),
                Ok(_) | Err(_) => run.summary.clone(),
            },
            None => run.summary.clone(),
        };
        tails.push(format!("{}:\n{}", run.name, tail(&log, CHECK_TAIL_CHARACTERS)));
    }
    let red = checks.red_names();
    let mut base_red = Vec::new();
    if let Some(base) = plan.header.base.as_ref().filter(|_| !red.is_empty()) {
        base_red = foreign(plan, look::checks(github, &base.head).await?).red_names();
    }
    Ok(Fact::Checks { checks, tail: tails.join("\n\n"), base_red })
}

/// A commit's checks without the jobs of our own attempts: those stand on the base, where they were dispatched.
fn foreign(plan: &Plan, mut checks: Checks) -> Checks {
    let own: BTreeSet<RunId> =
        plan.tasks.values().flat_map(|task| &task.attempts).filter_map(|attempt| attempt.run).collect();
    checks.runs.retain(|check| check.run.is_none_or(|run| !own.contains(&run)));
    checks
}
