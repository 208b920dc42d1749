use std::path::Path;

use crate::engine::brief::{Brief, Mode};
use crate::engine::id::Sha;
use crate::engine::record::{Fenced, Published, Record};
use crate::engine::report::ReportOutcome;
use crate::engine::time::Timestamp;
use crate::worker::tests::stage::{Run, Stage};

/// Claims, runs the agent and publishes what it left.
async fn whole(stage: &Stage, brief: &Brief) -> (Run, Published) {
    let run = stage.run(1, brief).await;
    assert!(run.claim().await.expect("claimed"));
    run.agent().await;
    let result = run.publish(&run.out()).await.expect("published").expect("a result");
    assert_eq!(stage.record(brief.key.id).await.and_then(|record| record.result), Some(result.clone()));
    (run, result)
}

#[tokio::test]
async fn work_and_result_are_pushed_together() {
    let stage = Stage::new().await;
    let moved = stage.commit("main", &[("later", "x\n")], Some(&stage.base)).await;
    let brief = stage.brief("echo four >> a.txt; rm src/b.txt; mkdir d; printf '\\0\\1' > d/bin; chmod +x d/bin");
    let (_, result) = whole(&stage, &brief).await;
    assert_eq!(result.files, ["a.txt", "d/bin", "src/b.txt"]);
    assert_eq!((result.added, result.removed, result.refused.len()), (1, 1, 0));
    let commit = result.commit.expect("a commit");
    assert_eq!(stage.branch(&brief.key.id.work_branch()).await.as_ref(), Some(&commit));
    let shown = stage.git(["show", "--no-patch", "--format=%P %an %s", commit.as_str()], "").await;
    assert_eq!(shown, format!("{} task-orchestrator fix: #7 Say hello", stage.base));
    let listed = stage.git(["ls-tree", "-r", commit.as_str(), "d/bin"], "").await;
    assert!(listed.starts_with("100755"), "{listed}");
    assert_eq!(stage.branch("main").await, Some(moved), "nothing else moves");
    assert!(result.agent_started_at.is_some() && result.agent_ended_at >= result.agent_started_at);
    let chain = stage.git(["rev-list", "--count", &brief.key.id.record_branch()], "").await;
    assert_eq!(chain, "2");
}

#[tokio::test]
async fn a_change_of_the_same_length_in_the_same_second_is_seen() {
    let stage = Stage::new().await;
    let brief = stage.brief("printf 'one\\nTWO\\nthree\\n' > a.txt");
    let (_, result) = whole(&stage, &brief).await;
    assert_eq!((result.files.as_slice(), result.added, result.removed), (&["a.txt".to_owned()][..], 1, 1));
}

#[tokio::test]
async fn a_lost_agent_job_still_gets_a_result() {
    let stage = Stage::new().await;
    let brief = stage.brief("true");
    let run = stage.run(1, &brief).await;
    assert!(run.claim().await.expect("claimed"));
    let result = run.publish(Path::new("/nowhere/at/all")).await.expect("published").expect("a result");
    assert_eq!((result.report.outcome, result.commit), (ReportOutcome::Infra, None));
    assert!(run.publish(&run.out()).await.expect("nothing").is_none(), "a closed record is left alone");
}

#[tokio::test]
async fn nothing_is_published_without_an_own_open_claim() {
    let stage = Stage::new().await;
    let brief = stage.brief("echo x > a.txt");
    let (first, other) = (stage.run(1, &brief).await, stage.run(2, &brief).await);
    assert!(first.claim().await.expect("claimed"));
    assert!(other.publish(&other.out()).await.expect("quiet").is_none());
    first.agent().await;
    let branch = brief.key.id.record_branch();
    let record = stage.record(brief.key.id).await.expect("a record");
    let fence = Record::fenced(record.claimed, Fenced { why: "late".to_owned(), at: Timestamp(1) });
    let tip = stage.branch(&branch).await;
    stage.commit(&branch, &[("record.json", &fence.to_text())], tip.as_ref()).await;
    assert!(first.publish(&first.out()).await.expect("quiet").is_none());
    assert_eq!(stage.record(brief.key.id).await, Some(fence));
    assert_eq!(stage.branch(&brief.key.id.work_branch()).await, None);
}

#[tokio::test]
async fn hostile_work_is_refused_by_name() {
    let key = "ghp_a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8";
    let cases = [
        ("ln -s /etc/passwd link", "`link` is a symbolic link".to_owned()),
        ("rm a.txt; ln -s /etc/passwd a.txt", "`a.txt` is a symbolic link".to_owned()),
        (
            "mkdir -p .github/workflows; echo x > .github/workflows/x.yml",
            "`.github/workflows/x.yml` is protected".to_owned(),
        ),
        ("mkdir -p .GitHub; echo x > .GitHub/x", "`.GitHub/x` is protected".to_owned()),
        ("mkdir locked; echo x > locked/y", "`locked/y` is protected".to_owned()),
        ("echo x > AGENTS.md", "`AGENTS.md` is protected".to_owned()),
        (
            "git init -q sub; cd sub; git -c user.name=x -c user.email=x commit -q --allow-empty -m x",
            "`sub` is a submodule".to_owned(),
        ),
        ("for n in $(seq 60); do echo x > f$n; done", "touches 60 files".to_owned()),
        ("head -c 200000 /dev/urandom > big", "at most 100000 are taken".to_owned()),
        (&format!("echo 'k={key}' > .env"), "`.env` gains what looks like a GitHub token".to_owned()),
        (&format!("printf '* -text binary\\n' > x; printf '\\0{key}' > bin"), "`bin` gains".to_owned()),
    ];
    for (command, refusal) in cases {
        let stage = Stage::new().await;
        let brief = stage.brief(command);
        let (run, result) = whole(&stage, &brief).await;
        assert!(result.refused.iter().any(|refused| refused.contains(&refusal)), "{command}: {result:?}");
        assert_eq!((result.report.outcome, result.commit), (ReportOutcome::Failed, None), "{command}");
        assert_eq!(stage.branch(&brief.key.id.work_branch()).await, None, "{command}");
        assert!(!run.read("summary").contains(key));
    }
}

