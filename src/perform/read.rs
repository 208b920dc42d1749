//! Carrying out reads.

use std::collections::BTreeSet;

use futures_util::future::join_all;

use crate::engine::config::{self, CONFIGURATION_PATH};
use crate::engine::event::{Event, Fact, Read};
use crate::engine::graph::Outside;
use crate::engine::id::{IssueNumber, PullNumber, RunId, Sha};
use crate::engine::plan::Plan;
use crate::engine::render::{TRACKING_LABEL, tracking_marker};
use crate::engine::report::tail;
use crate::engine::snapshot::{Actor, BodyEdit, Checks, Issue, OpenState, Permission, PullRequest};
use crate::engine::time::Timestamp;
use crate::git::Git;
use crate::github::{Error, GitHub, PullAndChecks, Request, Response};
use crate::perform::attempts::{self, Runs, Seen};
use crate::perform::question::Answers;
use crate::perform::{Configuration, Deployment, footprints, kept, look, merges, planned};

/// Characters kept of one failed check's output.
const CHECK_TAIL_CHARACTERS: usize = 2_000;
/// Most failed checks whose output is fetched.
const CHECK_TAILS_MAX: usize = 3;

/// How far a read is before anything is asked in answers.
pub(super) enum Begun {
    /// Nothing more is to be asked.
    Told(Vec<Fact>),
    /// The head of the base, a branch of this name, is to be asked.
    Base(String),
    /// Attempts' records are to be asked.
    Records(Runs),
    /// Pull requests with their checks are to be asked.
    Pulls(Vec<PullNumber>),
}

/// Carries reads out: side by side, and what several of them ask of branches and pull requests in one question.
pub(super) async fn read<G: GitHub, M: Git, S>(
    deployment: &Deployment<G, M, S>,
    plan: &Plan,
    reads: &[Read],
    now: Timestamp,
) -> Vec<Vec<Event>> {
    let begun = join_all(reads.iter().map(|read| begin(deployment, plan, read, now))).await;
    let answers = Answers::ask(&deployment.github, begun.iter().flatten()).await;
    let finish = async |(read, begun): (&Read, Result<Begun, Error>)| {
        let facts = match begun {
            Ok(begun) => finish(deployment, plan, (read, begun), &answers).await,
            Err(error) => Err(error),
        };
        told(read, facts)
    };
    join_all(reads.iter().zip(begun).map(finish)).await
}

