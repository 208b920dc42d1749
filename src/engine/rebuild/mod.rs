//! A plan whose database is lost, rebuilt from what GitHub shows, before anything is written.
//!
//! Promises: no number is given twice, no counter restarts, and what cannot be known is looked for or closed, never
//! done again. GitHub's lists show late what is young, so that it is looked at twice, `probe_window` apart, as a write
//! whose answer was lost is. An attempt whose dispatch may have gone out is looked for as one whose answer was lost; a
//! run or record that nobody kept a row of is fenced; what could come to stand twice is looked for before it is sent,
//! for [`CAUTIOUS_FOR`].

#[cfg(test)]
mod tests;

use std::time::Duration;

use crate::engine::attempt::Stand;
use crate::engine::cursor::Cursor;
use crate::engine::draft::Draft;
use crate::engine::effect::{Effect, EffectKey, Entry, EntryState};
use crate::engine::event::{Event, Fact, Read};
use crate::engine::id::{AttemptId, IssueNumber, Owner, PULL_BRANCH_PREFIX, RunId, Sha, TaskId};
use crate::engine::kept::{Found, Kept, Unkept};
use crate::engine::observe;
use crate::engine::plan::{Header, PlanStatus, Tracking};
use crate::engine::render;
use crate::engine::snapshot::{Actor, Issue, OpenState, PullRequest};
use crate::engine::task::{Pull, Task};

/// For so long after a rebuild, what could come to stand twice is looked for first: what was said within the last
/// minute before the loss is said again as soon as its facts are read again.
pub(super) const CAUTIOUS_FOR: Duration = Duration::from_secs(3_600);
/// Runs of so long ago are looked at: a job waits at most a day for its runner.
const RUNS_OF: Duration = Duration::from_secs(24 * 3_600);

/// One step of a plan that is being rebuilt. Nothing is decided before GitHub has shown what there is; hints heard
/// meanwhile need not be kept, because everything is read then.
pub(super) fn step(draft: &mut Draft<'_>, events: &[Event]) {
    for event in events {
        match event {
            Event::Fact(fact) => {
                if let Fact::Kept(found) = &**fact {
                    return looked(draft, found);
                }
            }
            Event::ReadFailed { until: Some(until), .. } => draft.header_mut().limited_until = Some(*until),
            Event::ReadFailed { until: None, .. }
            | Event::Resumed
            | Event::Tick
            | Event::Hint(_)
            | Event::Outcome(_, _) => {}
        }
    }
    let due = draft.header().second_look_at.is_none_or(|second| draft.now >= second);
    // What failed waits for the next tick.
    let failed = !events.is_empty() && events.iter().all(|event| matches!(event, Event::ReadFailed { .. }));
    if due && !failed {
        let since = draft.now - RUNS_OF;
        draft.read(Read::Kept { since });
    }
}

/// GitHub was looked at. Where it shows anything of ours, what was done last may not be among it yet.
fn looked(draft: &mut Draft<'_>, found: &Found) {
    let (now, second) = (draft.now, draft.header().second_look_at);
    let known = found.plan.is_some() || !found.tracking.is_empty() || !found.attempts.is_empty();
    if known && second.is_none() {
        let settings = found.plan.as_ref().map_or(&draft.header().settings, |(kept, _)| &kept.header.settings);
        let second = now + settings.probe_window.0;
        draft.header_mut().second_look_at = Some(second);
    } else if second.is_none_or(|second| now >= second) {
        draft.header_mut().second_look_at = None;
        draft.header_mut().rebuilt_at = known.then_some(now);
        rebuild(draft, found);
    }
}

fn rebuild(draft: &mut Draft<'_>, found: &Found) {
    draft.header_mut().status = PlanStatus::Idle;
    if let Some((kept, tasks)) = &found.plan {
        take_header(draft, &kept.header);
        take_numbers(draft, kept);
        kept.outbox.iter().for_each(|entry| take_entry(draft, entry));
        for task in tasks {
            take_task(draft, task, found.tip.as_ref());
        }
        // What ended meanwhile is put in place before anybody asks why its issue is closed.
        for (attempt, tip, record) in &found.records {
            observe::record_record(draft, *attempt, tip, record);
        }
        found.pulls.iter().for_each(|(pull, closed_by)| take_pull(draft, pull, closed_by.as_ref()));
    }
    take_tracking(draft, &found.tracking);
    for (attempt, run) in &found.attempts {
        close_stranger(draft, *attempt, *run);
    }
    observe::look_everywhere(draft);
}

/// The plan's own row. The base is read again, and with it the configuration.
fn take_header(draft: &mut Draft<'_>, kept: &Header) {
    let fresh = draft.header().clone();
    let header = Header {
        schema: fresh.schema,
        seed: fresh.seed,
        bot: fresh.bot,
        base: None,
        rebuilt_at: fresh.rebuilt_at,
        second_look_at: None,
        limited_until: fresh.limited_until,
        unkept: Unkept { revision: kept.unkept.revision, ..Unkept::default() },
        ..kept.clone()
    };
    *draft.header_mut() = header;
    // Its history of edits tells what was ticked since it was kept.
    if let Some(tracking) = &mut draft.header_mut().tracking {
        tracking.read_at = None;
    }
}

fn take_numbers(draft: &mut Draft<'_>, kept: &Kept) {
    for (issue, n) in &kept.numbers {
        draft.raise_number(AttemptId { issue: *issue, n: *n });
    }
}

