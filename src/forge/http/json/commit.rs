//! Refs, commits, blobs and trees of the git data API, and files of the contents API.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::engine::id::Sha;
use crate::forge::http::json::{Place, moment, node_id};
use crate::forge::repository::CommitFacts;

/// A branch as a ref.
pub(crate) fn reference(place: &Place, branch: &str, sha: &Sha) -> Value {
    json!({
        "ref": format!("refs/heads/{branch}"),
        "node_id": node_id("Ref", branch),
        "url": place.api(format_args!("/git/refs/heads/{branch}")),
        "object": { "type": "commit", "sha": sha, "url": place.api(format_args!("/git/commits/{sha}")) },
    })
}

/// A commit of the git data API.
pub(crate) fn commit(place: &Place, facts: &CommitFacts) -> Value {
    let sha = &facts.sha;
    let person = json!({
        "name": facts.author_name, "email": facts.author_email, "date": moment(facts.committed_at),
    });
    let parent = |parent: &Sha| {
        json!({
            "sha": parent,
            "url": place.api(format_args!("/git/commits/{parent}")),
            "html_url": place.web(format_args!("/commit/{parent}")),
        })
    };
    json!({
        "sha": sha,
        "node_id": node_id("Commit", sha),
        "url": place.api(format_args!("/git/commits/{sha}")),
        "html_url": place.web(format_args!("/commit/{sha}")),
        "author": person,
        "committer": person,
        "message": facts.message,
        "tree": { "sha": facts.tree, "url": place.api(format_args!("/git/trees/{}", facts.tree)) },
        "parents": facts.parents.iter().map(parent).collect::<Vec<_>>(),
        "verification": {
            "verified": false, "reason": "unsigned", "signature": null, "payload": null, "verified_at": null,
        },
    })
}

/// A commit of the repository API (the answer of a merge, say).
pub(crate) fn repository_commit(place: &Place, facts: &CommitFacts) -> Value {
    let sha = &facts.sha;
    let git = commit(place, facts);
    json!({
        "sha": sha,
        "node_id": git["node_id"],
        "url": place.api(format_args!("/commits/{sha}")),
        "html_url": git["html_url"],
        "comments_url": place.api(format_args!("/commits/{sha}/comments")),
        "commit": {
            "url": git["url"], "author": git["author"], "committer": git["committer"], "message": facts.message,
            "comment_count": 0, "tree": git["tree"], "verification": git["verification"],
        },
        "author": null,
        "committer": null,
        "parents": git["parents"],
    })
}

/// A file's bytes as base64 in lines, as GitHub sends them.
pub(crate) fn base64_lines(content: &[u8]) -> String {
    const LINE: usize = 60;
    let text = STANDARD.encode(content);
    let mut lines = String::with_capacity(text.len() + text.len() / LINE + 1);
    for line in text.as_bytes().chunks(LINE) {
        lines.push_str(&String::from_utf8_lossy(line));
        lines.push('\n');
    }
    lines
}

/// A file of the contents API.
pub(crate) fn content(place: &Place, reference: &str, path: &str, blob: &Sha, bytes: &[u8]) -> Value {
    let url = place.api(format_args!("/contents/{path}?ref={reference}"));
    let git_url = place.api(format_args!("/git/blobs/{blob}"));
    let page = place.web(format_args!("/blob/{reference}/{path}"));
    json!({
        "type": "file",
        "encoding": "base64",
        "size": bytes.len(),
        "name": path.rsplit('/').next().unwrap_or(path),
        "path": path,
        "content": base64_lines(bytes),
        "sha": blob,
        "url": url,
        "git_url": git_url,
        "html_url": page,
        "download_url": null,
        "_links": { "git": git_url, "self": url, "html": page },
    })
}
