//! One installation token, kept and renewed.

use std::sync::Arc;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Mutex;

use crate::engine::id::RepositoryName;
use crate::engine::time::Timestamp;
use crate::github::Error;
use crate::github::auth::app::{App, InstallationId};

/// So long before its end a token is no longer given out, so that what is begun with it can also be ended.
const MARGIN: Duration = Duration::from_secs(5 * 60);

/// A token and its end.
#[derive(Debug)]
pub(crate) struct Token {
    pub(crate) secret: SecretString,
    pub(crate) expires_at: Timestamp,
}

/// Keeps one token of one repository. Everybody who asks while it is being minted waits for that one.
#[derive(Debug)]
pub struct TokenKeeper {
    app: Arc<App>,
    installation: InstallationId,
    repository: RepositoryName,
    permissions: &'static [(&'static str, &'static str)],
    current: Mutex<Option<Token>>,
}

impl TokenKeeper {
    /// A keeper without a token yet; nothing is sent.
    pub fn new(
        app: Arc<App>,
        installation: InstallationId,
        repository: RepositoryName,
        permissions: &'static [(&'static str, &'static str)],
    ) -> Self {
        Self { app, installation, repository, permissions, current: Mutex::new(None) }
    }

    /// A token good for at least five minutes.
    pub async fn token(&self) -> Result<SecretString, Error> {
        let mut current = self.current.lock().await;
        let now = self.app.transport().now();
        match &*current {
            Some(token) if now + MARGIN < token.expires_at => Ok(token.secret.clone()),
            Some(_) | None => self.mint(&mut current).await,
        }
    }

    /// A token other than `refused`, which GitHub did not accept: the one somebody has minted meanwhile, or a new one.
    pub async fn renewed(&self, refused: &SecretString) -> Result<SecretString, Error> {
        let mut current = self.current.lock().await;
        match &*current {
            Some(token) if token.secret.expose_secret() != refused.expose_secret() => Ok(token.secret.clone()),
            Some(_) | None => self.mint(&mut current).await,
        }
    }

    async fn mint(&self, current: &mut Option<Token>) -> Result<SecretString, Error> {
        *current = None;
        let token = self.app.mint(self.installation, Some(&self.repository), self.permissions).await?;
        let secret = token.secret.clone();
        *current = Some(token);
        Ok(secret)
    }
}
