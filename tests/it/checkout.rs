//! What `local` finds in a checkout and does to it: branches in the way, a base that has moved on, a state folder
//! inside it.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::support::program::{PROGRAM, Running, Stage, commit, git, issue, run, task};

const FILES: &[(&str, &str)] = &[("a.txt", "a\n"), ("b.txt", "b\n")];
const FLAGS: &[&str] = &["--auto-merge", "--merge-into", "agents"];

fn one() -> [Value; 1] {
    [issue(1, "Write a", "Files: a.txt")]
}

/// Puts a branch at a new commit on top of `main`; nothing is checked out.
fn own_commit(stage: &Stage, branch: &str, message: &str) {
    let author = ["-c", "user.name=Tester", "-c", "user.email=tester@example.invalid"];
    let made = [&author[..], &["commit-tree", "main^{tree}", "-p", "main", "-m", message]].concat();
    let made = git(&stage.checkout(), &made);
    git(&stage.checkout(), &["update-ref", &format!("refs/heads/{branch}"), &made]);
}

fn has_branch(stage: &Stage, branch: &str) -> bool {
    !git(&stage.checkout(), &["branch", "--list", branch]).is_empty()
}

/// Does what the program told a person to do, as that person.
#[track_caller]
fn obey(said: &str, after: &str) {
    let line = said.lines().find_map(|line| line.split_once(after)).expect("it is said").1;
    let mut shell = Command::new("sh");
    shell.args(["-c", line]).env("GIT_TERMINAL_PROMPT", "0").env("GIT_EDITOR", "true");
    for role in ["AUTHOR", "COMMITTER"] {
        shell.env(format!("GIT_{role}_NAME"), "Tester").env(format!("GIT_{role}_EMAIL"), "tester@example.invalid");
    }
    let done = shell.output().expect("sh runs");
    assert!(done.status.success(), "{line}: {}", String::from_utf8_lossy(&done.stderr));
}

#[test]
fn a_branch_that_cannot_follow_is_two_at_the_first_start_and_at_later_ones() {
    let stage = Stage::new(FILES);
    let agent = stage.agent("touch_files");
    let state = stage.issues(&one()).state();
    for start in 1..=2 {
        own_commit(&stage, "agents", "Mine");
        let ended = run(&mut stage.local(&agent, FLAGS)).expect(2);
        let ended = ended.says(&["--merge-into agents", "1 commit ", "Mine", "another name"]);
        assert_eq!(state.exists(), start > 1, "{}", ended.err);
        obey(&ended.err, "out of the way: ");
        run(&mut stage.local(&agent, FLAGS)).expect(0);
        git(&stage.checkout(), &["branch", "-D", "agents-before"]);
        // Also where all was merged in an earlier start: the checkout has none of it.
        assert_eq!(stage.show("agents", "a.txt"), "a\nby issue 1");
    }
}

#[test]
fn a_branch_that_gets_commits_of_its_own_meanwhile_is_three_with_how_to_merge() {
    let stage = Stage::new(FILES);
    let mut gate = stage.gate("gate");
    let agent = stage.agent("read -r _ <\"$folder/gate\"\ntouch_files");
    let running = Running::start(&mut stage.issues(&one()).local(&agent, FLAGS));
    assert_eq!(stage.next_began(), "1.1");
    own_commit(&stage, "agents", "Mine");
    gate.open();
    let ended = running.wait().expect(3).says(&["branch agents", "left alone", "1 of 1 done"]);
    assert_eq!(task(&ended.json(), 1)["verdict"], "merged");
    obey(&ended.err, "To take the merged work over: ");
    assert_eq!(stage.show("agents", "a.txt"), "a\nby issue 1");
    assert!(git(&stage.checkout(), &["log", "--format=%s", "agents"]).contains("Mine"));
}

#[test]
fn before_anything_is_merged_there_is_no_branch_and_no_advice() {
    let stage = Stage::new(FILES);
    let config = stage.write("config.yml", "attempts: 1\n");
    let agent = stage.agent("exit 1");
    let mut command = stage.issues(&one()).local(&agent, FLAGS);
    let ended = run(command.arg("--config").arg(config)).expect(3);
    assert!(!has_branch(&stage, "agents"), "{}", ended.err);
    assert!(!ended.err.contains("merged work"), "{}", ended.err);
}

