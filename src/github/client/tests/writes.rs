//! Writes are sent once, and their refusals are told apart.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use serde_json::{Value, json};

use crate::engine::id::{CommentId, IssueNumber, PullNumber, RepositoryName, RunId, Sha};
use crate::engine::snapshot::OpenState;
use crate::engine::time::Timestamp;
use crate::github::client::tests::server::{self, Server, text};
use crate::github::client::tests::{NOW, client, client_at};
use crate::github::client::{Budget, Client, Credentials, Transport};
use crate::github::{Error, GitHub, NewFile, Reaction, Request, Response};

fn dispatch() -> Request {
    let inputs = BTreeMap::from([("key".to_owned(), "t1.1.aa".to_owned())]);
    Request::DispatchWorkflow { workflow: "task.yml".to_owned(), branch: "main".to_owned(), inputs }
}

fn branch() -> Request {
    Request::CreateBranch { branch: "orchestrate/issue-1".to_owned(), sha: Sha::new("c0ffee") }
}

#[tokio::test]
async fn a_dispatch_tells_its_run_where_the_server_does() {
    for (reply, expected) in
        [(server::json(200, json!({"workflow_run_id": 42, "run_url": "x"})), Some(RunId(42))), (text(204, ""), None)]
    {
        let server = Server::start(move |_, _| reply.clone()).await;
        assert_eq!(client(&server).send(dispatch()).await, Ok(Response::Dispatched(expected)));
        let seen = server.seen().remove(0);
        assert_eq!(seen.line, "POST /repos/o/r/actions/workflows/task.yml/dispatches");
        assert_eq!(seen.body, json!({"ref": "main", "inputs": {"key": "t1.1.aa"}, "return_run_details": true}));
    }
}

#[tokio::test]
async fn a_write_without_an_answer_is_sent_once_and_leaves_doubt() {
    let server = Server::start(|_, _| text(502, "<html>bad gateway</html>")).await;
    let error = client(&server).send(dispatch()).await.expect_err("a 502");
    assert!(matches!(error, Error::Unreachable { .. }) && error.leaves_doubt(), "{error}");
    assert_eq!(server.lines().len(), 1);

    let garbled = Server::start(|_, _| text(201, "{\"ref\":")).await;
    let error = client(&garbled).send(branch()).await.expect_err("half an answer");
    assert!(matches!(error, Error::Unexpected { .. }) && error.leaves_doubt(), "{error}");
    assert_eq!(garbled.lines().len(), 1);
}

#[tokio::test]
async fn a_connection_that_cannot_be_made_is_unreachable() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address");
    drop(listener);
    let error = client_at(&format!("http://{address}")).send(branch()).await.expect_err("nobody listens");
    assert!(matches!(error, Error::Unreachable { .. }), "{error}");
    assert!(!error.to_string().contains(".rs"), "no backtrace: {error}");
}

#[tokio::test]
async fn while_github_says_wait_nothing_is_sent() {
    let message = json!({"message": "You have exceeded a secondary rate limit."});
    let server = Server::start(move |seen, _| {
        if seen.line.starts_with("POST") {
            server::json(403, message.clone()).with("retry-after", "30")
        } else {
            server::json(200, json!({"id": 1, "default_branch": "main"}))
        }
    })
    .await;
    let time = Arc::new(AtomicI64::new(NOW.0));
    let hands = time.clone();
    let clock = Arc::new(move || Timestamp(hands.load(Ordering::SeqCst)));
    let transport = Transport::new(&server.url, clock).expect("loopback");
    let credentials = Credentials::Fixed("token-of-the-test".into());
    let client = Client::new(Arc::new(transport), RepositoryName::new("o/r"), credentials).expect("a repository");

    let limited = Error::RateLimited { until: Timestamp(NOW.0 + 30_000) };
    assert_eq!(client.send(branch()).await, Err(limited.clone()));
    assert_eq!(client.send(branch()).await, Err(limited.clone()));
    assert_eq!(client.send(Request::Repository).await, Err(limited));
    assert_eq!(server.lines().len(), 1);
    time.fetch_add(30_000, Ordering::SeqCst);
    assert!(client.send(Request::Repository).await.is_ok());
}

#[tokio::test]
async fn the_budget_is_what_the_headers_say() {
    let server = Server::start(|_, _| {
        let answer = server::json(200, json!({"id": 1, "default_branch": "main", "archived": true}));
        let answer = answer.with("x-ratelimit-limit", "5000").with("x-ratelimit-remaining", "4990");
        answer.with("x-ratelimit-reset", "1800000000")
    })
    .await;
    let client = client(&server);
    assert_eq!(client.budget(), None);
    client.send(Request::Repository).await.expect("a repository");
    assert_eq!(client.budget(), Some(Budget { limit: 5000, remaining: 4990, reset: NOW }));
}

