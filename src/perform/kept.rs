//! Reading what GitHub shows of a plan whose database is lost.

use std::collections::BTreeMap;

use crate::engine::event::Fact;
use crate::engine::id::{
    AttemptId, AttemptKey, PullNumber, RECORD_BRANCH_PREFIX, RunId, STATE_BRANCH, Sha, TaskId, pull_branch,
};
use crate::engine::kept::{self, Found, Kept, PLAN_FILE};
use crate::engine::plan::Plan;
use crate::engine::record::Record;
use crate::engine::render::{TRACKING_LABEL, marked_plan};
use crate::engine::snapshot::{Actor, Issue, Progress, PullRequest};
use crate::engine::task::Task;
use crate::engine::time::Timestamp;
use crate::github::{Error, GitHub};
use crate::perform::read::pull_and_closer;
use crate::perform::{Deployment, look};

/// Reads it. What stands on the state branch and cannot be read fails the whole read: nothing is done until a person
/// has mended it, or taken a newer program.
pub(super) async fn found<G: GitHub, M, S>(
    deployment: &Deployment<G, M, S>,
    plan: &Plan,
    since: Timestamp,
) -> Result<Fact, Error> {
    let github = &deployment.github;
    let tip = look::branch(github, STATE_BRANCH).await?;
    let rows = match &tip {
        Some(tip) => rows(github, tip).await?,
        None => None,
    };
    let workflow = rows.as_ref().map_or(&plan.header.settings.workflow, |(kept, _)| &kept.header.settings.workflow);
    let attempts = attempts(github, workflow, since).await?;
    let ours = |issue: &Issue| issue.author.login.same(&deployment.bot) && marked_plan(&issue.body).is_some();
    let tracking = look::labelled(github, TRACKING_LABEL).await?.into_iter().filter(ours).collect();
    let tasks = rows.as_ref().map_or(&[][..], |(_, tasks)| tasks.as_slice());
    let records = records(github, tasks).await?;
    let pulls = pulls(deployment, tasks).await?;
    Ok(Fact::Kept(Box::new(Found { tip, plan: rows, tracking, attempts, records, pulls })))
}

/// Records of attempts that were under way.
async fn records(github: &impl GitHub, tasks: &[Task]) -> Result<Vec<(AttemptId, Sha, Record)>, Error> {
    let live: Vec<AttemptId> = tasks.iter().filter_map(|task| Some(task.live()?.id)).collect();
    let found = look::records(github, &live).await?;
    let found = live.into_iter().zip(found);
    Ok(found.filter_map(|(id, record)| record.map(|(tip, record)| (id, tip, record))).collect())
}

/// The newest pull request of ours on the branch of each task that was under way and had none open.
async fn pulls<G: GitHub, M, S>(
    deployment: &Deployment<G, M, S>,
    tasks: &[Task],
) -> Result<Vec<(PullRequest, Option<Actor>)>, Error> {
    let github = &deployment.github;
    let under_way = |task: &&Task| !task.attempts.is_empty() && task.verdict.is_none() && !task.has_open_pull();
    let heads: Vec<String> = tasks.iter().filter(under_way).map(|task| pull_branch(task.issue())).collect();
    let listed = look::together(heads.iter().map(|head| look::pulls_of(github, head)).collect()).await?;
    let ours = |pull: &PullRequest| pull.author.login.same(&deployment.bot);
    let newest = |pulls: Vec<PullRequest>| pulls.into_iter().filter(ours).map(|pull| pull.number).max();
    let numbers: Vec<PullNumber> = listed.into_iter().filter_map(newest).collect();
    let found = look::together(numbers.iter().map(|number| pull_and_closer(github, *number)).collect()).await?;
    Ok(found.into_iter().flatten().collect())
}

/// The plan at a commit of the state branch; nothing where none was ever kept there.
async fn rows(github: &impl GitHub, tip: &Sha) -> Result<Option<(Kept, Vec<Task>)>, Error> {
    let Some(bytes) = look::existing(github, look::some_file(github, tip.as_str(), PLAN_FILE).await).await? else {
        return Ok(None);
    };
    let kept = Kept::parse(&bytes).map_err(unreadable)?;
    let tasks = look::together(kept.tasks.iter().map(|id| task(github, tip, *id, kept.schema)).collect()).await?;
    Ok(Some((kept, tasks)))
}

async fn task(github: &impl GitHub, tip: &Sha, id: TaskId, schema: u32) -> Result<Task, Error> {
    let path = kept::task_path(id);
    match look::some_file(github, tip.as_str(), &path).await {
        Ok(bytes) => kept::parse_task(id, schema, &bytes).map_err(unreadable),
        Err(Error::Missing { .. }) => Err(unreadable(format!("{path} is missing"))),
        Err(error) => Err(error),
    }
}

fn unreadable(message: String) -> Error {
    tracing::error!(branch = STATE_BRANCH, message, "the plan kept on GitHub cannot be taken up; nothing is done");
    Error::Unexpected { message }
}

/// Attempts that have a record, or a run; the run only where it has not ended.
async fn attempts(
    github: &impl GitHub,
    workflow: &str,
    since: Timestamp,
) -> Result<BTreeMap<AttemptId, Option<RunId>>, Error> {
    let records = look::branches(github, RECORD_BRANCH_PREFIX).await?;
    let records = records.iter().filter_map(|found| AttemptId::parse(found.branch.strip_prefix(RECORD_BRANCH_PREFIX)?));
    let mut attempts: BTreeMap<AttemptId, Option<RunId>> = records.map(|id| (id, None)).collect();
    for run in look::existing(github, look::runs(github, workflow, since).await).await?.unwrap_or_default() {
        for key in run.title.split_whitespace().filter_map(AttemptKey::parse) {
            let open = (run.progress != Progress::Completed).then_some(run.id);
            let known = attempts.entry(key.id).or_default();
            *known = known.or(open);
        }
    }
    Ok(attempts)
}
