//! The program at work and at its end, killed with everything below it where a test or a bench wants that.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use serde_json::Value;

/// Longest wait for anything.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A run of the program that has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ended {
    /// Expects an exit code, and never a panic.
    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "exit code\n--- out\n{}\n--- err\n{}", self.out, self.err);
        self.assert_calm();
        self
    }

    #[track_caller]
    pub(crate) fn assert_calm(&self) {
        assert!(!self.err.contains("panicked at"), "{}", self.err);
    }

    /// Expects words on standard error.
    #[track_caller]
    pub(crate) fn says(self, words: &[&str]) -> Self {
        for words in words {
            assert!(self.err.contains(words), "`{words}` is not said in:\n{}", self.err);
        }
        self
    }

    /// The one JSON object.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.out.trim_end().lines().count(), 1, "one object on one line: {}", self.out);
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {}\n{}", self.out, self.err))
    }
}

/// The program at work.
pub(crate) struct Running {
    process: u32,
    told: Receiver<ExitStatus>,
    status: Option<ExitStatus>,
    out: PathBuf,
    lines: Receiver<String>,
    said: String,
    _folder: tempfile::TempDir,
}

impl Running {
    /// Starts a command with nothing on standard input and no terminal.
    pub(crate) fn start(command: &mut Command) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let out = folder.path().join("out");
        command.stdin(Stdio::null()).stdout(File::create(&out).expect("made")).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program starts");
        let process = child.id();
        let lines = lines_of(child.stderr.take().expect("a pipe"));
        let (sender, told) = channel();
        std::thread::spawn(move || sender.send(child.wait().expect("waited")));
        Self { process, told, status: None, out, lines, said: String::new(), _folder: folder }
    }

    /// Waits for a line on standard error with these words; `false`: the program ended without one.
    pub(crate) fn until(&mut self, words: &str) -> bool {
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) => {
                    self.said += &line;
                    self.said += "\n";
                    if line.contains(words) {
                        return true;
                    }
                }
                Err(RecvTimeoutError::Disconnected) => return false,
                Err(RecvTimeoutError::Timeout) => panic!("`{words}` is not said after {PATIENCE:?}:\n{}", self.said),
            }
        }
    }

    /// What it has said, as far as [`Self::until`] has read it.
    pub(crate) fn said(&self) -> &str {
        &self.said
    }

    /// What it has printed so far.
    pub(crate) fn out(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.out).expect("read")).into_owned()
    }

    /// Whether it has ended by itself before so much time has passed. The clock decides only where a run is cut off, so
    /// this is for whoever means to cut it off anywhere.
    pub(crate) fn ends_within(&mut self, time: Duration) -> bool {
        if self.status.is_none() {
            self.status = self.told.recv_timeout(time).ok();
        }
        self.status.is_some()
    }

    /// Waits for its end.
    pub(crate) fn wait(self) -> Ended {
        self.wait_at_most(PATIENCE)
    }

    /// Waits for its end, longer than a test would.
    pub(crate) fn wait_at_most(mut self, patience: Duration) -> Ended {
        self.ends_within(patience);
        let Some(status) = self.status else {
            kill_tree(self.process);
            self.said.extend(self.lines.try_iter().map(|line| line + "\n"));
            panic!("not done after {patience:?}:\n{}", self.said);
        };
        // Nothing of it is left that could say more: this reads to the end.
        self.said.extend(self.lines.iter().map(|line| line + "\n"));
        let out = self.out();
        Ended { code: status.code(), out, err: std::mem::take(&mut self.said) }
    }

    /// Ctrl-C.
    pub(crate) fn interrupt(&self) {
        signal("-INT", &[self.process]);
    }

    /// `kill -9` of it and everything below it; it has an exit code where it had ended before.
    pub(crate) fn kill(self) -> Ended {
        kill_tree(self.process);
        self.wait()
    }
}

/// Lines as they come, until the other end is closed.
pub(crate) fn lines_of(pipe: impl std::io::Read + Send + 'static) -> Receiver<String> {
    let (sender, lines) = channel();
    let mut pipe = BufReader::new(pipe);
    std::thread::spawn(move || {
        let mut line = Vec::new();
        while pipe.read_until(b'\n', &mut line).is_ok_and(|bytes| bytes > 0) {
            if sender.send(String::from_utf8_lossy(&line).trim_end_matches('\n').to_owned()).is_err() {
                return;
            }
            line.clear();
        }
    });
    lines
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.status.is_none() {
            kill_tree(self.process);
        }
    }
}

/// Runs a command to its end.
pub(crate) fn run(command: &mut Command) -> Ended {
    Running::start(command).wait()
}

fn signal(name: &str, processes: &[u32]) {
    let list: Vec<String> = processes.iter().map(ToString::to_string).collect();
    let _ = Command::new("kill").arg(name).args(&list).stderr(Stdio::null()).status();
}

/// Kills a process and everything below it at once.
pub(crate) fn kill_tree(process: u32) {
    let mut children: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for entry in std::fs::read_dir("/proc").expect("proc").flatten() {
        let Some(process) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        let Ok(stat) = std::fs::read_to_string(entry.path().join("stat")) else { continue };
        let parent = stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().nth(1)?.parse().ok());
        if let Some(parent) = parent {
            children.entry(parent).or_default().push(process);
        }
    }
    let mut doomed = vec![process];
    let mut at = 0;
    while at < doomed.len() {
        doomed.extend(children.get(&doomed[at]).cloned().unwrap_or_default());
        at += 1;
    }
    signal("-9", &doomed);
}
