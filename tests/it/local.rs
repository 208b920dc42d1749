//! `local` as people run it: exit codes, what it says and prints, what it does to the checkout, and how it goes on.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::support::program::{PROGRAM, Running, Stage, git, issue, most_at_once, outcomes, run, spans, task};

/// Two files that two tasks can work on at once, and one that both need.
const FILES: &[(&str, &str)] = &[("a.txt", "a\n"), ("b.txt", "b\n"), ("c.txt", "c\n")];

/// Two tasks on files of their own.
fn two() -> [Value; 2] {
    [issue(1, "Write a", "Files: a.txt"), issue(2, "Write b", "Files: b.txt")]
}

/// All references of the checkout, by name.
fn references(stage: &Stage) -> BTreeSet<String> {
    let names = git(&stage.checkout(), &["for-each-ref", "--format=%(refname)"]);
    names.lines().map(str::to_owned).collect()
}

/// What the checkout's owner sees of it: HEAD, index, work tree, the commit.
fn sight(stage: &Stage) -> [String; 4] {
    let checkout = stage.checkout();
    let index = std::fs::read(checkout.join(".git/index")).expect("read");
    let files = git(&checkout, &["ls-files", "--stage"]);
    [
        std::fs::read_to_string(checkout.join(".git/HEAD")).expect("read"),
        format!("{} {files}", index.len()),
        git(&checkout, &["status", "--porcelain"]),
        git(&checkout, &["rev-parse", "main"]),
    ]
}

#[test]
fn all_merged_is_zero_and_only_new_branches_come_to_the_checkout() {
    let stage = Stage::new(FILES);
    std::fs::write(stage.checkout().join("a.txt"), "not committed\n").expect("written");
    let agent = stage.agent("touch_files");
    let before = sight(&stage);
    let ended = run(&mut stage.issues(&two()).local(&agent, &["--auto-merge", "--merge-into", "agents"])).expect(0);
    let ended = ended.says(&["not committed", "2 of 2 done", "Tracking issue: http://127.0.0.1:"]);
    assert_eq!(sight(&stage), before);
    assert_eq!(std::fs::read_to_string(stage.checkout().join("a.txt")).expect("read"), "not committed\n");
    let expected = ["agents", "main", "orchestrate/issue-1", "orchestrate/issue-2"];
    let expected: BTreeSet<String> = expected.iter().map(|name| format!("refs/heads/{name}")).collect();
    assert_eq!(references(&stage), expected);
    assert_eq!(stage.show("agents", "a.txt"), "a\nby issue 1");
    assert_eq!(stage.show("agents", "b.txt"), "b\nby issue 2");
    shape(&ended.json());
}

/// The object that `--json` promises, key by key.
fn shape(summary: &Value) {
    let keys = |value: &Value| value.as_object().expect("an object").keys().cloned().collect::<BTreeSet<_>>();
    let expected = ["phases", "tasks", "tracking_issue", "makespan_s", "critical_path_s", "parallelism"];
    assert_eq!(keys(summary), expected.map(str::to_owned).into());
    let promised =
        ["id", "issue", "status", "verdict", "attempts", "files_predicted", "files_touched", "pr", "blocked_by"];
    let expected: BTreeSet<String> = promised.into_iter().chain(["title", "settled_at"]).map(str::to_owned).collect();
    for task in summary["tasks"].as_array().expect("tasks") {
        assert_eq!(keys(task), expected, "{task:#}");
        for attempt in task["attempts"].as_array().expect("attempts") {
            assert_eq!(keys(attempt), ["n", "outcome", "started_at", "ended_at"].map(str::to_owned).into());
        }
    }
    let one = task(summary, 1);
    assert_eq!((&one["id"], &one["status"], &one["verdict"]), (&"t1".into(), &"merged".into(), &"merged".into()));
    assert_eq!((&one["files_predicted"][0], &one["files_touched"][0]), (&"a.txt".into(), &"a.txt".into()));
    assert_eq!((outcomes(one), &one["attempts"][0]["n"]), (vec!["changed"], &1.into()));
    assert_eq!(summary["tracking_issue"], 1_001);
    assert!(summary["makespan_s"].as_f64().expect("a number") > 0.0);
    assert!(spans(one).iter().all(|(start, end)| start <= end));
}

