//! Dry-run merges of finished work: what is asked, what came of it, and who goes first where two do not merge.
//!
//! Promises: the answer for a pair of commits never changes, so that it is asked for once and kept with the task until
//! one of the two moves. Who goes first is one order over all finished, unmerged work at any moment, so that nobody
//! waits in a circle: an open pull request before work without one, the lower number before the higher, and of work
//! without one whose files were locked first (S1), or where `overlap: off` locks nothing, what was finished first.

use serde::{Deserialize, Serialize};

use crate::engine::draft::Draft;
use crate::engine::footprint::OverlapPolicy;
use crate::engine::id::{PullNumber, Sha, TaskId};
use crate::engine::plan::Base;
use crate::engine::task::{Stage, Task};
use crate::engine::time::Timestamp;
use crate::engine::waits::Wait;

/// Most paths of a conflict that are kept; the others are counted.
pub const PATHS_MAX: usize = 20;
/// Most characters of one side's change that are kept.
pub const DIFF_CHARACTERS_MAX: usize = 6_000;
/// Most siblings that one task is held against: those nearest to their merge.
pub const SIBLINGS_MAX: usize = 32;

/// Two commits to be merged without anything coming of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pair {
    /// Whose work.
    pub task: TaskId,
    /// Against which sibling's; nothing: against the base.
    pub against: Option<TaskId>,
    /// The work.
    pub ours: Sha,
    /// The other commit.
    pub theirs: Sha,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Merging {
    /// They merge.
    Clean,
    /// They do not.
    Conflict(Conflict),
    /// Nobody can tell: a commit is gone.
    Untold,
}

/// Where two commits do not merge.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conflict {
    /// The files, at most [`PATHS_MAX`], sorted.
    pub paths: Vec<String>,
    /// How many more there are.
    pub more: usize,
    /// What the work changed in them, at most [`DIFF_CHARACTERS_MAX`] characters, credentials taken out. Only against
    /// the base: a sibling's work may change until it is merged.
    #[serde(default)]
    pub ours: String,
    /// What the base changed in them meanwhile, likewise.
    #[serde(default)]
    pub theirs: String,
    /// Tasks merged since the work began that touched one of them.
    #[serde(default)]
    pub with: Vec<TaskId>,
}

impl Conflict {
    /// A conflict in these files.
    pub fn of(mut paths: Vec<String>) -> Self {
        paths.sort();
        paths.dedup();
        let more = paths.len().saturating_sub(PATHS_MAX);
        paths.truncate(PATHS_MAX);
        Self { paths, more, ..Self::default() }
    }
}

/// A dry run as a task keeps it: one against the base, and one against each sibling that goes before it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DryRun {
    /// Against which sibling's work; nothing: against the base.
    pub against: Option<TaskId>,
    /// The work.
    pub ours: Sha,
    /// The other commit.
    pub theirs: Sha,
    /// What came of it.
    pub merging: Merging,
}

/// How a task's work stands among that of its siblings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// These are to be asked for.
    Unknown(Vec<Pair>),
    /// It would conflict with this one, which goes first.
    Behind(TaskId),
    /// It merges with all that go before it.
    Free,
}

/// The commit that stands for a task's finished, unmerged work: the newest that is not yet shown, else its pull
/// request's head. Of one that failed and waits for its next attempt none does: it holds nobody up but by its lock.
pub fn head(task: &Task) -> Option<&Sha> {
    let shown = || task.pull.as_ref().filter(|pull| pull.open).map(|pull| &pull.head);
    match task.stage {
        Stage::Complete if task.verdict.is_none() => task.work.as_ref().map(|work| &work.commit),
        Stage::PrOpen | Stage::Running | Stage::Stuck => shown(),
        Stage::Complete | Stage::Waiting | Stage::Error | Stage::Merged | Stage::Cancelled => None,
    }
}

/// Where a task's finished work stands in the order.
pub type Rank = (bool, Option<PullNumber>, Option<Timestamp>, Option<Timestamp>, TaskId);

/// Who goes first has the smaller one.
pub fn rank(task: &Task, policy: OverlapPolicy) -> Rank {
    let pull = task.pull.as_ref().filter(|pull| pull.open).map(|pull| pull.number);
    let finished = task.work.as_ref().map(|work| work.at).filter(|_| policy == OverlapPolicy::Off);
    (pull.is_none(), pull, finished, task.locked_since, task.id)
}