#[tokio::test]
async fn hostile_patches_are_refused_without_an_agent() {
    let new = |path: &str| {
        format!("diff --git a/{path} b/{path}\nnew file mode 100644\n--- /dev/null\n+++ b/{path}\n@@ -0,0 +1 @@\n+x\n")
    };
    let link = "diff --git a/l b/l\nnew file mode 120000\n--- /dev/null\n+++ b/l\n\
                @@ -0,0 +1 @@\n+/etc\n\\ No newline at end of file\n";
    for patch in [
        new(".git/hooks/post-checkout"),
        new(".GIT/config"),
        new("sub/.git/config"),
        new("../outside"),
        new("git~1/config"),
        new(".git /config"),
        link.to_owned(),
        format!("{link}{}", new("l/passwd")),
        "nonsense".to_owned(),
    ] {
        let stage = Stage::new().await;
        let brief = stage.brief("true");
        let run = stage.run(1, &brief).await;
        assert!(run.claim().await.expect("claimed"));
        std::fs::create_dir_all(run.out()).expect("a folder");
        std::fs::write(run.out().join("report.json"), r#"{"outcome":"changed"}"#).expect("written");
        std::fs::write(run.out().join("work.patch"), &patch).expect("written");
        let result = run.publish(&run.out()).await.expect("published").expect("a result");
        assert!(!result.refused.is_empty() && result.commit.is_none(), "{patch}: {result:?}");
    }
}

#[tokio::test]
async fn a_work_branch_that_exists_is_never_moved() {
    let stage = Stage::new().await;
    let brief = stage.brief("echo x > a.txt");
    let planted = stage.commit(&brief.key.id.work_branch(), &[("evil", "x")], None).await;
    let (_, result) = whole(&stage, &brief).await;
    assert_eq!(result.commit, None);
    assert!(result.refused[0].contains("exists already"), "{result:?}");
    assert_eq!(stage.branch(&brief.key.id.work_branch()).await, Some(planted));
}

#[tokio::test]
async fn a_rebase_becomes_a_merge_of_work_and_base() {
    let stage = Stage::new().await;
    let work = stage.commit("work", &[("a.txt", "one\nmine\nthree\n")], Some(&stage.base)).await;
    let theirs = [("a.txt", "one\ntheirs\nthree\n"), (".github/x.yml", "x\n")];
    let base = stage.commit("main", &theirs, Some(&stage.base)).await;
    let mut brief = stage.brief("printf 'one\\nboth\\nthree\\n' > a.txt");
    (brief.mode, brief.start, brief.base) = (Mode::Rebase, work.clone(), base.clone());
    let (_, result) = whole(&stage, &brief).await;
    assert_eq!(result.files, ["a.txt"], "what the base brought is not the work's: {result:?}");
    let commit = result.commit.expect("a commit");
    let parents = stage.git(["show", "--no-patch", "--format=%P", commit.as_str()], "").await;
    assert_eq!(parents, format!("{work} {base}"));
    let text = stage.git(["cat-file", "blob", &format!("{commit}:a.txt")], "").await;
    assert_eq!(text, "one\nboth\nthree");
    let ahead = stage.git(["merge-base", "--is-ancestor", base.as_str(), commit.as_str()], "").await;
    assert_eq!((ahead.as_str(), Sha::new(parents).short().len()), ("", 7));
}

#[tokio::test]
async fn lost_answers_are_read_back() {
    let stage = Stage::new().await;
    let brief = stage.brief("echo x > a.txt");
    let run = stage.run(1, &brief).await;
    // The refs have moved by then; the connection breaks before the answer.
    stage.hook("post-receive", "cat > /dev/null; kill -9 $PPID");
    assert!(run.claim().await.expect("claimed"), "its own claim is recognised");
    assert!(!stage.run(2, &brief).await.claim().await.expect("lost"));
    run.agent().await;
    let result = run.publish(&run.out()).await.expect("published").expect("a result");
    assert!(result.commit.is_some() && result.commit == stage.branch(&brief.key.id.work_branch()).await);
    let chain = stage.git(["rev-list", "--count", &brief.key.id.record_branch()], "").await;
    assert_eq!(chain, "2");
}

#[tokio::test]
async fn a_push_that_the_repository_refuses_becomes_a_result_without_work() {
    let stage = Stage::new().await;
    let brief = stage.brief("echo x > a.txt");
    stage.hook("update", "case $1 in refs/heads/orchestrate-work/*) echo no such pushes >&2; exit 1;; esac");
    let (_, result) = whole(&stage, &brief).await;
    assert_eq!((result.report.outcome, result.commit.as_ref()), (ReportOutcome::Failed, None));
    assert!(result.refused[0].contains("no such pushes"), "{result:?}");
    assert_eq!(stage.branch(&brief.key.id.work_branch()).await, None);
}
