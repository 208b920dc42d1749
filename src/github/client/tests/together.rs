//! Several pull requests with their checks in one question.

use serde_json::{Value, json};

use crate::engine::id::{IssueNumber, JobId, PullNumber, RunId};
use crate::engine::snapshot::{Conclusion, OpenState, Progress};
use crate::github::client::tests::client;
use crate::github::client::tests::server::{self, Server};
use crate::github::{Error, GitHub, PullAndChecks, Request, Response};

fn pull(state: &str, mergeable: &str, rollup: &Value) -> Value {
    json!({
        "number": 4, "title": "t", "body": null, "state": state, "mergeCommit": {"oid": "m"}, "headRefName": "work",
        "headRefOid": "c0ffee", "baseRefName": "main", "isDraft": false, "mergeable": mergeable,
        "updatedAt": "2026-01-01T00:00:00Z", "author": {"login": "app", "__typename": "Bot"},
        "commits": {"nodes": [{"commit": {"oid": "c0ffee", "statusCheckRollup": rollup}}]},
    })
}

fn rollup(next: bool, nodes: &[Value]) -> Value {
    json!({"contexts": {"pageInfo": {"hasNextPage": next}, "nodes": nodes}})
}

fn check(name: &str, conclusion: &str) -> Value {
    json!({
        "__typename": "CheckRun", "databaseId": 7, "name": name, "status": "COMPLETED", "conclusion": conclusion,
        "detailsUrl": "https://github.com/o/r/actions/runs/12/job/34", "summary": "s",
        "checkSuite": {"app": {"slug": "github-actions"}},
    })
}

async fn ask(pulls: Vec<Value>, errors: Value) -> Result<Vec<PullAndChecks>, Error> {
    let numbers = (0..pulls.len() as u64).map(PullNumber).collect();
    let server = Server::start(move |seen, _| {
        assert_eq!((seen.line.as_str(), &seen.body["variables"]["p0"]), ("POST /graphql", &json!(0)));
        let entries = pulls.iter().enumerate().map(|(at, pull)| (format!("p{at}"), pull.clone()));
        let repository: serde_json::Map<String, Value> = entries.collect();
        server::json(200, json!({"data": {"repository": repository}, "errors": errors.clone()}))
    })
    .await;
    let answer = client(&server).send(Request::PullsAndChecks { numbers }).await?;
    let Response::PullsAndChecks(found) = answer else { panic!("{answer:?}") };
    Ok(found)
}

#[tokio::test]
async fn pull_requests_and_checks_read_as_rest_tells_them() {
    let status = |state: &str| json!({"__typename": "StatusContext", "context": "ci", "state": state});
    let nodes = [check("test", "FAILURE"), check("lint", "SUCCESS"), status("EXPECTED")];
    let told = vec![
        pull("OPEN", "CONFLICTING", &rollup(false, &nodes)),
        pull("MERGED", "UNKNOWN", &Value::Null),
        pull("CLOSED", "UNKNOWN", &Value::Null),
    ];
    let found = ask(told, json!([])).await.expect("an answer");
    let [open, merged, closed] = found.as_slice() else { panic!("{found:#?}") };
    assert_eq!((open.pull.state, open.pull.mergeable, open.pull.merged), (OpenState::Open, Some(false), false));
    assert_eq!((open.pull.author.login.as_str(), open.pull.merge_commit.as_ref()), ("app[bot]", None));
    assert_eq!((merged.pull.state, merged.pull.merged), (OpenState::Closed, true));
    assert_eq!((closed.pull.state, closed.pull.merged), (OpenState::Closed, false));
    let checks = open.checks.as_ref().expect("all of them");
    let run = &checks.runs[0];
    assert_eq!((run.progress, run.conclusion), (Progress::Completed, Some(Conclusion::Failure)));
    assert_eq!((run.run, run.job, run.app.as_str()), (Some(RunId(12)), Some(JobId(34)), "github-actions"));
    assert_eq!((checks.runs.len(), checks.statuses[0].conclusion), (2, None), "an expected status is pending");
    assert!(merged.checks.as_ref().is_some_and(|checks| checks.runs.is_empty()));
}

