//! What must hold whenever a dispatch of ours made a run.

use std::collections::{BTreeMap, BTreeSet};

use crate::engine::brief::{Brief, Mode};
use crate::engine::config::Gate;
use crate::engine::footprint::OverlapPolicy;
use crate::engine::id::{AttemptKey, IssueNumber, TaskId};
use crate::engine::report::ReportOutcome;
use crate::engine::task::Counters;
use crate::forge::memory::WORKFLOW;
use crate::simulate::oracle::text::Said;
use crate::simulate::oracle::truth::AttemptTruth;
use crate::simulate::oracle::{Closing, Oracle, Seen, planner, text};

/// A dispatch of ours made a run.
pub(super) fn dispatched(
    oracle: &mut Oracle,
    workflow: &str,
    branch: &str,
    inputs: &BTreeMap<String, String>,
    seen: Seen<'_>,
) {
    let right = workflow == WORKFLOW && branch == "main";
    oracle.must("S16", right, || format!("`{workflow}` was dispatched on `{branch}`"));
    let input = |name: &str| inputs.get(name).map(String::as_str).unwrap_or_default();
    let Some(key) = AttemptKey::parse(input("key")) else {
        return oracle.must("S16", false, || format!("a run was dispatched under the key `{}`", input("key")));
    };
    once(oracle, &key);
    slots(oracle, &key);
    not_given_up(oracle, &key);
    let brief = seen.repository.file(input("brief"), &key.id.brief_path()).map(Brief::parse);
    let Some(Ok(brief)) = brief else {
        return oracle.must("S14", false, || format!("{key} was dispatched without a brief that can be read"));
    };
    approved(oracle, &key, &brief);
    let said = text::read(&brief.text.body);
    if brief.mode == Mode::Plan {
        return planner::dispatched(oracle, key.id, &brief.text.digest);
    }
    planner::believed(oracle, &brief, &said.files);
    let mut holds = said.files.clone();
    holds.extend(planner::confirmed(oracle, key.id.issue, &brief.text.digest));
    files_are_free(oracle, key.id.issue, &holds, seen);
    guesses_are_free(oracle, key.id.issue, &said);
    dependencies_are_settled(oracle, key.id.issue, &said.depends_on, seen);
    phase_is_open(oracle, key.id.issue, said.phase);
    attempts_are_left(oracle, key.id.issue);
    ends_are_counted(oracle, key.id.issue);
    counts_go_on(oracle, key.id.issue);
    let clock = oracle.truth.clock;
    let task = oracle.truth.task(key.id.issue);
    (task.said, task.holds) = (said, holds);
    task.held_since.get_or_insert(clock);
}

/// S2: each attempt is dispatched once by us, and never after its record was closed by us.
fn once(oracle: &mut Oracle, key: &AttemptKey) {
    let fenced = oracle.truth.attempts.get(&key.id).is_some_and(|attempt| attempt.closed == Some(Closing::Fenced));
    oracle.must("S2", !fenced, || format!("{key} was dispatched after its record was fenced"));
    let dispatches = oracle.truth.dispatched(key.id);
    oracle.must("S2", dispatches == 1, || format!("{key} was dispatched {dispatches} times"));
}

/// S11: never more attempts open than allowed.
fn slots(oracle: &mut Oracle, key: &AttemptKey) {
    let most = oracle.settings.max_parallel;
    let open = oracle.truth.open;
    oracle.must("S11", open <= most, || format!("with {key}, {open} attempts are open; {most} may be"));
}

/// S21: nothing is dispatched for a task whose end a person asked for.
fn not_given_up(oracle: &mut Oracle, key: &AttemptKey) {
    let row = oracle.tasks.get(&TaskId(key.id.issue)).cloned();
    let given_up = row.as_ref().is_some_and(|task| task.cancel_asked || task.left);
    oracle.must("S21", !given_up, || format!("{key} was dispatched though the task is given up"));
    let asked = oracle.truth.tasks.get(&key.id.issue).is_some_and(|task| task.given_up);
    let known = row.is_some_and(|task| task.verdict.is_some());
    oracle.must("S21", !(asked && known), || format!("{key} was dispatched after its task had its verdict"));
}

