//! Where `serve` has the App's credentials from: files, variables, or what was set up before.

use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use secrecy::{ExposeSecret as _, SecretString};

use crate::cli::failure::Failure;
use crate::cli::serve::{ServeArgs, clock};
use crate::github::Error;
use crate::github::auth::{App, AppCredentials};
use crate::github::client::Transport;
use crate::github::webhook::WebhookSecrets;
use crate::server::setup::{FILE_NAME, StoredApp};

const KEY_VARIABLE: &str = "ORCHESTRATOR_PRIVATE_KEY";
const SECRET_VARIABLE: &str = "ORCHESTRATOR_WEBHOOK_SECRET";
const PREVIOUS_SECRET_VARIABLE: &str = "ORCHESTRATOR_WEBHOOK_SECRET_PREVIOUS";
/// The flags that make a server the App.
const FLAGS: &str = "--app-id, --private-key-file";
/// Longest file that holds a secret.
const SECRET_FILE_BYTES_MAX: u64 = 64 * 1024;

/// The App and what its webhooks are signed with. Nothing where no App is named and none was set up.
///
/// Id and key belong together: they come from flags and variables, or both from what was set up. A webhook secret that
/// is given stands before the one that was kept, since it can be changed at GitHub.
pub(super) fn find(arguments: &ServeArgs) -> Result<Option<(App, WebhookSecrets)>, Failure> {
    let key = secret(arguments.private_key_file.as_deref(), KEY_VARIABLE)?;
    let current = secret(arguments.webhook_secret_file.as_deref(), SECRET_VARIABLE)?;
    let (source, credentials, current) = match (arguments.app_id.clone(), key) {
        (Some(app_id), Some(key)) => {
            let remedy = format!("give --webhook-secret-file FILE, or the secret itself in {SECRET_VARIABLE}");
            let missing = || Failure::usage("the webhook secret is missing").with_hint(remedy);
            (FLAGS.to_owned(), AppCredentials { app_id, key }, current.ok_or_else(missing)?)
        }
        (Some(_), None) => {
            let remedy = format!(
                "give --private-key-file FILE, or the key itself in {KEY_VARIABLE}; without both and --app-id an App \
                 is set up in the browser"
            );
            return Err(Failure::usage("the App's private key is missing").with_hint(remedy));
        }
        (None, Some(_)) => {
            return Err(Failure::usage("the App's id is missing").with_hint("give --app-id ID, from the App's page"));
        }
        (None, None) => match stored(arguments)? {
            Some(stored) => {
                let source = arguments.state.join(FILE_NAME).display().to_string();
                (source, stored.credentials, current.unwrap_or(stored.webhook_secret))
            }
            None => return Ok(None),
        },
    };
    let secrets = webhook_secrets(arguments, current)?;
    let app = App::new(transport(arguments)?, &credentials);
    Ok(Some((app.map_err(|error| flag(&source, error))?, secrets)))
}

fn stored(arguments: &ServeArgs) -> Result<Option<StoredApp>, Failure> {
    StoredApp::read(&arguments.state, &arguments.api_url).map_err(|error| Failure::usage(error.to_string()))
}

/// The way to GitHub.
pub(super) fn transport(arguments: &ServeArgs) -> Result<Arc<Transport>, Failure> {
    let transport = Transport::trusting(&arguments.api_url, arguments.ca_bundle.as_deref(), clock());
    transport.map(Arc::new).map_err(|error| flag("--api-url, --ca-bundle", error))
}

/// What cannot be used was never sent: only the words about it matter.
pub(in crate::cli) fn flag(name: &str, error: Error) -> Failure {
    let message = if let Error::Invalid { message } = error { message } else { error.to_string() };
    Failure::usage(format!("{name}: {message}"))
}

fn webhook_secrets(arguments: &ServeArgs, current: SecretString) -> Result<WebhookSecrets, Failure> {
    let previous = secret(arguments.previous_webhook_secret_file.as_deref(), PREVIOUS_SECRET_VARIABLE)?;
    WebhookSecrets::new(current, previous).map_err(|error| {
        let places = format!(
            "--webhook-secret-file and {SECRET_VARIABLE}, --previous-webhook-secret-file and {PREVIOUS_SECRET_VARIABLE}"
        );
        Failure::usage(error.to_string()).with_hint(format!("secrets come from {places}"))
    })
}

/// The App's private key, from a file or the environment.
pub(in crate::cli) fn private_key(file: Option<&Path>) -> Result<SecretString, Failure> {
    secret(file, KEY_VARIABLE)?.ok_or_else(|| {
        Failure::usage("the App's private key is missing")
            .with_hint(format!("give --private-key-file FILE, or the key itself in {KEY_VARIABLE}"))
    })
}

/// A secret from a file, or else from a variable; without the line end that editors put behind it.
fn secret(file: Option<&Path>, variable: &str) -> Result<Option<SecretString>, Failure> {
    let Some(path) = file else {
        // A workflow sets a secret that is not there to nothing.
        return Ok(std::env::var(variable).ok().filter(|text| !text.is_empty()).map(SecretString::from));
    };
    let failed = |error: std::io::Error| Failure::usage(format!("{} cannot be read: {error}", path.display()));
    let opened = std::fs::File::open(path).map_err(failed)?;
    warn_of_readers(path, &opened);
    let mut text = String::new();
    opened.take(SECRET_FILE_BYTES_MAX).read_to_string(&mut text).map_err(failed)?;
    let whole = SecretString::from(text);
    Ok(Some(SecretString::from(whole.expose_secret().trim_end_matches(['\r', '\n']))))
}

fn warn_of_readers(path: &Path, file: &std::fs::File) {
    use std::os::unix::fs::PermissionsExt as _;
    if file.metadata().is_ok_and(|found| found.permissions().mode() & 0o077 != 0) {
        tracing::warn!("{} can be read by others on this machine; `chmod 600` keeps it to you", path.display());
    }
}
