//! Carrying out what people want, once GitHub has said what they may do. Fails closed: whoever may not write changes
//! nothing.

use crate::engine::attempt::FenceCause;
use crate::engine::brief::ApprovedText;
use crate::engine::command::{self, Command};
use crate::engine::draft::Draft;
use crate::engine::effect::{Answer, Effect, EffectKey, EntryState};
use crate::engine::event::Read;
use crate::engine::id::{IssueNumber, TaskId};
use crate::engine::observe::fence;
use crate::engine::plan::{Act, Pause, PlanStatus};
use crate::engine::reconcile::{CLOSE, closing};
use crate::engine::render;
use crate::engine::snapshot::Permission;
use crate::engine::task::{CheckState, Hold, Stage, Task, Trigger, Verdict};
use crate::engine::waits;

/// What came of an act: done, or why not (for the person).
type Done = Result<Option<String>, String>;

/// Carries one act out and answers it.
pub(super) fn carry_out(draft: &mut Draft<'_>, act: &Act, permission: Permission) {
    if permission < Permission::Write {
        react(draft, act, Answer::Refused);
        untick(draft, act);
        answer_label(draft, act);
        return;
    }
    let done = match &act.wish {
        Ok(command) => obey(draft, act, command.clone()),
        Err(mistake) => Err(mistake.message.clone()),
    };
    untick(draft, act);
    match done {
        Ok(reply) => {
            react(draft, act, Answer::Done);
            if let Some(text) = reply {
                answer(draft, act, &text);
            }
        }
        Err(reason) => {
            react(draft, act, Answer::Refused);
            answer(draft, act, &render::refusal(&reason));
        }
    }
}

fn react(draft: &mut Draft<'_>, act: &Act, answer: Answer) {
    if let Some(comment) = act.comment {
        draft.intend(format!("react:{comment}:{answer}"), None, Effect::React { comment, answer });
    }
}

/// A label that approves nothing is answered, because somebody has to approve the text now.
fn answer_label(draft: &mut Draft<'_>, act: &Act) {
    if act.comment.is_none() && draft.task(TaskId(act.issue)).is_some() {
        let text = render::label_refused(act.issue);
        answer(draft, act, &text);
    }
}

/// A tick is answered by writing the box anew.
fn untick(draft: &mut Draft<'_>, act: &Act) {
    if act.comment.is_none()
        && let Some(tracking) = &mut draft.header_mut().tracking
    {
        tracking.dirty = true;
    }
}

/// Answers where the command stood; what one comment asked for is answered in one comment.
fn answer(draft: &mut Draft<'_>, act: &Act, text: &str) {
    let name = act.comment.map_or_else(|| format!("tick:{}", act.at.0), |comment| comment.to_string());
    let number = act.issue;
    let key = EffectKey(format!("comment:{number}:answer:{name}"));
    let earlier = draft.entry_mut(&key).filter(|entry| entry.state == EntryState::Queued);
    match earlier.map(|entry| &mut entry.effect) {
        Some(Effect::Comment { body, .. }) => {
            body.push_str("\n\n");
            body.push_str(text);
        }
        Some(_) | None => draft.intend(key.0, None, Effect::Comment { number, body: text.to_owned() }),
    }
}

fn obey(draft: &mut Draft<'_>, act: &Act, command: Command) -> Done {
    let asks = matches!(command, Command::Help | Command::Status | Command::Plan);
    if draft.header().status == PlanStatus::Ended && !asks {
        return Err(format!(
            "the plan has ended; an issue labelled `{}` begins the next",
            draft.header().settings.label
        ));
    }
    match command {
        Command::Help => Ok(Some(command::help())),
        Command::Plan => {
            draft.read(Read::Issues);
            draft.replan();
            Ok(None)
        }
        Command::Status => Ok(Some(render::status(draft))),
        Command::Approve(None) => approve_all(draft, act),
        Command::Approve(Some(issue)) => approve(draft, act, issue).map(|()| None),
        Command::Pause(reason) => pause(draft, act, reason),
        Command::Resume => resume(draft),
        Command::Retry(issue) => retry(draft, issue),
        Command::Cancel(None) => cancel_all(draft),
        Command::Cancel(Some(issue)) => cancel(draft, issue),
        Command::Merge(issue) => merge(draft, issue),
    }
}