/// S13 and S14: the text is one that a person with write approved as it stood, word for word.
fn approved(oracle: &mut Oracle, key: &AttemptKey, brief: &Brief) {
    let digest = crate::engine::brief::text_digest(&brief.text.title, &brief.text.body);
    let approved = oracle.truth.tasks.get(&key.id.issue).is_some_and(|task| task.approved.contains(&digest));
    oracle.must("S14", approved, || {
        format!("{key} carries a text that nobody with write approved: {:?}", brief.text.body)
    });
}

/// S1: the files of a new run are held by no other task that is dispatched and unsettled. Which of two came first is
/// told by the saves of their locks: two that were picked in one step must not meet, and a meeting that came about
/// later is held back at its pull request. Where an edit makes two meet that were picked in one step, the moments of
/// their locks tell which of them goes on: the saves cannot, and the one that goes on may be the one whose first
/// dispatch never reached GitHub.
fn files_are_free(oracle: &mut Oracle, issue: IssueNumber, files: &[String], seen: Seen<'_>) {
    if oracle.settings.overlap == OverlapPolicy::Off {
        return;
    }
    let clock = oracle.truth.clock;
    let task = oracle.truth.tasks.get(&issue);
    let ours = task.and_then(|task| task.locked_since).unwrap_or(clock);
    let first = task.is_none_or(|task| task.held_since.is_none());
    let picked = task.map_or(&[][..], |task| task.locked_for.as_slice());
    let row_since = |issue: IssueNumber| oracle.tasks.get(&TaskId(issue)).and_then(|row| row.locked_since);
    let files = &locking(oracle, files);
    let picked = &locking(oracle, picked);
    let met = oracle.truth.tasks.iter().filter(|(other, _)| **other != issue).find_map(|(other, task)| {
        let met_then = text::meeting(picked, &task.locked_for).is_some();
        let together = first && task.locked_since == Some(ours) && (met_then || row_since(*other) < row_since(issue));
        let before = task.held_since.is_some_and(|since| since < ours || together);
        let path = text::meeting(files, &held_files(oracle, *other, &task.holds))?;
        (before && is_unsettled(oracle, *other, seen)).then(|| (*other, path.clone()))
    });
    oracle.must("S1", met.is_none(), || {
        let (other, path) = met.unwrap_or_default();
        format!("#{issue} was dispatched on `{path}`, which #{other} holds")
    });
}

/// Those of some files that lock: what everybody touches does so only under `strict`.
pub(super) fn locking(oracle: &Oracle, files: &[String]) -> Vec<String> {
    let strict = oracle.settings.overlap == OverlapPolicy::Strict;
    let locks = |file: &&String| strict || !oracle.settings.hotspots.contains(file);
    files.iter().filter(locks).cloned().collect()
}

/// S1 under `strict`: nobody is dispatched on a file that another task, at work since earlier, declares or whose words
/// its text speaks; nor on the words of a file that another one declares.
fn guesses_are_free(oracle: &mut Oracle, issue: IssueNumber, said: &Said) {
    let begins = oracle.truth.tasks.get(&issue).is_none_or(|task| task.held_since.is_none());
    if oracle.settings.overlap != OverlapPolicy::Strict || !begins {
        return;
    }
    let touched = |said: &Said| -> Vec<String> { said.files.iter().chain(&said.about).cloned().collect() };
    let mine = touched(said);
    let met = oracle.truth.tasks.iter().filter(|(other, _)| **other != issue).find_map(|(other, task)| {
        let at_work = oracle.truth.attempts_of(*other).any(|(_, attempt)| attempt.closed.is_none());
        let guessed = said.about.is_some() || task.said.about.is_some();
        // What a planner run named stands in place of guesses, and so do the files that work has really changed.
        if oracle.truth.is_planned(issue) || oracle.truth.is_planned(*other) || oracle.truth.has_worked(*other) {
            return None;
        }
        let path = text::meeting(&mine, &touched(&task.said))?;
        (at_work && guessed && task.held_since.is_some()).then(|| (*other, path.clone()))
    });
    oracle.must("S1", met.is_none(), || {
        let (other, path) = met.unwrap_or_default();
        format!("#{issue} was dispatched though `{path}` is likely touched by it or by #{other}, which is at work")
    });
}

