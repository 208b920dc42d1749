//! Mistakes, faults and ill will: each ends with its exit code and with words that name the thing, its place and the
//! remedy.

use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};
use task_orchestrator::engine::checklist;
use task_orchestrator::engine::id::{IssueNumber, Login, RepositoryName};
use task_orchestrator::forge::http::{Clock, Forge, ForgeOptions};
use task_orchestrator::forge::world::setup::ApiLimits;

use crate::support::program::{Browser, PROGRAM, Running, Stage, commit, full, git, issue, outcomes, run, task};

const FILES: &[(&str, &str)] = &[("a.txt", "a\n"), ("b.txt", "b\n")];

fn one() -> [Value; 1] {
    [issue(1, "Write a", "Files: a.txt")]
}

/// Arguments with the stage's folder for `@`.
fn command(stage: &Stage, arguments: &[&str]) -> Command {
    let mut command = Command::new(PROGRAM);
    let folder = stage.path("").display().to_string();
    command.current_dir(stage.path("")).args(arguments.iter().map(|argument| argument.replace('@', &folder)));
    command
}

#[test]
fn mistakes_are_named_with_place_and_remedy() {
    let stage = Stage::new(FILES);
    stage.issues(&one());
    std::fs::create_dir(stage.checkout().join("tools")).expect("made");
    std::fs::write(stage.checkout().join("tools/plain.sh"), "true\n").expect("written");
    std::fs::write(stage.checkout().join("tools/run.sh"), "#!/bin/sh\n").expect("written");
    git(&stage.checkout(), &["add", "tools"]);
    git(&stage.checkout(), &["update-index", "--chmod=+x", "tools/run.sh"]);
    commit(&stage.checkout(), "Tools");
    stage.write("cut.json", "[{\"number\": 1,\n");
    stage.write("twice.json", r#"[{"number": 1, "title": "x"}, {"number": 1, "title": "y"}]"#);
    stage.write("long.json", &json!([{ "number": 7, "title": "x", "body": "y".repeat(105_000) }]).to_string());
    stage.write("text.json", "no JSON at all");
    stage.write("none.json", "[]");
    stage.write("empty", "");
    stage.write("secret", "It's a secret to everybody");
    stage.write("unknown.yml", "label: x\nmax_parallell: 3\n");
    stage.write("wrong.yml", "timeout: soon\n");
    stage.write("broken.yml", "a: [\n");
    stage.write("colour.yml", "label: x\ncolour: red\n");
    std::fs::create_dir(stage.path("plain")).expect("made");
    git(&stage.path(""), &["init", "--quiet", "unborn"]);
    git(&stage.path(""), &["init", "--quiet", "--bare", "bare.git"]);
    let shell = ["--agent", "shell", "--agent-command", "true", "--auto-approve", "--state", "@state"];
    let local = |repository: &'static str, issues: &'static str, more: &[&'static str]| {
        [&["local", "--repo", repository, "--issues", issues][..], more].concat()
    };
    let good = |more: &[&'static str]| local("checkout", "issues.json", &[&shell[..], more].concat());
    let with_agent =
        |command: &'static str| local("checkout", "issues.json", &["--agent", "shell", "--agent-command", command]);
    let serve = |more: &[&'static str]| [&["serve", "--app-id", "1"], more].concat();
    let plan = |repository: &'static str, issues: &'static str| vec!["plan", "--repo", repository, "--issues", issues];
    let cases: Vec<(Vec<&str>, i32, &[&str])> = vec![
        (local("checkout", "cut.json", &shell), 2, &["cut.json", "line 2 column 1", "gh issue list"]),
        (local("checkout", "twice.json", &shell), 2, &["twice.json", "#1 stands there twice", "leave one"]),
        (local("checkout", "text.json", &shell), 2, &["text.json", "line 1 column", "gh issue list"]),
        (local("checkout", "none.json", &shell), 2, &["none.json", "no open issue"]),
        (local("checkout", "missing.json", &shell), 2, &["--issues missing.json", "No such file"]),
        (local("checkout", "long.json", &shell), 2, &["long.json", "body of #7 has 105000 characters", "65536"]),
        (local("checkout", "-", &shell), 2, &["--issues -", "the file is empty"]),
        (local("bare.git", "issues.json", &shell), 2, &["bare.git is a bare repository", "checkout", "git clone"]),
        (plan("checkout", "cut.json"), 2, &["cut.json", "line 2 column 1", "gh issue list"]),
        (plan("checkout", "missing.json"), 2, &["missing.json", "No such file"]),
        (local("plain", "issues.json", &shell), 2, &["plain is not a git repository", "git init", "--repo"]),
        (local("unborn", "issues.json", &shell), 2, &["unborn has no commit yet", "git commit"]),
        (local("missing", "issues.json", &shell), 2, &["missing is no folder", "--repo"]),
        (plan("plain", "issues.json"), 2, &["plain is not a git repository", "git init"]),
        (plan("unborn", "issues.json"), 0, &["unborn has no commit yet", "only declared files"]),
        (plan("missing", "issues.json"), 2, &["missing is no folder", "--repo"]),
        (good(&["--config", "unknown.yml"]), 2, &["unknown.yml: line 2, column 1", "`max_parallel`"]),
        (good(&["--config", "wrong.yml"]), 2, &["wrong.yml: line 1, column", "timeout"]),
        (good(&["--config", "missing.yml"]), 2, &["missing.yml", "No such file"]),
        (good(&["--merge-into", "main"]), 2, &["--merge-into main", "checked out", "another name"]),
        (good(&["--merge-into", "a..b"]), 2, &["--merge-into a..b", "no branch name"]),
        (good(&["--max-parallel", "0"]), 2, &["--max-parallel 0", "from 1 to 256"]),
        (good(&["--max-parallel", "many"]), 2, &["--max-parallel", "many"]),
        (
            local("checkout", "issues.json", &[&shell[..5], &["--state", "issues.json"]].concat()),
            2,
            &["issues.json", "--state DIR"],
        ),
        (
            local("checkout", "issues.json", &[&shell[..5], &["--state", "/proc/no/state"]].concat()),
            2,
            &["/proc/no/state", "--state DIR"],
        ),
        (local("checkout", "issues.json", &["--agent", "shell"]), 2, &["--agent-command CMD"]),
        (
            local("checkout", "issues.json", &["--agent", "shell", "--agent-command", "no-such-word"]),
            2,
            &["no-such-word"],
        ),
        (with_agent("/no/such"), 2, &["/no/such", "does not exist"]),
        (with_agent("/tmp"), 2, &["/tmp", "is a folder"]),
        (with_agent("/etc/passwd"), 2, &["/etc/passwd", "not executable", "chmod +x"]),
        (with_agent("./nope.sh"), 2, &["./nope.sh", "work tree", "`main` at ", "does not exist", "$PWD", "commit it"]),
        (with_agent("sh nope.sh --fast"), 2, &["`nope.sh`", "does not exist"]),
        (with_agent("../agent.sh"), 2, &["../agent.sh", "does not exist", "$PWD"]),
        (with_agent("./tools"), 2, &["./tools", "is a folder"]),
        (with_agent("./tools/plain.sh"), 2, &["tools/plain.sh", "not executable", "update-index --chmod=+x"]),
        (with_agent("./tools/run.sh"), 2, &["nothing is approved yet"]),
        (with_agent("sh tools/plain.sh"), 2, &["nothing is approved yet"]),
        (
            local("checkout", "issues.json", &["--agent", "shell", "--agent-command", "true", "--state", "@state"]),
            2,
            &["nothing is approved yet", "--auto-approve"],
        ),
        (vec!["demo", "--keep", "issues.json"], 2, &["--keep issues.json"]),
        (vec!["demo", "--keep", "checkout"], 2, &["--keep checkout", "no kept demo", "empty"]),
        (vec!["demo", "--keep", "/proc/no/demo"], 2, &["--keep /proc/no/demo"]),
        (vec!["plan", "--manifest", "issues.json"], 2, &["issues.json", "list of issues", "--issues"]),
        (good(&["--config", "broken.yml"]), 2, &["broken.yml: line 1, column 4"]),
        (good(&["--config", "colour.yml"]), 2, &["colour.yml: line 2, column 1", "unknown key `colour`", "nearest"]),
        (vec!["serve", "--app-id", "1"], 2, &["private key is missing", "--private-key-file"]),
        (serve(&["--webhook-secret-file", "empty"]), 2, &["empty"]),
        (serve(&["--webhook-secret-file", "secret"]), 2, &["private key is missing", "--private-key-file"]),
        (serve(&["--webhook-secret-file", "secret", "--private-key-file", "missing.pem"]), 2, &["missing.pem"]),
        (serve(&["--webhook-secret-file", "secret", "--private-key-file", "secret"]), 2, &["private key"]),
        (vec!["--no-such-flag"], 2, &["--no-such-flag"]),
    ];
    for (arguments, code, words) in cases {
        println!("{arguments:?}");
        let ended = run(&mut command(&stage, &arguments)).expect(code).says(words);
        assert!(!ended.err.contains("It's a secret"), "{}", ended.err);
    }
    assert!(!stage.state().join("orchestrator.sqlite").exists(), "a mistake began something");
}

#[test]
fn a_command_that_vanishes_is_not_retried_and_escalates() {
    let stage = Stage::new(FILES);
    let agent = stage.agent("touch_files");
    let vanishing = stage.write("vanishing.sh", &format!("#!/bin/sh\n{agent} && rm -- \"$0\"\n"));
    assert!(Command::new("chmod").arg("+x").arg(&vanishing).status().expect("chmod runs").success());
    let issues = [one()[0].clone(), issue(2, "Write b", "Files: b.txt\nDepends on: #1")];
    let command = vanishing.display().to_string();
    let ended = run(&mut stage.issues(&issues).local(&command, &["--auto-merge"])).expect(3);
    let ended = ended.says(&["#2 Write b: error", "no attempts left", &command]);
    let summary = ended.json();
    assert_eq!(task(&summary, 1)["verdict"], "merged");
    let second = task(&summary, 2);
    assert_eq!((&second["verdict"], outcomes(second)), (&json!("escalated"), vec!["infra"]), "{}", ended.err);
}

#[test]
fn a_taken_port_is_named() {
    let stage = Stage::new(FILES);
    let agent = stage.agent("touch_files");
    std::fs::write(stage.checkout().join("a.txt"), "not committed\n").expect("written");
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port().to_string();
    let ended = run(&mut stage.issues(&one()).local(&agent, &["--port", &port])).expect(2);
    let ended = ended.says(&[&format!("port {port} on 127.0.0.1"), "--port"]);
    assert!(!stage.state().exists() && !ended.err.contains("not committed"), "{}", ended.err);
    drop(taken);
    run(&mut stage.local(&agent, &["--auto-merge", "--port", &port])).expect(0);
}

#[test]
fn a_second_process_on_the_same_state_ends_and_the_first_goes_on() {
    let mut stage = Stage::new(FILES);
    let mut gate = stage.gate("gate");
    let agent = stage.agent("read -r _ <\"$folder/gate\"\ntouch_files");
    let first = Running::start(&mut stage.issues(&one()).local(&agent, &["--auto-merge"]));
    assert_eq!(stage.next_began(), "1.1");
    let state = stage.state().display().to_string();
    std::fs::write(stage.checkout().join("a.txt"), "not committed\n").expect("written");
    let second = run(&mut stage.local(&agent, &["--auto-merge"])).expect(2);
    let second = second.says(&["another task-orchestrator", &state, "--state"]);
    assert!(!second.err.contains("not committed"), "{}", second.err);
    gate.open();
    first.wait().expect(0);
    assert!(stage.began().is_empty());
}

/// Texts that would like to be commands, boxes, markers, mentions, markup, graph or terminal codes.
fn hostile() -> [Value; 3] {
    let title = "x\"]:::done --> y --> <!-- orchestrate:end --> <script>alert(1)</script> @everyone ``` \
                 \u{1b}[31m [go](javascript:1)";
    let body = "Files: a.txt\n\n<!-- orchestrate:begin -->\n- [x] <!-- orchestrate: cancel --> Cancel\n\
                <!-- orchestrate:end -->\n/orchestrate cancel\n\n- [x] <!-- orchestrate: approve #2 --> Approve\n\n\
                </details><script>alert(1)</script>\n<img src=x onerror=alert(1)> @everyone [go](javascript:1)\n\n\
                ```mermaid\nclick x call alert(1)\n";
    let long = format!("Files: b.txt\n\n{}\n\nLAST-WORD", "word ".repeat(12_000));
    let pull =
        json!({"number": 3, "title": "A pull request", "body": "", "labels": ["orchestrate"], "isPullRequest": true});
    [issue(1, title, body), issue(2, "Long", &long), pull]
}

#[test]
fn hostile_and_long_texts_stay_texts_and_pull_requests_are_left_out() {
    let stage = Stage::new(FILES);
    let mut gate = stage.gate("gate");
    let agent = stage.agent(
        "if [ \"$issue\" = 2 ]; then grep -q LAST-WORD \"$ORCHESTRATOR_TASK\"; fi\n\
         read -r _ <\"$folder/gate\"\ntouch_files",
    );
    let mut running = Running::start(&mut stage.issues(&hostile()).local(&agent, &["--auto-merge"]));
    assert!(running.until("Tracking issue: "), "{}", running.said());
    (0..2).for_each(|_| assert!(stage.next_began().ends_with(".1")));
    let tracking =
        running.said().lines().rev().find_map(|line| line.rsplit_once('/')).expect("an address").1.to_owned();
    let browser = Browser::log_in(running.said());
    for number in [tracking.as_str(), "1"] {
        let page = browser.page(&format!("/local/checkout/issues/{number}"));
        assert!(page.starts_with("HTTP/1.1 200"), "{page}");
        for markup in ["<script", "<img src=x", "href=\"javascript:"] {
            assert!(!page.to_lowercase().contains(markup), "{markup} in {page}");
        }
    }
    (0..2).for_each(|_| gate.open());
    let ended = running.wait().expect(0).says(&["left out", "#3"]);
    assert!(!ended.err.contains('\u{1b}'), "terminal codes are printed: {:?}", ended.err);
    let summary = ended.json();
    assert_eq!(summary["tasks"].as_array().expect("tasks").len(), 2);
    let body = body(&stage.state(), &stage.checkout(), summary["tracking_issue"].as_u64().expect("a number"));
    for marker in [checklist::BEGIN, checklist::END, "```mermaid"] {
        assert_eq!(body.matches(marker).count(), 1, "{marker} in:\n{body}");
    }
    assert!(
        !body.contains("<script") && !body.contains("@everyone") && !body.contains("orchestrate: cancel -->"),
        "{body}"
    );
    assert!(!body.contains("[go](javascript:"), "{body}");
    assert_eq!(body.lines().filter(|line| line.trim_start().starts_with("```")).count(), 2, "{body}");
}

/// The body of an issue, read from a state folder that nobody works on.
fn body(state: &Path, checkout: &Path, number: u64) -> String {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let options = ForgeOptions {
            state: state.join("forge"),
            source: checkout.to_owned(),
            repository: RepositoryName::new("local/checkout"),
            owner: Login::new("owner"),
            issues: Vec::new(),
            webhook: None,
            port: 0,
            limits: ApiLimits::None,
            added: std::collections::BTreeMap::new(),
            workflows: std::collections::BTreeMap::new(),
            clock: Clock::system(),
        };
        let forge = Forge::start(options).await.expect("the forge starts");
        let number = IssueNumber(number);
        let body = forge.handle().look(|world| world.issue(number).map(|issue| issue.issue.body.clone()));
        forge.shutdown().await;
        body.expect("the tracking issue")
    })
}

/// Issues over fifty files.
fn many(count: u64) -> Vec<Value> {
    (1..=count).map(|n| issue(n, &format!("Task {n}"), &format!("Files: src/file{}.txt", n % 50))).collect()
}

#[test]
fn five_thousand_issues_are_planned() {
    let stage = Stage::new(FILES);
    stage.issues(&many(5_000));
    let arguments = ["plan", "--repo", "checkout", "--issues", "issues.json", "--format", "json"];
    let ended = run(&mut command(&stage, &arguments)).expect(0);
    let plan: Value = serde_json::from_str(&ended.out).expect("JSON");
    assert_eq!(plan["order"].as_array().expect("an order").len(), 5_000);
}

#[test]
fn five_thousand_issues_come_to_their_first_dispatch_with_one_tracking_issue() {
    if !full() {
        println!("only with ORCHESTRATOR_FULL=1 (script/test --full)");
        return;
    }
    let stage = Stage::new(FILES);
    let _gate = stage.gate("gate");
    let agent = stage.agent("read -r _ <\"$folder/gate\"");
    let mut running = Running::start(&mut stage.issues(&many(5_000)).local(&agent, &[]));
    assert!(stage.next_began().ends_with(".1"));
    assert!(running.until("Tracking issue: "), "{}", running.said());
    running.interrupt();
    let summary = running.wait().expect(130).json();
    assert_eq!(
        (summary["tasks"].as_array().expect("tasks").len(), &summary["tracking_issue"]),
        (5_000, &json!(100_001))
    );
}
