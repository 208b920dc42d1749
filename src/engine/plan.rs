//! The plan of one repository: a header, the layout of phases, the tasks and the outbox, each a row of its own, so
//! that a step saves only what it changed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::engine::checklist;
use crate::engine::command::{Command, Mistake};
use crate::engine::config::Settings;
use crate::engine::cursor::{Cursor, LAG_MAX};
use crate::engine::effect::{EffectKey, Entry};
use crate::engine::graph::{Outside, Phase};
use crate::engine::id::{CommentId, IssueNumber, Login, RepositoryName, Sha, TaskId};
use crate::engine::kept::Unkept;
use crate::engine::learning::Learned;
use crate::engine::problem::Problem;
use crate::engine::snapshot::{Actor, Issue};
use crate::engine::task::Task;
use crate::engine::tasks::Tasks;
use crate::engine::time::Timestamp;

/// The version of the rows' form.
pub const SCHEMA: u32 = 2;

/// How far the plan is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, strum::Display)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum PlanStatus {
    /// Nothing is stored: whether GitHub shows a plan is not known yet, and nothing is written before it is.
    Rebuilding,
    /// No labelled issue was seen yet.
    Idle,
    /// Issues are coming in; it is shown `settle` after the last.
    Gathering,
    /// Shown and worked.
    Active,
    /// All tasks settled well or cancelled, or given up: the report is written and the tracking issue closed.
    Ended,
}

/// A pause.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// Who.
    pub by: Login,
    /// Why.
    pub reason: String,
    /// When.
    pub at: Timestamp,
}

/// So many edits of the tracking issue may follow each other as closely as `tracking_interval` allows.
pub const VIEWS_AT_ONCE: u32 = 5;
/// Beyond those, they come on average so many times `tracking_interval` apart: every quarter past two minutes by
/// default, within a tenth of the content that GitHub allows in an hour.
const VIEW_SPACING: u32 = 10;

/// The tracking issue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tracking {
    /// Its number.
    pub number: IssueNumber,
    /// GraphQL id.
    pub node_id: String,
    /// Digest of our part as last written.
    pub digest: String,
    /// When it was last written.
    pub edited_at: Timestamp,
    /// Whether something that it shows has changed since.
    pub dirty: bool,
    /// Whether it is pinned, as far as we know.
    pub pinned: bool,
    /// Why GitHub did not let it be pinned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pin_refused: Option<String>,
    /// When its history of edits was last read; nothing: never.
    pub read_at: Option<Timestamp>,
    /// When GitHub said then that anything about it had last changed.
    pub seen_at: Option<Timestamp>,
    /// By this moment all its edits so far would have been made at the pace that it keeps on average.
    pub paid_until: Option<Timestamp>,
    /// Boxes ticked by somebody who could not be told, asked to write the command; shown once.
    pub unattributed: Vec<String>,
    /// Which ticks of its edit history were taken down.
    pub ticked: Cursor<String>,
}

/// The base branch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Base {
    /// Its name: the default branch.
    pub branch: String,
    /// Its head as last read, or as our own merge was answered since.
    pub head: Sha,
    /// Whether that is an answer's: what stands there has not been read yet.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub told: bool,
    /// Whether it is known to have moved since: nothing is dispatched before it was read again.
    pub stale: bool,
    /// Whether the task workflow stands there.
    pub workflow_present: bool,
    /// Heads that our own merges went beyond not long ago, oldest first: reads may still show them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub superseded: Vec<Superseded>,
}

/// A head that our own merge went beyond.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Superseded {
    /// The head before the merge.
    pub head: Sha,
    /// From then on a read that shows it is taken at its word: somebody has set the branch back.
    pub until: Timestamp,
}

/// What a person wants, not yet carried out because GitHub has not yet said whether they may.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Act {
    /// Who.
    pub actor: Actor,
    /// When.
    pub at: Timestamp,
    /// The issue it stands on.
    pub issue: IssueNumber,
    /// The comment, where it is one; a ticked box otherwise.
    pub comment: Option<CommentId>,
    /// What it says, or what is wrong with it.
    pub wish: Result<Command, Mistake>,
    /// For a ticked box: the text digest the box stood for.
    pub digest: Option<String>,
}

