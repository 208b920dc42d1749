use http::{StatusCode, header};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use crate::engine::id::IssueNumber;
use crate::engine::id::JobId;
use crate::engine::snapshot::Conclusion;
use crate::forge::http::tests::{Fixture, read};
use crate::forge::world::access::{Level, Scope};
use crate::forge::world::request::{Request, RunnerAct};

#[tokio::test]
async fn lists_come_in_pages_that_name_each_other() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let forge = Fixture::start(folder.path()).await;
    for number in 2..=5 {
        let wish = json!({ "title": format!("issue {number}"), "labels": ["a b", "orchestrate"] });
        assert_eq!(forge.call("POST", "/issues", Some(wish)).await.0, StatusCode::CREATED);
    }
    let path = "/repos/octo/widgets/issues?labels=orchestrate,a%20b&state=all&per_page=3";
    let response = forge.answer(&forge.token, "GET", path, None).await;
    let link = response.headers()[header::LINK].to_str().expect("text").to_owned();
    assert_eq!(response.headers()["x-ratelimit-limit"], "5000");
    let (_, body) = read(response).await;
    assert_eq!(body.as_array().map(Vec::len), Some(3));
    assert_eq!(body[0]["number"], 5);
    let next = link.split_once('>').map(|(address, _)| address.trim_start_matches('<').to_owned()).expect("a link");
    let next = next.strip_prefix(forge.forge.base_url()).expect("on this server").to_owned();
    let (_, body) = forge.call_as(&forge.token, "GET", &next, None).await;
    assert_eq!(body.as_array().map(Vec::len), Some(1), "{next}");
}

#[tokio::test]
async fn issues_comments_and_reactions_live_their_life() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let forge = Fixture::start(folder.path()).await;
    let (status, comment) = forge.call("POST", "/issues/1/comments", Some(json!({ "body": "hello" }))).await;
    assert_eq!((status, comment["user"]["login"].as_str()), (StatusCode::CREATED, Some("task-orchestrator[bot]")));
    let id = comment["id"].as_u64().expect("an id");
    for expected in [StatusCode::CREATED, StatusCode::OK] {
        let path = format!("/issues/comments/{id}/reactions");
        assert_eq!(forge.call("POST", &path, Some(json!({ "content": "eyes" }))).await.0, expected);
    }
    let (_, since) = forge.get("/issues/comments?since=2000-01-01T00:00:00Z&sort=updated&direction=asc").await;
    assert_eq!(since[0]["id"], id);
    assert_eq!(forge.call("DELETE", &format!("/issues/comments/{id}"), None).await.0, StatusCode::NO_CONTENT);
    assert_eq!(forge.get(&format!("/issues/comments/{id}")).await.0, StatusCode::NOT_FOUND);
    let (_, timeline) = forge.get("/issues/1/timeline").await;
    assert_eq!(
        (timeline[0]["event"].as_str(), timeline[0]["label"]["name"].as_str()),
        (Some("labeled"), Some("orchestrate"))
    );
    let (status, issue) = forge.call("PATCH", "/issues/1", Some(json!({ "state": "closed" }))).await;
    assert_eq!((status, issue["state"].as_str()), (StatusCode::OK, Some("closed")));
    let long = json!({ "body": "x".repeat(65_537) });
    let (status, body) = forge.call("PATCH", "/issues/1", Some(long)).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(body["message"].as_str().is_some_and(|text| text.contains("too long")), "{body}");
    assert_eq!(forge.get("/issues/99").await.0, StatusCode::NOT_FOUND);
    assert_eq!(forge.get("/collaborators/owner/permission").await.1["role_name"], "admin");
    assert_eq!(forge.get("/collaborators/nobody/permission").await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn graphql_pins_and_tells_edits() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let forge = Fixture::start(folder.path()).await;
    let (_, issue) = forge.get("/issues/1").await;
    let query = "mutation($id:ID!){change:pinIssue(input:{issueId:$id}){issue{id}}}";
    let pin = json!({ "query": query, "variables": { "id": issue["node_id"] } });
    let (status, body) = forge.call_as(&forge.token, "POST", "/graphql", Some(pin)).await;
    assert_eq!((status, &body["data"]["change"]["issue"]["id"]), (StatusCode::OK, &issue["node_id"]), "{body}");
    assert!(forge.forge.hub.look(|world| world.issue(IssueNumber(1)).is_some_and(|entry| entry.pinned)));
    let wrong = json!({ "query": query, "variables": { "id": "nothing" } });
    let (_, body) = forge.call_as(&forge.token, "POST", "/graphql", Some(wrong)).await;
    assert_eq!(body["errors"][0]["type"], "NOT_FOUND", "{body}");
    assert_eq!(forge.call("PATCH", "/issues/1", Some(json!({ "body": "new" }))).await.0, StatusCode::OK);
    let edits = json!({
        "query": "query($number:Int!){repository{issue(number:$number){userContentEdits(last:100){nodes{diff}}}}}",
        "variables": { "owner": "octo", "name": "widgets", "number": 1 },
    });
    let (_, body) = forge.call_as(&forge.token, "POST", "/graphql", Some(edits)).await;
    let nodes = &body["data"]["repository"]["issue"]["userContentEdits"]["nodes"];
    assert_eq!(
        (nodes[0]["diff"].as_str(), nodes[0]["editor"]["login"].as_str()),
        (Some("new"), Some("task-orchestrator"))
    );
}

