//! Processes as the system tells of them: who descends from whom, when each began, and which carry a job's mark.
//!
//! A process id alone names nothing, since the system gives it out again; with the moment the process began it does.
//! Systems without `/proc` know process groups only: there every question about single processes is answered with
//! nothing.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::Path;

use rustix::process::{Pid, Signal};

/// Carries the path of the job's folder in the environment of everything a job starts.
pub(super) const MARK: &str = "ORCHESTRATOR_JOB";

/// What `/proc/<pid>/stat` tells of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Process {
    pub(super) parent: i32,
    pub(super) group: i32,
    /// When it began, in clock ticks since the system started (field 22).
    pub(super) start: u64,
    /// Its first thread has ended; others may still run.
    pub(super) is_zombie: bool,
}

/// Reads one process; nothing where there is none.
pub(super) fn process(pid: i32) -> Option<Process> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is the name in parentheses and may hold anything; the state is the first field after it.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    Some(Process {
        is_zombie: *fields.first()? == "Z",
        parent: fields.get(1)?.parse().ok()?,
        group: fields.get(2)?.parse().ok()?,
        start: fields.get(19)?.parse().ok()?,
    })
}

/// All processes.
pub(super) fn all() -> BTreeMap<i32, Process> {
    let Ok(entries) = std::fs::read_dir("/proc") else { return BTreeMap::new() };
    entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter_map(|pid| process(pid).map(|read| (pid, read)))
        .collect()
}

/// All processes that descend from this one.
pub(super) fn descendants(of: i32) -> Vec<i32> {
    let all = all();
    let mut found = vec![of];
    let mut next = 0;
    while let Some(parent) = found.get(next).copied() {
        next += 1;
        found.extend(all.iter().filter(|(_, process)| process.parent == parent).map(|(pid, _)| *pid));
    }
    found.split_off(1)
}

/// Whether a process was started by the job that works in this folder.
pub(super) fn is_marked(pid: i32, folder: &Path) -> bool {
    let Ok(environment) = std::fs::read(format!("/proc/{pid}/environ")) else { return false };
    let mut wanted = format!("{MARK}=").into_bytes();
    wanted.extend(std::os::unix::ffi::OsStrExt::as_bytes(OsStr::new(folder)));
    environment.split(|byte| *byte == 0).any(|variable| variable == wanted)
}

/// Sends a signal to one process; one that has ended needs none.
pub(super) fn signal(pid: i32, signal: Signal) {
    if let Some(pid) = Pid::from_raw(pid) {
        // It may have ended in between: then there is nothing to signal.
        let _ = rustix::process::kill_process(pid, signal);
    }
}

/// Sends a signal to a process group; one that is empty needs none.
pub(super) fn signal_group(group: i32, signal: Signal) {
    if let Some(group) = Pid::from_raw(group) {
        // Its last process may have ended in between: then there is nothing to signal.
        let _ = rustix::process::kill_process_group(group, signal);
    }
}
