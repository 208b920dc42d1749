//! Lists: issues with the pinned ones first, pull requests, runs.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use maud::{Markup, html};

use crate::engine::id::{AttemptKey, IssueNumber, PullNumber};
use crate::engine::snapshot::{OpenState, Progress};
use crate::forge::http::hub::Hub;
use crate::forge::http::json::Place;
use crate::forge::pages::guard::Visitor;
use crate::forge::pages::layout::{Frame, Section, moment, page, progress, state};
use crate::forge::world::World;
use crate::forge::world::state::IssueEntry;

/// Most rows of a list.
const ROWS_MAX: usize = 500;

fn state_word(world: &World, entry: &IssueEntry) -> &'static str {
    let merged = world.pull(PullNumber(entry.issue.number.0)).is_some_and(|pull| pull.merged.is_some());
    match entry.issue.state {
        OpenState::Open => "open",
        OpenState::Closed if merged => "merged",
        OpenState::Closed => "closed",
    }
}

fn row(place: &Place, world: &World, entry: &IssueEntry) -> Markup {
    let issue = &entry.issue;
    let kind = if issue.is_pull_request { "pull" } else { "issues" };
    html! {
        li.pinned[entry.pinned] {
            a.title href=(place.web(format_args!("/{kind}/{}", issue.number))) { (issue.title) }
            (state(state_word(world, entry)))
            @if entry.pinned { span.label { "pinned" } }
            @for label in &issue.labels { span.label { (label) } }
            small { "#" (issue.number) " by " (issue.author.login) ", " (moment(issue.updated_at)) }
        }
    }
}

fn listed(place: &Place, world: &World, heading: &str, entries: &[&IssueEntry]) -> Markup {
    html! {
        h1 { (heading) }
        @if entries.is_empty() { p.quiet { "Nothing yet." } }
        @else { ul.list { @for entry in entries.iter().take(ROWS_MAX) { (row(place, world, entry)) } } }
        @if entries.len() > ROWS_MAX { p.quiet { "And " (entries.len() - ROWS_MAX) " more." } }
    }
}

/// Pinned first, then open before closed, then the newest first.
fn in_order<'w>(world: &World, entries: impl Iterator<Item = &'w IssueEntry>) -> Vec<&'w IssueEntry> {
    let mut entries: Vec<&IssueEntry> = entries.collect();
    let rank = |entry: &&IssueEntry| {
        (!entry.pinned, !world.is_open(entry.issue.number), std::cmp::Reverse(entry.issue.number))
    };
    entries.sort_by_key(rank);
    entries
}

/// `/issues`
pub(crate) async fn issues(State(hub): State<Arc<Hub>>, _visitor: Visitor) -> Response {
    let content = hub.look(|world| {
        let entries = in_order(world, world.issues().filter(|entry| !entry.issue.is_pull_request));
        listed(&hub.place, world, "Issues", &entries)
    });
    page(&hub.place, Frame { title: "Issues", section: Section::Issues, follows: false }, content)
}

/// `/pulls`
pub(crate) async fn pulls(State(hub): State<Arc<Hub>>, _visitor: Visitor) -> Response {
    let content = hub.look(|world| {
        let entries = in_order(world, world.issues().filter(|entry| entry.issue.is_pull_request));
        listed(&hub.place, world, "Pull requests", &entries)
    });
    page(&hub.place, Frame { title: "Pull requests", section: Section::Pulls, follows: false }, content)
}

/// `/actions`
pub(crate) async fn runs(State(hub): State<Arc<Hub>>, _visitor: Visitor) -> Response {
    let place = &hub.place;
    let (content, follows) = hub.look(|world| {
        let content = html! {
            h1 { "Runs" }
            ul.list.runs {
                @for run in world.runs().rev().take(ROWS_MAX) {
                    li {
                        a.title href=(place.web(format_args!("/actions/runs/{}", run.id))) { (run.title) }
                        (progress(run.progress, run.conclusion))
                        small { (meant_for(place, world, &run.title)) "Run " (run.number) " of " (run.workflow) ", "
                            (moment(run.updated_at)) }
                    }
                }
            }
            @if world.runs().next().is_none() { p.quiet { "Nothing has run yet." } }
        };
        (content, world.runs().any(|run| run.progress != Progress::Completed))
    });
    page(place, Frame { title: "Runs", section: Section::Runs, follows }, content)
}

/// The issue that a run works on, as its title names it.
pub(crate) fn meant_for(place: &Place, world: &World, run_title: &str) -> Markup {
    let key = run_title.split_whitespace().find_map(AttemptKey::parse);
    let entry = key.and_then(|key| world.issue(key.id.issue));
    html! {
        @if let Some(entry) = entry {
            a href=(place.web(format_args!("/issues/{}", entry.issue.number))) { "#" (entry.issue.number) } " "
            (entry.issue.title) ". "
        }
    }
}

/// The word for how an issue or pull request stands.
pub(crate) fn state_of(world: &World, number: IssueNumber) -> Option<Markup> {
    world.issue(number).map(|entry| state(state_word(world, entry)))
}
