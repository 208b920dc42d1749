//! The whole process tree killed with `kill -9`, again and again, at moments that the run itself tells: each restart
//! goes on, and the end is that of a run nobody disturbed.

use serde_json::Value;

use crate::support::program::undisturbed::differences;
use crate::support::program::{Running, Stage, full, issue, run};

const FILES: &[(&str, &str)] = &[("a.txt", "a\n"), ("b.txt", "b\n"), ("c.txt", "c\n"), ("d.txt", "d\n")];

/// When to kill.
#[derive(Clone, Copy, Debug)]
enum Moment {
    /// So many lines of this kind came from agents and checks of this start.
    Heard(&'static str, usize),
    /// A line with these words was printed.
    Said(&'static str),
}

const BEGIN: &str = "begin";
const END: &str = "end";
const CHECK: &str = "check";

const QUICK: &[Moment] = &[Moment::Heard(BEGIN, 2), Moment::Heard(CHECK, 1), Moment::Heard(END, 1)];
const FULL: &[Moment] = &[
    Moment::Said("Pages"),
    Moment::Said("Tracking issue"),
    Moment::Heard(BEGIN, 1),
    Moment::Heard(END, 1),
    Moment::Heard(END, 3),
    Moment::Heard(CHECK, 1),
    Moment::Said("merged"),
    Moment::Heard(CHECK, 2),
    Moment::Heard(BEGIN, 2),
    Moment::Heard(CHECK, 1),
];

/// How many tasks: enough that the last kill still meets work.
fn task_count() -> u64 {
    if full() { 24 } else { 8 }
}

/// Tasks over four files, every eighth on two of them.
fn issues() -> Vec<Value> {
    let file = |number: u64| ["a.txt", "b.txt", "c.txt", "d.txt"][usize::try_from(number % 4).expect("small")];
    let files =
        |number: u64| if number.is_multiple_of(8) { "a.txt, b.txt".to_owned() } else { file(number).to_owned() };
    (1..=task_count())
        .map(|number| issue(number, &format!("Task {number}"), &format!("Files: {}", files(number))))
        .collect()
}

#[test]
fn killed_again_and_again_a_run_comes_to_the_same_end() {
    comes_to_the_same_end(if full() { FULL } else { QUICK }, |_| {});
}

#[test]
fn with_its_database_deleted_at_each_kill_it_comes_to_the_same_end_from_github_alone() {
    comes_to_the_same_end(if full() { FULL } else { QUICK }, |stage| {
        let mut deleted = 0;
        for name in ["orchestrator.sqlite", "orchestrator.sqlite-wal", "orchestrator.sqlite-shm"] {
            deleted += usize::from(std::fs::remove_file(stage.state().join(name)).is_ok());
        }
        assert!(deleted > 0, "there was no database in {}", stage.state().display());
    });
}

/// Kills a run at each of these moments, does something to what it left, and looks at its end.
fn comes_to_the_same_end(moments: &[Moment], between: impl Fn(&Stage)) {
    let mut stage = Stage::new(FILES);
    let agent = stage.agent("sleep 0.2\ntouch_files\necho end >\"$folder/began\"");
    let check_command = format!("echo check >'{}'", stage.path("began").display());
    let flags = ["--auto-merge", "--merge-into", "agents", "--max-parallel", "4", "--check", &check_command];
    stage.issues(&issues());
    let mut heard: Vec<String> = Vec::new();
    for moment in moments {
        let mut running = Running::start(&mut stage.local(&agent, &flags));
        let reached = match moment {
            Moment::Heard(kind, count) => hear(&stage, &mut heard, kind, *count),
            Moment::Said(words) => running.until(words),
        };
        let ended = running.kill();
        ended.assert_calm();
        assert!(reached && ended.code.is_none(), "{moment:?} did not come; after {heard:?}:\n{}", ended.err);
        heard.extend(stage.began());
        between(&stage);
    }
    let ended = run(&mut stage.local(&agent, &flags)).expect(0);
    heard.extend(stage.began());
    heard.retain(|line| is(line, BEGIN));
    println!("killed {} times; {} attempts began", moments.len(), heard.len());
    assert_eq!(differences(&stage, "agents", &issues(), &ended.json(), &heard), Vec::<String>::new());
}

/// Listens until so many lines of a kind have come; `false`: nothing came any more.
fn hear(stage: &Stage, heard: &mut Vec<String>, kind: &str, count: usize) -> bool {
    let before = heard.len();
    while heard[before..].iter().filter(|line| is(line, kind)).count() < count {
        let Some(line) = stage.next_line() else { return false };
        heard.push(line);
    }
    true
}

/// Whether a line through the pipe is of this kind; an agent begins with `issue.attempt`.
fn is(line: &str, kind: &str) -> bool {
    if line.contains('.') { kind == BEGIN } else { line == kind }
}
