//! Pull requests.

use serde::Deserialize;

use crate::engine::id::{PullNumber, Sha};
use crate::engine::snapshot;
use crate::github::Error;
use crate::github::client::wire::{Account, actor, lacks, moment, open_state};

#[derive(Debug, Default, Deserialize)]
struct End {
    #[serde(rename = "ref")]
    branch: Option<String>,
    sha: Option<String>,
}

/// A pull request, whole or as lists give it (without `merged` and `mergeable`).
#[derive(Debug, Deserialize)]
pub(crate) struct PullRequest {
    number: u64,
    title: Option<String>,
    body: Option<String>,
    state: Option<String>,
    merged: Option<bool>,
    merged_at: Option<String>,
    merge_commit_sha: Option<String>,
    head: Option<End>,
    base: Option<End>,
    draft: Option<bool>,
    mergeable: Option<bool>,
    user: Option<Account>,
    updated_at: Option<String>,
}

impl PullRequest {
    /// The snapshot.
    pub(crate) fn into_snapshot(self) -> Result<snapshot::PullRequest, Error> {
        let what = format!("pull request #{}", self.number);
        let (head, base) = (self.head.unwrap_or_default(), self.base.unwrap_or_default());
        let merged = self.merged == Some(true) || self.merged_at.is_some();
        Ok(snapshot::PullRequest {
            number: PullNumber(self.number),
            title: self.title.unwrap_or_default(),
            body: self.body.unwrap_or_default(),
            state: open_state(self.state.as_deref(), &what)?,
            merged,
            // Before the merge this field names a test merge, not a commit of the base.
            merge_commit: self.merge_commit_sha.filter(|_| merged).map(Sha::new),
            head_branch: head.branch.ok_or_else(|| lacks(&what, "head.ref"))?,
            head_sha: Sha::new(head.sha.ok_or_else(|| lacks(&what, "head.sha"))?),
            base_branch: base.branch.ok_or_else(|| lacks(&what, "base.ref"))?,
            draft: self.draft.unwrap_or(false),
            mergeable: self.mergeable,
            author: actor(self.user),
            updated_at: moment(self.updated_at.as_deref()),
        })
    }
}
