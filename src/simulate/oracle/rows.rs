//! What must hold of rows whenever they are saved.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::engine::attempt::{AttemptOutcome, Stand};
use crate::engine::facts::OnFail;
use crate::engine::id::{AttemptId, IssueNumber, TaskId, pull_branch};
use crate::engine::plan::{Change, Numbers, PlanStatus};
use crate::engine::report::ReportOutcome;
use crate::engine::task::{Hold, Stage, Task, Verdict};
use crate::simulate::oracle::dispatch::raised_phase;
use crate::simulate::oracle::{Closing, Oracle, Seen, planner, text, words};

/// Rows were saved.
pub(super) fn saved(oracle: &mut Oracle, changes: &[Change], seen: Seen<'_>) {
    oracle.truth.clock += 1;
    for change in changes {
        match change {
            Change::Header(header) => {
                words::take_ticks(oracle, header);
                // A database that was lost begins with the first plan's number, until GitHub tells which one it was.
                if header.status != PlanStatus::Rebuilding && header.number != oracle.truth.plan {
                    next_plan(oracle, header.number, seen);
                }
                oracle.header = Some(header.clone());
            }
            Change::Numbers(numbers) => numbers_only_grow(oracle, numbers),
            Change::Task(task) => {
                let old = oracle.tasks.get(&task.id).cloned();
                one(oracle, old.as_deref(), task, seen);
                oracle.tasks.insert(task.id, Arc::clone(task));
            }
            Change::TaskGone(id) => {
                oracle.tasks.remove(id);
                let issue = oracle.truth.task(id.0);
                (issue.locked_since, issue.held_since) = (None, None);
            }
            Change::Layout(_) | Change::Entry(_) | Change::EntryGone(_) => {}
        }
    }
    note_phase(oracle);
}

/// Which phase the plan has reached: the first that approved or begun work without a verdict is of. What is approved
/// for an earlier one afterwards joins it, and nothing has to wait for that.
fn note_phase(oracle: &mut Oracle) {
    if oracle.header.as_ref().is_none_or(|header| header.status != PlanStatus::Active) {
        return;
    }
    let passed = let_past(oracle);
    let counts = |task: &&Arc<Task>| {
        let begun = oracle.truth.tasks.get(&task.issue()).is_some_and(|known| known.held_since.is_some());
        task.verdict.is_none() && !task.left && (task.is_approved() || begun) && !passed.contains(&task.issue())
    };
    let phase = |task: &Arc<Task>| raised_phase(oracle, task.issue());
    let work = |task: &&Arc<Task>| task.verdict.is_none() && !task.left && task.is_approved();
    let first = oracle.tasks.values().filter(counts).map(phase).min();
    // Where all that is left waits for what failed and lets the plan go on, the way is free to the last of it.
    let reached = first.or_else(|| oracle.tasks.values().filter(work).map(phase).max()).unwrap_or_default();
    oracle.truth.phase = oracle.truth.phase.max(reached);
    for issue in passed {
        oracle.truth.task(issue).was_let_past = true;
    }
}

/// Tasks that cannot start only because one that they depend on escalated and lets the plan go on: later phases do not
/// wait for them.
fn let_past(oracle: &Oracle) -> BTreeSet<IssueNumber> {
    let default = oracle.settings.on_fail;
    let goes_on = |task: &&Arc<Task>| {
        task.verdict == Some(Verdict::Escalated) && task.facts.on_fail.unwrap_or(default) == OnFail::Continue
    };
    let mut found: Vec<IssueNumber> = oracle.tasks.values().filter(goes_on).map(|task| task.issue()).collect();
    let mut passed = BTreeSet::new();
    while let Some(blocker) = found.pop() {
        let waits = |task: &&Arc<Task>| {
            task.stage == Stage::Waiting
                && task.verdict.is_none()
                && text::read(&task.body).depends_on.contains(&blocker.0)
        };
        for task in oracle.tasks.values().filter(waits) {
            if passed.insert(task.issue()) {
                found.push(task.issue());
            }
        }
    }
    passed
}

/// A new plan begins: its tasks are new, the numbers of attempts go on. One that was lost with the database before
/// GitHub showed anything of it begins twice.
fn next_plan(oracle: &mut Oracle, number: u32, seen: Seen<'_>) {
    oracle.tasks.clear();
    oracle.truth.plan = number;
    oracle.truth.phase = 0;
    let merged = seen.world.pulls().filter(|(_, pull)| pull.merged.is_some()).map(|(number, _)| number);
    oracle.truth.merged_before.entry(number).or_insert_with(|| merged.collect());
    for task in oracle.truth.tasks.values_mut() {
        (task.locked_since, task.held_since) = (None, None);
    }
}

