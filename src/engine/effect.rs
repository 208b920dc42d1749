//! What we want done to the world, as data. Each effect is an outbox entry, saved before it is sent; each kind can be
//! asked whether it has already happened.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::engine::brief::Brief;
use crate::engine::id::{AttemptId, AttemptKey, CommentId, IssueNumber, Owner, PullNumber, RunId, Sha};
use crate::engine::record::Record;
use crate::engine::snapshot::{BodyEdit, Issue, PullRequest};
use crate::engine::time::Timestamp;

/// Names an effect; two effects with one key are the same effect.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EffectKey(pub String);

impl fmt::Display for EffectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A reaction to a comment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, strum::Display)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Answer {
    /// 👀
    Seen,
    /// 👍
    Done,
    /// 👎
    Refused,
    /// 🚀
    Started,
}

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Effect {
    /// Open the tracking issue.
    CreateTracking {
        /// Which plan of the repository, counted from 1: its marker tells it from others.
        plan: u32,
    },
    /// Write the tracking issue's body, rendered from the plan at the moment of sending.
    EditTracking {
        /// The issue.
        number: IssueNumber,
    },
    /// Pin or unpin the tracking issue. Best effort.
    Pin {
        /// GraphQL id.
        node_id: String,
        /// Pin or unpin.
        pinned: bool,
    },
    /// Comment on an issue or pull request; the marker with the effect's key finds it again.
    Comment {
        /// Where.
        number: IssueNumber,
        /// Markdown without the marker.
        body: String,
    },
    /// Delete a comment of ours that stands twice.
    DeleteComment {
        /// The comment.
        comment: CommentId,
    },
    /// React to a person's comment.
    React {
        /// The comment.
        comment: CommentId,
        /// With what.
        answer: Answer,
    },
    /// Say by GitHub's native relation that an issue is blocked by another, or no longer, as its approved text does.
    Relate {
        /// The blocked issue.
        issue: IssueNumber,
        /// The one it waits for.
        by: IssueNumber,
        /// Blocked, or no longer.
        blocked: bool,
    },
    /// Commit a brief to the state branch. Several due at once become one commit.
    WriteBrief {
        /// The brief.
        brief: Box<Brief>,
    },
    /// Bring the plan on the state branch up to date, in one commit with the briefs that are due.
    KeepPlan {
        /// Up to which of its changes.
        revision: u64,
    },
    /// Start the task workflow.
    Dispatch {
        /// Under this key.
        key: AttemptKey,
        /// With the brief of this commit.
        brief: Sha,
    },
    /// Close an attempt's record so that no run can do its work any more.
    Fence {
        /// The attempt.
        attempt: AttemptId,
        /// A sentence for people.
        why: String,
    },
    /// Ask for a run's end.
    CancelRun {
        /// The run.
        run: RunId,
    },
    /// Set `orchestrate/issue-<N>` to a commit.
    MoveBranch {
        /// The issue.
        issue: IssueNumber,
        /// Where it must stand now; nothing: it must not exist.
        expected: Option<Sha>,
        /// The new commit.
        to: Sha,
    },
    /// Open the task's pull request.
    OpenPull {
        /// The issue.
        issue: IssueNumber,
        /// Title.
        title: String,
        /// Body.
        body: String,
        /// The base branch.
        base: String,
        /// As a draft.
        draft: bool,
    },
    /// Rewrite the pull request's body after new work.
    EditPull {
        /// Which.
        pull: PullNumber,
        /// Body.
        body: String,
    },
    /// Merge a pull request if its head is still that commit.
    MergePull {
        /// Which.
        pull: PullNumber,
        /// The head.
        head: Sha,
    },
    /// Merge the base into a pull request's branch.
    UpdatePull {
        /// The issue.
        issue: IssueNumber,
        /// The base branch.
        base: String,
    },
    /// Run failed jobs again.
    Rerun {
        /// Their run.
        run: RunId,
    },
    /// Close an issue as completed.
    CloseIssue {
        /// Which.
        number: IssueNumber,
    },
    /// Delete a branch of ours.
    DeleteBranch {
        /// Its name.
        branch: String,
    },
}