#[tokio::test]
async fn checks_that_are_not_whole_or_not_told_apart_are_not_taken() {
    let another_head = |mut pull: Value| {
        pull["commits"]["nodes"][0]["commit"]["oid"] = json!("older");
        pull
    };
    let none = pull("OPEN", "MERGEABLE", &Value::Null);
    for told in [
        pull("OPEN", "MERGEABLE", &rollup(true, &[check("test", "SUCCESS")])),
        pull("OPEN", "MERGEABLE", &rollup(false, &[check("test", "FAILURE"), check("test", "SUCCESS")])),
        pull("OPEN", "MERGEABLE", &rollup(false, &[Value::Null])),
        pull("OPEN", "MERGEABLE", &rollup(false, &[json!({"__typename": "Other"})])),
        another_head(none),
    ] {
        let found = ask(vec![told.clone()], json!([])).await.expect("an answer");
        assert_eq!((found[0].pull.mergeable, &found[0].checks), (Some(true), &None), "{told:#}");
    }
}

#[tokio::test]
async fn one_that_is_missing_is_left_out_and_any_other_error_fails_all() {
    let there = || pull("OPEN", "MERGEABLE", &Value::Null);
    let error = |kind: &str, at: &str| json!([{"type": kind, "path": ["repository", at], "message": "m"}]);
    let found = ask(vec![there(), Value::Null], error("NOT_FOUND", "p1")).await.expect("the other one");
    assert_eq!(found.len(), 1);
    let denied = ask(vec![there(), Value::Null], error("FORBIDDEN", "p1")).await;
    assert!(matches!(denied, Err(Error::Denied { .. })), "{denied:?}");
    let untold = ask(vec![there(), Value::Null], json!([])).await;
    assert!(matches!(untold, Err(Error::Unexpected { .. })), "{untold:?}");
    let everything = ask(vec![Value::Null], json!([{"type": "NOT_FOUND", "path": ["repository"]}])).await;
    assert!(matches!(everything, Err(Error::Missing { .. })), "{everything:?}");
    let unknown = ask(vec![pull("ODD", "MERGEABLE", &Value::Null)], json!([])).await;
    assert!(matches!(unknown, Err(Error::Unexpected { .. })), "{unknown:?}");
}

#[tokio::test]
async fn branches_and_pull_requests_are_one_question_and_two_where_the_server_refuses_it() {
    for refuses in [false, true] {
        let server = Server::start(move |seen, _| {
            let variables = &seen.body["variables"];
            let is_joint = !variables["b0"].is_null() && !variables["p0"].is_null();
            if refuses && is_joint {
                return server::json(200, json!({"errors": [{"type": "FORBIDDEN", "message": "m"}]}));
            }
            let tip = json!({"target": {"oid": "c0ffee", "file": null}});
            let there = pull("OPEN", "MERGEABLE", &Value::Null);
            let all = json!({"b0": tip, "b1": null, "p0": there, "p1": null});
            let missing = [json!({"type": "NOT_FOUND", "path": ["repository", "p1"]})];
            let told = all.as_object().into_iter().flatten().filter(|(alias, _)| !variables[alias.as_str()].is_null());
            let repository: serde_json::Map<String, Value> =
                told.map(|(at, told)| (at.clone(), told.clone())).collect();
            let errors: &[Value] = if variables["p1"].is_null() { &[] } else { &missing };
            server::json(200, json!({"data": {"repository": repository}, "errors": errors}))
        })
        .await;
        let branches = vec!["main".to_owned(), "none".to_owned()];
        let tips = Request::Tips { branches, path: "a.json".to_owned() };
        let pulls = Request::PullsAndChecks { numbers: vec![PullNumber(4), PullNumber(5)] };
        let answers = client(&server).send_together(vec![tips, pulls]).await;
        let [Ok(Response::Tips(tips)), Ok(Response::PullsAndChecks(pulls))] = answers.as_slice() else {
            panic!("{answers:?}")
        };
        assert_eq!((tips.len(), tips[0].is_some(), tips[1].is_none(), pulls.len()), (2, true, true, 1));
        assert_eq!(server.lines().len(), if refuses { 3 } else { 1 });
    }
}

