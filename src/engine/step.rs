//! The one function that decides: from a plan and what was heard or seen to changed rows, reads, and effects to send.

use crate::engine::draft::Draft;
use crate::engine::effect::{Effect, EffectKey, EntryState};
use crate::engine::event::{Event, Read};
use crate::engine::id::Owner;
use crate::engine::kept;
use crate::engine::observe;
use crate::engine::plan::{Change, Plan, PlanStatus};
use crate::engine::rebuild;
use crate::engine::reconcile;
use crate::engine::task::Move;
use crate::engine::time::Timestamp;

/// What a step decided. The changes are saved before anything is sent.
#[derive(Debug, PartialEq, Eq)]
pub struct Step {
    /// Rows to save, all at once.
    pub changes: Vec<Change>,
    /// What to read.
    pub reads: Vec<Read>,
    /// Outbox entries to send now, in this order.
    pub writes: Vec<EffectKey>,
    /// Outbox entries to look for: their answer was lost.
    pub probes: Vec<EffectKey>,
    /// When something is due though nobody says anything.
    pub wake_at: Option<Timestamp>,
    /// Moves that tasks made, for the log.
    pub moves: Vec<Move>,
}

/// Steps: records what the events tell, then reconciles. Pure; the plan is not touched.
pub fn step(plan: &Plan, events: &[Event], now: Timestamp, owner: &Owner) -> Step {
    let mut draft = Draft::new(plan, now, owner);
    if draft.header().limited_until.is_some_and(|until| until <= now) {
        draft.header_mut().limited_until = None;
        // What was heard meanwhile was not read.
        observe::look_everywhere(&mut draft);
    }
    if draft.header().put_off_until.is_some_and(|until| until <= now) {
        draft.header_mut().put_off_until = None;
    }
    if draft.header().status == PlanStatus::Rebuilding {
        rebuild::step(&mut draft, events);
    } else {
        events.iter().for_each(|event| observe::record(&mut draft, event));
    }
    if draft.header().status == PlanStatus::Rebuilding {
        return finish(draft, Vec::new(), Vec::new());
    }
    let fresh = events.iter().any(|event| !matches!(event, Event::ReadFailed { .. }));
    reconcile::reconcile(&mut draft, fresh);
    kept::note(&mut draft);
    let (writes, probes) = due(&mut draft);
    finish(draft, writes, probes)
}

/// The step as decided.
fn finish(mut draft: Draft<'_>, writes: Vec<EffectKey>, probes: Vec<EffectKey>) -> Step {
    let wake_at = reconcile::wake_at(&draft);
    let moves = draft.take_moves();
    let limited = draft.header().limited_until.is_some();
    let (changes, reads) = draft.finish();
    // What is not read now is once GitHub may be asked again.
    let reads = if limited { Vec::new() } else { reads };
    Step { changes, reads, writes, probes, wake_at, moves }
}

/// Entries that are due: queued ones become intended, which is saved before they are sent; sent ones are looked for.
/// Nothing is due while GitHub asks us to wait.
fn due(draft: &mut Draft<'_>) -> (Vec<EffectKey>, Vec<EffectKey>) {
    let now = draft.now;
    if draft.header().limited_until.is_some() {
        return (Vec::new(), Vec::new());
    }
    let mut due: Vec<(u8, EffectKey, EntryState)> = draft
        .entries()
        .filter(|entry| entry.not_before <= now && entry.state != EntryState::Intended)
        .map(|entry| (rank(&entry.effect), entry.key.clone(), entry.state))
        .collect();
    due.sort();
    // A brief is written for a runner: its dispatch goes out next, and what nobody's run waits for follows that.
    let briefs = |(_, key, state): &(u8, EffectKey, EntryState)| {
        *state == EntryState::Queued
            && draft.entry(key).is_some_and(|entry| matches!(entry.effect, Effect::WriteBrief { .. }))
    };
    if due.iter().any(briefs) {
        due.retain(|(rank, _, _)| *rank < RANK_AFTER_DISPATCH);
    }
    let owner = draft.owner().clone();
    let mut writes = Vec::new();
    let mut probes = Vec::new();
    for (_, key, state) in due {
        if state == EntryState::Sent {
            probes.push(key);
            continue;
        }
        if let Some(entry) = draft.entry_mut(&key) {
            entry.state = EntryState::Intended;
            entry.owner = owner.clone();
            entry.tries += 1;
            entry.looks = 0;
        }
        writes.push(key);
    }
    (writes, probes)
}

/// From this rank on nothing is sent between a brief and its dispatch.
const RANK_AFTER_DISPATCH: u8 = 4;

/// What is sent first: dispatches before everything, because a runner waits for them; words to people last.
fn rank(effect: &Effect) -> u8 {
    match effect {
        Effect::Dispatch { .. } => 0,
        Effect::WriteBrief { .. } | Effect::KeepPlan { .. } => 1,
        Effect::Fence { .. } | Effect::CancelRun { .. } => 2,
        Effect::MergePull { .. } | Effect::UpdatePull { .. } => 3,
        Effect::MoveBranch { .. } | Effect::OpenPull { .. } | Effect::EditPull { .. } => 4,
        Effect::CreateTracking { .. } => 5,
        Effect::React { .. } => 6,
        Effect::Pin { .. }
        | Effect::Comment { .. }
        | Effect::DeleteComment { .. }
        | Effect::Rerun { .. }
        | Effect::CloseIssue { .. }
        | Effect::Relate { .. }
        | Effect::DeleteBranch { .. } => 7,
        Effect::EditTracking { .. } => 8,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::config::Settings;
    use crate::engine::id::{AttemptId, AttemptKey, IssueNumber, Login, RepositoryName, Sha};

    #[test]
    fn what_an_effect_is_ranks_it_and_not_its_name() {
        let now = Timestamp(1);
        let name = RepositoryName::new("acme/widgets");
        let mut plan = Plan::idle(name, Login::new("bot"), "seed".to_owned(), Settings::local(), now);
        let id = AttemptId { issue: IssueNumber(1), n: 1 };
        let dispatch = Effect::Dispatch {
            key: AttemptKey::parse(&format!("t{id}.{}", "a".repeat(32))).expect("a key"),
            brief: Sha("a".repeat(40)),
        };
        let mut draft = Draft::new(&plan, now, &Owner::new("test"));
        draft.intend("branch:any", None, Effect::EditTracking { number: IssueNumber(9) });
        draft.intend("fence:any", None, Effect::CloseIssue { number: IssueNumber(9) });
        draft.intend("zebra", None, dispatch);
        let (changes, _) = draft.finish();
        plan.apply(changes);
        let writes = step(&plan, &[], now, &Owner::new("test")).writes;
        assert_eq!(writes.iter().map(|key| key.0.as_str()).collect::<Vec<_>>(), ["zebra", "fence:any", "branch:any"]);
    }
}
