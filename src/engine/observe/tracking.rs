//! The tracking issue as people left it: ticked boxes are wishes of whoever ticked them.

use crate::engine::checklist::{self, Tick};
use crate::engine::command;
use crate::engine::draft::Draft;
use crate::engine::effect::Effect;
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

/// Records the tracking issue. Gone, it is forgotten and made anew; ticked, each tick is attributed to the person
/// whose edit shows it first, or put back with a line that asks for the command.
pub(super) fn record(draft: &mut Draft<'_>, number: IssueNumber, issue: Option<&Issue>, edits: &[BodyEdit]) {
    let Some(tracking) = draft.header().tracking.clone().filter(|tracking| tracking.number == number) else { return };
    let Some(issue) = issue else {
        draft.header_mut().tracking = None;
        return;
    };
    if draft.header().status == PlanStatus::Ended || checklist::digest(&issue.body) == tracking.digest {
        return;
    }
    let people: Vec<&BodyEdit> = edits
        .iter()
        .filter(|edit| edit.at >= tracking.edited_at - std::time::Duration::from_secs(1))
        .filter(|edit| edit.editor.as_ref().is_none_or(|editor| !editor.login.same(&draft.header().bot)))
        .collect();
    take_ticks(draft, number, &checklist::ticks(&issue.body), &people);
    if let Some(tracking) = &mut draft.header_mut().tracking {
        tracking.dirty = true;
        tracking.digest = checklist::digest(&issue.body);
    }
}

/// Takes down what people ticked between our read of the body and our write over it: the boxes are empty again, their
/// wishes stand.
pub(super) fn record_overwritten(draft: &mut Draft<'_>, number: IssueNumber, edits: &[BodyEdit]) {
    let mut ticks: Vec<Tick> =
        edits.iter().filter_map(|edit| edit.body.as_ref()).flat_map(|b| checklist::ticks(b)).collect();
    ticks.sort();
    ticks.dedup();
    take_ticks(draft, number, &ticks, &edits.iter().collect::<Vec<_>>());
}

/// Takes ticks down. Anybody who may edit can write a box into our part: only a box that we offer stands for a command,
/// and only with a digest where we give it one; whether it is still the right one is judged when the command is carried
/// out.
fn take_ticks(draft: &mut Draft<'_>, number: IssueNumber, ticks: &[Tick], edits: &[&BodyEdit]) {
    let offered = if ticks.is_empty() { Vec::new() } else { checklist::offered(&render::tracking(draft)) };
    let ours = |tick: &Tick| {
        let same = |offer: &Tick| offer.command == tick.command && offer.digest.is_some() == tick.digest.is_some();
        offered.iter().any(same) && tick.digest.as_ref().is_none_or(|digest| digest.len() >= render::DIGEST_DIGITS)
    };
    for tick in ticks.iter().filter(|tick| ours(tick)) {
        take_tick(draft, number, tick, edits);
    }
}

/// Takes one tick down for the person who made it.
fn take_tick(draft: &mut Draft<'_>, issue: IssueNumber, tick: &Tick, edits: &[&BodyEdit]) {
    let Some((actor, at)) = attribute(tick, edits) else {
        if let Some(tracking) = &mut draft.header_mut().tracking
            && !tracking.unattributed.contains(&tick.command)
        {
            tracking.unattributed.push(tick.command.clone());
        }
        return;
    };
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
