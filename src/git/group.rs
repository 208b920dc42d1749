//! A child process that leads a process group of its own, so that everything it started can be ended with it.

use std::io;
use std::process::ExitStatus;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::{Child, Command};

/// The leader and its group. Dropping it ends the whole group.
#[derive(Debug)]
pub(crate) struct Group {
    child: Child,
    leader: Option<Pid>,
}

impl Group {
    /// Starts the command as the leader of a new group.
    pub(crate) fn start(command: &mut Command) -> io::Result<Self> {
        let child = command.process_group(0).kill_on_drop(true).spawn()?;
        let leader = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        Ok(Self { child, leader })
    }

    /// The leader, to take its pipes.
    pub(crate) fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// Ends every process of the group at once. What has gone already is no error; a second call does nothing.
    pub(crate) fn end(&mut self) {
        if let Some(leader) = self.leader.take() {
            let gone = kill_process_group(leader, Signal::KILL);
            tracing::trace!(?leader, ?gone, "process group ended");
        }
    }

    /// Waits until the leader has ended. Safe to cancel and to call again.
    pub(crate) async fn wait(&mut self) -> io::Result<ExitStatus> {
        self.child.wait().await
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.end();
    }
}
