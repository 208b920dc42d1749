//! Several `serve` processes over one PostgreSQL, a forge around them, and what stands between: a balancer that gives
//! each webhook to one of them.

use std::collections::BTreeMap;
use std::fs::Permissions;
use std::io::{BufRead as _, BufReader};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, Sender};
use std::sync::{Arc, Mutex};

use rustix::process::{Pid, Signal, kill_process};
use secrecy::ExposeSecret as _;
use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, Executor as _, PgConnection, Row as _};
use task_orchestrator::engine::id::{Login, RepositoryName};
use task_orchestrator::forge::http::{Clock, Forge, ForgeOptions, WebhookTarget};
use task_orchestrator::forge::runner::workflow::Workflow;
use task_orchestrator::forge::runner::{self, Runner};
use task_orchestrator::forge::world::setup::ApiLimits;

use crate::program::program;
use crate::support::program::{PATIENCE, PROGRAM, Stage, commit, git};

/// The webhook secret.
pub(crate) const SECRET: &str = "a secret of some length";
/// The bundled workflow.
const WORKFLOW: &str = include_str!("../../../.github/workflows/task.yml");

/// An empty database on the server of the tests.
pub(crate) struct Database {
    server: PgConnectOptions,
    name: String,
    pub(crate) url: String,
}

impl Database {
    /// Makes one; nothing where this machine is excused.
    pub(crate) async fn new() -> Option<Self> {
        let Ok(server) = std::env::var("ORCHESTRATOR_POSTGRES_URL") else {
            let excused = std::env::var("ORCHESTRATOR_NO_POSTGRES").is_ok_and(|value| value == "1");
            assert!(excused, "run `script/postgres cargo test`, or set ORCHESTRATOR_NO_POSTGRES=1 to skip this");
            return None;
        };
        let mut bytes = [0_u8; 8];
        getrandom::fill(&mut bytes).expect("randomness");
        let name = format!("test_{}", hex::encode(bytes));
        let url = server.replacen("/postgres?", &format!("/{name}?"), 1);
        let database = Self { server: server.parse().expect("an address"), name, url };
        database.say("CREATE DATABASE").await;
        Some(database)
    }

    async fn say(&self, what: &str) {
        let mut connection = self.server.connect().await.expect("a connection");
        connection.execute(AssertSqlSafe(format!("{what} {}", self.name))).await.expect("done");
    }

    pub(crate) async fn connect(&self) -> PgConnection {
        self.url.parse::<PgConnectOptions>().expect("an address").connect().await.expect("a connection")
    }

    pub(crate) async fn remove(self) {
        self.say("DROP DATABASE").await;
    }
}

/// A number that the database tells.
pub(crate) async fn number(connection: &mut PgConnection, question: &'static str) -> i64 {
    connection.fetch_one(question).await.expect("answered").get(0)
}

/// Gives each connection to one address after the other, leaving out those that are told to be out.
pub(crate) struct Balancer {
    pub(crate) address: SocketAddr,
    backends: Arc<Mutex<Backends>>,
}

#[derive(Default)]
struct Backends {
    addresses: Vec<SocketAddr>,
    out: Vec<SocketAddr>,
    next: usize,
}

impl Balancer {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("its address");
        let backends: Arc<Mutex<Backends>> = Arc::default();
        let shared = Arc::clone(&backends);
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || pass(client, &shared));
            }
        });
        Self { address, backends }
    }

    /// This one is given connections from now on.
    pub(crate) fn take_up(&self, address: SocketAddr) {
        self.backends.lock().expect("no panic").addresses.push(address);
    }

    /// Nothing more is given to this one.
    fn leave_out(&self, address: SocketAddr) {
        self.backends.lock().expect("no panic").out.push(address);
    }

    fn take_in(&self, address: SocketAddr) {
        self.backends.lock().expect("no panic").out.retain(|out| *out != address);
    }
}

