use crate::engine::report::{Cause, ReportOutcome};
use crate::engine::time::Span;
use crate::worker::tests::stage::Stage;

/// Waits for ever without printing or changing anything: reads a pipe that nobody writes to.
const HANG: &str = "mkfifo \"$ORCHESTRATOR_REPORT.pipe\" 2>/dev/null; cat \"$ORCHESTRATOR_REPORT.pipe\"";

fn span(milliseconds: u64) -> Span {
    Span(std::time::Duration::from_millis(milliseconds))
}

#[tokio::test]
async fn a_stalled_agent_is_started_again_with_its_tree() {
    let stage = Stage::new().await;
    let mut brief = stage.brief(&format!("if test -f first; then cat > prompt.txt; else echo x > first; {HANG}; fi"));
    brief.limits.stall_after = span(500);
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
    let report = stage.run(1, &brief).await.agent().await;
    let seen = (report.outcome, report.cause, report.restarts);
    assert_eq!(seen, (ReportOutcome::Failed, Some(Cause::Stalled), 1));
}

#[tokio::test]
async fn a_silent_agent_that_writes_makes_progress() {
    let stage = Stage::new().await;
    // Takes about twice the stall limit in all; each round changes a file that is changed already.
    let mut brief = stage.brief("for n in 1 2 3 4 5 6 7 8 9 10; do echo $n >> a.txt; sleep 0.2; done");
    brief.limits.stall_after = span(1000);
    let report = stage.run(1, &brief).await.agent().await;
    assert_eq!((report.outcome, report.restarts), (ReportOutcome::Changed, 0), "{report:?}");
}

#[tokio::test]
async fn a_timeout_ends_grandchildren_too() {
    let stage = Stage::new().await;
    let mut brief = stage.brief(&format!("(sh -c 'echo $$ > \"$0.pid\"; {HANG}' \"$ORCHESTRATOR_REPORT\") & wait"));
    brief.limits.timeout = span(1500);
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
