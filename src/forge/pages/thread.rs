//! An issue's or pull request's page: its text, comments and the forms of the local owner.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use http::{StatusCode, Uri};
use maud::{Markup, html};

use crate::engine::id::{IssueNumber, Login, PullNumber};
use crate::engine::snapshot::{Actor, OpenState};
use crate::engine::time::Timestamp;
use crate::forge::http::git_side;
use crate::forge::http::hub::Hub;
use crate::forge::pages::guard::Visitor;
use crate::forge::pages::issues::state_of;
use crate::forge::pages::layout::{Frame, Section, moment, notice, page, progress};
use crate::forge::pages::markdown::{Setting, render};
use crate::forge::world::World;
use crate::forge::world::state::{IssueEntry, PullEntry};
use crate::github::Reaction;

/// Most comments shown, the newest.
const COMMENTS_MAX: usize = 300;
/// The form that boxes of the text belong to.
const TICK_FORM: &str = "tick";
/// In an address: the page loads itself again and again.
pub(crate) const FOLLOW: &str = "follow";

/// `/issues/{number}`; a pull request's own page is elsewhere.
pub(crate) async fn issue(
    State(hub): State<Arc<Hub>>,
    Path(number): Path<u64>,
    uri: Uri,
    visitor: Visitor,
) -> Response {
    let number = IssueNumber(number);
    let is_pull = hub.look(|world| world.pull(PullNumber(number.0)).is_some());
    if is_pull {
        return Redirect::to(&hub.place.web(format_args!("/pull/{number}"))).into_response();
    }
    let follows = crate::forge::http::query_of(&uri).get(FOLLOW).is_some();
    show(&hub, number, &visitor, Frame { title: "", section: Section::Issues, follows }, html! {})
}

/// `/pull/{number}`
pub(crate) async fn pull(State(hub): State<Arc<Hub>>, Path(number): Path<u64>, visitor: Visitor) -> Response {
    let number = PullNumber(number);
    let Some(entry) = hub.look(|world| world.pull(number).cloned()) else {
        return notice(
            &hub.place,
            StatusCode::NOT_FOUND,
            "There is no such pull request. The list of pull requests shows them all.",
        );
    };
    let extra = pull_part(&hub, number, &entry, &visitor).await;
    let frame = Frame { title: "", section: Section::Pulls, follows: false };
    show(&hub, IssueNumber(number.0), &visitor, frame, extra)
}

fn show(hub: &Hub, number: IssueNumber, visitor: &Visitor, frame: Frame<'_>, extra: Markup) -> Response {
    let content = hub.look(|world| {
        let entry = world.issue(number).filter(|entry| !entry.deleted)?;
        Some((entry.issue.title.clone(), thread(hub, world, entry, visitor, frame, extra)))
    });
    match content {
        Some((title, content)) => {
            let title = format!("{title} · #{number}");
            page(&hub.place, Frame { title: &title, ..frame }, content)
        }
        None => notice(&hub.place, StatusCode::NOT_FOUND, "There is no such issue. The list of issues shows them all."),
    }
}

fn act(hub: &Hub, number: IssueNumber, verb: &str) -> String {
    hub.place.web(format_args!("/act/{number}/{verb}"))
}

fn token(visitor: &Visitor) -> Markup {
    html! { input type="hidden" name="token" value=(visitor.session.form_token); }
}

/// How many gave each reaction.
fn reactions(given: &BTreeMap<Reaction, BTreeSet<Login>>) -> Markup {
    let sign = |reaction: &Reaction| match reaction {
        Reaction::Eyes => "👀",
        Reaction::PlusOne => "👍",
        Reaction::MinusOne => "👎",
        Reaction::Rocket => "🚀",
    };
    html! {
        @if given.values().any(|logins| !logins.is_empty()) {
            div.quiet { @for (reaction, logins) in given { (sign(reaction)) " " (logins.len()) " " } }
        }
    }
}

fn post(hub: &Hub, by: &Actor, at: Timestamp, body: &str, tick_form: Option<&str>) -> Markup {
    let issues = hub.place.web("/issues/");
    html! {
        article.post {
            div.by { b { (by.login) } " · " (moment(at)) }
            @if body.trim().is_empty() { div.markdown.quiet { p { "No text." } } }
            @else { (render(body, Setting { issues: &issues, tick_form })) }
        }
    }
}

