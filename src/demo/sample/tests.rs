//! The sample project and its agent, run for real: every change within its files, every check green.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use super::*;

/// The project in a folder of its own, with a folder beside it for tasks and reports.
struct Stockroom {
    folder: tempfile::TempDir,
}

impl Stockroom {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a scratch folder");
        for (path, text) in FILES {
            let path = folder.path().join("tree").join(path);
            std::fs::create_dir_all(path.parent().expect("a file has a folder")).expect("the folder is made");
            std::fs::write(path, text).expect("the file is written");
        }
        std::fs::write(folder.path().join("agent.sh"), AGENT).expect("the agent is written");
        Self { folder }
    }

    fn tree(&self) -> std::path::PathBuf {
        self.folder.path().join("tree")
    }

    /// The agent, ready to start on an issue.
    fn agent(&self, issue: u64, previous_errors: &[&str]) -> Command {
        let task = self.folder.path().join("task.json");
        let report = self.folder.path().join("report.json");
        let text = serde_json::json!({
            "id": format!("t{issue}"), "issue": issue, "title": "a \"title\"", "body": "{\"issue\": 77} but got",
            "files": [], "attempt": 1, "previous_errors": previous_errors,
        });
        std::fs::write(&task, text.to_string()).expect("the task is written");
        if report.exists() {
            std::fs::remove_file(&report).expect("the old report goes");
        }
        let mut command = Command::new("sh");
        command.arg(self.folder.path().join("agent.sh")).current_dir(self.tree()).env("STOCKROOM_PACE", "0");
        command.env("ORCHESTRATOR_TASK", task).env("ORCHESTRATOR_REPORT", report).stdin(Stdio::null());
        command
    }

    fn solve(&self, issue: u64, previous_errors: &[&str]) -> (Output, serde_json::Value) {
        let output = self.agent(issue, previous_errors).output().expect("sh runs");
        let report = std::fs::read(self.folder.path().join("report.json")).expect("a report");
        (output, serde_json::from_slice(&report).expect("the report is JSON"))
    }

    fn check(&self) -> String {
        let output = Command::new("sh").args(["-c", CHECK]).current_dir(self.tree()).output().expect("sh runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Every file with its text, but what the project's .gitignore names.
    fn files(&self) -> BTreeMap<String, String> {
        let mut files = BTreeMap::new();
        read_folder(&self.tree(), "", &mut files);
        files
    }
}

fn read_folder(folder: &Path, prefix: &str, files: &mut BTreeMap<String, String>) {
    for entry in std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry")) {
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.path().is_dir() && name != ".stockroom" {
            read_folder(&entry.path(), &format!("{name}/"), files);
        } else if entry.path().is_file() {
            files.insert(name, std::fs::read_to_string(entry.path()).expect("text"));
        }
    }
}

fn issues() -> Vec<serde_json::Value> {
    serde_json::from_str(ISSUES).expect("the issues are JSON")
}

/// The paths an issue names in its text.
fn named(issue: u64) -> BTreeSet<String> {
    let issues = issues();
    let issue = issues.iter().find(|candidate| candidate["number"] == issue).expect("the issue");
    let body = issue["body"].as_str().expect("a body");
    let words = body.split(|c: char| c.is_whitespace() || c == '`' || c == ',').map(|word| word.trim_end_matches('.'));
    words.filter(|word| word.contains('/')).map(str::to_owned).collect()
}

/// Starts issue 7, waits until it falls silent, and ends it as the watchdog does.
fn stall(stockroom: &Stockroom) {
    let mut child = stockroom.agent(7, &[]).stdout(Stdio::piped()).spawn().expect("sh runs");
    let lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    let silent = lines.map(|line| line.expect("text")).any(|line| line == "waiting for a reply");
    child.kill().expect("the agent can be ended");
    child.wait().expect("the agent ended");
    assert!(silent, "issue 7 did not fall silent");
}

