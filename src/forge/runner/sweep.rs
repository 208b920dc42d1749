//! What is on disk of processes under way, and ending what an earlier life of the forge has left.

use std::fs::Permissions;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::process::Signal;
use serde::{Deserialize, Serialize};

use crate::forge::runner::{ended, processes};

/// How often what is left is looked for and killed before it is given up.
const ROUNDS_MAX: usize = 500;
/// Between two rounds: killing takes the system a moment.
const ROUND: Duration = Duration::from_millis(10);

/// A guard, as it is written down before it may begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Record {
    /// Its process id, which is also its group's.
    pub(super) pid: i32,
    /// When it began, in clock ticks since the system started; 0 where the system does not tell.
    pub(super) start: u64,
}

impl Record {
    /// Of a process that is there now.
    pub(super) fn of(pid: i32) -> Self {
        Self { pid, start: processes::process(pid).map_or(0, |process| process.start) }
    }

    /// Writes it, whole or not at all.
    pub(super) fn write(self, path: &Path) -> io::Result<()> {
        let unfinished = path.with_extension("unfinished");
        std::fs::write(&unfinished, serde_json::to_vec(&self)?)?;
        std::fs::rename(unfinished, path)
    }
}

/// Folder of the jobs under way.
pub(super) fn jobs_folder(state: &Path) -> PathBuf {
    state.join("jobs")
}

/// The record that belongs to a job's folder.
pub(super) fn record_path(folder: &Path) -> PathBuf {
    folder.with_extension("json")
}

/// Ends what jobs of an earlier life have left running, and puts their folders aside. Only a process with the recorded
/// id *and* start time, its group, and what carries the job's mark is ended. Call it when nobody else uses the state
/// folder, before anything is started. Blocks for up to some seconds where processes do not end.
///
/// # Errors
/// The folder cannot be read or emptied.
pub fn sweep(state: &Path) -> io::Result<()> {
    let jobs = jobs_folder(state);
    let entries = match std::fs::read_dir(&jobs) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    let paths: Vec<PathBuf> = entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<_, _>>()?;
    for path in paths.iter().filter(|path| path.extension().is_some_and(|extension| extension == "json")) {
        let record = std::fs::read(path).ok().and_then(|bytes| serde_json::from_slice::<Record>(&bytes).ok());
        end_left(record, &path.with_extension(""));
    }
    for path in paths {
        if path.symlink_metadata().is_ok_and(|facts| facts.is_dir()) && ended::put_aside(state, &path).is_ok() {
            continue;
        }
        remove(&path)?;
    }
    Ok(())
}

/// Removes a file, or a folder with all that is in it, also where a step has made folders in it read-only.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    remove_unless(path, &AtomicBool::new(false)).map(|_| ())
}

/// The same, given up at the next file once `halted` is set: what is left then stays. Gives whether all of it is gone.
pub(super) fn remove_unless(path: &Path, halted: &AtomicBool) -> io::Result<bool> {
    let is_folder = |path: &Path| path.symlink_metadata().is_ok_and(|facts| facts.is_dir());
    let gone = |error: io::Error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) };
    if !is_folder(path) {
        return std::fs::remove_file(path).or_else(gone).map(|()| true);
    }
    let mut open = vec![path.to_owned()];
    let mut empty = Vec::new();
    while let Some(folder) = open.pop() {
        std::fs::set_permissions(&folder, Permissions::from_mode(0o700)).or_else(gone)?;
        for entry in std::fs::read_dir(&folder)? {
            if halted.load(Ordering::Acquire) {
                return Ok(false);
            }
            let inner = entry?.path();
            if is_folder(&inner) {
                open.push(inner);
            } else {
                std::fs::remove_file(&inner).or_else(gone)?;
            }
        }
        empty.push(folder);
    }
    // A folder was met before those in it.
    empty.iter().rev().try_for_each(|folder| std::fs::remove_dir(folder).or_else(gone))?;
    Ok(true)
}

/// Ends the recorded group and whatever carries the mark of the job's folder.
pub(super) fn end_left(record: Option<Record>, folder: &Path) {
    for _ in 0..ROUNDS_MAX {
        let all = processes::all();
        let is_marked = |pid: &i32| processes::is_marked(*pid, folder);
        let leads = |record: &Record| all.get(&record.pid).is_some_and(|process| process.start == record.start);
        let ours = |record: &Record| {
            leads(record) || all.iter().any(|(pid, process)| process.group == record.pid && is_marked(pid))
        };
        let group = record.filter(|record| record.start != 0 && ours(record)).map(|record| record.pid);
        let left: Vec<i32> = all
            .iter()
            .filter(|(pid, process)| !process.is_zombie && (Some(process.group) == group || is_marked(pid)))
            .map(|(pid, _)| *pid)
            .collect();
        if left.is_empty() {
            return;
        }
        left.into_iter().for_each(|pid| processes::signal(pid, Signal::KILL));
        std::thread::sleep(ROUND);
    }
    tracing::error!(folder = %folder.display(), "processes of a job do not end");
}
