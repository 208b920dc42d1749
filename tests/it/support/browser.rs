//! Chromium without a window, told what to do over two pipes (the DevTools protocol, one JSON text after the other with
//! a zero byte between them). It reaches this machine alone.

use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use crate::support::program::{PATIENCE, kill_tree};

/// What Chromium is called where it is packaged.
const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// Where a browser is. Where there is none, somebody must have excused that: then nothing.
pub(crate) fn found() -> Option<PathBuf> {
    if std::env::var("ORCHESTRATOR_NO_BROWSER").is_ok_and(|value| value == "1") {
        return None;
    }
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let mut places = std::env::split_paths(&folders).flat_map(|folder| NAMES.map(|name| folder.join(name)));
    let found = places.find(|place| place.is_file());
    assert!(found.is_some(), "install Chromium, or set ORCHESTRATOR_NO_BROWSER=1 to skip this");
    found
}

/// A browser with one page, ended with the value.
pub(crate) struct Browser {
    child: Child,
    orders: File,
    heard: Receiver<Value>,
    session: Value,
    asked: u64,
    _folder: tempfile::TempDir,
}

impl Drop for Browser {
    fn drop(&mut self) {
        kill_tree(self.child.id());
        drop(self.child.wait());
    }
}

impl Browser {
    /// Starts it with a profile of its own.
    pub(crate) fn start(program: &Path) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let [orders, answers] = ["orders", "answers"].map(|name| {
            let path = folder.path().join(name);
            assert!(Command::new("mkfifo").arg(&path).status().expect("mkfifo runs").success());
            path
        });
        // Open for reading and writing: nobody waits for the other end.
        let open = |path: &Path| OpenOptions::new().read(true).write(true).open(path).expect("a pipe");
        let (ours, theirs) = (open(&orders), open(&answers));
        let script = "exec \"$0\" --headless --no-sandbox --disable-gpu --disable-dev-shm-usage --no-first-run \
                      --no-proxy-server --disable-background-networking --disable-component-update \
                      --host-resolver-rules='MAP * ~NOTFOUND, EXCLUDE 127.0.0.1' --user-data-dir=\"$1\" \
                      --window-size=900,1100 --remote-debugging-pipe about:blank 3<\"$2\" 4>\"$3\"";
        let mut command = Command::new("sh");
        command.args(["-c", script]).arg(program).arg(folder.path().join("profile")).args([&orders, &answers]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().expect("sh starts");
        let heard = messages_of(theirs);
        let mut browser = Self { child, orders: ours, heard, session: Value::Null, asked: 0, _folder: folder };
        let target = browser.ask("Target.createTarget", json!({ "url": "about:blank" }))["targetId"].clone();
        let attached = browser.ask("Target.attachToTarget", json!({ "targetId": target, "flatten": true }));
        browser.session = attached["sessionId"].clone();
        browser.ask("Page.enable", json!({}));
        browser
    }

    fn order(&mut self, method: &str, parameters: Value) -> u64 {
        self.asked += 1;
        let mut order = json!({ "id": self.asked, "method": method, "params": parameters });
        if !self.session.is_null() {
            order["sessionId"] = self.session.clone();
        }
        self.orders.write_all(format!("{order}\0").as_bytes()).expect("it listens");
        self.asked
    }

    fn hear(&mut self) -> Value {
        self.heard.recv_timeout(PATIENCE).expect("the browser goes on")
    }

    fn ask(&mut self, method: &str, parameters: Value) -> Value {
        let id = self.order(method, parameters);
        loop {
            let message = self.hear();
            if message["id"] == id {
                assert!(message["error"].is_null(), "{method}: {message}");
                return message["result"].clone();
            }
        }
    }

    /// Gives an order, and waits until it is answered and a page has come.
    fn go(&mut self, method: &str, parameters: Value) {
        let id = self.order(method, parameters);
        let (mut is_answered, mut is_there) = (false, false);
        while !(is_answered && is_there) {
            let message = self.hear();
            assert!(message["error"].is_null() && message["result"]["errorText"].is_null(), "{method}: {message}");
            is_answered |= message["id"] == id;
            is_there |= message["method"] == "Page.loadEventFired";
        }
    }

    /// Opens an address.
    pub(crate) fn open(&mut self, address: &str) {
        self.go("Page.navigate", json!({ "url": address }));
    }

    /// Presses what a selector finds, and waits for the page that follows.
    pub(crate) fn press(&mut self, selector: &str) {
        assert_eq!(self.value(&format!("document.querySelectorAll({selector:?}).length")), 1, "{selector}");
        self.go("Runtime.evaluate", json!({ "expression": format!("document.querySelector({selector:?}).click()") }));
    }

    /// Writes into a field.
    pub(crate) fn fill(&mut self, id: &str, text: &str) {
        self.value(&format!("document.getElementById({id:?}).value = {text:?}"));
    }

    /// What an expression of JavaScript is on the page.
    pub(crate) fn value(&mut self, expression: &str) -> Value {
        let told = self.ask("Runtime.evaluate", json!({ "expression": expression, "returnByValue": true }));
        assert!(told["exceptionDetails"].is_null(), "{expression}: {told}");
        told["result"]["value"].clone()
    }

    /// The page's whole source, as it stands.
    pub(crate) fn source(&mut self) -> String {
        self.text("document.documentElement.outerHTML")
    }

    /// The page's heading.
    pub(crate) fn heading(&mut self) -> String {
        self.text("document.querySelector('h1').textContent")
    }

    /// A text of the page.
    pub(crate) fn text(&mut self, expression: &str) -> String {
        self.value(expression).as_str().unwrap_or_default().to_owned()
    }

    /// Keeps a picture of the page, for people to look at.
    pub(crate) fn picture(&mut self, name: &str) {
        let shot = self.ask("Page.captureScreenshot", json!({ "format": "png" }));
        let bytes = BASE64_STANDARD.decode(shot["data"].as_str().expect("a picture")).expect("base64");
        std::fs::write(Path::new(env!("CARGO_TARGET_TMPDIR")).join(name), bytes).expect("written");
    }
}

fn messages_of(pipe: File) -> Receiver<Value> {
    let (sender, heard) = channel();
    let mut pipe = BufReader::new(pipe);
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        while pipe.read_until(0, &mut bytes).is_ok_and(|count| count > 0) {
            let message = serde_json::from_slice(bytes.strip_suffix(&[0]).unwrap_or(&bytes)).expect("JSON");
            if sender.send(message).is_err() {
                return;
            }
            bytes.clear();
        }
    });
    heard
}
