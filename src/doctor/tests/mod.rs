//! Every check with a forge in the state it is there for, over HTTP; and what is right is said to be right.

mod app;
mod native;
mod repository;
mod settings;
mod site;

use std::collections::BTreeSet;

use crate::doctor::{CHECKS, State, examine};
use site::{Site, Wish, line};

#[tokio::test]
async fn a_set_up_that_is_right_is_said_to_be_right() {
    let site = Site::start(Wish::right()).await;
    site.delivered().await;
    let before = site.forge.handle().look(|world| serde_json::to_string(world).expect("JSON"));
    let report = site.report().await;
    let not_ok: Vec<_> = report.checks.iter().filter(|line| line.state != State::Ok).collect();
    assert!(not_ok.is_empty() && report.state == State::Ok, "{}", report.to_text(false));
    let after = site.forge.handle().look(|world| serde_json::to_string(world).expect("JSON"));
    assert_eq!(before, after, "looking changes nothing");
}

#[tokio::test]
async fn what_the_app_may_not_read_is_unknown_without_a_person_and_names_the_page() {
    let site = Site::start(Wish::set(|set| set.protection = Some(Default::default()))).await;
    site.delivered().await;
    let report = examine(&site.as_app()).await;
    let unknown: Vec<_> = report.checks.iter().filter(|line| line.state != State::Ok).map(|line| line.id).collect();
    assert_eq!(unknown, ["actions", "allowed-actions", "secrets", "signatures"], "{}", report.to_text(false));
    for id in unknown {
        let line = line(&report, id);
        let page = line.page.expect("a page");
        assert!(line.state == State::Unknown && page.contains("/octo/widgets/settings/"), "{id}: {page}");
        assert!(line.remedy.expect("a remedy").contains("GH_TOKEN"));
    }
    assert_eq!(report.state, State::Unknown, "nothing is said to be broken");
}

#[tokio::test]
async fn what_a_person_may_not_read_is_unknown_and_not_absent() {
    let site = Site::start(Wish::right()).await;
    let mut access = site.as_job();
    access.person = access.job.take().map(|job| (job, "a fine-grained token"));
    let report = examine(&access).await;
    for id in ["actions", "allowed-actions", "secrets"] {
        let line = line(&report, id);
        assert!(line.state == State::Unknown && line.page.is_some(), "{line:?}");
    }
    assert_eq!(line(&report, "app").state, State::Unknown);
    assert_eq!(line(&report, "token").state, State::Unknown);
}

#[test]
fn the_names_of_checks_are_their_own_and_the_manifest_can_be_read() {
    let ids: BTreeSet<_> = CHECKS.iter().map(|check| check.id).collect();
    assert_eq!(ids.len(), CHECKS.len());
    let permissions: serde_json::Value =
        serde_saphyr::from_str(include_str!("../../../app-manifest.yml")).expect("a manifest");
    assert_eq!(permissions["default_permissions"]["contents"], "write");
}

#[test]
fn the_page_about_doctor_lists_every_check_in_order() {
    let rows = include_str!("../../../docs/doctor.md").lines().filter_map(|line| line.strip_prefix("| `"));
    let ids: Vec<&str> = rows.filter_map(|row| row.split_once('`')).map(|(id, _)| id).collect();
    let known: Vec<&str> = CHECKS.iter().map(|check| check.id).collect();
    assert_eq!(ids, known);
}

#[tokio::test]
async fn the_report_is_lines_for_people_and_fields_for_machines() {
    let site = Site::start(Wish::set(|set| set.labels.clear())).await;
    site.delivered().await;
    let report = site.report().await;
    let text = report.to_text(false);
    assert!(text.contains("failed    Label") && text.contains("do: make it there"), "{text}");
    assert!(text.contains("see: ") && text.contains("1 failed") && !text.contains('\u{1b}'), "{text}");
    assert!(report.to_text(true).contains('\u{1b}'));
    let json = serde_json::to_value(&report).expect("JSON");
    assert_eq!((json["repository"].as_str(), json["state"].as_str()), (Some("octo/widgets"), Some("failed")));
    let label = json["checks"].as_array().expect("a list").iter().find(|line| line["id"] == "label").expect("a line");
    assert_eq!(label["state"], "failed");
    assert!(label["remedy"].is_string() && label["page"].is_string() && label["found"].is_string());
}
