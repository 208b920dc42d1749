//! What people read and what they said: ticks, comments, secrets.

use std::collections::{BTreeMap, BTreeSet};

use crate::engine::command::Command;
use crate::engine::config::Dependencies;
use crate::engine::effect::{Outcome, Receipt};
use crate::engine::event::{Event, Fact};
use crate::engine::id::{CommentId, IssueNumber, STATE_BRANCH, TaskId};
use crate::engine::plan::Header;
use crate::engine::snapshot::OpenState;
use crate::engine::task::Verdict;
use crate::forge::memory::repository::Repository;
use crate::forge::world::World;
use crate::github::Request;
use crate::simulate::oracle::{Oracle, Seen, read_text};

/// Ticks that were taken down.
#[derive(Debug, Default)]
pub(super) struct Ticks {
    taken: BTreeSet<String>,
    /// How many versions of an issue's body the engine was told of.
    heard: BTreeMap<IssueNumber, usize>,
    /// Those that a write of ours covered before anybody took them down.
    overwritten: BTreeSet<String>,
}

/// The ticked boxes of a body: what stands in their hidden comments, digest left out.
fn ticked(body: &str) -> BTreeSet<String> {
    // Few bodies hold one, and each is looked at again and again.
    if !body.contains("[x] <!--") && !body.contains("[X] <!--") {
        return BTreeSet::new();
    }
    let marks = ["- [x] <!-- orchestrate: ", "- [X] <!-- orchestrate: "];
    let lines = body.lines().filter_map(|line| marks.iter().find_map(|mark| line.trim_start().strip_prefix(mark)));
    let commands = lines.filter_map(|line| line.split_once(" -->")).map(|(inside, _)| inside);
    commands.map(|inside| inside.split(" @").next().unwrap_or(inside).trim().to_owned()).collect()
}

/// Notes the ticks that a saved header holds.
pub(super) fn take_ticks(oracle: &mut Oracle, header: &Header) {
    let spoken = header.acts.iter().filter(|act| act.comment.is_none()).filter_map(|act| act.wish.as_ref().ok());
    let words: Vec<String> = spoken.filter_map(words).collect();
    oracle.ticks.taken.extend(words);
    let put_back = header.tracking.iter().flat_map(|tracking| tracking.unattributed.iter().cloned());
    oracle.ticks.taken.extend(put_back);
}

/// Notes the ticks that the engine is told of: with the person's right known already, it answers them in one step.
pub(super) fn hear_ticks(oracle: &mut Oracle, events: &[Event]) {
    for event in events {
        let (number, edits, body) = match event {
            Event::Fact(fact) => match &**fact {
                Fact::Tracking(_, Some(issue), edits, _) => {
                    (issue.number, edits.as_deref().unwrap_or_default(), Some(issue.body.as_str()))
                }
                _ => continue,
            },
            // What we write over is told with the writing.
            Event::Outcome(_, outcome) => match &**outcome {
                Outcome::Done(Receipt::TrackingWritten { number, history: Some(history), .. }) => {
                    (*number, history.edits.as_slice(), None)
                }
                _ => continue,
            },
            _ => continue,
        };
        // A history only grows: what was heard of it before is known.
        let heard = if edits.is_empty() { None } else { oracle.ticks.heard.insert(number, edits.len()) };
        let bodies = edits.iter().skip(heard.unwrap_or_default()).filter_map(|edit| edit.body.as_deref());
        oracle.ticks.taken.extend(bodies.chain(body).flat_map(ticked));
    }
}

/// A command that boxes offer, as it stands in their comments.
fn words(command: &Command) -> Option<String> {
    match command {
        Command::Approve(None) => Some("approve".to_owned()),
        Command::Approve(Some(issue)) => Some(format!("approve #{issue}")),
        Command::Retry(issue) => Some(format!("retry #{issue}")),
        Command::Pause(_) => Some("pause".to_owned()),
        Command::Resume => Some("resume".to_owned()),
        Command::Plan => Some("plan".to_owned()),
        Command::Cancel(None) => Some("cancel".to_owned()),
        Command::Cancel(Some(issue)) => Some(format!("cancel #{issue}")),
        Command::Merge(issue) => Some(format!("merge #{issue}")),
        Command::Help | Command::Status => None,
    }
}

/// Notes ticks that a write of ours covers.
pub(super) fn overwrites(oracle: &mut Oracle, request: &Request, seen: Seen<'_>) {
    let (Request::UpdateIssue { number, body: Some(body), .. } | Request::RewriteIssue { number, body, .. }) = request
    else {
        return;
    };
    let Some(entry) = seen.world.issue(*number) else { return };
    let (before, after) = (ticked(&entry.issue.body), ticked(body));
    for tick in before.difference(&after) {
        // A box that is offered no more stood for something that is done.
        let offered = body.contains(&format!("- [ ] <!-- orchestrate: {tick}"));
        if offered && !oracle.ticks.taken.contains(tick) {
            oracle.ticks.overwritten.insert(tick.clone());
        }
    }
}

/// S17, once things are quiet: what was overwritten was read all the same.
pub(in crate::simulate) fn no_tick_is_lost(oracle: &mut Oracle) {
    let lost: Vec<String> = oracle.ticks.overwritten.difference(&oracle.ticks.taken).cloned().collect();
    oracle.must("S17", lost.is_empty(), || format!("the ticks {lost:?} were overwritten and never read"));
}

/// S18: what a person closed is never opened again by us.
pub(super) fn reopens(oracle: &mut Oracle, request: &Request) {
    if let Request::UpdateIssue { number, state: Some(state), .. } = request {
        oracle.must("S18", *state == OpenState::Closed, || format!("#{number} was opened again"));
    }
}

