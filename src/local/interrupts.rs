//! Ctrl-C and SIGTERM, heard from the first moment on: one that comes while a turn is shown is not lost.

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Hears that somebody wants the end.
#[derive(Debug)]
pub(super) struct Interrupts {
    interrupt: Signal,
    terminate: Signal,
}

impl Interrupts {
    /// From now on neither signal ends the process by itself.
    pub(super) fn listen() -> std::io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    /// Waits for one; one that came since the last time counts.
    pub(super) async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