#[test]
fn a_task_without_attempts_left_is_three_and_named_with_its_dependents() {
    let stage = Stage::new(FILES);
    let config = stage.write("config.yml", "attempts: 2\nbackoff: 100ms\n");
    let agent = stage.agent("if [ \"$issue\" = 1 ]; then echo 'no way at all' >&2; exit 1; fi\ntouch_files");
    let issues = [
        issue(1, "Impossible", "Files: a.txt\n\nOn fail: continue"),
        issue(2, "Possible", "Files: b.txt"),
        issue(3, "After the impossible", "Files: c.txt\nDepends on: #1"),
    ];
    let mut command = stage.issues(&issues).local(&agent, &["--auto-merge"]);
    let ended = run(command.arg("--config").arg(config)).expect(3);
    let ended = ended.says(&["1 of 3 done", "#1 Impossible: error", "no attempts left", "waits for #1", "git -C"]);
    let summary = ended.json();
    let impossible = task(&summary, 1);
    assert_eq!((&impossible["verdict"], outcomes(impossible)), (&"escalated".into(), vec!["failed", "failed"]));
    assert_eq!(task(&summary, 2)["verdict"], "merged");
    assert_eq!(task(&summary, 3)["blocked_by"][0], "t1");
}

#[test]
fn open_pull_requests_are_three_and_listed_and_a_second_start_merges_them() {
    let mut stage = Stage::new(FILES);
    let agent = stage.agent("touch_files");
    let ended = run(&mut stage.issues(&two()).local(&agent, &[])).expect(3);
    let first = ended.json();
    let pulls = [task(&first, 1)["pr"].clone(), task(&first, 2)["pr"].clone()];
    for (at, pull) in pulls.iter().enumerate() {
        assert!(ended.err.contains(&format!(": pr_open · pull request #{pull}")), "#{}: {}", at + 1, ended.err);
    }
    let second = run(&mut stage.local(&agent, &["--auto-merge", "--merge-into", "agents"])).expect(0).json();
    assert_eq!([task(&second, 1)["pr"].clone(), task(&second, 2)["pr"].clone()], pulls);
    assert_eq!(stage.show("agents", "b.txt"), "b\nby issue 2");
    let third = run(&mut stage.local(&agent, &["--auto-merge"])).expect(0).json();
    assert_eq!(third["tasks"], second["tasks"]);
    let mut began = stage.began();
    began.sort();
    assert_eq!(began, ["1.1", "2.1"]);
}

#[test]
fn a_red_check_is_retried_with_its_log_under_the_same_pull_request() {
    let stage = Stage::new(FILES);
    let config = stage.write("config.yml", "backoff: 100ms\n");
    let agent = stage.agent(
        "word=wrong\nif grep -q 'a.txt must not say wrong' \"$ORCHESTRATOR_TASK\"; then word=right; fi\n\
         echo \"$word\" >a.txt",
    );
    let check = "if grep -q wrong a.txt; then echo 'a.txt must not say wrong'; exit 1; fi";
    let flags = ["--auto-merge", "--merge-into", "agents", "--check", check];
    let mut command = stage.issues(&[issue(1, "Write a", "Files: a.txt")]).local(&agent, &flags);
    let summary = run(command.arg("--config").arg(config)).expect(0).json();
    let task = task(&summary, 1);
    // The tracking issue has the first of the forge's own numbers: no other pull request came before.
    assert_eq!((outcomes(task), &task["pr"]), (vec!["red", "changed"], &1_002.into()));
    assert_eq!(stage.show("agents", "a.txt"), "right");
}

#[test]
fn max_parallel_holds_and_overlap_off_orders_by_dependencies_alone() {
    for (flags, most) in
        [(["--max-parallel", "2", "--overlap", "off"], 2), (["--max-parallel", "8", "--overlap", "off"], 3)]
    {
        let stage = Stage::new(FILES);
        // Nobody ends before as many are at work as may be: the gate opens for all once that many have begun.
        let mut gate = stage.gate("gate");
        let agent = stage.agent("read -r _ <\"$folder/gate\"\ntouch_files");
        let same: Vec<Value> = (1..=3).map(|n| issue(n, &format!("Task {n}"), "Files: a.txt")).collect();
        let apart = ["a.txt", "b.txt", "c.txt"].iter().zip(1..);
        let apart: Vec<Value> = apart.map(|(file, n)| issue(n, "Task", &format!("Files: {file}"))).collect();
        let issues = if most == 3 { same } else { apart };
        let running = Running::start(&mut stage.issues(&issues).local(&agent, &flags));
        let mut began: BTreeSet<String> = (0..most).map(|_| stage.next_began()).collect();
        (0..3).for_each(|_| gate.open());
        began.extend((most..3).map(|_| stage.next_began()));
        let ended = running.wait().expect(3);
        assert_eq!(began, ["1.1", "2.1", "3.1"].map(str::to_owned).into());
        assert_eq!(most_at_once(&ended.json()), most, "{}", ended.err);
    }
}

