//! Sending effects, one call or a short compare-and-swap each.

use std::collections::BTreeMap;

use crate::engine::checklist;
use crate::engine::draft::Draft;
use crate::engine::effect::{Answer, Effect, Entry, History, Outcome, Receipt};
use crate::engine::id::{IssueNumber, Login, RECORD_BRANCH_PREFIX, Sha, pull_branch};
use crate::engine::plan::{Plan, PlanStatus};
use crate::engine::render::{self, TRACKING_LABEL};
use crate::engine::snapshot::{BodyEdit, OpenState};
use crate::engine::time::Timestamp;
use crate::git::{self, Git};
use crate::github::{Error, GitHub, Reaction, Request, Response};
use crate::perform::{Tree, failure, fence, look, update};

/// Sends one effect.
pub(super) async fn write<W: GitHub + Git>(
    world: &W,
    tree: &Tree,
    plan: &Plan,
    entry: &Entry,
    now: Timestamp,
) -> Outcome {
    let done = match &entry.effect {
        Effect::CreateTracking { .. } => create_tracking(world, plan, now).await,
        Effect::EditTracking { number } => edit_tracking(world, plan, *number, now).await,
        Effect::Comment { number, body } => {
            let body = format!("{body}\n\n{}", render::comment_marker(&entry.key.0));
            world.send(Request::CreateComment { number: *number, body }).await.map(|_| Receipt::Nothing)
        }
        Effect::WriteBrief { .. } | Effect::KeepPlan { .. } => {
            return crate::perform::briefs::write(world, tree, plan, &[entry], now).await;
        }
        Effect::Dispatch { key, brief } => dispatch(world, plan, &key.to_string(), brief).await,
        Effect::Fence { attempt, why } => fence::fence(world, *attempt, why, now)
            .await
            .map(|(tip, record)| Receipt::Record { tip, record: Box::new(record) }),
        Effect::MoveBranch { issue, expected: None, to } => {
            return create_branch(world, *issue, to, now).await;
        }
        Effect::MoveBranch { issue, expected: Some(expected), to } => {
            return move_branch(world, *issue, expected, to).await;
        }
        Effect::OpenPull { issue, title, body, base, draft } => {
            let commit = plan.task_of(*issue).and_then(|task| task.branch.as_ref());
            return open_pull(world, &pull_branch(*issue), [title, body, base], *draft, commit, now).await;
        }
        Effect::EditPull { pull, body } => {
            let request = Request::UpdatePullRequest { number: *pull, title: None, body: Some(body.clone()) };
            world.send(request).await.and_then(pull_receipt)
        }
        Effect::MergePull { pull, head } => {
            world.send(Request::MergePullRequest { number: *pull, head: head.clone() }).await.map(merged)
        }
        Effect::UpdatePull { issue, base } => update::update(world, plan, *issue, base).await,
        Effect::Pin { .. }
        | Effect::DeleteComment { .. }
        | Effect::React { .. }
        | Effect::CancelRun { .. }
        | Effect::Rerun { .. }
        | Effect::CloseIssue { .. }
        | Effect::Relate { .. }
        | Effect::DeleteBranch { .. } => match plain(&entry.effect) {
            Some(request) => world.send(request).await.map(|_| Receipt::Nothing),
            None => Ok(Receipt::Nothing),
        },
    };
    done.map_or_else(|error| failure::outcome(error, now), Outcome::Done)
}

/// Deletes branches, in one call where the server can.
pub(super) async fn delete(github: &impl GitHub, entries: &[&Entry], now: Timestamp) -> Vec<Outcome> {
    let requests = entries.iter().filter_map(|entry| plain(&entry.effect)).collect();
    let outcome = |answer: Result<Response, Error>| match answer {
        Ok(_) => Outcome::Done(Receipt::Nothing),
        Err(error) => failure::outcome(error, now),
    };
    github.send_together(requests).await.into_iter().map(outcome).collect()
}

/// Effects that are one request without an answer worth keeping.
fn plain(effect: &Effect) -> Option<Request> {
    match effect {
        Effect::Pin { node_id, pinned } => Some(Request::Pin { node_id: node_id.clone(), pinned: *pinned }),
        Effect::DeleteComment { comment } => Some(Request::DeleteComment { comment: *comment }),
        Effect::React { comment, answer } => Some(Request::React { comment: *comment, reaction: reaction(*answer) }),
        Effect::CancelRun { run } => Some(Request::CancelRun { run: *run, force: false }),
        Effect::Rerun { run } => Some(Request::RerunFailedJobs { run: *run }),
        Effect::CloseIssue { number } => {
            Some(Request::UpdateIssue { number: *number, title: None, body: None, state: Some(OpenState::Closed) })
        }
        Effect::Relate { issue, by, blocked } => Some(Request::Relate { number: *issue, by: *by, blocked: *blocked }),
        Effect::DeleteBranch { branch } => Some(Request::DeleteBranch { branch: branch.clone() }),
        Effect::CreateTracking { .. }
        | Effect::EditTracking { .. }
        | Effect::Comment { .. }
        | Effect::WriteBrief { .. }
        | Effect::KeepPlan { .. }
        | Effect::Dispatch { .. }
        | Effect::Fence { .. }
        | Effect::MoveBranch { .. }
        | Effect::OpenPull { .. }
        | Effect::EditPull { .. }
        | Effect::MergePull { .. }
        | Effect::UpdatePull { .. } => None,
    }
}