/// What is known of a commit of a task's on the base as it stands; nothing: it is to be asked for, or the base is to be
/// read first.
pub fn onto_base<'d>(draft: &'d Draft<'_>, task: &'d Task, ours: &Sha) -> Option<&'d Merging> {
    let base = base(draft)?;
    known(task, None, ours, &base.head)
}

/// The question behind [`onto_base`]; nothing while the base's head is not known.
pub fn base_pair(draft: &Draft<'_>, task: &Task, ours: &Sha) -> Option<Pair> {
    let theirs = base(draft)?.head.clone();
    Some(Pair { task: task.id, against: None, ours: ours.clone(), theirs })
}

fn base<'d>(draft: &'d Draft<'_>) -> Option<&'d Base> {
    draft.header().base.as_ref().filter(|base| !base.stale)
}

fn known<'d>(task: &'d Task, against: Option<TaskId>, ours: &Sha, theirs: &Sha) -> Option<&'d Merging> {
    let fits = |run: &&DryRun| run.against == against && run.ours == *ours && run.theirs == *theirs;
    task.dry_runs.iter().find(fits).map(|run| &run.merging)
}

/// How a task stands among siblings whose files it shares.
pub fn standing<'s>(draft: &Draft<'_>, task: &Task, siblings: impl Iterator<Item = &'s TaskId>) -> Standing {
    let Some(ours) = head(task) else { return Standing::Free };
    let policy = draft.header().settings.overlap;
    let mut ahead: Vec<(Rank, &Task, &Sha)> = siblings
        .filter(|id| **id != task.id)
        .filter_map(|id| draft.task(*id))
        .filter_map(|other| Some((rank(other, policy), other, head(other)?)))
        .filter(|(place, ..)| *place < rank(task, policy))
        .collect();
    ahead.sort_by_key(|(place, ..)| *place);
    ahead.truncate(SIBLINGS_MAX);
    let mut unknown = Vec::new();
    let mut behind = None;
    for (_, other, theirs) in ahead {
        match known(task, Some(other.id), ours, theirs) {
            Some(Merging::Conflict(_)) if behind.is_none() => behind = Some(other.id),
            Some(_) => {}
            None => {
                let (ours, theirs) = (ours.clone(), theirs.clone());
                unknown.push(Pair { task: task.id, against: Some(other.id), ours, theirs });
            }
        }
    }
    match behind {
        _ if !unknown.is_empty() => Standing::Unknown(unknown),
        Some(other) => Standing::Behind(other),
        None => Standing::Free,
    }
}

/// The siblings that a task's finished work is known to conflict with, and that go before it, as they stand now: who
/// goes first stands first.
pub fn rivals<'d>(draft: &'d Draft<'_>, task: &'d Task) -> Vec<(&'d Task, &'d Conflict)> {
    let policy = draft.header().settings.overlap;
    let Some(ours) = head(task) else { return Vec::new() };
    let mut found: Vec<(&Task, &Conflict)> = task
        .dry_runs
        .iter()
        .filter(|run| run.ours == *ours)
        .filter_map(|run| {
            let Merging::Conflict(conflict) = &run.merging else { return None };
            let other = draft.task(run.against?)?;
            let stands = head(other) == Some(&run.theirs) && rank(other, policy) < rank(task, policy);
            stands.then_some((other, conflict))
        })
        .collect();
    found.sort_by_key(|(other, _)| rank(other, policy));
    found
}

/// What keeps finished work from its pull request, and that from being merged by us: a sibling's that it conflicts with
/// and that is nearer to its merge.
pub fn wait(draft: &Draft<'_>, task: &Task) -> Option<Wait> {
    let finished = matches!(task.stage, Stage::Complete | Stage::PrOpen) && task.verdict.is_none();
    let (holder, conflict) = rivals(draft, task).into_iter().next().filter(|_| finished)?;
    let path = conflict.paths.first().cloned().unwrap_or_default();
    let more = conflict.more + conflict.paths.len().saturating_sub(1);
    let (person, pull) = (holder.hold.clone(), holder.pull.as_ref().filter(|pull| pull.open).map(|pull| pull.number));
    Some(Wait::Conflict { holder: holder.id, path, more, pull, person })
}

/// The conflict with the base for which a task's work is brought onto it, once that is due.
pub fn base_conflict(task: &Task) -> Option<&Conflict> {
    let from = task.rebase_from.as_ref()?;
    task.dry_runs.iter().find(|run| run.against.is_none() && run.ours == *from).and_then(|run| match &run.merging {
        Merging::Conflict(conflict) => Some(conflict),
        Merging::Clean | Merging::Untold => None,
    })
}