/// Passes a connection on; one that nobody takes is cut, and whoever sent comes again.
fn pass(client: TcpStream, backends: &Mutex<Backends>) {
    let address = {
        let mut backends = backends.lock().expect("no panic");
        let there: Vec<SocketAddr> =
            backends.addresses.iter().filter(|address| !backends.out.contains(address)).copied().collect();
        backends.next += 1;
        let Some(address) = there.get(backends.next % there.len().max(1)) else { return };
        *address
    };
    let Ok(server) = TcpStream::connect(address) else { return };
    let (from, to) = (client.try_clone().expect("a handle"), server.try_clone().expect("a handle"));
    std::thread::spawn(move || copy(from, to));
    copy(server, client);
}

fn copy(mut from: TcpStream, mut to: TcpStream) {
    // Whoever was killed cuts the connection; that is its end too.
    drop(std::io::copy(&mut from, &mut to));
    drop(to.shutdown(Shutdown::Both));
    drop(from.shutdown(Shutdown::Both));
}

/// One `serve` process, killed with the value.
pub(crate) struct Replica {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Replica {
    /// `kill -9`.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it ends");
    }
}

impl Drop for Replica {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// A line that a replica has logged.
#[derive(Clone, Debug)]
pub(crate) struct Said {
    pub(crate) replica: usize,
    pub(crate) line: String,
}

/// Replicas, and everything around them.
pub(crate) struct Replicas {
    pub(crate) forge: Forge,
    pub(crate) all: Vec<Replica>,
    balancer: Balancer,
    lines: Receiver<Said>,
    /// What was said so far.
    pub(crate) heard: Vec<Said>,
    runner: Runner,
}

impl Replicas {
    /// Starts a forge with the stage's checkout, and so many replicas.
    pub(crate) async fn start(stage: &Stage, settings: &str, database: &Database, count: usize, lease: &str) -> Self {
        let (forge, runner) = forge_and_runner(stage, settings).await;
        let balancer = Balancer::start();
        let (said, lines) = std::sync::mpsc::channel();
        let app = forge.app_id().to_string();
        let address = forge.base_url().to_owned();
        let all: Vec<Replica> = (0..count)
            .map(|replica| {
                let state = format!("state{replica}");
                let more = ["--state", state.as_str(), "--lease", lease, "--database-url", database.url.as_str()];
                let flags = ["--app-id", app.as_str(), "--api-url", address.as_str()];
                serve(stage.path("").as_path(), &[&flags[..], &more[..]].concat(), replica, &said)
            })
            .collect();
        all.iter().for_each(|replica| balancer.take_up(replica.address));
        let url = format!("http://{}/webhook", balancer.address);
        forge.send_webhooks_to(Some(WebhookTarget { url, secret: SECRET.into(), repeats: true }));
        Self { forge, all, balancer, lines, heard: Vec::new(), runner }
    }

    /// Waits until any of these replicas says any of these words, and tells which.
    pub(crate) fn hear(&mut self, replicas: &[usize], words: &[&str]) -> usize {
        loop {
            let said = self.lines.recv_timeout(PATIENCE);
            let said = said.unwrap_or_else(|error| panic!("{words:?} is not said: {error}\n{}", self.log()));
            self.heard.push(said.clone());
            if replicas.contains(&said.replica) && words.iter().any(|words| said.line.contains(words)) {
                return said.replica;
            }
        }
    }

    /// Everything said, for people.
    pub(crate) fn log(&mut self) -> String {
        self.heard.extend(self.lines.try_iter());
        let line = |said: &Said| format!("{}: {}\n", said.replica, said.line);
        self.heard.iter().map(line).collect()
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self, replica: usize) {
        self.balancer.leave_out(self.all[replica].address);
        self.all[replica].kill();
    }

    /// It stands still, and notices nothing of it.
    pub(crate) fn pause(&mut self, replica: usize) {
        self.signal(replica, Signal::STOP);
        self.balancer.leave_out(self.all[replica].address);
    }

    /// It goes on where it stood.
    pub(crate) fn go_on(&mut self, replica: usize) {
        self.signal(replica, Signal::CONT);
        self.balancer.take_in(self.all[replica].address);
    }

