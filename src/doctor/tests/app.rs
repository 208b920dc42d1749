//! The App, its webhook, its tokens and the clock.

use axum::http::StatusCode;

use crate::doctor::tests::site::{Site, Wish, line, says, told, with, without};
use crate::doctor::{State, examine};
use crate::engine::id::RepositoryName;
use crate::forge::world::access::Scope;
use crate::forge::world::request::{Request, SeedAct};

#[tokio::test]
async fn an_id_that_is_not_the_keys() {
    let mut site = Site::start(Wish::right()).await;
    site.app_id += 1;
    let report = site.report().await;
    says(&line(&report, "app"), State::Failed, &["credentials", "--app-id"]);
    says(&line(&report, "token"), State::Failed, &["no token for octo/widgets"]);
    assert_eq!(line(&report, "workflow").state, State::Ok, "what the person may read is read all the same");
}

#[tokio::test]
async fn permissions_that_are_not_asked_for_or_not_granted_or_too_many() {
    let wish = |registered| Wish::set(move |set| set.registered = Some(registered));
    let lacking = told("app-permissions", wish(without(Scope::Checks))).await;
    says(&lacking, State::Failed, &["does not ask for `checks: read`"]);
    assert!(lacking.page.expect("a page").ends_with("/settings/apps/task-orchestrator/permissions"));
    let more = told("app-permissions", wish(with(Scope::Workflows))).await;
    says(&more, State::Warning, &["more than it needs: `workflows: write`"]);
}

#[tokio::test]
async fn permissions_that_the_account_has_not_granted_yet() {
    let site = Site::start(Wish::right()).await;
    let mut readings = crate::doctor::read(&site.as_both()).await;
    let app = readings.app.as_mut().expect("the App");
    app.installed.as_mut().expect("installed").permissions.remove("checks");
    let report = crate::doctor::Report::of(&readings);
    says(&line(&report, "app-permissions"), State::Failed, &["has not granted `checks: read`", "accept"]);
}

#[tokio::test]
async fn events_that_the_app_is_not_told_of() {
    let wish = Wish::set(|set| set.events.retain(|event| event != "sub_issues"));
    says(&told("app-events", wish).await, State::Warning, &["`sub_issues`", "heartbeat"]);
}

#[tokio::test]
async fn an_app_that_is_not_installed_or_suspended() {
    let suspended = told("installation", Wish::set(|set| set.suspended = true)).await;
    says(&suspended, State::Failed, &["suspended"]);
    let site = Site::start(Wish::right()).await;
    let mut access = site.as_both();
    access.repository = RepositoryName::new("octo/elsewhere");
    let report = examine(&access).await;
    says(&line(&report, "installation"), State::Failed, &["not installed on octo/elsewhere"]);
}

#[tokio::test]
async fn webhooks_that_go_nowhere_or_come_unsigned_or_as_a_form() {
    let nobody = told("webhook", Wish { answer: StatusCode::BAD_GATEWAY, ..Wish::right() }).await;
    says(&nobody, State::Failed, &["answers 502", "start the server"]);
    let astray = told("webhook", Wish { answer: StatusCode::NOT_FOUND, ..Wish::right() }).await;
    says(&astray, State::Failed, &["404", "/webhook"]);
    let example = "https://orchestrator.example.com/webhook".to_owned();
    let example = told("webhook", Wish::set(|set| set.hook.url = Some(example))).await;
    says(&example, State::Failed, &["manifest's example"]);
    let form = told("webhook", Wish::set(|set| set.hook.content_type = "form".to_owned())).await;
    says(&form, State::Failed, &["application/json"]);
    says(&told("webhook", Wish::set(|set| set.hook.has_secret = false)).await, State::Failed, &["not signed"]);
    let insecure = told("webhook", Wish::set(|set| set.hook.insecure_ssl = true)).await;
    says(&insecure, State::Warning, &["https"]);
}

#[tokio::test]
async fn a_webhooks_address_at_which_nobody_listens() {
    // A port that was free a moment ago: nobody takes it up again while this runs.
    let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}/webhook", free.local_addr().expect("an address"));
    drop(free);
    let wish = Wish { answer: StatusCode::BAD_GATEWAY, ..Wish::set(|set| set.hook.url = Some(url)) };
    says(&told("webhook", wish).await, State::Failed, &["nobody answers", "let GitHub reach it"]);
}

#[tokio::test]
async fn deliveries_that_were_refused_and_none_at_all() {
    let refused = told("deliveries", Wish { answer: StatusCode::UNAUTHORIZED, ..Wish::right() }).await;
    says(&refused, State::Failed, &["answered 401", "secret"]);
    let site = Site::start(Wish::right()).await;
    let mut readings = crate::doctor::read(&site.as_app()).await;
    readings.app.as_mut().expect("the App").deliveries = Ok(Vec::new());
    let report = crate::doctor::Report::of(&readings);
    says(&line(&report, "deliveries"), State::Unknown, &["delivered nothing", "redeliver"]);
}

#[tokio::test]
async fn a_clock_that_goes_wrong() {
    let mut site = Site::start(Wish::right()).await;
    for (minutes, state, words) in
        [(20, State::Failed, "ahead of"), (-20, State::Failed, "behind"), (-2, State::Warning, "behind")]
    {
        site.ahead = minutes * 60_000;
        let report = site.report().await;
        says(&line(&report, "clock"), state, &[words, "NTP"]);
        assert_eq!(line(&report, "app").state == State::Failed, state == State::Failed, "the App's token is refused");
    }
}

#[tokio::test]
async fn tokens_of_all_kinds() {
    let site = Site::start(Wish::set(|set| set.requests_per_hour = Some(1_000))).await;
    let report = examine(&site.as_job()).await;
    says(&line(&report, "token"), State::Warning, &["GITHUB_TOKEN", "approves", "1000 calls", "`app-id`"]);
    let site = Site::start(Wish::right()).await;
    assert_eq!(line(&examine(&site.as_job()).await, "token").state, State::Ok);
    says(&line(&examine(&site.nobody()).await, "token"), State::Failed, &["no token"]);
}

#[tokio::test]
async fn a_rate_budget_that_is_nearly_used_up() {
    let site = Site::start(Wish::right()).await;
    let left = |report: &crate::doctor::Report| {
        let told = line(report, "rate").found;
        told.split(' ').next().and_then(|number| number.parse::<u64>().ok()).expect("a number")
    };
    let spent = 5_000 - left(&examine(&site.as_app()).await);
    // As much again is spent by the next look, and one is left then.
    let mut set = Wish::right().set;
    set.requests_per_hour = Some(2 * spent + 1);
    site.forge.apply(Request::Seed(SeedAct::Administration(Box::new(set)))).await.expect("set");
    let nearly = line(&examine(&site.as_app()).await, "rate");
    says(&nearly, State::Warning, &["1 of ", "requests are left until"]);
}
