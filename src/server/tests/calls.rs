//! A plan of twenty tasks between the real client and a forge over HTTP, on virtual time: what it costs, as the forge
//! counts it, and that it ends alike where no webhook ever comes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::routing::post;

use super::site::{Site, repository};
use crate::engine::event::Event;
use crate::engine::id::{IssueNumber, RunId};
use crate::engine::plan::{Plan, PlanStatus};
use crate::engine::task::Verdict;
use crate::engine::time::Timestamp;
use crate::forge::http::{Calls, WebhookTarget};
use crate::github::auth::Installations;
use crate::github::webhook::{Parsed, parse};
use crate::github::{Error, GitHub as _, Request};
use crate::server::credentials::CredentialWatch;
use crate::server::{Connector, delivery};
use crate::store::Delivery;
use crate::turn::{load, turn};

const TASKS: u64 = 20;
/// What a plan of twenty tasks may cost within its hour, as GitHub counts: answers that had not changed are free.
const CALLS_MAX: u64 = 300;
/// Writes of content in that hour.
const CONTENT_MAX: usize = 60;

/// What webhooks told and no turn has taken yet.
type Heard = Arc<Mutex<Vec<Delivery>>>;

async fn hear(State(heard): State<Heard>, headers: HeaderMap, body: Bytes) {
    let text = |name: &str| headers[name].to_str().expect("text").to_owned();
    if let Ok(Parsed::Delivery(told)) = parse(&text("x-github-event"), &body)
        && !delivery::is_own_act(&told)
    {
        let kept = delivery::kept(&text("x-github-delivery"), *told, super::START);
        heard.lock().expect("no panic").push(kept);
    }
}

/// Where webhooks go to be heard.
async fn listen(site: &Site) -> Heard {
    let heard = Heard::default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}/", listener.local_addr().expect("an address"));
    let router = Router::new().route("/", post(hear)).with_state(Arc::clone(&heard));
    tokio::spawn(async move { axum::serve(listener, router).await });
    site.forge.send_webhooks_to(Some(WebhookTarget { url, secret: Site::secret(), repeats: false }));
    heard
}

/// What came of a plan.
struct Told {
    /// Verdicts by issue.
    ends: BTreeMap<u64, Option<Verdict>>,
    minutes: u32,
    calls: Calls,
    content: usize,
    /// Calls of ten heartbeats after the end.
    quiet: u64,
}

/// Works a plan to its end: a heartbeat a minute, what was heard in between; each run takes six minutes or more.
async fn tell(tasks: u64, hears: bool) -> Told {
    let site = Site::start(tasks).await;
    let heard = if hears { Some(listen(&site).await) } else { None };
    // As the server works it, with all that stands between a turn and the client.
    let deployment = CredentialWatch::deployment(site.connector().deployment(&repository()).await.expect("installed"));
    let mut held = load(&deployment, site.now()).await.expect("an idle plan");
    let mut under_way: Vec<(Timestamp, RunId)> = Vec::new();
    let mut minutes = 0;
    let mut wake_at = None;
    let mut is_approved = false;
    while held.plan.header.status != PlanStatus::Ended || !held.plan.outbox.is_empty() {
        assert!(minutes < 240, "the plan does not end: {:#?}", ends(&held.plan));
        for quarter in 0..4 {
            site.pass(15);
            for (_, run) in under_way.extract_if(.., |(at, _)| *at <= site.now()) {
                site.finish(run).await;
            }
            for run in site.queued() {
                site.claim(run).await;
                let length = Duration::from_secs(360 + run.0 * 50 % 240);
                under_way.push((site.now() + length, run));
            }
            let mut events = match &heard {
                Some(heard) => delivery::events(&take(&site, heard).await, false),
                None => Vec::new(),
            };
            if quarter == 3 {
                events.push(Event::Tick);
            }
            if let Some(tracking) = held.plan.header.tracking.as_ref().filter(|_| !is_approved) {
                site.say(tracking.number, "/orchestrate approve").await;
                is_approved = true;
            }
            if !events.is_empty() || wake_at.is_some_and(|at| at <= site.now()) {
                let turned = turn(&deployment, &mut held, events, site.now()).await.expect("a turn");
                wake_at = turned.wake_at;
            }
        }
        minutes += 1;
    }
    let calls = site.handle.calls();
    let bot = deployment.bot.clone();
    let content = site.handle.look(|world| world.content_writes(&bot, site.now()));
    let mut before = 0;
    for beat in 0..=20 {
        // The first ten see what the end itself changed; by then all that holds for a while was asked for anew.
        before = if beat == 11 { answered(&site.handle.calls()) } else { before };
        site.pass(60);
        turn(&deployment, &mut held, vec![Event::Tick], site.now()).await.expect("a turn");
    }
    let quiet = answered(&site.handle.calls()) - before;
    let told = Told { ends: ends(&held.plan), minutes, calls, content, quiet };
    site.forge.shutdown().await;
    told
}

