//! Events in any order through a plan from its beginning: after each, the index is the one that a walk makes.

use proptest::prelude::*;

use crate::engine::config::{ApprovalPolicy, Settings};
use crate::engine::effect::{Effect, Entry, Outcome, Receipt};
use crate::engine::event::{AttemptSeen, Event, Fact, FootprintSeen, Hint};
use crate::engine::footprint::{Claim, Footprint, Source, Strength};
use crate::engine::graph::Outside;
use crate::engine::id::{IssueNumber, Login, Owner, PullNumber, RepositoryName, RunId, Sha};
use crate::engine::plan::Plan;
use crate::engine::record::{Claimed, Published, Record};
use crate::engine::report::{Report, ReportOutcome};
use crate::engine::snapshot::{Actor, Issue, OpenState, Permission, PullRequest};
use crate::engine::step::step;
use crate::engine::task::Task;
use crate::engine::tasks::Tasks;
use crate::engine::tasks::tests::{NOW, index};
use crate::engine::time::Timestamp;

/// What happens next, and to whom.
type Choice = (u8, u64);

const OUTCOMES: [ReportOutcome; 4] =
    [ReportOutcome::Changed, ReportOutcome::NoChange, ReportOutcome::Failed, ReportOutcome::NeedsDecision];

fn actor(login: &str, bot: bool) -> Actor {
    Actor { login: Login::new(login), bot }
}

fn sha(kind: &str, number: u64) -> Sha {
    Sha::new(format!("{kind}{number}"))
}

fn issue(number: u64, turn: u64) -> Issue {
    let depends = if number < 4 { String::new() } else { format!("Depends on: #{}", number / 2) };
    let body = format!("Files: f{}.rs\nPhase: {}\n{depends}", number % 3, 1 + number / 4);
    let edited = format!("Files: g{number}.rs\nDepends on: #{}", 8 + number % 3);
    Issue {
        number: IssueNumber(number),
        node_id: format!("I_{number}"),
        title: format!("Task {number}"),
        body: if turn.is_multiple_of(2) { body } else { edited },
        state: OpenState::Open,
        labels: vec!["orchestrate".to_owned()],
        author: actor("owner", false),
        closed_by: None,
        created_at: NOW,
        updated_at: NOW,
        is_pull_request: false,
        blocked_by_count: 0,
    }
}

fn pull(task: &Task, state: OpenState) -> PullRequest {
    PullRequest {
        number: PullNumber(100 + task.issue().0),
        title: String::new(),
        body: String::new(),
        state,
        merged: false,
        merge_commit: None,
        head_branch: format!("orchestrate/issue-{}", task.issue()),
        head_sha: task.branch.clone().unwrap_or_else(|| Sha::new("c")),
        base_branch: "main".to_owned(),
        draft: false,
        mergeable: Some(true),
        author: actor("bot", true),
        updated_at: NOW,
    }
}

fn ended(task: &Task, outcome: ReportOutcome) -> Option<Fact> {
    let attempt = task.live()?;
    let n = u64::from(attempt.id.n);
    let claimed = Claimed { run_id: RunId(n), run_attempt: 1, key: attempt.key.clone(), brief: Sha::new("b"), at: NOW };
    let changed = outcome == ReportOutcome::Changed;
    let result = Published {
        report: Report::ended(outcome, "why"),
        commit: changed.then(|| sha("c", task.issue().0 * 100 + n)),
        files: vec!["f0.rs".to_owned()],
        added: 1,
        removed: 0,
        refused: Vec::new(),
        start: attempt.start.clone(),
        agent_started_at: None,
        agent_ended_at: None,
        at: NOW,
    };
    let record = Record::claimed(claimed).with_result(result);
    Some(Fact::Attempts(vec![AttemptSeen { id: attempt.id, record: Some((sha("d", n), record)), run: None }]))
}

fn repository(head: u64) -> Fact {
    let settings = Settings { approval: ApprovalPolicy::Label, ..Settings::local() };
    let (branch, settings) = ("main".to_owned(), Box::new(settings));
    Fact::Repository { branch, head: sha("a", head), settings, problem: None, workflow_present: true }
}

fn footprint(task: &Task) -> FootprintSeen {
    let claims = task.facts.files.iter().cloned().map(|area| Claim {
        area,
        strength: Strength::Hard,
        source: Source::Declared,
        evidence: String::new(),
    });
    let footprint = Footprint::from_claims(claims);
    FootprintSeen { issue: task.issue(), digest: task.digest.clone(), footprint }
}

