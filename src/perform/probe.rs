//! Has it already happened? Asked of every effect whose answer was lost. What is safe to repeat answers *not seen*
//! and is sent again; what could come to stand twice is looked for.

use crate::engine::effect::{Effect, Entry, Outcome, Receipt};
use crate::engine::id::{AttemptKey, IssueNumber, pull_branch};
use crate::engine::plan::Plan;
use crate::engine::render::{TRACKING_LABEL, comment_marker, tracking_marker};
use crate::engine::time::Timestamp;
use crate::github::{Error, GitHub};
use crate::perform::{Deployment, failure, look};

/// Looks for an effect.
pub(super) async fn probe<G: GitHub, M, S>(
    deployment: &Deployment<G, M, S>,
    plan: &Plan,
    entry: &Entry,
    now: Timestamp,
) -> Outcome {
    let github = &deployment.github;
    let seen = match &entry.effect {
        Effect::CreateTracking { plan: number } => tracking(deployment, *number).await,
        Effect::Comment { number, .. } => comment(deployment, *number, &comment_marker(&entry.key.0)).await,
        Effect::Dispatch { key, .. } => dispatch(github, plan, key, now).await,
        Effect::OpenPull { issue, body, .. } => {
            let commit = plan.task_of(*issue).and_then(|task| task.branch.as_ref());
            let found = look::opened_pull(github, &pull_branch(*issue), commit, body).await;
            found.map(|pull| pull.map(|pull| Receipt::Pull(Box::new(pull))))
        }
        Effect::EditTracking { .. }
        | Effect::Pin { .. }
        | Effect::DeleteComment { .. }
        | Effect::React { .. }
        | Effect::WriteBrief { .. }
        | Effect::KeepPlan { .. }
        | Effect::Fence { .. }
        | Effect::CancelRun { .. }
        | Effect::MoveBranch { .. }
        | Effect::EditPull { .. }
        | Effect::MergePull { .. }
        | Effect::UpdatePull { .. }
        | Effect::Rerun { .. }
        | Effect::CloseIssue { .. }
        | Effect::Relate { .. }
        | Effect::DeleteBranch { .. } => Ok(None),
    };
    match seen {
        Ok(Some(receipt)) => Outcome::Done(receipt),
        Ok(None) => Outcome::NotSeen,
        Err(error) => failure::unseen(error),
    }
}

/// The tracking issue: by label, marker and author; of several the first.
async fn tracking<G: GitHub, M, S>(deployment: &Deployment<G, M, S>, plan: u32) -> Result<Option<Receipt>, Error> {
    let marker = tracking_marker(plan);
    let issues = look::labelled(&deployment.github, TRACKING_LABEL).await?;
    let ours =
        issues.into_iter().filter(|issue| issue.author.login.same(&deployment.bot) && issue.body.contains(&marker));
    Ok(ours.min_by_key(|issue| issue.number).map(|issue| Receipt::Issue(Box::new(issue))))
}

/// A comment of ours with this marker.
async fn comment<G: GitHub, M, S>(
    deployment: &Deployment<G, M, S>,
    number: IssueNumber,
    marker: &str,
) -> Result<Option<Receipt>, Error> {
    let comments = look::comments(&deployment.github, number).await?;
    let found =
        comments.iter().any(|comment| comment.author.login.same(&deployment.bot) && comment.body.contains(marker));
    Ok(found.then_some(Receipt::Nothing))
}

/// A dispatch: by the attempt's record, else by a run that carries its key.
async fn dispatch(
    github: &impl GitHub,
    plan: &Plan,
    key: &AttemptKey,
    now: Timestamp,
) -> Result<Option<Receipt>, Error> {
    if let Some((tip, record)) = look::record(github, key.id).await? {
        return Ok(Some(Receipt::Record { tip, record: Box::new(record) }));
    }
    let planned = plan.task_of(key.id.issue).and_then(|task| task.live()).map_or(now, |attempt| attempt.planned_at);
    let since = planned - std::time::Duration::from_secs(60);
    let runs = look::runs(github, &plan.header.settings.workflow, since).await?;
    let name = key.to_string();
    let ours = runs.into_iter().filter(|run| run.title.split_whitespace().any(|word| word == name));
    Ok(ours.min_by_key(|run| run.id).map(|run| Receipt::Dispatched { run: Some(run.id) }))
}
