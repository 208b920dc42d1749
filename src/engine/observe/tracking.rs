//! The tracking issue as people left it: ticked boxes are wishes of whoever ticked them.

use std::time::Duration;

use crate::engine::checklist::{self, Tick};
use crate::engine::command;
use crate::engine::draft::Draft;
use crate::engine::effect::{Effect, EffectKey, History};
use crate::engine::id::IssueNumber;
use crate::engine::observe::comments::may_speak;
use crate::engine::plan::{Act, PlanStatus};
use crate::engine::render;
use crate::engine::snapshot::{Actor, BodyEdit, Issue};
use crate::engine::time::Timestamp;

/// A doubled tracking issue is closed: a plan has one.
pub(super) fn record_doubles(draft: &mut Draft<'_>, number: IssueNumber, doubles: &[IssueNumber]) {
    if draft.header().tracking.as_ref().is_none_or(|tracking| tracking.number != number) {
        return;
    }
    for double in doubles {
        draft.intend(format!("close:{double}"), None, Effect::CloseIssue { number: *double });
    }
}

/// Records the tracking issue. Gone, it is forgotten and made anew. Each tick is attributed to the person whose edit
/// shows it first, also one that we wrote over since; one that cannot be attributed is put back with a line that asks
/// for the command.
///
/// Without a history there was none to ask for: it stands as we left it.
pub(super) fn record(draft: &mut Draft<'_>, number: IssueNumber, issue: Option<&Issue>, edits: Option<&[BodyEdit]>) {
    let Some(tracking) = draft.header().tracking.clone().filter(|tracking| tracking.number == number) else { return };
    let Some(issue) = issue else {
        draft.header_mut().tracking = None;
        draft.header_mut().lost_tracking = Some(number);
        draft.answered(&EffectKey(format!("close:{number}")));
        return;
    };
    if draft.header().status == PlanStatus::Ended {
        return;
    }
    let Some(edits) = edits else { return };
    let now = draft.now;
    if let Some(tracking) = &mut draft.header_mut().tracking {
        tracking.read_at = Some(now);
        tracking.seen_at = Some(issue.updated_at);
    }
    take_history(draft, number, edits);
    if checklist::digest(&issue.body) == tracking.digest {
        return;
    }
    // Where GitHub gives no text with its edits, the body as it stands is all there is.
    let told = edits.last().and_then(|edit| edit.body.as_ref()).map(|body| checklist::ticks(body)).unwrap_or_default();
    let untold: Vec<Tick> = checklist::ticks(&issue.body).into_iter().filter(|tick| !told.contains(tick)).collect();
    let bot = draft.header().bot.clone();
    let people: Vec<&BodyEdit> = edits
        .iter()
        .filter(|edit| edit.at >= tracking.edited_at - Duration::from_secs(1))
        .filter(|edit| !checklist::is_by(edit, &bot))
        .collect();
    let offers = if untold.is_empty() { Vec::new() } else { offers(draft, edits) };
    for tick in untold.iter().filter(|tick| is_offered(tick, &offers)) {
        match attribute(tick, &people) {
            Some((actor, at)) => take_once(draft, number, tick, actor, at),
            None => put_back(draft, tick),
        }
    }
    if let Some(tracking) = &mut draft.header_mut().tracking {
        tracking.dirty = true;
        tracking.digest = checklist::digest(&issue.body);
    }
}

/// The history as the answer to our own writing told it: what we wrote over stands there, and nothing older is to come.
pub(super) fn written(draft: &mut Draft<'_>, number: IssueNumber, history: &History) {
    let Some(tracking) = draft.header_mut().tracking.as_mut().filter(|known| known.number == number) else { return };
    tracking.read_at = Some(tracking.edited_at + Duration::from_millis(1));
    tracking.seen_at = Some(history.updated_at);
    if draft.header().status != PlanStatus::Ended {
        take_history(draft, number, &history.edits);
    }
}

/// Takes down what people ticked according to the history of edits, each tick once.
fn take_history(draft: &mut Draft<'_>, number: IssueNumber, edits: &[BodyEdit]) {
    let made = checklist::made(edits, &draft.header().bot);
    let new = |(tick, by, at): &(Tick, Option<Actor>, Timestamp)| is_new(draft, tick, by.as_ref(), *at);
    let new: Vec<_> = made.into_iter().filter(new).collect();
    let offers = if new.is_empty() { Vec::new() } else { offers(draft, edits) };
    for (tick, by, at) in new.iter().filter(|(tick, _, _)| is_offered(tick, &offers)) {
        match by {
            Some(actor) => take_once(draft, number, tick, actor.clone(), *at),
            None => {
                note(draft, tick, None, *at);
                put_back(draft, tick);
            }
        }
    }
}

