//! Typed calls: one request each, its answer taken out of the common enum.

use std::future::Future;

use futures_util::{StreamExt as _, TryStreamExt as _};

use crate::engine::id::{AttemptId, IssueNumber, PullNumber, RunId, Sha};
use crate::engine::record::{RECORD_FILE, Record};
use crate::engine::snapshot::{BodyEdit, Checks, Comment, Issue, LabelEvent, OpenState, PullRequest, Ref, Run};
use crate::engine::time::Timestamp;
use crate::github::{Error, GitHub, Repository, Request, Response, Tip};

/// An answer of another kind than asked for.
pub(super) fn other(response: &Response) -> Error {
    let words = format!("{response:?}");
    Error::Unexpected { message: format!("another kind of answer: {}", crate::engine::report::head(&words, 80)) }
}

macro_rules! call {
    ($(#[$meta:meta])* $name:ident($($argument:ident: $type:ty),*) -> $answer:ty, $request:expr, $kind:ident) => {
        $(#[$meta])*
        pub(super) async fn $name(github: &impl GitHub, $($argument: $type),*) -> Result<$answer, Error> {
            match github.send($request).await? {
                Response::$kind(answer) => Ok(answer.into()),
                response => Err(other(&response)),
            }
        }
    };
}

call!(repository() -> Repository, Request::Repository, Repository);
call!(
    labelled(label: &str) -> Vec<Issue>,
    Request::IssuesLabelled { label: label.to_owned(), open_only: true },
    Issues
);
call!(some_issue(number: IssueNumber) -> Box<Issue>, Request::Issue { number }, Issue);
call!(label_events(number: IssueNumber) -> Vec<LabelEvent>, Request::LabelEvents { number }, LabelEvents);
call!(blocked_by(number: IssueNumber) -> Vec<IssueNumber>, Request::BlockedBy { number }, Numbers);
call!(sub_issues(number: IssueNumber) -> Vec<IssueNumber>, Request::SubIssues { number }, Numbers);
call!(comments_since(since: Timestamp) -> Vec<Comment>, Request::CommentsSince { since }, Comments);
call!(comments(number: IssueNumber) -> Vec<Comment>, Request::Comments { number }, Comments);
call!(body_edits(number: IssueNumber) -> Vec<BodyEdit>, Request::BodyEdits { number }, BodyEdits);
call!(some_branch(branch: &str) -> Ref, Request::Branch { branch: branch.to_owned() }, Ref);
call!(branches(prefix: &str) -> Vec<Ref>, Request::Branches { prefix: prefix.to_owned() }, Refs);
call!(
    tips(branches: Vec<String>, path: &str) -> Vec<Option<Tip>>,
    Request::Tips { branches, path: path.to_owned() },
    Tips
);
call!(
    some_file(reference: &str, path: &str) -> Vec<u8>,
    Request::File { reference: reference.to_owned(), path: path.to_owned() },
    File
);
call!(runs(workflow: &str, since: Timestamp) -> Vec<Run>, Request::Runs { workflow: workflow.to_owned(), since }, Runs);
call!(some_run(run: RunId) -> Box<Run>, Request::Run { run }, Run);
call!(pull(number: PullNumber) -> Box<PullRequest>, Request::PullRequest { number }, PullRequest);
call!(pulls_of(head: &str) -> Vec<PullRequest>, Request::PullRequests { head: Some(head.to_owned()) }, PullRequests);
call!(checks(sha: &Sha) -> Checks, Request::Checks { sha: sha.clone() }, Checks);

/// Most reads under way at once: far below the hundred that GitHub allows, and enough that a round takes as long as its
/// slowest answers, not as all of them.
pub(super) const AT_ONCE: usize = 8;

/// Makes calls side by side; their answers in the order asked, or the first error in it.
pub(super) async fn together<T>(calls: Vec<impl Future<Output = Result<T, Error>>>) -> Result<Vec<T>, Error> {
    futures_util::stream::iter(calls).buffered(AT_ONCE).try_collect().await
}

/// What is asked for, or nothing where it does not exist. GitHub says the same of what we may not see any more: an App
/// that was taken off the repository would find every issue deleted. So it is believed only while the repository itself
/// is there.
pub(super) async fn existing<T>(github: &impl GitHub, found: Result<T, Error>) -> Result<Option<T>, Error> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(Error::Missing { .. }) => repository(github).await.map(|_| None),
        Err(error) => Err(error),
    }
}

