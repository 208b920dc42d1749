//! What a task waits for, and the status people see: derived from the rows each time, never stored.

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::engine::brief::text_digest;
use crate::engine::draft::Draft;
use crate::engine::dry_run;
use crate::engine::footprint::{Area, Claim, Footprint, Source, Strength};
use crate::engine::graph::Outside;
use crate::engine::id::{AttemptId, IssueNumber, PullNumber, TaskId};
use crate::engine::overlap::LockTable;
use crate::engine::plan::PlanStatus;
use crate::engine::planner;
use crate::engine::problem::Problem;
use crate::engine::task::{Hold, Stage, Task, Verdict};
use crate::engine::tasks::Place;
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
    /// Another issue that waits, itself or through others, for a file this task holds: neither can go on.
    Circle {
        /// Which.
        issue: IssueNumber,
        /// The file.
        path: String,
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
    /// Finished work of a sibling that its own does not merge with, and that goes first.
    Conflict {
        /// Whose.
        holder: TaskId,
        /// The first file in which they conflict.
        path: String,
        /// In how many more.
        more: usize,
        /// The sibling's open pull request.
        pull: Option<PullNumber>,
        /// Why a person has the sibling, where one has.
        person: Option<Hold>,
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
    /// Its planner run: this one is under way, or its answer is being checked; nothing where it waits for its slot.
    Planning {
        /// Which.
        attempt: Option<AttemptId>,
    },
    /// Another issue that its planner run puts before it.
    Proposed {
        /// Which.
        issue: IssueNumber,
        /// How that one stands, for people.
        state: String,
        /// The planner run.
        by: AttemptId,
    },
}

impl Wait {
    /// Whether only a person can end it.
    pub fn needs_person(&self) -> bool {
        match self {
            Self::Approval
            | Self::Problem(_)
            | Self::Circle { .. }
            | Self::Person(_)
            | Self::Paused
            | Self::Workflow => true,
            Self::Dependency { .. } | Self::Proposed { .. } | Self::File { .. } | Self::Conflict { .. } => false,
            Self::Phase { .. } | Self::Backoff { .. } | Self::Reading | Self::Planning { .. } => false,
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

/// How a dependency that is no issue stands.
pub const MISSING: &str = "does not exist";

/// Whether a task waits for somebody to approve its text.
pub fn wants_approval(task: &Task) -> bool {
    is_idle(task) && !task.left && !task.is_approved()
}

/// Whether a task might start, were it not for what it waits for.
fn is_idle(task: &Task) -> bool {
    matches!(task.stage, Stage::Waiting | Stage::Error) && task.verdict.is_none()
}

/// One digest for several texts, in order.
pub fn texts_digest<'t>(tasks: impl Iterator<Item = &'t Task>) -> String {
    let digests: Vec<&str> = tasks.map(|task| task.digest.as_str()).collect();
    text_digest("", &digests.join(" "))
}

/// How a dependency stands in the way, or nothing where it does not.
pub(in crate::engine) fn dependency_wait(draft: &Draft<'_>, issue: IssueNumber) -> Option<Wait> {
    let state = match draft.task(TaskId(issue)) {
        Some(task) if task.frees_dependents() => return None,
        Some(task) if !task.left => dependency_state(task),
        // An issue that left the plan counts as any other outside it: it blocks while it is open.
        Some(_) | None => match draft.header().outside.get(&issue) {
            Some(Outside::Closed) => return None,
            Some(Outside::Open) => "open, outside the plan".to_owned(),
            Some(Outside::Missing) => MISSING.to_owned(),
            None => "not read yet".to_owned(),
        },
    };
    Some(Wait::Dependency { issue, state })
}

/// The dependencies that stand in a task's way. One that was written in after the task had begun may need a file that
/// the task holds: a lock stays with its task, so that only a person can part the two.
pub(in crate::engine) fn stated_waits(draft: &Draft<'_>, task: &Task) -> Vec<Wait> {
    let mut waits: Vec<Wait> =
        dependencies(task).into_iter().filter_map(|issue| dependency_wait(draft, issue)).collect();
    if waits.is_empty() || task.locked_since.is_none() {
        return waits;
    }
    let locks = locks(draft);
    for wait in &mut waits {
        if let Wait::Dependency { issue, .. } = wait
            && let Some(path) = awaited_path(draft, &locks, *issue, task.id)
        {
            *wait = Wait::Circle { issue: *issue, path };
        }
    }
    waits
}

/// The file of a holder's that an issue waits for, or one that it depends on, however far.
fn awaited_path(draft: &Draft<'_>, locks: &LockTable, issue: IssueNumber, holder: TaskId) -> Option<String> {
    let (mut found, mut seen) = (vec![issue], BTreeSet::new());
    while let Some(issue) = found.pop() {
        let Some(task) = draft.task(TaskId(issue)).filter(|task| is_idle(task) && !task.left) else { continue };
        if task.id == holder || !seen.insert(issue) {
            continue;
        }
        let meeting = locks.meets(task.id, &task.footprint).remove(&holder);
        let hard = meeting.filter(|meeting| meeting.strength == Strength::Hard && task.locked_since.is_none());
        if let Some(meeting) = hard {
            return Some(meeting.path);
        }
        found.extend(dependencies(task));
    }
    None
}

/// How a task that others wait for stands, in a few words.
pub(in crate::engine) fn dependency_state(task: &Task) -> String {
    match (task.verdict, &task.pull) {
        (Some(Verdict::Escalated), _) => "escalated: it has no attempts left".to_owned(),
        (_, Some(pull)) if pull.open => format!("pull request #{} is open", pull.number),
        _ if task.stage == Stage::Waiting => "not started".to_owned(),
        _ => task.stage.to_string().replace('_', " "),
    }
}

/// What a task's lock covers: what it declares now and what it was dispatched with, and its real files once they are
/// known, which replace what was predicted. Its ranking counts whatever else is known: what is under way works on the
/// text it was dispatched with, and a text edited since takes back no guess either.
pub fn held_footprint(task: &Task) -> Cow<'_, Footprint> {
    let real = task.work.iter().flat_map(|work| &work.files);
    let is_real = real.clone().next().is_some();
    let same = task.dispatched == Footprint::default() || task.dispatched == task.footprint;
    if !is_real && same && task.footprint.guesses().len() == task.footprint.ranked.len() {
        return Cow::Borrowed(&task.footprint);
    }
    let hotspots = task.work.as_ref().map_or(&[][..], |work| work.hotspots.as_slice());
    let real = real.map(|path| Claim {
        area: Area::File(path.clone()),
        strength: if hotspots.contains(path) { Strength::Soft } else { Strength::Hard },
        source: Source::Real,
        evidence: "in its work".to_owned(),
    });
    let predicted = task.footprint.claims.iter().chain(&task.dispatched.claims);
    let predicted = predicted.filter(|claim| !is_real || claim.strength == Strength::Hard);
    let held = Footprint::from_claims(predicted.cloned().chain(real));
    if is_real {
        return Cow::Owned(held);
    }
    let guessed = if task.dispatched.guesses().is_empty() { &task.footprint } else { &task.dispatched };
    Cow::Owned(held.with_ranked(guessed.guesses().iter().cloned()))
}

/// The locks held: by tasks dispatched and not settled.
pub fn locks(draft: &Draft<'_>) -> LockTable {
    let mut table = LockTable::new(draft.header().settings.overlap);
    for task in draft.at(Place::Locked) {
        table.hold(task.id, &held_footprint(task));
    }
    table
}

/// What keeps a task from being dispatched, files and slots left out: each reason, most telling first. Empty: it is
/// ready.
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
    waits.extend(stated_waits(draft, task));
    waits.extend(planner::waits::proposed(draft, task));
    // Whoever holds files has begun: others of the open phase may wait for them, so it never waits for its gate.
    if task.phase > header.open_phase && task.locked_since.is_none() {
        let name = draft.layout().phases.get(header.open_phase).map_or_else(String::new, |phase| phase.name.clone());
        waits.push(Wait::Phase { name });
    }
    if task.not_before > draft.now {
        waits.push(Wait::Backoff { until: task.not_before });
    }
    if !task.inferred {
        waits.push(Wait::Reading);
    }
    waits.extend(planner::waits::planning(draft, task));
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
    Some(Wait::File { holder, path: meeting.path, pull: open_pull(draft, holder) })
}

/// The task that was dispatched earlier and holds a file this one's finished work really touches: that one goes on
/// first.
pub fn earlier_holder(draft: &Draft<'_>, locks: &LockTable, task: &Task) -> Option<(TaskId, String)> {
    // New work of an open pull request is nearer to its merge than what others have not shown yet.
    if task.stage == Stage::Complete && task.has_open_pull() {
        return None;
    }
    let mine = (task.locked_since, task.id);
    locks.meets(task.id, &held_footprint(task)).into_iter().find_map(|(other, meeting)| {
        let holder = draft.task(other)?;
        let first = (holder.locked_since, holder.id) < mine && !dependencies(holder).contains(&task.issue());
        (meeting.strength == Strength::Hard && first).then_some((other, meeting.path))
    })
}

/// What keeps finished work from its pull request, and a retry from its next attempt: somebody dispatched earlier
/// turned out to touch its files.
fn earlier_wait(draft: &Draft<'_>, locks: &LockTable, task: &Task) -> Option<Wait> {
    let finished = task.stage == Stage::Complete && task.work.is_some() && task.verdict.is_none();
    let retries = is_idle(task) && task.locked_since.is_some();
    if !finished && !retries {
        return None;
    }
    let (holder, path) = earlier_holder(draft, locks, task)?;
    Some(Wait::File { holder, path, pull: open_pull(draft, holder) })
}

fn open_pull(draft: &Draft<'_>, id: TaskId) -> Option<PullNumber> {
    draft.task(id)?.pull.as_ref().filter(|pull| pull.open).map(|pull| pull.number)
}

/// Everything a task that is not under way waits for. A settled or running one waits for nothing.
pub fn waits(draft: &Draft<'_>, locks: &LockTable, task: &Task) -> Vec<Wait> {
    if !is_idle(task) {
        let person = task.hold.clone().map(Wait::Person);
        let wait = person.or_else(|| earlier_wait(draft, locks, task)).or_else(|| dry_run::wait(draft, task));
        return wait.into_iter().collect();
    }
    let mut waits = waits_but_files(draft, task);
    waits.extend(file_wait(draft, locks, task).or_else(|| earlier_wait(draft, locks, task)));
    waits
}
