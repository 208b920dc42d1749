//! Planner runs: an answer comes through as it stands, and never a change.

use crate::engine::brief::{AgentKind, Brief, Listed, Mode};
use crate::engine::id::IssueNumber;
use crate::engine::report::{ANSWER_BYTES_MAX, ReportOutcome};
use crate::worker::agents::codex::Codex;
use crate::worker::agents::{Agent as _, Assignment};
use crate::worker::tests::stage::{Stage, brief};
use crate::worker::variables::Variables;
use crate::worker::work::Work;

fn planned(brief: Brief) -> Brief {
    let listed = vec![Listed { issue: IssueNumber(3), title: "Other".to_owned() }];
    Brief { mode: Mode::Plan, listed, ..brief }
}

#[tokio::test]
async fn an_answer_is_published_as_data_and_nothing_else() {
    let stage = Stage::new().await;
    let command = r#"grep -q '"mode": "plan"' "$ORCHESTRATOR_TASK" && grep -q '"title": "Other"' "$ORCHESTRATOR_TASK" \
        && printf '{"plan":{"files":["a.txt"],"key":"%s"}}' canary-canary-canary > "$ORCHESTRATOR_REPORT""#;
    let brief = planned(stage.brief(command));
    let run = stage.run(1, &brief).await;
    assert!(run.claim().await.expect("claimed"));
    let report = run.agent().await;
    assert_eq!(report.outcome, ReportOutcome::Planned, "{report:?}");
    assert!(!run.out().join("work.patch").exists());
    let result = run.publish(&run.out()).await.expect("published").expect("a result");
    assert_eq!((result.commit, result.files.len(), result.refused.len()), (None, 0, 0));
    let answer: serde_json::Value = serde_json::from_str(&result.report.answer).expect("JSON");
    assert_eq!(answer["files"][0], "a.txt");
    assert!(!result.report.answer.contains("canary"), "{}", result.report.answer);
    assert_eq!(stage.branch(&brief.key.id.work_branch()).await, None);
}

#[tokio::test]
async fn what_is_no_answer_is_a_failure() {
    let plan = r#"printf '{"plan":{"files":["a.txt"]}}' > "$ORCHESTRATOR_REPORT""#;
    for (command, reason) in [
        ("true".to_owned(), "left no plan"),
        ("echo lost; exit 3".to_owned(), "exited with 3"),
        (format!("echo x >> a.txt; {plan}"), "may not"),
        (format!("echo x > new.txt; {plan}"), "may not"),
        (format!("{plan}; exit 4"), "exited with 4"),
        (r#"printf '{"outcome":"no_change"}' > "$ORCHESTRATOR_REPORT""#.to_owned(), "holds no `plan`"),
        (r#"printf '{"outcome":"failed","reason":"too hard"}' > "$ORCHESTRATOR_REPORT""#.to_owned(), "too hard"),
        (
            format!(
                r#"printf '{{"plan":"' > "$ORCHESTRATOR_REPORT"; head -c {ANSWER_BYTES_MAX} /dev/zero | tr '\0' x >> \
                "$ORCHESTRATOR_REPORT"; printf '"}}' >> "$ORCHESTRATOR_REPORT""#
            ),
            "at most 65536 are taken",
        ),
    ] {
        let stage = Stage::new().await;
        let run = stage.run(1, &planned(stage.brief(&command))).await;
        assert!(run.claim().await.expect("claimed"));
        run.agent().await;
        let result = run.publish(&run.out()).await.expect("published").expect("a result");
        assert_eq!((result.report.outcome, result.commit), (ReportOutcome::Failed, None), "{command}");
        assert!(result.report.answer.is_empty(), "{command}: {}", result.report.answer);
        assert!(result.report.reason.contains(reason), "{command}: {}", result.report.reason);
    }
}

#[tokio::test]
async fn a_patch_beside_an_answer_is_refused() {
    for report in [r#"{"outcome":"planned","answer":"{}"}"#, r#"{"outcome":"changed"}"#] {
        let stage = Stage::new().await;
        let brief = planned(stage.brief("true"));
        let run = stage.run(1, &brief).await;
        assert!(run.claim().await.expect("claimed"));
        std::fs::create_dir_all(run.out()).expect("a folder");
        std::fs::write(run.out().join("report.json"), report).expect("written");
        std::fs::write(run.out().join("work.patch"), "diff --git a/a.txt b/a.txt\n").expect("written");
        let result = run.publish(&run.out()).await.expect("published").expect("a result");
        assert_eq!((result.report.outcome, result.report.answer.as_str()), (ReportOutcome::Failed, ""));
        assert_eq!(result.refused, ["a planner run may not change files"]);
        assert_eq!(stage.branch(&brief.key.id.work_branch()).await, None);
    }
}

/// An answer where work was asked for is none.
#[tokio::test]
async fn a_task_cannot_be_answered_with_a_plan() {
    let stage = Stage::new().await;
    let brief = stage.brief(r#"echo x >> a.txt; printf '{"plan":{"files":["a.txt"]}}' > "$ORCHESTRATOR_REPORT""#);
    let report = stage.run(1, &brief).await.agent().await;
    assert_eq!(report.outcome, ReportOutcome::Failed, "{report:?}");
    assert!(report.reason.contains("holds no `outcome`") && report.answer.is_empty(), "{report:?}");
}

#[test]
fn codex_only_reads_and_answers_by_the_schema() {
    let folder = tempfile::tempdir().expect("a folder");
    let work = Work::new(folder.path()).expect("a folder");
    std::fs::create_dir_all(work.run()).expect("a folder");
    for (mode, sandbox, field) in [(Mode::Plan, "read-only", "new_files"), (Mode::Task, "workspace-write", "outcome")] {
        let brief = Brief { mode, agent: AgentKind::Codex, ..brief("unused") };
        let variables = Variables::from([("HOME", folder.path().into())]);
        let (prompt, conflicts) = ("Plan.".to_owned(), &[][..]);
        let assignment = Assignment { brief: &brief, work: &work, prompt, conflicts, variables: &variables };
        let launch = Codex::new(mode, &work).launch(&assignment, false).expect("it can be launched");
        let arguments: Vec<String> =
            launch.arguments.iter().map(|argument| argument.to_string_lossy().into_owned()).collect();
        let after = |flag: &str| {
            let at = arguments.iter().position(|argument| argument == flag).expect(flag);
            arguments[at + 1].clone()
        };
        assert_eq!(after("-s"), sandbox);
        let schema = std::fs::read_to_string(after("--output-schema")).expect("a schema");
        assert!(schema.contains(field), "{schema}");
    }
}