impl Effect {
    /// Whether sending it twice could make a second thing: such effects are looked for twice, `probe_window` apart,
    /// before they are sent again. All others are safe to repeat, because GitHub refuses or ignores the second.
    pub fn creates(&self) -> bool {
        match self {
            // GitHub refuses a second pull request only while the first is open, and a person may close it at once.
            Self::CreateTracking { .. } | Self::Comment { .. } | Self::Dispatch { .. } | Self::OpenPull { .. } => true,
            Self::EditTracking { .. }
            | Self::Pin { .. }
            | Self::DeleteComment { .. }
            | Self::React { .. }
            | Self::Relate { .. }
            | Self::WriteBrief { .. }
            | Self::KeepPlan { .. }
            | Self::Fence { .. }
            | Self::CancelRun { .. }
            | Self::MoveBranch { .. }
            | Self::EditPull { .. }
            | Self::MergePull { .. }
            | Self::UpdatePull { .. }
            | Self::Rerun { .. }
            | Self::CloseIssue { .. }
            | Self::DeleteBranch { .. } => false,
        }
    }
}

/// How far an outbox entry is. Answered entries are removed; their answer stands in the plan's rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryState {
    /// Surely not sent yet; to be sent at `not_before`.
    Queued,
    /// May have been sent: probed after a takeover or a crash.
    Intended,
    /// Asked, answer lost: to be looked for at `not_before`.
    Sent,
}

/// An outbox entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its key.
    pub key: EffectKey,
    /// What to do.
    pub effect: Effect,
    /// The attempt it belongs to, where it does: an answer about an older one changes nothing.
    pub attempt: Option<AttemptId>,
    /// How far.
    pub state: EntryState,
    /// Who performs it.
    pub owner: Owner,
    /// How often it was sent.
    pub tries: u32,
    /// How often it was looked for and not seen since it was last sent.
    pub looks: u32,
    /// Nothing happens to it before.
    pub not_before: Timestamp,
}

/// What came of sending or looking for an effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It has happened.
    Done(Receipt),
    /// It was looked for and not seen.
    NotSeen,
    /// It was refused for good and has not happened.
    Refused {
        /// Why, for people.
        message: String,
    },
    /// The state does not allow it (moved head, conflict, exists): look at the world again. It has not happened.
    Conflict {
        /// Why, for people.
        message: String,
    },
    /// Nobody knows whether it happened, or the look itself failed.
    Lost {
        /// What happened.
        message: String,
    },
    /// It has not happened, and everything has to wait: to be asked again then.
    Wait {
        /// When.
        until: Timestamp,
    },
    /// It was not sent, because GitHub allows no more of its kind now: it alone has to wait.
    PutOff {
        /// When there is room.
        until: Timestamp,
    },
}

/// An issue's edits as the answer to one of them told them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct History {
    /// When the issue last changed.
    pub updated_at: Timestamp,
    /// Edits of its body, oldest first.
    pub edits: Vec<BodyEdit>,
}

/// What a done effect tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Receipt {
    /// Nothing more.
    Nothing,
    /// The issue made, or written.
    Issue(Box<Issue>),
    /// The tracking issue was not written because a person changed it meanwhile.
    TrackingTouched,
    /// The tracking issue was written.
    TrackingWritten {
        /// Which.
        number: IssueNumber,
        /// The digest of our part.
        digest: String,
        /// The body's edits, where the answer told them up to this one.
        history: Option<History>,
    },
    /// A commit.
    Commit(Sha),
    /// A dispatch was taken.
    Dispatched {
        /// The run, where told or seen.
        run: Option<RunId>,
    },
    /// An attempt's record.
    Record {
        /// Its tip.
        tip: Sha,
        /// What it says.
        record: Box<Record>,
    },
    /// A pull request.
    Pull(Box<PullRequest>),
    /// A merge happened.
    Merged {
        /// The commit that it made; of a branch that was brought up to date, where that stands now, if all of it is
        /// our own.
        commit: Option<Sha>,
    },
}
