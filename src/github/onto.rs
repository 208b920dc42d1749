//! The compare-and-swap that every branch written through the API rests on.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::engine::id::Sha;
use crate::github::{Error, GitHub, NewFile, Request, Response};

/// Most files that one request commits, far below what GitHub takes: it answers soon, and a plan of thousands fits.
const FILES_MAX: usize = 500;
/// Most bytes of content in one request, of several files.
const BYTES_MAX: usize = 2 * 1024 * 1024;

/// Where our own commits left a branch, for all in this process that write there. Whoever writes compares, so that a
/// wrong one costs a call.
#[derive(Clone, Debug, Default)]
pub struct KnownTip(Arc<Mutex<Remembered>>);

#[derive(Debug, Default)]
struct Remembered {
    tip: Option<Sha>,
    breaks: u64,
}

impl KnownTip {
    fn remembered(&self) -> MutexGuard<'_, Remembered> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where it stands, as far as that is known.
    pub fn tip(&self) -> Option<Sha> {
        self.remembered().tip.clone()
    }

    /// How often it was not known: while this stays the same, every commit stands on the one before it.
    pub fn breaks(&self) -> u64 {
        self.remembered().breaks
    }

    /// Keeps where a commit of ours left it; nothing: that is not known any more.
    pub fn keep(&self, tip: Option<Sha>) {
        let mut remembered = self.remembered();
        remembered.breaks += u64::from(tip.is_none());
        remembered.tip = tip;
    }
}

/// Commits files on top of what is taken for a branch's head (nothing: there is no such branch) and moves the branch
/// there, if nobody else was faster: one call where the branch is there and the files fit it. Many files become several
/// commits, and the branch moves to the last of them, so that whoever reads it sees all or none. Gives that commit;
/// [`Error::Conflict`] where somebody was faster, and nothing moved then.
///
/// # Errors
/// As any write; where the answer was lost, the branch itself says what happened.
pub async fn commit_onto(
    github: &impl GitHub,
    branch: String,
    head: Option<Sha>,
    files: Vec<NewFile>,
    message: String,
) -> Result<Sha, Error> {
    let (full, last) = parts(files);
    if let (Some(expected), true) = (&head, full.is_empty()) {
        let (message, files) = (message.clone(), last.clone());
        let request = Request::CommitOnBranch { branch: branch.clone(), expected: expected.clone(), message, files };
        match github.send(request).await {
            // A server that does not know the mutation did nothing: it is asked in the two calls that all know.
            Err(Error::Invalid { .. }) => {}
            answer => return made(answer?),
        }
    }
    let mut parent = head.clone();
    for files in full {
        parent = Some(commit(github, &message, files, parent).await?);
    }
    let sha = commit(github, &message, last, parent).await?;
    let request = match head {
        Some(_) => Request::AdvanceBranch { branch, sha: sha.clone() },
        None => Request::CreateBranch { branch, sha: sha.clone() },
    };
    github.send(request).await.map(|_| sha)
}

async fn commit(github: &impl GitHub, message: &str, files: Vec<NewFile>, parent: Option<Sha>) -> Result<Sha, Error> {
    let request = Request::CreateCommit { message: message.to_owned(), files, parent };
    made(github.send(request).await?)
}

fn made(response: Response) -> Result<Sha, Error> {
    let Response::Commit(sha) = response else {
        return Err(Error::Unexpected { message: "no commit in the answer".to_owned() });
    };
    Ok(sha)
}

/// The files in order, in parts that fit a request each; the last one apart, which may be empty.
fn parts(files: Vec<NewFile>) -> (Vec<Vec<NewFile>>, Vec<NewFile>) {
    let (mut full, mut part, mut bytes) = (Vec::new(), Vec::new(), 0);
    for file in files {
        let is_full = part.len() == FILES_MAX || bytes + file.content.len() > BYTES_MAX;
        if is_full && !part.is_empty() {
            full.push(std::mem::take(&mut part));
            bytes = 0;
        }
        bytes += file.content.len();
        part.push(file);
    }
    (full, part)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes(files: Vec<usize>) -> Vec<Vec<usize>> {
        let named = |(at, size)| NewFile { path: format!("{at}"), content: "x".repeat(size) };
        let (mut full, last) = parts(files.into_iter().enumerate().map(named).collect());
        full.push(last);
        full.iter().map(|part| part.iter().map(|file| file.content.len()).collect()).collect()
    }

    #[test]
    fn many_files_and_large_ones_go_in_parts_that_fit_a_request() {
        assert_eq!(sizes(vec![]), [Vec::<usize>::new()]);
        assert_eq!(sizes(vec![3; 500]), [vec![3; 500]]);
        assert_eq!(sizes(vec![3; 1_001]), [vec![3; 500], vec![3; 500], vec![3]]);
        let large = BYTES_MAX - 1;
        assert_eq!(sizes(vec![large, 1, 1, BYTES_MAX + 1, 5]), [vec![large, 1], vec![1], vec![BYTES_MAX + 1], vec![5]]);
    }
}
