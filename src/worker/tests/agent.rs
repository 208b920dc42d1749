use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::engine::brief::{AgentKind, Brief, Mode};
use crate::engine::report::{Cause, ReportOutcome};
use crate::worker::agent::{Meta, Stages};
use crate::worker::tests::stage::Stage;
use crate::worker::tree::Tree;
use crate::worker::work::Work;
use ReportOutcome::{Changed, Failed, Infra, NeedsDecision, NoChange};

#[tokio::test]
async fn the_shell_agents_ends_are_told_apart() {
    let stage = Stage::new().await;
    let report = |json: &str| format!("echo '{json}' > \"$ORCHESTRATOR_REPORT\"");
    let cases = [
        ("echo hello >> a.txt; echo did it", Changed, None, "did it"),
        ("git add -A; echo x > n; git add n; git commit -qm mine", Changed, None, ""),
        ("true", Failed, None, "changed nothing"),
        ("mkdir ignored; echo x > ignored/y", Failed, None, "changed nothing"),
        ("no-such-program-here", Infra, Some(Cause::Fatal), "127"),
        ("echo hello >> a.txt; echo broken >&2; exit 3", Failed, None, "broken"),
        ("kill -9 $$", Failed, None, "signal"),
        (&report(r#"{"outcome":"no_change","summary":"is there"}"#), NoChange, None, "is there"),
        (&format!("echo x >> a.txt; {}", report(r#"{"outcome":"no_change"}"#)), Failed, None, "but it changed files"),
        (&report(r#"{"outcome":"needs_decision","question":"a or b?"}"#), NeedsDecision, None, "a or b?"),
        (&report(r#"{"outcome":"changed"}"#), Failed, None, "changed nothing"),
        (&report("{nonsense"), Failed, None, "cannot be read"),
        ("ln -s /etc/passwd \"$ORCHESTRATOR_REPORT\"", Failed, None, "no plain file"),
        ("echo canary-canary-canary; exit 1", Failed, None, "***"),
        ("echo canary-canary-canary > a.txt", Failed, None, "secret"),
    ];
    for (at, (command, outcome, cause, text)) in cases.into_iter().enumerate() {
        let run = stage.run(at as u64, &stage.brief(command)).await;
        let report = run.agent().await;
        assert_eq!((report.outcome, report.cause), (outcome, cause), "{command}: {report:?}");
        let texts = format!("{} {} {}", report.summary, report.reason, report.question);
        assert!(texts.contains(text), "{command}: {texts}");
        assert!(run.read("out/report.json").contains(&outcome.to_string()));
        assert!(!run.read("out/report.json").contains("canary-canary"), "{command}");
        assert_eq!(run.out().join("work.patch").exists(), outcome == Changed, "{command}");
        assert!(run.read("out/meta.json").contains("agent_ended_at"));
    }
}

#[tokio::test]
async fn the_agent_is_told_its_task_and_no_secret() {
    let stage = Stage::new().await;
    let command = "cat \"$ORCHESTRATOR_TASK\" > task.json; cat > prompt.txt; env > env.txt; \
                   cat .git/config >> env.txt; git log --format=%H >> env.txt";
    let run = stage.run(1, &stage.brief(command)).await;
    assert_eq!(run.agent().await.outcome, Changed);
    let task: serde_json::Value = serde_json::from_str(&run.read("work/tree/task.json")).expect("json");
    assert_eq!((&task["id"], &task["attempt"]), (&"t7".into(), &1.into()));
    assert_eq!((&task["files"][0], &task["previous_errors"][0]), (&"a.txt".into(), &"it was red".into()));
    assert_eq!(run.read("work/tree/prompt.txt"), "Please say hello.");
    let seen = run.read("work/tree/env.txt");
    assert!(seen.contains(stage.base.as_str()) && seen.contains("ORCHESTRATOR_REPORT="), "{seen}");
    assert!(!seen.contains("canary") && !seen.contains("GITHUB_OUTPUT"), "{seen}");
}

#[tokio::test]
async fn setup_comes_first_and_leaves_nothing_validation_comes_last_and_decides() {
    let stage = Stage::new().await;
    let mut brief = stage.brief("cp made.txt copy.txt");
    brief.setup = vec!["echo made > made.txt".to_owned()];
    brief.validate = vec!["test -f copy.txt".to_owned(), "echo it is wrong; exit 4".to_owned(), "true".to_owned()];
    let run = stage.run(1, &brief).await;
    let report = run.agent().await;
    assert_eq!((report.outcome, report.cause), (Failed, Some(Cause::Validation)));
    let exits: Vec<_> = report.validation.iter().map(|validation| validation.exit).collect();
    assert_eq!(exits, [Some(0), Some(4)]);
    assert!(report.reason.contains("it is wrong"), "{}", report.reason);
    let patch = run.read("out/work.patch");
    assert!(patch.contains("copy.txt") && !patch.contains("made.txt"), "{patch}");
    brief.setup = vec!["echo no network; exit 1".to_owned()];
    let report = stage.run(2, &brief).await.agent().await;
    assert_eq!(report.outcome, Infra);
    assert!(report.reason.contains("no network"));
}

#[tokio::test]
async fn what_setup_did_to_files_is_not_the_agents_change() {
    let stage = Stage::new().await;
    let no_change = "echo '{\"outcome\":\"no_change\"}' > \"$ORCHESTRATOR_REPORT\"";
    for (at, (command, outcome)) in [("true", Failed), (no_change, NoChange)].into_iter().enumerate() {
        let brief = Brief { setup: vec!["echo locked >> a.txt".to_owned()], ..stage.brief(command) };
        let report = stage.run(at as u64, &brief).await.agent().await;
        assert_eq!(report.outcome, outcome, "{command}: {report:?}");
    }
}

#[tokio::test]
async fn no_stage_goes_on_when_the_attempts_time_is_up() {
    let stage = Stage::new().await;
    let next = stage.commit("main", &[("new", "n\n")], Some(&stage.base)).await;
    let ours = stage.commit("work", &[("mine", "m\n")], Some(&stage.base)).await;
    let plain = stage.brief("echo x >> a.txt");
    let command = vec!["echo ran > ran.txt".to_owned()];
    let set_up = Brief { setup: command.clone(), ..plain.clone() };
    let validated = Brief { mode: Mode::Rebase, start: ours, base: next, validate: command, ..plain.clone() };
    for (at, (brief, text)) in
        [(set_up, "during set-up"), (plain, "the agent's time"), (validated, "during validation")]
            .into_iter()
            .enumerate()
    {
        let run = stage.run(at as u64, &brief).await;
        run.fetch().await.expect("fetched");
        let work = Work::new(&run.folder.join("work")).expect("a folder");
        let tree = Tree::prepare(&work, &run.job.program, &brief).await.expect("a tree");
        let (redactor, stop, deadline) = (run.job.redactor(), CancellationToken::new(), Instant::now());
        let stages = Stages {
            job: &run.job,
            brief: &brief,
            work: &work,
            tree: &tree,
            out: &run.out(),
            redactor: &redactor,
            deadline,
            stop: &stop,
        };
        let report = stages.run(&mut Meta::default()).await.expect("the worker did not fail");
        assert_eq!((report.outcome, report.cause), (Failed, Some(Cause::Timeout)), "{text}: {report:?}");
        assert!(report.reason.contains(text), "{}", report.reason);
        assert!(!tree.path().join("ran.txt").exists(), "{text}");
        assert_eq!(run.read("work/tree/a.txt"), "one\ntwo\nthree\n", "{text}");
    }
}

#[tokio::test]
async fn a_rebase_tells_conflicts_and_takes_no_markers() {
    let stage = Stage::new().await;
    let work = stage.commit("work", &[("a.txt", "one\nmine\nthree\n")], Some(&stage.base)).await;
    let base = stage.commit("main", &[("a.txt", "one\ntheirs\nthree\n"), ("new", "n\n")], Some(&stage.base)).await;
    let resolve = "grep -q '^- `a.txt`' && printf 'one\\nboth\\nthree\\n' > a.txt";
    for (at, (command, outcome)) in [(resolve, Changed), ("echo >> a.txt", Failed)].into_iter().enumerate() {
        let mut brief = stage.brief(command);
        (brief.mode, brief.start, brief.base) = (Mode::Rebase, work.clone(), base.clone());
        let run = stage.run(at as u64, &brief).await;
        let report = run.agent().await;
        assert_eq!(report.outcome, outcome, "{report:?}");
        let patch = run.read("out/work.patch");
        assert_eq!(patch.contains("-theirs\n+both"), outcome == Changed, "against the base: {patch}");
    }
}

#[tokio::test]
async fn a_rebase_keeps_the_files_that_the_work_added() {
    let stage = Stage::new().await;
    let work = stage.commit("work", &[("mine", "m\n")], Some(&stage.base)).await;
    let base = stage.commit("main", &[("theirs", "t\n")], Some(&stage.base)).await;
    let setup = vec!["echo made > made.txt".to_owned()];
    let brief = Brief { mode: Mode::Rebase, start: work, base, setup, ..stage.brief("unused") };
    let run = stage.run(1, &brief).await;
    assert_eq!(run.agent().await.outcome, Changed);
    let patch = run.read("out/work.patch");
    assert!(patch.contains("b/mine") && !patch.contains("theirs") && !patch.contains("made"), "{patch}");
}

#[tokio::test]
async fn what_cannot_be_fetched_leaves_a_report() {
    let stage = Stage::new().await;
    let mut brief = stage.brief("true");
    brief.start = crate::engine::id::Sha::new("1".repeat(40));
    let run = stage.run(1, &brief).await;
    assert!(run.fetch().await.is_err());
    assert!(run.read("out/report.json").contains("could not be fetched"));
}

#[tokio::test]
async fn codex_goes_the_same_way() {
    let stage = Stage::new().await;
    let brief = Brief { agent: AgentKind::Codex, ..stage.brief("unused") };
    let mut bare = stage.run(1, &brief).await;
    bare.job.environment.insert("PATH", &bare.folder);
    let missing = bare.agent().await;
    assert_eq!((missing.outcome, missing.cause), (Infra, Some(Cause::Fatal)), "{missing:?}");
    let mut run = stage.run(2, &brief).await;
    let programs = run.folder.join("programs");
    std::fs::create_dir_all(&programs).expect("a folder");
    let stream = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/codex/success.jsonl");
    let script = format!("#!/bin/sh\ncat > prompt.txt\nprintf '%s\\n' \"$@\" > arguments.txt\ncat '{stream}'\n");
    std::fs::write(programs.join("codex"), script).expect("written");
    std::fs::set_permissions(programs.join("codex"), Permissions::from_mode(0o755)).expect("a program");
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").expect("PATH"));
    run.job.environment.insert("PATH", path);
    let report = run.agent().await;
    assert_eq!((report.outcome, report.summary.as_str()), (Changed, "All done."), "{report:?}");
    assert_eq!((report.session.as_deref(), report.usage.output_tokens), (Some("T"), 68));
    assert_eq!(run.read("work/tree/prompt.txt"), "Please say hello.");
    assert!(run.read("out/work.patch").contains("arguments.txt"));
}

#[tokio::test]
async fn a_kind_of_run_that_is_not_known_ends_for_good_without_an_agent() {
    let stage = Stage::new().await;
    let brief = Brief { mode: Mode::Judge, ..stage.brief("echo x > a.txt") };
    let report = stage.run(1, &brief).await.agent().await;
    assert_eq!((report.outcome, report.cause), (ReportOutcome::Infra, Some(Cause::Fatal)), "{report:?}");
    assert!(report.reason.contains("`judge`"), "{report:?}");
}
