//! Access tokens: who acts with them, what they may do, until when. Only their digests are kept.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use secrecy::SecretString;

use crate::engine::snapshot::Actor;
use crate::engine::time::Timestamp;
use crate::forge::http::keys;
use crate::forge::world::access::Permissions;

/// How long an installation's token lives.
pub(crate) const INSTALLATION_TOKEN_LIFE: Duration = Duration::from_secs(3_600);
/// How long a job's token lives at most.
pub(crate) const JOB_TOKEN_LIFE: Duration = Duration::from_secs(24 * 3_600);
/// Most tokens alive; beyond it the ones that end first go.
const TOKENS_MAX: usize = 10_000;

/// What a token stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Grant {
    /// Who acts.
    pub(crate) actor: Actor,
    /// What it may do.
    pub(crate) permissions: Permissions,
    /// Until when.
    pub(crate) expires_at: Timestamp,
}

/// All tokens alive, by digest.
#[derive(Debug, Default)]
pub(crate) struct Tokens(Mutex<BTreeMap<String, Grant>>);

impl Tokens {
    fn alive(&self) -> MutexGuard<'_, BTreeMap<String, Grant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes a token for a grant and gives it with its digest.
    pub(crate) fn mint(&self, grant: Grant, now: Timestamp) -> Result<(SecretString, String), getrandom::Error> {
        let token = SecretString::from(format!("ghs_{}", keys::random_hex(20)?));
        let digest = keys::digest(&token);
        let mut alive = self.alive();
        alive.retain(|_, grant| grant.expires_at > now);
        if alive.len() >= TOKENS_MAX {
            let first = alive.iter().min_by_key(|(_, grant)| grant.expires_at).map(|(digest, _)| digest.clone());
            first.and_then(|digest| alive.remove(&digest));
        }
        alive.insert(digest.clone(), grant);
        Ok((token, digest))
    }

    /// Takes back a grant kept from an earlier start.
    pub(crate) fn restore(&self, digest: String, grant: Grant) {
        self.alive().insert(digest, grant);
    }

    /// What a token stands for, while it lives.
    pub(crate) fn grant(&self, token: &SecretString, now: Timestamp) -> Option<Grant> {
        self.alive().get(&keys::digest(token)).filter(|grant| grant.expires_at > now).cloned()
    }

    /// Ends a token at once.
    pub(crate) fn revoke(&self, token: &SecretString) {
        self.alive().remove(&keys::digest(token));
    }
}
