//! The program as people run it: the real binary on a repository of its own, with a shell agent that says when it
//! begins.
//!
//! Nothing here waits by the clock: the agent's lines come through a named pipe, the program's end through `wait`, and
//! [`PATIENCE`] only bounds how long a test may hang.

mod running;
pub(crate) mod terminal;
pub(crate) mod undisturbed;

use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc::Receiver;

use serde_json::{Value, json};

pub(crate) use running::{PATIENCE, Running, kill_tree, run};

use running::lines_of;

/// The binary under test.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_task-orchestrator");
/// The line that [`Stage::began`] writes to know that it has read everything.
const MARK: &str = "-";

/// A folder with a checkout, an issues file and an agent.
pub(crate) struct Stage {
    folder: tempfile::TempDir,
    lines: Receiver<String>,
    pipe: File,
}

impl Stage {
    /// A checkout with these files on the branch `main`, in one commit.
    pub(crate) fn new(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        make_repository(&folder.path().join("checkout"), files);
        Self::with(folder)
    }

    /// The same around a folder that holds a `checkout` already.
    pub(crate) fn with(folder: tempfile::TempDir) -> Self {
        let began = folder.path().join("began");
        assert!(Command::new("mkfifo").arg(&began).status().expect("mkfifo runs").success());
        // Open for reading and writing: neither this nor an agent ever waits for the other end.
        let pipe = OpenOptions::new().read(true).write(true).open(&began).expect("a pipe");
        let lines = lines_of(pipe.try_clone().expect("a second handle"));
        Self { folder, lines, pipe }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn checkout(&self) -> PathBuf {
        self.path("checkout")
    }

    pub(crate) fn state(&self) -> PathBuf {
        self.path("state")
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        std::fs::write(self.path(name), text).expect("written");
        self.path(name)
    }

    /// Writes the issues file.
    pub(crate) fn issues(&self, issues: &[Value]) -> &Self {
        self.write("issues.json", &Value::from(issues.to_vec()).to_string());
        self
    }

    /// Writes the agent: it says `issue.attempt` through the pipe, then does what `script` says with `$issue` and `$n`
    /// in the work tree. `touch_files` adds a line to every file the brief names.
    pub(crate) fn agent(&self, script: &str) -> String {
        let folder = self.folder.path().display();
        let text = format!(
            "set -eu\nfolder='{folder}'\n\
             number() {{ sed -n 's/^.*\"'\"$1\"'\": *\\([0-9]*\\).*$/\\1/p' \"$ORCHESTRATOR_TASK\" | head -n 1; }}\n\
             files() {{ tr -d '\\n' <\"$ORCHESTRATOR_TASK\" |\n\
             sed -n 's/^.*\"files\": *\\[\\([^]]*\\)\\].*$/\\1/p'; }}\n\
             issue=$(number issue)\nn=$(number attempt)\necho \"$issue.$n\" >\"$folder/began\"\n\
             touch_files() {{\n\
             for path in $(files | tr ',\"' '  '); do echo \"by issue $issue\" >>\"$path\"; done\n\
             }}\n{script}\necho done\n"
        );
        let path = self.write("agent.sh", &text);
        format!("sh '{}'", path.display())
    }

    /// `local` on this stage: approved, as JSON, with its state beside the checkout; the agent's command as
    /// [`Self::agent`] gave it.
    pub(crate) fn local(&self, agent: &str, more: &[&str]) -> Command {
        let mut command = self.local_that_asks(agent, more);
        command.args(["--auto-approve", "--json"]);
        command
    }

    /// The same with nothing approved, in words.
    pub(crate) fn local_that_asks(&self, agent: &str, more: &[&str]) -> Command {
        let mut command = Command::new(PROGRAM);
        command.args(["local", "--agent", "shell", "--agent-command", agent]);
        command.arg("--repo").arg(self.checkout()).arg("--issues").arg(self.path("issues.json"));
        command.arg("--state").arg(self.state()).args(more);
        command
    }

    /// The next line that came through the pipe; nothing where none comes.
    pub(crate) fn next_line(&self) -> Option<String> {
        self.lines.recv_timeout(PATIENCE).ok()
    }

    /// The next line an agent said as it began.
    pub(crate) fn next_began(&self) -> String {
        self.next_line().expect("an agent begins")
    }

    /// Everything agents said as they began and nobody has read yet; they must have ended.
    pub(crate) fn began(&mut self) -> Vec<String> {
        writeln!(self.pipe, "{MARK}").expect("the pipe takes it");
        std::iter::from_fn(|| Some(self.next_began()).filter(|line| line != MARK)).collect()
    }

    /// Opens a gate that the agent of one run waits at with `read -r _ <"$folder/NAME"`; made by this.
    pub(crate) fn gate(&self, name: &str) -> Gate {
        let path = self.path(name);
        assert!(Command::new("mkfifo").arg(&path).status().expect("mkfifo runs").success());
        Gate(OpenOptions::new().read(true).write(true).open(path).expect("a pipe"))
    }

    /// Text of a file of a branch of the checkout.
    pub(crate) fn show(&self, branch: &str, path: &str) -> String {
        git(&self.checkout(), &["show", &format!("{branch}:{path}")])
    }
}

/// What an agent waits for.
pub(crate) struct Gate(File);

impl Gate {
    /// Lets one agent go on.
    pub(crate) fn open(&mut self) {
        writeln!(self.0, "go").expect("the pipe takes it");
    }
}

/// An issue with the label.
pub(crate) fn issue(number: u64, title: &str, body: &str) -> Value {
    json!({"number": number, "title": title, "body": body, "labels": [{"name": "orchestrate"}]})
}

/// Runs git, which must do it; gives its output without the last line's end.
#[track_caller]
pub(crate) fn git(folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git").arg("-C").arg(folder).args(arguments).output().expect("git runs");
    assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
}

/// A repository with these files on the branch `main`, in one commit.
pub(crate) fn make_repository<Text: AsRef<str>>(folder: &Path, files: &[(Text, Text)]) {
    for (path, text) in files {
        let path = folder.join(path.as_ref());
        std::fs::create_dir_all(path.parent().expect("below the folder")).expect("made");
        std::fs::write(path, text.as_ref()).expect("written");
    }
    git(folder, &["init", "--quiet", "--initial-branch=main"]);
    git(folder, &["add", "--all"]);
    commit(folder, "The beginning");
}

pub(crate) fn commit(checkout: &Path, message: &str) {
    let author = ["-c", "user.name=Tester", "-c", "user.email=tester@example.invalid"];
    git(checkout, &[&author[..], &["commit", "--quiet", "--allow-empty", "-m", message]].concat());
}

/// A browser that has logged in with the address the program printed for it.
pub(crate) struct Browser {
    host: String,
    cookie: String,
}

impl Browser {
    pub(crate) fn log_in(said: &str) -> Self {
        let (_, rest) = said.split_once("http://").expect("an address is said");
        let (host, login) = rest.lines().next().and_then(|line| line.split_once('/')).expect("an address with a path");
        let answer = get(host, &format!("/{login}"), "");
        let cookie = answer.lines().find_map(|line| line.strip_prefix("set-cookie: ")).expect("a cookie");
        Self { host: host.to_owned(), cookie: cookie.split(';').next().unwrap_or_default().to_owned() }
    }

