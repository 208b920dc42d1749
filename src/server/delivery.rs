//! Deliveries as they are kept, and the hints they come to when they are worked.

use std::collections::BTreeSet;

use crate::engine::checklist;
use crate::engine::event::{Event, Hint};
use crate::engine::id::{CommentId, PULL_BRANCH_PREFIX, RunId, Sha, is_own_branch};
use crate::engine::time::Timestamp;
use crate::github::webhook;
use crate::store::Delivery;

/// Characters kept of a body that cannot be read.
const UNREADABLE_CHARACTERS_MAX: usize = 2_000;

/// What is kept of a delivery that was understood.
pub(super) fn kept(guid: &str, heard: webhook::Delivery, received_at: Timestamp) -> Delivery {
    Delivery {
        guid: guid.to_owned(),
        event: heard.event,
        action: heard.action,
        repository: heard.repository,
        installation: heard.installation.map(|id| id.0),
        number: heard.number,
        run: heard.run.map(|id| id.0),
        title: heard.run_title,
        comment: heard.comment.map(|id| id.0),
        sha: heard.head_sha.map(|sha| sha.0),
        branch: heard.head_branch,
        unreadable: None,
        received_at,
    }
}

/// Whether it tells nothing but what we do ourselves, and know from the answer: that a bot rewrote a tracking issue's
/// own part, or opened a pull request from a branch of ours. A person's act counts, and what another bot does there is
/// seen at the heartbeat.
pub(super) fn is_own_act(heard: &webhook::Delivery) -> bool {
    let by_bot = heard.sender.as_ref().is_some_and(|sender| sender.bot);
    let is = |event: &str, action: &str| heard.event == event && heard.action.as_deref() == Some(action);
    let view = || heard.body.as_deref().is_some_and(|body| checklist::own_part(body).is_some());
    let pull = || heard.head_branch.as_deref().is_some_and(|branch| branch.starts_with(PULL_BRANCH_PREFIX));
    by_bot && (is("issues", "edited") && view() || is("pull_request", "opened") && pull())
}

/// What is kept of one that was not: the beginning of its body, for the operator.
pub(super) fn unreadable(guid: &str, event: &str, body: &[u8], received_at: Timestamp) -> Delivery {
    let beginning = body.get(..UNREADABLE_CHARACTERS_MAX * 4).unwrap_or(body);
    let text = String::from_utf8_lossy(beginning).chars().take(UNREADABLE_CHARACTERS_MAX).collect();
    let heard = webhook::Delivery { event: event.to_owned(), ..webhook::Delivery::default() };
    Delivery { unreadable: Some(text), ..kept(guid, heard, received_at) }
}

/// Deliveries of one repository as events, each once. What points at nothing narrower is a look at everything.
pub(super) fn events(deliveries: &[Delivery], tick: bool) -> Vec<Event> {
    let mut hints = BTreeSet::new();
    let mut look_at_all = tick;
    for delivery in deliveries.iter().filter(|delivery| tells(delivery)) {
        match hint(delivery) {
            Some(hint) => {
                hints.insert(hint);
            }
            None => look_at_all = true,
        }
    }
    look_at_all.then_some(Event::Tick).into_iter().chain(hints.into_iter().map(Event::Hint)).collect()
}

/// Whether a delivery can tell anything that decides something now. That a run was asked for, began or did a step is
/// seen at the heartbeat; looking each time would cost several requests for every step of every run. Our own pushes are
/// no news.
fn tells(delivery: &Delivery) -> bool {
    let over = delivery.action.as_deref() == Some("completed");
    match delivery.event.as_str() {
        "workflow_run" | "check_run" | "check_suite" => over,
        "workflow_job" => false,
        "push" => !delivery.branch.as_deref().is_some_and(is_own_branch),
        _ => true,
    }
}

