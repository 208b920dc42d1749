//! Folders of jobs that are over. They are put aside at once and removed later: taking thousands of files away in the
//! middle of a run holds its job up, and makes file systems that do not give away anew what was just freed (ext4's
//! inodes, for a minute) search long for each file that the next job makes.

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::forge::runner::sweep;

/// Most bytes of folders put aside; beyond them the oldest go.
const BYTES_MAX: u64 = 1024 * 1024 * 1024;
/// What a file costs besides its bytes: many small ones fill a disk too.
const BYTES_OF_A_FILE: u64 = 1024;

/// The folder they are in.
pub(super) fn folder(state: &Path) -> PathBuf {
    state.join("ended")
}

/// Folders put aside, oldest first.
#[derive(Debug, Default)]
pub(super) struct Ended(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    folders: VecDeque<(PathBuf, u64)>,
    bytes: u64,
    count: u64,
}

impl Ended {
    /// Puts a job's folder aside; what does not fit any more is removed, first of all what was put aside first. Blocks.
    ///
    /// # Errors
    /// It could neither be moved nor removed.
    pub(super) fn put(&self, state: &Path, root: &Path) -> io::Result<()> {
        self.put_at_most(state, root, BYTES_MAX)
    }

    fn put_at_most(&self, state: &Path, root: &Path, most: u64) -> io::Result<()> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.count += 1;
        let aside = folder(state).join(kept.count.to_string());
        // A step may have taken away the right to move its own folder.
        if std::fs::create_dir_all(folder(state)).and_then(|()| std::fs::rename(root, &aside)).is_err() {
            return sweep::remove(root);
        }
        let bytes = size(&aside);
        kept.bytes += bytes;
        kept.folders.push_back((aside, bytes));
        while kept.bytes > most {
            let Some((oldest, bytes)) = kept.folders.pop_front() else { break };
            kept.bytes -= bytes;
            sweep::remove(&oldest)?;
        }
        Ok(())
    }

    /// Removes all of them. Blocks.
    ///
    /// # Errors
    /// Something could not be removed.
    pub(super) fn empty(&self, state: &Path) -> io::Result<()> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.folders.clear();
        kept.bytes = 0;
        sweep::remove(&folder(state))
    }
}

/// The bytes under a folder. What cannot be read counts as nothing.
fn size(root: &Path) -> u64 {
    let mut bytes = 0;
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else { continue };
        for entry in entries.flatten() {
            let Ok(facts) = entry.metadata() else { continue };
            bytes += facts.len() + BYTES_OF_A_FILE;
            if facts.is_dir() {
                folders.push(entry.path());
            }
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_put_aside_and_the_oldest_go_first() {
        let state = tempfile::tempdir().expect("a folder");
        let ended = Ended::default();
        let job = |name: &str| {
            let root = state.path().join(name);
            std::fs::create_dir_all(root.join("inner")).expect("made");
            std::fs::write(root.join("inner/file"), vec![b'x'; 10_000]).expect("written");
            root
        };
        let aside = || {
            let entries = std::fs::read_dir(folder(state.path())).map(|entries| entries.flatten().collect::<Vec<_>>());
            let mut names: Vec<_> = entries.unwrap_or_default().iter().map(std::fs::DirEntry::file_name).collect();
            names.sort();
            names
        };
        for name in ["a", "b", "c"] {
            let root = job(name);
            ended.put_at_most(state.path(), &root, 40_000).expect("put aside");
            assert!(!root.exists());
        }
        assert_eq!(aside(), ["2", "3"]);
        ended.put_at_most(state.path(), &job("d"), 100).expect("removed");
        assert_eq!(aside(), Vec::<std::ffi::OsString>::new(), "one that is too large alone goes too");
        ended.put(state.path(), &job("e")).expect("put aside");
        ended.empty(state.path()).expect("emptied");
        assert!(!folder(state.path()).exists());
        ended.put(state.path(), &state.path().join("never there")).expect("nothing to do");
    }
}