fn one(oracle: &mut Oracle, old: Option<&Task>, new: &Task, seen: Seen<'_>) {
    note_lock(oracle, old, new, seen);
    let Some(old) = old else { return };
    counters_only_grow(oracle, old, new);
    past_attempts_stay(oracle, old, new);
    ends_are_true(oracle, old, new);
    verdicts_are_true(oracle, old, new, seen);
    planner::claims_are_true(oracle, new);
}

/// When its files were locked and given back, by its own rows.
fn note_lock(oracle: &mut Oracle, old: Option<&Task>, new: &Task, seen: Seen<'_>) {
    let clock = oracle.truth.clock;
    let digest = new.approval.as_ref().map_or(&new.digest, |approved| &approved.digest);
    let confirmed = planner::confirmed(oracle, new.issue(), digest);
    let branch = pull_branch(new.issue());
    let open = seen.world.open_heads().any(|(_, pull)| pull.head_branch == branch);
    let at_work = oracle.truth.attempts_of(new.issue()).any(|(_, attempt)| attempt.closed.is_none());
    let task = oracle.truth.task(new.issue());
    match (old.is_some_and(|old| old.locked_since.is_some()), new.locked_since.is_some()) {
        // A row that comes back after a loss has its lock since before.
        (false, true) if old.is_none() && task.locked_since.is_some() => {}
        (false, true) => {
            let approved = new.approval.as_ref().map_or(&new.body, |approved| &approved.body);
            (task.locked_since, task.locked_for) = (Some(clock), text::read(approved).files);
            task.locked_for.extend(confirmed);
        }
        (true, false) => {
            task.locked_since = None;
            // A pull request may have been closed before the newest dispatch, and seen closed only after it.
            let seen_closed = matches!(new.hold, Some(Hold::PullClosed { .. }));
            task.held_since = task.held_since.filter(|_| open || at_work || !seen_closed);
        }
        (true, true) | (false, false) => {}
    }
    let newly_open = new.has_open_pull() && !old.is_some_and(Task::has_open_pull);
    if newly_open && open {
        task.held_since.get_or_insert(clock);
    }
    if new.verdict.is_some() && !open {
        task.held_since = None;
    }
}

/// S9: attempt numbers are never used twice. One that GitHub refused was never used.
fn numbers_only_grow(oracle: &mut Oracle, numbers: &Numbers) {
    let lost: Vec<(IssueNumber, u32)> = oracle
        .numbers
        .iter()
        .map(|(issue, known)| (*issue, *known, numbers.get(issue).copied().unwrap_or_default()))
        .filter(|(_, known, now)| now < known)
        .flat_map(|(issue, known, now)| (now + 1..=known).map(move |n| (issue, n)))
        .collect();
    for (issue, n) in lost {
        let id = AttemptId { issue, n };
        let used = oracle.truth.attempts.get(&id).is_some_and(|attempt| attempt.dispatches > 0);
        oracle.must("S9", !used, || format!("the number {id} was given back though it was dispatched"));
    }
    oracle.numbers.clone_from(numbers);
}

/// S9: counters only grow, `granted` by people's word alone, and no failure is counted twice.
fn counters_only_grow(oracle: &mut Oracle, old: &Task, new: &Task) {
    let (was, is) = (&old.counters, &new.counters);
    let grows = is.failures >= was.failures
        && is.infra_retries >= was.infra_retries
        && is.conflict_reruns >= was.conflict_reruns
        && is.granted >= was.granted
        && is.passed_over >= was.passed_over;
    oracle.must("S9", grows, || format!("{} lost a count: {was:?} became {is:?}", new.id));
    let retries = oracle.truth.tasks.get(&new.issue()).map_or(0, |task| task.retries);
    oracle.must("S12", is.granted <= retries, || {
        format!("{} was granted {} attempts by {retries} commands", new.id, is.granted)
    });
    if (is.failures, is.infra_retries, is.conflict_reruns) == (was.failures, was.infra_retries, was.conflict_reruns) {
        return;
    }
    let (mut agent, mut infrastructure, mut changed, mut stopped) = (0, 0, 0, 0);
    for (_, attempt) in oracle.truth.attempts_of(new.issue()) {
        match &attempt.closed {
            Some(Closing::Result { commit: Some(_), refused: false, .. }) => changed += 1,
            Some(Closing::Result { outcome: ReportOutcome::Infra, .. }) => infrastructure += 1,
            Some(Closing::Result { .. }) => agent += u32::from(attempt.is_work()),
            Some(Closing::Fenced) if attempt.claimed_by.is_none() || !attempt.is_work() => infrastructure += 1,
            Some(Closing::Fenced) => (agent, infrastructure) = (agent + 1, infrastructure + 1),
            None => {}
        }
        stopped += u32::from(attempt.closed == Some(Closing::Fenced));
    }
    // A rerun that a person stopped, by closing the pull request, is due once more where it is opened again.
    let conflicts = is.conflict_reruns <= changed + stopped;
    let fits = is.failures <= agent + changed && is.infra_retries <= infrastructure && conflicts;
    oracle.must("S9", fits, || {
        format!(
            "{} counts {is:?}; there were {agent} failures of agents, {infrastructure} of runners, {changed} works",
            new.id
        )
    });
}