fn hint(delivery: &Delivery) -> Option<Hint> {
    let heard = webhook::Delivery {
        event: delivery.event.clone(),
        number: delivery.number,
        comment: delivery.comment.map(CommentId),
        run: delivery.run.map(RunId),
        run_title: delivery.title.clone(),
        head_sha: delivery.sha.clone().map(Sha),
        head_branch: delivery.branch.clone(),
        ..webhook::Delivery::default()
    };
    heard.hint().narrow()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::id::{IssueNumber, Login};
    use crate::engine::snapshot::Actor;

    fn delivery(event: &str, number: Option<u64>) -> Delivery {
        let heard = webhook::Delivery { event: event.to_owned(), number, ..webhook::Delivery::default() };
        kept("guid", heard, Timestamp(0))
    }

    #[test]
    fn many_deliveries_about_one_thing_are_one_hint() {
        let issue = || delivery("issues", Some(4));
        let four = Event::Hint(Hint::Issue(IssueNumber(4)));
        assert_eq!(events(&[issue(), issue(), issue()], false), std::slice::from_ref(&four));
        assert_eq!(events(&[issue(), delivery("repository", None)], false), [Event::Tick, four.clone()]);
        assert_eq!(events(&[delivery("issues", None)], false), [Event::Tick], "an issue without its number");
        let push = |branch: &str| Delivery { branch: Some(branch.to_owned()), ..delivery("push", None) };
        let ours = ["orchestrate/state", "orchestrate/issue-4", "orchestrate-attempt/4.1", "orchestrate-work/4.1"];
        assert_eq!(events(&ours.map(push), false), [], "our own pushes");
        assert_eq!(events(&[push("main")], false), [Event::Hint(Hint::Push("main".to_owned()))]);
        assert_eq!(events(&[], true), [Event::Tick]);
        assert_eq!(events(&[], false), []);
    }

    #[test]
    fn every_kind_of_delivery_keeps_what_its_hint_needs() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/webhooks");
        let mut seen = 0;
        for entry in std::fs::read_dir(folder).expect("the folder of payloads") {
            let path = entry.expect("an entry").path();
            let event = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.split('.').next());
            let event = event.expect("a name").to_owned();
            let body = std::fs::read(&path).expect("a payload");
            let Ok(webhook::Parsed::Delivery(heard)) = webhook::parse(&event, &body) else { continue };
            let narrow = !matches!(heard.hint(), webhook::Hint::Installation | webhook::Hint::Repository);
            assert_eq!(hint(&kept("guid", *heard, Timestamp(0))).is_some(), narrow, "{}", path.display());
            seen += 1;
        }
        assert!(seen >= 10, "only {seen} payloads");
    }

    #[test]
    fn what_a_bot_opens_from_a_branch_of_ours_is_no_news_and_what_a_person_does_is() {
        for (event, action, branch, bot, own) in [
            ("pull_request", "opened", "orchestrate/issue-4", true, true),
            ("pull_request", "opened", "orchestrate/issue-4", false, false),
            ("pull_request", "opened", "feature", true, false),
            ("pull_request", "synchronize", "orchestrate/issue-4", true, false),
            ("pull_request", "closed", "orchestrate/issue-4", true, false),
            ("issues", "opened", "orchestrate/issue-4", true, false),
        ] {
            let heard = webhook::Delivery {
                event: event.to_owned(),
                action: Some(action.to_owned()),
                sender: Some(Actor { login: Login::new("somebody"), bot }),
                head_branch: Some(branch.to_owned()),
                ..webhook::Delivery::default()
            };
            assert_eq!(is_own_act(&heard), own, "{heard:?}");
        }
    }

    #[test]
    fn an_unreadable_body_is_cut_between_characters() {
        let body = "é".repeat(5_000);
        let kept = unreadable("guid", "issues", body.as_bytes(), Timestamp(0)).unreadable.expect("kept");
        assert_eq!(kept, "é".repeat(UNREADABLE_CHARACTERS_MAX));
        let short = unreadable("guid", "issues", b"\xff{", Timestamp(0)).unreadable.expect("kept");
        assert_eq!(short, "\u{fffd}{");
    }
}