/// S28: a relation is written only where that is asked for, and only as some version of the issue's text states it.
pub(super) fn relates(oracle: &mut Oracle, request: &Request, seen: Seen<'_>) {
    let Request::Relate { number, by, blocked: true } = request else { return };
    let Some(entry) = seen.world.issue(*number) else { return };
    let before = entry.edits.iter().filter_map(|edit| edit.body.as_deref());
    let states = |body: &str| read_text(body).depends_on.contains(&by.0);
    let stated = before.chain([entry.issue.body.as_str()]).any(states);
    let asked_for = oracle.settings.dependencies == Dependencies::WriteBack;
    let approved = oracle.tasks.get(&TaskId(*number)).is_some_and(|task| task.approval.is_some());
    oracle.must("S28", stated && asked_for && approved, || {
        format!("#{number} was blocked by #{by}: stated {stated}, asked for {asked_for}, approved {approved}")
    });
}

/// S26: the secret of the plan leaves in nothing that we write: no text for people, no file, no input of a run.
pub(super) fn canary(oracle: &mut Oracle, request: &Request) {
    let told = texts(request).into_iter().any(|text| text.contains(&oracle.canary));
    oracle.must("S26", !told, || "what was written holds a secret".to_owned());
}

/// Every text that a write carries.
fn texts(request: &Request) -> Vec<&str> {
    match request {
        Request::CreateIssue { title, body, .. } => vec![title, body],
        Request::CreatePullRequest { title, body, head, .. } => vec![title, body, head],
        Request::UpdateIssue { title, body, .. } | Request::UpdatePullRequest { title, body, .. } => {
            [title, body].into_iter().flatten().map(String::as_str).collect()
        }
        Request::CreateComment { body, .. } | Request::RewriteIssue { body, .. } => vec![body],
        Request::CreateCommit { message, files, .. } | Request::CommitOnBranch { message, files, .. } => {
            let files = files.iter().flat_map(|file| [file.path.as_str(), file.content.as_str()]);
            files.chain([message.as_str()]).collect()
        }
        Request::CreateBranch { branch, .. } => vec![branch],
        Request::DispatchWorkflow { inputs, .. } => inputs.values().map(String::as_str).collect(),
        _ => Vec::new(),
    }
}

/// S5 and S4, once things are quiet: nothing of ours is said twice, and one tracking issue is open.
pub(in crate::simulate) fn nothing_stands_twice(oracle: &mut Oracle, world: &World, bot: &str) {
    let mut said: BTreeMap<(IssueNumber, String), u32> = BTreeMap::new();
    // What GitHub did not let us take away so often stays.
    let stays = |id: &CommentId| oracle.not_taken_away.get(id).is_some_and(|times| *times >= 9);
    let ours = world.comments().filter(|entry| entry.comment.author.login.as_str() == bot);
    for entry in ours.filter(|entry| !stays(&entry.comment.id)) {
        let Some((_, marker)) = entry.comment.body.rsplit_once("<!--") else { continue };
        *said.entry((entry.comment.issue, marker.to_owned())).or_default() += 1;
    }
    for ((issue, marker), times) in said {
        oracle.must("S5", times == 1, || format!("`{marker}` stands {times} times on #{issue}"));
    }
    let labelled = world.issues().filter(|entry| {
        let ours = entry.issue.labels.iter().any(|label| label == "orchestrate:tracking");
        ours && entry.issue.state == OpenState::Open && entry.issue.author.login.as_str() == bot
    });
    let open = labelled.count();
    oracle.must("S4", open <= 1, || format!("{open} tracking issues are open"));
}

impl Oracle {
    /// GitHub let a request of ours have no effect, and said so.
    pub(in crate::simulate) fn not_let(&mut self, request: &Request) {
        if let Request::CommitOnBranch { branch, .. } = request {
            self.kept_late |= branch == STATE_BRANCH;
        }
        if let Request::DeleteComment { comment } = request {
            *self.not_taken_away.entry(*comment).or_default() += 1;
        }
    }
}

/// S19 and S25, once things are quiet: what is merged counts as merged, and the tracking issue is closed.
pub(in crate::simulate) fn last_words(oracle: &mut Oracle, world: &World, _: &Repository) {
    let tasks: Vec<_> = oracle.tasks.values().cloned().collect();
    for task in tasks {
        let is_merged = oracle.truth.is_merged(task.issue(), world);
        let counts = task.verdict == Some(Verdict::Merged);
        // What happens to its pull request when the plan has ended is looked at no more.
        let ended = oracle.header.as_ref().and_then(|header| header.ended_at);
        let late = ended.is_some_and(|ended| oracle.truth.merged_at(task.issue(), world) > Some(ended));
        let again = task.left || task.attempts.is_empty() || late;
        oracle.must("S19", counts == is_merged || again, || {
            format!("{} is {:?}, and merged: {is_merged}", task.id, task.verdict)
        });
    }
    let Some(tracking) = oracle.header.as_ref().and_then(|header| header.tracking.as_ref()) else { return };
    let number = tracking.number;
    let open = world.is_open(number);
    let body = world.issue(number).filter(|entry| !entry.deleted).map(|entry| entry.issue.body.clone());
    let says_so = body.is_none_or(|body| body.contains("This plan has ended."));
    oracle.must("S25", says_so, || format!("the plan has ended and #{number} does not say so"));
    oracle.must("S25", !open, || format!("the plan has ended and its tracking issue #{number} is open"));
}
