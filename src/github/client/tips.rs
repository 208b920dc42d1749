//! Many branches with one file each, in one GraphQL question: the records of all attempts that are looked at.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::engine::id::Sha;
use crate::github::client::{Sending, wire};
use crate::github::{Error, Response, Tip};

/// Most branches asked for at once: a question stays small, and is answered soon.
const BRANCHES_MAX: usize = 50;
const TIP: &str =
    "fragment tip on Ref{target{oid ...on Commit{file(path:$path){object{...on Blob{text isTruncated}}}}}}";

#[derive(Debug, Deserialize)]
struct Data {
    repository: Option<BTreeMap<String, Option<FoundRef>>>,
}

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
    object: Option<Blob>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Blob {
    text: Option<String>,
    is_truncated: Option<bool>,
}

impl Sending<'_> {
    pub(super) async fn tips(&self, branches: &[String], path: &str) -> Result<Response, Error> {
        let mut tips = Vec::with_capacity(branches.len());
        for branches in branches.chunks(BRANCHES_MAX) {
            tips.extend(self.some_tips(branches, path).await?);
        }
        Ok(Response::Tips(tips))
    }

    /// Names come as variables: nothing of them stands in the question itself.
    async fn some_tips(&self, branches: &[String], path: &str) -> Result<Vec<Option<Tip>>, Error> {
        let what = format!("`{path}` on {} branches", branches.len());
        let (mut declared, mut asked) = (String::new(), String::new());
        let mut variables = Map::new();
        for (at, branch) in branches.iter().enumerate() {
            // Writing to a text cannot fail.
            let _ = write!(declared, ",$b{at}:String!");
            let _ = write!(asked, " b{at}:ref(qualifiedName:$b{at}){{...tip}}");
            variables.insert(format!("b{at}"), format!("refs/heads/{branch}").into());
        }
        let own = json!({"owner": self.owner(), "name": self.name(), "path": path});
        variables.extend(own.as_object().cloned().unwrap_or_default());
        let query = format!(
            "query($owner:String!,$name:String!,$path:String!{declared}){{\
             repository(owner:$owner,name:$name){{{asked}}}}}{TIP}"
        );
        let data: Data = self.graphql(&query, &Value::Object(variables), what.clone()).await?;
        let mut found = data.repository.ok_or_else(|| Error::Missing { what: what.clone() })?;
        let tip = |at: usize| match found.remove(&format!("b{at}")) {
            Some(found) => found.map(|found| found.into_tip(&what)).transpose(),
            // What was asked for and is not even said to be missing is no answer.
            None => Err(wire::lacks(&what, "a branch asked for")),
        };
        (0..branches.len()).map(tip).collect()
    }
}

impl FoundRef {
    fn into_tip(self, what: &str) -> Result<Tip, Error> {
        let target = self.target.ok_or_else(|| wire::lacks(what, "target"))?;
        let blob = target.file.and_then(|entry| entry.object);
        let whole = blob.filter(|blob| blob.is_truncated == Some(false));
        Ok(Tip { sha: Sha::new(target.oid), file: whole.and_then(|blob| blob.text) })
    }
}