    /// It is told to end, and ends well.
    pub(crate) fn end(&mut self, replica: usize) {
        self.balancer.leave_out(self.all[replica].address);
        self.signal(replica, Signal::TERM);
        assert!(self.all[replica].child.wait().expect("it ends").success());
    }

    fn signal(&self, replica: usize, signal: Signal) {
        let process = i32::try_from(self.all[replica].child.id()).expect("a process id");
        kill_process(Pid::from_raw(process).expect("not zero"), signal).expect("it runs");
    }

    /// Ends what is left.
    pub(crate) async fn stop(self) {
        let Self { forge, all, runner, .. } = self;
        forge.send_webhooks_to(None);
        runner.stop().await;
        drop(all);
        forge.shutdown().await;
    }
}

/// A forge with the stage's checkout and these settings, a runner for it, and what `serve` wants of the App in files.
pub(crate) async fn forge_and_runner(stage: &Stage, settings: &str) -> (Forge, Runner) {
    std::fs::create_dir_all(stage.path("checkout/.github/workflows")).expect("a folder");
    stage.write("checkout/.github/orchestrator.yml", settings);
    stage.write("checkout/.github/workflows/task.yml", WORKFLOW);
    git(&stage.checkout(), &["add", "--all"]);
    commit(&stage.checkout(), "How to orchestrate");
    let workflow = Workflow::parse(WORKFLOW).expect("the bundled workflow");
    let options = ForgeOptions {
        state: stage.path("forge"),
        source: stage.checkout(),
        repository: RepositoryName::new("acme/widgets"),
        owner: Login::new("owner"),
        issues: Vec::new(),
        webhook: None,
        port: 0,
        limits: ApiLimits::None,
        added: BTreeMap::new(),
        workflows: BTreeMap::from([("task.yml".to_owned(), workflow.facts())]),
        clock: Clock::system(),
    };
    let forge = Forge::start(options).await.expect("a forge");
    let mut chosen = runner::Options::new(&stage.path("runner"), forge.base_url(), forge.base_url()).expect("options");
    chosen.program = PROGRAM.into();
    chosen.guard = vec![PROGRAM.into(), runner::guard::COMMAND.into()];
    chosen.workflows = BTreeMap::from([("task.yml".to_owned(), workflow)]);
    chosen.parallel = 4;
    let runner = Runner::start(chosen, forge.handle()).await.expect("a runner");
    for (name, text) in [("key.pem", forge.private_key_pem().expose_secret()), ("secret", SECRET)] {
        let path = stage.write(name, text);
        std::fs::set_permissions(path, Permissions::from_mode(0o600)).expect("set");
    }
    (forge, runner)
}

/// Starts `serve` for the App of [`forge_and_runner`], and waits until it listens.
pub(crate) fn serve(folder: &Path, flags: &[&str], replica: usize, said: &Sender<Said>) -> Replica {
    let files = ["serve", "--private-key-file", "key.pem", "--webhook-secret-file", "secret", "--port", "0"];
    let mut command = program(folder, &[&files[..], flags].concat());
    let mut child = command.stdin(Stdio::null()).stderr(Stdio::piped()).spawn().expect("it starts");
    let mut lines = BufReader::new(child.stderr.take().expect("piped")).lines();
    let listening = |line: &str| line.split("listening on http://").nth(1).and_then(|rest| rest.trim().parse().ok());
    let tell = move |said: &Sender<Said>, line: &str| said.send(Said { replica, line: line.to_owned() });
    let mut before = String::new();
    let address = lines.by_ref().map_while(Result::ok).find_map(|line| {
        before += &format!("{line}\n");
        // Nobody listens to what comes after the test.
        drop(tell(said, &line));
        listening(&line)
    });
    let address = address.unwrap_or_else(|| panic!("it does not say where it listens:\n{before}"));
    let said = said.clone();
    std::thread::spawn(move || {
        for line in lines.map_while(Result::ok) {
            drop(tell(&said, &line));
        }
    });
    Replica { child, address }
}
