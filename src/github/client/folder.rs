//! The files of a folder with their texts, in one GraphQL question: a plan as the state branch holds it.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::json;

use crate::engine::id::Sha;
use crate::github::client::{Sending, wire};
use crate::github::{Error, Response};

const FOLDER: &str = "query($owner:String!,$name:String!,$at:String!){repository(owner:$owner,name:$name)\
{folder:object(expression:$at){...on Tree{entries{name type object{...on Blob{text isTruncated}}}}}}}";

#[derive(Debug, Deserialize)]
struct Data {
    repository: Option<Repository>,
}

#[derive(Debug, Deserialize)]
struct Repository {
    folder: Option<Tree>,
}

#[derive(Debug, Deserialize)]
struct Tree {
    entries: Option<Vec<Entry>>,
}

#[derive(Debug, Deserialize)]
struct Entry {
    name: String,
    #[serde(rename = "type")]
    kind: String,
    object: Option<wire::Blob>,
}

impl Sending<'_> {
    pub(super) async fn folder(&self, commit: &Sha, path: &str) -> Result<Response, Error> {
        let what = format!("the folder `{path}` at {commit}");
        let variables = json!({"owner": self.owner(), "name": self.name(), "at": format!("{commit}:{path}")});
        let data: Data = self.graphql(FOLDER, &variables, what.clone()).await?;
        let repository = data.repository.ok_or_else(|| Error::Missing { what: what.clone() })?;
        let Some(tree) = repository.folder else { return Ok(Response::Folder(BTreeMap::new())) };
        let entries = tree.entries.ok_or_else(|| wire::lacks(&what, "entries"))?;
        let files = entries.into_iter().filter(|entry| entry.kind == "blob");
        Ok(Response::Folder(files.map(|entry| (entry.name, entry.object.and_then(wire::Blob::whole))).collect()))
    }
}
