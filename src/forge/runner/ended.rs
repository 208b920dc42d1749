//! Folders of jobs that are over. They are put aside at once and removed in the background, one at a time and below
//! everything else that runs here, while no job runs: taking thousands of files away holds whoever waits for it up, and
//! some file systems search long for new files after it. What is left when the runner stops stays, and goes after the
//! next start.
//!
//! Only what lies in the folder of ended jobs is ever removed here, and nothing comes there before its job is over.

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::forge::runner::sweep;

/// Most bytes of folders put aside; where the background does not keep up, whoever puts more there removes the oldest.
const BYTES_MAX: u64 = 1024 * 1024 * 1024;
/// What a file costs besides its bytes: many small ones fill a disk too.
const BYTES_OF_A_FILE: u64 = 1024;
/// For so long no job must have run: the next one of a run begins soon after the one before.
const REST: Duration = Duration::from_secs(2);

/// The folder they are in.
fn folder(state: &Path) -> PathBuf {
    state.join("ended")
}

/// The next free name for a folder put aside: numbers that grow, also over starts.
static LAST: AtomicU64 = AtomicU64::new(0);

/// Puts a folder aside, under a name that nothing has. Blocks only shortly.
///
/// # Errors
/// It cannot be moved.
pub(super) fn put_aside(state: &Path, root: &Path) -> io::Result<PathBuf> {
    let ended = folder(state);
    std::fs::create_dir_all(&ended)?;
    loop {
        let aside = ended.join((LAST.fetch_add(1, Ordering::Relaxed) + 1).to_string());
        if aside.symlink_metadata().is_err() {
            // A step may have taken away the right to move its own folder.
            return std::fs::rename(root, &aside).map(|()| aside);
        }
    }
}

/// Folders put aside, oldest first.
#[derive(Debug, Default)]
pub(super) struct Ended {
    kept: Mutex<Kept>,
    /// Something was put aside, a job began or ended, or the end was asked for.
    changed: Condvar,
    /// Nothing is removed now: a job runs, or the end was asked for.
    halted: AtomicBool,
}

/// A job that runs: as long as there is one, nothing is removed.
#[derive(Debug)]
pub(super) struct Running(Arc<Ended>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.count(|running| running.saturating_sub(1));
    }
}

#[derive(Debug, Default)]
struct Kept {
    folders: VecDeque<(PathBuf, u64)>,
    bytes: u64,
    /// Jobs that run.
    running: u32,
    /// When a job last began or ended.
    quiet_since: Option<Instant>,
    stopped: bool,
}

impl Ended {
    /// What an earlier life has put aside and not removed.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub(super) fn left(state: &Path) -> io::Result<Self> {
        let ended = Self::default();
        match std::fs::read_dir(folder(state)) {
            Ok(entries) => {
                for entry in entries {
                    ended.kept().folders.push_back((entry?.path(), 0));
                }
                Ok(ended)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(ended),
            Err(error) => Err(error),
        }
    }

    /// Puts a job's folder aside. Blocks where what is put aside becomes too much.
    ///
    /// # Errors
    /// It could neither be moved nor removed.
    pub(super) fn put(&self, state: &Path, root: &Path) -> io::Result<()> {
        self.put_at_most(state, root, BYTES_MAX)
    }

    fn put_at_most(&self, state: &Path, root: &Path, most: u64) -> io::Result<()> {
        let Ok(aside) = put_aside(state, root) else { return sweep::remove(root) };
        let bytes = size(&aside);
        let mut kept = self.kept();
        kept.bytes += bytes;
        kept.folders.push_back((aside, bytes));
        self.changed.notify_one();
        while kept.bytes > most {
            let Some((oldest, bytes)) = kept.folders.pop_front() else { break };
            kept.bytes = kept.bytes.saturating_sub(bytes);
            drop(kept);
            sweep::remove(&oldest)?;
            kept = self.kept();
        }
        Ok(())
    }

    /// A job begins: nothing is removed until what this gives is dropped.
    pub(super) fn job(self: &Arc<Self>) -> Running {
        self.count(|running| running.saturating_add(1));
        Running(Arc::clone(self))
    }

    fn count(&self, change: impl FnOnce(u32) -> u32) {
        let mut kept = self.kept();
        kept.running = change(kept.running);
        kept.quiet_since = Some(Instant::now());
        self.halted.store(kept.stopped || kept.running > 0, Ordering::Release);
        drop(kept);
        self.changed.notify_all();
    }

    /// Removes what was put aside while no job has run for [`REST`], on a thread of its own, until [`Ended::stop`].
    ///
    /// # Errors
    /// The system gives no thread.
    pub(super) fn remove_in_background(self: Arc<Self>) -> io::Result<JoinHandle<()>> {
        std::thread::Builder::new().name("ended-jobs".to_owned()).spawn(move || {
            yield_to_others();
            while let Some((oldest, bytes)) = self.next() {
                match sweep::remove_unless(&oldest, &self.halted) {
                    Ok(true) => {}
                    Ok(false) => self.put_back(oldest, bytes),
                    Err(error) => {
                        tracing::warn!(%error, folder = %oldest.display(), "a folder of an ended job stays");
                    }
                }
            }
        })
    }

