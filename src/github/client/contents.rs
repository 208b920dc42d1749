//! Branches, commits and files (the git database).

use http::Method;
use http::header::CONTENT_TYPE;
use serde_json::json;

use crate::engine::id::Sha;
use crate::engine::snapshot::Ref;
use crate::github::client::path::{encode, prefix, segment, segments};
use crate::github::client::transport::RAW;
use crate::github::client::{Call, Overflow, Sending, wire};
use crate::github::{Error, NewFile, Response};

const BRANCHES: &str = "refs/heads/";

fn branch_of(found: wire::GitRef) -> Option<Ref> {
    let branch = found.name.strip_prefix(BRANCHES)?.to_owned();
    Some(Ref { branch, sha: Sha::new(found.object.sha) })
}

fn answer_of(found: wire::GitRef, what: &str) -> Result<Response, Error> {
    branch_of(found).map(Response::Ref).ok_or_else(|| wire::lacks(what, BRANCHES))
}

impl Sending<'_> {
    pub(super) async fn branch(&self, branch: &str) -> Result<Response, Error> {
        let what = format!("branch `{branch}`");
        let found = self.read(&format!("/git/ref/heads/{}", segments(branch)?), what.clone()).await?;
        answer_of(found, &what)
    }

    pub(super) async fn branches(&self, beginning: &str) -> Result<Response, Error> {
        let path = format!("/git/matching-refs/heads/{}", prefix(beginning)?);
        let what = format!("the branches `{beginning}*`");
        let found: Vec<wire::GitRef> = self.list(&path, what, Overflow::Refuse).await?;
        Ok(Response::Refs(found.into_iter().filter_map(branch_of).collect()))
    }

    pub(super) async fn create_branch(&self, branch: &str, sha: &Sha) -> Result<Response, Error> {
        let what = format!("branch `{branch}`");
        let content = json!({"ref": format!("{BRANCHES}{branch}"), "sha": sha});
        let made = self.write(Method::POST, "/git/refs", what.clone(), &content).await?;
        answer_of(made, &what)
    }

    pub(super) async fn advance_branch(&self, branch: &str, sha: &Sha) -> Result<Response, Error> {
        let what = format!("branch `{branch}`");
        let path = format!("/git/refs/heads/{}", segments(branch)?);
        let content = json!({"sha": sha, "force": false});
        let moved = self.write(Method::PATCH, &path, what.clone(), &content).await?;
        answer_of(moved, &what)
    }

    pub(super) async fn delete_branch(&self, branch: &str) -> Result<Response, Error> {
        let path = format!("/git/refs/heads/{}", segments(branch)?);
        match self.command(Method::DELETE, &path, format!("branch `{branch}`")).await {
            Err(Error::Missing { .. }) => Ok(Response::Done),
            answer => answer,
        }
    }

    /// No author is given, so that GitHub signs the commit as the App's.
    pub(super) async fn create_commit(
        &self,
        message: &str,
        files: Vec<NewFile>,
        parent: Option<Sha>,
    ) -> Result<Response, Error> {
        let base = match &parent {
            Some(parent) => Some(self.tree_of(parent).await?),
            None => None,
        };
        let tree = match base {
            Some(base) if files.is_empty() => base,
            base => self.create_tree(base, files).await?,
        };
        let parents: Vec<Sha> = parent.into_iter().collect();
        let content = json!({"message": message, "tree": tree, "parents": parents});
        let made: wire::GitObject =
            self.write(Method::POST, "/git/commits", "a new commit".to_owned(), &content).await?;
        let sha = Sha::new(made.sha);
        *self.made() = Some((sha.clone(), tree));
        Ok(Response::Commit(sha))
    }

    async fn tree_of(&self, commit: &Sha) -> Result<String, Error> {
        if let Some((_, tree)) = self.made().as_ref().filter(|(made, _)| made == commit) {
            return Ok(tree.clone());
        }
        let path = format!("/git/commits/{}", segment(commit.as_str())?);
        let found: wire::GitCommit = self.read(&path, format!("commit {commit}")).await?;
        Ok(found.tree.sha)
    }

    async fn create_tree(&self, base: Option<String>, files: Vec<NewFile>) -> Result<String, Error> {
        let entries: Vec<_> = files
            .into_iter()
            .map(|file| json!({"path": file.path, "mode": "100644", "type": "blob", "content": file.content}))
            .collect();
        let mut content = json!({"tree": entries});
        if let Some(base) = base {
            content["base_tree"] = base.into();
        }
        let made: wire::GitObject = self.write(Method::POST, "/git/trees", "a new tree".to_owned(), &content).await?;
        Ok(made.sha)
    }

    pub(super) async fn file(&self, reference: &str, path: &str) -> Result<Response, Error> {
        let what = format!("file `{path}` at `{reference}`");
        let address = format!("/contents/{}?ref={}", segments(path)?, encode(reference));
        let mut call = Call::get(self.path(&address), what.clone());
        call.accept = RAW;
        let answer = self.call(&call).await?;
        // Asked for raw, GitHub answers a directory with a plain JSON list.
        let kind = answer.headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        if kind.split(';').next() == Some("application/json") && answer.body.starts_with(b"[") {
            return Err(Error::Missing { what });
        }
        Ok(Response::File(answer.body))
    }
}
