use crate::engine::report::{Cause, ReportOutcome};
use crate::engine::time::Span;
use crate::worker::tests::stage::Stage;
use crate::worker::tree::Tree;
use crate::worker::work::Work;

/// Waits for ever without printing or changing anything: reads a pipe that nobody writes to.
const HANG: &str = "mkfifo \"$ORCHESTRATOR_REPORT.pipe\" 2>/dev/null; cat \"$ORCHESTRATOR_REPORT.pipe\"";

fn span(milliseconds: u64) -> Span {
    Span(std::time::Duration::from_millis(milliseconds))
}

#[tokio::test]
async fn a_stalled_agent_is_started_again_with_its_tree() {
    let stage = Stage::new().await;
    let mut brief = stage.brief(&format!("if test -f first; then cat > prompt.txt; else echo x > first; {HANG}; fi"));
    brief.limits.stall_after = span(4_000);
    let run = stage.run(1, &brief).await;
    let report = run.agent().await;
    assert_eq!((report.outcome, report.restarts), (ReportOutcome::Changed, 1), "{report:?}");
    assert!(run.read("work/tree/prompt.txt").contains("made no progress"));
}

#[tokio::test]
async fn a_second_stall_ends_it() {
    let stage = Stage::new().await;
    let mut brief = stage.brief(HANG);
    brief.limits.stall_after = span(300);
    let run = stage.run(1, &brief).await;
    let report = run.agent().await;
    let seen = (report.outcome, report.cause, report.restarts);
    assert_eq!(seen, (ReportOutcome::Failed, Some(Cause::Stalled), 1));
    assert!(!run.read("summary").contains("nothing new"), "a nudge after the stall limit never comes");
}

#[tokio::test]
async fn silence_is_told_once_per_start_before_it_is_a_stall() {
    let stage = Stage::new().await;
    let mut brief = stage.brief(HANG);
    (brief.limits.nudge_after, brief.limits.stall_after) = (span(100), span(500));
    let run = stage.run(1, &brief).await;
    run.agent().await;
    let summary = run.read("summary");
    let told: Vec<&str> = summary.lines().filter(|line| line.contains("nothing new")).collect();
    let expected = ["restarted", "ended"].map(|then| format!("agent: nothing new for 100ms; it is {then} at 500ms"));
    assert_eq!(told, expected, "{summary}");
}

#[tokio::test]
async fn each_write_is_seen_and_ignored_files_are_not() {
    let stage = Stage::new().await;
    let folder = tempfile::tempdir().expect("a folder");
    let brief = stage.brief("true");
    let run = stage.run(1, &brief).await;
    run.fetch().await.expect("fetched");
    let work = Work::new(&run.folder.join("work")).expect("a folder");
    let tree = Tree::prepare(&work, &run.job.program, &brief).await.expect("a tree");
    let mut seen = vec![tree.digest().await];
    let mut write = async |name: &str, text: &str, new: bool| {
        let path = tree.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap_or(folder.path())).expect("a folder");
        std::fs::write(path, text).expect("written");
        let digest = tree.digest().await;
        assert!(digest.is_some());
        assert_eq!(!seen.contains(&digest), new, "{name} {text}");
        seen.push(digest);
    };
    write("a.txt", "changed", true).await;
    write("a.txt", "changed again", true).await;
    write("new/file", "x", true).await;
    write("ignored/file", "x", false).await;
}

#[tokio::test]
async fn a_timeout_ends_grandchildren_too() {
    let stage = Stage::new().await;
    let mut brief = stage.brief(&format!("(sh -c 'echo $$ > \"$0.pid\"; {HANG}' \"$ORCHESTRATOR_REPORT\") & wait"));
    brief.limits.timeout = span(8_000);
    let run = stage.run(1, &brief).await;
    let report = run.agent().await;
    assert_eq!((report.outcome, report.cause), (ReportOutcome::Failed, Some(Cause::Timeout)));
    let pid = run.read("work/run/agent-report.json.pid");
    let pid = pid.trim();
    assert!(!pid.is_empty(), "the grandchild had started");
    // A process that was killed and not yet reaped by its new parent may still be listed, as a zombie.
    let state = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    assert!(state.is_empty() || state.contains(") Z "), "{state}");
}

#[tokio::test]
async fn what_a_finished_agent_left_running_is_ended() {
    let stage = Stage::new().await;
    let command = format!("echo x > a.txt; ({HANG}) & echo $! > \"$ORCHESTRATOR_REPORT.pid\"");
    let run = stage.run(1, &stage.brief(&command)).await;
    assert_eq!(run.agent().await.outcome, ReportOutcome::Changed);
    let pid = run.read("work/run/agent-report.json.pid");
    let state = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
    assert!(state.is_empty() || state.contains(") Z "), "{state}");
}
