//! `forge` as a process of its own, and `serve` as another beside it: they know each other by HTTP alone.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use std::sync::mpsc::channel;

use serde_json::Value;

use crate::support::program::{PATIENCE, PROGRAM, Running, Stage, commit, git, issue, run};
use crate::support::replicas::{Balancer, SECRET, serve};

const FILES: &[(&str, &str)] = &[("a.txt", "a\n"), ("b.txt", "b\n")];
const SETTINGS: &str = "approval: label\nauto_merge: true\nheartbeat: 1s\nsettle: none\nchecks_grace: none\n\
                        probe_window: 1s\nbackoff: 1s\ntracking_interval: 1s\nagent: codex\n";

/// A checkout with a configuration that names another agent than the flags, two issues, and a secret.
fn stage() -> Stage {
    let stage = Stage::new(FILES);
    std::fs::create_dir(stage.path("checkout/.github")).expect("made");
    stage.write("checkout/.github/orchestrator.yml", SETTINGS);
    git(&stage.checkout(), &["add", "--all"]);
    commit(&stage.checkout(), "How to orchestrate");
    stage.issues(&[issue(1, "Write a", "Files: a.txt"), issue(2, "Write b", "Files: b.txt\nDepends on: #1")]);
    let secret = stage.write("secret", SECRET);
    std::fs::set_permissions(secret, std::fs::Permissions::from_mode(0o600)).expect("set");
    stage
}

fn forge(stage: &Stage, agent: &str, webhook_url: &str) -> Command {
    let mut command = Command::new(PROGRAM);
    command.current_dir(stage.path("")).args(["forge", "--repo", "checkout", "--issues", "issues.json"]);
    command.args(["--state", "alone", "--app-key-out", "key.pem", "--api-limits", "none"]);
    command.args(["--webhook-url", webhook_url, "--webhook-secret-file", "secret"]);
    command.args(["--agent", "shell", "--agent-command", agent]);
    command
}

fn told(forge: &Running) -> Value {
    serde_json::from_str(forge.out().lines().next().expect("a line")).expect("JSON")
}

#[test]
fn a_server_that_was_started_elsewhere_works_a_plan_and_both_go_on_when_started_again() {
    let stage = stage();
    let agent = stage.agent("touch_files");
    let head = git(&stage.checkout(), &["rev-parse", "HEAD"]);
    let balancer = Balancer::start();
    let url = format!("http://{}/webhook", balancer.address);
    let mut first = Running::start(&mut forge(&stage, &agent, &url));
    assert!(first.until("the forge listens"), "{}", first.said());
    let names = told(&first);
    assert_eq!((&names["owner"], &names["repository"]), (&Value::from("local"), &Value::from("checkout")));
    let mode = std::fs::metadata(stage.path("key.pem")).expect("written").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let (said, lines) = channel();
    let (app, api) = (names["app_id"].to_string(), names["api_url"].as_str().expect("an address").to_owned());
    let server = serve(&stage.path(""), &["--app-id", &app, "--api-url", &api, "--state", "state"], 0, &said);
    balancer.take_up(server.address);
    loop {
        let said = lines.recv_timeout(PATIENCE).expect("the server goes on until the plan has ended");
        if said.line.contains("the plan has ended") {
            break;
        }
    }
    let merged = |path: &str| git(&stage.path("alone/forge/repository.git"), &["show", &format!("main:{path}")]);
    assert_eq!((merged("a.txt"), merged("b.txt")), ("a\nby issue 1".to_owned(), "b\nby issue 2".to_owned()));
    assert_eq!(git(&stage.checkout(), &["rev-parse", "HEAD"]), head, "the checkout is only read");
    drop(server);
    first.interrupt();
    assert_eq!(first.wait().expect(0).out.lines().count(), 1);
    let mut second = Running::start(&mut forge(&stage, &agent, &url));
    assert!(second.until("the forge listens"), "{}", second.said());
    assert_eq!(told(&second)["installation_id"], names["installation_id"]);
    second.interrupt();
    second.wait().expect(0);
    let other = run(&mut forge(&stage, "false", &url)).expect(2);
    other.says(&["--agent-command are written down at the first start", "--state"]);
}

#[test]
fn what_was_asked_for_wrongly_is_said_with_what_to_write_instead() {
    let stage = stage();
    let url = "http://127.0.0.1:1/webhook";
    for (wrong, words) in [
        (forge(&stage, "true", "http://example.invalid/webhook"), "give http://127.0.0.1:PORT/PATH"),
        (forge(&stage, " ", url), "agent_command"),
    ] {
        let mut wrong = wrong;
        run(&mut wrong).expect(2).says(&[words]);
    }
    stage.write("secret", "\n");
    run(&mut forge(&stage, "true", url)).expect(2).says(&["--webhook-secret-file secret: it is empty"]);
    assert!(!stage.path("alone").exists() && !stage.path("key.pem").exists(), "nothing was begun");
}
