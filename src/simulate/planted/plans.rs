//! Defects of decisions: another plan or other events go in, another step comes out.

use std::sync::Arc;

use crate::engine::attempt::{AttemptOutcome, Stand};
use crate::engine::brief::ApprovedText;
use crate::engine::cursor::Cursor;
use crate::engine::dry_run::Merging;
use crate::engine::effect::EffectKey;
use crate::engine::event::{Event, Fact};
use crate::engine::footprint::Area;
use crate::engine::id::{CommentId, Login};
use crate::engine::plan::{Change, Plan};
use crate::engine::planner::PlanningStand;
use crate::engine::policy::Scope;
use crate::engine::step::Step;
use crate::engine::task::{Stage, Task, Verdict};
use crate::engine::time::Timestamp;
use crate::simulate::planted::Planted;

impl Planted {
    /// The plan as a step with this defect takes it.
    pub(super) fn changed_plan(self, plan: &Plan, now: Timestamp) -> Plan {
        let mut plan = plan.clone();
        self.change_header(&mut plan);
        let tasks: Vec<Arc<Task>> = plan.tasks.values().cloned().collect();
        for task in tasks {
            let mut changed = Task::clone(&task);
            self.change_task(&mut changed, now);
            if changed != *task {
                plan.tasks.insert(Arc::new(changed));
            }
        }
        plan
    }

    fn change_header(self, plan: &mut Plan) {
        let header = &mut plan.header;
        match self {
            Self::GatesIgnored => header.open_phase = plan.layout.phases.len().saturating_sub(1),
            Self::MergesUnasked => header.settings.auto_merge = true,
            Self::SlotsUnused => header.settings.max_parallel = 1,
            Self::OneTooMany => header.settings.max_parallel += 1,
            Self::ScopeIgnored => header.settings.scope = Some(Scope::Report),
            Self::CommandsRepeated => header.cursor = Cursor::new(Timestamp(0)),
            Self::NumbersReused => plan.numbers.values_mut().for_each(|n| *n = 0),
            _ => {}
        }
    }

    fn change_task(self, task: &mut Task, now: Timestamp) {
        match self {
            Self::LockFreedByCancel if task.cancel_asked => task.locked_since = None,
            Self::LockFreedByAttempt if task.live().is_none() && !task.has_open_pull() => task.locked_since = None,
            Self::FenceNotAwaited => {
                for attempt in task.attempts.iter_mut().filter(|attempt| attempt.fence.is_some()) {
                    attempt.stand = Stand::Ended;
                }
            }
            Self::CountersLost => (task.counters.failures, task.counters.infra_retries) = (0, 0),
            Self::ApprovalNotNeeded if task.approval.is_none() => task.approval = Some(approval(task, now)),
            Self::ApprovalNotCompared if task.approval.is_some() => task.approval = Some(approval(task, now)),
            Self::DependenciesIgnored => task.facts.depends_on.clear(),
            Self::CaseCounts | Self::DirectoriesIgnored => {
                task.footprint.claims.iter_mut().for_each(|claim| self.change_area(&mut claim.area));
            }
            Self::GuessesMissed => {
                let ranked = task.footprint.ranked.iter_mut().chain(&mut task.dispatched.ranked);
                ranked.for_each(|file| file.path = format!("{}/{}", task.id, file.path));
            }
            Self::PushTakenForOurs => {
                if let Some(pull) = task.pull.as_ref().filter(|pull| pull.open) {
                    task.branch = Some(pull.head.clone());
                    task.hold = None;
                }
            }
            Self::FailureNotPropagated if task.verdict == Some(Verdict::Escalated) => {
                task.verdict = Some(Verdict::NoChange);
            }
            Self::CancelForgotten if task.stage == Stage::Cancelled && !task.left => {
                (task.stage, task.verdict, task.cancel_asked) = (Stage::Waiting, None, false);
            }
            Self::StallsIgnored => {
                let started = task.attempts.iter_mut().filter(|attempt| attempt.fence.is_none());
                started.for_each(|attempt| {
                    attempt.progress_at = now;
                    attempt.dispatched_at = attempt.dispatched_at.map(|_| now);
                });
            }
            Self::OldWorkShown => {
                let first = task.attempts.iter().find_map(|attempt| attempt.commit.clone());
                if let (Some(first), Some(work)) = (first, &mut task.work) {
                    work.commit = first;
                }
            }
            Self::AnswerUnchecked => believe(task),
            Self::PlannedAgain if task.locked_since.is_none() => {
                task.plannings.iter_mut().for_each(|planning| planning.stand = PlanningStand::Due);
            }
            Self::MergeNotSeen if task.stage == Stage::PrOpen => {
                if let Some(pull) = &mut task.pull {
                    (pull.open, pull.merged) = (true, false);
                }
            }
            _ => {}
        }
    }

    fn change_area(self, area: &mut Area) {
        match (self, &*area) {
            (Self::CaseCounts, Area::File(path)) if path.contains(char::is_uppercase) => {
                *area = Area::File(format!("letters/{path}"));
            }
            (Self::DirectoriesIgnored, Area::Directory(path)) => *area = Area::File(format!("{path}/folder")),
            _ => {}
        }
    }