    /// A page with its headers.
    pub(crate) fn page(&self, path: &str) -> String {
        get(&self.host, path, &self.cookie)
    }
}

fn get(host: &str, path: &str, cookie: &str) -> String {
    let mut stream = TcpStream::connect(host).expect("the forge listens");
    let mut request = format!("GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n");
    if !cookie.is_empty() {
        let _ = write!(request, "cookie: {cookie}\r\n");
    }
    stream.write_all(format!("{request}\r\n").as_bytes()).expect("sent");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("answered");
    String::from_utf8_lossy(&answer).into_owned()
}

/// A task of a summary.
#[track_caller]
pub(crate) fn task(summary: &Value, issue: u64) -> &Value {
    let tasks = summary["tasks"].as_array().expect("tasks");
    tasks.iter().find(|task| task["issue"] == issue).unwrap_or_else(|| panic!("#{issue} is not in {summary:#}"))
}

/// The outcomes of a task's attempts.
pub(crate) fn outcomes(task: &Value) -> Vec<&str> {
    let attempts = task["attempts"].as_array().expect("attempts");
    attempts.iter().map(|attempt| attempt["outcome"].as_str().unwrap_or("none")).collect()
}

/// When the agents of a task's attempts worked, in milliseconds since 1970.
pub(crate) fn spans(task: &Value) -> Vec<(i64, i64)> {
    let attempts = task["attempts"].as_array().expect("attempts");
    attempts.iter().map(|attempt| (moment(&attempt["started_at"]), moment(&attempt["ended_at"]))).collect()
}

fn moment(value: &Value) -> i64 {
    let moment: jiff::Timestamp = value.as_str().expect("a moment").parse().expect("RFC 3339");
    moment.as_millisecond()
}

/// Most agents at work at one instant.
pub(crate) fn most_at_once(summary: &Value) -> usize {
    let all: Vec<(i64, i64)> = summary["tasks"].as_array().expect("tasks").iter().flat_map(spans).collect();
    let at = |moment: i64| all.iter().filter(|(start, end)| *start <= moment && moment < *end).count();
    all.iter().map(|(start, _)| at(*start)).max().unwrap_or(0)
}

/// Whether everything is asked for, the long parts too: `script/test --full`.
pub(crate) fn full() -> bool {
    std::env::var_os("ORCHESTRATOR_FULL").is_some_and(|value| value == "1")
}