#[tokio::test]
async fn refusals_of_branches_and_merges_are_told_apart() {
    let server = Server::start(|seen, _| {
        let refuse = |message: &str| server::json(422, json!({"message": message}));
        match seen.line.as_str() {
            "POST /repos/o/r/git/refs" => refuse("Reference already exists"),
            "PATCH /repos/o/r/git/refs/heads/a/b" => refuse("Update is not a fast forward"),
            "DELETE /repos/o/r/git/refs/heads/a/b" => refuse("Reference does not exist"),
            "PUT /repos/o/r/pulls/4/merge" => server::json(405, json!({"message": "Pull Request is not mergeable"})),
            "POST /repos/o/r/merges" if seen.body["head"] == "old" => text(204, ""),
            "POST /repos/o/r/merges" if seen.body["head"] == "new" => {
                server::json(201, json!({"sha": "abc", "parents": [{"sha": "own"}, {"sha": "base"}]}))
            }
            "POST /repos/o/r/merges" => server::json(409, json!({"message": "Merge conflict"})),
            "POST /repos/o/r/actions/runs/1/force-cancel" => server::json(409, json!({"message": "Cannot cancel"})),
            line => panic!("{line}"),
        }
    })
    .await;
    let ask = async |request| client(&server).send(request).await;
    let conflict = |message: &str| Err(Error::Conflict { message: message.to_owned() });
    let a_b = || "a/b".to_owned();
    assert_eq!(ask(branch()).await, conflict("Reference already exists"));
    let advance = Request::AdvanceBranch { branch: a_b(), sha: Sha::new("c0ffee") };
    assert_eq!(ask(advance).await, conflict("Update is not a fast forward"));
    assert_eq!(ask(Request::DeleteBranch { branch: a_b() }).await, Ok(Response::Done));
    let merge = Request::MergePullRequest { number: PullNumber(4), head: Sha::new("c0ffee") };
    assert_eq!(ask(merge).await, conflict("Pull Request is not mergeable"));
    let merge = |from: &str| Request::MergeBranch { into: a_b(), from: from.to_owned() };
    assert_eq!(ask(merge("old")).await, Ok(Response::Done));
    let merged = Response::BranchMerged { commit: Sha::new("abc"), onto: Some(Sha::new("own")) };
    assert_eq!(ask(merge("new")).await, Ok(merged));
    assert_eq!(ask(merge("bad")).await, conflict("Merge conflict"));
    assert_eq!(ask(Request::CancelRun { run: RunId(1), force: true }).await, conflict("Cannot cancel"));
}

#[tokio::test]
async fn a_run_that_may_not_run_again_is_told_from_one_we_may_not_touch() {
    const STATE: &str = "This workflow is already running";
    const RIGHT: &str = "Resource not accessible by integration";
    let server = Server::start(|seen, _| {
        let message = if seen.line.contains("/runs/1/") { STATE } else { RIGHT };
        server::json(403, json!({"message": message}))
    })
    .await;
    let ask = async |run| client(&server).send(Request::RerunFailedJobs { run: RunId(run) }).await;
    assert_eq!(ask(1).await, Err(Error::Conflict { message: STATE.to_owned() }));
    assert_eq!(ask(2).await, Err(Error::Denied { message: RIGHT.to_owned() }));
}

#[tokio::test]
async fn a_commit_is_made_on_its_parents_tree_and_without_an_author() {
    let server = Server::start(|seen, _| match seen.line.as_str() {
        "GET /repos/o/r/git/commits/dad" => server::json(200, json!({"sha": "dad", "tree": {"sha": "oak"}})),
        "POST /repos/o/r/git/trees" => server::json(201, json!({"sha": "elm"})),
        "POST /repos/o/r/git/commits" => server::json(201, json!({"sha": "kid"})),
        line => panic!("{line}"),
    })
    .await;
    let files = vec![NewFile { path: "a/b.json".to_owned(), content: "{}".to_owned() }];
    let entry = json!({"path": "a/b.json", "mode": "100644", "type": "blob", "content": "{}"});
    let make = async |parent: Option<&str>| {
        let request =
            Request::CreateCommit { message: "why".to_owned(), files: files.clone(), parent: parent.map(Sha::new) };
        assert_eq!(client(&server).send(request).await, Ok(Response::Commit(Sha::new("kid"))));
    };
    make(Some("dad")).await;
    make(None).await;
    let bodies: Vec<Value> = server.seen().into_iter().map(|seen| seen.body).collect();
    assert_eq!(bodies[1], json!({"base_tree": "oak", "tree": [entry]}));
    assert_eq!(bodies[2], json!({"message": "why", "tree": "elm", "parents": ["dad"]}));
    assert_eq!(bodies[3], json!({"tree": [entry]}));
    assert_eq!(bodies[4], json!({"message": "why", "tree": "elm", "parents": []}));
}

