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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::dry_run::{Conflict, DryRun};
    use crate::engine::id::{IssueNumber, PullNumber};
    use crate::engine::task::{Pull, Stage, Work};
    use crate::engine::tasks::tests::{NOW, plan_of};

    /// A task whose pull request is open.
    fn shown(issue: u64, path: &str) -> Task {
        let mut task = Task::waiting(IssueNumber(issue), "title", "body", &[], NOW);
        let commit = Sha::new(format!("{issue:040x}"));
        task.stage = Stage::PrOpen;
        task.pull = Some(Pull::opened(PullNumber(1_000 + issue), commit.clone(), NOW));
        task.work = Some(Work { n: 1, commit, files: vec![path.to_owned()], hotspots: Vec::new(), at: NOW });
        task
    }

    /// What the heartbeat asks for.
    fn asked(rows: Vec<Task>) -> BTreeSet<Pair> {
        let plan = plan_of(rows, 0);
        let mut draft = Draft::view(&plan, NOW);
        draft.look_at_all_work = true;
        look(&mut draft, &Siblings::default());
        draft.take_dry_runs()
    }

    #[test]
    fn a_thousand_tasks_that_share_no_path_ask_nothing_of_each_other() {
        let rows = (1..=1_000).map(|issue| shown(issue, &format!("src/{issue}.rs"))).collect();
        assert_eq!(asked(rows), BTreeSet::new());
    }

    #[test]
    fn whoever_shares_a_path_with_many_is_held_against_those_nearest_to_their_merge() {
        let pairs = asked((1..=40).map(|issue| shown(issue, "CHANGELOG.md")).collect());
        let against = |issue: u64| -> Vec<u64> {
            let of = pairs.iter().filter(|pair| pair.task.0.0 == issue);
            of.filter_map(|pair| pair.against).map(|other| other.0.0).collect()
        };
        assert_eq!(against(1), Vec::<u64>::new());
        assert_eq!(against(3), [1, 2]);
        assert_eq!(against(40), (1..=32).collect::<Vec<u64>>());
    }

    #[test]
    fn what_is_known_of_two_commits_is_asked_again_once_one_of_them_moves() {
        let (one, mut other) = (shown(1, "a"), shown(2, "a"));
        let known = DryRun {
            against: Some(one.id),
            ours: other.work.as_ref().expect("finished").commit.clone(),
            theirs: one.work.as_ref().expect("finished").commit.clone(),
            merging: Merging::Conflict(Conflict::of(vec!["a".to_owned()])),
        };
        other.dry_runs.push(known);
        assert_eq!(asked(vec![one.clone(), other.clone()]), BTreeSet::new());
        if let Some(pull) = &mut other.pull {
            pull.head = Sha::new("f".repeat(40));
        }
        let pairs = asked(vec![one, other]);
        assert_eq!(pairs.iter().map(|pair| pair.ours.as_str()).collect::<Vec<_>>(), ["f".repeat(40)]);
    }
}
