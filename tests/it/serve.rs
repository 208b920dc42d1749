//! `task-orchestrator serve`, through the program.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Stdio};

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use rustix::process::{Pid, Signal, kill_process};

use crate::program::{program, run};

/// A folder with the App's key and the webhook secret in files.
pub(crate) fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let pair = KeyPair::generate(KeySize::Rsa2048).expect("a key");
    let text = BASE64_STANDARD.encode(pair.as_der().expect("DER").as_ref());
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n");
    std::fs::write(folder.path().join("key.pem"), pem).expect("written");
    std::fs::write(folder.path().join("secret"), "a secret of some length\n").expect("written");
    std::fs::write(folder.path().join("short"), "short\n").expect("written");
    std::fs::write(folder.path().join("empty"), "").expect("written");
    folder
}

/// All that is needed. Nobody answers at the API's address.
pub(crate) const FLAGS: [&str; 11] = [
    "serve",
    "--app-id",
    "1",
    "--private-key-file",
    "key.pem",
    "--webhook-secret-file",
    "secret",
    "--api-url",
    "http://127.0.0.1:1",
    "--port",
    "0",
];

/// A running server, killed with the value.
struct Running {
    child: Child,
    address: SocketAddr,
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn start(folder: &Path) -> Running {
    let mut child = program(folder, &FLAGS).stdin(Stdio::null()).stderr(Stdio::piped()).spawn().expect("it starts");
    let mut lines = BufReader::new(child.stderr.take().expect("piped")).lines();
    let listening = |line: &str| line.split("listening on http://").nth(1).and_then(|rest| rest.trim().parse().ok());
    let address = lines.by_ref().map_while(Result::ok).find_map(|line| listening(&line));
    // Somebody must read on, or the log would fill the pipe.
    std::thread::spawn(move || lines.for_each(drop));
    Running { child, address: address.expect("it says where it listens") }
}

fn get(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("it listens");
    write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    answer
}

#[test]
fn it_listens_while_github_is_out_of_reach_and_stops_when_told() {
    let folder = folder();
    let mut running = start(folder.path());
    assert!(get(running.address, "/healthz").starts_with("HTTP/1.1 200"));
    let second = run(folder.path(), &FLAGS);
    second.refused(1, &["another task-orchestrator works on .state/orchestrator.sqlite", "--state", "--database"]);
    let number = format!("process {}", running.child.id());
    assert!(second.stderr.contains(&number), "{}", second.stderr);
    let pid = Pid::from_raw(i32::try_from(running.child.id()).expect("a process id")).expect("not zero");
    kill_process(pid, Signal::TERM).expect("it runs");
    assert!(running.child.wait().expect("it ends").success());
    assert!(TcpStream::connect(running.address).is_err());
    assert!(!start(folder.path()).address.ip().is_unspecified(), "and starts again with the same state");
}

#[test]
fn a_port_in_use_ends_with_1_and_names_the_flag() {
    let folder = folder();
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("its address").port().to_string();
    let ended = run(folder.path(), &[&FLAGS[..9], &["--port", &port]].concat());
    ended.refused(1, &[&port, "--port"]);
}

#[test]
fn flags_that_cannot_be_used_end_with_2_and_show_no_secret() {
    let folder = folder();
    let there = folder.path();
    let with = |changes: &[(&str, &str)]| {
        let mut flags: Vec<&str> = FLAGS.to_vec();
        for (flag, value) in changes {
            let at = flags.iter().position(|known| known == flag).expect("a flag of the list");
            flags[at + 1] = value;
        }
        run(there, &flags)
    };
    with(&[("--webhook-secret-file", "short")]).refused(2, &["too short", "--webhook-secret-file"]);
    with(&[("--webhook-secret-file", "empty")]).refused(2, &["empty", "--webhook-secret-file"]);
    with(&[("--webhook-secret-file", "gone")]).refused(2, &["gone", "cannot be read"]);
    with(&[("--private-key-file", "secret")]).refused(2, &["private key cannot be read", "--private-key-file"]);
    with(&[("--api-url", "http://example.com")]).refused(2, &["--api-url", "https://"]);
    with(&[("--app-id", " ")]).refused(2, &["id is empty"]);
    run(there, &FLAGS[..5]).refused(2, &["webhook secret is missing", "ORCHESTRATOR_WEBHOOK_SECRET"]);
    run(there, &[&FLAGS[..3], &FLAGS[5..]].concat())
        .refused(2, &["private key is missing", "ORCHESTRATOR_PRIVATE_KEY"]);
    run(there, &[&FLAGS[..1], &FLAGS[3..]].concat()).refused(2, &["--app-id"]);
    run(there, &[&FLAGS[..], &["--database", "key.pem/x"]].concat()).refused(2, &["key.pem", "--database"]);
    let database = run(there, &[&FLAGS[..], &["--database", "key.pem"]].concat());
    database.refused(1, &["key.pem cannot be opened", "--database"]);
    let mut variable = program(there, &FLAGS[..5]);
    let output = variable.env("ORCHESTRATOR_WEBHOOK_SECRET", "short").output().expect("it ends");
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(2) && told.contains("too short"), "{told}");
    let mut log = program(there, &FLAGS);
    let output = log.env("ORCHESTRATOR_LOG", "a=b=c").output().expect("it ends");
    assert_eq!(output.status.code(), Some(2), "{}", String::from_utf8_lossy(&output.stderr));
}
