//! Recorded event streams and what they mean.

use std::path::Path;

use super::*;
use crate::worker::variables::Variables;
use ReportOutcome::{Changed, Failed, Infra, NeedsDecision, NoChange};

fn codex(folder: &Path) -> Codex {
    Codex::new(crate::engine::brief::Mode::Task, &Work::new(folder).expect("a folder"))
}

/// Feeds a recorded stream; gives how many of its lines were progress.
fn hear(codex: &mut Codex, name: &str) -> usize {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/codex").join(format!("{name}.jsonl"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.lines().filter(|line| codex.listener().line(Stream::Output, line)).count()
}

#[test]
fn recorded_runs_are_classed() {
    let cases = [
        ("success", Some(0), true, Changed, None, "All done."),
        ("success", Some(0), false, Failed, None, "changed nothing"),
        ("success", Some(1), true, Failed, None, "ended with 1"),
        ("answer", Some(0), true, Changed, None, "Said hello."),
        ("answer", Some(0), false, Failed, None, "Said hello."),
        ("no_change", Some(0), false, NoChange, None, "there already"),
        ("no_change", Some(0), true, Failed, None, "but it changed files"),
        ("needs_decision", Some(0), false, NeedsDecision, None, "Tabs or spaces?"),
        ("refusal", Some(0), false, Failed, None, "refused"),
        ("refusal", Some(0), true, Failed, None, "refused"),
        ("incomplete", Some(1), true, Failed, None, "max_output_tokens"),
        ("bad_request", Some(1), false, Failed, None, "Invalid value"),
        ("context", Some(1), false, Failed, None, "context window"),
        ("quota", Some(1), false, Infra, Some(Cause::Fatal), "Quota"),
        ("unauthorized", Some(1), false, Infra, Some(Cause::Fatal), "401"),
        ("not_found", Some(1), false, Infra, Some(Cause::Fatal), "404"),
        ("missing_key", Some(1), false, Infra, Some(Cause::Fatal), "CODEX_API_KEY"),
        ("rate_limited", Some(1), false, Infra, None, "429"),
        ("high_demand", Some(1), false, Infra, None, "high demand"),
        ("disconnected", Some(1), false, Infra, None, "disconnected"),
        ("idle", Some(1), false, Infra, None, "idle timeout"),
        ("reconnecting", None, false, Infra, None, "waiting for network"),
        ("recovered", Some(0), true, Changed, None, "All done."),
        ("killed", Some(137), true, Failed, None, "137"),
        ("killed", None, true, Failed, None, "signal"),
    ];
    let folder = tempfile::tempdir().expect("a folder");
    for (name, exit, changed, outcome, cause, text) in cases {
        let mut codex = codex(folder.path());
        hear(&mut codex, name);
        let report = codex.report(exit, changed);
        assert_eq!((report.outcome, report.cause), (outcome, cause), "{name}: {report:?}");
        let texts = format!("{} {} {}", report.summary, report.reason, report.question);
        assert!(texts.contains(text), "{name}: {texts}");
        assert!(report.session.is_some(), "{name}");
    }
}

#[test]
fn a_bad_flag_is_fatal_and_usage_is_told() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut codex = codex(folder.path());
    codex.listener().line(Stream::Complaint, "error: unexpected argument '--full-auto' found");
    let report = codex.report(Some(2), false);
    assert_eq!((report.outcome, report.cause), (Infra, Some(Cause::Fatal)));
    assert!(report.reason.contains("--full-auto"));
    hear(&mut codex, "success");
    let usage = Usage { input_tokens: 2400, cached_input_tokens: 2000, output_tokens: 68 };
    assert_eq!(codex.report(Some(0), true).usage, usage);
}

#[test]
fn waiting_for_the_network_is_no_progress() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut codex = codex(folder.path());
    assert_eq!(hear(&mut codex, "reconnecting"), 2, "only the start of thread and turn");
    assert!(codex.waits_for_network());
    let stalled = crate::worker::agents::report(&codex, &crate::worker::process::End::Stalled, false);
    assert_eq!((stalled.outcome, stalled.cause), (Infra, Some(Cause::Stalled)));
    assert_eq!(hear(&mut codex, "killed"), 3);
    assert!(!codex.waits_for_network());
}

#[test]
fn it_is_launched_in_its_sandbox_with_its_key_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let work = Work::new(folder.path()).expect("a folder");
    let brief = crate::worker::tests::brief("unused");
    let home = folder.path().join("home");
    let inside = work.tree().join(".codex");
    let variables = Variables::from([
        ("PATH", "/usr/bin".into()),
        ("HOME", home.clone().into_os_string()),
        ("CODEX_HOME", inside.into_os_string()),
        ("OPENAI_API_KEY", "key-canary".into()),
        ("ORCHESTRATOR_TOKEN", "token-canary".into()),
        ("GITHUB_OUTPUT", "/x".into()),
    ]);
    let assignment =
        Assignment { brief: &brief, work: &work, prompt: "-do it".to_owned(), conflicts: &[], variables: &variables };
    let launch = Codex::new(crate::engine::brief::Mode::Task, &work).launch(&assignment, true).expect("a launch");
    let arguments: Vec<_> = launch.arguments.iter().map(|argument| argument.to_string_lossy()).collect();
    assert_eq!((arguments[0].as_ref(), arguments.last().map(AsRef::as_ref)), ("exec", Some("-")));
    for pair in [["-s", "workspace-write"], ["-m", "m"], ["-c", "model_reasoning_effort=\"high\""]] {
        assert!(arguments.windows(2).any(|window| window == pair), "{pair:?} in {arguments:?}");
    }
    assert!(!arguments.iter().any(|argument| argument.contains("canary") || argument.contains("do it")));
    let names: Vec<_> = launch.environment.iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["CODEX_API_KEY", "CODEX_HOME", "HOME", "PATH"]);
    assert!(
        launch.environment.get("CODEX_HOME").is_some_and(|place| Path::new(place).starts_with(&home)),
        "never in the work tree"
    );
    assert!(launch.input.starts_with(b"-do it\n\n## Go on"));
}
