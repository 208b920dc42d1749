//! The guard of a job's step: a process between the runner and what the step starts, so that nothing outlives either of
//! them.
//!
//! It is this program's hidden command `forge-job`. It starts nothing until the runner sends one byte, which the runner
//! does once the guard's process id and start time are on disk. It adopts whatever loses its parent, so that a process
//! cannot leave the tree by starting a session or a group of its own. When the step's own process ends, or the pipe
//! from the runner closes (the runner was killed), it ends the whole tree.

use std::ffi::OsString;
use std::io::{self, Read as _, Write as _};
use std::process::{Command, ExitCode, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::process::{Pid, Signal, WaitOptions, WaitStatus};

use crate::forge::runner::processes;

/// The hidden command's name.
pub const COMMAND: &str = "forge-job";
/// The runner's byte for: begin.
pub(super) const BEGIN: u8 = b'b';
/// The runner's byte for: ask everything to end.
pub(super) const ASK_TO_END: u8 = b'e';

/// The exit code where the step could not be started, as a shell gives it.
const NOT_STARTED: u8 = 127;
/// The exit code where the runner went away before the step began.
const ABANDONED: u8 = 125;

/// Runs a program with its arguments under guard; standard input is the pipe from the runner. Gives the program's exit
/// code, or 128 and the signal that ended it.
pub fn run(program: Vec<OsString>) -> ExitCode {
    ExitCode::from(guard(&program))
}

/// As [`run`], with the plain exit code.
pub(super) fn guard(program: &[OsString]) -> u8 {
    let mut byte = [0];
    if io::stdin().read_exact(&mut byte).is_err() || byte != [BEGIN] {
        return ABANDONED;
    }
    adopt_orphans();
    let Some((name, arguments)) = program.split_first() else { return NOT_STARTED };
    let shell = match Command::new(name).args(arguments).stdin(Stdio::null()).spawn() {
        Ok(shell) => shell,
        Err(error) => {
            // Nobody may be reading any more; the exit code tells it as well.
            let _ = writeln!(io::stderr(), "{} could not be started: {error}", name.display());
            return NOT_STARTED;
        }
    };
    let ending = Arc::new(AtomicBool::new(false));
    let told = Arc::clone(&ending);
    std::thread::spawn(move || obey(&told));
    i32::try_from(shell.id()).map_or(NOT_STARTED, |pid| wait_for_all(pid, &ending))
}

#[cfg(target_os = "linux")]
fn adopt_orphans() {
    if let Err(error) = rustix::process::set_child_subreaper(Some(rustix::process::getpid())) {
        tracing::warn!(%error, "processes that leave the job's group cannot be ended with it");
    }
}

#[cfg(not(target_os = "linux"))]
fn adopt_orphans() {}

/// Does what the runner says until it says nothing any more.
fn obey(ending: &AtomicBool) {
    let mut byte = [0];
    while io::stdin().read_exact(&mut byte).is_ok() {
        if byte == [ASK_TO_END] {
            signal_tree(Signal::TERM);
        }
    }
    ending.store(true, Ordering::SeqCst);
    signal_tree(Signal::KILL);
}

/// Waits until nothing is left of the tree. From the end of the step's own process on, or once the runner is gone, each
/// process that ends is followed by one more round of killing: what a dying process left behind was adopted by then.
fn wait_for_all(shell: i32, ending: &AtomicBool) -> u8 {
    let mut code = NOT_STARTED;
    loop {
        match rustix::process::wait(WaitOptions::empty()) {
            Ok(Some((pid, status))) if pid.as_raw_nonzero().get() == shell => {
                code = exit_code(status);
                ending.store(true, Ordering::SeqCst);
            }
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(_) => return code,
        }
        if ending.load(Ordering::SeqCst) {
            signal_tree(Signal::KILL);
        }
    }
}

fn exit_code(status: WaitStatus) -> u8 {
    let code = status.exit_status().or_else(|| status.terminating_signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(u8::MAX)
}

fn signal_tree(signal: Signal) {
    let own = Pid::as_raw(Some(rustix::process::getpid()));
    if cfg!(target_os = "linux") {
        processes::descendants(own).into_iter().for_each(|pid| processes::signal(pid, signal));
    } else {
        processes::signal_group(own, Signal::KILL);
    }
}
