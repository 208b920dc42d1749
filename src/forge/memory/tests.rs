//! The memory forge, in stories.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use super::*;
use crate::engine::brief::{AgentKind, ApprovedText, BRIEF_PROTOCOL, Brief, Limits, Mode, PromptLayers, text_digest};
use crate::engine::id::{AttemptId, AttemptKey, IssueNumber, PullNumber, RunId};
use crate::engine::policy::PatchPolicy;
use crate::engine::record::{Fenced, RECORD_FILE, Record};
use crate::engine::report::ReportOutcome;
use crate::engine::snapshot::{Conclusion, OpenState, Progress, PullRequest};
use crate::engine::time::Span;
use crate::forge::memory::edit::Edit;
use crate::forge::memory::worker::Work;
use crate::github::{NewFile, Request as Call};

const START: Timestamp = Timestamp(1_000_000);

/// The forge's futures are ready at once.
fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("a future of the memory forge was not ready"),
    }
}

fn send(forge: &MemoryForge, call: Call) -> Result<Response, Error> {
    now(forge.send(call))
}

fn brief(forge: &MemoryForge, mode: Mode, start: &Sha) -> Brief {
    let key = AttemptKey { id: AttemptId { issue: IssueNumber(1), n: 1 }, nonce: "0a".repeat(16) };
    let digest = text_digest("Change a", "do it");
    let (title, body) = ("Change a".to_owned(), "do it".to_owned());
    Brief {
        protocol: BRIEF_PROTOCOL,
        key,
        mode,
        issue: IssueNumber(1),
        text: ApprovedText { title, body, digest, by: Login::new("owner"), at: START },
        files: vec!["a.txt".to_owned()],
        base_branch: "main".to_owned(),
        base: forge.branch("main").expect("there"),
        start: start.clone(),
        prompt: PromptLayers::default(),
        previous_errors: Vec::new(),
        agent: AgentKind::Shell,
        agent_command: None,
        model: String::new(),
        effort: String::new(),
        limits: Limits { timeout: Span::minutes(1), nudge_after: Span::minutes(1), stall_after: Span::minutes(1) },
        setup: Vec::new(),
        validate: Vec::new(),
        policy: PatchPolicy { protected: Vec::new(), files_max: 10, bytes_max: 10_000 },
        listed: Vec::new(),
    }
}

/// Commits the brief as the orchestrator does and dispatches its run.
fn dispatch(forge: &MemoryForge, brief: &Brief) -> RunId {
    let files = vec![NewFile { path: brief.key.id.brief_path(), content: brief.to_text() }];
    let commit = send(forge, Call::CreateCommit { message: "brief".to_owned(), files, parent: None });
    let Ok(Response::Commit(sha)) = commit else { panic!("{commit:?}") };
    let inputs = [("key", brief.key.to_string()), ("brief", sha.0)];
    let inputs: BTreeMap<String, String> = inputs.map(|(name, value)| (name.to_owned(), value)).into();
    let call = Call::DispatchWorkflow { workflow: WORKFLOW.to_owned(), branch: "main".to_owned(), inputs };
    match send(forge, call) {
        Ok(Response::Dispatched(Some(run))) => run,
        other => panic!("{other:?}"),
    }
}

fn record(forge: &MemoryForge) -> Record {
    let text = forge.file("orchestrate-attempt/1.1", RECORD_FILE).expect("a record");
    Record::parse(text.as_bytes()).expect("readable")
}

fn pull(forge: &MemoryForge, number: PullNumber) -> PullRequest {
    match send(forge, Call::PullRequest { number }) {
        Ok(Response::PullRequest(pull)) => *pull,
        other => panic!("{other:?}"),
    }
}

fn forge() -> MemoryForge {
    let forge = MemoryForge::new(&[("a.txt", "one\ntwo\n"), ("b.txt", "b\n")], START);
    forge.open_issue(1, "Change a", "do it", &["orchestrate"]).expect("opened");
    forge
}

fn open_pull(forge: &MemoryForge, head: &str) -> PullRequest {
    let (title, body) = ("fix: #1 Change a".to_owned(), "Closes #1".to_owned());
    let call = Call::CreatePullRequest { title, body, head: head.to_owned(), base: "main".to_owned(), draft: false };
    match send(forge, call) {
        Ok(Response::PullRequest(pull)) => *pull,
        other => panic!("{other:?}"),
    }
}

