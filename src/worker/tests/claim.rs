use crate::engine::record::{Fenced, Record};
use crate::engine::time::Timestamp;
use crate::worker::Error;
use crate::worker::tests::stage::Stage;

#[tokio::test]
async fn the_second_claim_loses_quietly() {
    let stage = Stage::new().await;
    let brief = stage.brief("true");
    let (first, second) = (stage.run(1, &brief).await, stage.run(2, &brief).await);
    assert!(first.claim().await.expect("claimed"));
    assert!(!second.claim().await.expect("lost, not failed"));
    assert_eq!((first.read("output").as_str(), second.read("output").as_str()), ("won=true\n", "won=false\n"));
    let record = stage.record(brief.key.id).await.expect("a record");
    let claimed = record.claimed.expect("claimed");
    assert_eq!((claimed.run_id, claimed.key, claimed.brief), (first.job.run_id, brief.key, first.job.brief.clone()));
    assert!(first.claim().await.expect("asked again"), "the same run finds its own claim");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_claims_at_once_one_wins() {
    let stage = Stage::new().await;
    let brief = stage.brief("true");
    let mut claims = tokio::task::JoinSet::new();
    for id in 1..=6 {
        let run = stage.run(id, &brief).await;
        claims.spawn(async move { run.claim().await.expect("won or lost") });
    }
    let won = claims.join_all().await.into_iter().filter(|won| *won).count();
    assert_eq!(won, 1);
}

#[tokio::test]
async fn a_fenced_attempt_is_taken() {
    let stage = Stage::new().await;
    let brief = stage.brief("true");
    let fence = Record::fenced(None, Fenced { why: "late".to_owned(), at: Timestamp(1) });
    stage.commit(&brief.key.id.record_branch(), &[("record.json", &fence.to_text())], None).await;
    assert!(!stage.run(1, &brief).await.claim().await.expect("lost"));
    assert_eq!(stage.record(brief.key.id).await, Some(fence), "nothing is written");
}

#[tokio::test]
async fn a_rerun_does_nothing_and_says_what_to_do() {
    let stage = Stage::new().await;
    let brief = stage.brief("true");
    let mut run = stage.run(1, &brief).await;
    run.job.run_attempt = 2;
    assert!(!run.claim().await.expect("nothing"));
    assert!(run.publish(&run.out()).await.expect("nothing").is_none());
    assert_eq!(stage.record(brief.key.id).await, None);
    assert!(run.read("summary").contains("/orchestrate retry #7"));
    assert_eq!(run.read("output"), "won=false\n");
}

#[tokio::test]
async fn a_brief_for_another_key_or_with_another_text_is_refused() {
    let stage = Stage::new().await;
    let brief = stage.brief("true");
    let mut other = stage.run(1, &brief).await;
    other.job.key.nonce = "1".repeat(32);
    assert!(matches!(other.claim().await, Err(Error::Input(problem)) if problem.contains("another key")));
    let mut changed = brief.clone();
    changed.text.body.push('!');
    let changed = stage.run(2, &changed).await;
    assert!(matches!(changed.claim().await, Err(Error::Input(problem)) if problem.contains("digest")));
    assert_eq!(stage.record(brief.key.id).await, None);
}
