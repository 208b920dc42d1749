//! A job's folder and the variables GitHub's runner gives to every step
//! (docs.github.com, "Variables reference": default environment variables).

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use crate::forge::runner::sweep;

/// What a job gets of the forge's own environment; nothing else.
const KEPT: [&str; 3] = ["PATH", "LANG", "TZ"];

/// The folders of one job.
#[derive(Clone, Debug)]
pub(super) struct JobFolder {
    /// All of it.
    pub(super) root: PathBuf,
    /// Where steps work.
    pub(super) workspace: PathBuf,
    /// `RUNNER_TEMP`.
    pub(super) temp: PathBuf,
    /// Scripts and command files.
    pub(super) files: PathBuf,
    home: PathBuf,
    scratch: PathBuf,
}

impl JobFolder {
    /// Makes a fresh one under the state folder.
    pub(super) fn make(state: &Path, name: &str) -> io::Result<Self> {
        let root = sweep::jobs_folder(state).join(name);
        sweep::remove(&root)?;
        let inner = |name: &str| root.join(name);
        let folder = Self {
            workspace: inner("workspace"),
            temp: inner("temp"),
            files: inner("files"),
            home: inner("home"),
            scratch: inner("scratch"),
            root,
        };
        let mut private = std::fs::DirBuilder::new();
        private.recursive(true).mode(0o700);
        for path in [&folder.workspace, &folder.temp, &folder.files, &folder.home, &folder.scratch] {
            private.create(path)?;
        }
        Ok(folder)
    }

    /// The variables every process of the job begins with.
    pub(super) fn environment(&self) -> BTreeMap<String, OsString> {
        let kept = KEPT.iter().filter_map(|name| std::env::var_os(name).map(|value| ((*name).to_owned(), value)));
        let folders = [("HOME", &self.home), ("TMPDIR", &self.scratch), ("RUNNER_TEMP", &self.temp)];
        let mut environment: BTreeMap<String, OsString> = kept.collect();
        environment.extend(folders.map(|(name, path)| (name.to_owned(), path.as_os_str().to_owned())));
        for (name, value) in [("CI", "true"), ("GITHUB_ACTIONS", "true"), ("RUNNER_NAME", "forge")] {
            environment.insert(name.to_owned(), value.into());
        }
        environment.insert("RUNNER_OS".to_owned(), os().into());
        environment.insert("RUNNER_ARCH".to_owned(), architecture().into());
        environment
    }
}

/// This system as GitHub names it.
pub(super) fn os() -> &'static str {
    if cfg!(target_os = "macos") { "macOS" } else { "Linux" }
}

/// This machine's architecture as GitHub names it.
pub(super) fn architecture() -> &'static str {
    if cfg!(target_arch = "aarch64") { "ARM64" } else { "X64" }
}

/// Puts a folder before what is on `PATH`.
pub(super) fn prepend_path(environment: &mut BTreeMap<String, OsString>, folder: &Path) {
    let mut path = folder.as_os_str().to_owned();
    if let Some(rest) = environment.get("PATH").filter(|rest| !rest.is_empty()) {
        path.push(":");
        path.push(rest);
    }
    environment.insert("PATH".to_owned(), path);
}
