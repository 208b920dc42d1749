//! One guarded process: started, written down, let go, listened to, and ended when the job says so.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::future::Future;
use std::io;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::unix::pipe;
use tokio::process::{Child, ChildStdin, Command};
use tokio::time::Instant;

use crate::forge::runner::guard::{ASK_TO_END, BEGIN};
use crate::forge::runner::log::LogTail;
use crate::forge::runner::processes::MARK;
use crate::forge::runner::sweep::{self, Record};

/// How long a guard may take to end its tree before it is killed itself.
const END_SECONDS_MAX: u64 = 10;

/// What is started.
#[derive(Debug)]
pub(super) struct Launch<'a> {
    /// The command that guards; what it guards is appended.
    pub(super) guard: &'a [OsString],
    /// The program and its arguments.
    pub(super) program: Vec<OsString>,
    /// Its whole environment.
    pub(super) environment: BTreeMap<String, OsString>,
    /// Where it works.
    pub(super) directory: &'a Path,
    /// The job's folder: its mark.
    pub(super) folder: &'a Path,
    /// Between asking to end and killing.
    pub(super) grace: Duration,
}

/// How a process is to be ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// Asked first, killed after the grace.
    Ask,
    /// Killed.
    Now,
}

/// Tells when to stop; asked again after each answer.
pub(super) trait Stops {
    /// Waits until the process is to be ended.
    fn next(&mut self) -> impl Future<Output = Stop> + Send;
}

/// The guard under way.
struct Guarded<'a> {
    launch: &'a Launch<'a>,
    child: Child,
    /// Open: the process may run.
    line: Option<ChildStdin>,
    output: pipe::Receiver,
    record: Record,
    kill_at: Option<Instant>,
}

/// Runs a process to its end and the end of everything it started. Gives its exit code; -1 where the guard itself was
/// killed.
pub(super) async fn run(launch: &Launch<'_>, log: &mut LogTail, stops: &mut impl Stops) -> io::Result<i32> {
    let mut guarded = start(launch).await?;
    let code = guarded.attend(log, stops).await;
    let removed = std::fs::remove_file(sweep::record_path(launch.folder));
    code.and_then(|code| removed.map(|()| code))
}

async fn start<'a>(launch: &'a Launch<'a>) -> io::Result<Guarded<'a>> {
    let (reader, writer) = io::pipe()?;
    let Some((guard, arguments)) = launch.guard.split_first() else {
        return Err(io::Error::other("there is no guard to start"));
    };
    let mut command = Command::new(guard);
    command
        .args(arguments)
        .args(&launch.program)
        .env_clear()
        .envs(&launch.environment)
        .env(MARK, launch.folder)
        .current_dir(launch.directory)
        .stdin(Stdio::piped())
        .stdout(writer.try_clone()?)
        .stderr(writer)
        .process_group(0);
    let mut child = command.spawn()?;
    // The command holds the writing end of the pipe: without it the output ends with the last process that writes.
    drop(command);
    let pid = child.id().and_then(|pid| i32::try_from(pid).ok());
    let (Some(pid), Some(mut line)) = (pid, child.stdin.take()) else {
        return Err(io::Error::other("the guard has no process id or no pipe"));
    };
    let record = Record::of(pid);
    record.write(&sweep::record_path(launch.folder))?;
    line.write_all(&[BEGIN]).await?;
    let output = pipe::Receiver::from_owned_fd(reader.into())?;
    Ok(Guarded { launch, child, line: Some(line), output, record, kill_at: None })
}

impl Guarded<'_> {
    async fn attend(&mut self, log: &mut LogTail, stops: &mut impl Stops) -> io::Result<i32> {
        let mut buffer = vec![0; 16 * 1024];
        let mut open = true;
        let status = loop {
            let kill_at = self.kill_at.unwrap_or_else(Instant::now);
            tokio::select! {
                status = self.child.wait() => break status?,
                read = self.output.read(&mut buffer), if open => {
                    let bytes = read.unwrap_or(0);
                    open = bytes > 0;
                    log.push(&buffer[..bytes]);
                }
                stop = stops.next() => self.stop(stop).await,
                () = tokio::time::sleep_until(kill_at), if self.kill_at.is_some() => self.kill(),
            }
        };
        if status.code().is_none() {
            self.clear().await;
        }
        // Everything that could write is gone; what is still in the pipe is the end of the output.
        let rest = async {
            while let Ok(bytes) = self.output.read(&mut buffer).await
                && bytes > 0
            {
                log.push(&buffer[..bytes]);
            }
        };
        if open && tokio::time::timeout(Duration::from_secs(END_SECONDS_MAX), rest).await.is_err() {
            log.say("[The output was not closed by the processes of this step.]");
        }
        Ok(status.code().unwrap_or(-1))
    }

    async fn stop(&mut self, stop: Stop) {
        match stop {
            Stop::Ask if self.kill_at.is_none() => {
                if let Some(line) = &mut self.line {
                    // A guard that has just ended needs no asking.
                    let _ = line.write_all(&[ASK_TO_END]).await;
                }
                self.kill_at = Some(Instant::now() + self.launch.grace);
            }
            Stop::Ask => {}
            Stop::Now => self.kill(),
        }
    }

    /// Closes the line, upon which the guard kills its tree; the second time kills the guard.
    fn kill(&mut self) {
        if self.line.take().is_none() && self.kill_at.is_some_and(|at| at <= Instant::now()) {
            tracing::error!(pid = self.record.pid, "a job's guard does not end");
            // It may be gone by now.
            let _ = self.child.start_kill();
        }
        self.kill_at = Some(Instant::now() + Duration::from_secs(END_SECONDS_MAX));
    }

    /// Ends what a guard that was killed has left.
    async fn clear(&self) {
        let (record, folder) = (self.record, self.launch.folder.to_owned());
        let cleared = tokio::task::spawn_blocking(move || sweep::end_left(Some(record), &folder)).await;
        if let Err(error) = cleared {
            tracing::error!(%error, "what a killed guard left could not be ended");
        }
    }
}