#[test]
fn one_file_is_one_at_a_time() {
    let stage = Stage::new(FILES);
    let agent = stage.agent("touch_files");
    let issues: Vec<Value> = (1..=3).map(|n| issue(n, &format!("Task {n}"), "Files: a.txt")).collect();
    let flags = ["--max-parallel", "8", "--auto-merge", "--merge-into", "agents"];
    let ended = run(&mut stage.issues(&issues).local(&agent, &flags)).expect(0);
    let summary = ended.json();
    assert_eq!(most_at_once(&summary), 1, "{}", ended.err);
    assert!((1..=3).all(|n| outcomes(task(&summary, n)) == ["changed"]), "no attempt met a conflict: {summary:#}");
    let mut lines: Vec<String> = stage.show("agents", "a.txt").lines().map(str::to_owned).collect();
    lines.sort();
    assert_eq!(lines, ["a", "by issue 1", "by issue 2", "by issue 3"]);
}

#[test]
fn after_ctrl_c_the_same_command_goes_on() {
    let mut stage = Stage::new(FILES);
    let mut gate = stage.gate("gate");
    // The agent of #2 comes to its end in the second start only.
    let agent = stage.agent(
        "if [ \"$issue\" = 2 ] && [ ! -e \"$folder/second\" ]; then read -r _ <\"$folder/gate\"; fi\ntouch_files",
    );
    let flags = ["--auto-merge", "--merge-into", "agents"];
    let mut running = Running::start(&mut stage.issues(&two()).local(&agent, &flags));
    let mut began: Vec<String> = (0..2).map(|_| stage.next_began()).collect();
    running.interrupt();
    assert!(running.until("Stopping") && running.said().contains("The same command goes on: "), "{}", running.said());
    let ended = running.wait().expect(130);
    let state = stage.state().display().to_string();
    let ended = ended.says(&["Stopped. To go on: ", "--state", &state, "--merge-into agents"]);
    let first = ended.json();
    assert!((1..=2).any(|n| task(&first, n)["verdict"].is_null()), "{first:#}");
    stage.write("second", "");
    gate.open();
    let summary = run(&mut stage.local(&agent, &flags)).expect(0).json();
    assert!((1..=2).all(|n| task(&summary, n)["verdict"] == "merged"));
    began.extend(stage.began());
    let unique: BTreeSet<&String> = began.iter().collect();
    assert_eq!(unique.len(), began.len(), "an attempt ran twice: {began:?}");
    let ours = git(&stage.checkout(), &["log", "--format=%s", "--no-merges", "main..agents"]);
    assert_eq!(ours.lines().count(), 2, "each task's work came in once:\n{ours}");
}

#[test]
fn an_unknown_key_is_two_with_line_and_column_and_nothing_is_started() {
    let stage = Stage::new(FILES);
    let config = stage.write("config.yml", "label: x\nmax_parallell: 3\n");
    let agent = stage.agent("touch_files");
    let mut command = stage.issues(&two()).local(&agent, &[]);
    let ended = run(command.arg("--config").arg(&config)).expect(2);
    let place = format!("{}: line 2, column 1", config.display());
    ended.says(&[&place, "max_parallell", "did you mean `max_parallel`"]);
    assert!(!stage.state().exists());
}

#[test]
fn a_state_folder_of_another_checkout_of_the_same_name_is_two_and_names_both() {
    let (one, other) = (Stage::new(FILES), Stage::new(FILES));
    let agent = one.agent("touch_files");
    run(&mut one.issues(&two()).local(&agent, &["--auto-merge"])).expect(0);
    let mut command = std::process::Command::new(PROGRAM);
    command.args(["local", "--auto-approve", "--agent", "shell", "--agent-command", &agent]);
    command.arg("--repo").arg(other.checkout()).arg("--issues").arg(one.path("issues.json"));
    let ended = run(command.arg("--state").arg(one.state())).expect(2);
    let [here, there] = [one.checkout(), other.checkout()].map(|path| path.display().to_string());
    ended.says(&[&one.state().display().to_string(), &here, &there, "--state DIR"]);
    run(&mut one.local(&agent, &["--auto-merge"])).expect(0);
}
