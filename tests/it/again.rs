//! `local` started again with another issues file, and issues that the file does not hold.

use std::process::Command;

use crate::support::program::{PROGRAM, Stage, issue, outcomes, run, task};

const FILES: &[(&str, &str)] = &[("a.txt", "a\n"), ("b.txt", "b\n"), ("c.txt", "c\n")];

#[test]
fn new_issues_and_edited_texts_are_taken_over_and_said() {
    let stage = Stage::new(FILES);
    let agent = stage.agent("touch_files");
    let first = issue(1, "Write a", "Files: a.txt");
    let waiting = issue(2, "Write b", "Files: b.txt\nDepends on: #1");
    run(&mut stage.issues(&[first.clone(), waiting]).local(&agent, &[])).expect(3);
    // By now #1001 is the tracking issue and #1002 a pull request.
    let edited = issue(2, "Write c", "Files: c.txt\nDepends on: #1");
    let issues = [first, edited, issue(1_002, "Another", "Files: a.txt"), issue(9, "Write b", "Files: b.txt")];
    let flags = ["--auto-merge", "--merge-into", "agents"];
    let ended = run(&mut stage.issues(&issues).local(&agent, &flags)).expect(0);
    let ended = ended.says(&["1 new issue, 1 edited", "not taken over from the issues file: #1002"]);
    let summary = ended.json();
    for number in [1, 2, 9] {
        assert_eq!(task(&summary, number)["verdict"], "merged", "#{number}");
        assert_eq!(outcomes(task(&summary, number)), ["changed"], "#{number}");
    }
    assert_eq!(stage.show("agents", "c.txt"), "c\nby issue 2");
    assert_eq!(stage.show("agents", "b.txt"), "b\nby issue 9");
    let third = run(&mut stage.local(&agent, &flags)).expect(0);
    assert!(!third.err.contains("Taken over"), "{}", third.err);
    // A plan that has ended is followed by another.
    let fourth = run(&mut stage.issues(&[issue(30, "Once more", "Files: c.txt")]).local(&agent, &flags)).expect(0);
    assert_eq!(task(&fourth.says(&["1 new issue, 0 edited"]).json(), 30)["verdict"], "merged");
}

#[test]
fn a_dependency_that_is_not_in_the_file_is_closed_below_its_highest_number_and_named_above() {
    let stage = Stage::new(FILES);
    let agent = stage.agent("touch_files");
    let issues = [
        issue(3, "Write a", "Files: a.txt\nDepends on: #2\nValidate: test -f a.txt"),
        issue(4, "Write b", "Files: b.txt\nDepends on: #50"),
    ];
    let said = ["#2 is not in the issues file: taken as closed", "#50 is not in the issues file (did gh cut the list?"];
    let ended = run(&mut stage.issues(&issues).local(&agent, &["--auto-merge"])).expect(3).says(&said);
    assert_eq!(task(&ended.json(), 3)["verdict"], "merged");
    let mut command = Command::new(PROGRAM);
    command.args(["plan", "--repo"]).arg(stage.checkout()).arg("--issues").arg(stage.path("issues.json"));
    let planned = run(&mut command).expect(0).says(&said);
    assert!(planned.out.contains("#4 depends on #50") && !planned.out.contains("depends on #2"), "{}", planned.out);
    assert!(planned.out.contains("starts with t3") && planned.out.contains("runs `test -f a.txt`"), "{}", planned.out);
}
