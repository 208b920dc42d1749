//! What a task waits for, and the status people see: derived from the rows each time, never stored.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::engine::draft::Draft;
use crate::engine::facts::OnFail;
use crate::engine::footprint::{Area, Claim, Footprint, Source, Strength};
use crate::engine::graph::Outside;
use crate::engine::id::{IssueNumber, PullNumber, TaskId};
use crate::engine::overlap::LockTable;
use crate::engine::plan::PlanStatus;
use crate::engine::problem::Problem;
use crate::engine::task::{CheckState, Hold, Stage, Task, Verdict};
use crate::engine::time::Timestamp;

/// A task's status as people see it.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, strum::Display, strum::EnumIter,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Status {
    /// Not started; nothing but a free slot is missing.
    Pending,
    /// Waits for a task, a file, a decision or an approval.
    Blocked,
    /// An attempt is under way.
    Running,
    /// No progress; being healed.
    Stuck,
    /// Failed; will be retried, or has no attempts left.
    Error,
    /// Work is pushed, ready for a pull request; or nothing needed to change.
    Complete,
    /// The pull request is open.
    PrOpen,
    /// The pull request is merged.
    Merged,
    /// Given up.
    Cancelled,
}

/// One thing a task waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wait {
    /// A person has to approve its text.
    Approval,
    /// A problem in what was written.
    Problem(Problem),
    /// Another issue.
    Dependency {
        /// Which.
        issue: IssueNumber,
        /// How that one stands, for people.
        state: String,
    },
    /// A file that another unsettled task holds.
    File {
        /// Who holds it.
        holder: TaskId,
        /// Which.
        path: String,
        /// The holder's open pull request.
        pull: Option<PullNumber>,
    },
    /// Its phase is not open yet.
    Phase {
        /// Its name.
        name: String,
    },
    /// The wait before a retry.
    Backoff {
        /// Until when.
        until: Timestamp,
    },
    /// A person, for this reason.
    Person(Hold),
    /// The plan is paused.
    Paused,
    /// The task workflow is not on the default branch.
    Workflow,
    /// Its mentions are being looked up.
    Reading,
}

impl Wait {
    /// Whether only a person can end it.
    pub fn needs_person(&self) -> bool {
        match self {
            Self::Approval | Self::Problem(_) | Self::Person(_) | Self::Paused | Self::Workflow => true,
            Self::Dependency { .. } | Self::File { .. } | Self::Phase { .. } | Self::Backoff { .. } | Self::Reading => {
                false
            }
        }
    }
}

/// The status of a task that waits for `waits`.
pub fn status(task: &Task, waits: &[Wait]) -> Status {
    if task.stage == Stage::Cancelled {
        return Status::Cancelled;
    }
    if task.stage == Stage::Merged {
        return Status::Merged;
    }
    if task.hold.is_some() {
        return Status::Blocked;
    }
    match task.stage {
        Stage::Waiting if waits.iter().any(|wait| !matches!(wait, Wait::Backoff { .. })) => Status::Blocked,
        Stage::Waiting => Status::Pending,
        Stage::Running => Status::Running,
        Stage::Stuck => Status::Stuck,
        Stage::Error => Status::Error,
        Stage::Complete => Status::Complete,
        Stage::PrOpen => Status::PrOpen,
        Stage::Merged => Status::Merged,
        Stage::Cancelled => Status::Cancelled,
    }
}

/// Everything a task needs of the other issues it depends on, native relations first, each once.
pub fn dependencies(task: &Task) -> Vec<IssueNumber> {
    let mut all = task.blocked_by.clone();
    for issue in &task.facts.depends_on {
        if !all.contains(issue) {
            all.push(*issue);
        }
    }
    all.retain(|issue| *issue != task.issue());
    all
}

/// How a dependency stands in the way, or nothing where it does not.
fn dependency_wait(draft: &Draft<'_>, issue: IssueNumber) -> Option<Wait> {
    let state = match draft.task(TaskId(issue)) {
        Some(task) if task.frees_dependents() => return None,
        Some(task) => dependency_state(task),
        None => match draft.header().outside.get(&issue) {
            Some(Outside::Closed) => return None,
            Some(Outside::Open) => "open, outside the plan".to_owned(),
            Some(Outside::Missing) => "does not exist".to_owned(),
            None => "not read yet".to_owned(),
        },
    };
    Some(Wait::Dependency { issue, state })
}

/// How a task that others wait for stands, in a few words.
fn dependency_state(task: &Task) -> String {
    match (task.verdict, &task.pull) {
        (Some(Verdict::Escalated), _) => "escalated: it has no attempts left".to_owned(),
        (Some(Verdict::Cancelled), _) => "left the plan and is still open".to_owned(),
        (_, Some(pull)) if pull.open => format!("pull request #{} is open", pull.number),
        _ => task.stage.to_string().replace('_', " "),
    }
}