fn reaction(answer: Answer) -> Reaction {
    match answer {
        Answer::Seen => Reaction::Eyes,
        Answer::Done => Reaction::PlusOne,
        Answer::Refused => Reaction::MinusOne,
        Answer::Started => Reaction::Rocket,
    }
}

/// What a merge made; nothing where there was nothing to merge.
fn merged(response: Response) -> Receipt {
    let commit = if let Response::Merged(commit) = response { Some(commit) } else { None };
    Receipt::Merged { commit }
}

fn pull_receipt(response: Response) -> Result<Receipt, Error> {
    let Response::PullRequest(pull) = response else {
        return Err(Error::Unexpected { message: "no pull request in the answer".to_owned() });
    };
    Ok(Receipt::Pull(pull))
}

async fn create_tracking(github: &impl GitHub, plan: &Plan, now: Timestamp) -> Result<Receipt, Error> {
    let draft = Draft::view(plan, now);
    let body = checklist::splice("", &render::tracking(&draft, checklist::room("")));
    let request =
        Request::CreateIssue { title: render::tracking_title(&draft), body, labels: vec![TRACKING_LABEL.to_owned()] };
    let Response::Issue(issue) = github.send(request).await? else {
        return Err(Error::Unexpected { message: "no issue in the answer".to_owned() });
    };
    Ok(Receipt::Issue(issue))
}

/// Rewrites our part of the tracking issue. The body is read first: what people wrote around it stays, and a part
/// that changed since we last saw it holds ticks that must be read before it is overwritten. GitHub has no way to write
/// only over what was read: the answer tells the history of edits, or the engine asks for it afterwards, and hears who
/// ticked in between. The body is read in the list that the heartbeat reads, which is free where it did not change.
async fn edit_tracking(
    github: &impl GitHub,
    plan: &Plan,
    number: IssueNumber,
    now: Timestamp,
) -> Result<Receipt, Error> {
    // A tracking issue that is not this plan's any more keeps its last words.
    let Some(known) = plan.header.tracking.as_ref().filter(|tracking| tracking.number == number) else {
        return Ok(Receipt::Nothing);
    };
    let listed = look::labelled(github, TRACKING_LABEL).await?.into_iter().find(|issue| issue.number == number);
    let issue = match listed {
        Some(issue) => issue,
        None => *look::some_issue(github, number).await?,
    };
    let standing = checklist::digest(&issue.body);
    let ticks = checklist::ticks(&issue.body);
    // What is ticked on a plan that has ended stands for nothing any more.
    let ended = plan.header.status == PlanStatus::Ended;
    if standing != known.digest && !ticks.is_empty() && !ended {
        return Ok(Receipt::TrackingTouched);
    }
    let own = render::tracking(&Draft::view(plan, now), checklist::room(&issue.body));
    let body = checklist::splice(&issue.body, &own);
    let digest = checklist::digest(&body);
    let node_id = known.node_id.clone();
    let history =
        if digest == standing { None } else { rewrite(github, &plan.header.bot, number, node_id, body).await? };
    Ok(Receipt::TrackingWritten { number, digest, history })
}

/// Writes a body anew. The history that the answer tells counts only where it reaches up to this writing.
async fn rewrite(
    github: &impl GitHub,
    bot: &Login,
    number: IssueNumber,
    node_id: String,
    body: String,
) -> Result<Option<History>, Error> {
    let digest = checklist::digest(&body);
    match github.send(Request::RewriteIssue { number, node_id, body: body.clone() }).await {
        Ok(Response::Rewritten { updated_at, edits }) => {
            let ours = |edit: &BodyEdit| {
                checklist::is_by(edit, bot) && edit.body.as_ref().is_some_and(|body| checklist::digest(body) == digest)
            };
            let is_whole = edits.last().is_some_and(ours);
            Ok(is_whole.then_some(History { updated_at, edits }))
        }
        Ok(_) => Ok(None),
        // A server that does not know the mutation did nothing: it is asked in the call that all know.
        Err(Error::Invalid { .. }) => {
            let request = Request::UpdateIssue { number, title: None, body: Some(body), state: None };
            github.send(request).await.map(|_| None)
        }
        Err(error) => Err(error),
    }
}

