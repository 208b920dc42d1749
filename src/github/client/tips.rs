//! Many branches with one file each, in one GraphQL question: the records of all attempts that are looked at.

use std::fmt::Write as _;

use serde::Deserialize;

use crate::engine::id::Sha;
use crate::github::client::together::{Found, Question};
use crate::github::client::{Sending, wire};
use crate::github::{Error, Response, Tip};

/// Most branches asked for at once: a question stays small, and is answered soon.
pub(super) const BRANCHES_MAX: usize = 50;
const TIP: &str =
    "fragment tip on Ref{target{oid ...on Commit{file(path:$path){object{...on Blob{text isTruncated}}}}}}";

#[derive(Debug, Deserialize)]
struct FoundRef {
    target: Option<Target>,
}

#[derive(Debug, Deserialize)]
struct Target {
    oid: String,
    file: Option<TreeEntry>,
}

#[derive(Debug, Deserialize)]
struct TreeEntry {
    object: Option<wire::Blob>,
}

impl Sending<'_> {
    pub(super) async fn tips(&self, branches: &[String], path: &str) -> Result<Response, Error> {
        let mut tips = Vec::with_capacity(branches.len());
        for branches in branches.chunks(BRANCHES_MAX) {
            tips.extend(self.some_tips(branches, path).await?);
        }
        Ok(Response::Tips(tips))
    }

    async fn some_tips(&self, branches: &[String], path: &str) -> Result<Vec<Option<Tip>>, Error> {
        let what = format!("`{path}` on {} branches", branches.len());
        let mut question = Question::default();
        add(&mut question, branches, path);
        let mut found = self.ask_repository(question, &what).await?;
        told(&mut found, branches.len(), &what)
    }
}

/// Puts branches into a question. Names come as variables: nothing of them stands in the question itself.
pub(super) fn add(question: &mut Question, branches: &[String], path: &str) {
    question.declared.push_str(",$path:String!");
    question.variables.insert("path".to_owned(), path.into());
    question.fragments.push_str(TIP);
    for (at, branch) in branches.iter().enumerate() {
        // Writing to a text cannot fail.
        let _ = write!(question.declared, ",$b{at}:String!");
        let _ = write!(question.asked, " b{at}:ref(qualifiedName:$b{at}){{...tip}}");
        question.variables.insert(format!("b{at}"), format!("refs/heads/{branch}").into());
    }
}

/// What was told of so many branches.
pub(super) fn told(found: &mut Found, branches: usize, what: &str) -> Result<Vec<Option<Tip>>, Error> {
    let tip = |at: usize| match found.take::<FoundRef>(&format!("b{at}"), what)? {
        Some(found) => found.map(|found| found.into_tip(what)).transpose(),
        // What was asked for and is not even said to be missing is no answer.
        None => Err(wire::lacks(what, "a branch asked for")),
    };
    (0..branches).map(tip).collect()
}

impl FoundRef {
    fn into_tip(self, what: &str) -> Result<Tip, Error> {
        let target = self.target.ok_or_else(|| wire::lacks(what, "target"))?;
        let blob = target.file.and_then(|entry| entry.object);
        Ok(Tip { sha: Sha::new(target.oid), file: blob.and_then(wire::Blob::whole) })
    }
}