#[tokio::test]
async fn a_commit_on_a_branch_compares_its_head_and_texts_go_as_variables_only() {
    let asked = Arc::new(AtomicI64::new(0));
    let server = Server::start(move |seen, _| {
        assert_eq!(seen.line, "POST /graphql");
        assert!(!seen.body["query"].to_string().contains("why"), "nothing is spliced in: {}", seen.body["query"]);
        let failed = |kind: Value, message: &str| {
            let errors = json!([{"type": kind, "path": ["createCommitOnBranch"], "message": message}]);
            server::json(200, json!({"data": {"createCommitOnBranch": null}, "errors": errors}))
        };
        match asked.fetch_add(1, Ordering::SeqCst) {
            0 => server::json(200, json!({"data": {"createCommitOnBranch": {"commit": {"oid": "kid"}}}})),
            1 => failed(json!("STALE_DATA"), "Expected branch to point to \"dad\" but it did not. Pull and try again."),
            2 => failed(json!("NOT_FOUND"), "Could not resolve to a Ref"),
            3 => failed(json!("FORBIDDEN"), "Resource not accessible by integration"),
            4 => failed(Value::Null, "Something went wrong while executing your query."),
            5 => failed(json!("UNPROCESSABLE"), "A path was wrong"),
            _ => server::json(200, json!({"data": {"createCommitOnBranch": {"commit": null}}})),
        }
    })
    .await;
    let files = vec![NewFile { path: "a/b.json".to_owned(), content: "{}".to_owned() }];
    let (branch, expected, message) = ("a/b".to_owned(), Sha::new("dad"), "why\n\nbecause".to_owned());
    let request = Request::CommitOnBranch { branch, expected, message, files };
    let client = client(&server);
    assert_eq!(client.send(request.clone()).await, Ok(Response::Commit(Sha::new("kid"))));
    let input = json!({
        "branch": {"repositoryNameWithOwner": "o/r", "branchName": "a/b"},
        "expectedHeadOid": "dad",
        "message": {"headline": "why", "body": "because"},
        "fileChanges": {"additions": [{"path": "a/b.json", "contents": "e30="}]},
    });
    assert_eq!(server.seen()[0].body["variables"], json!({"input": input}));
    let mut refused = Vec::new();
    for _ in 0..6 {
        refused.push(client.send(request.clone()).await.expect_err("refused"));
    }
    assert!(
        matches!(
            refused.as_slice(),
            [
                Error::Conflict { .. },
                Error::Missing { .. },
                Error::Denied { .. },
                Error::Unreachable { .. },
                Error::Invalid { .. },
                Error::Unexpected { .. }
            ]
        ),
        "{refused:#?}"
    );
}

#[tokio::test]
async fn issues_comments_and_reactions_say_what_is_meant() {
    let server = Server::start(|seen, _| match seen.line.as_str() {
        "DELETE /repos/o/r/issues/comments/8" => text(204, ""),
        "POST /repos/o/r/issues/7/comments" => server::json(201, json!({"id": 8, "body": "hello"})),
        line if line.ends_with("/reactions") => server::json(200, json!({"id": 1})),
        _ => server::json(200, json!({"number": 7, "state": "closed"})),
    })
    .await;
    let ask = async |request| client(&server).send(request).await.expect("an answer");
    let number = IssueNumber(7);
    ask(Request::UpdateIssue { number, title: None, body: None, state: Some(OpenState::Closed) }).await;
    ask(Request::UpdateIssue { number, title: None, body: Some("b".to_owned()), state: None }).await;
    let Response::Comment(comment) = ask(Request::CreateComment { number, body: "hello".to_owned() }).await else {
        panic!("a comment")
    };
    assert_eq!((comment.id, comment.issue), (CommentId(8), number));
    ask(Request::React { comment: CommentId(8), reaction: Reaction::PlusOne }).await;
    ask(Request::DeleteComment { comment: CommentId(8) }).await;
    let bodies: Vec<Value> = server.seen().into_iter().map(|seen| seen.body).collect();
    assert_eq!(bodies[0], json!({"state": "closed", "state_reason": "completed"}));
    assert_eq!(bodies[1], json!({"body": "b"}));
    assert_eq!(bodies[3], json!({"content": "+1"}));
}

#[tokio::test]
async fn a_draft_becomes_ready_where_drafts_are_not_sold() {
    let server = Server::start(|seen, _| {
        if seen.body["draft"] == true {
            let message = json!({"message": "Draft pull requests are not supported in this repository."});
            return server::json(422, message);
        }
        let ends = json!({"ref": "a", "sha": "c0ffee"});
        server::json(201, json!({"number": 4, "state": "open", "head": ends, "base": ends, "merge_commit_sha": "test"}))
    })
    .await;
    let text = || "a".to_owned();
    let request = Request::CreatePullRequest { title: text(), body: text(), head: text(), base: text(), draft: true };
    let Ok(Response::PullRequest(pull)) = client(&server).send(request).await else { panic!("a pull request") };
    assert_eq!((pull.draft, pull.merge_commit), (false, None));
    assert_eq!(server.lines().len(), 2);
}