async fn dispatch(github: &impl GitHub, plan: &Plan, key: &str, brief: &Sha) -> Result<Receipt, Error> {
    let branch = plan.header.base.as_ref().map(|base| base.branch.clone()).unwrap_or_default();
    let inputs = BTreeMap::from([("key".to_owned(), key.to_owned()), ("brief".to_owned(), brief.to_string())]);
    let workflow = plan.header.settings.workflow.clone();
    match github.send(Request::DispatchWorkflow { workflow, branch, inputs }).await {
        Ok(Response::Dispatched(run)) => Ok(Receipt::Dispatched { run }),
        Ok(_) => Ok(Receipt::Dispatched { run: None }),
        // A state that does not allow it will not mend by itself: a refusal, shown by name.
        Err(Error::Conflict { message }) => Err(Error::Invalid { message }),
        Err(error) => Err(error),
    }
}

/// Makes the pull request's branch where there is none: by a push with an empty lease, which takes none of the API's
/// requests, and where git has no answer by the API, which compares just so. What stands there already may be left from
/// an earlier life of the issue.
async fn create_branch<W: GitHub + Git>(world: &W, issue: IssueNumber, to: &Sha, now: Timestamp) -> Outcome {
    let branch = pull_branch(issue);
    match world.move_branch(&branch, None, to).await {
        Err(git::Error::Moved { .. }) => over_left_behind(world, issue, to).await,
        Err(git::Error::Failed { message }) => {
            tracing::info!(branch, message, "git has no answer; the branch is made through the API");
            match world.send(Request::CreateBranch { branch, sha: to.clone() }).await {
                Ok(_) => Outcome::Done(Receipt::Nothing),
                Err(Error::Conflict { .. }) => over_left_behind(world, issue, to).await,
                Err(error) => failure::outcome(error, now),
            }
        }
        moved => pushed(moved, to),
    }
}

/// The branch is there already: it shows the work, or what an earlier attempt left behind, or it is somebody's.
async fn over_left_behind<W: GitHub + Git>(world: &W, issue: IssueNumber, to: &Sha) -> Outcome {
    let branch = pull_branch(issue);
    match left_behind(world, issue, &branch).await {
        Ok(Some((found, _))) if found == *to => Outcome::Done(Receipt::Nothing),
        Ok(Some((found, true))) => move_branch(world, issue, &found, to).await,
        Ok(Some((found, false))) => {
            let message = format!("the branch `{branch}` is there already, at {}; delete it", found.short());
            Outcome::Conflict { message }
        }
        Ok(None) => Outcome::Lost { message: format!("the branch `{branch}` was there, and is gone") },
        Err(error) => failure::unseen(error),
    }
}

/// Where a branch stands that an earlier life of the issue left behind, and whether it shows nothing but the work of
/// one of our own attempts.
async fn left_behind(github: &impl GitHub, issue: IssueNumber, branch: &str) -> Result<Option<(Sha, bool)>, Error> {
    let Some(found) = look::branch(github, branch).await? else { return Ok(None) };
    for record in look::branches(github, &format!("{RECORD_BRANCH_PREFIX}{issue}.")).await? {
        let result = look::record_at(github, &record.sha).await?.result;
        if result.is_some_and(|result| result.commit.as_ref() == Some(&found)) {
            return Ok(Some((found, true)));
        }
    }
    Ok(Some((found, false)))
}

/// Moves it on: the API can only move forward, and the work of a later attempt need not stand on the earlier one's.
async fn move_branch(git: &impl Git, issue: IssueNumber, expected: &Sha, to: &Sha) -> Outcome {
    pushed(git.move_branch(&pull_branch(issue), Some(expected), to).await, to)
}

/// What a push came to.
fn pushed(moved: Result<(), git::Error>, to: &Sha) -> Outcome {
    match moved {
        Ok(()) => Outcome::Done(Receipt::Nothing),
        Err(git::Error::Moved { found }) if found.as_ref() == Some(to) => Outcome::Done(Receipt::Nothing),
        Err(error @ git::Error::Moved { .. }) => Outcome::Conflict { message: error.to_string() },
        Err(error @ (git::Error::Refused { .. } | git::Error::Missing { .. })) => {
            Outcome::Refused { message: error.to_string() }
        }
        Err(error @ git::Error::Failed { .. }) => Outcome::Lost { message: error.to_string() },
    }
}

/// Opens a pull request, or finds the one that stands in its way: it may be ours, whose answer was lost.
async fn open_pull(
    github: &impl GitHub,
    head: &str,
    texts: [&String; 3],
    draft: bool,
    commit: Option<&Sha>,
    now: Timestamp,
) -> Outcome {
    let [title, body, base] = texts;
    let request = Request::CreatePullRequest {
        title: title.clone(),
        body: body.clone(),
        head: head.to_owned(),
        base: base.clone(),
        draft,
    };
    match github.send(request).await {
        Ok(response) => pull_receipt(response).map_or_else(|error| failure::outcome(error, now), Outcome::Done),
        Err(Error::Conflict { message }) => match look::opened_pull(github, head, commit, body).await {
            Ok(Some(pull)) => Outcome::Done(Receipt::Pull(Box::new(pull))),
            Ok(None) => Outcome::Refused { message },
            Err(error) => failure::unseen(error),
        },
        Err(error) => failure::outcome(error, now),
    }
}
