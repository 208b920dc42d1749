//! What the world asks of git, and what git answers. The answer travels in the logged request, so that a replay never
//! runs git.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::engine::id::Sha;
use crate::engine::snapshot::Ref;
use crate::github::{NewFile, Tip};

/// What must be asked of git before a request can be applied. Git's refs may move by it: ask only right before
/// applying, one request at a time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GitQuestion {
    /// Where is this branch? → `At` or `Missing`
    Branch {
        /// The branch.
        branch: String,
    },
    /// Which branches begin so? → `Refs`
    Branches {
        /// The beginning.
        prefix: String,
    },
    /// Where are these branches, and what does a file hold there? → `Tips`
    Tips {
        /// The branches.
        branches: Vec<String>,
        /// The file.
        path: String,
    },
    /// Create this branch. → `At`; it exists: `Refused`; no such commit: `Missing`
    CreateBranch {
        /// The branch.
        branch: String,
        /// Its commit.
        sha: Sha,
    },
    /// Move this branch forward only. → `At`; no fast-forward: `Refused`; no such branch or commit: `Missing`
    AdvanceBranch {
        /// The branch.
        branch: String,
        /// Its new commit.
        sha: Sha,
    },
    /// Delete this branch. → `Done`, also where it is gone already
    DeleteBranch {
        /// The branch.
        branch: String,
    },
    /// Make this commit. → `Commit`; no such parent: `Missing`
    Commit {
        /// Message.
        message: String,
        /// Files put on top of the parent's tree.
        files: Vec<NewFile>,
        /// The parent.
        parent: Option<Sha>,
    },
    /// Commit on top of this branch and move it there. → `At`; it stands elsewhere: `Refused`; there is none: `Missing`
    CommitOnBranch {
        /// The branch.
        branch: String,
        /// Where it must stand.
        expected: Sha,
        /// Message.
        message: String,
        /// Files put on top of its tree.
        files: Vec<NewFile>,
    },
    /// A file's bytes. → `File` or `Missing`
    File {
        /// Branch or commit.
        reference: String,
        /// Path.
        path: String,
    },
    /// What do the files of a folder hold? → `Folder`; no such commit: `Missing`
    Folder {
        /// The commit.
        commit: Sha,
        /// The folder.
        path: String,
    },
    /// Has the head commits that the base has not? → `Ahead`; a missing branch: `Missing`
    Ahead {
        /// Base branch.
        base: String,
        /// Head branch.
        head: String,
    },
    /// Would these merge cleanly? → `Mergeable`
    Mergeable {
        /// Base commit.
        base: Sha,
        /// Head commit.
        head: Sha,
    },
    /// Which of these would merge cleanly? → `Merges`; without a base none does
    Merges {
        /// Base and head commits.
        ends: Vec<(Option<Sha>, Sha)>,
    },
    /// Merge a commit or branch into a branch with a merge commit and move the branch. → `Merged`, `NothingToDo`,
    /// `Conflict`, `Missing`
    Merge {
        /// The branch that receives.
        into: String,
        /// Branch or commit that is merged.
        from: String,
        /// The merge commit's message.
        message: String,
    },
}

/// Git's answer to a [`GitQuestion`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GitAnswer {
    /// The branch is at this commit (found, created or moved there).
    At(Sha),
    /// Branches, sorted by name.
    Refs(Vec<Ref>),
    /// The branches asked for, in order; nothing where there is none.
    Tips(Vec<Option<Tip>>),
    /// It is done.
    Done,
    /// The commit made.
    Commit(Sha),
    /// A file's bytes.
    File(Vec<u8>),
    /// A folder's files: texts by name; nothing where one is no text.
    Folder(BTreeMap<String, Option<String>>),
    /// Whether the head is ahead of the base.
    Ahead(bool),
    /// Whether it would merge cleanly.
    Mergeable(bool),
    /// Which would merge cleanly, in the order asked.
    Merges(Vec<bool>),
    /// The merge commit; the branch is there now.
    Merged(Sha),
    /// All of it is merged already.
    NothingToDo,
    /// It does not merge.
    Conflict {
        /// The paths that conflict.
        paths: Vec<String>,
    },
    /// A branch, commit or file is not there.
    Missing {
        /// What.
        what: String,
    },
    /// Git's rules forbid it: the branch exists, the move is no fast-forward.
    Refused {
        /// GitHub's words for it.
        message: String,
    },
    /// Git itself failed; nothing moved.
    Failed {
        /// Its words.
        message: String,
    },
}
