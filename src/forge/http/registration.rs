//! How somebody comes by the forge's App: from a manifest, as at GitHub, by a code that is good once and for an hour.
//!
//! A forge has one App from its beginning, installed on its one repository. Whoever creates it from a manifest gets
//! that App's key and a new webhook secret, its webhooks go where the manifest says, and it waits to be installed
//! again. All of this is known as long as the process runs; a forge that is started again is as it was started.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use http::Uri;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::SecretString;
use serde::Deserialize;

use crate::engine::time::Timestamp;
use crate::forge::http::keys::{digest, random_hex};
use crate::forge::world::access::{Level, Permissions, Scope};

/// How long a code is good.
const CODE_LIFE: Duration = Duration::from_secs(3_600);
/// Most codes open at once; beyond it the one nearest to its end goes.
const CODES_MAX: usize = 100;
/// Longest name of an App, in characters.
const NAME_CHARACTERS_MAX: usize = 34;

/// A manifest as GitHub documents it; other keys are mistakes.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Manifest {
    pub(crate) name: Option<String>,
    url: String,
    pub(crate) hook_attributes: Option<HookAttributes>,
    redirect_url: Option<String>,
    #[serde(rename = "callback_urls")]
    _callback_urls: Option<Vec<String>>,
    #[serde(rename = "setup_url")]
    _setup_url: Option<String>,
    pub(crate) description: Option<String>,
    #[serde(rename = "public")]
    _public: Option<bool>,
    default_events: Option<Vec<String>>,
    default_permissions: Option<BTreeMap<String, String>>,
    #[serde(rename = "request_oauth_on_install")]
    _request_oauth_on_install: Option<bool>,
    #[serde(rename = "setup_on_update")]
    _setup_on_update: Option<bool>,
}

/// Where a manifest wants webhooks sent.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HookAttributes {
    pub(crate) url: String,
    active: Option<bool>,
}

impl Manifest {
    /// Reads a manifest; `held` and `events` are what the forge's App has, and what a manifest must ask for.
    ///
    /// # Errors
    /// Words for the person: what is wrong.
    pub(crate) fn read(text: &str, held: &Permissions, events: &[&str]) -> Result<Self, String> {
        let manifest: Self =
            serde_json::from_str(text).map_err(|error| format!("The manifest cannot be read: {error}."))?;
        if manifest.name.as_ref().is_some_and(|name| name.chars().count() > NAME_CHARACTERS_MAX) {
            return Err(format!("The name is longer than {NAME_CHARACTERS_MAX} characters."));
        }
        let addresses = [Some(&manifest.url), manifest.redirect_url.as_ref()];
        if let Some(wrong) = addresses.into_iter().flatten().find(|text| origin_of(text).is_none()) {
            return Err(format!("`{wrong}` is no address; it must begin with https:// or http://."));
        }
        if let Some(hook) = manifest.hook()
            && !is_local(&hook.url)
        {
            return Err(format!("Webhooks of this forge stay on this machine, and `{}` is elsewhere.", hook.url));
        }
        let asked = manifest.permissions()?;
        if asked != *held {
            return Err("The App of this forge has the permissions of app-manifest.yml, and no others.".to_owned());
        }
        let told = manifest.default_events.iter().flatten();
        if let Some(event) = told.clone().find(|event| !events.contains(&event.as_str())) {
            return Err(format!("Default events: `{event}` is not supported."));
        }
        if told.count() > 0 && manifest.hook_attributes.is_none() {
            return Err("There are events, and no address to send them to (`hook_attributes`).".to_owned());
        }
        Ok(manifest)
    }

    fn permissions(&self) -> Result<Permissions, String> {
        let read = |(name, level): (&String, &String)| {
            let scope: Scope = name.parse().map_err(|_| format!("Default permissions: `{name}` is not known."))?;
            let level: Level = level.parse().map_err(|_| format!("Default permissions: `{name}: {level}`."))?;
            Ok((scope, level))
        };
        self.default_permissions.iter().flatten().map(read).collect()
    }

    /// Where its webhooks go; nothing where it wants none.
    pub(crate) fn hook(&self) -> Option<&HookAttributes> {
        self.hook_attributes.as_ref().filter(|hook| hook.active.unwrap_or(true))
    }

    /// The address to lead back to with a code, and its origin; nothing where the manifest names none.
    pub(crate) fn way_back(&self, code: &str, state: Option<&str>) -> Option<(String, String)> {
        let base = self.redirect_url.as_ref()?;
        let sign = if base.contains('?') { '&' } else { '?' };
        let state = state.map(|state| format!("&state={}", encoded(state))).unwrap_or_default();
        Some((format!("{base}{sign}code={}{state}", encoded(code)), origin_of(base)?))
    }
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

/// `http://host:port` of an address.
fn origin_of(address: &str) -> Option<String> {
    let uri: Uri = address.parse().ok()?;
    let scheme = uri.scheme_str().filter(|scheme| ["http", "https"].contains(scheme))?;
    Some(format!("{scheme}://{}", uri.authority()?))
}

fn is_local(address: &str) -> bool {
    let host = address.parse::<Uri>().ok().and_then(|uri| uri.host().map(str::to_owned));
    address.starts_with("http://") && host.is_some_and(|host| ["127.0.0.1", "localhost"].contains(&host.as_str()))
}

struct Code {
    digest: String,
    ends_at: Timestamp,
    manifest: Manifest,
}

/// Codes that are open, and whether the App is installed.
pub(crate) struct Registration {
    codes: Mutex<Vec<Code>>,
    waits_for_installation: AtomicBool,
}

impl Registration {
    /// The App is there and installed.
    pub(crate) fn new() -> Self {
        Self { codes: Mutex::default(), waits_for_installation: AtomicBool::new(false) }
    }

    /// A code for a manifest that somebody confirmed.
    pub(crate) fn confirm(&self, manifest: Manifest, now: Timestamp) -> Result<String, getrandom::Error> {
        let code = random_hex(20)?;
        let mut codes = self.codes.lock().unwrap_or_else(PoisonError::into_inner);
        if codes.len() >= CODES_MAX {
            codes.remove(0);
        }
        let digest = digest(&SecretString::from(code.clone()));
        codes.push(Code { digest, ends_at: now + CODE_LIFE, manifest });
        Ok(code)
    }

    /// What a code stands for, once: from then on the App waits to be installed.
    pub(crate) fn convert(&self, code: &str, now: Timestamp) -> Option<Manifest> {
        let mut codes = self.codes.lock().unwrap_or_else(PoisonError::into_inner);
        let wanted = digest(&SecretString::from(code));
        let at = codes.iter().position(|code| code.digest == wanted)?;
        let code = codes.remove(at);
        if now >= code.ends_at {
            return None;
        }
        self.waits_for_installation.store(true, Ordering::SeqCst);
        Some(code.manifest)
    }

    /// Whether the App is installed on the repository.
    pub(crate) fn is_installed(&self) -> bool {
        !self.waits_for_installation.load(Ordering::SeqCst)
    }

    /// Somebody installs it; whether that is news.
    pub(crate) fn install(&self) -> bool {
        self.waits_for_installation.swap(false, Ordering::SeqCst)
    }
}