/// From dispatch to a merged pull request that closes its issue.
fn merged_story() -> MemoryForge {
    let forge = forge();
    let main = forge.branch("main").expect("there");
    let run = dispatch(&forge, &brief(&forge, Mode::Task, &main));
    let taken = forge.work_off(|brief| {
        assert_eq!(brief.issue, IssueNumber(1));
        Work::Changed(vec![Edit::append("a.txt", "three\n"), Edit::write("new.txt", "x\n")])
    });
    assert_eq!(taken, Ok(1));
    let entry = forge.world().run(run).cloned().expect("there");
    assert_eq!((entry.progress, entry.conclusion), (Progress::Completed, Some(Conclusion::Success)));
    let result = record(&forge).result.expect("published");
    assert_eq!((result.files, result.added, result.removed), (vec!["a.txt".into(), "new.txt".into()], 2, 0));
    let commit = result.commit.expect("work");
    assert_eq!(forge.branch("orchestrate-work/1.1"), Some(commit.clone()));
    now(forge.move_branch("orchestrate/issue-1", None, &commit)).expect("created");
    let found = open_pull(&forge, "orchestrate/issue-1");
    assert_eq!(pull(&forge, found.number).mergeable, Some(true));
    let merged = send(&forge, Call::MergePullRequest { number: found.number, head: commit });
    let Ok(Response::Merged(merge)) = merged else { panic!("{merged:?}") };
    assert_eq!(forge.branch("main"), Some(merge.clone()));
    assert_eq!(forge.file("main", "a.txt").as_deref(), Some("one\ntwo\nthree\n"));
    assert!(!forge.world().is_open(IssueNumber(1)), "the merge closes the issue it names");
    let merged = pull(&forge, found.number);
    assert_eq!((merged.merged, merged.merge_commit, merged.state), (true, Some(merge), OpenState::Closed));
    forge
}

#[test]
fn a_task_goes_from_dispatch_to_a_merge_that_closes_its_issue() {
    let forge = merged_story();
    let told: Vec<String> = forge
        .drain_webhooks()
        .iter()
        .map(|webhook| format!("{}.{}", webhook.event(), webhook.action().unwrap_or_default()))
        .collect();
    let mut at = 0;
    for expected in [
        "issues.opened",
        "issues.labeled",
        "workflow_run.requested",
        "workflow_job.queued",
        "workflow_run.in_progress",
        "workflow_job.in_progress",
        "workflow_job.completed",
        "push.",
        "workflow_run.completed",
        "pull_request.opened",
        "push.",
        "pull_request.closed",
        "issues.closed",
    ] {
        let found = told[at..].iter().position(|event| event == expected);
        at += found.unwrap_or_else(|| panic!("{expected} is missing after {at} in {told:#?}")) + 1;
    }
    assert_eq!(forge.drain_webhooks(), vec![]);
}

#[test]
fn the_same_story_gives_the_same_bytes_and_its_log_the_same_world() {
    let (one, other) = (merged_story(), merged_story());
    assert_eq!(one.world(), other.world());
    assert_eq!(one.repository(), other.repository());
    assert_eq!(one.drain_webhooks(), other.drain_webhooks());
    let fresh = MemoryForge::new(&[("a.txt", "one\ntwo\n"), ("b.txt", "b\n")], START);
    let mut world = fresh.world();
    for (at, request) in one.log() {
        let text = serde_json::to_string(&request).expect("writable");
        let read = serde_json::from_str(&text).expect("readable");
        assert!(world.apply(read, at).response.is_ok(), "{text}");
    }
    assert_eq!(world, one.world());
    let text = serde_json::to_string(&world).expect("writable");
    assert_eq!(serde_json::from_str::<World>(&text).expect("readable"), world);
}

#[test]
fn of_two_runs_of_one_attempt_one_works_and_the_other_ends_quietly() {
    let forge = forge();
    let main = forge.branch("main").expect("there");
    let first = dispatch(&forge, &brief(&forge, Mode::Task, &main));
    let second = forge.double(first).expect("doubled");
    assert_eq!(forge.claim(second), Ok(true));
    assert_eq!(forge.claim(first), Ok(false));
    let entry = forge.world().run(first).cloned().expect("there");
    assert_eq!((entry.progress, entry.conclusion), (Progress::Completed, Some(Conclusion::Success)));
    assert_eq!(record(&forge).claimed.map(|claimed| claimed.run_id), Some(second));
    assert!(forge.finish_run(first, Work::NoChange(String::new())).is_err(), "it is over");
    assert_eq!(forge.finish_run(second, Work::NoChange("all is well".to_owned())), Ok(()));
}

#[test]
fn scripted_ends_are_told_as_the_real_worker_tells_them() {
    let edit = || vec![Edit::append("a.txt", "x\n")];
    let table = [
        (Work::NoChange("fine".to_owned()), ReportOutcome::NoChange, false),
        (Work::Failed("no idea".to_owned()), ReportOutcome::Failed, false),
        (Work::NeedsDecision("which?".to_owned()), ReportOutcome::NeedsDecision, false),
        (Work::Infra("no agent".to_owned()), ReportOutcome::Infra, false),
        (Work::Refused(edit(), vec!["a.txt: protected".to_owned()]), ReportOutcome::Failed, false),
        (Work::Changed(edit()), ReportOutcome::Changed, true),
    ];
    for (work, outcome, has_work) in table {
        let forge = forge();
        let main = forge.branch("main").expect("there");
        let run = dispatch(&forge, &brief(&forge, Mode::Task, &main));
        forge.claim(run).expect("claimed");
        forge.finish_run(run, work.clone()).expect("finished");
        let result = record(&forge).result.expect("published");
        assert_eq!((result.report.outcome, result.commit.is_some()), (outcome, has_work), "{work:?}");
        assert_eq!(forge.branch("orchestrate-work/1.1"), result.commit, "{work:?}");
    }
}