/// The task of an issue, or what to say where there is none.
fn find(draft: &Draft<'_>, issue: IssueNumber) -> Result<TaskId, String> {
    let id = TaskId(issue);
    draft.task(id).map(|task| task.id).ok_or_else(|| {
        format!("#{issue} is not part of this plan; give it the label `{}` first", draft.header().settings.label)
    })
}

/// Approves one text: the one that stood when the person spoke, and no other.
fn approve(draft: &mut Draft<'_>, act: &Act, issue: IssueNumber) -> Result<(), String> {
    let id = find(draft, issue)?;
    let now = draft.now;
    let Some(task) = draft.task_mut(id) else { return Ok(()) };
    if let Some(Hold::Scope { paths }) = task.hold.clone() {
        task.scope_allowed.extend(paths);
        task.hold = None;
        return Ok(());
    }
    if task.is_approved() {
        return Ok(());
    }
    // GitHub tells whole seconds: of an edit and an approval within one, nobody knows which came first.
    let stood = if task.text_edited { task.text_since < act.at } else { task.text_since <= act.at };
    let shown = act.digest.as_ref().map_or(stood, |digest| task.digest.starts_with(digest.as_str()));
    if !shown {
        return Err(format!(
            "the text of #{issue} changed before this approval was read; look at it again and approve it then"
        ));
    }
    task.approval = Some(ApprovedText {
        title: task.title.clone(),
        body: task.body.clone(),
        digest: task.digest.clone(),
        by: act.actor.login.clone(),
        at: now,
    });
    Ok(())
}

fn approve_all(draft: &mut Draft<'_>, act: &Act) -> Done {
    let waiting = draft.ids(waits::wants_approval);
    let texts = waits::texts_digest(waiting.iter().filter_map(|id| draft.task(*id)));
    // A box stands for the texts that were shown with it, and for no others.
    if act.digest.as_ref().is_some_and(|shown| !texts.starts_with(shown.as_str())) {
        return Err("the texts changed since they were shown; look at them again and approve them then".to_owned());
    }
    let act = &Act { digest: None, ..act.clone() };
    let mut refused = Vec::new();
    for id in waiting {
        if let Err(reason) = approve(draft, act, id.0) {
            refused.push(reason);
        }
    }
    if refused.is_empty() { Ok(None) } else { Err(refused.join("; ")) }
}

fn pause(draft: &mut Draft<'_>, act: &Act, reason: Option<String>) -> Done {
    let at = draft.now;
    let by = act.actor.login.clone();
    draft.header_mut().paused = Some(Pause { by, reason: reason.unwrap_or_default(), at });
    Ok(None)
}

fn resume(draft: &mut Draft<'_>) -> Done {
    if draft.header().paused.is_none() {
        return Err("the plan is not paused".to_owned());
    }
    draft.header_mut().paused = None;
    Ok(None)
}

/// Takes a task up again: one more attempt beyond the limit where one is needed; no counter is lowered.
fn retry(draft: &mut Draft<'_>, issue: IssueNumber) -> Done {
    let id = find(draft, issue)?;
    let now = draft.now;
    let Some(task) = draft.task(id) else { return Ok(None) };
    if task.left {
        return Err(format!("#{issue} left the plan; open it and give it the label again"));
    }
    if task.live().is_some() || task.cancel_asked && task.verdict.is_none() {
        return Err(format!("an attempt of #{issue} is under way; wait for its end or cancel it first"));
    }
    if task.stage == Stage::Merged {
        return Err(format!("#{issue} is merged"));
    }
    // Work on an issue that we closed would come to a pull request that nobody waits for.
    if !task.issue_open || draft.entry(&closing(issue)).is_some() {
        return Err(format!("#{issue} is closed; open it again, then ask for the retry"));
    }
    match (&task.hold, task.stage) {
        (Some(Hold::PublishRefused { .. } | Hold::BaseRed { .. }), Stage::Complete | Stage::PrOpen) => {
            look_anew(draft, id)
        }
        (Some(_), _) | (None, Stage::Complete | Stage::Cancelled) => again(draft, id),
        (None, Stage::Error) if task.verdict.is_some() => again(draft, id),
        (None, Stage::Error) => {}
        (None, Stage::PrOpen) => {
            return Err(format!("the pull request of #{issue} is open and nothing about it failed"));
        }
        (None, Stage::Waiting | Stage::Running | Stage::Stuck | Stage::Merged) => {
            return Err(format!("#{issue} has not failed: nothing to retry"));
        }
    }
    if let Some(task) = draft.task_mut(id) {
        task.hold = None;
        task.not_before = now;
    }
    Ok(None)
}