impl Header {
    /// Whether an act approves a text that must be read before it counts: by a comment or a box, which may have been
    /// written long after we last looked. Who labelled an issue is read together with its edits.
    pub fn asks_text(&self, act: &Act) -> bool {
        let on_tracking = self.tracking.as_ref().is_some_and(|tracking| tracking.number == act.issue);
        matches!(act.wish, Ok(Command::Approve(_))) && (act.comment.is_some() || on_tracking)
    }
}

impl Tracking {
    /// Whether its history of edits can tell more than `issue`, as just read, shows: somebody wrote since it was last
    /// read (we ourselves may have written over a tick), or what was written then may have become visible only now.
    pub fn asks_history(&self, issue: &Issue, now: Timestamp) -> bool {
        let Some(read_at) = self.read_at else { return true };
        let visible = self.edited_at.max(issue.updated_at) + LAG_MAX;
        self.edited_at >= read_at
            || self.seen_at != Some(issue.updated_at)
            || checklist::digest(&issue.body) != self.digest
            || (read_at < visible && now >= visible)
    }

    /// When it may be written next.
    pub fn view_due(&self, interval: Duration) -> Timestamp {
        let ahead = interval * VIEW_SPACING * (VIEWS_AT_ONCE - 1);
        let spaced = self.paid_until.map_or(self.edited_at, |paid| paid - ahead);
        spaced.max(self.edited_at + interval)
    }

    /// Notes that it was written.
    pub fn written(&mut self, now: Timestamp, interval: Duration) {
        let paid = self.paid_until.map_or(now, |paid| paid.max(now));
        self.paid_until = Some(paid + interval * VIEW_SPACING);
        self.edited_at = now;
    }
}

/// The plan's own row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// [`SCHEMA`], or the older form it was loaded from: then the next step writes every row.
    pub schema: u32,
    /// Which plan of the repository, from 1.
    pub number: u32,
    /// How far.
    pub status: PlanStatus,
    /// Random text given by the shell when the repository was first seen; nonces are made from it.
    pub seed: String,
    /// Our own login: what it writes is never obeyed.
    pub bot: Login,
    /// Settings in force.
    pub settings: Settings,
    /// What is wrong with the configuration, if anything; the settings are then the last good ones.
    pub settings_problem: Option<String>,
    /// The base branch, once read.
    pub base: Option<Base>,
    /// Paused by somebody.
    pub paused: Option<Pause>,
    /// The tracking issue.
    pub tracking: Option<Tracking>,
    /// Issues outside the plan that tasks depend on.
    pub outside: BTreeMap<IssueNumber, Outside>,
    /// Files that a good part of all changes touch, as last seen: hotspots beside those of the settings.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hotspots: Vec<String>,
    /// Index of the phase that is open.
    pub open_phase: usize,
    /// Comments read so far.
    pub cursor: Cursor<CommentId>,
    /// Acts of people not yet carried out.
    pub acts: Vec<Act>,
    /// Acts said where nothing of ours is known: they become acts once the issue has joined, and are dropped where it
    /// turns out to be none of ours.
    pub unplaced: Vec<Act>,
    /// When an issue last joined.
    pub gathered_at: Timestamp,
    /// When the plan began.
    pub started_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// GitHub asked us to wait until then: nothing is asked of it before.
    pub limited_until: Option<Timestamp>,
    /// Writes that people see wait until then, because GitHub allows no more of them.
    pub put_off_until: Option<Timestamp>,
    /// The tracking issue before this one, which somebody deleted or moved away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lost_tracking: Option<IssueNumber>,
    /// A person gave the whole plan up: it ends as soon as no attempt is live.
    pub given_up: bool,
    /// Issues of ended plans that still carry the label: they join again only once it was taken off or they were
    /// closed.
    pub past: BTreeSet<IssueNumber>,
    /// Where ended plans left the branches of issues that were not merged: a pull request that shows such a commit
    /// shows ours, any other a person's.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub left_heads: BTreeMap<IssueNumber, Sha>,
    /// What finished tasks have taught about guesses.
    #[serde(default, skip_serializing_if = "Learned::is_default")]
    pub learned: Learned,
    /// The newest comments of ours by their effect's key: a second one with the same key is taken away.
    pub said: BTreeMap<String, CommentId>,
    /// What is not on the state branch yet.
    pub unkept: Unkept,
    /// When the plan was last rebuilt from GitHub.
    pub rebuilt_at: Option<Timestamp>,
    /// While the plan is being rebuilt: when GitHub is looked at for the second time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub second_look_at: Option<Timestamp>,
}

