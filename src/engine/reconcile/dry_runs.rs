//! Which finished work is to be merged for a try: a task's against the base before it is shown or merged by us, and
//! against each sibling that goes before it and really touched one of its files.
//!
//! Only changes of one path on both sides conflict, but for a file on one side that is a directory's name on the other
//! and for files that one side moved: those GitHub finds when the second of the two is to be merged. So a plan of a
//! thousand tasks asks next to nothing.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};

use crate::engine::draft::Draft;
use crate::engine::dry_run::{self, Merging, Pair, SIBLINGS_MAX, Standing};
use crate::engine::event::Read;
use crate::engine::id::{Sha, TaskId};
use crate::engine::task::Task;
use crate::engine::tasks::Place;

/// Most pairs asked for in one round; the others follow with its answer.
const PAIRS_MAX: usize = 200;

/// Finished, unmerged tasks by the paths they really touched: made where the first of a step asks.
#[derive(Debug, Default)]
pub(super) struct Siblings {
    by_path: OnceCell<BTreeMap<String, Vec<TaskId>>>,
}

impl Siblings {
    /// Those that share a path with a task, itself included.
    fn of(&self, draft: &Draft<'_>, task: &Task) -> BTreeSet<TaskId> {
        let by_path = self.by_path.get_or_init(|| by_path(draft));
        let paths = task.work.iter().flat_map(|work| &work.files);
        paths.filter_map(|path| by_path.get(path)).flatten().copied().collect()
    }

    /// How a task's work stands among its siblings; what is not known is asked for.
    pub(super) fn standing(&self, draft: &mut Draft<'_>, id: TaskId) -> Standing {
        let Some(task) = draft.task(id) else { return Standing::Free };
        let standing = dry_run::standing(draft, task, self.of(draft, task).iter());
        if let Standing::Unknown(pairs) = &standing {
            pairs.iter().for_each(|pair| draft.try_merge(pair.clone()));
        }
        standing
    }
}

/// Each path that finished, unmerged work touched, with whose it is: those nearest to their merge.
fn by_path(draft: &Draft<'_>) -> BTreeMap<String, Vec<TaskId>> {
    let mut found: BTreeMap<String, Vec<TaskId>> = BTreeMap::new();
    let finished: BTreeSet<TaskId> =
        [Place::Finished, Place::OpenPull].into_iter().flat_map(|place| draft.ids_at(place)).collect();
    let policy = draft.header().settings.overlap;
    let mut finished: Vec<&Task> = finished.into_iter().filter_map(|id| draft.task(id)).collect();
    finished.retain(|task| dry_run::head(task).is_some());
    finished.sort_by_key(|task| dry_run::rank(task, policy));
    for task in finished {
        for path in task.work.iter().flat_map(|work| &work.files) {
            let tasks = found.entry(path.clone()).or_default();
            // Nobody looks at more of those that go before them.
            if tasks.len() <= SIBLINGS_MAX {
                tasks.push(task.id);
            }
        }
    }
    found
}

/// Asks how work that moved in this step merges with its siblings, at the heartbeat how all does: a question may have
/// been lost.
pub(super) fn look(draft: &mut Draft<'_>, siblings: &Siblings) {
    let moved: Vec<TaskId> = if draft.look_at_all_work {
        let finished = [Place::Finished, Place::OpenPull].into_iter().flat_map(|place| draft.ids_at(place));
        finished.collect()
    } else {
        let is_news = |(old, new): &(Option<&Task>, Option<&Task>)| {
            let now = new.and_then(dry_run::head);
            now.is_some() && old.and_then(dry_run::head) != now
        };
        draft.changed().filter(is_news).filter_map(|(_, new)| Some(new?.id)).collect()
    };
    for id in moved {
        if draft.task(id).and_then(dry_run::head).is_none() {
            continue;
        }
        siblings.standing(draft, id);
        if !draft.look_at_all_work
            && let Some(task) = draft.task(id)
        {
            let others = siblings.of(draft, task);
            others.into_iter().filter(|other| *other != id).for_each(|other| drop(siblings.standing(draft, other)));
        }
    }
}

/// Whether a commit of a task's merges with the base as it stands; nothing: that is asked for now.
pub(super) fn onto_base(draft: &mut Draft<'_>, id: TaskId, ours: &Sha) -> Option<Merging> {
    let task = draft.task(id)?;
    if let Some(known) = dry_run::onto_base(draft, task, ours) {
        return Some(known.clone());
    }
    let pair = dry_run::base_pair(draft, task, ours);
    if let Some(pair) = pair {
        draft.try_merge(pair);
    }
    None
}

/// Asks for what this step wants to know.
pub(super) fn ask(draft: &mut Draft<'_>) {
    let wanted: Vec<Pair> = draft.take_dry_runs().into_iter().take(PAIRS_MAX).collect();
    if !wanted.is_empty() {
        draft.read(Read::DryRuns(wanted));
    }
}
