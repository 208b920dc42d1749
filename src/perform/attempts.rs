//! Looking at attempts: runs first, then records, so that a run seen completed has its last word in the record read
//! after it.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::engine::event::{AttemptSeen, Watched};
use crate::engine::id::{AttemptId, AttemptKey, RECORD_BRANCH_PREFIX, RunId, Sha};
use crate::engine::plan::Plan;
use crate::engine::record::Record;
use crate::engine::snapshot::{Progress, Run};
use crate::engine::time::Timestamp;
use crate::github::{Error, GitHub};
use crate::perform::look;

/// A young run claims its attempt within so long, mostly.
const CLAIMED_WITHIN: Duration = Duration::from_secs(5 * 60);

/// What was seen before any record of several was read.
pub(super) enum Seen {
    /// Everything that was asked for.
    All(Vec<AttemptSeen>),
    /// The runs.
    Runs(Runs),
}

/// Attempts' runs, in the order watched, and whose records are to be read.
pub(super) struct Runs {
    runs: Vec<Option<Run>>,
    /// The attempts whose records may have moved.
    pub(super) asked: Vec<AttemptId>,
}

/// The runs of attempts, and which records are to be read after them; of a single one that was heard of, all there is.
pub(super) async fn seen(
    github: &impl GitHub,
    plan: &Plan,
    watched: &[Watched],
    since: Timestamp,
    now: Timestamp,
) -> Result<Seen, Error> {
    if let [attempt @ Watched { run: Some(run), closely: true, .. }] = watched {
        return Ok(Seen::All(vec![one_closely(github, attempt, *run).await?]));
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
    Ok(Seen::Runs(Runs { runs, asked }))
}

/// What the runs and their records say together.
pub(super) fn with_records(
    watched: &[Watched],
    Runs { runs, asked }: Runs,
    found: Vec<Option<(Sha, Record)>>,
) -> Vec<AttemptSeen> {
    let mut records: BTreeMap<AttemptId, (Sha, Record)> =
        asked.into_iter().zip(found).filter_map(|(id, record)| Some((id, record?))).collect();
    let seen = |(attempt, run): (&Watched, Option<Run>)| {
        let record = records.remove(&attempt.id).filter(|(tip, _)| attempt.record.as_ref() != Some(tip));
        AttemptSeen { id: attempt.id, record, run }
    };
    watched.iter().zip(runs).map(seen).collect()
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
