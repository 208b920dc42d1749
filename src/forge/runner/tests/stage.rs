//! A bare world as host, a script in the place of the program, and waiting on what happens.

use std::collections::BTreeMap;
use std::fs::Permissions as Mode;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};
use tokio::io::AsyncReadExt as _;
use tokio::net::unix::pipe;
use tokio::sync::watch;

use crate::engine::id::{Login, RepositoryName, RunId, Sha};
use crate::engine::snapshot::{Actor, Conclusion, Progress};
use crate::engine::time::Timestamp;
use crate::forge::runner::workflow::Workflow;
use crate::forge::runner::{Host, MergedTree, Options, Runner, guard};
use crate::forge::world::World;
use crate::forge::world::access::Permissions;
use crate::forge::world::request::{GitAnswer, Request};
use crate::forge::world::setup::{ApiLimits, Setup};
use crate::forge::world::state::{JobEntry, RunEntry};
use crate::github::{self, Response};

/// Longer than anything here takes: reaching it is a failure.
const TOO_LONG: Duration = Duration::from_secs(60);

/// The form of workflow that is bundled.
pub(super) const TASK: &str = include_str!("task.yml");

pub(super) fn key() -> String {
    format!("t1.1.{}", "0".repeat(32))
}

/// The process behind which each step runs: this test program, called to be the guard alone. Called without a command,
/// as the test runner does, it has nothing to guard.
#[test]
fn guard_process() {
    let mut arguments = std::env::args_os();
    if arguments.any(|argument| argument == "--") {
        std::process::exit(i32::from(guard::guard(&arguments.collect::<Vec<_>>())));
    }
}

/// The command that runs [`guard_process`].
pub(super) fn guard_command() -> Vec<std::ffi::OsString> {
    let exe = std::env::current_exe().expect("a path");
    let name = concat!(module_path!(), "::guard_process");
    let name = name.split_once("::").expect("in a crate").1;
    [exe.as_os_str(), "--quiet".as_ref(), "--exact".as_ref(), name.as_ref()]
        .into_iter()
        .chain(["--nocapture".as_ref(), "--".as_ref()])
        .map(ToOwned::to_owned)
        .collect()
}

/// A world and what its host was asked.
pub(super) struct Bare {
    world: Mutex<World>,
    changes: watch::Sender<u64>,
    pub(super) minted: Mutex<Vec<Permissions>>,
    pub(super) ended_tokens: Mutex<Vec<String>>,
    /// What the merged tree of a head is: a file `marker` with this text, or a conflict.
    pub(super) merged: Mutex<BTreeMap<Sha, String>>,
}

impl Bare {
    pub(super) fn tell(&self, request: Request) -> Result<Response, github::Error> {
        let number = *self.changes.borrow() + 1;
        let applied =
            self.world.lock().expect("whole").apply(request, Timestamp(i64::try_from(number).expect("small")));
        self.changes.send_replace(number);
        applied.response
    }

    pub(super) fn call(&self, request: github::Request, git: Option<GitAnswer>) -> Response {
        let actor = Actor { login: Login::new("task-orchestrator[bot]"), bot: true };
        self.tell(Request::Api { actor, request, git }).expect("accepted")
    }
}

impl Host for Arc<Bare> {
    async fn apply(&self, request: Request) -> Result<(), github::Error> {
        self.tell(request).map(drop)
    }

    fn look<T>(&self, look: impl FnOnce(&World) -> T) -> T {
        look(&self.world.lock().expect("whole"))
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    async fn job_token(&self, permissions: &Permissions) -> Result<SecretString, github::Error> {
        let mut minted = self.minted.lock().expect("whole");
        minted.push(permissions.clone());
        Ok(format!("ghs_token_{}", minted.len()).into())
    }

    async fn end_job_token(&self, token: &SecretString) {
        self.ended_tokens.lock().expect("whole").push(token.expose_secret().to_owned());
    }

    async fn merged_tree(&self, _base: &str, head: &Sha, folder: &Path) -> Result<MergedTree, String> {
        let marker = self.merged.lock().expect("whole").get(head).cloned();
        let Some(marker) = marker else { return Ok(MergedTree::Conflict) };
        std::fs::write(folder.join("marker"), marker).map(|()| MergedTree::Filled).map_err(|error| error.to_string())
    }
}

/// A world, a folder and options, ready to start.
pub(super) struct Stage {
    pub(super) host: Arc<Bare>,
    pub(super) options: Options,
    folder: tempfile::TempDir,
}

impl Stage {
    /// A workflow, and the script that stands for the program: a shell's `case` arms by the worker's command.
    pub(super) fn new(workflow: &Workflow, arms: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut setup = Setup::new(RepositoryName::new("o/r"), "main", Login::new("owner"));
        setup.limits = ApiLimits::None;
        setup.workflows = BTreeMap::from([("task.yml".to_owned(), workflow.facts())]);
        setup.branches = BTreeMap::from([("main".to_owned(), Sha::new("m0")), ("work".to_owned(), Sha::new("w0"))]);
        let host = Bare {
            world: Mutex::new(World::new(setup)),
            changes: watch::Sender::new(0),
            minted: Mutex::default(),
            ended_tokens: Mutex::default(),
            merged: Mutex::default(),
        };
        let program = folder.path().join("program");
        std::fs::write(&program, format!("#!/bin/sh\nset -eu\ncase \"$2\" in\n{arms}\nesac\n")).expect("written");
        std::fs::set_permissions(&program, Mode::from_mode(0o755)).expect("executable");
        let state = folder.path().join("state");
        let mut options = Options::new(&state, "http://127.0.0.1:1", "http://127.0.0.1:1/api").expect("options");
        options.program = program;
        options.guard = guard_command();
        options.workflows.insert("task.yml".to_owned(), workflow.clone());
        options.grace = Duration::from_millis(200);
        Self { host: Arc::new(host), options, folder }
    }

