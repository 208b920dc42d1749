//! Folders: scratch space that goes away, and the folder that carries an attempt from `fetch` to `agent`.

use std::path::{Path, PathBuf};

use crate::worker::Error;

/// A folder that is removed when dropped.
#[derive(Debug)]
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    /// Makes one under the system's temporary folder, readable to this account only.
    pub(crate) fn make() -> Result<Self, Error> {
        use std::os::unix::fs::DirBuilderExt as _;
        let mut random = [0_u8; 16];
        getrandom::fill(&mut random).map_err(|error| Error::Input(format!("no random numbers: {error}")))?;
        let path = std::env::temp_dir().join(format!("task-orchestrator-{}", hex::encode(random)));
        let made = std::fs::DirBuilder::new().mode(0o700).create(&path);
        made.map_err(Error::machine(format!("making {}", path.display())))?;
        Ok(Self(path))
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            tracing::debug!(%error, folder = %self.0.display(), "scratch folder stays");
        }
    }
}

/// The folder that `fetch` fills and `agent` works in.
#[derive(Clone, Debug)]
pub(crate) struct Work {
    root: PathBuf,
}

impl Work {
    pub(crate) fn new(root: &Path) -> Result<Self, Error> {
        let root = std::path::absolute(root).map_err(Error::machine(format!("finding {}", root.display())))?;
        Ok(Self { root })
    }

    /// Our own bare repository: the objects, out of the agent's sight and reach of its git commands.
    pub(crate) fn git(&self) -> PathBuf {
        self.root.join("git")
    }

    /// The work tree, with a `.git` of its own that borrows the objects.
    pub(crate) fn tree(&self) -> PathBuf {
        self.root.join("tree")
    }

    /// The brief.
    pub(crate) fn brief(&self) -> PathBuf {
        self.root.join("brief.json")
    }

    /// Files for one run of the agent: task, report, schema, temporary files.
    pub(crate) fn run(&self) -> PathBuf {
        self.root.join("run")
    }
}
