//! Starting attempts: who is ready, who fits beside what runs, and the brief each gets.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha256};

use crate::engine::attempt::{Attempt, Stand};
use crate::engine::brief::{AgentKind, BRIEF_PROTOCOL, Brief, Limits, Mode};
use crate::engine::draft::{Draft, Startable};
use crate::engine::effect::Effect;
use crate::engine::footprint::Strength;
use crate::engine::id::{AttemptId, AttemptKey, IssueNumber, NONCE_DIGITS, TaskId};
use crate::engine::overlap::{self, LockTable};
use crate::engine::plan::Base;
use crate::engine::planner::is_wanted;
use crate::engine::policy::PatchPolicy;
use crate::engine::reconcile::{heal, planner};
use crate::engine::render;
use crate::engine::schedule::{self, Candidate, Picking};
use crate::engine::task::{Task, Trigger};
use crate::engine::tasks::Place;
use crate::engine::waits;

/// Of so many ready tasks, those with the longest paths through dependents, who goes first is judged by who shares
/// files too. More than any runner has slots; a bound, so that a plan of thousands does not look at all of them each
/// time.
const RANKED_MAX: usize = 64;
/// Most earlier failures told to the next attempt.
const PREVIOUS_ERRORS_MAX: usize = 5;

/// Sends what was briefed, and briefs again what lost its brief.
pub(super) fn send_briefed(draft: &mut Draft<'_>) {
    let waiting =
        |task: &&Task| task.live().is_some_and(|attempt| attempt.fence.is_none() && attempt.stand < Stand::Dispatched);
    let briefed: Vec<TaskId> = draft.at(Place::Live).filter(waiting).map(|task| task.id).collect();
    for id in briefed {
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
    let live = draft.at(Place::Live).count();
    let slots = (header.settings.max_parallel as usize).saturating_sub(live);
    if header.paused.is_some() || slots == 0 {
        return;
    }
    let (starting, passed_over) = pick(draft, slots);
    for id in passed_over {
        if let Some(task) = draft.task_mut(id) {
            task.counters.passed_over += 1;
        }
    }
    let left = slots.saturating_sub(starting.len());
    for id in starting {
        start(draft, id, &base);
    }
    planner::start(draft, left, &base);
}

/// What starts in so many slots, and what is passed over by that. Candidates are looked at in their order, and no more
/// of them than it takes to fill the slots.
fn pick(draft: &Draft<'_>, slots: usize) -> (Vec<TaskId>, Vec<TaskId>) {
    let (policy, open) = (draft.header().settings.overlap, draft.header().open_phase);
    let startable = draft.startable();
    // In whatever phase: what holds files may start past the gate.
    if startable.before(usize::MAX).next().is_none() {
        return (Vec::new(), Vec::new());
    }
    let locks = waits::locks(draft);
    // A retry waits for no gate: what it holds, others may need.
    let past_gate = |task: &&Task| task.phase <= open || task.locked_since.is_some();
    let special = draft.at(Place::Locked).chain(draft.at(Place::PassedOver)).filter(past_gate);
    let special = special.filter(|task| startable.contains(task)).chain(startable.before(open));
    let ready = |task| ready(draft, &startable, &locks, task);
    let special: BTreeMap<TaskId, Candidate<'_>> =
        special.filter_map(ready).map(|candidate| (candidate.id, candidate)).collect();
    let mut ahead: Vec<Candidate<'_>> = special.values().filter(|candidate| goes_ahead(candidate)).cloned().collect();
    ahead.sort_by_key(Candidate::place);
    let others = startable.in_phase(open).filter_map(ready);
    let mut others = others.filter(|candidate| !goes_ahead(candidate));
    // They come by their paths through dependents; how many share a file changes as tasks settle.
    let mut ranked: Vec<Candidate<'_>> = others.by_ref().take(RANKED_MAX).collect();
    ranked.sort_by_key(Candidate::place);
    let (doors, running) = (schedule::doors(&ahead, policy), running(draft));
    let mut picking = Picking::new(&locks, &running, doors, slots, policy);
    picking.pick(ahead.iter().cloned().chain(ranked).chain(others));
    let mut passed_over = BTreeSet::new();
    for task in picking.started().iter().filter_map(|id| draft.task(*id)) {
        let unknown = overlap::unknown_strength(policy) == Some(Strength::Hard);
        let met = startable.meeting(&task.footprint, unknown).into_iter().filter_map(|id| draft.task(id));
        let met = met.filter(past_gate).filter(|task| startable.contains(task));
        let met = met.filter_map(ready);
        passed_over.extend(met.filter(|candidate| picking.passes_over(candidate)).map(|candidate| candidate.id));
    }
    (picking.started().to_vec(), passed_over.into_iter().collect())
}

/// Whether a candidate stands before all that are ordered by their path alone.
fn goes_ahead(candidate: &Candidate<'_>) -> bool {
    candidate.first || candidate.closes_door()
}

/// What soft meetings keep apart from: what runs right now, and finished work whose real files are known until it is
/// settled, since whatever starts beside it starts from a base without it.
fn running(draft: &Draft<'_>) -> LockTable {
    let mut table = LockTable::new(draft.header().settings.overlap);
    let finished = draft.at(Place::Locked).filter(|task| task.work.as_ref().is_some_and(|work| !work.files.is_empty()));
    let live = draft.at(Place::Live).filter(|task| task.live_planner().is_none());
    for task in live.chain(finished) {
        table.hold(task.id, &waits::held_footprint(task));
    }
    table
}

/// A startable task as the scheduler sees it; nothing while anything but slots and the files of others keeps it.
fn ready<'t>(draft: &Draft<'_>, startable: &Startable<'_>, locks: &LockTable, task: &'t Task) -> Option<Candidate<'t>> {
    if is_wanted(task, &draft.header().settings) {
        return None;
    }
    let holds = task.locked_since.is_some();
    let kept = !waits::waits_but_files(draft, task).is_empty();
    if kept || holds && waits::earlier_holder(draft, locks, task).is_some() {
        return None;
    }
    Some(Candidate {
        id: task.id,
        footprint: &task.footprint,
        remaining: task.remaining,
        contention: startable.contention(task, draft.header().settings.overlap),
        priority: task.facts.priority.unwrap_or_default(),
        passed_over: task.counters.passed_over,
        waits_for_person: holder_waits_for_person(draft, task, locks),
        ready: true,
        first: task.phase < draft.header().open_phase || holds,
        holds,
    })
}