    /// The events as a step with this defect hears them.
    pub(super) fn changed_events(self, events: &[Event]) -> Vec<Event> {
        let mut heard = events.to_vec();
        match self {
            Self::HeartbeatIgnored => heard.retain(|event| *event != Event::Tick),
            Self::MergeNotSeen => heard.retain(|event| match event {
                Event::Fact(fact) => !matches!(&**fact, Fact::Pulls(pulls) if pulls.iter().any(|(p, _)| p.merged)),
                _ => true,
            }),
            Self::SlotsUnused => {
                for event in &mut heard {
                    if let Event::Fact(fact) = event
                        && let Fact::Repository { settings, .. } = &mut **fact
                    {
                        settings.max_parallel = 1;
                    }
                }
            }
            Self::FootprintsUnread => heard.retain(|event| match event {
                Event::Fact(fact) => !matches!(**fact, Fact::Footprints(_)),
                _ => true,
            }),
            Self::DryRunIgnored => {
                for event in &mut heard {
                    if let Event::Fact(fact) = event
                        && let Fact::DryRuns(found) = &mut **fact
                    {
                        found.iter_mut().for_each(|(_, merging)| *merging = Merging::Clean);
                    }
                }
            }
            Self::AttemptsForgotten => heard.iter_mut().for_each(forget_attempts),
            Self::EditedCommentsCount => {
                for event in &mut heard {
                    if let Event::Fact(fact) = event
                        && let Fact::Comments(comments) = &mut **fact
                    {
                        for comment in comments.iter_mut().filter(|comment| comment.updated_at > comment.created_at) {
                            comment.created_at = comment.updated_at;
                            comment.id = CommentId(comment.id.0 + 1_000_000);
                        }
                    }
                }
            }
            _ => {}
        }
        heard
    }

    /// Changes what was decided.
    pub(super) fn change_step(self, plan: &Plan, step: &mut Step) {
        match self {
            Self::IntentsNotSaved => step.changes.retain(|change| !matches!(change, Change::Entry(_))),
            Self::DispatchNotLookedFor if plan.header.rebuilt_at.is_some() => {
                let unsent = |key: &mut EffectKey| key.0.starts_with("dispatch:");
                step.writes.extend(step.probes.extract_if(.., unsent));
            }
            Self::TrackingNotWritten => step.writes.retain(|key| key.0 != "track"),
            Self::FailuresNotCounted
            | Self::InfrastructureBlamed
            | Self::InfrastructureNotCounted
            | Self::PlannerCounted => {
                for change in &mut step.changes {
                    if let Change::Task(task) = change {
                        let mut changed = Task::clone(task);
                        self.miscount(plan, &mut changed);
                        *task = Arc::new(changed);
                    }
                }
            }
            _ => {}
        }
    }

    fn miscount(self, plan: &Plan, task: &mut Task) {
        let Some(old) = plan.tasks.get(&task.id) else { return };
        if self == Self::PlannerCounted {
            let ended = old.live_planner().is_some() && task.live().is_none();
            task.counters.failures += u32::from(
                ended && task.current().is_some_and(|attempt| attempt.outcome == Some(AttemptOutcome::Failed)),
            );
            return;
        }
        let counters = &mut task.counters;
        if self == Self::FailuresNotCounted {
            counters.failures = old.counters.failures;
            if task.verdict == Some(Verdict::Escalated) && old.verdict.is_none() {
                task.verdict = None;
                task.settled_at = None;
            }
        } else if counters.infra_retries > old.counters.infra_retries {
            counters.infra_retries = old.counters.infra_retries;
            counters.failures += u32::from(self == Self::InfrastructureBlamed);
        }
    }
}

/// Takes an answer as it stands.
fn believe(task: &mut Task) {
    let answers = task.plannings.iter_mut().filter_map(|planning| match &planning.stand {
        PlanningStand::Answered { answer } => Some((answer.clone(), planning)),
        PlanningStand::Due | PlanningStand::Confirmed { .. } | PlanningStand::Passed { .. } => None,
    });
    let mut found = false;
    for (answer, planning) in answers {
        planning.stand = PlanningStand::Confirmed { answer };
        found = true;
    }
    if found {
        task.inferred = false;
    }
}

/// Takes out of what GitHub shows of a lost plan whatever tells of attempts.
fn forget_attempts(event: &mut Event) {
    let Event::Fact(fact) = event else { return };
    let Fact::Kept(found) = &mut **fact else { return };
    found.attempts.clear();
    found.records.clear();
    if let Some((kept, tasks)) = &mut found.plan {
        kept.numbers.clear();
        tasks.iter_mut().for_each(|task| task.attempts.clear());
    }
}

fn approval(task: &Task, now: Timestamp) -> ApprovedText {
    let (title, body, digest) = (task.title.clone(), task.body.clone(), task.digest.clone());
    ApprovedText { title, body, digest, by: Login::new("nobody"), at: now }
}
