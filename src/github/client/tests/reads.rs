//! Lists, redirects, logs, files and GraphQL.

use serde_json::{Value, json};

use crate::engine::id::{IssueNumber, JobId, Login, RunId, Sha};
use crate::engine::snapshot::{Conclusion, Permission, Progress};
use crate::engine::time::Timestamp;
use crate::github::client::tests::server::{self, Seen, Server, text};
use crate::github::client::tests::{NOW, client, client_at};
use crate::github::{Error, GitHub, Request, Response, Tip};

fn issue(number: u64) -> serde_json::Value {
    json!({"number": number, "title": "T", "body": null, "state": "open", "user": null, "labels": [{"name": "x"}, "y"]})
}

#[tokio::test]
async fn a_list_keeps_its_token_on_every_page() {
    let server = Server::start(|seen, own| {
        let next = format!(r#"<{own}/repositories/9/issues?page=2>; rel="next", <{own}/x?page=2>; rel="last""#);
        if seen.line.contains("page=2") {
            server::json(200, json!([issue(2)]))
        } else {
            server::json(200, json!([issue(1)])).with("link", next)
        }
    })
    .await;
    let request = Request::IssuesLabelled { label: "to do/now".to_owned(), open_only: false };
    let Ok(Response::Issues(issues)) = client(&server).send(request).await else { panic!("issues") };
    assert_eq!(issues.iter().map(|issue| issue.number.0).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(issues[0].labels, ["x", "y"]);
    assert_eq!(issues[0].author.login, Login::new("ghost"));
    let lines =
        ["GET /repos/o/r/issues?labels=to%20do%2Fnow&state=all&per_page=100", "GET /repositories/9/issues?page=2"];
    assert_eq!(server.lines(), lines);
    assert!(server.seen().iter().all(|seen| seen.authorization.as_deref() == Some("Bearer token-of-the-test")));
}

#[tokio::test]
async fn a_list_never_goes_on_elsewhere_nor_for_ever() {
    let elsewhere = Server::start(|_, _| server::json(200, json!([issue(2)]))).await;
    let address = elsewhere.url.clone();
    let tempting = Server::start(move |_, _| {
        server::json(200, json!([issue(1)])).with("link", format!(r#"<{address}/issues?page=2>; rel="next""#))
    })
    .await;
    let request = Request::IssuesLabelled { label: "x".to_owned(), open_only: true };
    let answer = client(&tempting).send(request.clone()).await;
    assert!(matches!(answer, Err(Error::Unexpected { .. })), "{answer:?}");
    assert_eq!(elsewhere.lines(), Vec::<String>::new());

    let endless = Server::start(|_, own| {
        server::json(200, json!([issue(1)])).with("link", format!(r#"<{own}/more>; rel="next""#))
    })
    .await;
    let answer = client(&endless).send(request).await;
    assert!(matches!(answer, Err(Error::Unexpected { .. })), "{answer:?}");
    assert_eq!(endless.lines().len(), 100);
}

#[tokio::test]
async fn a_log_is_fetched_elsewhere_without_the_token_and_only_its_end_is_kept() {
    let storage = Server::start(|_, _| text(200, format!("{}the end", "x".repeat(300_000)))).await;
    let address = storage.url.clone();
    let server = Server::start(move |_, _| text(302, "").with("location", format!("{address}/log?signature=1"))).await;
    let Ok(Response::Log(log)) = client(&server).send(Request::JobLog { job: JobId(7) }).await else { panic!("a log") };
    assert_eq!(log.len(), 64 * 1024);
    assert!(log.ends_with("xthe end"));
    assert_eq!(server.lines(), ["GET /repos/o/r/actions/jobs/7/logs"]);
    assert!(server.seen()[0].authorization.is_some());
    assert_eq!(storage.lines(), ["GET /log?signature=1"]);
    assert_eq!(storage.seen()[0].authorization, None);

    let address = server.url.clone();
    let twice = Server::start(move |_, _| text(302, "").with("location", format!("{address}/again"))).await;
    let answer = client(&twice).send(Request::JobLog { job: JobId(7) }).await;
    assert!(matches!(answer, Err(Error::Invalid { .. })), "a second redirect is not followed: {answer:?}");
}

#[tokio::test]
async fn a_renamed_repository_keeps_its_issues_and_a_transferred_issue_is_gone() {
    let answer = |seen: &Seen, own: &str| match seen.line.as_str() {
        "GET /repos/o/r" => text(301, "").with("location", format!("{own}/repositories/1")),
        "GET /repositories/1" => server::json(200, json!({"id": 1, "full_name": "o/renamed"})),
        "GET /repos/o/r/issues/5" => text(301, "").with("location", format!("{own}/repositories/1/issues/5")),
        "GET /repos/o/r/issues/6" => text(301, "").with("location", format!("{own}/repositories/2/issues/6")),
        line => {
            let mut found = issue(if line.ends_with('5') { 5 } else { 6 });
            let name = if line.contains("/1/") { "renamed" } else { "elsewhere" };
            found["repository_url"] = format!("{own}/repos/o/{name}").into();
            server::json(200, found)
        }
    };
    let server = Server::start(answer).await;
    let ask = async |number| client(&server).send(Request::Issue { number: IssueNumber(number) }).await;
    assert!(matches!(ask(5).await, Ok(Response::Issue(_))), "{:?}", ask(5).await);
    assert_eq!(ask(6).await, Err(Error::Missing { what: "issue #6".to_owned() }));
}

#[tokio::test]
async fn an_unknown_account_may_do_nothing() {
    let server = Server::start(|_, _| server::json(404, json!({"message": "Not Found"}))).await;
    let request = Request::Permission { login: Login::new("dependabot[bot]") };
    assert_eq!(client(&server).send(request).await, Ok(Response::Permission(Permission::None)));
    assert_eq!(server.lines(), ["GET /repos/o/r/collaborators/dependabot%5Bbot%5D/permission"]);
}

#[tokio::test]
async fn files_come_raw_and_directories_are_no_files() {
    let server = Server::start(|seen, _| match seen.line.as_str() {
        "GET /repos/o/r/contents/a%20b/c.bin?ref=feature%2Fx" => {
            text(200, [0xff, 0, 0x5b]).with("content-type", "application/vnd.github.raw+json; charset=utf-8")
        }
        _ => server::json(200, json!([{"name": "c.bin"}])),
    })
    .await;
    let ask = async |path: &str| {
        client(&server).send(Request::File { reference: "feature/x".to_owned(), path: path.to_owned() }).await
    };
    assert_eq!(ask("a b/c.bin").await, Ok(Response::File(vec![0xff, 0, 0x5b])));
    assert_eq!(server.seen()[0].accept, "application/vnd.github.raw+json");
    assert!(matches!(ask("a b").await, Err(Error::Missing { .. })));
    assert!(matches!(ask("../secrets").await, Err(Error::Invalid { .. })));
}

#[tokio::test]
async fn a_run_comes_with_the_jobs_of_all_pages() {
    let server = Server::start(|seen, own| {
        let job = |id: u64| {
            json!({"id": id, "name": "agent", "status": "in_progress", "conclusion": null, "started_at":
                "2026-11-21T10:00:00Z", "steps": [{"name": "claim", "status": "completed", "conclusion": "success"}]})
        };
        match seen.line.as_str() {
            "GET /repos/o/r/actions/runs/3" => server::json(
                200,
                json!({"id": 3, "display_title": "task t1.1.aa", "status": "in_progress", "head_sha": "c0ffee"}),
            ),
            line if line.contains("page=2&") => server::json(200, json!({"total_count": 2, "jobs": [job(2)]})),
            _ => server::json(200, json!({"total_count": 2, "jobs": [job(1)]}))
                .with("link", format!(r#"<{own}/jobs?page=2&per_page=1>; rel="next""#)),
        }
    })
    .await;
    let Ok(Response::Run(run)) = client(&server).send(Request::Run { run: RunId(3) }).await else { panic!("a run") };
    assert_eq!((run.title.as_str(), run.progress, run.jobs.len()), ("task t1.1.aa", Progress::InProgress, 2));
    assert_eq!(run.jobs[1].steps[0].conclusion, Some(Conclusion::Success));
    assert_eq!(run.jobs[0].started_at, Timestamp::parse("2026-11-21T10:00:00Z"));
}

#[tokio::test]
async fn checks_are_runs_and_statuses() {
    let server = Server::start(|seen, _| {
        if seen.line.contains("/check-runs?filter=latest") {
            let runs = json!([{"id": 1, "name": "test", "status": "completed", "conclusion": "neutral",
                "details_url": "https://h/o/r/actions/runs/5/job/6?pr=1", "app": {"slug": "github-actions"}}]);
            server::json(200, json!({"total_count": 1, "check_runs": runs}))
        } else {
            let statuses = json!([{"context": "ci", "state": "error"}, {"context": "slow", "state": "pending"}]);
            server::json(200, json!({"state": "failure", "statuses": statuses}))
        }
    })
    .await;
    let Ok(Response::Checks(checks)) = client(&server).send(Request::Checks { sha: Sha::new("c0ffee") }).await else {
        panic!("checks")
    };
    assert_eq!((checks.runs[0].run, checks.runs[0].job), (Some(RunId(5)), Some(JobId(6))));
    let ends: Vec<_> = checks.statuses.iter().map(|status| status.conclusion).collect();
    assert_eq!(ends, [Some(Conclusion::Failure), None]);
}

#[tokio::test]
async fn graphql_tells_errors_inside_a_success() {
    let server = Server::start(|seen, _| {
        let error = |kind: &str| json!({"data": null, "errors": [{"type": kind, "message": "no"}]});
        match seen.body["variables"]["id"].as_str() {
            Some("fine") => server::json(200, json!({"data": {"change": {"issue": {"id": "fine"}}}})),
            Some(kind) => server::json(200, error(kind)),
            None => server::json(
                200,
                json!({"data": {"repository": {"issue": {"userContentEdits": {"nodes": [
                    {"editedAt": "2026-01-02T00:00:00Z", "diff": "new", "editor": {"login": "b", "__typename": "Bot"}},
                    null,
                    {"editedAt": "2026-01-01T00:00:00Z", "diff": "old", "editor": null}]}}}}}),
            ),
        }
    })
    .await;
    let pin = async |id: &str| client(&server).send(Request::Pin { node_id: id.to_owned(), pinned: true }).await;
    assert_eq!(pin("fine").await, Ok(Response::Done));
    assert_eq!(pin("FORBIDDEN").await, Err(Error::Denied { message: "no".to_owned() }));
    assert_eq!(pin("UNPROCESSABLE").await, Err(Error::Invalid { message: "no".to_owned() }));
    assert_eq!(pin("NOT_FOUND").await, Err(Error::Missing { what: "the pin".to_owned() }));
    assert_eq!(pin("RATE_LIMITED").await, Err(Error::RateLimited { until: Timestamp(NOW.0 + 60_000) }));
    assert_eq!(server.lines()[0], "POST /graphql");

    let request = Request::BodyEdits { number: IssueNumber(4) };
    let Ok(Response::BodyEdits(edits)) = client(&server).send(request).await else { panic!("edits") };
    assert_eq!(edits.iter().map(|edit| edit.body.as_deref()).collect::<Vec<_>>(), [Some("old"), Some("new")]);
    assert!(edits[0].editor.is_none() && edits[1].editor.as_ref().is_some_and(|editor| editor.bot));
}

/// GitHub Enterprise: REST below `/api/v3`, GraphQL at `/api/graphql`, links with the whole path.
#[tokio::test]
async fn an_enterprise_server_has_its_own_paths() {
    let server = Server::start(|seen, own| match seen.line.as_str() {
        "POST /api/graphql" => server::json(200, json!({"data": {}})),
        "GET /api/v3/repositories/9/issues?page=2" => server::json(200, json!([issue(2)])),
        _ => server::json(200, json!([issue(1)]))
            .with("link", format!(r#"<{own}/api/v3/repositories/9/issues?page=2>; rel="next""#)),
    })
    .await;
    let client = client_at(&format!("{}/api/v3/", server.url));
    let answer = client.send(Request::IssuesLabelled { label: "x".to_owned(), open_only: true }).await;
    assert!(matches!(answer, Ok(Response::Issues(issues)) if issues.len() == 2));
    assert_eq!(client.send(Request::Pin { node_id: "I_1".to_owned(), pinned: false }).await, Ok(Response::Done));
    assert!(server.lines()[0].starts_with("GET /api/v3/repos/o/r/issues?"));
}

#[tokio::test]
async fn branches_with_a_file_are_one_question_and_what_is_missing_is_told_apart() {
    let blob = |text: Value, cut: bool| json!({"object": {"text": text, "isTruncated": cut}});
    let at = |file: Value| json!({"target": {"oid": "c0ffee", "file": file}});
    let tips = json!({
        "b0": at(blob(json!("{}"), false)), "b1": null, "b2": at(Value::Null), "b3": at(blob(json!("{"), true)),
        "b4": at(blob(Value::Null, false)),
    });
    let server = Server::start(move |seen, _| {
        assert_eq!(seen.line, "POST /graphql");
        assert!(!seen.body["query"].to_string().contains("x-0"), "nothing is spliced in: {}", seen.body["query"]);
        server::json(200, json!({"data": {"repository": tips}}))
    })
    .await;
    let client = client(&server);
    let ask = async |number: usize| {
        let branches = (0..number).map(|at| format!("x-{at}")).collect();
        client.send(Request::Tips { branches, path: "a.json".to_owned() }).await
    };
    let tip = |file: Option<&str>| Some(Tip { sha: Sha::new("c0ffee"), file: file.map(str::to_owned) });
    assert_eq!(ask(5).await, Ok(Response::Tips(vec![tip(Some("{}")), None, tip(None), tip(None), tip(None)])));
    assert_eq!(server.seen()[0].body["variables"]["b4"], "refs/heads/x-4");
    assert!(matches!(ask(6).await, Err(Error::Unexpected { .. })), "what is not answered is not taken for missing");
    assert_eq!(ask(0).await, Ok(Response::Tips(Vec::new())));
    assert_eq!(server.lines().len(), 2);
}

#[tokio::test]
async fn a_folder_is_one_question_and_what_is_not_told_whole_is_told_apart() {
    let blob = |text: Value, cut: bool| json!({"text": text, "isTruncated": cut});
    let file = |name: &str, text: Value, cut: bool| json!({"name": name, "type": "blob", "object": blob(text, cut)});
    let entries = json!([
        file("whole.json", json!("{}"), false),
        file("long.json", json!("{"), true),
        file("binary.json", Value::Null, false),
        {"name": "below", "type": "tree", "object": {}},
    ]);
    let server = Server::start(move |seen, _| {
        let at = seen.body["variables"]["at"].as_str().unwrap_or_default().to_owned();
        let folder = if at == "c0ffee:store" { json!({"entries": entries}) } else { Value::Null };
        server::json(200, json!({"data": {"repository": {"folder": folder}}}))
    })
    .await;
    let client = client(&server);
    let ask =
        async |path: &str| client.send(Request::Folder { commit: Sha::new("c0ffee"), path: path.to_owned() }).await;
    let texts = [("whole.json", Some("{}")), ("long.json", None), ("binary.json", None)];
    let texts = texts.map(|(name, text)| (name.to_owned(), text.map(str::to_owned))).into();
    assert_eq!(ask("store").await, Ok(Response::Folder(texts)));
    assert_eq!(ask("nowhere").await, Ok(Response::Folder(std::collections::BTreeMap::new())));
    assert_eq!(server.lines().len(), 2);
}