/// What a task's lock covers: what it declares, and its real files once they are known, which replace what was predicted.
pub fn held_footprint(task: &Task) -> Footprint {
    let real = task.work.iter().flat_map(|work| &work.files).map(|path| Claim {
        area: Area::File(path.clone()),
        strength: Strength::Hard,
        source: Source::Real,
        evidence: "in its work".to_owned(),
    });
    let real: Vec<Claim> = real.collect();
    let predicted = task.footprint.claims.iter().filter(|claim| real.is_empty() || claim.strength == Strength::Hard);
    Footprint::from_claims(predicted.cloned().chain(real.clone()))
}

/// The locks held: by tasks dispatched and not settled.
pub fn locks(draft: &Draft<'_>) -> LockTable {
    let mut table = LockTable::new(draft.header().settings.overlap);
    for task in draft.tasks().filter(|task| task.locked_since.is_some()) {
        table.insert(task.id, &held_footprint(task));
    }
    table
}

/// What keeps a task from being dispatched, files and slots left out: each reason, most telling first. Empty: it is ready.
pub fn waits_but_files(draft: &Draft<'_>, task: &Task) -> Vec<Wait> {
    let header = draft.header();
    let mut waits = Vec::new();
    if let Some(hold) = &task.hold {
        waits.push(Wait::Person(hold.clone()));
    }
    let blocking = |problem: &&Problem| problem.task == Some(task.id) && problem.code.blocks();
    waits.extend(draft.layout().problems.iter().filter(blocking).cloned().map(Wait::Problem));
    if !task.is_approved() {
        waits.push(Wait::Approval);
    }
    waits.extend(dependencies(task).into_iter().filter_map(|issue| dependency_wait(draft, issue)));
    if task.phase > header.open_phase {
        let name = draft.layout().phases.get(header.open_phase).map_or_else(String::new, |phase| phase.name.clone());
        waits.push(Wait::Phase { name });
    }
    if task.not_before > draft.now {
        waits.push(Wait::Backoff { until: task.not_before });
    }
    if !task.inferred {
        waits.push(Wait::Reading);
    }
    if header.paused.is_some() {
        waits.push(Wait::Paused);
    }
    if header.status == PlanStatus::Active && header.base.as_ref().is_some_and(|base| !base.workflow_present) {
        waits.push(Wait::Workflow);
    }
    waits
}

/// The file a task waits for, if another task holds one that meets its footprint hard.
pub fn file_wait(draft: &Draft<'_>, locks: &LockTable, task: &Task) -> Option<Wait> {
    if task.locked_since.is_some() {
        return None;
    }
    let (holder, meeting) = locks.first_hard(task.id, &task.footprint)?;
    let pull = draft.task(holder).and_then(|task| task.pull.as_ref()).filter(|pull| pull.open).map(|pull| pull.number);
    Some(Wait::File { holder, path: meeting.path, pull })
}

/// Everything a task that is not under way waits for. A settled or running one waits for nothing.
pub fn waits(draft: &Draft<'_>, locks: &LockTable, task: &Task) -> Vec<Wait> {
    let idle = matches!(task.stage, Stage::Waiting | Stage::Error) && task.verdict.is_none();
    if !idle && task.hold.is_none() {
        return Vec::new();
    }
    if !idle {
        return task.hold.clone().map(Wait::Person).into_iter().collect();
    }
    let mut waits = waits_but_files(draft, task);
    waits.extend(file_wait(draft, locks, task));
    waits
}

/// Whether a task lets its phase's gate open.
pub fn lets_gate_open(draft: &Draft<'_>, task: &Task, memo: &mut BTreeMap<TaskId, bool>) -> bool {
    if task.is_settled() {
        return match task.verdict {
            Some(Verdict::Merged | Verdict::NoChange | Verdict::Cancelled) => true,
            Some(Verdict::Escalated) => task.on_fail(draft.header().settings.on_fail) == OnFail::Continue,
            None => false,
        };
    }
    let green = matches!(&task.pull, Some(pull) if pull.open && matches!(pull.checks, CheckState::Green { .. }));
    if draft.header().settings.gate == crate::engine::config::Gate::Green && task.stage == Stage::PrOpen && green {
        return true;
    }
    fails_softly(draft, task, memo)
}

/// Whether a task cannot go on only because of others that escalated and let the plan continue.
fn fails_softly(draft: &Draft<'_>, task: &Task, memo: &mut BTreeMap<TaskId, bool>) -> bool {
    if let Some(known) = memo.get(&task.id) {
        return *known;
    }
    // A circle of dependencies never opens a gate: while a task is being judged it counts as not passing.
    memo.insert(task.id, false);
    let escalated = task.verdict == Some(Verdict::Escalated)
        && !task.has_open_pull()
        && task.on_fail(draft.header().settings.on_fail) == OnFail::Continue;
    let passes = escalated || {
        let unmet: Vec<IssueNumber> =
            dependencies(task).into_iter().filter(|issue| dependency_wait(draft, *issue).is_some()).collect();
        task.stage == Stage::Waiting
            && task.hold.is_none()
            && !unmet.is_empty()
            && unmet
                .iter()
                .all(|issue| draft.task(TaskId(*issue)).is_some_and(|other| fails_softly(draft, other, memo)))
    };
    memo.insert(task.id, passes);
    passes
}