#[tokio::test]
async fn graphql_commits_on_a_branch_where_it_stands_as_expected_and_shows_branches_with_a_file() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let forge = Fixture::start(folder.path()).await;
    let (_, head) = forge.get("/git/ref/heads/trunk").await;
    let commit = async |branch: &str, expected: &Value, contents: &str| {
        let input = json!({
            "branch": { "repositoryNameWithOwner": "octo/widgets", "branchName": branch },
            "expectedHeadOid": expected,
            "message": { "headline": "why" },
            "fileChanges": { "additions": [{ "path": "a.json", "contents": contents }] },
        });
        let query = "mutation($input:CreateCommitOnBranchInput!){createCommitOnBranch(input:$input){commit{oid}}}";
        let asked = json!({ "query": query, "variables": { "input": input } });
        let (status, body) = forge.call_as(&forge.token, "POST", "/graphql", Some(asked)).await;
        assert_eq!(status, StatusCode::OK);
        body
    };
    let made = commit("trunk", &head["object"]["sha"], "e30=").await;
    let oid = &made["data"]["createCommitOnBranch"]["commit"]["oid"];
    assert_eq!(forge.get("/git/ref/heads/trunk").await.1["object"]["sha"], *oid, "{made}");
    for (branch, contents, kind) in
        [("trunk", "e30=", "STALE_DATA"), ("gone", "e30=", "NOT_FOUND"), ("trunk", "?", "UNPROCESSABLE")]
    {
        let refused = commit(branch, &head["object"]["sha"], contents).await;
        assert_eq!(refused["errors"][0]["type"], kind, "{refused}");
    }
    let query = "query($path:String!,$b0:String!,$b1:String!){repository{x:ref(qualifiedName:$b0){...tip} \
                 y:ref(qualifiedName:$b1){...tip}}}fragment tip on Ref{target{oid}}";
    let variables = json!({ "path": "a.json", "b0": "refs/heads/trunk", "b1": "refs/heads/gone" });
    let asked = json!({ "query": query, "variables": variables });
    let (_, body) = forge.call_as(&forge.token, "POST", "/graphql", Some(asked)).await;
    let repository = &body["data"]["repository"];
    assert_eq!((&repository["x"]["target"]["oid"], &repository["y"]), (oid, &Value::Null), "{body}");
    assert_eq!(repository["x"]["target"]["file"]["object"]["text"], "{}", "{body}");
}

#[tokio::test]
async fn workflows_are_dispatched_with_their_declared_inputs_only() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let forge = Fixture::start(folder.path()).await;
    let path = "/actions/workflows/task.yml/dispatches";
    let body = json!({ "ref": "trunk", "inputs": { "key": "t1.1" }, "return_run_details": true });
    let (status, told) = forge.call("POST", path, Some(body)).await;
    assert_eq!(status, StatusCode::OK, "{told}");
    let run = told["workflow_run_id"].as_u64().expect("a run");
    assert_eq!(forge.get(&format!("/actions/runs/{run}")).await.1["display_title"], "task t1.1");
    let silent = json!({ "ref": "trunk", "inputs": { "key": "t1.2" } });
    assert_eq!(forge.call("POST", path, Some(silent)).await.0, StatusCode::NO_CONTENT);
    for (path, body, status) in [
        (path, json!({ "ref": "trunk", "inputs": { "key": "x", "other": "y" } }), StatusCode::UNPROCESSABLE_ENTITY),
        (path, json!({ "ref": "trunk" }), StatusCode::UNPROCESSABLE_ENTITY),
        (path, json!({ "ref": "nowhere", "inputs": { "key": "x" } }), StatusCode::UNPROCESSABLE_ENTITY),
        ("/actions/workflows/other.yml/dispatches", json!({ "ref": "trunk" }), StatusCode::NOT_FOUND),
    ] {
        let (told, body) = forge.call("POST", path, Some(body)).await;
        assert_eq!(told, status, "{body}");
    }
    let (_, list) = forge.get("/actions/workflows/task.yml/runs?created=%3E%3D2000-01-01T00:00:00Z&per_page=1").await;
    assert_eq!((list["total_count"].as_u64(), list["workflow_runs"].as_array().map(Vec::len)), (Some(2), Some(1)));
    assert_eq!(forge.call("POST", &format!("/actions/runs/{run}/cancel"), None).await.0, StatusCode::ACCEPTED);
    assert_eq!(forge.call("POST", &format!("/actions/runs/{run}/cancel"), None).await.0, StatusCode::CONFLICT);
}