/// Whether any file a task waits for is held by a task that waits for a person: such a wait closes no door.
fn holder_waits_for_person(draft: &Draft<'_>, task: &Task, locks: &LockTable) -> bool {
    if task.counters.passed_over < schedule::PASSED_OVER_MAX {
        return false;
    }
    let merges_by_hand = !draft.header().settings.auto_merge;
    let waits = |holder: &Task| holder.hold.is_some() || merges_by_hand && holder.has_open_pull();
    let met = locks.meets(task.id, &task.footprint).into_iter();
    let mut holders = met.filter(|(_, meeting)| meeting.strength == Strength::Hard);
    holders.any(|(holder, _)| draft.task(holder).is_some_and(waits))
}

/// Starts one attempt: its number is taken, its files are held, its brief is intended.
fn start(draft: &mut Draft<'_>, id: TaskId, base: &Base) {
    let now = draft.now;
    let Some(task) = draft.task(id) else { return };
    let open_head = task.pull.as_ref().filter(|pull| pull.open).map(|pull| pull.head.clone());
    let work = task.work.as_ref().map(|work| work.commit.clone());
    let mode = if task.rebase_due { Mode::Rebase } else { Mode::Task };
    let rebased = task.rebase_from.clone().filter(|_| mode == Mode::Rebase);
    let start = rebased.or(open_head).or(work.filter(|_| mode == Mode::Rebase)).unwrap_or_else(|| base.head.clone());
    if !draft.move_task(id, Trigger::Dispatch) {
        return;
    }
    let key = next_key(draft, id);
    if let Some(task) = draft.task_mut(id) {
        task.attempts.push(Attempt::planned(key, mode, base.head.clone(), start, now));
        task.dispatched.clone_from(&task.footprint);
    }
    draft.lock(id);
    intend_brief(draft, id);
}

/// The key of an issue's next attempt; its number is taken from now on.
pub(super) fn next_key(draft: &mut Draft<'_>, id: TaskId) -> AttemptKey {
    let n = draft.next_number(id.0);
    let attempt = AttemptId { issue: id.0, n };
    AttemptKey { id: attempt, nonce: nonce(&draft.header().seed, attempt) }
}

/// The attempt's nonce: from the plan's random seed, so that nobody else can guess it and the same input gives the
/// same bytes.
fn nonce(seed: &str, attempt: AttemptId) -> String {
    let digest = Sha256::digest(format!("{seed}/{attempt}").as_bytes());
    hex::encode(digest).chars().take(NONCE_DIGITS).collect()
}

pub(super) fn intend_brief(draft: &mut Draft<'_>, id: TaskId) {
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
    // A planner run only reads: nothing is set up for it, and nothing of it is validated.
    let plans = attempt.mode == Mode::Plan;
    let commands = |own: &[String]| if plans { Vec::new() } else { own.to_vec() };
    let validate: Vec<String> = settings.validate.iter().chain(&task.facts.validate).cloned().collect();
    Some(Brief {
        protocol: BRIEF_PROTOCOL,
        key: attempt.key.clone(),
        mode: attempt.mode,
        issue: task.issue(),
        text: task.approval.clone()?,
        files: task.footprint.given(),
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
            timeout: crate::engine::time::Span(heal::timeout(attempt, task, settings)),
            nudge_after: settings.nudge_after,
            stall_after: settings.stall_after,
        },
        setup: commands(&settings.setup),
        validate: commands(&validate),
        policy: PatchPolicy {
            protected: settings.protected.clone(),
            files_max: settings.patch_files_max,
            bytes_max: settings.patch_bytes_max,
        },
        listed: if plans { planner::listed(draft, task) } else { Vec::new() },
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
    let edited = draft.at(Place::Live).filter(|task| task.live_planner().is_none());
    let under_way: BTreeMap<TaskId, &Task> =
        edited.chain(draft.at(Place::OpenPull)).map(|task| (task.id, task)).collect();
    under_way.into_values().filter(|task| task.issue() != issue).collect()
}