/// What was to be done may have been done since it was kept.
fn take_entry(draft: &mut Draft<'_>, kept: &Entry) {
    let state = match kept.state {
        EntryState::Queued if !kept.effect.creates() => EntryState::Queued,
        EntryState::Queued | EntryState::Intended | EntryState::Sent => EntryState::Sent,
    };
    let (owner, now) = (draft.owner().clone(), draft.now);
    // What waited to be sent is looked for at once, whatever it waited for.
    let asked = state == EntryState::Sent && kept.state != EntryState::Sent;
    let not_before = if asked { now } else { kept.not_before };
    draft.put_entry(Entry { state, owner, looks: 0, not_before, ..kept.clone() });
}

/// A task; its live attempt's dispatch may have gone out after it was kept, so that it is looked for.
fn take_task(draft: &mut Draft<'_>, kept: &Task, tip: Option<&Sha>) {
    let mut task = kept.clone();
    let unsure = task.attempts.last_mut().filter(|attempt| attempt.stand < Stand::Dispatched);
    if let (Some(attempt), Some(tip)) = (unsure, tip) {
        let brief = attempt.brief.clone().unwrap_or_else(|| tip.clone());
        attempt.brief = Some(brief.clone());
        attempt.stand = Stand::Briefed;
        let (id, key) = (attempt.id, attempt.key.clone());
        draft.put_entry(look_for(draft, format!("dispatch:{id}"), Some(id), Effect::Dispatch { key, brief }));
    }
    draft.add_task(task);
}

/// A pull request that was opened after the plan was kept. It shows our work where its head says so; whatever else
/// stands there is taken for a person's.
fn take_pull(draft: &mut Draft<'_>, pull: &PullRequest, closed_by: Option<&Actor>) {
    let issue = pull.head_branch.strip_prefix(PULL_BRANCH_PREFIX).and_then(|issue| issue.parse().ok());
    let Some(id) = issue.map(|issue| TaskId(IssueNumber(issue))) else { return };
    let now = draft.now;
    let newer = |known: &Pull| !known.open && !known.merged && known.number < pull.number;
    let Some(task) = draft.task_mut(id).filter(|task| task.pull.as_ref().is_none_or(newer)) else { return };
    let Some(work) = task.work.as_ref().map(|work| work.commit.clone()) else { return };
    // One that ended on another commit belongs to an earlier life of the branch, unless it was merged since the newest
    // attempt began: then somebody pushed to it.
    let begun = task.attempts.last().map(|attempt| attempt.planned_at);
    let merged_since = pull.merged && begun.is_some_and(|begun| pull.updated_at > begun);
    if pull.state == OpenState::Closed && pull.head_sha != work && !merged_since {
        return;
    }
    task.branch = Some(work);
    task.pull = Some(Pull::opened(pull.number, pull.head_sha.clone(), now));
    observe::record_pull(draft, pull, closed_by);
}

/// An entry that is looked for before anything is sent.
fn look_for(draft: &Draft<'_>, key: String, attempt: Option<AttemptId>, effect: Effect) -> Entry {
    let owner: Owner = draft.owner().clone();
    let (key, state, not_before) = (EffectKey(key), EntryState::Sent, draft.now);
    Entry { key, effect, attempt, state, owner, tries: 1, looks: 0, not_before }
}

/// The tracking issue, where it was made after the plan was kept. Without a plan, its number tells which one it was,
/// and what people said since it stands there is read.
fn take_tracking(draft: &mut Draft<'_>, open: &[Issue]) {
    if draft.header().tracking.is_some() {
        return;
    }
    let numbered = open.iter().filter_map(|issue| Some((render::marked_plan(&issue.body)?, issue)));
    let newest = numbered.max_by_key(|(plan, issue)| (*plan, std::cmp::Reverse(issue.number)));
    let Some((plan, issue)) = newest.filter(|(plan, _)| *plan >= draft.header().number) else { return };
    if plan > draft.header().number {
        let header = draft.header_mut();
        header.number = plan;
        header.status = PlanStatus::Idle;
        header.cursor = Cursor::new(issue.created_at);
    } else if draft.tasks().next().is_none() {
        draft.header_mut().cursor = Cursor::new(issue.created_at);
    }
    observe::tracking_made(draft, issue);
}

/// Every labelled issue was read, and there is none: of a plan that nobody could keep only its tracking issue is left,
/// which is closed.
pub(super) fn end_remains(draft: &mut Draft<'_>) {
    let header = draft.header();
    let empty = header.status == PlanStatus::Idle && draft.tasks().next().is_none();
    let Some(tracking) = header.tracking.clone().filter(|_| empty) else { return };
    let (now, number) = (draft.now, tracking.number);
    let header = draft.header_mut();
    header.status = PlanStatus::Ended;
    header.ended_at = Some(now);
    header.tracking = Some(Tracking { dirty: true, ..tracking.clone() });
    draft.answered(&EffectKey("pin".to_owned()));
    draft.intend("unpin", None, Effect::Pin { node_id: tracking.node_id, pinned: false });
    draft.intend(format!("close:{number}"), None, Effect::CloseIssue { number });
}

/// An attempt that the kept plan does not know: nobody may do its work, and its number is taken.
fn close_stranger(draft: &mut Draft<'_>, attempt: AttemptId, run: Option<RunId>) {
    if !draft.raise_number(attempt) {
        return;
    }
    let why = "the database was lost, and nobody knows what this attempt was told".to_owned();
    draft.intend(format!("fence:{attempt}"), Some(attempt), Effect::Fence { attempt, why });
    if let Some(run) = run {
        draft.intend(format!("cancel:{attempt}"), Some(attempt), Effect::CancelRun { run });
    }
}
