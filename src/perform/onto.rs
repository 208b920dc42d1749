//! The compare-and-swap that every branch written through the API rests on.

use crate::engine::id::Sha;
use crate::github::{Error, GitHub, NewFile, Request, Response};

/// Commits files on top of what was read as a branch's head (nothing: there is no such branch) and moves the branch
/// there, if nobody else was faster. Gives the commit; [`Error::Conflict`] where somebody was, and nothing moved then.
pub(super) async fn commit_onto(
    github: &impl GitHub,
    branch: String,
    head: Option<Sha>,
    files: Vec<NewFile>,
    message: String,
) -> Result<Sha, Error> {
    let request = Request::CreateCommit { message, files, parent: head.clone() };
    let Response::Commit(sha) = github.send(request).await? else {
        return Err(Error::Unexpected { message: "no commit in the answer".to_owned() });
    };
    let request = match head {
        Some(_) => Request::AdvanceBranch { branch, sha: sha.clone() },
        None => Request::CreateBranch { branch, sha: sha.clone() },
    };
    github.send(request).await.map(|_| sha)
}
