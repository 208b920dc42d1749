//! GitHub's JSON as we read it: only the fields we use, everything optional but ids, unknown words kept from doing
//! harm.
//!
//! Each struct turns into the snapshot it stands for. Missing accounts read as `ghost`, missing texts as empty, missing
//! moments as the beginning of time; what a decision rests on (a state, a commit) is never guessed: its absence is an
//! error.

mod check;
mod issue;
mod pull;
mod run;

use serde::Deserialize;

use crate::engine::id::Login;
use crate::engine::snapshot::{Actor, Conclusion, OpenState, Progress};
use crate::engine::time::Timestamp;
use crate::github::Error;

pub(crate) use check::{App, CheckRun, CheckRunList, CombinedStatus, Status};
pub(crate) use issue::{Comment, Issue, TimelineEvent};
pub(crate) use pull::PullRequest;
pub(crate) use run::{Job, JobList, Run, RunList};

/// An account.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Account {
    login: Option<String>,
    #[serde(rename = "type", alias = "__typename")]
    kind: Option<String>,
}

/// The account as an actor; a deleted one is `ghost`.
pub(crate) fn actor(account: Option<Account>) -> Actor {
    let account = account.unwrap_or_default();
    let bot = account.kind.as_deref() == Some("Bot");
    Actor { login: Login::new(account.login.unwrap_or_else(|| "ghost".to_owned())), bot }
}

/// A file as GraphQL gives it, asked for as `text isTruncated`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Blob {
    text: Option<String>,
    is_truncated: Option<bool>,
}

impl Blob {
    /// The text, where all of it was told.
    pub(crate) fn whole(self) -> Option<String> {
        self.text.filter(|_| self.is_truncated == Some(false))
    }
}

/// A repository.
#[derive(Debug, Deserialize)]
pub(crate) struct Repository {
    pub(crate) id: u64,
    pub(crate) node_id: Option<String>,
    pub(crate) full_name: Option<String>,
    pub(crate) default_branch: Option<String>,
    pub(crate) archived: Option<bool>,
}

/// What an account may do.
#[derive(Debug, Deserialize)]
pub(crate) struct CollaboratorPermission {
    pub(crate) permission: Option<String>,
    pub(crate) role_name: Option<String>,
}

/// A git object's name.
#[derive(Debug, Deserialize)]
pub(crate) struct GitObject {
    pub(crate) sha: String,
}

/// A commit that a merge made, and what it merged, first what received.
#[derive(Debug, Deserialize)]
pub(crate) struct MergeCommit {
    pub(crate) sha: String,
    #[serde(default)]
    pub(crate) parents: Vec<GitObject>,
}

/// A ref.
#[derive(Debug, Deserialize)]
pub(crate) struct GitRef {
    #[serde(rename = "ref")]
    pub(crate) name: String,
    pub(crate) object: GitObject,
}

/// A commit of the git database.
#[derive(Debug, Deserialize)]
pub(crate) struct GitCommit {
    pub(crate) tree: GitObject,
}

/// What a dispatch answers.
#[derive(Debug, Deserialize)]
pub(crate) struct DispatchDetails {
    pub(crate) workflow_run_id: Option<u64>,
}

/// A moment, or the beginning of time.
pub(crate) fn moment(text: Option<&str>) -> Timestamp {
    text.and_then(Timestamp::parse).unwrap_or_default()
}

/// Open or closed; anything else is an error.
pub(crate) fn open_state(text: Option<&str>, what: &str) -> Result<OpenState, Error> {
    match text.map(str::to_ascii_lowercase).as_deref() {
        Some("open") => Ok(OpenState::Open),
        Some("closed") => Ok(OpenState::Closed),
        other => Err(Error::Unexpected { message: format!("{what} is in the unknown state {other:?}") }),
    }
}

/// How far something is. A word we do not know is not an end.
pub(crate) fn progress(text: Option<&str>) -> Progress {
    match text {
        None | Some("queued" | "requested" | "waiting" | "pending") => Progress::Queued,
        Some("completed") => Progress::Completed,
        Some(_) => Progress::InProgress,
    }
}

/// How something ended, only once it has; a word we do not know, or none, is [`Conclusion::Unknown`].
pub(crate) fn conclusion(progress: Progress, text: Option<&str>) -> Option<Conclusion> {
    match progress {
        Progress::Queued | Progress::InProgress => None,
        Progress::Completed => Some(text.and_then(|word| word.parse().ok()).unwrap_or(Conclusion::Unknown)),
    }
}

/// The last part of an address, as a number (`…/issues/12`).
pub(crate) fn number_at_end(address: Option<&str>) -> Option<u64> {
    address?.rsplit('/').next()?.parse().ok()
}

/// The error for an answer that lacks what it must have.
pub(crate) fn lacks(what: &str, field: &str) -> Error {
    Error::Unexpected { message: format!("{what} came without `{field}`") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_words_never_read_as_an_end_or_a_success() {
        assert_eq!(progress(Some("brand_new")), Progress::InProgress);
        assert_eq!(progress(Some("waiting")), Progress::Queued);
        assert_eq!(conclusion(Progress::InProgress, Some("success")), None);
        assert_eq!(conclusion(Progress::Completed, Some("brand_new")), Some(Conclusion::Unknown));
        assert_eq!(conclusion(Progress::Completed, None), Some(Conclusion::Unknown));
        assert_eq!(conclusion(Progress::Completed, Some("timed_out")), Some(Conclusion::TimedOut));
        assert!(open_state(Some("merged"), "it").is_err() && open_state(None, "it").is_err());
    }

    #[test]
    fn a_deleted_account_is_the_ghost() {
        assert_eq!(actor(None), Actor { login: Login::new("ghost"), bot: false });
        let bot: Account = serde_json::from_str(r#"{"login":"x[bot]","type":"Bot","more":1}"#).expect("an account");
        assert!(actor(Some(bot)).bot);
    }
}
