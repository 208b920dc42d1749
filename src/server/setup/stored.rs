//! What set-up leaves in the state folder: the App's number, key and webhook secret, in one file for its owner alone.
//!
//! Promises: the file is there whole or not at all, with mode 0600 from its first byte on; one that is there is never
//! written over; no error and no `Debug` text shows a secret.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use serde_json::json;

use crate::github::auth::AppCredentials;

/// The file's name in the state folder.
pub const FILE_NAME: &str = "app.json";
/// While it is being written.
const UNFINISHED_NAME: &str = "app.json.new";
/// Longest file that is read, in bytes: a key of the greatest size is far shorter.
const FILE_BYTES_MAX: u64 = 64 * 1024;

/// What makes this server the App.
#[derive(Debug)]
pub struct StoredApp {
    /// Number and key.
    pub credentials: AppCredentials,
    /// What webhooks are signed with.
    pub webhook_secret: SecretString,
}

/// Why it cannot be read or kept.
#[derive(Debug, thiserror::Error)]
#[error("{}: {message}", path.display())]
pub struct StoredError {
    /// The file or folder.
    pub path: PathBuf,
    /// What is wrong and what to do.
    pub message: String,
}

#[derive(Deserialize)]
struct Written {
    api_url: String,
    app_id: u64,
    private_key: SecretString,
    webhook_secret: SecretString,
}

impl StoredError {
    fn at(path: &Path) -> impl Fn(std::io::Error) -> Self + '_ {
        |error| Self { path: path.to_owned(), message: error.to_string() }
    }
}

impl StoredApp {
    /// Reads what set-up left; nothing where it has left nothing.
    ///
    /// # Errors
    /// A file that others may read, that is of another GitHub than `api_url`, or that cannot be read.
    pub fn read(state: &Path, api_url: &str) -> Result<Option<Self>, StoredError> {
        let path = state.join(FILE_NAME);
        let wrong = |message: String| StoredError { path: path.clone(), message };
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(wrong(error.to_string())),
        };
        let mode = file.metadata().map_err(StoredError::at(&path))?.permissions().mode();
        if mode & 0o077 != 0 {
            return Err(wrong(
                "it holds the App's key, and others on this machine can read it; `chmod 600` it".to_owned(),
            ));
        }
        let mut text = String::new();
        file.take(FILE_BYTES_MAX).read_to_string(&mut text).map_err(StoredError::at(&path))?;
        // The reader's own words may quote from the text.
        let text = SecretString::from(text);
        let written: Written = serde_json::from_str(text.expose_secret()).map_err(|_| {
            wrong("it cannot be read; move it away to set up another App, or give the App with --app-id".to_owned())
        })?;
        if written.api_url != api_url.trim_end_matches('/') {
            let message = format!(
                "it is of an App of {}, and --api-url is {api_url}; give another --state for another GitHub",
                written.api_url
            );
            return Err(wrong(message));
        }
        let credentials = AppCredentials { app_id: written.app_id.to_string(), key: written.private_key };
        Ok(Some(Self { credentials, webhook_secret: written.webhook_secret }))
    }
}

/// The place for the file, shown to be writable before there is anything to write.
#[derive(Debug)]
pub(super) struct Reserved {
    state: PathBuf,
    file: File,
}

impl Reserved {
    /// Makes the unfinished file, empty.
    pub(super) fn make(state: &Path) -> Result<Self, StoredError> {
        std::fs::create_dir_all(state).map_err(StoredError::at(state))?;
        let path = state.join(FILE_NAME);
        if path.exists() {
            let message = "an App is set up already; start the server again to use it".to_owned();
            return Err(StoredError { path, message });
        }
        let unfinished = state.join(UNFINISHED_NAME);
        match std::fs::remove_file(&unfinished) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(StoredError::at(&unfinished)(error));
            }
            Ok(()) | Err(_) => {}
        }
        // A new file each time: its mode is that of its making.
        let made = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&unfinished);
        Ok(Self { state: state.to_owned(), file: made.map_err(StoredError::at(&unfinished))? })
    }

    /// Fills the file and puts it in its place, to stay there though the power fails.
    pub(super) fn keep(mut self, api_url: &str, app_id: u64, app: &StoredApp) -> Result<(), StoredError> {
        let unfinished = self.state.join(UNFINISHED_NAME);
        let failed = StoredError::at(&unfinished);
        let text = SecretString::from(format!(
            "{:#}\n",
            json!({
                "api_url": api_url.trim_end_matches('/'),
                "app_id": app_id,
                "private_key": app.credentials.key.expose_secret(),
                "webhook_secret": app.webhook_secret.expose_secret(),
            })
        ));
        self.file.write_all(text.expose_secret().as_bytes()).map_err(&failed)?;
        self.file.sync_all().map_err(&failed)?;
        std::fs::rename(&unfinished, self.state.join(FILE_NAME)).map_err(&failed)?;
        File::open(&self.state).and_then(|folder| folder.sync_all()).map_err(StoredError::at(&self.state))
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        // After it was kept it is not there any more.
        drop(std::fs::remove_file(self.state.join(UNFINISHED_NAME)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const API: &str = "https://api.github.com";

    fn app() -> StoredApp {
        let credentials = AppCredentials { app_id: "7".to_owned(), key: "a key\nof lines".into() };
        StoredApp { credentials, webhook_secret: "a webhook secret".into() }
    }

    #[test]
    fn what_is_kept_is_read_again_by_its_owner_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let state = folder.path().join("state");
        assert!(StoredApp::read(&state, API).expect("nothing there").is_none());
        Reserved::make(&state).expect("writable").keep(API, 7, &app()).expect("kept");
        let path = state.join(FILE_NAME);
        let mode = std::fs::metadata(&path).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let read = StoredApp::read(&state, "https://api.github.com/").expect("readable").expect("there");
        assert_eq!(read.credentials.app_id, "7");
        assert_eq!(read.credentials.key.expose_secret(), "a key\nof lines");
        assert_eq!(read.webhook_secret.expose_secret(), "a webhook secret");
        assert!(!format!("{read:?}").contains("of lines"));
        let refused = Reserved::make(&state).expect_err("there is one");
        assert!(refused.to_string().contains("set up already"), "{refused}");
        let elsewhere = StoredApp::read(&state, "https://git.example.com/api/v3").expect_err("another GitHub");
        assert!(elsewhere.to_string().contains("--state"), "{elsewhere}");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).expect("changed");
        let refused = StoredApp::read(&state, API).expect_err("others may read it");
        assert!(refused.to_string().contains("chmod 600"), "{refused}");
    }

    #[test]
    fn what_cannot_be_read_is_refused_and_not_quoted() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join(FILE_NAME);
        let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path).expect("made");
        file.write_all(b"{\"private_key\": \"-----BEGIN\", \"app_id\": \"hush\"}").expect("written");
        let refused = StoredApp::read(folder.path(), API).expect_err("no such form");
        assert!(refused.to_string().contains("move it away") && !refused.to_string().contains("hush"), "{refused}");
    }

    #[test]
    fn a_place_that_is_given_up_leaves_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        drop(Reserved::make(folder.path()).expect("writable"));
        assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 0);
    }
}