/// What a read came to.
fn told(read: &Read, facts: Result<Vec<Fact>, Error>) -> Vec<Event> {
    match facts {
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

/// The first part of a read; of most there is no other.
async fn begin<G: GitHub, M: Git, S>(
    deployment: &Deployment<G, M, S>,
    plan: &Plan,
    read: &Read,
    now: Timestamp,
) -> Result<Begun, Error> {
    let github = &deployment.github;
    let fact = match read {
        Read::PullsAndChecks(numbers) => return Ok(Begun::Pulls(numbers.clone())),
        Read::Repository => {
            let branch = base_name(deployment, now).await?;
            match plan.header.base.as_ref().filter(|base| base.told && base.branch == branch) {
                // Where it stands our own merge was answered; what stands there is read now, and where again later.
                Some(base) => repository(deployment, plan, branch, base.head.clone()).await?,
                None => return Ok(Begun::Base(branch)),
            }
        }
        Read::Attempts { watched, since } => match attempts::seen(github, plan, watched, *since, now).await? {
            Seen::All(seen) => Fact::Attempts(seen),
            Seen::Runs(runs) => return Ok(Begun::Records(runs)),
        },
        Read::Kept { since } => kept::found(deployment, plan, *since).await?,
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
        Read::BlockedBy(number) => {
            let mut related = look::blocked_by(github, *number).await?;
            let below = look::sub_issues(github, *number).await?;
            let new = below.into_iter().filter(|child| !related.contains(child)).collect::<Vec<_>>();
            related.extend(new);
            Fact::BlockedBy(*number, related)
        }
        Read::Footprints(numbers) => return Ok(Begun::Told(footprints::found(deployment, plan, numbers).await)),
        Read::PlannedFiles(asked) => planned::files(deployment, asked).await?,
        Read::Labelled(number) => labelled(github, plan, *number).await?,
        Read::Permission(login) => match github.send(Request::Permission { login: login.clone() }).await {
            Ok(Response::Permission(permission)) => Fact::Permission(login.clone(), permission),
            Ok(_) | Err(Error::Missing { .. }) => Fact::Permission(login.clone(), Permission::None),
            Err(error) => return Err(error),
        },
        Read::Comments(since) => Fact::Comments(look::comments_since(github, *since).await?),
        Read::Tracking(number) => tracking(deployment, plan, *number, now).await?,
        Read::Pulls(numbers) => pulls(github, numbers).await?,
        Read::Pull(number) => pulls(github, &[*number]).await?,
        Read::Checks(sha) => checks(github, plan, sha).await?,
        Read::DryRuns(pairs) => merges::tried(&deployment.git, pairs).await?,
    };
    Ok(Begun::Told(vec![fact]))
}

/// The rest of a read, with what was asked in answers.
async fn finish<G: GitHub, M, S>(
    deployment: &Deployment<G, M, S>,
    plan: &Plan,
    (read, begun): (&Read, Begun),
    answers: &Answers,
) -> Result<Vec<Fact>, Error> {
    let github = &deployment.github;
    Ok(match begun {
        Begun::Told(facts) => facts,
        Begun::Base(branch) => {
            let head = answers.branch(github, &branch).await;
            if matches!(head, Err(Error::Missing { .. })) {
                deployment.tree.forget_name();
            }
            let head = head?;
            vec![repository(deployment, plan, branch, head).await?]
        }
        Begun::Records(runs) => {
            let Read::Attempts { watched, .. } = read else { return Ok(Vec::new()) };
            let records = answers.records(github, &runs.asked).await?;
            vec![Fact::Attempts(attempts::with_records(watched, runs, records))]
        }
        Begun::Pulls(numbers) => pulls_and_checks(github, plan, &numbers, answers).await?,
    })
}

/// The default branch's name.
async fn base_name<G: GitHub, M, S>(deployment: &Deployment<G, M, S>, now: Timestamp) -> Result<String, Error> {
    if let Some(branch) = deployment.tree.named(now) {
        return Ok(branch);
    }
    let branch = look::repository(&deployment.github).await?.default_branch;
    deployment.tree.name(&branch, now);
    Ok(branch)
}

/// The base's head; configuration and workflow only where the head moved. Both are read by the branch's name: asked
/// again after most merges GitHub can say that they are as they were. Where the branch moves in between, the head read
/// next differs, and so they are read again.
async fn repository<G: GitHub, M, S>(
    deployment: &Deployment<G, M, S>,
    plan: &Plan,
    branch: String,
    head: Sha,
) -> Result<Fact, Error> {
    let github = &deployment.github;
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

/// Who put the label on last, and who edited the body last.
async fn labelled(github: &impl GitHub, plan: &Plan, issue: IssueNumber) -> Result<Fact, Error> {
    let label = &plan.header.settings.label;
    let events = look::label_events(github, issue).await?;
    let last = events.iter().rev().find(|event| event.label.eq_ignore_ascii_case(label)).filter(|event| event.added);
    let by = last.map(|event| (event.actor.clone(), event.at));
    // Of several within one second nobody knows the order: somebody else's may be the text that stands.
    let is_others = |edit: &BodyEdit| {
        let editor = edit.editor.as_ref();
        !by.as_ref().is_some_and(|(labeller, _)| editor.is_some_and(|editor| editor.login.same(&labeller.login)))
    };
    let edits = look::body_edits(github, issue).await?;
    let edited = edits.into_iter().max_by_key(|edit| (edit.at, is_others(edit)));
    Ok(Fact::Labelled { issue, by, edited })
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

async fn pulls(github: &impl GitHub, numbers: &[PullNumber]) -> Result<Fact, Error> {
    let found = look::together(numbers.iter().map(|number| pull_and_closer(github, *number)).collect()).await?;
    Ok(Fact::Pulls(found.into_iter().flatten().collect()))
}

/// Pull requests and what the checks of open ones say, the pull requests first. Where the server does not answer such a
/// question (an older Enterprise server, an App without one of the rights), they are read singly, and so are checks
/// that are not told whole.
async fn pulls_and_checks(
    github: &impl GitHub,
    plan: &Plan,
    numbers: &[PullNumber],
    answers: &Answers,
) -> Result<Vec<Fact>, Error> {
    let found = match answers.pulls(numbers) {
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