fn thread(hub: &Hub, world: &World, entry: &IssueEntry, visitor: &Visitor, frame: Frame<'_>, extra: Markup) -> Markup {
    let issue = &entry.issue;
    let number = issue.number;
    let mut comments: Vec<_> = world.comments().filter(|comment| comment.comment.issue == number).collect();
    let hidden = comments.len().saturating_sub(COMMENTS_MAX);
    comments.drain(..hidden);
    html! {
        h1 { (issue.title) " " span.quiet { "#" (number) } }
        div.row {
            @if let Some(state) = state_of(world, number) { (state) }
            @for label in &issue.labels {
                form method="post" action=(act(hub, number, "unlabel")) {
                    (token(visitor))
                    input type="hidden" name="label" value=(label);
                    button.label type="submit" title="Take this label off" { (label) " ×" }
                }
            }
            @if frame.section == Section::Issues { (follow_link(hub, entry, frame.follows)) }
        }
        form #(TICK_FORM) method="post" action=(act(hub, number, "tick")) {
            (token(visitor))
            @if frame.follows { input type="hidden" name=(FOLLOW) value="1"; }
        }
        (post(hub, &issue.author, issue.created_at, &issue.body, Some(TICK_FORM)))
        (extra)
        @if hidden > 0 { p.quiet { (hidden) " earlier comments are not shown." } }
        @for comment in comments {
            (post(hub, &comment.comment.author, comment.comment.created_at, &comment.comment.body, None))
            (reactions(&comment.reactions))
        }
        // A page that loads itself again would lose what is being written.
        @if !frame.follows { (forms(hub, world, entry, visitor)) }
    }
}

fn follow_link(hub: &Hub, entry: &IssueEntry, follows: bool) -> Markup {
    let number = entry.issue.number;
    html! {
        @if follows {
            a.follow href=(hub.place.web(format_args!("/issues/{number}"))) { "Stop following, write a comment" }
        } @else if entry.issue.state == OpenState::Open {
            a.follow href=(hub.place.web(format_args!("/issues/{number}?{FOLLOW}=1"))) { "Follow what happens" }
        }
    }
}

fn forms(hub: &Hub, world: &World, entry: &IssueEntry, visitor: &Visitor) -> Markup {
    let number = entry.issue.number;
    let is_merged = world.pull(PullNumber(number.0)).is_some_and(|pull| pull.merged.is_some());
    let (verb, word) = match entry.issue.state {
        OpenState::Open if entry.issue.is_pull_request => ("close", "Close pull request"),
        OpenState::Open => ("close", "Close issue"),
        OpenState::Closed => ("reopen", "Open again"),
    };
    html! {
        form method="post" action=(act(hub, number, "comment")) {
            (token(visitor))
            textarea name="body" required aria-label="Comment"
                placeholder="A comment, or a command such as /orchestrate status" {}
            div.row { button.main type="submit" { "Comment" } }
        }
        div.row {
            form method="post" action=(act(hub, number, "label")) {
                (token(visitor))
                input type="text" name="label" required aria-label="Label" placeholder="label" maxlength="50";
                button type="submit" { "Add label" }
            }
            // What is merged cannot be opened again.
            @if !is_merged {
                form method="post" action=(act(hub, number, verb)) {
                    (token(visitor))
                    button type="submit" { (word) }
                }
            }
        }
    }
}

async fn pull_part(hub: &Hub, number: PullNumber, pull: &PullEntry, visitor: &Visitor) -> Markup {
    let git = git_side(hub, number).await.unwrap_or_default();
    let base = hub.look(|world| {
        let open = world.is_open(IssueNumber(number.0));
        world.branches().get(&pull.base_branch).filter(|_| open).unwrap_or(&pull.base_sha).clone()
    });
    let diff = hub.repository.diff(&base, &pull.head_sha).await.unwrap_or_else(|error| error.to_string());
    let checks = hub.look(|world| checks(world, pull));
    let open = hub.look(|world| world.is_open(IssueNumber(number.0)));
    html! {
        p.quiet {
            "From " code { (pull.head_branch) } " (" (pull.head_sha.short()) ") into " code { (pull.base_branch) } ": "
            (git.size.3) " files, +" (git.size.1) " −" (git.size.2) "."
            @if let Some(merged) = &pull.merged {
                " Merged as " code { (merged.commit.short()) } " by " (merged.by.login) ", " (moment(merged.at)) "."
            }
        }
        (checks)
        @if open {
            div.row {
                @if git.mergeable == Some(false) {
                    span.quiet { "This cannot be merged: both sides changed the same lines." }
                } @else {
                    form method="post" action=(act(hub, IssueNumber(number.0), "merge")) {
                        (token(visitor))
                        button.main type="submit" { "Merge" }
                    }
                }
            }
        }
        details open[diff.len() < 20_000] {
            summary { h2 { "Changes" } }
            @if diff.trim().is_empty() { p.quiet { "No line is changed." } }
            @else { pre.diff { @for line in diff.lines() { span class=[line_class(line)] { (line) "\n" } } } }
        }
    }
}

fn line_class(line: &str) -> Option<&'static str> {
    match line.as_bytes().first() {
        Some(b'+') if !line.starts_with("+++") => Some("added"),
        Some(b'-') if !line.starts_with("---") => Some("removed"),
        Some(b'@' | b'd' | b'i') => Some("place"),
        _ => None,
    }
}

fn checks(world: &World, pull: &PullEntry) -> Markup {
    html! {
        h2 { "Checks" }
        @if world.checks_of(&pull.head_sha).next().is_none() { p.quiet { "No check has reported." } }
        ul.steps {
            @for entry in world.checks_of(&pull.head_sha) {
                li { (progress(entry.check.progress, entry.check.conclusion)) " " (entry.check.name)
                    @if !entry.log.is_empty() { details { summary { "Output" } pre.log { (entry.log) } } }
                }
            }
        }
    }
}
