//! Which files issues touch: what their texts say, looked up in the base's files, and for those that declare none a
//! ranking of these files. Whatever cannot be read is told in the log, and the texts alone speak.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::engine::event::{Fact, FootprintSeen};
use crate::engine::id::{IssueNumber, Sha};
use crate::engine::plan::Plan;
use crate::engine::task::Task;
use crate::git::{self, Git};
use crate::infer::{self, Index, Ranking};
use crate::perform::Deployment;
use crate::survey::Text;

/// The footprints of some issues at the base's head.
pub(super) async fn found<G, M: Git, S>(
    deployment: &Deployment<G, M, S>,
    plan: &Plan,
    numbers: &[IssueNumber],
) -> Vec<Fact> {
    let tasks: Vec<&Task> = numbers.iter().filter_map(|number| plan.task_of(*number)).collect();
    let head = plan.header.base.as_ref().map(|base| &base.head);
    let (index, (mut rankings, hotspots)) = match head {
        Some(head) => (index(deployment, head).await, rankings(deployment, head, &tasks).await),
        None => (None, (BTreeMap::new(), None)),
    };
    let footprint = |task: &&Task| {
        let ranking = rankings.remove(&task.issue());
        let footprint = infer::footprint(&task.facts, index.as_deref(), ranking.as_ref());
        FootprintSeen { issue: task.issue(), digest: task.digest.clone(), footprint }
    };
    let footprints = Fact::Footprints(tasks.iter().map(footprint).collect());
    hotspots.map(Fact::Hotspots).into_iter().chain([footprints]).collect()
}

/// The file list of a commit: the one kept, or one that is read.
pub(super) async fn listed<G, M: Git, S>(
    deployment: &Deployment<G, M, S>,
    commit: &Sha,
) -> Result<Arc<Index>, git::Error> {
    match deployment.tree.at(commit) {
        Some(index) => Ok(index),
        None => Ok(Arc::new(Index::new(deployment.git.paths(commit).await?))),
    }
}

/// The base's file list, kept. There is none in an empty repository, and where git is out of reach.
async fn index<G, M: Git, S>(deployment: &Deployment<G, M, S>, head: &Sha) -> Option<Arc<Index>> {
    match listed(deployment, head).await {
        Ok(index) => {
            deployment.tree.keep(head.clone(), index.clone());
            Some(index)
        }
        Err(error) => {
            tracing::warn!(%error, "the base's file list could not be read; the issues' text alone speaks");
            None
        }
    }
}

/// What the texts of those that declare no files are likely about, and which files everybody touches.
async fn rankings<G, M: Git, S>(
    deployment: &Deployment<G, M, S>,
    head: &Sha,
    tasks: &[&Task],
) -> (BTreeMap<IssueNumber, Ranking>, Option<Vec<String>>) {
    let wanted: Vec<&Task> = tasks.iter().filter(|task| infer::wants_ranking(&task.facts)).copied().collect();
    if wanted.is_empty() {
        return (BTreeMap::new(), None);
    }
    let files = match deployment.git.files(head).await {
        Ok(files) => files,
        Err(error) => {
            tracing::warn!(%error, "the base's files could not be read; issues that name no files are not ranked");
            return (BTreeMap::new(), None);
        }
    };
    let texts = wanted.iter().map(|task| Text { title: task.title.clone(), body: task.body.clone() }).collect();
    let (known, found) = deployment.tree.take_known().rank(files, head.as_str(), texts).await;
    deployment.tree.keep_known(known);
    match found {
        Ok(found) => {
            found.notes.iter().for_each(|note| tracing::info!(note, "a note on the ranking of files"));
            (wanted.iter().map(|task| task.issue()).zip(found.rankings).collect(), found.hotspots)
        }
        Err(error) => {
            tracing::warn!(%error, "the base's files could not be read; issues that name no files are not ranked");
            (BTreeMap::new(), None)
        }
    }
}
