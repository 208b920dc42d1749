//! What the action's scripts do on a job's machine.

use std::path::Path;
use std::process::{Command, Output};

const INSTALL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/script/action-install");
const RUN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/script/action-run");
const RELEASE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/script/release-action");

/// A program of the folder `bin` that does what these lines say.
fn program(folder: &Path, name: &str, lines: &str) {
    use std::os::unix::fs::PermissionsExt as _;
    let bin = folder.join("bin");
    std::fs::create_dir_all(&bin).expect("made");
    std::fs::write(bin.join(name), format!("#!/bin/sh\n{lines}\n")).expect("written");
    std::fs::set_permissions(bin.join(name), std::fs::Permissions::from_mode(0o755)).expect("set");
}

fn script(folder: &Path, script: &str, variables: &[(&str, &str)]) -> Output {
    let path = format!("{}:{}", folder.join("bin").display(), std::env::var("PATH").expect("a path"));
    let mut command = Command::new("bash");
    command.arg(script).env_clear().env("PATH", path).current_dir(folder);
    for (name, file) in [("RUNNER_TEMP", "temp"), ("GITHUB_PATH", "path")] {
        command.env(name, folder.join(file));
    }
    for name in ["BINARY", "VERSION", "SHA256_X86_64", "SHA256_AARCH64", "REPOSITORY", "REF", "SERVER"] {
        command.env(name, "");
    }
    command.envs(variables.iter().copied()).output().expect("bash runs")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// A release as it would be downloaded, its digest, and a `curl` that hands it out.
fn released(folder: &Path) -> String {
    program(folder, "task-orchestrator", "echo released");
    let archive = folder.join("archive.tar.gz");
    let mut tar = Command::new("tar");
    tar.args(["--create", "--gzip", "--file"]).arg(&archive).arg("--directory").arg(folder.join("bin"));
    assert!(tar.arg("task-orchestrator").status().expect("tar runs").success());
    let copy = format!(
        "echo \"$@\" > '{}/asked'; while [ \"$1\" != --output ]; do shift; done; cp '{}' \"$2\"",
        folder.display(),
        archive.display()
    );
    program(folder, "curl", &copy);
    let digest = Command::new("sha256sum").arg(&archive).output().expect("sha256sum runs");
    String::from_utf8(digest.stdout).expect("text").split(' ').next().expect("a digest").to_owned()
}

#[test]
fn a_download_is_taken_by_its_digest_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let digest = released(folder.path());
    let installed = folder.path().join("temp/task-orchestrator/bin/task-orchestrator");
    let of = |digest: &str| {
        let place = [("REPOSITORY", "acme/fork"), ("SERVER", "https://github.example"), ("REF", "v1")];
        let digests = [("SHA256_X86_64", digest), ("SHA256_AARCH64", digest), ("VERSION", "1.2.3")];
        script(folder.path(), INSTALL, &[&place[..], &digests[..]].concat())
    };
    for wrong in ["", &digest.replace(|c: char| c.is_ascii_hexdigit(), "0")] {
        let refused = of(wrong);
        assert!(!refused.status.success() && said(&refused).contains("not the one that was released"), "{refused:?}");
        assert!(!installed.exists(), "nothing of it is put anywhere");
    }
    let taken = of(&digest);
    assert!(taken.status.success() && installed.exists(), "{}", said(&taken));
    let asked = std::fs::read_to_string(folder.path().join("asked")).expect("it was asked");
    assert!(asked.contains("https://github.example/acme/fork/releases/download/v1.2.3/task-orchestrator-1.2.3-"));
    assert!(asked.contains("--proto =https"), "{asked}");
    let path = std::fs::read_to_string(folder.path().join("path")).expect("written");
    assert_eq!(Path::new(path.trim()), installed.parent().expect("a folder"));
}

#[test]
fn a_program_that_is_there_already_is_taken_without_any_network() {
    let folder = tempfile::tempdir().expect("a folder");
    program(folder.path(), "own", "echo own");
    program(folder.path(), "curl", "exit 9");
    let own = folder.path().join("bin/own").display().to_string();
    let taken = script(folder.path(), INSTALL, &[("BINARY", &own), ("VERSION", "1.2.3")]);
    assert!(taken.status.success(), "{}", said(&taken));
    let installed = folder.path().join("temp/task-orchestrator/bin/task-orchestrator");
    let output = Command::new(installed).output().expect("it runs");
    assert_eq!(output.stdout, b"own\n");
    let missing = script(folder.path(), INSTALL, &[("BINARY", "/nowhere")]);
    assert!(!missing.status.success() && said(&missing).contains("/nowhere is no file"), "{}", said(&missing));
}

#[test]
fn inputs_become_flags_and_stay_one_argument_each() {
    let folder = tempfile::tempdir().expect("a folder");
    program(folder.path(), "task-orchestrator", r#"for argument; do printf '[%s]|' "$argument"; done"#);
    let of = |variables: &[(&str, &str)]| {
        let output = script(folder.path(), RUN, variables);
        let mut given: Vec<String> = said(&output).trim_end_matches('|').split('|').map(str::to_owned).collect();
        // Flags come in no order.
        let words = given.iter().take_while(|argument| !argument.starts_with("[--")).count();
        given.split_at_mut(words).1.sort();
        (output.status.code(), given.join(" "))
    };
    let handle = [("COMMAND", "handle"), ("FLAG_STAY", "2m"), ("FLAG_JSON", "true"), ("FLAG_STATE", "")];
    assert_eq!(of(&handle), (Some(0), "[handle] [--json] [--stay=2m]".to_owned()));
    let claim = [("COMMAND", "worker claim"), ("FLAG_KEY", "a b; $(c)\n--x"), ("FLAG_JSON", "false")];
    assert_eq!(of(&claim), (Some(0), "[worker] [claim] [--key=a b; $(c)\n--x]".to_owned()));
    for wrong in ["", "serve", "worker", "handle; rm -rf /"] {
        let (code, words) = of(&[("COMMAND", wrong)]);
        assert!(code == Some(2) && words.contains("write handle, wake"), "{wrong}: {words}");
    }
}

#[test]
fn a_release_writes_version_and_digests_into_the_action() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("action.yml");
    let before = include_str!("../../../action.yml");
    std::fs::write(&file, before).expect("written");
    let (one, other) = ("a".repeat(64), "b".repeat(64));
    let release = |arguments: [&str; 3]| {
        let mut command = Command::new("bash");
        command.arg(RELEASE).args(arguments).env("ACTION_FILE", &file).output().expect("bash runs")
    };
    assert!(release(["1.2.3", &one, &other]).status.success());
    let after = std::fs::read_to_string(&file).expect("there");
    let changed: Vec<&str> = after.lines().filter(|line| !before.contains(line)).map(str::trim).collect();
    let expected =
        ["VERSION: \"1.2.3\"".to_owned(), format!("SHA256_X86_64: \"{one}\""), format!("SHA256_AARCH64: \"{other}\"")];
    assert_eq!(changed, expected);
    for wrong in [["v1", one.as_str(), other.as_str()], ["1.2.3", "short", other.as_str()], ["1.2.3", &one, "|e id"]] {
        assert_eq!(release(wrong).status.code(), Some(2), "{wrong:?}");
    }
    assert_eq!(std::fs::read_to_string(&file).expect("there"), after, "nothing wrong is written");
}