/// The files of a task: those of the text that its newest attempt has; once that has ended and another text of it was
/// approved, those of that one.
fn held_files(oracle: &Oracle, issue: IssueNumber, said: &[String]) -> Vec<String> {
    let at_work = oracle.truth.attempts_of(issue).any(|(_, attempt)| attempt.closed.is_none());
    let row = oracle.tasks.get(&TaskId(issue)).filter(|row| !at_work && !row.has_open_pull());
    let approved = row.and_then(|row| row.approval.as_ref()).map(|approved| text::read(&approved.body).files);
    approved.unwrap_or_else(|| said.to_vec())
}

/// Whether a task that was dispatched still has its files: no verdict yet, or an open pull request.
pub(in crate::simulate) fn is_unsettled(oracle: &Oracle, issue: IssueNumber, seen: Seen<'_>) -> bool {
    let verdict = oracle.tasks.get(&TaskId(issue)).is_none_or(|task| task.verdict.is_some());
    let branch = crate::engine::id::pull_branch(issue);
    !verdict || seen.world.open_heads().any(|(_, pull)| pull.head_branch == branch)
}

/// S22: what it depends on is merged, needed no change, was given up by a person, or is closed outside the plan.
fn dependencies_are_settled(oracle: &mut Oracle, issue: IssueNumber, depends_on: &[u64], seen: Seen<'_>) {
    for dependency in depends_on.iter().map(|number| IssueNumber(*number)).filter(|number| *number != issue) {
        let branch = crate::engine::id::pull_branch(dependency);
        let merged = seen.world.pulls().any(|(_, pull)| pull.head_branch == branch && pull.merged.is_some());
        let known = oracle.truth.tasks.get(&dependency);
        let past = known.is_some_and(|task| task.ever_given_up || task.ever_closed);
        let last = oracle.truth.attempts_of(dependency).next_back().and_then(|(_, attempt)| attempt.closed.as_ref());
        let no_change = matches!(last, Some(Closing::Result { outcome, .. })
            if *outcome == ReportOutcome::NoChange);
        oracle.must("S22", merged || past || no_change, || {
            format!("#{issue} was dispatched though #{dependency}, on which it depends, is not done")
        });
    }
}

/// S22: nothing of a phase begins while a task of an earlier one, begun before its phase had passed, is unsettled. What
/// was picked before that one was heard of goes on.
fn phase_is_open(oracle: &mut Oracle, issue: IssueNumber, phase: u32) {
    let reached = oracle.truth.phase;
    let begun = oracle.truth.attempts_of(issue).any(|(_, attempt)| attempt.dispatches > 1)
        || oracle.truth.attempts_of(issue).filter(|(_, attempt)| attempt.dispatches > 0).count() > 1;
    if oracle.settings.gate == Gate::Merged && phase > reached && !begun {
        let picked = oracle.truth.tasks.get(&issue).and_then(|task| task.locked_since);
        let earlier = oracle.truth.tasks.iter().find(|(other, task)| {
            let after = picked.is_some() && task.locked_since > picked;
            let row = oracle.tasks.get(&TaskId(**other));
            let open = row.is_some_and(|row| row.verdict.is_none() && !row.left && row.is_approved());
            let early = task.said.phase < phase && raised_phase(oracle, **other) < phase;
            open && early && !after && task.held_since.is_some() && !task.was_settled && !task.was_let_past
        });
        let earlier = earlier.map(|(other, _)| *other);
        oracle.must("S22", earlier.is_none(), || {
            format!("#{issue} of phase {phase} was dispatched while {earlier:?} of an earlier one is unsettled")
        });
    }
    oracle.truth.phase = reached.max(phase);
}

