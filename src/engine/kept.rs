//! What a plan leaves on the state branch, so that it can be rebuilt from GitHub alone: `plan.json` with the plan's own
//! row, and one file per task.
//!
//! Promises: each commit of a brief carries the plan that knows its attempt, so that no number is ever given twice;
//! whatever else is worth keeping follows within [`KEPT_WITHIN`], save what GitHub tells however late it is asked: that
//! a pull request was opened, and that a merge closed its issue, goes with the next commit. The seed that nonces are
//! made from is never written.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::engine::attempt::Stand;
use crate::engine::draft::Draft;
use crate::engine::effect::{Effect, EffectKey, Entry, EntryState};
use crate::engine::id::{AttemptId, RunId, Sha, TaskId};
use crate::engine::plan::{Header, Numbers, Plan, PlanStatus, SCHEMA};
use crate::engine::reconcile::GRACE;
use crate::engine::record::Record;
use crate::engine::snapshot::{Actor, Issue, PullRequest};
use crate::engine::task::{CheckState, Counters, Pull, Stage, Task};
use crate::engine::time::Timestamp;
use crate::engine::upgrade::upgrade;

/// The plan's own row on the state branch.
pub const PLAN_FILE: &str = "plan.json";
/// What is worth keeping stands on the state branch this soon, with a brief or without.
pub const KEPT_WITHIN: Duration = Duration::from_secs(60);

/// What of the plan is not on the state branch yet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unkept {
    /// Counts steps that changed something worth keeping.
    pub revision: u64,
    /// Tasks whose file is behind, with the revision that changed them last.
    pub tasks: BTreeMap<TaskId, u64>,
    /// When it has to be written, where anything is behind.
    pub due: Option<Timestamp>,
}

/// `plan.json`: everything but the tasks, which have files of their own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// [`SCHEMA`] of the program that wrote it.
    pub schema: u32,
    /// The plan's own row, without its seed.
    pub header: Header,
    /// Highest attempt numbers.
    pub numbers: Numbers,
    /// The tasks; each has a file.
    pub tasks: Vec<TaskId>,
    /// What was to be done.
    pub outbox: Vec<Entry>,
}

/// What GitHub shows of a plan whose database is lost.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// The state branch's commit.
    pub tip: Option<Sha>,
    /// The plan as kept there, with its tasks.
    pub plan: Option<(Kept, Vec<Task>)>,
    /// Open tracking issues of ours.
    pub tracking: Vec<Issue>,
    /// Attempts that a record or a run names, with the run where it has not ended.
    pub attempts: BTreeMap<AttemptId, Option<RunId>>,
    /// Records of the attempts that were under way.
    pub records: Vec<(AttemptId, Sha, Record)>,
    /// Pull requests of ours on the branches of tasks that were under way and had none open.
    pub pulls: Vec<(PullRequest, Option<Actor>)>,
}

/// The path of a task's file.
pub fn task_path(id: TaskId) -> String {
    format!("plan/{id}.json")
}

impl Kept {
    /// Reads `plan.json`.
    ///
    /// # Errors
    /// What cannot be read, or was written by a newer version: it is never guessed at.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Form {
            schema: u32,
        }
        let unreadable = |error: serde_json::Error| format!("{PLAN_FILE} cannot be read: {error}");
        let Form { schema } = serde_json::from_slice(bytes).map_err(unreadable)?;
        if schema > SCHEMA {
            return Err(format!(
                "{PLAN_FILE} has schema {schema}, this program knows {SCHEMA}; use a newer task-orchestrator"
            ));
        }
        let mut kept: serde_json::Value = serde_json::from_slice(bytes).map_err(unreadable)?;
        if let Some(header) = kept.get_mut("header") {
            upgrade("header", schema, header);
        }
        for entry in kept.get_mut("outbox").and_then(serde_json::Value::as_array_mut).into_iter().flatten() {
            upgrade("entry", schema, entry);
        }
        serde_json::from_value(kept).map_err(unreadable)
    }
}

/// Reads a task's file, of the form that `plan.json` beside it names.
///
/// # Errors
/// What cannot be read, or holds another task.
pub fn parse_task(id: TaskId, schema: u32, bytes: &[u8]) -> Result<Task, String> {
    let path = task_path(id);
    let unreadable = |error: serde_json::Error| format!("{path} cannot be read: {error}");
    let mut row = serde_json::from_slice(bytes).map_err(unreadable)?;
    upgrade("task", schema, &mut row);
    let task: Task = serde_json::from_value(row).map_err(unreadable)?;
    if task.id == id { Ok(task) } else { Err(format!("{path} holds {}", task.id)) }
}

