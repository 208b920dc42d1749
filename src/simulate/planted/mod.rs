//! Planted bugs: named defects of ours, one at a time, to show that the judge would see them.
//!
//! Production code knows nothing of them. A defect is worked into what passes between its parts: the plan and the
//! events that the deciding function is given and the step it gives back (`turn_by` takes any deciding function), and
//! the requests and answers between `perform` and GitHub.

mod calls;
mod plans;

use crate::engine::event::Event;
use crate::engine::id::Owner;
use crate::engine::plan::Plan;
use crate::engine::step::{Step, step};
use crate::engine::time::Timestamp;

/// A defect, as it might be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, strum::Display, strum::EnumString, strum::EnumIter)]
#[strum(serialize_all = "snake_case")]
pub enum Planted {
    /// Fences are not written, though the engine hears that they are.
    FenceNotWritten,
    /// A dispatch whose answer was lost is sent again at once.
    DispatchRepeated,
    /// Everybody counts as an administrator.
    PermissionNotAsked,
    /// Comments are sent twice, and doubles are not taken away.
    CommentsDoubled,
    /// The tracking issue is never found again, and made anew.
    TrackingNotFound,
    /// Ticks are overwritten unread.
    TicksUnread,
    /// What GitHub says about waiting is not heard.
    LimitIgnored,
    /// More is written than GitHub allows.
    BudgetIgnored,
    /// A cancel request frees the files at once.
    LockFreedByCancel,
    /// Files are held by the attempt, not by the task.
    LockFreedByAttempt,
    /// A fence that is only intended ends the attempt.
    FenceNotAwaited,
    /// Counters are lost at every turn.
    CountersLost,
    /// Failures of agents are not counted.
    FailuresNotCounted,
    /// Failures of runners count against the agent.
    InfrastructureBlamed,
    /// Texts need no approval.
    ApprovalNotNeeded,
    /// The approval of a text holds for every later one.
    ApprovalNotCompared,
    /// All phases are open.
    GatesIgnored,
    /// Dependencies are not read.
    DependenciesIgnored,
    /// Paths are compared letter by letter.
    CaseCounts,
    /// A directory does not cover its files.
    DirectoriesIgnored,
    /// The record of an earlier attempt passes for the current one's.
    StaleRecordTaken,
    /// Checks are not looked at.
    ChecksIgnored,
    /// Merges without being asked.
    MergesUnasked,
    /// One attempt too many runs.
    OneTooMany,
    /// Scope is not held.
    ScopeIgnored,
    /// A person's push passes for our own.
    PushTakenForOurs,
    /// Commands are read again and again.
    CommandsRepeated,
    /// A comment that was edited counts as a new one.
    EditedCommentsCount,
    /// Intents are not saved.
    IntentsNotSaved,
    /// The heartbeat is not heard.
    HeartbeatIgnored,
    /// A task that escalated counts as done for others.
    FailureNotPropagated,
    /// The tracking issue is never rewritten.
    TrackingNotWritten,
    /// Records are not found.
    ResultsUnread,
    /// Attempt numbers are used again.
    NumbersReused,
    /// What shows no progress is left alone.
    StallsIgnored,
    /// Runs are dispatched on another branch.
    WrongBranch,
    /// The plan's secret is told.
    SecretTold,
    /// Issues are opened where they should be closed.
    OpensInsteadOfClosing,
    /// Branches are moved from wherever they are.
    LeaseIgnored,
    /// A pull request is merged at whatever head it has.
    HeadNotCompared,
    /// The text of a brief is not the approved one.
    BriefAltered,
    /// The work of the first attempt is shown for ever.
    OldWorkShown,
    /// Tasks are never settled once merged.
    MergeNotSeen,
    /// After the database was lost, nobody knows which attempts there were.
    AttemptsForgotten,
    /// After the database was lost, dispatches that may have gone out are sent, not looked for.
    DispatchNotLookedFor,
    /// Whether the lease stands is not asked.
    LeaseNotAsked,
    /// Issues that name no file are thought to be about one that nobody touches.
    GuessesMissed,
    /// What was looked up about files is not heard.
    FootprintsUnread,
    /// One slot is used, however many there are.
    SlotsUnused,
    /// A run works though another has claimed its attempt, or the attempt is closed.
    ClaimIgnored,
    /// Whoever was cancelled begins again.
    CancelForgotten,
    /// Failures of runners are not counted.
    InfrastructureNotCounted,
    /// Whatever dry-run merges come to, work passes for such as merges.
    DryRunIgnored,
    /// What a planner run answers is believed before the base's tree was asked.
    AnswerUnchecked,
    /// A planner run that fails counts as an attempt at the work.
    PlannerCounted,
    /// A text that was planned is planned again.
    PlannedAgain,
}

/// The engine's decision, with a defect where one is planted.
pub(super) fn decide(planted: Option<Planted>, plan: &Plan, events: &[Event], now: Timestamp, owner: &Owner) -> Step {
    let Some(bug) = planted else { return step(plan, events, now, owner) };
    let changed = bug.changed_plan(plan, now);
    let heard = bug.changed_events(events);
    let mut step = step(&changed, &heard, now, owner);
    bug.change_step(plan, &mut step);
    step
}