    /// The bundled form of workflow.
    pub(super) fn task(arms: &str) -> Self {
        Self::new(&Workflow::parse(TASK).expect("reads"), arms)
    }

    pub(super) async fn start(&self) -> Runner {
        Runner::start(self.options.clone(), Arc::clone(&self.host)).await.expect("started")
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A pipe into which steps write a line when they have got somewhere.
    pub(super) fn pipe(&self) -> Lines {
        let path = self.path("pipe");
        rustix::fs::mkfifoat(rustix::fs::CWD, &path, rustix::fs::Mode::RWXU).expect("made");
        let receiver = pipe::OpenOptions::new().read_write(true).open_receiver(&path).expect("opened");
        Lines { receiver, path }
    }

    pub(super) fn dispatch(&self) -> RunId {
        let inputs = [("key", key()), ("brief", "b".repeat(40))];
        let inputs = inputs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let request =
            github::Request::DispatchWorkflow { workflow: "task.yml".to_owned(), branch: "main".to_owned(), inputs };
        let Response::Dispatched(Some(run)) = self.host.call(request, None) else { panic!("a dispatch gives a run") };
        run
    }

    pub(super) fn cancel(&self, run: RunId, force: bool) {
        self.host.call(github::Request::CancelRun { run, force }, None);
    }

    pub(super) async fn until(&self, what: &str, wanted: impl Fn(&World) -> bool) {
        wait_until(&self.host, what, wanted).await;
    }

    pub(super) async fn over(&self, run: RunId) -> RunEntry {
        self.until("the run's end", |world| world.run(run).is_some_and(|entry| entry.progress == Progress::Completed))
            .await;
        self.host.look(|world| world.run(run).cloned().expect("there"))
    }

    pub(super) fn job(&self, run: RunId, key: &str) -> JobEntry {
        self.host.look(|world| world.jobs_of(run).find(|job| job.key == key).cloned().expect("there"))
    }

    pub(super) fn conclusions(&self, run: RunId) -> Vec<Option<Conclusion>> {
        self.host.look(|world| world.jobs_of(run).map(|job| job.job.conclusion).collect())
    }
}

/// Waits until the world is as wanted.
pub(super) async fn wait_until(host: &impl Host, what: &str, wanted: impl Fn(&World) -> bool) {
    let mut changes = host.changes();
    let wait = async {
        while !host.look(&wanted) {
            changes.changed().await.expect("the host stays");
        }
    };
    if tokio::time::timeout(TOO_LONG, wait).await.is_err() {
        panic!("waited too long: {what}");
    }
}

/// The reading end of a named pipe.
pub(super) struct Lines {
    receiver: pipe::Receiver,
    pub(super) path: PathBuf,
}

impl Lines {
    /// Waits for the next line.
    pub(super) async fn next(&mut self) -> String {
        let mut line = Vec::new();
        let read = async {
            loop {
                match self.receiver.read_u8().await.expect("readable") {
                    b'\n' => return,
                    byte => line.push(byte),
                }
            }
        };
        if tokio::time::timeout(TOO_LONG, read).await.is_err() {
            panic!("no step has written a line");
        }
        String::from_utf8(line).expect("text")
    }

    /// Waits for the next line, which is a process id.
    pub(super) async fn next_pid(&mut self) -> i32 {
        self.next().await.trim().parse().expect("a process id")
    }
}