/// The files, path and text, that bring the state branch up to this plan; `all`: whatever stands there already.
pub fn files(plan: &Plan, all: bool) -> Vec<(String, String)> {
    let mut header = plan.header.clone();
    header.seed.clear();
    header.unkept = Unkept { revision: header.unkept.revision, ..Unkept::default() };
    header.limited_until = None;
    // Briefs and dispatches follow from the attempts; what they were is looked for.
    let again = |entry: &&Entry| {
        !matches!(entry.effect, Effect::WriteBrief { .. } | Effect::Dispatch { .. } | Effect::KeepPlan { .. })
    };
    let kept = Kept {
        schema: SCHEMA,
        header,
        numbers: plan.numbers.clone(),
        tasks: plan.tasks.values().map(|task| task.id).collect(),
        outbox: plan.outbox.values().filter(again).cloned().collect(),
    };
    let behind = |id: &TaskId| all || plan.header.unkept.tasks.contains_key(id);
    let tasks = plan.tasks.iter().filter(|(id, _)| behind(id));
    let tasks = tasks.map(|(id, task)| (task_path(*id), text(task.as_ref())));
    tasks.chain([(PLAN_FILE.to_owned(), text(&kept))]).collect()
}

fn text(row: &impl Serialize) -> String {
    let mut text = serde_json::to_string(row).unwrap_or_default();
    text.push('\n');
    text
}

/// Notes what of this step is worth keeping, and has it written: with a brief, or when it is due.
pub(super) fn note(draft: &mut Draft<'_>) {
    // A repository nobody has labelled anything in is left alone.
    if draft.header().status == PlanStatus::Idle && draft.tasks().next().is_none() {
        return;
    }
    let before = draft.before().header.unkept.revision;
    // A plan just rebuilt, or of an older form, is written whole.
    let first = before == 0 || draft.before().header.schema != SCHEMA;
    let changed: Vec<TaskId> = if first {
        draft.tasks().map(|task| task.id).collect()
    } else {
        draft.changed().filter(|(old, new)| is_worth_keeping(*old, *new)).filter_map(|(_, new)| Some(new?.id)).collect()
    };
    let (turned, spoke) = (turned(draft), spoke(draft));
    let gone = draft.changed().any(|(_, new)| new.is_none());
    if !changed.is_empty() || turned || spoke || gone {
        let at_rest = draft.header().status == PlanStatus::Ended;
        let now = first || at_rest || draft.changed().any(|(old, new)| cannot_wait(old, new));
        let soon = turned || spoke || gone || draft.changed().any(|(old, new)| is_told_nowhere(old, new));
        let due = if now { Some(draft.now) } else { soon.then(|| draft.now + KEPT_WITHIN) };
        let unkept = &mut draft.header_mut().unkept;
        unkept.revision += 1;
        let revision = unkept.revision;
        unkept.tasks.extend(changed.into_iter().map(|id| (id, revision)));
        unkept.due = unkept.due.into_iter().chain(due).min();
    }
    let briefed =
        draft.entries().any(|e| matches!(e.effect, Effect::WriteBrief { .. }) && e.state == EntryState::Queued);
    let due = draft.header().unkept.due.is_some_and(|due| briefed || due <= draft.now);
    if due {
        write(draft);
    }
}

/// Has it written now. One that was refused, and would be tried again at a later moment, is tried with what is new: it
/// may go now. One of which nobody knows whether it went out is waited for.
fn write(draft: &mut Draft<'_>) {
    let (now, revision) = (draft.now, draft.header().unkept.revision);
    let key = EffectKey(KEY.to_owned());
    match draft.entry(&key).map(|entry| entry.state) {
        None => draft.intend(KEY, None, Effect::KeepPlan { revision }),
        Some(EntryState::Queued) => {
            if let Some(entry) = draft.entry_mut(&key) {
                entry.effect = Effect::KeepPlan { revision };
                entry.not_before = entry.not_before.min(now);
            }
        }
        Some(EntryState::Intended | EntryState::Sent) => return,
    }
    draft.header_mut().unkept.due = None;
}

/// The key of the effect that writes it.
const KEY: &str = "keep";