/// S6: what is past does not change any more.
fn past_attempts_stay(oracle: &mut Oracle, old: &Task, new: &Task) {
    let known = old.attempts.len().saturating_sub(1);
    let same = old.attempts.iter().take(known).eq(new.attempts.iter().take(known));
    oracle.must("S6", same, || format!("an earlier attempt of {} changed", new.id));
    if new.attempts.len() < old.attempts.len() {
        let gone = old.attempts.last().map(|attempt| attempt.id);
        let used = gone.and_then(|id| oracle.truth.attempts.get(&id)).is_some_and(|attempt| attempt.dispatches > 0);
        oracle.must("S6", !used, || format!("an attempt of {} that was dispatched is gone", new.id));
    }
    let most = new.attempts.len() <= old.attempts.len() + 1;
    oracle.must("S2", most, || format!("{} began two attempts at once", new.id));
    let open = new.attempts.iter().rev().skip(1).find(|attempt| attempt.stand != Stand::Ended).map(|a| a.id);
    oracle.must("S2", open.is_none(), || format!("{} has another attempt beside {open:?}, which is open", new.id));
}

/// S15: an attempt ends when its record is closed, and as the record says.
fn ends_are_true(oracle: &mut Oracle, old: &Task, new: &Task) {
    for attempt in new.attempts.iter().filter(|attempt| attempt.stand == Stand::Ended) {
        let before = old.attempts.iter().find(|known| known.id == attempt.id);
        if before.is_some_and(|known| known.stand == Stand::Ended) {
            continue;
        }
        let closed = oracle.truth.attempts.get(&attempt.id).and_then(|truth| truth.closed.clone());
        oracle.must("S15", closed.is_some(), || format!("{} ended though its record is open", attempt.id));
        let work = match &closed {
            Some(Closing::Result { commit, refused, .. }) => commit.is_some() && !refused,
            Some(Closing::Fenced) | None => false,
        };
        let told = attempt.outcome == Some(AttemptOutcome::Changed);
        oracle.must("S6", told == work, || {
            format!("{} ended as {:?}; its record says {closed:?}", attempt.id, attempt.outcome)
        });
    }
}

/// S19: a verdict says what happened, and comes when nothing is open any more.
fn verdicts_are_true(oracle: &mut Oracle, old: &Task, new: &Task, seen: Seen<'_>) {
    let merged = oracle.truth.is_merged(new.issue(), seen.world);
    if new.stage == Stage::Merged && old.stage != Stage::Merged {
        let is = merged;
        oracle.must("S19", is, || format!("{} counts as merged and is not", new.id));
    }
    let back = old.stage == Stage::Merged && new.stage != Stage::Merged;
    oracle.must("S24", !back, || format!("{} was merged and is {} now", new.id, new.stage));
    if new.verdict == old.verdict {
        return;
    }
    let Some(verdict) = new.verdict else { return };
    oracle.truth.task(new.issue()).was_settled = true;
    let open = oracle.truth.attempts_of(new.issue()).find(|(_, attempt)| attempt.closed.is_none()).map(|(id, _)| *id);
    oracle.must("S19", open.is_none(), || format!("{} is {verdict} while {open:?} is open", new.id));
    let holds = match verdict {
        Verdict::Merged => merged,
        Verdict::NoChange => said_no_change(oracle, new.id),
        Verdict::Cancelled => oracle.truth.tasks.get(&new.issue()).is_some_and(|task| task.ever_given_up),
        Verdict::Escalated => escalates_rightly(oracle, new),
    };
    oracle.must("S19", holds, || format!("{} is {verdict}, which nothing that happened says", new.id));
}

fn said_no_change(oracle: &Oracle, id: TaskId) -> bool {
    oracle.truth.attempts_of(id.0).next_back().is_some_and(|(_, attempt)| {
        matches!(&attempt.closed, Some(Closing::Result { outcome: ReportOutcome::NoChange, .. }))
    })
}

/// Some counter is past its limit.
fn escalates_rightly(oracle: &Oracle, task: &Task) -> bool {
    let (settings, counters) = (&oracle.settings, &task.counters);
    let attempts = task.facts.retries.map_or(settings.attempts, |retries| retries + 1) + counters.granted;
    counters.failures >= attempts
        || counters.infra_retries > settings.infra_retries
        || counters.conflict_reruns > settings.conflict_reruns
}