#[test]
fn a_lost_run_leaves_no_result_and_a_fenced_one_publishes_nothing() {
    let lost = forge();
    let main = lost.branch("main").expect("there");
    let run = dispatch(&lost, &brief(&lost, Mode::Task, &main));
    lost.claim(run).expect("claimed");
    lost.finish_run(run, Work::Lost(Conclusion::Failure)).expect("ended");
    assert!(!record(&lost).is_closed());

    let fenced = forge();
    let run = dispatch(&fenced, &brief(&fenced, Mode::Task, &main));
    fenced.claim(run).expect("claimed");
    let why = Fenced { why: "cancelled".to_owned(), at: START };
    let content = Record::fenced(record(&fenced).claimed, why).to_text();
    let files = vec![NewFile { path: RECORD_FILE.to_owned(), content }];
    let branch = "orchestrate-attempt/1.1".to_owned();
    let parent = fenced.branch(&branch);
    let commit = send(&fenced, Call::CreateCommit { message: "fenced".to_owned(), files, parent });
    let Ok(Response::Commit(sha)) = commit else { panic!("{commit:?}") };
    assert!(send(&fenced, Call::AdvanceBranch { branch, sha }).is_ok());
    fenced.finish_run(run, Work::Changed(vec![Edit::append("a.txt", "x\n")])).expect("ended");
    assert_eq!(fenced.branch("orchestrate-work/1.1"), None);
    assert!(record(&fenced).result.is_none());
    assert_eq!(fenced.world().run(run).and_then(|run| run.conclusion), Some(Conclusion::Failure));
}

#[test]
fn a_rebase_run_merges_the_base_into_the_earlier_work() {
    let forge = forge();
    let work = {
        let main = forge.branch("main").expect("there");
        let mut state = forge.locked();
        let tree = [("a.txt".to_owned(), b"one\nours\n"[..].into()), ("b.txt".to_owned(), b"b\n"[..].into())];
        state.repository.commit(vec![main], tree.into(), "work", START)
    };
    let base = forge.push("owner", "main", &[Edit::write("a.txt", "one\ntheirs\n")]).expect("pushed");
    assert_eq!(now(forge.merge_conflicts(&base, &work)), Ok(vec!["a.txt".to_owned()]));
    let run = dispatch(&forge, &brief(&forge, Mode::Rebase, &work));
    forge.claim(run).expect("claimed");
    forge.finish_run(run, Work::Changed(Vec::new())).expect("finished");
    let commit = record(&forge).result.and_then(|result| result.commit).expect("work");
    assert_eq!(forge.file(commit.as_str(), "a.txt").as_deref(), Some("one\nours\ntheirs\n"));
    assert_eq!(now(forge.merge_conflicts(&base, &commit)), Ok(vec![]));
    assert!(forge.repository().contains(&commit, &base));
}

#[test]
fn faults_are_met_once_and_only_by_the_call_that_fits() {
    let forge = forge();
    let until = Timestamp(START.0 + 60_000);
    let comment = || Call::CreateComment { number: IssueNumber(1), body: "hello".to_owned() };
    let is_comment = |call: &Call| matches!(call, Call::CreateComment { .. });
    forge.plan_fault(Target::Call(is_comment), Fault::AnswerLost);
    forge.plan_fault(Target::Call(is_comment), Fault::Instead(Error::RateLimited { until }));
    assert!(send(&forge, Call::Repository).is_ok());
    assert!(matches!(send(&forge, comment()), Err(Error::Unreachable { .. })));
    assert_eq!(forge.world().comments().count(), 1, "it happened all the same");
    assert_eq!(send(&forge, comment()), Err(Error::RateLimited { until }));
    assert_eq!(forge.world().comments().count(), 1, "it did not happen");
    assert!(send(&forge, comment()).is_ok());

    let main = forge.branch("main").expect("there");
    forge.plan_fault(Target::MoveBranch, Fault::AnswerLost);
    assert!(matches!(now(forge.move_branch("x", None, &main)), Err(git::Error::Failed { .. })));
    assert_eq!(forge.branch("x"), Some(main.clone()));
    let moved = Err(git::Error::Moved { found: Some(main.clone()) });
    assert_eq!(now(forge.move_branch("x", None, &main)), moved);
}

#[test]
fn boxes_are_ticked_by_their_line() {
    let forge = forge();
    forge.open_issue(2, "Plan", "- [ ] one\n- [ ] approve `#2`\n", &[]).expect("opened");
    forge.permit("ann", crate::engine::snapshot::Permission::Triage).expect("permitted");
    forge.tick_line("ann", 2, "approve").expect("ticked");
    let world = forge.world();
    let entry = world.issue(IssueNumber(2)).expect("there");
    assert_eq!(entry.issue.body, "- [ ] one\n- [x] approve `#2`\n");
    let editors: Vec<Option<&str>> =
        entry.edits.iter().map(|edit| edit.editor.as_ref().map(|actor| actor.login.as_str())).collect();
    assert_eq!(editors, [Some("owner"), Some("ann")]);
    assert!(forge.tick_line("ann", 2, "nothing like it").is_err());
}