/// What kept the work from being published or merged may be mended: its pull request is looked at anew, and nothing
/// is spent.
fn look_anew(draft: &mut Draft<'_>, id: TaskId) {
    let Some(pull) = draft.task_mut(id).and_then(|task| task.pull.as_mut()) else { return };
    pull.checks = CheckState::Pending;
    pull.merge_refused = None;
    let (number, head) = (pull.number, pull.head.clone());
    draft.read(Read::Pull(number));
    draft.read(Read::Checks(head));
}

/// Back to the start of another attempt.
fn again(draft: &mut Draft<'_>, id: TaskId) {
    draft.move_task(id, Trigger::Retake);
    if let Some(task) = draft.task_mut(id) {
        task.counters.granted += 1;
        task.told.remove(CLOSE);
        task.verdict = None;
        task.settled_at = None;
        task.cancel_asked = false;
        task.rebase_due = task.has_open_pull() && task.pull.as_ref().is_some_and(|pull| pull.mergeable == Some(false));
        task.rebase_from = task.pull.as_ref().filter(|_| task.rebase_due).map(|pull| pull.head.clone());
        // Work of a person on the branch is where the next attempt starts from.
        if let Some(pull) = task.pull.as_ref().filter(|pull| pull.open) {
            task.branch = Some(pull.head.clone());
        }
    }
}

fn cancel(draft: &mut Draft<'_>, issue: IssueNumber) -> Done {
    let id = find(draft, issue)?;
    let Some(task) = draft.task_mut(id) else { return Ok(None) };
    if task.stage == Stage::Merged || matches!(task.verdict, Some(Verdict::Merged | Verdict::NoChange)) {
        return Err(format!("#{issue} is done already"));
    }
    task.cancel_asked = true;
    if task.verdict == Some(Verdict::Escalated) {
        task.verdict = None;
    }
    fence(draft, id, FenceCause::Cancelled);
    let freed: Vec<String> = draft
        .tasks()
        .filter(|task| task.verdict.is_none() && waits::dependencies(task).contains(&issue))
        .map(|task| format!("#{}", task.issue()))
        .collect();
    Ok((!freed.is_empty()).then(|| format!("#{issue} blocks nobody any more: {} may go on.", freed.join(", "))))
}

fn cancel_all(draft: &mut Draft<'_>) -> Done {
    draft.header_mut().given_up = true;
    let open = |task: &Task| !matches!(task.verdict, Some(Verdict::Merged | Verdict::NoChange | Verdict::Cancelled));
    for id in draft.ids(|task| open(task) && task.stage != Stage::Merged) {
        if let Some(task) = draft.task_mut(id) {
            task.cancel_asked = true;
            task.verdict = None;
        }
        fence(draft, id, FenceCause::Cancelled);
    }
    Ok(None)
}

fn merge(draft: &mut Draft<'_>, issue: IssueNumber) -> Done {
    let id = find(draft, issue)?;
    let Some(pull) = draft.task_mut(id).and_then(|task| task.pull.as_mut()).filter(|pull| pull.open) else {
        return Err(format!("#{issue} has no open pull request"));
    };
    if let CheckState::Red { names } = &pull.checks {
        return Err(format!(
            "the checks of pull request #{} fail ({}); merge it on GitHub if you want it so",
            pull.number,
            names.join(", ")
        ));
    }
    pull.merge_asked = true;
    // What GitHub refused before may be mended: the person says so.
    pull.merge_refused = None;
    Ok(None)
}
