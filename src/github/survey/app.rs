//! The App as its owner registered it, where it is installed, and what became of its webhooks.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use crate::engine::id::RepositoryName;
use crate::engine::time::Timestamp;
use crate::github::Error;
use crate::github::auth::App;
use crate::github::client::{Call, check_name};

/// The App as registered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
    /// Its name in addresses.
    pub slug: String,
    /// The organisation that owns it; nothing: a person does.
    pub organisation: Option<String>,
    /// What it asks for.
    pub permissions: BTreeMap<String, String>,
    /// What it is told of.
    pub events: BTreeSet<String>,
}

/// The App's installation on a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Installed {
    /// Its page.
    pub page: Option<String>,
    /// What was granted.
    pub permissions: BTreeMap<String, String>,
    /// Whether the account has switched it off.
    pub suspended: bool,
}

/// How the App is told of events.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Hook {
    /// Where webhooks go.
    pub url: Option<String>,
    /// `json` or `form`.
    pub content_type: Option<String>,
    /// `"1"` or 1: certificates are not looked at.
    insecure_ssl: Option<serde_json::Value>,
    secret: Option<String>,
}

impl Hook {
    /// Whether webhooks are signed.
    pub fn has_secret(&self) -> bool {
        self.secret.as_ref().is_some_and(|secret| !secret.is_empty())
    }

    /// Whether certificates are not looked at.
    pub fn is_insecure(&self) -> bool {
        self.insecure_ssl.as_ref().is_some_and(|value| value == "1" || value == 1)
    }
}

/// One attempt to deliver a webhook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivered {
    /// The webhook's name, the same in every attempt.
    pub guid: String,
    /// When.
    pub at: Timestamp,
    /// What it was about.
    pub event: String,
    /// The status it was answered with; 0: nobody answered.
    pub code: u16,
    /// GitHub's words.
    pub words: String,
}

impl Delivered {
    /// Whether it was taken.
    pub fn is_taken(&self) -> bool {
        (200..300).contains(&self.code) || self.words == "OK"
    }
}

#[derive(Debug, Deserialize)]
struct AppAnswer {
    slug: Option<String>,
    owner: Option<OwnerAnswer>,
    #[serde(default)]
    permissions: BTreeMap<String, String>,
    #[serde(default)]
    events: BTreeSet<String>,
}

#[derive(Debug, Deserialize)]
struct OwnerAnswer {
    login: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
}

#[derive(Debug, Deserialize)]
struct InstallationAnswer {
    html_url: Option<String>,
    #[serde(default)]
    permissions: BTreeMap<String, String>,
    suspended_at: Option<String>,
}

#[derive(Debug, Deserialize)]
struct DeliveryAnswer {
    guid: Option<String>,
    delivered_at: Option<String>,
    event: Option<String>,
    status: Option<String>,
    status_code: Option<u16>,
}

impl App {
    /// The App as its owner registered it.
    ///
    /// # Errors
    /// As any call; wrong credentials are [`Error::Unauthorized`].
    pub async fn registration(&self) -> Result<Registration, Error> {
        let call = Call::get("/app".to_owned(), "the App");
        let found: AppAnswer = self.call(&call).await?.json(&call.what)?;
        let owner = found.owner.filter(|owner| owner.kind.as_deref() == Some("Organization"));
        Ok(Registration {
            slug: found.slug.unwrap_or_default(),
            organisation: owner.and_then(|owner| owner.login),
            permissions: found.permissions,
            events: found.events,
        })
    }

    /// The App's installation on a repository.
    ///
    /// # Errors
    /// As any call; none is [`Error::Missing`].
    pub async fn installed_on(&self, repository: &RepositoryName) -> Result<Installed, Error> {
        check_name(repository)?;
        let path = format!("/repos/{repository}/installation");
        let call = Call::get(path, format!("an installation of the App on {repository}"));
        let found: InstallationAnswer = self.call(&call).await?.json(&call.what)?;
        let suspended = found.suspended_at.is_some();
        Ok(Installed { page: found.html_url, permissions: found.permissions, suspended })
    }

    /// How the App is told of events.
    ///
    /// # Errors
    /// As any call; an App without a webhook may answer [`Error::Missing`].
    pub async fn hook(&self) -> Result<Hook, Error> {
        let call = Call::get("/app/hook/config".to_owned(), "the App's webhook");
        self.call(&call).await?.json(&call.what)
    }

    /// The last attempts to deliver webhooks, newest first, at most a hundred.
    ///
    /// # Errors
    /// As any call.
    pub async fn last_deliveries(&self) -> Result<Vec<Delivered>, Error> {
        let call = Call::get("/app/hook/deliveries?per_page=100".to_owned(), "the App's deliveries");
        let found: Vec<DeliveryAnswer> = self.call(&call).await?.json(&call.what)?;
        let delivered = |found: DeliveryAnswer| {
            Some(Delivered {
                guid: found.guid?,
                at: found.delivered_at.as_deref().and_then(Timestamp::parse)?,
                event: found.event.unwrap_or_default(),
                code: found.status_code.unwrap_or_default(),
                words: found.status.unwrap_or_default(),
            })
        };
        Ok(found.into_iter().filter_map(delivered).collect())
    }
}