/// The boxes that we offer now, or offered in a version of ours that somebody may have had before them. Anybody who
/// may edit can write a box into our part: only one that we offer stands for a command, and only with a digest where
/// we give it one. Whether it is still the right one is judged when the command is carried out.
fn offers(draft: &Draft<'_>, edits: &[BodyEdit]) -> Vec<Tick> {
    let ours = edits.iter().filter(|edit| checklist::is_by(edit, &draft.header().bot));
    let before = ours.filter_map(|edit| checklist::own_part(edit.body.as_ref()?)).flat_map(checklist::offered);
    checklist::offered(&render::tracking(draft, render::BODY_CHARACTERS_MAX)).into_iter().chain(before).collect()
}

fn is_offered(tick: &Tick, offers: &[Tick]) -> bool {
    let same = |offer: &Tick| offer.command == tick.command && offer.digest.is_some() == tick.digest.is_some();
    offers.iter().any(same) && tick.digest.as_ref().is_none_or(|digest| digest.len() >= render::DIGEST_DIGITS)
}

/// What names one tick of one person at one moment.
fn name(tick: &Tick, by: Option<&Actor>, at: Timestamp) -> String {
    let login = by.map_or("", |actor| actor.login.as_str());
    format!("{} {login} {} {}", at.0, tick.command, tick.digest.as_deref().unwrap_or_default())
}

fn is_new(draft: &Draft<'_>, tick: &Tick, by: Option<&Actor>, at: Timestamp) -> bool {
    draft.header().tracking.as_ref().is_some_and(|tracking| tracking.ticked.is_new(&name(tick, by, at), at))
}

fn note(draft: &mut Draft<'_>, tick: &Tick, by: Option<&Actor>, at: Timestamp) {
    if let Some(tracking) = &mut draft.header_mut().tracking {
        tracking.ticked.handle(name(tick, by, at), at);
        tracking.dirty = true;
    }
}

/// Nobody knows who ticked it.
fn put_back(draft: &mut Draft<'_>, tick: &Tick) {
    if let Some(tracking) = &mut draft.header_mut().tracking
        && !tracking.unattributed.contains(&tick.command)
    {
        tracking.unattributed.push(tick.command.clone());
    }
}

/// Takes one tick down for the person who made it, unless that was done before.
fn take_once(draft: &mut Draft<'_>, issue: IssueNumber, tick: &Tick, actor: Actor, at: Timestamp) {
    if !is_new(draft, tick, Some(&actor), at) {
        return;
    }
    note(draft, tick, Some(&actor), at);
    if !may_speak(draft, &actor) {
        return;
    }
    let Some(wish) = command::parse(&format!("{} {}", command::COMMAND_WORD, tick.command)).pop() else { return };
    let act = Act { actor, at, issue, comment: None, wish, digest: tick.digest.clone() };
    let known = draft.header().acts.iter().any(|known| known.wish == act.wish && known.actor == act.actor);
    if !known {
        draft.header_mut().acts.push(act);
    }
}

/// Who made a tick: the only person who edited since we wrote, or the first whose version of the body shows it.
fn attribute(tick: &Tick, edits: &[&BodyEdit]) -> Option<(Actor, Timestamp)> {
    let first = edits.first()?;
    let same =
        |editor: &Actor, edit: &&BodyEdit| edit.editor.as_ref().is_some_and(|other| other.login.same(&editor.login));
    if let Some(editor) = first.editor.as_ref().filter(|editor| edits.iter().all(|edit| same(editor, edit))) {
        return Some((editor.clone(), edits.last().map_or(first.at, |edit| edit.at)));
    }
    let shows = |edit: &&&BodyEdit| edit.body.as_ref().is_some_and(|body| checklist::ticks(body).contains(tick));
    if edits.iter().any(|edit| edit.body.is_none()) {
        return None;
    }
    let edit = edits.iter().find(shows)?;
    edit.editor.clone().map(|editor| (editor, edit.at))
}