#[test]
fn a_state_in_the_checkout_is_not_seen_by_git() {
    let stage = Stage::new(FILES);
    let agent = stage.agent("touch_files");
    stage.issues(&one());
    for _ in 0..2 {
        let mut command = Command::new(PROGRAM);
        command.args(["local", "--agent", "shell", "--agent-command", &agent, "--auto-approve", "--auto-merge"]);
        command.args(["--repo", ".", "--state", ".state"]).current_dir(stage.checkout());
        let ended = run(command.arg("--issues").arg(stage.path("issues.json"))).expect(0);
        assert!(!ended.err.contains("not committed"), "{}", ended.err);
        assert_eq!(git(&stage.checkout(), &["status", "--porcelain"]), "");
    }
}

fn short(folder: &Path, commit: &str) -> String {
    git(folder, &["rev-parse", commit])[..7].to_owned()
}

#[test]
fn what_the_base_does_not_have_is_counted_at_each_start_with_a_remedy_that_works() {
    let stage = Stage::new(FILES);
    let agent = stage.agent("touch_files");
    let checkout = stage.checkout();
    let first = run(&mut stage.issues(&one()).local(&agent, &["--auto-merge"])).expect(0);
    let first = first.says(&[&format!("Base: main at {}\n", short(&checkout, "main"))]);
    assert!(!first.err.contains("ahead"), "{}", first.err);
    std::fs::write(checkout.join("new.txt"), "new\n").expect("written");
    git(&checkout, &["add", "new.txt"]);
    commit(&checkout, "Mine");
    commit(&checkout, "Mine, too");
    git(&checkout, &["branch", "other"]);
    let second = run(&mut stage.local(&agent, &["--auto-merge"])).expect(0);
    let second = second.says(&["`main` is 2 commits ahead of the base of this state", "--state DIR"]);
    obey(&second.err, "once this has ended: ");
    stage.issues(&[one()[0].clone(), issue(2, "Write new", "Files: new.txt")]);
    let third = run(&mut stage.local(&agent, FLAGS)).expect(0);
    let third = third.says(&[&format!("Base: main at {}\n", short(&checkout, "main"))]);
    assert!(!third.err.contains("ahead"), "{}", third.err);
    assert_eq!(stage.show("agents", "new.txt"), "new\nby issue 2");
    git(&checkout, &["checkout", "--quiet", "other"]);
    run(&mut stage.local(&agent, &["--auto-merge"])).expect(0).says(&["`other` is checked out", "goes on from `main`"]);
}

#[test]
fn branches_that_another_state_has_left_are_told_once_and_left_alone() {
    let stage = Stage::new(FILES);
    let agent = stage.agent("touch_files");
    ["orchestrate/issue-1", "orchestrate/issue-2"].iter().for_each(|name| own_commit(&stage, name, "Theirs"));
    let heads = || ["orchestrate/issue-1", "orchestrate/issue-2"].map(|name| short(&stage.checkout(), name));
    let before = heads();
    let issues = [one()[0].clone(), issue(2, "Write b", "Files: b.txt"), issue(3, "Write both", "Files: c.txt")];
    let ended = run(&mut stage.issues(&issues).local(&agent, FLAGS)).expect(0);
    let told: Vec<&str> = ended.err.lines().filter(|line| line.contains("not of this state")).collect();
    let [line] = told.as_slice() else { panic!("one line: {told:#?}") };
    let named = [format!("#1 (at {})", before[0]), format!("#2 (at {})", before[1]), "branch -D".to_owned()];
    assert!(named.iter().all(|words| line.contains(words)) && !line.contains("#3"), "{line}");
    assert_eq!(heads(), before);
    assert!(has_branch(&stage, "orchestrate/issue-3"));
}

#[test]
fn issues_that_come_later_find_their_numbers_free() {
    let stage = Stage::new(FILES);
    let agent = stage.agent("touch_files");
    let first = run(&mut stage.issues(&one()).local(&agent, FLAGS)).expect(0).json();
    assert_eq!((&first["tracking_issue"], &task(&first, 1)["pr"]), (&1_001.into(), &1_002.into()));
    let later = [one()[0].clone(), issue(2, "Write b", "Files: b.txt"), issue(3, "Write a again", "Files: a.txt")];
    let ended = run(&mut stage.issues(&later).local(&agent, FLAGS)).expect(0).says(&["2 new issues"]);
    let second = ended.json();
    assert!((2..=3).all(|number| task(&second, number)["verdict"] == "merged"), "{second:#}");
    assert_eq!(stage.show("agents", "a.txt"), "a\nby issue 1\nby issue 3");
}

#[test]
fn what_needs_a_person_is_told_without_waiting_for_the_heartbeat() {
    let stage = Stage::new(FILES);
    let config = stage.write("config.yml", "heartbeat: 6h\n");
    let agent = stage.agent("touch_files");
    let mut command = stage.issues(&one()).local(&agent, &[]);
    run(command.arg("--config").arg(config)).expect(3).says(&["pull request #1002"]);
}
