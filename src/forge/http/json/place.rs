//! Where the forge is and what it is called: everything that addresses are built from, and accounts.

use serde_json::{Map, Value, json};

use crate::engine::snapshot::Actor;
use crate::forge::http::json::node_id;

/// Addresses and names.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// `http://127.0.0.1:PORT`, of the API, of git and of the pages.
    pub(crate) base: String,
    /// The repository's owner.
    pub(crate) owner: String,
    /// The repository's name.
    pub(crate) name: String,
    /// The repository's id.
    pub(crate) repository_id: u64,
    /// The App's id.
    pub(crate) app_id: u64,
    /// The installation's id.
    pub(crate) installation_id: u64,
    /// The App's slug.
    pub(crate) app_slug: String,
}

impl Place {
    /// The API's address of something in the repository: `path` begins with `/` or is empty.
    pub(crate) fn api(&self, path: impl std::fmt::Display) -> String {
        format!("{}/repos/{}/{}{path}", self.base, self.owner, self.name)
    }

    /// The page's address of something in the repository.
    pub(crate) fn web(&self, path: impl std::fmt::Display) -> String {
        format!("{}/{}/{}{path}", self.base, self.owner, self.name)
    }

    /// `owner/name`.
    pub(crate) fn full_name(&self) -> String {
        format!("{}/{}", self.owner, self.name)
    }

    /// An account.
    pub(crate) fn user(&self, actor: &Actor) -> Value {
        self.account(actor.login.as_str(), if actor.bot { "Bot" } else { "User" })
    }

    /// An account of a kind (`User`, `Bot`).
    pub(crate) fn account(&self, login: &str, kind: &str) -> Value {
        let id = account_id(login);
        let url = format!("{}/users/{login}", self.base);
        let mut fields = Map::new();
        for (name, path) in [
            ("followers_url", "/followers"),
            ("following_url", "/following{/other_user}"),
            ("gists_url", "/gists{/gist_id}"),
            ("starred_url", "/starred{/owner}{/repo}"),
            ("subscriptions_url", "/subscriptions"),
            ("organizations_url", "/orgs"),
            ("repos_url", "/repos"),
            ("events_url", "/events{/privacy}"),
            ("received_events_url", "/received_events"),
        ] {
            fields.insert(name.to_owned(), json!(format!("{url}{path}")));
        }
        fields.insert("login".to_owned(), json!(login));
        fields.insert("id".to_owned(), json!(id));
        fields.insert("node_id".to_owned(), json!(node_id("User", id)));
        fields.insert("avatar_url".to_owned(), json!(format!("{}/avatars/{id}", self.base)));
        fields.insert("gravatar_id".to_owned(), json!(""));
        fields.insert("html_url".to_owned(), json!(format!("{}/{login}", self.base)));
        fields.insert("url".to_owned(), json!(url));
        fields.insert("type".to_owned(), json!(kind));
        fields.insert("site_admin".to_owned(), json!(false));
        Value::Object(fields)
    }
}

/// A number that always stands for the same login, whatever its case.
fn account_id(login: &str) -> u64 {
    let fold = |sum: u64, byte: u8| (sum * 31 + u64::from(byte.to_ascii_lowercase())) % 0x7fff_ffff;
    login.bytes().fold(17, fold) + 1
}