/// The pull request that an opening made, whatever became of it since: the open one of the branch, else a closed or
/// merged one that shows the very commit or the very body that was to be opened. Of an earlier life of the branch it
/// is none: that one stood on another commit.
pub(super) async fn opened_pull(
    github: &impl GitHub,
    head: &str,
    commit: Option<&Sha>,
    body: &str,
) -> Result<Option<PullRequest>, Error> {
    let pulls = pulls_of(github, head).await?;
    let plain = |text: &str| text.replace("\r\n", "\n").trim().to_owned();
    let ours = |pull: &&PullRequest| Some(&pull.head_sha) == commit || plain(&pull.body) == plain(body);
    let open = pulls.iter().find(|pull| pull.state == OpenState::Open);
    let merged = pulls.iter().find(|pull| pull.merged && ours(pull));
    Ok(open.or(merged).or_else(|| pulls.iter().find(ours)).cloned())
}

/// An issue, or nothing where it is gone.
pub(super) async fn issue(github: &impl GitHub, number: IssueNumber) -> Result<Option<Box<Issue>>, Error> {
    existing(github, some_issue(github, number).await).await
}

/// A branch's commit, or nothing where there is no such branch.
pub(super) async fn branch(github: &impl GitHub, branch: &str) -> Result<Option<Sha>, Error> {
    Ok(existing(github, some_branch(github, branch).await).await?.map(|found| found.sha))
}

/// The record at a commit.
pub(super) async fn record_at(github: &impl GitHub, tip: &Sha) -> Result<Record, Error> {
    let bytes = some_file(github, tip.as_str(), RECORD_FILE).await?;
    Record::parse(&bytes).map_err(|message| Error::Unexpected { message })
}

/// An attempt's record and its tip, or nothing where nobody made one.
pub(super) async fn record(github: &impl GitHub, attempt: AttemptId) -> Result<Option<(Sha, Record)>, Error> {
    Ok(records(github, &[attempt]).await?.pop().flatten())
}

/// Attempts' records and their tips in the order asked, as of one moment.
pub(super) async fn records(github: &impl GitHub, attempts: &[AttemptId]) -> Result<Vec<Option<(Sha, Record)>>, Error> {
    if attempts.is_empty() {
        return Ok(Vec::new());
    }
    let branches = attempts.iter().map(|attempt| attempt.record_branch()).collect();
    match tips(github, branches, RECORD_FILE).await {
        // A server that does not know the question is asked in those that all know.
        Err(Error::Invalid { .. }) => records_singly(github, attempts).await,
        Ok(found) if found.len() != attempts.len() => {
            Err(Error::Unexpected { message: "not as many records as were asked for".to_owned() })
        }
        found => records_at(github, found?).await,
    }
}

/// The records that stand on branches, each with its tip.
pub(super) async fn records_at(
    github: &impl GitHub,
    tips: Vec<Option<Tip>>,
) -> Result<Vec<Option<(Sha, Record)>>, Error> {
    let mut records = Vec::with_capacity(tips.len());
    for tip in tips {
        records.push(match tip {
            None => None,
            Some(Tip { sha, file: Some(text) }) => {
                let record = Record::parse(text.as_bytes()).map_err(|message| Error::Unexpected { message })?;
                Some((sha, record))
            }
            Some(Tip { sha, file: None }) => Some((sha.clone(), record_at(github, &sha).await?)),
        });
    }
    Ok(records)
}

/// Records in two calls each.
pub(super) async fn records_singly(
    github: &impl GitHub,
    attempts: &[AttemptId],
) -> Result<Vec<Option<(Sha, Record)>>, Error> {
    together(attempts.iter().map(|id| record_alone(github, *id)).collect()).await
}

/// A record in two calls.
async fn record_alone(github: &impl GitHub, attempt: AttemptId) -> Result<Option<(Sha, Record)>, Error> {
    let Some(tip) = branch(github, &attempt.record_branch()).await? else { return Ok(None) };
    let record = record_at(github, &tip).await?;
    Ok(Some((tip, record)))
}