#[tokio::test]
async fn a_finished_jobs_log_is_behind_an_address_that_ends() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let forge = Fixture::start(folder.path()).await;
    let body = json!({ "ref": "trunk", "inputs": { "key": "t1.1" }, "return_run_details": true });
    let (_, told) = forge.call("POST", "/actions/workflows/task.yml/dispatches", Some(body)).await;
    let (_, jobs) = forge.get(&format!("/actions/runs/{}/jobs", told["workflow_run_id"])).await;
    let job = JobId(jobs["jobs"][0]["id"].as_u64().expect("a job"));
    let logs = format!("/repos/octo/widgets/actions/jobs/{job}/logs");
    assert_eq!(forge.answer(&forge.token, "GET", &logs, None).await.status(), StatusCode::NOT_FOUND);
    for act in [
        RunnerAct::JobStarted { job },
        RunnerAct::LogTail { job, text: "it broke\n".to_owned() },
        RunnerAct::JobEnded { job, conclusion: Conclusion::Failure, outputs: Default::default() },
    ] {
        forge.forge.apply(Request::Runner(act)).await.expect("told");
    }
    let response = forge.answer(&forge.token, "GET", &logs, None).await;
    assert_eq!(response.status(), StatusCode::FOUND);
    let location = response.headers()[header::LOCATION].to_str().expect("text");
    let path = location.strip_prefix(forge.forge.base_url()).expect("on this server").to_owned();
    assert_eq!(forge.call_as("", "GET", &path, None).await, (StatusCode::OK, json!("it broke\n")));
    assert_eq!(forge.call_as("", "GET", &path.replace("until=1", "until=2"), None).await.0, StatusCode::FORBIDDEN);
    forge.now.fetch_add(61_000, std::sync::atomic::Ordering::SeqCst);
    assert_eq!(forge.call_as("", "GET", &path, None).await.0, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn refs_move_as_githubs_do() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let forge = Fixture::start(folder.path()).await;
    let first = forge.branch_with("topic/1", "trunk", "b.txt", "b\n").await;
    let twice = json!({ "ref": "refs/heads/topic/1", "sha": first });
    let (status, body) = forge.call("POST", "/git/refs", Some(twice)).await;
    assert_eq!(
        (status, body["message"].as_str()),
        (StatusCode::UNPROCESSABLE_ENTITY, Some("Reference already exists"))
    );
    let (_, trunk) = forge.get("/git/ref/heads/trunk").await;
    let back = json!({ "sha": trunk["object"]["sha"], "force": false });
    let (status, body) = forge.call("PATCH", "/git/refs/heads/topic/1", Some(back)).await;
    assert_eq!(
        (status, body["message"].as_str()),
        (StatusCode::UNPROCESSABLE_ENTITY, Some("Update is not a fast forward"))
    );
    let second = forge.branch_with("topic/2", "topic/1", "c.txt", "c\n").await;
    let on = json!({ "sha": second, "force": false });
    assert_eq!(forge.call("PATCH", "/git/refs/heads/topic/1", Some(on)).await.0, StatusCode::OK);
    let (_, found) = forge.get("/git/matching-refs/heads/topic/").await;
    assert_eq!(found.as_array().map(Vec::len), Some(2), "{found}");
    assert_eq!(forge.call("DELETE", "/git/refs/heads/topic/2", None).await.0, StatusCode::NO_CONTENT);
    assert_eq!(forge.get("/git/ref/heads/topic/2").await.0, StatusCode::NOT_FOUND);
    let (_, file) = forge.get("/contents/c.txt?ref=topic/1").await;
    assert_eq!(file["content"], "Ywo=\n", "{file}");
    assert_eq!(forge.get("/contents/none.txt").await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn merges_are_gits_own_and_close_what_they_say() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let forge = Fixture::start(folder.path()).await;
    let head = forge.branch_with("orchestrate/issue-1", "trunk", "a.txt", "ONE\ntwo\nthree\n").await;
    forge.branch_with("clash", "trunk", "a.txt", "eins\ntwo\nthree\n").await;
    let wish = json!({ "title": "fix", "body": "Closes #1", "head": "orchestrate/issue-1", "base": "trunk" });
    let (status, pull) = forge.call("POST", "/pulls", Some(wish.clone())).await;
    assert_eq!((status, pull["mergeable"].as_bool()), (StatusCode::CREATED, Some(true)), "{pull}");
    let (status, body) = forge.call("POST", "/pulls", Some(wish)).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(body["message"].as_str().is_some_and(|text| text.contains("already exists")), "{body}");
    let (_, other) =
        forge.call("POST", "/pulls", Some(json!({ "title": "c", "head": "clash", "base": "trunk" }))).await;
    let merge = format!("/pulls/{}/merge", pull["number"]);
    let stale = json!({ "sha": "1".repeat(40) });
    assert_eq!(forge.call("PUT", &merge, Some(stale)).await.0, StatusCode::CONFLICT);
    let (status, merged) = forge.call("PUT", &merge, Some(json!({ "sha": head }))).await;
    assert_eq!((status, merged["merged"].as_bool()), (StatusCode::OK, Some(true)), "{merged}");
    let (_, trunk) = forge.get("/git/ref/heads/trunk").await;
    assert_eq!(trunk["object"]["sha"], merged["sha"]);
    assert_eq!(forge.get("/issues/1").await.1["state"], "closed");
    let (_, clash) = forge.get(&format!("/pulls/{}", other["number"])).await;
    assert_eq!((clash["mergeable"].as_bool(), clash["mergeable_state"].as_str()), (Some(false), Some("dirty")));
    let (status, body) = forge.call("PUT", &format!("/pulls/{}/merge", other["number"]), Some(json!({}))).await;
    assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED);
    assert!(body["message"].as_str().is_some_and(|text| text.contains("a.txt")), "{body}");
    assert_eq!(forge.get("/git/ref/heads/trunk").await.1["object"]["sha"], merged["sha"]);
    let into = |head: &str| Some(json!({ "base": "clash", "head": head }));
    assert_eq!(forge.call("POST", "/merges", into("trunk")).await.0, StatusCode::CONFLICT);
    let (_, list) = forge.get("/pulls?head=octo:orchestrate/issue-1&state=all").await;
    assert_eq!(list.as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn checks_are_told_and_listed() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let forge = Fixture::start(folder.path()).await;
    let (_, trunk) = forge.get("/git/ref/heads/trunk").await;
    let sha = trunk["object"]["sha"].as_str().expect("a commit");
    let wish = json!({ "name": "plan", "head_sha": sha, "status": "in_progress" });
    let checks = "/repos/octo/widgets/check-runs";
    assert_eq!(forge.call("POST", "/check-runs", Some(wish.clone())).await.0, StatusCode::FORBIDDEN, "the App reads");
    let job = forge.forge.handle().mint_job_token([(Scope::Checks, Level::Write)].into()).expect("random numbers");
    let job = job.expose_secret();
    let (status, check) = forge.call_as(job, "POST", checks, Some(wish)).await;
    assert_eq!((status, check["status"].as_str()), (StatusCode::CREATED, Some("in_progress")), "{check}");
    let end = json!({ "conclusion": "failure", "output": { "title": "t", "summary": "broken" } });
    let (status, _) = forge.call_as(job, "PATCH", &format!("{checks}/{}", check["id"]), Some(end)).await;
    assert_eq!(status, StatusCode::OK);
    let (_, list) = forge.get(&format!("/commits/{sha}/check-runs?filter=latest")).await;
    assert_eq!(
        (list["total_count"].as_u64(), list["check_runs"][0]["conclusion"].as_str()),
        (Some(1), Some("failure"))
    );
    assert_eq!(forge.get(&format!("/commits/{sha}/status")).await.1["state"], "pending");
}

#[tokio::test]
async fn content_beyond_the_limit_is_told_when_to_come_again() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let forge = Fixture::start(folder.path()).await;
    let comment = Some(json!({ "body": "again" }));
    for _ in 0..80 {
        assert_eq!(forge.call("POST", "/issues/1/comments", comment.clone()).await.0, StatusCode::CREATED);
    }
    let path = "/repos/octo/widgets/issues/1/comments";
    let response = forge.answer(&forge.token, "POST", path, comment).await;
    assert_eq!(response.status(), StatusCode::FORBIDDEN);
    assert_eq!(response.headers()[header::RETRY_AFTER], "60");
}
