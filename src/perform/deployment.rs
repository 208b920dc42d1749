//! What one repository is worked with, and where its settings come from.

use crate::engine::config::Settings;
use crate::engine::id::{Login, Owner, RepositoryName};
use crate::perform::Tree;

/// Everything one repository is worked with.
#[derive(Debug)]
pub struct Deployment<G, M, S> {
    /// GitHub for this repository.
    pub github: G,
    /// Its git side.
    pub git: M,
    /// Where its plan is kept.
    pub store: S,
    /// The repository.
    pub repository: RepositoryName,
    /// Who performs.
    pub owner: Owner,
    /// Our login.
    pub bot: Login,
    /// Random text for a plan that begins: nonces are made from it.
    pub seed: String,
    /// Where settings come from.
    pub configuration: Configuration,
    /// The base's file list, kept while its head stays.
    pub tree: Tree,
}

/// Where settings come from.
#[derive(Clone, Debug)]
pub enum Configuration {
    /// `.github/orchestrator.yml` on the default branch, over these defaults.
    Repository(Box<Settings>),
    /// These, and the task workflow counts as present: the bundled one runs.
    Fixed(Box<Settings>),
}

impl Configuration {
    /// The settings before anything was read.
    pub fn settings(&self) -> &Settings {
        match self {
            Self::Repository(settings) | Self::Fixed(settings) => settings,
        }
    }
}
