//! What GitHub shows, and the plan that it makes.

use std::sync::Arc;

use crate::engine::attempt::{Attempt, FenceCause, Stand};
use crate::engine::brief::{Mode, text_digest};
use crate::engine::config::Settings;
use crate::engine::effect::{Effect, EffectKey, Entry, EntryState, Outcome};
use crate::engine::event::{Event, Fact, Read};
use crate::engine::id::{
    AttemptId, AttemptKey, CommentId, IssueNumber, Login, Owner, RepositoryName, RunId, Sha, TaskId,
};
use crate::engine::kept::{self, Found, Kept};
use crate::engine::plan::{Plan, PlanStatus};
use crate::engine::step::{Step, step};
use crate::engine::task::{Approval, Counters, Stage, Task};
use crate::engine::time::Timestamp;

const NOW: Timestamp = Timestamp(1_000_000);

fn unknown() -> Plan {
    let (name, bot) = (RepositoryName::new("acme/widgets"), Login::new("bot"));
    Plan::unknown(name, bot, "new seed".to_owned(), Settings::local(), NOW)
}

/// A plan under way: #4 with its second attempt as far as `stand`, and an effect of each fate in the outbox.
fn under_way(stand: Stand) -> Plan {
    let mut plan = unknown();
    plan.header.seed = "old seed".to_owned();
    plan.header.status = PlanStatus::Active;
    let mut task = Task::waiting(IssueNumber(4), "Title", "Body", &[], NOW);
    let digest = text_digest("Title", "Body");
    let (title, body, by) = ("Title".to_owned(), "Body".to_owned(), Login::new("ann"));
    task.approval = Some(Approval { title, body, digest, by, at: NOW });
    task.counters = Counters { failures: 1, granted: 1, ..Counters::default() };
    let key = AttemptKey::parse(&format!("t4.2.{}", "a".repeat(32))).expect("a key");
    let mut attempt = Attempt::planned(key, Mode::Task, Sha::new("base"), Sha::new("base"), NOW);
    attempt.stand = stand;
    task.attempts.push(attempt);
    task.stage = Stage::Running;
    plan.tasks.insert(Arc::new(task));
    plan.numbers.insert(IssueNumber(4), 2);
    for (key, state) in [("comment:4:x", EntryState::Queued), ("comment:4:y", EntryState::Intended)] {
        let effect = Effect::Comment { number: IssueNumber(4), body: "words".to_owned() };
        put(&mut plan, key, effect, state);
    }
    let rerun = Effect::Rerun { run: RunId(3) };
    put(&mut plan, "rerun:3", rerun, EntryState::Queued);
    plan
}

fn put(plan: &mut Plan, key: &str, effect: Effect, state: EntryState) {
    let (key, owner) = (EffectKey(key.to_owned()), Owner::new("old"));
    let entry = Entry { key: key.clone(), effect, attempt: None, state, owner, tries: 1, looks: 1, not_before: NOW };
    plan.outbox.insert(key, entry);
}

/// What the state branch shows of a plan, through its text.
fn found(plan: &Plan) -> Found {
    let files = kept::files(plan, true);
    let text = |path: &str| files.iter().find(|(name, _)| name == path).map(|(_, text)| text.as_bytes());
    let kept = Kept::parse(text(kept::PLAN_FILE).expect("the plan")).expect("readable");
    let task = |id: &TaskId| kept::parse_task(*id, kept.schema, text(&kept::task_path(*id)).expect("a task"));
    let tasks = kept.tasks.iter().map(|id| task(id).expect("readable")).collect();
    Found { tip: Some(Sha::new("tip")), plan: Some((kept, tasks)), ..Found::default() }
}

fn stepped(plan: &mut Plan, events: &[Event], now: Timestamp) -> Step {
    let mut stepped = step(plan, events, now, &Owner::new("new"));
    plan.apply(std::mem::take(&mut stepped.changes));
    stepped
}

fn shown(found: Found) -> Event {
    Event::Fact(Box::new(Fact::Kept(Box::new(found))))
}

fn rebuilt(found: Found) -> (Plan, Step) {
    let mut plan = unknown();
    let first = stepped(&mut plan, &[shown(found.clone())], NOW);
    // Where nothing is shown, once is enough.
    let Some(second) = first.wake_at else { return (plan, first) };
    assert_eq!((plan.header.status, &first.reads, &first.writes), (PlanStatus::Rebuilding, &vec![], &vec![]));
    let step = stepped(&mut plan, &[shown(found)], second);
    (plan, step)
}