/// Everything that webhooks told, once none is on its way any more.
async fn take(site: &Site, heard: &Heard) -> Vec<Delivery> {
    while site.forge.hub.store.deliveries_waiting().await.expect("readable") > 0 {
        tokio::task::yield_now().await;
    }
    std::mem::take(&mut *heard.lock().expect("no panic"))
}

fn ends(plan: &Plan) -> BTreeMap<u64, Option<Verdict>> {
    plan.tasks.values().map(|task| (task.issue().0, task.verdict)).collect()
}

fn answered(calls: &Calls) -> u64 {
    calls.values().map(|counted| counted.answered).sum()
}

/// The calls as a table, the most frequent first.
fn table(told: &Told) -> String {
    let mut rows: Vec<_> = told.calls.iter().collect();
    rows.sort_by_key(|(kind, counted)| (std::cmp::Reverse(counted.answered), (*kind).clone()));
    let row = |(kind, counted): &(&String, &crate::forge::http::Counted)| {
        format!("{:>6} {:>10}  {kind}", counted.answered, counted.unchanged)
    };
    let rows: Vec<String> = rows.iter().map(row).collect();
    let (minutes, sum, content, quiet) = (told.minutes, answered(&told.calls), told.content, told.quiet);
    format!(
        "{minutes} minutes, {sum} calls, {content} writes of content, {quiet} calls in ten quiet minutes\n\
         counted  unchanged  kind\n{}",
        rows.join("\n")
    )
}

#[tokio::test]
async fn twenty_tasks_stay_within_their_calls_and_their_content() {
    let told = tell(TASKS, true).await;
    assert!(told.ends.len() == 20 && told.ends.values().all(|end| *end == Some(Verdict::Merged)), "{:#?}", told.ends);
    let within = answered(&told.calls) <= CALLS_MAX && told.content <= CONTENT_MAX && told.minutes <= 60;
    assert!(within, "{}", table(&told));
    assert_eq!(told.quiet, 0, "a quiet plan costs nothing: {}", table(&told));
}

#[tokio::test]
async fn a_plan_without_any_webhook_ends_as_one_with_all() {
    let (hearing, deaf) = (tell(5, true).await, tell(5, false).await);
    assert!(hearing.ends.values().all(|end| *end == Some(Verdict::Merged)), "{:#?}", hearing.ends);
    assert_eq!(hearing.ends, deaf.ends, "{}\n{}", table(&hearing), table(&deaf));
}

#[tokio::test]
async fn a_flood_of_words_waits_before_github_refuses_it_and_holds_up_nothing_else() {
    let site = Site::start(1).await;
    let installations = Installations::new(Arc::clone(&site.app));
    let client = installations.client(&repository()).await.expect("a client");
    client.send(Request::Repository).await.expect("GitHub shows that it limits");
    let number = IssueNumber(1);
    let comment = || Request::CreateComment { number, body: "word".to_owned() };
    let (mut sent, began) = (0, site.now());
    let refused = loop {
        match client.send(comment()).await {
            Ok(_) => sent += 1,
            Err(error) => break error,
        }
    };
    assert_eq!((sent, refused), (64, Error::OverBudget { until: began + Duration::from_secs(60) }));
    assert!(client.send(Request::Issue { number }).await.is_ok(), "reads go on");
    let view = Request::UpdateIssue { number, title: None, body: Some("view".to_owned()), state: None };
    assert!(client.send(view).await.is_ok(), "the plan can still be shown");
    installations.forget(&repository()).await;
    let anew = installations.client(&repository()).await.expect("a client");
    assert!(matches!(anew.send(comment()).await, Err(Error::OverBudget { .. })), "the account is the installation's");
    site.pass(60);
    assert!(anew.send(comment()).await.is_ok());
    let bot = site.app.identity().await.expect("the App").bot;
    assert_eq!(site.handle.look(|world| world.content_writes(&bot, site.now())), 66, "GitHub refused nothing");
    site.forge.shutdown().await;
}