#[test]
fn every_issue_is_solved_within_its_files_and_the_checks_stay_green() {
    for order in [[1, 2, 3, 4, 5, 6, 7, 10, 12, 13, 14, 15, 16, 17], [4, 3, 2, 1, 15, 14, 7, 6, 5, 13, 12, 10, 17, 16]]
    {
        let stockroom = Stockroom::new();
        stockroom.check();
        for issue in order {
            let before = stockroom.files();
            let errors: &[&str] = if issue == 5 { &["expected: low: 103\n but got: "] } else { &[] };
            if issue == 7 {
                stall(&stockroom);
            }
            let (output, report) = stockroom.solve(issue, errors);
            assert!(output.status.success(), "#{issue}: {}", String::from_utf8_lossy(&output.stdout));
            assert_eq!(report["outcome"], "changed", "#{issue}");
            let after = stockroom.files();
            let touched: BTreeSet<String> = after
                .iter()
                .filter(|(path, text)| before.get(*path) != Some(text))
                .map(|(path, _)| path.clone())
                .collect();
            assert!(!touched.is_empty(), "#{issue} changed nothing");
            let declared = named(issue);
            if [14, 15].contains(&issue) {
                assert!(declared.is_empty() && touched.contains(COMMON_FILE), "#{issue}: {touched:?}");
                continue;
            }
            let outside: Vec<_> = touched.difference(&declared).filter(|_| ![6, 16, 17].contains(&issue)).collect();
            assert!(outside.is_empty(), "#{issue} touched {outside:?}");
            stockroom.check();
        }
        stockroom.check();
    }
}

#[test]
fn issues_16_and_17_keep_both_lines_of_a_conflict_in_the_readme() {
    for issue in [16, 17] {
        let stockroom = Stockroom::new();
        let readme = stockroom.tree().join("README.md");
        let text = "# Stockroom\n<<<<<<< HEAD\nmine\n=======\ntheirs\n>>>>>>> base\n";
        std::fs::write(&readme, text).expect("the file is written");
        let (_, report) = stockroom.solve(issue, &[]);
        assert_eq!(report["outcome"], "changed", "#{issue}");
        assert_eq!(stockroom.files()["README.md"], "# Stockroom\nmine\ntheirs\n", "#{issue}");
    }
}

#[test]
fn issue_5_fails_without_its_error_and_succeeds_with_it() {
    let (output, report) = Stockroom::new().solve(5, &[]);
    assert!(!output.status.success());
    let reason = report["reason"].as_str().expect("a reason").to_owned();
    assert!(reason.contains("but got"), "{reason}");
    let (output, report) = Stockroom::new().solve(5, &[&reason]);
    assert!(output.status.success());
    assert_eq!(report["outcome"], "changed");
}

#[test]
fn issue_8_fails_however_often_issue_11_needs_no_change_and_others_are_refused() {
    let stockroom = Stockroom::new();
    let before = stockroom.files();
    for (issue, outcome) in [(8, "failed"), (8, "failed"), (11, "no_change"), (99, "failed")] {
        let (output, report) = stockroom.solve(issue, &[]);
        assert_eq!(report["outcome"], outcome, "#{issue}");
        assert_eq!(output.status.success(), outcome == "no_change", "#{issue}");
    }
    assert_eq!(stockroom.files(), before);
}

#[test]
fn the_story_has_its_parts() {
    let issues = issues();
    assert!(issues.len() >= 10);
    assert!(issues.iter().all(|issue| issue["labels"][0]["name"] == "orchestrate"));
    for (one, other) in [(2, 4), (10, 12)] {
        assert!(!named(one).is_disjoint(&named(other)), "#{one} and #{other} share no file");
    }
    let text =
        |number: u64| issues.iter().find(|issue| issue["number"] == number).expect("the issue")["body"].to_string();
    assert!(text(5).contains("Depends on: #2") && text(9).contains("Depends on: #8"));
    assert!(text(8).contains("On fail: continue"));
}