#[test]
fn what_lists_do_not_show_yet_is_waited_for() {
    let was = under_way(Stand::Dispatched);
    let mut plan = unknown();
    stepped(&mut plan, &[shown(found(&was))], NOW);
    let second = NOW + was.header.settings.probe_window.0;
    // Nothing that is heard or seen before makes it begin.
    let early = second - std::time::Duration::from_secs(1);
    let step = stepped(&mut plan, &[Event::Tick, shown(found(&was))], early);
    assert_eq!((plan.header.status, step.reads, step.wake_at), (PlanStatus::Rebuilding, vec![], Some(second)));
    assert_eq!(stepped(&mut plan, &[Event::Tick], early).reads, []);
    let step = stepped(&mut plan, &[], second);
    assert!(matches!(step.reads.as_slice(), [Read::Kept { .. }]), "{:?}", step.reads);
    stepped(&mut plan, &[shown(Found { tip: Some(Sha::new("later")), ..found(&was) })], second);
    assert_ne!(plan.header.status, PlanStatus::Rebuilding);
}

fn keys(keys: &[EffectKey]) -> Vec<&str> {
    keys.iter().map(|key| key.0.as_str()).collect()
}

#[test]
fn before_github_has_shown_what_there_is_nothing_is_written() {
    let mut plan = unknown();
    let asked = stepped(&mut plan, &[Event::Resumed, Event::Tick], NOW);
    assert!(matches!(asked.reads.as_slice(), [Read::Kept { .. }]), "{:?}", asked.reads);
    let read = asked.reads[0].clone();
    let issues = Event::Fact(Box::new(Fact::Issues(Vec::new())));
    let failed =
        Event::ReadFailed { read, message: "502".to_owned(), until: Some(NOW + std::time::Duration::from_secs(9)) };
    for events in [vec![failed], vec![issues, Event::Tick]] {
        let step = stepped(&mut plan, &events, NOW);
        assert_eq!((step.writes, step.probes, plan.header.status), (vec![], vec![], PlanStatus::Rebuilding));
    }
    let failed = Event::ReadFailed { read: Read::Issues, message: "502".to_owned(), until: None };
    assert_eq!(stepped(&mut plan, &[failed], NOW).reads, [], "what failed waits for the next tick");
}

#[test]
fn where_nothing_is_shown_a_plan_begins_as_ever() {
    let (plan, step) = rebuilt(Found::default());
    assert_eq!((plan.header.status, plan.header.rebuilt_at, plan.outbox.len()), (PlanStatus::Idle, None, 0));
    assert!(step.reads.contains(&Read::Issues) && step.reads.contains(&Read::Repository), "{:?}", step.reads);
}

#[test]
fn rows_come_back_as_they_were_kept_but_for_the_seed() {
    let (plan, _) = rebuilt(found(&under_way(Stand::Claimed)));
    let (was, is) = (under_way(Stand::Claimed), &plan);
    assert_eq!((&is.numbers, is.header.seed.as_str(), is.header.base.as_ref()), (&was.numbers, "new seed", None));
    let id = TaskId(IssueNumber(4));
    assert_eq!(
        is.tasks.get(&id).map(|task| (&task.approval, task.counters, &task.attempts)),
        was.tasks.get(&id).map(|task| (&task.approval, task.counters, &task.attempts))
    );
    let files = kept::files(&was, true);
    assert!(files.iter().all(|(_, text)| !text.contains("old seed")), "the seed never leaves the process");
}

#[test]
fn a_dispatch_that_may_have_gone_out_is_looked_for_and_never_sent_again() {
    for stand in [Stand::Planned, Stand::Briefed] {
        let (mut plan, step) = rebuilt(found(&under_way(stand)));
        assert!(keys(&step.probes).contains(&"dispatch:4.2"), "{stand:?}: {:?}", step.probes);
        assert!(!keys(&step.writes).iter().any(|key| key.starts_with("dispatch") || key.starts_with("brief")));
        let key = EffectKey("dispatch:4.2".to_owned());
        let unseen = || [Event::Outcome(key.clone(), Box::new(Outcome::NotSeen))];
        stepped(&mut plan, &unseen(), NOW);
        let later = NOW + plan.header.settings.probe_window.0;
        assert!(keys(&stepped(&mut plan, &[], later).probes).contains(&"dispatch:4.2"));
        let step = stepped(&mut plan, &unseen(), later);
        assert!(keys(&step.writes).contains(&"fence:4.2"), "{stand:?}: {:?}", step.writes);
        let task = plan.task_of(IssueNumber(4)).expect("there");
        assert_eq!(task.current().expect("tried").fence, Some(FenceCause::LostDispatch));
    }
    let (plan, step) = rebuilt(found(&under_way(Stand::Dispatched)));
    assert!(!plan.outbox.contains_key(&EffectKey("dispatch:4.2".to_owned())), "GitHub took it: its run is read");
    assert!(step.reads.iter().any(|read| matches!(read, Read::Attempts { .. })), "{:?}", step.reads);
}