#[tokio::test]
async fn branches_are_deleted_all_at_once_and_one_by_one_where_one_is_gone() {
    for gone in [false, true] {
        let server = Server::start(move |seen, _| match seen.line.as_str() {
            "GET /repos/o/r" => server::json(200, json!({"id": 1, "node_id": "R_1", "default_branch": "main"})),
            "POST /graphql" if gone => {
                server::json(200, json!({"errors": [{"type": "UNPROCESSABLE", "message": "m"}]}))
            }
            "POST /graphql" => server::json(200, json!({"data": {"updateRefs": {"clientMutationId": null}}})),
            "DELETE /repos/o/r/git/refs/heads/b" => server::json(422, json!({"message": "Reference does not exist"})),
            _ => server::text(204, ""),
        })
        .await;
        let client = client(&server);
        let wanted = || ["a", "b"].map(|branch| Request::DeleteBranch { branch: branch.to_owned() }).to_vec();
        assert_eq!(client.send_together(wanted()).await.len(), 2);
        assert_eq!(server.lines().len(), 2, "without the repository's id each goes by itself");
        client.send(Request::Repository).await.expect("a repository");
        let answers = client.send_together(wanted()).await;
        assert_eq!(answers[0], Ok(Response::Done), "{answers:?}");
        let asked = &server.seen()[3].body["variables"]["input"];
        let zeros = "0".repeat(40);
        let update = |branch: &str| json!({"name": format!("refs/heads/{branch}"), "afterOid": zeros, "force": true});
        assert_eq!(asked, &json!({"repositoryId": "R_1", "refUpdates": [update("a"), update("b")]}));
        assert_eq!(server.lines().len(), if gone { 6 } else { 4 });
    }
}

#[tokio::test]
async fn a_body_that_is_written_tells_its_edits_oldest_first() {
    let server = Server::start(|_, _| {
        let edit = |second: u32, diff: &str| {
            let editor = json!({"login": "app", "__typename": "Bot"});
            json!({"editedAt": format!("2026-01-01T00:00:0{second}Z"), "diff": diff, "editor": editor})
        };
        let edits = json!({"nodes": [edit(2, "new"), edit(1, "old")]});
        let issue = json!({"number": 7, "updatedAt": "2026-01-01T00:00:02Z", "userContentEdits": edits});
        server::json(200, json!({"data": {"updateIssue": {"issue": issue}}}))
    })
    .await;
    let write = async |number: u64| {
        let (node_id, body) = ("I_7".to_owned(), "new".to_owned());
        client(&server).send(Request::RewriteIssue { number: IssueNumber(number), node_id, body }).await
    };
    let answer = write(7).await;
    let Ok(Response::Rewritten { updated_at, edits }) = answer else { panic!("{answer:?}") };
    assert_eq!(updated_at, edits[1].at);
    let told: Vec<_> = edits.iter().map(|edit| edit.body.as_deref().unwrap_or_default()).collect();
    assert_eq!(told, ["old", "new"]);
    assert_eq!(edits[0].editor.as_ref().map(|editor| editor.login.as_str()), Some("app[bot]"));
    assert_eq!(server.seen()[0].body["variables"]["input"], json!({"id": "I_7", "body": "new"}));
    let another = write(8).await;
    assert!(matches!(another, Err(Error::Unexpected { .. })), "{another:?}");
}
