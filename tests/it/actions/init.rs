//! `init`: the workflow files, written into a checkout.

use std::process::Command;

use crate::support::program::{PROGRAM, Stage, run};

fn init(stage: &Stage, more: &[&str]) -> Command {
    let mut command = Command::new(PROGRAM);
    command.current_dir(stage.checkout()).arg("init").args(more);
    command
}

fn names(stage: &Stage) -> Vec<String> {
    let folder = std::fs::read_dir(stage.path("checkout/.github/workflows")).expect("a folder");
    let mut names: Vec<String> =
        folder.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn it_says_what_it_wrote_and_writes_over_nothing_unasked() {
    let stage = Stage::new(&[("a.txt", "a\n")]);
    let said = |more: &[&str], code: i32, words: &[&str]| {
        let ended = run(&mut init(&stage, more)).expect(code);
        words.iter().for_each(|words| assert!(ended.out.contains(words), "{words}: {}", ended.out));
    };
    std::fs::create_dir_all(stage.path("checkout/.github")).expect("a folder");
    std::fs::write(stage.path("checkout/.github/orchestrator.yml"), "approval: label\n").expect("a file");
    let own = ["orchestrator-task.yml: written\n", "orchestrator.yml: is there and stays as it is\n"];
    said(&[], 0, &[&own[..], &[".github/workflows/task.yml: written\n"]].concat());
    assert_eq!(names(&stage), ["task.yml"]);
    // The task workflow of a plan without a server is another one.
    let new = ["orchestrate.yml: written\n", "orchestrate-heartbeat.yml: written\n"];
    said(&["--actions-native"], 2, &[&["task.yml: differs and was left alone"][..], &new].concat());
    let text = std::fs::read_to_string(stage.path("checkout/.github/workflows/task.yml")).expect("there");
    assert!(!text.contains("wake:"), "it was left alone");
    said(&["--actions-native", "--force"], 0, &["task.yml: written over\n", "orchestrate.yml: is as it should be\n"]);
    assert_eq!(names(&stage), ["orchestrate-heartbeat.yml", "orchestrate.yml", "task.yml"]);
    let told = run(&mut init(&stage, &["--actions-native", "--comments", "--json"])).expect(0);
    let told: serde_json::Value = serde_json::from_str(&told.out).expect("JSON");
    let states: Vec<&str> =
        told["files"].as_array().expect("files").iter().filter_map(|file| file["state"].as_str()).collect();
    assert_eq!(states, ["kept", "kept", "same", "same", "same", "new"]);
    let settings = std::fs::read_to_string(stage.path("checkout/.github/orchestrator.yml")).expect("there");
    assert_eq!(settings, "approval: label\n", "not even --force takes people's settings");
}

#[test]
fn what_was_asked_for_wrongly_is_said_with_what_to_write_instead() {
    let stage = Stage::new(&[("a.txt", "a\n")]);
    run(&mut init(&stage, &["--action", "acme/fork@v1"])).expect(2).says(&["--action", "40 digits of a commit"]);
    run(&mut init(&stage, &["--repo", ".."])).expect(2).says(&["is no checkout", "holds `.git`"]);
    run(&mut init(&stage, &["--comments"])).expect(2).says(&["--actions-native"]);
    assert!(!stage.path("checkout/.github").exists(), "nothing was written");
}
