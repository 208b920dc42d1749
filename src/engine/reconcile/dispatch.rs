//! Starting attempts: who is ready, who fits beside what runs, and the brief each gets.

use sha2::{Digest, Sha256};

use crate::engine::attempt::{Attempt, Stand};
use crate::engine::brief::{AgentKind, BRIEF_PROTOCOL, Brief, Limits, Mode};
use crate::engine::draft::Draft;
use crate::engine::effect::Effect;
use crate::engine::id::{AttemptId, AttemptKey, IssueNumber, NONCE_DIGITS, TaskId};
use crate::engine::overlap::LockTable;
use crate::engine::plan::Base;
use crate::engine::policy::PatchPolicy;
use crate::engine::reconcile::heal;
use crate::engine::render;
use crate::engine::schedule::{self, Candidate};
use crate::engine::task::{Stage, Task, Trigger};
use crate::engine::waits;

/// Most earlier failures told to the next attempt.
const PREVIOUS_ERRORS_MAX: usize = 5;

/// Sends what was briefed, and briefs again what lost its brief.
pub(super) fn send_briefed(draft: &mut Draft<'_>) {
    let waiting =
        |task: &Task| task.live().is_some_and(|attempt| attempt.fence.is_none() && attempt.stand < Stand::Dispatched);
    for id in draft.ids(waiting) {
        let Some(attempt) = draft.task(id).and_then(Task::live).cloned() else { continue };
        match attempt.brief {
            Some(brief) => {
                let effect = Effect::Dispatch { key: attempt.key.clone(), brief };
                draft.intend(format!("dispatch:{}", attempt.id), Some(attempt.id), effect);
            }
            None => intend_brief(draft, id),
        }
    }
}

/// Starts what is ready, fits, and finds a slot.
pub(super) fn dispatch(draft: &mut Draft<'_>) {
    let header = draft.header();
    let Some(base) = header.base.clone().filter(|base| !base.stale && base.workflow_present) else { return };
    let live = draft.tasks().filter(|task| task.live().is_some()).count();
    let slots = (header.settings.max_parallel as usize).saturating_sub(live);
    if header.paused.is_some() || slots == 0 {
        return;
    }
    let policy = header.settings.overlap;
    let locks = waits::locks(draft);
    let candidates: Vec<Candidate<'_>> = draft.tasks().filter_map(|task| candidate(draft, &locks, task)).collect();
    if !candidates.iter().any(|candidate| candidate.ready) {
        return;
    }
    let picked = schedule::pick(&candidates, &locks, &running(draft), slots, policy);
    drop(candidates);
    for id in picked.passed_over {
        if let Some(task) = draft.task_mut(id) {
            task.counters.passed_over += 1;
        }
    }
    for id in picked.start {
        start(draft, id, &base);
    }
}

/// What runs right now: soft meetings keep apart from it.
fn running(draft: &Draft<'_>) -> LockTable {
    let mut table = LockTable::new(draft.header().settings.overlap);
    for task in draft.tasks().filter(|task| task.live().is_some()) {
        table.insert(task.id, &waits::held_footprint(task));
    }
    table
}

/// A task that might start, as the scheduler sees it; nothing for one that is settled, under way or finished.
fn candidate<'t>(draft: &Draft<'_>, locks: &LockTable, task: &'t Task) -> Option<Candidate<'t>> {
    if !matches!(task.stage, Stage::Waiting | Stage::Error) || task.verdict.is_some() || task.cancel_asked || task.left
    {
        return None;
    }
    let waits = waits::waits_but_files(draft, task);
    let holds = task.locked_since.is_some();
    Some(Candidate {
        id: task.id,
        footprint: &task.footprint,
        remaining: task.remaining,
        priority: task.facts.priority.unwrap_or_default(),
        passed_over: task.counters.passed_over,
        waits_for_person: holder_waits_for_person(draft, task, locks),
        ready: waits.is_empty() && (!holds || waits::earlier_holder(draft, locks, task).is_none()),
        first: task.phase < draft.header().open_phase || holds,
        holds,
    })
}