    /// The oldest folder, once there is one and no job has run for a while; nothing once stopped.
    fn next(&self) -> Option<(PathBuf, u64)> {
        let mut kept = self.kept();
        loop {
            if kept.stopped {
                return None;
            }
            if kept.running > 0 || kept.folders.is_empty() {
                kept = self.changed.wait(kept).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            let rested = kept.quiet_since.map_or(REST, |since| since.elapsed());
            if rested < REST {
                kept = self.changed.wait_timeout(kept, REST - rested).unwrap_or_else(PoisonError::into_inner).0;
            } else if let Some((oldest, bytes)) = kept.folders.pop_front() {
                kept.bytes = kept.bytes.saturating_sub(bytes);
                return Some((oldest, bytes));
            }
        }
    }

    /// What is left of a folder is the next to go.
    fn put_back(&self, folder: PathBuf, bytes: u64) {
        let mut kept = self.kept();
        kept.bytes += bytes;
        kept.folders.push_front((folder, bytes));
    }

    /// Removes no more, in the middle of a folder too.
    pub(super) fn stop(&self) {
        let mut kept = self.kept();
        kept.stopped = true;
        self.halted.store(true, Ordering::Release);
        drop(kept);
        self.changed.notify_all();
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Lets everything else go first. Where the system knows no priority of a thread, it has that of the process.
fn yield_to_others() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::process::setpriority_process(None, LEAST_PRIORITY) {
        tracing::debug!(%error, "folders of ended jobs are removed at ordinary priority");
    }
}

/// The least that nice(2) knows.
#[cfg(target_os = "linux")]
const LEAST_PRIORITY: i32 = 19;

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

    /// A folder of a job with a file of ten thousand bytes in it.
    fn job(state: &Path, name: &str) -> PathBuf {
        let root = state.join(name);
        std::fs::create_dir_all(root.join("inner")).expect("made");
        std::fs::write(root.join("inner/file"), vec![b'x'; 10_000]).expect("written");
        root
    }

    fn aside(state: &Path) -> usize {
        std::fs::read_dir(folder(state)).map_or(0, |entries| entries.flatten().count())
    }

    #[test]
    fn folders_are_put_aside_and_the_oldest_go_first_where_they_are_too_many() {
        let state = tempfile::tempdir().expect("a folder");
        let ended = Ended::default();
        for name in ["a", "b", "c"] {
            let root = job(state.path(), name);
            ended.put_at_most(state.path(), &root, 40_000).expect("put aside");
            assert!(!root.exists());
        }
        assert_eq!(aside(state.path()), 2);
        ended.put_at_most(state.path(), &job(state.path(), "d"), 100).expect("removed");
        assert_eq!(aside(state.path()), 0, "one that is too large alone goes too");
        ended.put(state.path(), &state.path().join("never there")).expect("nothing to do");
    }

    /// Two lives: what the first leaves is not in the way of the second, which removes both lives' folders.
    #[test]
    fn what_is_left_goes_in_the_background_of_the_next_life() {
        let state = tempfile::tempdir().expect("a folder");
        let first = Ended::default();
        first.stop();
        for name in ["a", "b"] {
            first.put(state.path(), &job(state.path(), name)).expect("put aside");
        }
        let first = Arc::new(first);
        Arc::clone(&first).remove_in_background().expect("a thread").join().expect("it ends");
        assert_eq!(aside(state.path()), 2, "one that is stopped removes nothing");
        let second = Arc::new(Ended::left(state.path()).expect("read"));
        second.put(state.path(), &job(state.path(), "c")).expect("put aside");
        let thread = Arc::clone(&second).remove_in_background().expect("a thread");
        let began = std::time::Instant::now();
        while aside(state.path()) > 0 {
            assert!(began.elapsed().as_secs() < 60, "{} folders stay", aside(state.path()));
            std::thread::yield_now();
        }
        second.stop();
        thread.join().expect("it ends");
    }

    #[test]
    fn a_removal_that_is_stopped_leaves_the_rest() {
        let state = tempfile::tempdir().expect("a folder");
        let root = job(state.path(), "a");
        assert!(!sweep::remove_unless(&root, &AtomicBool::new(true)).expect("nothing to do"));
        assert!(root.join("inner/file").exists());
        assert!(sweep::remove_unless(&root, &AtomicBool::new(false)).expect("removed"));
        assert!(!root.exists());
    }

    #[test]
    fn nothing_is_removed_while_a_job_runs() {
        let ended = Arc::new(Ended::default());
        let halted = || ended.halted.load(Ordering::Acquire);
        let (first, second) = (ended.job(), ended.job());
        drop(first);
        assert!(halted(), "another one runs");
        drop(second);
        assert!(!halted());
        ended.stop();
        drop(ended.job());
        assert!(halted(), "once stopped, for good");
    }
}
