//! What the reads of one step ask in common: where branches stand, records among them, and pull requests with their
//! checks, all in one question. A lone look at the base asks so that GitHub can say that nothing has changed.

use std::collections::BTreeMap;

use crate::engine::id::{AttemptId, PullNumber, Sha};
use crate::engine::record::{RECORD_FILE, Record};
use crate::github::{Error, GitHub, PullAndChecks, Request, Response, Tip};
use crate::perform::look;
use crate::perform::read::Begun;

/// The answers; nothing: it was not asked.
#[derive(Default)]
pub(super) struct Answers {
    tips: Option<Result<BTreeMap<String, Option<Tip>>, Error>>,
    pulls: Option<Result<Vec<PullAndChecks>, Error>>,
}

impl Answers {
    /// Asks what these reads want.
    pub(super) async fn ask(github: &impl GitHub, begun: impl Iterator<Item = &Begun>) -> Self {
        let (mut bases, mut branches, mut numbers) = (Vec::new(), Vec::new(), Vec::new());
        for begun in begun {
            match begun {
                Begun::Told(_) => {}
                Begun::Base(branch) => bases.push(branch.clone()),
                Begun::Records(runs) => branches.extend(runs.asked.iter().map(|id| id.record_branch())),
                Begun::Pulls(wanted) => numbers.extend(wanted.iter().copied()),
            }
        }
        if !branches.is_empty() || !numbers.is_empty() {
            branches.extend(bases);
        }
        numbers.sort();
        numbers.dedup();
        let (asks_tips, asks_pulls) = (!branches.is_empty(), !numbers.is_empty());
        let tips = Request::Tips { branches: branches.clone(), path: RECORD_FILE.to_owned() };
        let pulls = Request::PullsAndChecks { numbers };
        let wanted = [(asks_tips, tips), (asks_pulls, pulls)];
        let requests = wanted.into_iter().filter_map(|(asks, request)| asks.then_some(request)).collect();
        let mut answers = if asks_tips || asks_pulls { github.send_together(requests).await } else { Vec::new() };
        let pulls = asks_pulls.then(|| answers.pop()).flatten().map(pulls_of);
        let tips = asks_tips.then(|| answers.pop()).flatten().map(|answer| tips_of(answer, branches));
        Self { tips, pulls }
    }

    /// Where a branch stands that is there.
    pub(super) async fn branch(&self, github: &impl GitHub, branch: &str) -> Result<Sha, Error> {
        match &self.tips {
            Some(Ok(tips)) => {
                let tip = tips.get(branch).and_then(Option::as_ref);
                tip.map(|tip| tip.sha.clone()).ok_or_else(|| Error::Missing { what: format!("branch `{branch}`") })
            }
            Some(Err(error)) if !is_unknown(error) => Err(error.clone()),
            Some(Err(_)) | None => Ok(look::some_branch(github, branch).await?.sha),
        }
    }

    /// Attempts' records and their tips, in the order asked.
    pub(super) async fn records(
        &self,
        github: &impl GitHub,
        attempts: &[AttemptId],
    ) -> Result<Vec<Option<(Sha, Record)>>, Error> {
        match &self.tips {
            Some(Ok(tips)) => {
                let tip = |id: &AttemptId| tips.get(&id.record_branch()).cloned().flatten();
                look::records_at(github, attempts.iter().map(tip).collect()).await
            }
            Some(Err(error)) if !is_unknown(error) => Err(error.clone()),
            Some(Err(_)) | None => look::records_singly(github, attempts).await,
        }
    }

    /// Those of these pull requests that are there, with their checks.
    pub(super) fn pulls(&self, numbers: &[PullNumber]) -> Result<Vec<PullAndChecks>, Error> {
        match &self.pulls {
            Some(Ok(pulls)) => Ok(pulls.iter().filter(|found| numbers.contains(&found.pull.number)).cloned().collect()),
            Some(Err(error)) => Err(error.clone()),
            None => Ok(Vec::new()),
        }
    }
}

/// Whether the server does not know the question: it is asked in those that all know.
fn is_unknown(error: &Error) -> bool {
    matches!(error, Error::Invalid { .. })
}

fn tips_of(answer: Result<Response, Error>, branches: Vec<String>) -> Result<BTreeMap<String, Option<Tip>>, Error> {
    let answer = answer?;
    let Response::Tips(tips) = answer else { return Err(look::other(&answer)) };
    if tips.len() != branches.len() {
        return Err(Error::Unexpected { message: "not as many branches as were asked for".to_owned() });
    }
    Ok(branches.into_iter().zip(tips).collect())
}

fn pulls_of(answer: Result<Response, Error>) -> Result<Vec<PullAndChecks>, Error> {
    let answer = answer?;
    if let Response::PullsAndChecks(pulls) = answer { Ok(pulls) } else { Err(look::other(&answer)) }
}