/// The phase that a task is of by the texts: who depends on a task of a later one is of that, whatever its own says.
pub(super) fn raised_phase(oracle: &Oracle, issue: IssueNumber) -> u32 {
    let (mut found, mut seen, mut latest) = (vec![issue], BTreeSet::new(), 0);
    while let Some(issue) = found.pop() {
        if !seen.insert(issue) {
            continue;
        }
        if let Some(row) = oracle.tasks.get(&TaskId(issue)) {
            let said = text::read(&row.body);
            latest = latest.max(said.phase);
            found.extend(said.depends_on.iter().map(|issue| IssueNumber(*issue)));
        }
    }
    latest
}

/// S9: no more attempts than allowed after failures that are the agent's beyond doubt.
fn attempts_are_left(oracle: &mut Oracle, issue: IssueNumber) {
    let first_plan = oracle.header.as_ref().is_some_and(|header| header.number == 1);
    let Some(task) = oracle.truth.tasks.get(&issue).filter(|_| first_plan) else { return };
    let retries = oracle.tasks.get(&TaskId(issue)).and_then(|row| row.facts.retries);
    let allowed = retries.map_or(oracle.settings.attempts, |retries| retries + 1) + task.retries + task.touched;
    let failed = |attempt: &AttemptTruth| {
        let failed = matches!(&attempt.closed, Some(Closing::Result { outcome: ReportOutcome::Failed, .. }));
        attempt.is_work() && failed
    };
    let failures = oracle.truth.attempts_of(issue).filter(|(_, attempt)| failed(attempt)).count();
    oracle.must("S9", failures < allowed as usize, || {
        format!("#{issue} was dispatched after {failures} failures; {allowed} attempts are allowed")
    });
}

/// S9: each attempt that ended without success was counted before the next one begins.
fn ends_are_counted(oracle: &mut Oracle, issue: IssueNumber) {
    let first_plan = oracle.header.as_ref().is_some_and(|header| header.number == 1);
    let Some(task) = oracle.truth.tasks.get(&issue).filter(|_| first_plan) else { return };
    let Some(counters) = oracle.tasks.get(&TaskId(issue)).map(|row| row.counters) else { return };
    let useless = |attempt: &AttemptTruth| match &attempt.closed {
        Some(Closing::Result { outcome: ReportOutcome::Infra, .. }) => true,
        Some(Closing::Result { outcome: ReportOutcome::Failed, .. }) => attempt.is_work(),
        Some(Closing::Result { .. } | Closing::Fenced) | None => false,
    };
    let ended = oracle.truth.attempts_of(issue).filter(|(_, attempt)| useless(attempt));
    let ends = u32::try_from(ended.count()).unwrap_or(u32::MAX);
    let counted = counters.failures + counters.infra_retries + task.touched + task.retries;
    oracle.must("S9", ends <= counted, || {
        format!("#{issue} was dispatched after {ends} attempts that came to nothing; {counters:?}")
    });
}

/// S9: what was counted before the database was lost is counted again before the next attempt begins. What a person
/// granted may come back later, when the comment is read again. A head that was red and cannot be merged either is one
/// or the other by what is looked at first; and an end whose run is not to be had any more may be taken for the
/// runner's.
fn counts_go_on(oracle: &mut Oracle, issue: IssueNumber) {
    let id = TaskId(issue);
    let plan = oracle.header.as_ref().map_or(0, |header| header.number);
    let was = oracle.counted.get(&id).filter(|(counted_in, _)| *counted_in == plan).map(|(_, counters)| *counters);
    let (Some(was), Some(is)) = (was, oracle.tasks.get(&id).map(|task| task.counters)) else { return };
    let all = |counters: Counters| counters.failures + counters.conflict_reruns + counters.infra_retries;
    oracle
        .must("S9", all(is) >= all(was), || format!("{id} was dispatched with {is:?}; before the loss it had {was:?}"));
}
