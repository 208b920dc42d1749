//! The program on a terminal of its own: the program `script` of util-linux stands between, so that what is typed is
//! what a keyboard would send, Ctrl-C too.

use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};

use super::running::{PATIENCE, kill_tree};

/// What Ctrl-C sends.
pub(crate) const CONTROL_C: &str = "\u{3}";

/// Whether there is a `script` to make terminals; where there is none, only an environment that says so may go on
/// without.
pub(crate) fn can_be_made() -> bool {
    let found = Command::new("script").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    let found = found.is_ok_and(|status| status.success());
    let excused = std::env::var_os("ORCHESTRATOR_NO_TERMINAL").is_some_and(|value| value == "1");
    assert!(found || excused, "install `script` (util-linux), or set ORCHESTRATOR_NO_TERMINAL=1 to skip this");
    found
}

/// A program at work on its terminal.
pub(crate) struct Terminal {
    child: Child,
    keyboard: ChildStdin,
    pieces: Receiver<Vec<u8>>,
    shown: Vec<u8>,
}

impl Terminal {
    /// Starts a command; `folder` is where it is written down for `script`.
    pub(crate) fn start(command: &Command, folder: &Path) -> Self {
        let words = std::iter::once(command.get_program()).chain(command.get_args());
        let words: Vec<String> = words.map(|word| quoted(&word.to_string_lossy())).collect();
        let file = folder.join("typed.sh");
        std::fs::write(&file, format!("exec {}\n", words.join(" "))).expect("written");
        let line = format!("exec sh {}", quoted(&file.to_string_lossy()));
        let mut script = Command::new("script");
        script.args(["--quiet", "--return", "--flush", "--command", &line, "/dev/null"]);
        script.env("TERM", "xterm").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = script.spawn().expect("script starts");
        let keyboard = child.stdin.take().expect("a pipe");
        let mut screen = child.stdout.take().expect("a pipe");
        let (sender, pieces) = channel();
        std::thread::spawn(move || {
            let mut piece = [0; 4096];
            while let Ok(count @ 1..) = screen.read(&mut piece) {
                if sender.send(piece[..count].to_vec()).is_err() {
                    return;
                }
            }
        });
        Self { child, keyboard, pieces, shown: Vec::new() }
    }

    /// Waits until these words are shown after those waited for before, a line's end or not.
    #[track_caller]
    pub(crate) fn until(&mut self, words: &str) {
        loop {
            let shown = String::from_utf8_lossy(&self.shown).into_owned();
            if let Some((_, rest)) = shown.split_once(words) {
                self.shown = rest.as_bytes().to_vec();
                return;
            }
            match self.pieces.recv_timeout(PATIENCE) {
                Ok(piece) => self.shown.extend(piece),
                Err(RecvTimeoutError::Disconnected) => panic!("it ended without `{words}`:\n{shown}"),
                Err(RecvTimeoutError::Timeout) => panic!("`{words}` is not shown after {PATIENCE:?}:\n{shown}"),
            }
        }
    }

    /// Types.
    pub(crate) fn press(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).and_then(|()| self.keyboard.flush()).expect("the keys are taken");
    }

    /// Waits for its end; gives the exit code and what was shown since the words last waited for.
    pub(crate) fn end(mut self) -> (Option<i32>, String) {
        loop {
            match self.pieces.recv_timeout(PATIENCE) {
                Ok(piece) => self.shown.extend(piece),
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {
                    panic!("not done after {PATIENCE:?}:\n{}", String::from_utf8_lossy(&self.shown))
                }
            }
        }
        let status = self.child.wait().expect("waited");
        (status.code(), String::from_utf8_lossy(&self.shown).into_owned())
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            kill_tree(self.child.id());
            let _status = self.child.wait();
        }
    }
}

/// One word for a shell.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', "'\\''"))
}