/// Whether the file a task waits for is held by a task that waits for a person: such a wait closes no door.
fn holder_waits_for_person(draft: &Draft<'_>, task: &Task, locks: &LockTable) -> bool {
    if task.counters.passed_over < schedule::PASSED_OVER_MAX {
        return false;
    }
    let holder = locks.first_hard(task.id, &task.footprint).and_then(|(holder, _)| draft.task(holder));
    let merges_by_hand = !draft.header().settings.auto_merge;
    holder.is_some_and(|holder| holder.hold.is_some() || merges_by_hand && holder.has_open_pull())
}

/// Starts one attempt: its number is taken, its files are held, its brief is intended.
fn start(draft: &mut Draft<'_>, id: TaskId, base: &Base) {
    let now = draft.now;
    let Some(task) = draft.task(id) else { return };
    let open_head = task.pull.as_ref().filter(|pull| pull.open).map(|pull| pull.head.clone());
    let work = task.work.as_ref().map(|work| work.commit.clone());
    let mode = if task.rebase_due { Mode::Rebase } else { Mode::Task };
    let start = open_head.or(work.filter(|_| mode == Mode::Rebase)).unwrap_or_else(|| base.head.clone());
    if !draft.move_task(id, Trigger::Dispatch) {
        return;
    }
    let n = draft.next_number(id.0);
    let attempt = AttemptId { issue: id.0, n };
    let key = AttemptKey { id: attempt, nonce: nonce(&draft.header().seed, attempt) };
    if let Some(task) = draft.task_mut(id) {
        task.attempts.push(Attempt::planned(key, mode, base.head.clone(), start, now));
        task.locked_since.get_or_insert(now);
    }
    intend_brief(draft, id);
}

/// The attempt's nonce: from the plan's random seed, so that nobody else can guess it and the same input gives the
/// same bytes.
fn nonce(seed: &str, attempt: AttemptId) -> String {
    let digest = Sha256::digest(format!("{seed}/{attempt}").as_bytes());
    hex::encode(digest).chars().take(NONCE_DIGITS).collect()
}

fn intend_brief(draft: &mut Draft<'_>, id: TaskId) {
    let Some(brief) = brief(draft, id) else { return };
    let attempt = brief.key.id;
    draft.intend(format!("brief:{attempt}"), Some(attempt), Effect::WriteBrief { brief: Box::new(brief) });
}

/// The brief of a task's live attempt.
fn brief(draft: &Draft<'_>, id: TaskId) -> Option<Brief> {
    let task = draft.task(id)?;
    let attempt = task.live()?;
    let settings = &draft.header().settings;
    let base = draft.header().base.as_ref()?;
    Some(Brief {
        protocol: BRIEF_PROTOCOL,
        key: attempt.key.clone(),
        mode: attempt.mode,
        issue: task.issue(),
        text: task.approval.clone()?,
        files: task.footprint.paths(),
        base_branch: base.branch.clone(),
        base: attempt.base.clone(),
        start: attempt.start.clone(),
        prompt: render::prompt_layers(draft, task, attempt),
        previous_errors: previous_errors(task),
        agent: agent(task, settings.agent),
        agent_command: settings.agent_command.clone(),
        model: settings.model.clone(),
        effort: settings.effort.clone(),
        limits: Limits {
            timeout: crate::engine::time::Span(heal::timeout(task, settings)),
            nudge_after: settings.nudge_after,
            stall_after: settings.stall_after,
        },
        setup: settings.setup.clone(),
        validate: settings.validate.iter().chain(&task.facts.validate).cloned().collect(),
        policy: PatchPolicy {
            protected: settings.protected.clone(),
            files_max: settings.patch_files_max,
            bytes_max: settings.patch_bytes_max,
        },
    })
}

fn agent(task: &Task, default: AgentKind) -> AgentKind {
    task.facts.agent.unwrap_or(default)
}

/// What went wrong before, oldest first.
fn previous_errors(task: &Task) -> Vec<String> {
    let errors: Vec<String> =
        task.attempts.iter().filter(|attempt| attempt.teaches()).map(|attempt| attempt.error.clone()).collect();
    let skip = errors.len().saturating_sub(PREVIOUS_ERRORS_MAX);
    errors.into_iter().skip(skip).collect()
}

/// Issues whose attempts are under way beside this one, for the prompt.
pub(in crate::engine) fn siblings<'d>(draft: &'d Draft<'_>, issue: IssueNumber) -> Vec<&'d Task> {
    draft.tasks().filter(|task| task.issue() != issue && (task.live().is_some() || task.has_open_pull())).collect()
}