fn receipt(plan: &Plan, entry: &Entry) -> Receipt {
    match &entry.effect {
        Effect::CreateTracking { .. } => Receipt::Issue(Box::new(issue(1_000, 0))),
        Effect::EditTracking { .. } => {
            Receipt::TrackingWritten { number: IssueNumber(1), digest: String::new(), history: None }
        }
        Effect::WriteBrief { .. } | Effect::KeepPlan { .. } => Receipt::Commit(Sha::new("b")),
        Effect::Dispatch { .. } => Receipt::Dispatched { run: None },
        Effect::OpenPull { issue, .. } => {
            plan.task_of(*issue).map_or(Receipt::Nothing, |task| Receipt::Pull(Box::new(pull(task, OpenState::Open))))
        }
        Effect::Pin { .. }
        | Effect::Comment { .. }
        | Effect::DeleteComment { .. }
        | Effect::React { .. }
        | Effect::Fence { .. }
        | Effect::CancelRun { .. }
        | Effect::MoveBranch { .. }
        | Effect::EditPull { .. }
        | Effect::MergePull { .. }
        | Effect::UpdatePull { .. }
        | Effect::Rerun { .. }
        | Effect::CloseIssue { .. }
        | Effect::Relate { .. }
        | Effect::DeleteBranch { .. } => Receipt::Nothing,
    }
}

/// One event of a kind, to one of the tasks.
fn event(plan: &Plan, (kind, number): Choice) -> Option<Event> {
    let picked = || plan.tasks.values().nth(usize::try_from(number).ok()? % plan.tasks.len().max(1));
    let entry = || plan.outbox.values().nth(usize::try_from(number).ok()? % plan.outbox.len().max(1));
    let fact = match kind {
        0 => Fact::Issues((1..=8).filter(|issue| issue % 7 != number % 9).map(|issue| self::issue(issue, 0)).collect()),
        1 => Fact::Issue(IssueNumber(1 + number % 8), Some(Box::new(issue(1 + number % 8, number)))),
        2 => Fact::Issue(IssueNumber(1 + number % 8), None),
        3 => repository(number % 3),
        4 => Fact::Footprints(plan.tasks.values().map(|task| footprint(task)).collect()),
        5 => Fact::Labelled { issue: picked()?.issue(), by: Some((actor("owner", false), NOW)), edited: None },
        6 => Fact::Permission(Login::new("owner"), Permission::Admin),
        7 => Fact::Outside(vec![(IssueNumber(1 + number % 12), Outside::Closed)]),
        8..=10 => ended(picked()?, OUTCOMES[usize::try_from(number).ok()? % 4])?,
        11 => Fact::Pulls(vec![(PullRequest { merged: true, ..pull(picked()?, OpenState::Closed) }, None)]),
        12 => Fact::Pulls(vec![(pull(picked()?, OpenState::Closed), Some(actor("owner", false)))]),
        13 => Fact::Pulls(vec![(pull(picked()?, OpenState::Open), None)]),
        14 => return Some(Event::Tick),
        15 => return Some(Event::Hint(Hint::Pull(PullNumber(100 + number % 8)))),
        16 => return Some(Event::Resumed),
        _ => {
            let entry = entry()?;
            let outcome = match number % 8 {
                0 => Outcome::Lost { message: String::new() },
                1 => Outcome::Refused { message: "no".to_owned() },
                2 => Outcome::NotSeen,
                _ => Outcome::Done(receipt(plan, entry)),
            };
            return Some(Event::Outcome(entry.key.clone(), Box::new(outcome)));
        }
    };
    Some(Event::Fact(Box::new(fact)))
}

/// Eight tasks, approved and under way.
fn beginning() -> impl Iterator<Item = Choice> {
    [(0, 8), (3, 0), (4, 0), (6, 0)].into_iter().chain((0..8).map(|number| (5, number))).chain([(6, 0)])
}

fn told(plan: &mut Plan, choice: Choice, at: i64) {
    let Some(event) = event(plan, choice) else { return };
    plan.apply(step(plan, &[event], Timestamp(NOW.0 + at * 30_000), &Owner::new("test")).changes);
}

fn idle() -> Plan {
    let (repository, bot) = (RepositoryName::new("acme/widgets"), Login::new("bot"));
    Plan::idle(repository, bot, "seed".to_owned(), Settings::local(), NOW)
}

#[test]
fn the_beginning_starts_attempts() {
    let mut plan = idle();
    (1..).zip(beginning()).for_each(|(at, choice)| told(&mut plan, choice, at));
    assert!(plan.tasks.values().any(|task| task.live().is_some()), "{:?}", plan.layout.problems);
}

proptest! {
    #[test]
    fn whatever_happens_the_index_is_the_one_a_walk_makes(
        choices in proptest::collection::vec((0..26_u8, 0..72_u64), 1..60)
    ) {
        let mut plan = idle();
        for (at, choice) in (1..).zip(beginning().chain(choices)) {
            told(&mut plan, choice, at);
            let anew: Tasks = plan.tasks.values().cloned().collect();
            prop_assert_eq!(index(&plan.tasks), index(&anew));
            prop_assert_eq!(format!("{:?}", plan.tasks.areas), format!("{:?}", anew.areas));
        }
    }
}
