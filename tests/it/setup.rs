//! Setting up an App in the browser: `serve` without one beside a `forge`, and Chromium as the person.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::program::program;
use crate::support::browser::{Browser, found};
use crate::support::program::{PROGRAM, Running, Stage, issue};

fn forge(stage: &Stage) -> Running {
    let mut command = Command::new(PROGRAM);
    command.current_dir(stage.path("")).args(["forge", "--repo", "checkout", "--issues", "issues.json"]);
    command.args(["--state", "alone", "--app-key-out", "key.pem", "--api-limits", "none"]);
    let mut forge = Running::start(&mut command);
    assert!(forge.until("the forge listens"), "{}", forge.said());
    forge
}

fn serve(stage: &Stage, api: &str) -> Running {
    let flags = ["serve", "--state", "state", "--port", "0", "--api-url", api];
    Running::start(program(&stage.path(""), &flags).env("ORCHESTRATOR_LOG", "debug"))
}

/// Everything that must be shown nowhere, from where it is kept.
fn secrets(kept: &Path) -> Vec<String> {
    let kept: Value = serde_json::from_slice(&std::fs::read(kept).expect("kept")).expect("JSON");
    let key = kept["private_key"].as_str().expect("a key");
    let line = key.lines().nth(5).expect("a line of the key").to_owned();
    vec![line, "PRIVATE KEY".to_owned(), kept["webhook_secret"].as_str().expect("a secret").to_owned()]
}

/// Every field has a label, and the page has one heading, a language and its style.
fn is_accessible(browser: &mut Browser) -> bool {
    let labelled = "[...document.querySelectorAll('input:not([type=hidden])')].every(field => field.labels.length)";
    let named = "document.documentElement.lang === 'en' && document.querySelectorAll('h1').length === 1";
    let fits = "document.documentElement.scrollWidth <= window.innerWidth";
    // The style sheet is one that the policy lets in.
    let styled = "getComputedStyle(document.querySelector('main')).maxWidth !== 'none'";
    browser.value(&format!("{labelled} && {named} && {fits} && {styled}")) == true
}

#[test]
fn an_app_is_created_in_the_browser_installed_and_used_from_then_on() {
    let Some(chromium) = found() else { return };
    for organization in ["", "local"] {
        let stage = Stage::new(&[("a.txt", "a\n")]);
        stage.issues(&[issue(1, "Write a", "Files: a.txt")]);
        let forge = forge(&stage);
        let told: Value = serde_json::from_str(forge.out().lines().next().expect("a line")).expect("JSON");
        let address = |name: &str| told[name].as_str().expect("an address").to_owned();
        let mut server = serve(&stage, &address("api_url"));
        assert!(server.until("the page for that is on"), "{}", server.said());
        let entrance = server.out().lines().last().expect("a line").to_owned();
        let (own, token) = entrance.split_once("/setup?token=").expect("the printed address");

        let mut browser = Browser::start(&chromium);
        browser.open(&address("pages_url"));
        browser.open(&entrance);
        assert_eq!(browser.heading(), "Set up this server");
        assert!(is_accessible(&mut browser));
        assert!(!browser.text("location.href").contains("token"), "the address bar keeps no token");
        browser.picture("setup-1.png");
        browser.fill("organization", organization);
        browser.fill("address", own);
        browser.press("button");
        assert_eq!(browser.heading(), "Create the App at GitHub");
        assert!(is_accessible(&mut browser));
        browser.picture("setup-2.png");
        browser.press("button");
        assert_eq!(browser.heading(), "Create GitHub App", "{}", browser.source());
        let asked = browser.text("location.pathname");
        assert_eq!(asked.contains("/organizations/local/"), !organization.is_empty(), "{asked}");
        browser.press("button");
        assert_eq!(browser.heading(), "The App is created", "{}", browser.source());
        assert!(is_accessible(&mut browser));
        browser.picture("setup-3.png");
        let page = browser.source();

        let kept = stage.path("state/app.json");
        assert_eq!(std::fs::metadata(&kept).expect("kept").permissions().mode() & 0o777, 0o600);
        assert!(server.until("listening on http://"), "{}", server.said());
        browser.press("a.button");
        assert_eq!(browser.heading(), "Install task-orchestrator", "{}", browser.source());
        browser.press("button");
        assert!(browser.source().contains("Installed on"), "{}", browser.source());
        assert!(server.until("the repository is worked here"), "the webhook of the installation: {}", server.said());
        server.interrupt();
        let first = server.wait().expect(0);

        let mut second = serve(&stage, &address("api_url"));
        assert!(second.until("the repository is worked here"), "{}", second.said());
        second.interrupt();
        let second = second.wait().expect(0);
        assert_eq!(second.out, "", "nothing is set up a second time");
        for secret in secrets(&kept) {
            for text in [&page, &first.out, &first.err, &second.err] {
                assert!(!text.contains(&secret), "a secret is shown: {text}");
            }
        }
        assert!(!first.err.contains(token), "the log keeps no token");
    }
}

#[test]
fn a_set_up_that_is_stopped_leaves_nothing_and_ends_well() {
    let stage = Stage::new(&[("a.txt", "a\n")]);
    let mut server = serve(&stage, "http://127.0.0.1:1");
    assert!(server.until("the page for that is on"), "{}", server.said());
    let second = crate::program::run(&stage.path(""), &["serve", "--state", "state", "--port", "0"]);
    second.refused(2, &["another task-orchestrator works on state/set-up", "--state"]);
    server.interrupt();
    let ended = server.wait().expect(0);
    assert!(ended.out.contains("/setup?token="), "{}", ended.out);
    assert!(!stage.path("state/app.json").exists());
}

#[test]
fn what_was_kept_for_another_github_or_for_all_to_read_is_refused() {
    let stage = Stage::new(&[("a.txt", "a\n")]);
    std::fs::create_dir(stage.path("state")).expect("made");
    let text =
        r#"{"api_url": "https://git.example.com/api/v3", "app_id": 1, "private_key": "k", "webhook_secret": "s"}"#;
    let kept = stage.write("state/app.json", text);
    let serve = ["serve", "--state", "state", "--port", "0"];
    std::fs::set_permissions(&kept, std::fs::Permissions::from_mode(0o644)).expect("set");
    crate::program::run(&stage.path(""), &serve).refused(2, &["state/app.json", "chmod 600"]);
    std::fs::set_permissions(&kept, std::fs::Permissions::from_mode(0o600)).expect("set");
    crate::program::run(&stage.path(""), &serve).refused(2, &["https://git.example.com/api/v3", "--state"]);
    std::fs::write(&kept, text.replace("git.example.com/api/v3", "api.github.com")).expect("written");
    crate::program::run(&stage.path(""), &serve).refused(2, &["webhook secret is too short"]);
    let secret = stage.write("secret", "a secret that was changed at GitHub");
    let given = [&serve[..], &["--webhook-secret-file", secret.to_str().expect("text")]].concat();
    crate::program::run(&stage.path(""), &given).refused(2, &["state/app.json: ", "private key cannot be read"]);
    let public = [&serve[..], &["--public-url", "http://orchestrator.example.com"]].concat();
    crate::program::run(&stage.path(""), &public).refused(2, &["--public-url", "https://"]);
}