/// Phases, expected order and problems, recomputed when tasks or their facts change.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LayoutRow {
    /// Phases in order.
    pub phases: Vec<Phase>,
    /// Tasks in the order they are expected to start.
    pub order: Vec<TaskId>,
    /// Problems.
    pub problems: Vec<Problem>,
}

/// The highest attempt number ever given to an issue: it never restarts, whatever becomes of the plan.
pub type Numbers = BTreeMap<IssueNumber, u32>;

/// The plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The repository.
    pub repository: RepositoryName,
    /// Its own row.
    pub header: Header,
    /// Phases and order.
    pub layout: LayoutRow,
    /// Highest attempt numbers.
    pub numbers: Numbers,
    /// Tasks.
    pub tasks: Tasks,
    /// What is to be done.
    pub outbox: BTreeMap<EffectKey, Entry>,
}

/// One row that a step changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// The header.
    Header(Box<Header>),
    /// The layout.
    Layout(Box<LayoutRow>),
    /// The highest numbers.
    Numbers(Box<Numbers>),
    /// A task, whole.
    Task(Arc<Task>),
    /// A task that is no longer part of the plan.
    TaskGone(TaskId),
    /// An outbox entry.
    Entry(Box<Entry>),
    /// An answered outbox entry.
    EntryGone(EffectKey),
}

impl Plan {
    /// The plan of a repository nobody has labelled anything in yet.
    pub fn idle(repository: RepositoryName, bot: Login, seed: String, settings: Settings, now: Timestamp) -> Self {
        let header = Header {
            schema: SCHEMA,
            number: 1,
            status: PlanStatus::Idle,
            seed,
            bot,
            settings,
            settings_problem: None,
            base: None,
            paused: None,
            tracking: None,
            outside: BTreeMap::new(),
            hotspots: Vec::new(),
            open_phase: 0,
            // GitHub tells whole seconds.
            cursor: Cursor::new(now - std::time::Duration::from_secs(1)),
            acts: Vec::new(),
            unplaced: Vec::new(),
            gathered_at: now,
            started_at: now,
            ended_at: None,
            limited_until: None,
            put_off_until: None,
            lost_tracking: None,
            given_up: false,
            past: BTreeSet::new(),
            left_heads: BTreeMap::new(),
            learned: Learned::default(),
            said: BTreeMap::new(),
            unkept: Unkept::default(),
            rebuilt_at: None,
            second_look_at: None,
        };
        Self {
            repository,
            header,
            layout: LayoutRow::default(),
            numbers: Numbers::new(),
            tasks: Tasks::default(),
            outbox: BTreeMap::new(),
        }
    }

    /// The plan of a repository of which nothing is stored: what GitHub shows of an earlier one is read first.
    pub fn unknown(repository: RepositoryName, bot: Login, seed: String, settings: Settings, now: Timestamp) -> Self {
        let mut plan = Self::idle(repository, bot, seed, settings, now);
        plan.header.status = PlanStatus::Rebuilding;
        plan
    }

    /// Puts changed rows in place.
    pub fn apply(&mut self, changes: Vec<Change>) {
        for change in changes {
            match change {
                Change::Header(header) => self.header = *header,
                Change::Layout(layout) => self.layout = *layout,
                Change::Numbers(numbers) => self.numbers = *numbers,
                Change::Task(task) => self.tasks.insert(task),
                Change::TaskGone(id) => self.tasks.remove(id),
                Change::Entry(entry) => {
                    self.outbox.insert(entry.key.clone(), *entry);
                }
                Change::EntryGone(key) => {
                    self.outbox.remove(&key);
                }
            }
        }
    }

    /// A task by its issue.
    pub fn task_of(&self, issue: IssueNumber) -> Option<&Task> {
        self.tasks.get(&TaskId(issue)).map(Arc::as_ref)
    }
}
