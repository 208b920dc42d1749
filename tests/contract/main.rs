//! The contract with GitHub: what the client asks, the forge answers and webhooks tell, held against GitHub's own
//! descriptions, which come as packages of Node; and the webhook route against everything that GitHub may send.

#![expect(clippy::expect_used, reason = "a test that cannot go on ends")]
#![expect(clippy::print_stdout, reason = "tests tell what they saw")]

mod app;
mod doctor;
mod kinds;
mod node;
mod others;
mod permissions;
mod relay;
mod requests;
#[path = "../../benches/reaction/runs.rs"]
mod runs;
mod setup;
mod site;
mod storm;
mod story;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use relay::Recording;
use site::Site;
use storm::{Storm, inner_losses, losses, mutations, payloads};

/// Every webhook that a forge can tell.
const TOLD: [&str; 30] = [
    "check_run.completed",
    "check_run.created",
    "check_suite.completed",
    "installation.created",
    "issue_comment.created",
    "issue_comment.deleted",
    "issue_comment.edited",
    "issues.closed",
    "issues.deleted",
    "issues.edited",
    "issues.labeled",
    "issues.opened",
    "issues.pinned",
    "issues.reopened",
    "issues.unlabeled",
    "issues.unpinned",
    "pull_request.closed",
    "pull_request.edited",
    "pull_request.labeled",
    "pull_request.opened",
    "pull_request.reopened",
    "pull_request.synchronize",
    "pull_request.unlabeled",
    "push",
    "workflow_job.completed",
    "workflow_job.in_progress",
    "workflow_job.queued",
    "workflow_run.completed",
    "workflow_run.in_progress",
    "workflow_run.requested",
];

#[tokio::test]
async fn what_is_asked_answered_and_told_is_valid_by_github_s_descriptions() {
    let recording = Arc::new(Recording::default());
    let mut site = Site::start(3, &recording).await;
    site.tell_nobody().await;
    requests::ask_everything(&site).await;
    others::ask(&site, &recording).await;
    doctor::look(&site, &recording).await;
    recording.hear("issues", "deleted", 1).await;
    setup::create_and_install(&site, &recording).await;
    site.forge.shutdown().await;
    let mut site = Site::start(4, &recording).await;
    story::work(&mut site).await;
    site.forge.shutdown().await;

    let told = recording.webhooks();
    let untold: Vec<_> = TOLD.iter().filter(|name| !told.contains(**name)).collect();
    assert!(untold.is_empty(), "webhooks of the forge that no story makes: {untold:?}");
    let file = node::file("recording.jsonl");
    recording.write(&file);
    if node::is_there() {
        let (report, is_kept) = node::run("report.mjs", &[&file]);
        std::fs::write(node::file("contract.txt"), &report).expect("written");
        println!("{report}");
        assert!(is_kept, "{report}");
    }
}

/// Events that the server looks at; all others are ignored by name.
const HANDLED: [&str; 14] = [
    "check_run",
    "check_suite",
    "installation",
    "installation_repositories",
    "issue_comment",
    "issue_dependencies",
    "issues",
    "pull_request",
    "push",
    "repository",
    "status",
    "sub_issues",
    "workflow_job",
    "workflow_run",
];

#[tokio::test]
async fn whatever_github_sends_is_taken_or_ignored_with_a_reason() {
    if !node::is_there() {
        return;
    }
    let file = node::file("payloads.jsonl");
    let (told, is_written) = node::run("payloads.mjs", &[&file]);
    assert!(is_written, "{told}");
    let payloads = payloads(&std::fs::read_to_string(file).expect("written"));
    let mut storm = Storm::start().await;
    let mut taken = BTreeMap::<&str, u64>::new();
    for payload in &payloads {
        let answer = storm.send(payload).await;
        let is_handled = HANDLED.contains(&payload.event.as_str());
        assert!(is_handled || answer != "taken", "{} is handled, and not named here", payload.event);
        *taken.entry(&payload.event).or_default() += u64::from(answer == "taken");
    }
    let never: Vec<_> = HANDLED.iter().filter(|event| taken.get(*event).copied().unwrap_or_default() == 0).collect();
    assert!(never.is_empty(), "no payload of these is taken: {never:?}");
    println!("{} payloads: {:#?}", payloads.len(), storm.answers);

    let (mut mutated, mut kinds, mut events) = (0, BTreeSet::new(), BTreeSet::new());
    for payload in payloads.iter().filter(|payload| HANDLED.contains(&payload.event.as_str())) {
        let is_whole = payload.name.ends_with("whole");
        let mut sent = Vec::new();
        if kinds.insert((&payload.event, payload.body["action"].as_str(), is_whole)) {
            sent.extend(mutations(payload));
        }
        if is_whole && events.insert(&payload.event) {
            sent.extend(losses(payload));
            inner_losses(payload).iter().for_each(Storm::read);
        }
        for mutation in &sent {
            storm.send(mutation).await;
        }
        mutated += sent.len();
    }
    println!("{mutated} mutations");
    assert!(mutated > 1_000 && events.len() == HANDLED.len(), "{mutated} mutations of {events:?}");
    storm.end().await;
}
