//! What the tracking issue has no room for: of a large plan the tasks that are over move into comments on it.
//!
//! Promises: nothing moves while the lists fit; finished phases move first, and of other phases what is over only in
//! large parts; each comment is written once, and its tasks leave the issue's lists only when it stands; a task that
//! begins again is back in the lists at once.

use crate::engine::draft::Draft;
use crate::engine::effect::{Effect, EffectKey};
use crate::engine::id::{IssueNumber, TaskId};
use crate::engine::render;
use crate::engine::task::{Task, Verdict};

/// Characters that the lists may take before anything moves: with what stands around them they stay below GitHub's
/// 65,536.
const LISTS_CHARACTERS_MAX: usize = 40_000;
/// What a task's line takes besides its title, in characters.
const LINE_CHARACTERS: usize = 100;
/// Most tasks in one comment: were every sign of every title written with five, they would still fit, so that no task
/// is cut off from both places.
const COMMENT_TASKS_MAX: usize = 50;
/// Fewer tasks of a phase that is not finished are not worth a comment.
const UNFINISHED_TASKS_MIN: usize = 50;
/// Begins the keys of these comments.
const FOLD: &str = "fold:";

/// Intends comments for what is over, as long as the lists are too long. Whoever asks goes through all tasks anyhow.
pub(in crate::engine) fn fold(draft: &mut Draft<'_>, tracking: IssueNumber) {
    let plan = draft.header().number;
    for tasks in due(draft) {
        let Some(first) = tasks.first().and_then(|id| draft.task(*id)) else { continue };
        let key = format!("{FOLD}{plan}:{}:{}", first.id, state(first));
        let body = render::fold(draft, &tasks);
        for id in tasks {
            let Some(name) = draft.task(id).map(|task| told(&key, task)) else { continue };
            if let Some(task) = draft.task_mut(id) {
                task.told.insert(name);
            }
        }
        draft.intend(key, None, Effect::Comment { number: tracking, body });
    }
}

/// Whether a task, as it is, stands in a comment instead of the lists.
pub(in crate::engine) fn is_folded(draft: &Draft<'_>, task: &Task) -> bool {
    kept_by(draft, task).is_some_and(|key| !draft.intends(key))
}

/// A comment stands: its tasks leave the lists with the next view.
pub(in crate::engine) fn stands(draft: &mut Draft<'_>, key: &EffectKey) {
    if key.0.starts_with(FOLD)
        && let Some(tracking) = &mut draft.header_mut().tracking
    {
        tracking.dirty = true;
    }
}

/// A comment was refused for good: its tasks stay in the lists, and nobody tries again.
pub(in crate::engine) fn refused(draft: &mut Draft<'_>, key: &EffectKey) {
    if !key.0.starts_with(FOLD) {
        return;
    }
    let unfoldable = unfoldable(draft);
    for id in draft.ids(|task| task.told.contains(&told(&key.0, task))) {
        if let Some(task) = draft.task_mut(id) {
            let name = told(&key.0, task);
            task.told.remove(&name);
            task.told.insert(unfoldable.clone());
        }
    }
}

/// The tasks of each comment that is due.
fn due(draft: &Draft<'_>) -> Vec<Vec<TaskId>> {
    let listed: Vec<&Task> = draft
        .tasks()
        .filter(|task| !task.left || task.has_open_pull())
        .filter(|task| kept_by(draft, task).is_none())
        .collect();
    let mut size: usize = listed.iter().map(|task| characters(task)).sum();
    if size <= LISTS_CHARACTERS_MAX {
        return Vec::new();
    }
    let unfoldable = unfoldable(draft);
    let mut phases: Vec<(bool, usize, Vec<&Task>)> = Vec::new();
    for phase in 0..draft.layout().phases.len().max(1) {
        let all = listed.iter().filter(|task| task.phase == phase);
        let folds = |task: &&Task| is_over(task) && !task.told.contains(&unfoldable);
        let over: Vec<&Task> = all.clone().copied().filter(folds).collect();
        let unfinished = over.len() < all.count();
        if !over.is_empty() && (!unfinished || over.len() >= UNFINISHED_TASKS_MIN) {
            phases.push((unfinished, phase, over));
        }
    }
    phases.sort_by_key(|(unfinished, phase, _)| (*unfinished, *phase));
    let mut comments = Vec::new();
    for tasks in phases.iter().flat_map(|(_, _, over)| over.chunks(COMMENT_TASKS_MAX)) {
        if size <= LISTS_CHARACTERS_MAX {
            break;
        }
        size -= tasks.iter().map(|task| characters(task)).sum::<usize>();
        comments.push(tasks.iter().map(|task| task.id).collect());
    }
    comments
}

/// Whether nothing more is to come of a task by itself.
fn is_over(task: &Task) -> bool {
    task.is_settled() && task.verdict != Some(Verdict::Escalated)
}

fn characters(task: &Task) -> usize {
    render::text::line(&task.title).chars().count() + LINE_CHARACTERS
}

/// The key of the comment that a task, as it is, stands in or is to stand in.
fn kept_by<'t>(draft: &Draft<'_>, task: &'t Task) -> Option<&'t str> {
    if !is_over(task) {
        return None;
    }
    let (prefix, suffix) = (format!("{FOLD}{}:", draft.header().number), format!(" as {}", state(task)));
    let names = task.told.range(prefix.clone()..).take_while(|name| name.starts_with(&prefix));
    names.filter_map(|name| name.strip_suffix(&suffix)).next()
}

/// How a task's place in a comment is remembered: as it was then.
fn told(key: &str, task: &Task) -> String {
    format!("{key} as {}", state(task))
}

/// How it is remembered that a task's comment was refused.
fn unfoldable(draft: &Draft<'_>) -> String {
    format!("unfold:{}", draft.header().number)
}

/// What of a task its line depends on.
fn state(task: &Task) -> String {
    let verdict = task.verdict.map_or("none".to_owned(), |verdict| verdict.to_string());
    format!("{}:{verdict}", task.current().map_or(0, |attempt| attempt.id.n))
}
