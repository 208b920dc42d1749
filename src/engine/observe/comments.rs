//! What people say: commands in comments, and labels that approve. Nothing is carried out before GitHub has said what
//! the person may do.

use std::collections::BTreeSet;

use crate::engine::act;
use crate::engine::command::{self, Command};
use crate::engine::config::ApprovalPolicy;
use crate::engine::draft::Draft;
use crate::engine::effect::{Answer, Effect};
use crate::engine::event::Read;
use crate::engine::id::{IssueNumber, Login, PullNumber, TaskId};
use crate::engine::plan::Act;
use crate::engine::render;
use crate::engine::snapshot::{Actor, BodyEdit, Comment, Issue, Permission};
use crate::engine::tasks::Place;
use crate::engine::time::Timestamp;

/// Most acts of people kept waiting; more are answered at the next tick.
const ACTS_MAX: usize = 200;
/// Most comments of ours remembered: a doubled one follows its first closely.
const SAID_MAX: usize = 200;

/// Whether what an account does may count at all: people, and bots that are listed; never ourselves.
pub(super) fn may_speak(draft: &Draft<'_>, actor: &Actor) -> bool {
    let header = draft.header();
    let listed = header.settings.allowed_bots.iter().any(|bot| bot.eq_ignore_ascii_case(actor.login.as_str()));
    !actor.login.same(&header.bot) && (!actor.bot || listed)
}

/// Records comments that are new to the cursor, oldest first. Only created ones count: an edited one is passed over.
pub(super) fn record_comments(draft: &mut Draft<'_>, comments: &[Comment]) {
    let mut sorted: Vec<&Comment> = comments.iter().collect();
    sorted.sort_by_key(|comment| (comment.updated_at, comment.id));
    for comment in sorted {
        if !draft.header().cursor.is_new(&comment.id, comment.updated_at) {
            continue;
        }
        if draft.header().acts.len() + draft.header().unplaced.len() >= ACTS_MAX {
            return;
        }
        draft.header_mut().cursor.handle(comment.id, comment.updated_at);
        if comment.author.login.same(&draft.header().bot) {
            remember_ours(draft, comment);
        } else {
            take_commands(draft, comment);
        }
    }
}

/// Remembers a comment of ours by its effect's key; a second one with the same key goes.
fn remember_ours(draft: &mut Draft<'_>, comment: &Comment) {
    let Some(key) = render::marked_key(&comment.body).map(ToOwned::to_owned) else { return };
    if draft.header().said.get(&key).is_some_and(|first| *first != comment.id) {
        let effect = Effect::DeleteComment { comment: comment.id };
        draft.intend(format!("uncomment:{}", comment.id), None, effect);
        return;
    }
    let said = &mut draft.header_mut().said;
    said.insert(key, comment.id);
    if said.len() > SAID_MAX
        && let Some(oldest) = said.iter().min_by_key(|(_, id)| **id).map(|(key, _)| key.clone())
    {
        said.remove(&oldest);
    }
}

/// Whether an issue or pull request is known to be of this plan.
fn is_ours(draft: &Draft<'_>, issue: IssueNumber) -> bool {
    draft.task(TaskId(issue)).is_some()
        || draft.header().tracking.as_ref().is_some_and(|tracking| tracking.number == issue)
        || draft.at(Place::Pull(PullNumber(issue.0))).next().is_some()
}

/// Takes the commands of one comment down. Only what was said when the comment was made counts: a comment that was
/// edited before it was read may say what its author never did, so commands in edited comments are ignored by design.
fn take_commands(draft: &mut Draft<'_>, comment: &Comment) {
    if comment.updated_at > comment.created_at {
        return;
    }
    let commands = command::parse(&comment.body);
    if commands.is_empty() || !may_speak(draft, &comment.author) {
        return;
    }
    let acts = commands.into_iter().map(|wish| Act {
        actor: comment.author.clone(),
        at: comment.created_at,
        issue: comment.issue,
        comment: Some(comment.id),
        wish,
        digest: None,
    });
    draft.header_mut().unplaced.extend(acts);
}

