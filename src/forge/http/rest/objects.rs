//! Git objects: blobs, trees and commits that no branch names yet. They are git's alone; the world is not told.

use axum::Json;
use axum::body::Bytes;
use axum::extract::Path;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::engine::id::Sha;
use crate::forge::http::call::{Call, body_json};
use crate::forge::http::failure::{Answer, Failure};
use crate::forge::http::json;
use crate::forge::http::rest::issues::created;
use crate::forge::repository::{TreeContent, TreeEntry, is_sha};
use crate::forge::world::access::{Level, Scope};

const READ: &[(Scope, Level)] = &[(Scope::Contents, Level::Read)];
const WRITE: &[(Scope, Level)] = &[(Scope::Contents, Level::Write)];
/// Modes a tree entry may have here: file, executable, symbolic link.
const MODES: [&str; 3] = ["100644", "100755", "120000"];
/// Most entries of one new tree.
const ENTRIES_MAX: usize = 5_000;

type Named = Path<(String, String, String)>;

#[derive(Deserialize)]
struct NewBlob {
    content: String,
    encoding: Option<String>,
}

/// `POST …/git/blobs`
pub(crate) async fn create_blob(call: Call, body: Bytes) -> Answer {
    call.may(WRITE)?;
    let wish: NewBlob = body_json(&body)?;
    let content = match wish.encoding.as_deref() {
        None | Some("utf-8") => wish.content.into_bytes(),
        Some("base64") => {
            let compact: String = wish.content.split_whitespace().collect();
            STANDARD.decode(compact).map_err(|_| Failure::invalid("content is not valid Base64"))?
        }
        Some(other) => return Err(Failure::invalid(format!("encoding `{other}` is neither utf-8 nor base64"))),
    };
    let sha = call.hub.repository.write_blob(&content).await?;
    let url = call.hub.place.api(format_args!("/git/blobs/{sha}"));
    Ok(created(json!({ "sha": sha, "url": url })))
}

/// `GET …/git/blobs/{sha}`
pub(crate) async fn get_blob(call: Call, Path((_, _, sha)): Named) -> Answer<Json<Value>> {
    call.may(READ)?;
    let name = Sha::new(sha);
    let content = call.hub.repository.blob(&name).await?.ok_or_else(Failure::not_found)?;
    Ok(Json(json!({
        "sha": name,
        "node_id": json::node_id("Blob", &name),
        "url": call.hub.place.api(format_args!("/git/blobs/{name}")),
        "size": content.len(),
        "content": json::commit::base64_lines(&content),
        "encoding": "base64",
    })))
}

/// `GET …/git/trees/{name}`: one folder by its tree, a commit or a branch; never what lies in its folders.
pub(crate) async fn get_tree(call: Call, Path((_, _, name)): Named) -> Answer<Json<Value>> {
    call.may(READ)?;
    let repository = &call.hub.repository;
    let found = repository.tree_items(&name).await?.ok_or_else(Failure::not_found)?;
    Ok(Json(json::administration::tree(&call.hub.place, &found.0, &found.1)))
}

#[derive(Deserialize)]
struct NewTree {
    base_tree: Option<String>,
    tree: Vec<NewEntry>,
}

#[derive(Deserialize)]
struct NewEntry {
    path: String,
    mode: String,
    content: Option<String>,
    /// Outer nothing: not given; inner nothing: `null`, the path goes.
    #[serde(default, deserialize_with = "given")]
    sha: Option<Option<String>>,
}

fn given<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Option<String>>, D::Error> {
    Option::<String>::deserialize(deserializer).map(Some)
}

fn entry(new: NewEntry) -> Answer<TreeEntry> {
    if !MODES.contains(&new.mode.as_str()) {
        return Err(Failure::invalid(format!("tree.mode `{}` must be one of {}", new.mode, MODES.join(", "))));
    }
    let content = match (new.content, new.sha) {
        (Some(text), None) => TreeContent::Bytes(text.into_bytes()),
        (None, Some(Some(sha))) if is_sha(&sha) => TreeContent::Object(Sha::new(sha)),
        (None, Some(None)) => TreeContent::Gone,
        _ => return Err(Failure::invalid(format!("tree entry `{}` needs either a sha or content", new.path))),
    };
    Ok(TreeEntry { path: new.path, mode: new.mode, content })
}

/// `POST …/git/trees`
pub(crate) async fn create_tree(call: Call, body: Bytes) -> Answer {
    call.may(WRITE)?;
    let wish: NewTree = body_json(&body)?;
    if wish.tree.is_empty() || wish.tree.len() > ENTRIES_MAX {
        return Err(Failure::invalid(format!("a tree has 1 to {ENTRIES_MAX} entries")));
    }
    let repository = &call.hub.repository;
    let base = match wish.base_tree {
        Some(name) => {
            let found = repository.tree(&Sha::new(name)).await?;
            Some(found.ok_or_else(|| Failure::invalid("base_tree is not a valid tree oid"))?)
        }
        None => None,
    };
    let entries = wish.tree.into_iter().map(entry).collect::<Answer<Vec<TreeEntry>>>()?;
    let wrong = |error: crate::forge::repository::Error| Failure::invalid(format!("tree contains an error: {error}"));
    let tree = repository.write_tree(base.as_ref(), &entries).await.map_err(wrong)?;
    let item = |entry: &TreeEntry| json!({ "path": entry.path, "mode": entry.mode, "type": "blob" });
    Ok(created(json!({
        "sha": tree,
        "url": call.hub.place.api(format_args!("/git/trees/{tree}")),
        "truncated": false,
        "tree": entries.iter().filter(|entry| entry.content != TreeContent::Gone).map(item).collect::<Vec<_>>(),
    })))
}

#[derive(Deserialize)]
struct NewCommit {
    message: String,
    tree: String,
    #[serde(default)]
    parents: Vec<String>,
}

/// `POST …/git/commits`
pub(crate) async fn create_commit(call: Call, body: Bytes) -> Answer {
    call.may(WRITE)?;
    let wish: NewCommit = body_json(&body)?;
    let repository = &call.hub.repository;
    let tree =
        repository.tree(&Sha::new(wish.tree)).await?.ok_or_else(|| Failure::invalid("Tree SHA does not exist"))?;
    let mut parents = Vec::with_capacity(wish.parents.len());
    for parent in wish.parents {
        let found = if is_sha(&parent) { repository.resolve(&parent).await? } else { None };
        parents.push(found.ok_or_else(|| Failure::invalid("Parent SHA does not exist or is not a commit object"))?);
    }
    let sha = repository.write_commit(&wish.message, &tree, &parents).await?;
    let facts = repository.commit(&sha).await?.ok_or_else(Failure::not_found)?;
    Ok(created(json::commit::commit(&call.hub.place, &facts)))
}

/// `GET …/git/commits/{sha}`
pub(crate) async fn get_commit(call: Call, Path((_, _, sha)): Named) -> Answer<Json<Value>> {
    call.may(READ)?;
    if !is_sha(&sha) {
        return Err(Failure::not_found());
    }
    let facts = call.hub.repository.commit(&Sha::new(sha)).await?.ok_or_else(Failure::not_found)?;
    Ok(Json(json::commit::commit(&call.hub.place, &facts)))
}