#[test]
fn what_could_stand_twice_is_looked_for_first() {
    let (mut plan, step) = rebuilt(found(&under_way(Stand::Claimed)));
    assert!(["comment:4:x", "comment:4:y"].iter().all(|key| keys(&step.probes).contains(key)), "{:?}", step.probes);
    assert!(keys(&step.writes).contains(&"rerun:3"), "what GitHub refuses or ignores is sent: {:?}", step.writes);
    // What the lost minute may have said is looked for too, for a while.
    let said = |plan: &Plan, now: Timestamp| {
        let mut draft = crate::engine::draft::Draft::new(plan, now, &Owner::new("new"));
        draft.intend("comment:9:z", None, Effect::Comment { number: IssueNumber(9), body: String::new() });
        draft.intend("uncomment:9", None, Effect::DeleteComment { comment: CommentId(9) });
        let state = |key: &str| draft.entry(&EffectKey(key.to_owned())).map(|entry| entry.state);
        (state("comment:9:z"), state("uncomment:9"))
    };
    let now = plan.header.rebuilt_at.expect("rebuilt");
    assert_eq!(said(&plan, now), (Some(EntryState::Sent), Some(EntryState::Queued)));
    assert_eq!(said(&plan, now + super::CAUTIOUS_FOR), (Some(EntryState::Queued), Some(EntryState::Queued)));
    plan.header.rebuilt_at = None;
    assert_eq!(said(&plan, now).0, Some(EntryState::Queued));
}

#[test]
fn an_attempt_nobody_kept_is_closed_and_its_number_taken() {
    let strange = AttemptId { issue: IssueNumber(7), n: 3 };
    let mut shown = found(&under_way(Stand::Claimed));
    shown.attempts.insert(strange, Some(RunId(70)));
    shown.attempts.insert(AttemptId { issue: IssueNumber(4), n: 1 }, None);
    shown.attempts.insert(AttemptId { issue: IssueNumber(4), n: 2 }, Some(RunId(42)));
    let (plan, step) = rebuilt(shown);
    assert_eq!(plan.numbers.get(&strange.issue), Some(&3));
    let closing: Vec<&str> =
        keys(&step.writes).into_iter().filter(|key| key.starts_with("fence") || key.starts_with("cancel")).collect();
    assert_eq!(closing, ["cancel:7.3", "fence:7.3"], "and none that is known");
}

#[test]
fn newer_and_broken_plans_are_refused() {
    let files = kept::files(&under_way(Stand::Claimed), true);
    let (_, text) = files.iter().find(|(path, _)| path == kept::PLAN_FILE).expect("the plan");
    let newer = text.replacen("\"schema\":", "\"schema\":9", 1);
    let refused = Kept::parse(newer.as_bytes()).expect_err("newer");
    assert!(refused.contains("newer task-orchestrator"), "{refused}");
    assert!(Kept::parse(&text.as_bytes()[..text.len() / 2]).is_err_and(|error| error.contains("plan.json")));
    let (path, task) = files.iter().find(|(path, _)| path.starts_with("plan/")).expect("a task");
    let other = kept::parse_task(TaskId(IssueNumber(5)), 2, task.as_bytes()).expect_err("another");
    assert!(other.contains("plan/t5.json") && path == "plan/t4.json", "{other}");
}

#[test]
fn what_is_kept_follows_within_a_minute_and_what_nothing_else_tells_at_once() {
    let mut plan = under_way(Stand::Claimed);
    plan.header.unkept.revision = 1;
    plan.outbox.clear();
    let comments = Event::Fact(Box::new(Fact::Comments(Vec::new())));
    let writes = stepped(&mut plan, &[comments], NOW).writes;
    assert!(!keys(&writes).contains(&"keep"), "nothing worth keeping changed: {writes:?}");
    // An approval is said in a comment and could be read again; it may wait for a brief.
    let mut draft = crate::engine::draft::Draft::new(&plan, NOW, &Owner::new("new"));
    if let Some(task) = draft.task_mut(TaskId(IssueNumber(4))) {
        task.approval = None;
    }
    kept::note(&mut draft);
    assert_eq!((draft.header().unkept.due, draft.intends("keep")), (Some(NOW + kept::KEPT_WITHIN), false));
    // Why an attempt is closed stands nowhere else: it goes out before the fence.
    if let Some(task) = draft.task_mut(TaskId(IssueNumber(4))) {
        task.attempts[0].fence = Some(FenceCause::Stuck);
    }
    kept::note(&mut draft);
    assert!(draft.intends("keep"));
}
