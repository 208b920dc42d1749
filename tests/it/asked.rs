//! The question for approval that `local` puts on a terminal: yes, no, and Ctrl-C.

use std::process::Command;

use crate::support::program::terminal::{self, CONTROL_C, Terminal};
use crate::support::program::{PROGRAM, Stage, commit, git, issue, run};

const FILES: &[(&str, &str)] = &[("a.txt", "a\n"), ("b.txt", "b\n")];
const QUESTION: &str = "Approve all 2 texts as they stand and begin? [y/N] ";
const FLAGS: &[&str] = &["--auto-merge", "--merge-into", "agents"];

/// Two tasks on files of their own, and `local` on a terminal, at its question.
fn at_the_question(stage: &Stage, agent: &str) -> Terminal {
    stage.issues(&[issue(1, "Write a", "Files: a.txt"), issue(2, "Write b", "Files: b.txt")]);
    let mut terminal = Terminal::start(&stage.local_that_asks(agent, FLAGS), &stage.path(""));
    for shown in ["t1 Write a", "a.txt", "t2 Write b", "b.txt", QUESTION] {
        terminal.until(shown);
    }
    terminal
}

#[test]
fn after_a_yes_everything_is_done() {
    if !terminal::can_be_made() {
        return;
    }
    let mut stage = Stage::new(FILES);
    let agent = stage.agent("touch_files");
    let mut terminal = at_the_question(&stage, &agent);
    assert_eq!(stage.began(), Vec::<String>::new(), "nothing begins before the answer");
    terminal.press("y\n");
    let (code, shown) = terminal.end();
    assert_eq!(code, Some(0), "{shown}");
    assert!(shown.contains("2 of 2 done"), "{shown}");
    assert_eq!(stage.show("agents", "b.txt"), "b\nby issue 2");
}

#[test]
fn after_a_no_nothing_begins_and_the_next_start_asks_again() {
    if !terminal::can_be_made() {
        return;
    }
    let mut stage = Stage::new(FILES);
    let agent = stage.agent("touch_files");
    for answer in ["n\n", "\n", "never\n"] {
        let mut terminal = at_the_question(&stage, &agent);
        terminal.press(answer);
        terminal.until("Nothing is started; approve in the pages, or end with Ctrl-C.");
        terminal.press(CONTROL_C);
        let (code, shown) = terminal.end();
        assert_eq!(code, Some(130), "after {answer:?}: {shown}");
        assert!(shown.contains("0 of 2 done") && shown.contains("Stopped. To go on: "), "{shown}");
        assert_eq!(stage.began(), Vec::<String>::new(), "after {answer:?}");
    }
    let mut terminal = at_the_question(&stage, &agent);
    terminal.press("yes\n");
    assert_eq!(terminal.end().0, Some(0));
}

#[test]
fn ctrl_c_at_the_question_ends_with_how_to_go_on() {
    if !terminal::can_be_made() {
        return;
    }
    let mut stage = Stage::new(FILES);
    let agent = stage.agent("touch_files");
    let mut terminal = at_the_question(&stage, &agent);
    terminal.press(CONTROL_C);
    let (code, shown) = terminal.end();
    assert_eq!(code, Some(130), "{shown}");
    let state = stage.state().display().to_string();
    assert!(shown.contains("Stopped. To go on: ") && shown.contains(&state), "{shown}");
    assert_eq!(stage.began(), Vec::<String>::new());
    // The same plan, where nobody can be asked: what was not approved is not begun, and the flag is named.
    run(&mut stage.local_that_asks(&agent, FLAGS)).expect(2).says(&["--auto-approve"]);
    assert_eq!(stage.began(), Vec::<String>::new());
}

#[test]
fn a_checkout_cannot_approve_itself_and_the_question_names_what_it_would_run() {
    if !terminal::can_be_made() {
        return;
    }
    let mut stage = Stage::new(FILES);
    let agent = stage.agent("touch_files");
    std::fs::create_dir(stage.checkout().join(".github")).expect("made");
    let own = serde_json::json!({"approval": "label", "agent": "shell", "agent_command": agent, "setup": ["true"]});
    std::fs::write(stage.checkout().join(".github/orchestrator.yml"), own.to_string()).expect("written");
    git(&stage.checkout(), &["add", ".github"]);
    commit(&stage.checkout(), "Its own configuration");
    stage.issues(&[issue(1, "Write a", "Files: a.txt"), issue(2, "Write b", "Files: b.txt")]);
    let mut command = Command::new(PROGRAM);
    command.args(["local", "--auto-merge"]).arg("--repo").arg(stage.checkout()).arg("--state").arg(stage.state());
    command.arg("--issues").arg(stage.path("issues.json"));
    run(&mut command).expect(2).says(&["nothing is approved yet", "--auto-approve"]);
    assert!(!stage.state().exists());
    let mut terminal = Terminal::start(&command, &stage.path(""));
    for shown in
        ["t1 Write a", "Agent: shell, `sh", "(from the checkout's own file", "Before the agent: `true`", QUESTION]
    {
        terminal.until(shown);
    }
    assert_eq!(stage.began(), Vec::<String>::new());
    terminal.press("y\n");
    assert_eq!(terminal.end().0, Some(0));
    let ended = run(command.arg("--auto-approve")).expect(0);
    ended.says(&["Agent: shell, `sh", "(from the checkout's own file"]);
}