/// It stands on the state branch up to a revision.
pub(super) fn written(draft: &mut Draft<'_>, revision: u64) {
    draft.header_mut().unkept.tasks.retain(|_, changed| *changed > revision);
}

/// Whether the plan itself took a turn.
fn turned(draft: &Draft<'_>) -> bool {
    let (old, new) = (&draft.before().header, draft.header());
    let tracking = |header: &Header| header.tracking.as_ref().map(|tracking| tracking.number);
    (old.status, old.number, tracking(old)) != (new.status, new.number, tracking(new))
}

/// Whether a person changed what holds for the plan as a whole.
fn spoke(draft: &Draft<'_>) -> bool {
    let (old, new) = (&draft.before().header, draft.header());
    (&old.paused, old.given_up, &old.past) != (&new.paused, new.given_up, &new.past)
}

/// Whether a task changed in what GitHub does not show at a look.
fn is_worth_keeping(old: Option<&Task>, new: Option<&Task>) -> bool {
    match (old, new) {
        (Some(old), Some(new)) => essence(old) != essence(new),
        (None, Some(_)) => true,
        (Some(_) | None, None) => false,
    }
}

/// Whether a task changed in more than that its work stands in a pull request, or that its merge closed its issue: that
/// is found however late it is asked, and is kept with whatever comes next.
fn is_told_nowhere(old: Option<&Task>, new: Option<&Task>) -> bool {
    match (old, new) {
        (Some(old), Some(new)) => untold(essence(old)) != untold(essence(new)),
        (None, _) | (_, None) => true,
    }
}

/// A task as it was before its finished work came to stand in a pull request of which nothing else is to be known, or
/// its merge closed its issue.
fn untold(mut task: Task) -> Task {
    if task.stage == Stage::Merged {
        task.issue_open = true;
    }
    let plain = |pull: &Pull| {
        let asked = pull.merge_asked || pull.merge_refused.is_some() || pull.rerun_head.is_some();
        pull.open && !pull.merged && !asked
    };
    let shows_work = task.work.as_ref().is_some_and(|work| task.branch.as_ref().is_none_or(|at| *at == work.commit));
    if matches!(task.stage, Stage::Complete | Stage::PrOpen) && shows_work && task.pull.as_ref().is_none_or(plain) {
        (task.stage, task.branch, task.pull) = (Stage::Complete, None, None);
        task.told.retain(|name| !name.starts_with(GRACE));
    }
    task
}

/// Whether a task changed in what nothing on GitHub would tell: why an attempt is being closed, what is counted. It is
/// written before anything else goes out.
fn cannot_wait(old: Option<&Task>, new: Option<&Task>) -> bool {
    let untold = |task: &Task| {
        let counters = Counters { passed_over: 0, ..task.counters };
        (counters, task.current().and_then(|attempt| attempt.fence))
    };
    old.zip(new).is_some_and(|(old, new)| untold(old) != untold(new))
}

/// A task without what is read again.
fn essence(task: &Task) -> Task {
    let mut task = task.clone();
    (task.inferred, task.phase, task.remaining) = (false, 0, 0);
    (task.changed_at, task.closed_since) = (Timestamp::default(), None);
    task.footprint = Default::default();
    // Only what a rebase run is told of is not asked for again.
    let told = task.rebase_from.clone();
    task.dry_runs.retain(|run| run.against.is_none() && told.as_ref() == Some(&run.ours));
    // Why a file was thought likely is for people, and told while it is fresh.
    task.dispatched.ranked.iter_mut().for_each(|file| file.evidence.clear());
    for attempt in &mut task.attempts {
        (attempt.progress_at, attempt.looked_at, attempt.started) = (Timestamp(0), None, false);
        (attempt.record, attempt.run_over, attempt.progress_steps) = (None, false, None);
        attempt.progress_mark.clear();
        // How far a live one is, its record and its run tell.
        if attempt.is_live() {
            (attempt.stand, attempt.brief, attempt.dispatched_at, attempt.run) = (Stand::Planned, None, None, None);
        }
    }
    if let Some(pull) = &mut task.pull {
        (pull.head_since, pull.checks, pull.mergeable) = (Timestamp(0), CheckState::Pending, None);
        pull.changed_at = Timestamp::default();
        (pull.checked_base, pull.head) = (None, Sha::new(""));
        pull.failed_runs.clear();
        pull.red_tail.clear();
    }
    task
}
