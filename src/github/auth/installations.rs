//! One client and one push token per repository the App is installed on, and one gate per installation.

use std::collections::BTreeMap;
use std::sync::Arc;

use secrecy::SecretString;
use tokio::sync::Mutex;

use crate::engine::id::RepositoryName;
use crate::github::Error;
use crate::github::auth::app::{API_PERMISSIONS, App, InstallationId, PUSH_PERMISSIONS};
use crate::github::auth::token::TokenKeeper;
use crate::github::client::{Client, Credentials, Gate};
use crate::github::pace::Limits;

#[derive(Clone, Debug)]
struct Entry {
    client: Arc<Client>,
    push: Arc<TokenKeeper>,
}

/// The App's clients, one per repository; as many as there are repositories installed.
#[derive(Debug)]
pub struct Installations {
    app: Arc<App>,
    entries: Mutex<BTreeMap<String, Entry>>,
    limits: Limits,
    /// One per installation, kept as long as we run: what was asked counts whichever repository it was for.
    gates: Mutex<BTreeMap<InstallationId, Arc<Gate>>>,
}

impl Installations {
    /// Without any client yet; nothing is sent.
    pub fn new(app: Arc<App>) -> Self {
        Self::within(app, Limits::GITHUB)
    }

    /// The same under other limits than GitHub's.
    pub fn within(app: Arc<App>, limits: Limits) -> Self {
        Self { app, entries: Mutex::default(), limits, gates: Mutex::default() }
    }

    /// The App behind them.
    pub fn app(&self) -> &Arc<App> {
        &self.app
    }

    /// The repository's client, always the same one. Where the App is not installed: [`Error::Missing`].
    pub async fn client(&self, repository: &RepositoryName) -> Result<Arc<Client>, Error> {
        Ok(self.entry(repository).await?.client)
    }

    /// The repositories an installation covers.
    pub async fn repositories(&self, installation: InstallationId) -> Result<Vec<RepositoryName>, Error> {
        let gate = self.gate(installation).await;
        self.app.repositories(installation, &gate).await
    }

    /// A token that may push to the repository and do nothing else, good for at least five minutes.
    pub async fn push_token(&self, repository: &RepositoryName) -> Result<SecretString, Error> {
        let push = self.entry(repository).await?.push;
        push.token().await
    }

    /// Forgets a repository's client and tokens: the App was taken off it, or its installation changed.
    pub async fn forget(&self, repository: &RepositoryName) {
        self.entries.lock().await.remove(&key(repository));
    }

    async fn entry(&self, repository: &RepositoryName) -> Result<Entry, Error> {
        if let Some(entry) = self.entries.lock().await.get(&key(repository)) {
            return Ok(entry.clone());
        }
        // Asked outside the lock, so that one slow answer holds up one repository only; the first to come back is kept.
        let installation = self.app.installation_of(repository).await?;
        let gate = self.gate(installation).await;
        let fresh = self.new_entry(gate, installation, repository)?;
        Ok(self.entries.lock().await.entry(key(repository)).or_insert(fresh).clone())
    }

    async fn gate(&self, installation: InstallationId) -> Arc<Gate> {
        self.gates.lock().await.entry(installation).or_insert_with(|| Arc::new(Gate::new(self.limits))).clone()
    }

    fn new_entry(
        &self,
        gate: Arc<Gate>,
        installation: InstallationId,
        repository: &RepositoryName,
    ) -> Result<Entry, Error> {
        let keeper = |permissions: &'static [(&'static str, &'static str)]| {
            Arc::new(TokenKeeper::new(self.app.clone(), installation, repository.clone(), permissions))
        };
        let credentials = Credentials::Installation(keeper(&API_PERMISSIONS));
        let client = Client::behind(gate, self.app.transport().clone(), repository.clone(), credentials)?;
        Ok(Entry { client: Arc::new(client), push: keeper(&PUSH_PERMISSIONS) })
    }
}

/// GitHub's names ignore case.
fn key(repository: &RepositoryName) -> String {
    repository.as_str().to_ascii_lowercase()
}