/// Takes up what was said on issues that are known to be of this plan by now.
pub(super) fn place(draft: &mut Draft<'_>) {
    if draft.header().unplaced.is_empty() {
        return;
    }
    let (ours, others): (Vec<Act>, Vec<Act>) =
        draft.header().unplaced.iter().cloned().partition(|act| is_ours(draft, act.issue));
    if !ours.is_empty() {
        draft.header_mut().unplaced = others;
        take_up(draft, ours);
    }
}

/// What was said on an issue counts as soon as the issue has joined. It counts too on a tracking issue of this plan
/// that we made without having heard so, and is dropped where GitHub shows nothing of ours: people may talk of us.
pub(super) fn place_on(draft: &mut Draft<'_>, number: IssueNumber, issue: Option<&Issue>) {
    place(draft);
    let (here, others): (Vec<Act>, Vec<Act>) =
        draft.header().unplaced.iter().cloned().partition(|act| act.issue == number);
    if here.is_empty() {
        return;
    }
    draft.header_mut().unplaced = others;
    let marker = render::tracking_marker(draft.header().number);
    let bot = &draft.header().bot;
    if issue.is_some_and(|issue| issue.author.login.same(bot) && issue.body.contains(&marker)) {
        take_up(draft, here);
    }
}

/// Acts wait for what GitHub says about their people; each comment is told that it was seen.
fn take_up(draft: &mut Draft<'_>, acts: Vec<Act>) {
    for comment in acts.iter().filter_map(|act| act.comment) {
        draft.intend(format!("react:{comment}:seen"), None, Effect::React { comment, answer: Answer::Seen });
    }
    draft.header_mut().acts.extend(acts);
}

/// Records what an account may do, and carries out what it asked for.
pub(super) fn record_permission(draft: &mut Draft<'_>, login: &Login, permission: Permission) {
    let unread = draft.texts_unread;
    let header = draft.header();
    // What one comment asks for is done in its order and answered at once.
    let approving: BTreeSet<_> =
        header.acts.iter().filter(|act| header.asks_text(act)).filter_map(|act| act.comment).collect();
    let waits = |act: &Act| {
        unread && (header.asks_text(act) || act.comment.is_some_and(|comment| approving.contains(&comment)))
    };
    let (now, later): (Vec<Act>, Vec<Act>) =
        header.acts.iter().cloned().partition(|act| act.actor.login.same(login) && !waits(act));
    if now.is_empty() {
        return;
    }
    draft.header_mut().acts = later;
    for act in now {
        act::carry_out(draft, &act, permission);
    }
}

/// Records who labelled an issue: with `approval: label` that is an approval, once the person is known to have write
/// and the text is known not to have changed since.
pub(super) fn record_labelled(
    draft: &mut Draft<'_>,
    issue: IssueNumber,
    by: Option<&(Actor, Timestamp)>,
    edited: Option<&BodyEdit>,
) {
    let by_label = draft.header().settings.approval == ApprovalPolicy::Label;
    let Some(task) = draft.task_mut(TaskId(issue)) else { return };
    task.label_asked = true;
    let digest = task.digest.clone();
    let seen_since = task.text_edited.then_some(task.text_since);
    let Some((actor, at)) = by else { return };
    // Of an edit and a label within one second nobody knows which came first. Whoever made both knows the text; what
    // somebody else wrote may have come after the look that the label stands for.
    let theirs = |edit: &BodyEdit| edit.editor.as_ref().is_some_and(|editor| editor.login.same(&actor.login));
    let edited_since = edited.is_some_and(|edit| edit.at > *at || edit.at == *at && !theirs(edit));
    // GitHub keeps edits of the body only; a title that changed was seen to change.
    let unchanged = !edited_since && seen_since.is_none_or(|seen| seen <= *at);
    if !by_label || !unchanged || !may_speak(draft, actor) {
        return;
    }
    let act = Act {
        actor: actor.clone(),
        at: *at,
        issue,
        comment: None,
        wish: Ok(Command::Approve(Some(issue))),
        digest: Some(digest),
    };
    draft.header_mut().acts.push(act);
    draft.read(Read::Permission(actor.login.clone()));
}
