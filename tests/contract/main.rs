//! The contract with GitHub: what the client asks, the forge answers and webhooks tell, held against GitHub's own
//! descriptions, which come as packages of Node; and the webhook route against everything that GitHub may send.

#![expect(clippy::expect_used, reason = "a test that cannot go on ends")]
#![expect(clippy::print_stdout, reason = "tests tell what they saw")]

mod node;
mod relay;
mod requests;
#[path = "../../benches/reaction/runs.rs"]
mod runs;
mod site;
mod story;

use std::sync::Arc;

use relay::Recording;
use site::Site;

#[tokio::test]
async fn what_is_asked_answered_and_told_is_valid_by_github_s_descriptions() {
    let recording = Arc::new(Recording::default());
    let mut site = Site::start(3, &recording).await;
    site.tell_nobody().await;
    requests::ask_everything(&site).await;
    recording.hear("issues", "deleted", 1).await;
    site.forge.shutdown().await;
    let mut site = Site::start(4, &recording).await;
    story::work(&mut site).await;
    site.forge.shutdown().await;

    let file = node::file("recording.jsonl");
    recording.write(&file);
    if node::is_there() {
        let (report, is_kept) = node::run("report.mjs", &[&file]);
        std::fs::write(node::file("contract.txt"), &report).expect("written");
        println!("{report}");
        assert!(is_kept, "{report}");
    }
}
