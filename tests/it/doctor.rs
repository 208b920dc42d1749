//! `task-orchestrator doctor`, through the program, on a forge over HTTP.

use std::collections::BTreeMap;

use secrecy::ExposeSecret as _;
use serde_json::Value;
use task_orchestrator::engine::id::{Login, RepositoryName};
use task_orchestrator::forge::http::{Clock, Forge, ForgeOptions};
use task_orchestrator::forge::memory::task_workflow;
use task_orchestrator::forge::world::setup::ApiLimits;

use crate::program::{program, run};
use crate::support::program::make_repository;

/// Runs the program with these flags and variables; its exit code, and what it printed.
async fn doctor(folder: &std::path::Path, flags: &[String], token: Option<&str>) -> (Option<i32>, String, String) {
    let flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    let mut command = program(folder, &[&["doctor"], &flags[..]].concat());
    command.env_remove("GH_TOKEN").env_remove("ORCHESTRATOR_TOKEN").env_remove("GITHUB_REPOSITORY");
    if let Some(token) = token {
        command.env("GH_TOKEN", token);
    }
    let output = tokio::task::spawn_blocking(move || command.output().expect("it ends")).await.expect("no panic");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_exit_code_tells_and_json_says_which() {
    let folder = tempfile::tempdir().expect("a folder");
    let bundled = include_str!("../../.github/workflows/task.yml");
    make_repository(&folder.path().join("source"), &[(".github/workflows/task.yml", bundled)]);
    let options = ForgeOptions {
        state: folder.path().join("state"),
        source: folder.path().join("source"),
        repository: RepositoryName::new("octo/widgets"),
        owner: Login::new("owner"),
        issues: Vec::new(),
        webhook: None,
        port: 0,
        limits: ApiLimits::Github,
        added: BTreeMap::new(),
        workflows: [("task.yml".to_owned(), task_workflow())].into(),
        clock: Clock::system(),
    };
    let forge = Forge::start(options).await.expect("the forge starts");
    std::fs::write(folder.path().join("key.pem"), forge.private_key_pem().expose_secret()).expect("written");
    let common = ["--repository", "octo/widgets", "--api-url", forge.base_url()].map(str::to_owned);
    let id = forge.app_id().to_string();
    let as_app = [&common[..], &["--app-id", &id, "--private-key-file", "key.pem"].map(str::to_owned)].concat();

    let (code, told, _) = doctor(folder.path(), &[&as_app[..], &["--json".to_owned()]].concat(), None).await;
    let report: Value = serde_json::from_str(&told).expect("JSON");
    assert_eq!((code, report["state"].as_str()), (Some(3), Some("failed")), "{told}");
    let state = |id: &str| {
        let lines = report["checks"].as_array().expect("a list");
        lines.iter().find(|line| line["id"] == id).expect("a check")["state"].clone()
    };
    assert_eq!((state("label"), state("workflow"), state("secrets")), ("failed".into(), "ok".into(), "unknown".into()));

    let token = forge.handle().mint_owner_token().expect("random numbers");
    let (code, told, log) = doctor(folder.path(), &as_app, Some(token.expose_secret())).await;
    assert_eq!(code, Some(3), "{told}");
    assert!(told.contains("octo/widgets") && told.contains("do: ") && !told.contains('\u{1b}'), "{told}");
    assert!(!told.contains(token.expose_secret()) && !log.contains(token.expose_secret()), "a secret was printed");
    forge.shutdown().await;
}

#[test]
fn without_anything_to_look_with_it_ends_with_2() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut command = program(folder.path(), &["doctor", "--repository", "octo/widgets"]);
    let output = command.env_remove("GH_TOKEN").env_remove("ORCHESTRATOR_TOKEN").output().expect("it ends");
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(2) && told.contains("--app-id") && told.contains("GH_TOKEN"), "{told}");
    run(folder.path(), &["doctor", "--repository", "octo", "--app-id", "1"]).refused(2, &["--private-key-file"]);
}
