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

    /// Lets the next one end the process at once, whatever it is doing: a start with the same state takes up what is cut off.
    pub(super) fn end_at_next(mut self, code: u8) {
        tokio::spawn(async move {
            self.next().await;
            std::process::exit(i32::from(code));
        });
    }
}
