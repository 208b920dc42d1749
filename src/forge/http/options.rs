//! What a forge is started with, and why it may not start.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use secrecy::SecretString;

use crate::engine::id::{Login, RepositoryName};
use crate::engine::time::Timestamp;
use crate::forge::world::request::SeedIssue;
use crate::forge::world::setup::{ApiLimits, WorkflowFacts};
use crate::forge::{repository, store};

/// Tells the time; tests give their own.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Timestamp + Send + Sync>);

impl Clock {
    /// A clock of one's own.
    pub fn new(tell: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self(Arc::new(tell))
    }

    /// The system's clock.
    pub fn system() -> Self {
        Self::new(|| Timestamp(jiff::Timestamp::now().as_millisecond()))
    }

    /// The moment.
    pub fn now(&self) -> Timestamp {
        (self.0)()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}

/// Where webhooks go.
#[derive(Clone, Debug)]
pub struct WebhookTarget {
    /// `http://HOST:PORT/PATH`; loopback only makes sense.
    pub url: String,
    /// The secret that signs them; never empty.
    pub secret: SecretString,
    /// Whether one that is not taken is tried again until it is. GitHub tries once, and lists what became of it.
    pub repeats: bool,
}

/// What a forge is started with.
#[derive(Clone, Debug)]
pub struct ForgeOptions {
    /// Its state folder, made at the first start. One process at a time.
    pub state: PathBuf,
    /// The repository that is cloned at the first start; only read.
    pub source: PathBuf,
    /// `owner/name` on this forge.
    pub repository: RepositoryName,
    /// The local owner: an administrator, who uses the pages.
    pub owner: Login,
    /// Issues opened at the first start.
    pub issues: Vec<SeedIssue>,
    /// Where webhooks go; nothing: none are sent.
    pub webhook: Option<WebhookTarget>,
    /// The port on 127.0.0.1; 0: the one of the last start if it is free, else any.
    pub port: u16,
    /// The API's limits; those of the first start stay.
    pub limits: ApiLimits,
    /// Files put on top of the default branch at the first start, by path, in one commit of the owner's.
    pub added: BTreeMap<String, String>,
    /// Workflow files that count as present on the default branch, by file name.
    pub workflows: BTreeMap<String, WorkflowFacts>,
    /// The time.
    pub clock: Clock,
}

/// Why a forge does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The state folder or a file in it cannot be used.
    #[error("{}: {message}", place.display())]
    State {
        /// Which file or folder.
        place: PathBuf,
        /// What is wrong and what to do.
        message: String,
    },
    /// Another process works on the state folder.
    #[error("{} is in use by another process; end that one or give another --state folder", place.display())]
    InUse {
        /// The folder.
        place: PathBuf,
    },
    /// The port cannot be had.
    #[error("port {port} on 127.0.0.1 cannot be used ({message}); give another --port, or 0 for any")]
    Port {
        /// The port asked for.
        port: u16,
        /// The system's words.
        message: String,
    },
    /// An option cannot be used.
    #[error("{message}")]
    Option {
        /// What is wrong and what to write instead.
        message: String,
    },
    /// Git refused.
    #[error(transparent)]
    Git(#[from] repository::Error),
    /// The database refused.
    #[error(transparent)]
    Store(#[from] store::Error),
}
