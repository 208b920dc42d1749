//! All small plans, with every order in which their runs may end: the real loop and its judge, as in any story, but
//! nothing is drawn. A run ends when it is chosen; each choice is made in every way, by telling the story again.

mod cases;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use sha2::{Digest, Sha256};

use crate::engine::brief::Brief;
use crate::engine::id::RunId;
use crate::forge::memory::worker::Work;
use crate::simulate::agenda::Happening;
use crate::simulate::drive::{Simulation, Telling, Told, tell};
use crate::simulate::exhaustive::cases::{Case, classes};

pub use cases::First;

/// From one end to the next: what follows an end has come to rest by then, a retry has started.
const BETWEEN_ENDS_SECONDS: u64 = 150;
/// Most stories of one plan.
const STORIES_MAX: usize = 5_000;

/// What came of all plans that were told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Explored {
    /// Plans, each standing for all that differ by names only.
    pub plans: usize,
    /// Stories: each plan with each order of ends.
    pub stories: usize,
    /// Different states of a plan in which a run ended, by plan.
    pub states: usize,
    /// Rules looked at.
    pub checks: u64,
    /// Plans that broke a rule, or ended otherwise in one order than in another.
    pub wrong: Vec<String>,
}

/// Tells every `stride`-th plan of three tasks and two files, each first attempt going in every way, with every order
/// of ends.
pub fn every_order(stride: usize, threads: usize) -> Explored {
    let cases: Vec<Case> = classes(3, 2, &First::ALL).into_iter().step_by(stride.max(1)).collect();
    explore(&cases, threads, true)
}

/// Tells every `stride`-th plan of four tasks and three files in one order of ends, with one first attempt that does
/// not go well: which one and how goes in turn, so that each comes up as often.
pub fn one_fault(stride: usize, threads: usize) -> Explored {
    let mut cases: Vec<Case> = classes(4, 3, &[First::Ok]).into_iter().step_by(stride.max(1)).collect();
    for (number, case) in cases.iter_mut().enumerate() {
        let (task, first) = (number % case.firsts.len(), number / case.firsts.len() % 3 + 1);
        if let (Some(goes), Some(first)) = (case.firsts.get_mut(task), First::ALL.get(first)) {
            *goes = *first;
        }
    }
    explore(&cases, threads, false)
}

fn explore(cases: &[Case], threads: usize, every_order: bool) -> Explored {
    let next = AtomicUsize::new(0);
    let sum = Mutex::new(Explored::default());
    let work = || {
        while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
            let of_case = explore_case(case, every_order);
            if let Ok(mut sum) = sum.lock() {
                sum.plans += 1;
                sum.stories += of_case.stories;
                sum.states += of_case.states;
                sum.checks += of_case.checks;
                sum.wrong.extend(of_case.wrong);
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(work);
        }
    });
    sum.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// One plan in one order of ends, or in all of them: depth first, the last choice that can be made otherwise is.
fn explore_case(case: &Case, every_order: bool) -> Explored {
    let mut explored = Explored { plans: 1, ..Explored::default() };
    let (mut states, mut endings) = (BTreeSet::new(), BTreeMap::new());
    let mut script = Some(Vec::new());
    while let Some(choices) = script.take() {
        let told = tell_case(case, choices);
        explored.stories += 1;
        explored.checks += told.checks;
        let made: Vec<usize> = told.ends.iter().map(|end| end.chosen).collect();
        explored.wrong.extend(told.violations.iter().map(|broken| format!("{case:?} {made:?}: {broken:?}")));
        states.extend(told.ends.iter().map(|end| end.state));
        endings.insert(told.ending, made);
        if every_order && explored.stories < STORIES_MAX {
            script = next_script(&told.ends);
        }
    }
    if endings.len() > 1 || explored.stories == STORIES_MAX {
        explored.wrong.push(format!("{case:?} ends otherwise in another order: {endings:?}"));
    }
    explored.states = states.len();
    explored
}

fn tell_case(case: &Case, choices: Vec<usize>) -> Told {
    let script = Script { case: Some(case.clone()), choices };
    tell(case.scenario(), &Telling { script, ..Telling::default() })
}

/// The choices of the next story; nothing once all were made.
fn next_script(ends: &[End]) -> Option<Vec<usize>> {
    let last = ends.iter().rposition(|end| end.chosen + 1 < end.among)?;
    let before = ends.iter().take(last).map(|end| end.chosen);
    Some(before.chain(ends.get(last).map(|end| end.chosen + 1)).collect())
}

/// How a plan is told.
#[derive(Clone, Debug, Default)]
pub(super) struct Script {
    /// The plan.
    case: Option<Case>,
    /// Which of the runs under way ends, each time one does; the first where nothing is said.
    choices: Vec<usize>,
}

/// A run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct End {
    chosen: usize,
    among: usize,
    state: u64,
}

/// What a story under a script knows.
#[derive(Debug, Default)]
pub(super) struct Ends {
    script: Script,
    /// Runs under way that can end, with what they leave.
    open: BTreeMap<RunId, Work>,
    /// Whether the next end is on the agenda.
    due: bool,
    /// Ends so far.
    pub(super) made: Vec<End>,
}

impl Ends {
    pub(super) fn new(script: Script) -> Self {
        Self { script, ..Self::default() }
    }

    /// Issues of whose first dispatch the answer is lost.
    pub(super) fn answers_lost(&self) -> BTreeSet<u64> {
        let case = self.script.case.iter();
        let lost = case
            .flat_map(|case| (1..=case.firsts.len() as u64).filter(|issue| case.first(*issue) == First::AnswerLost));
        lost.collect()
    }
}

impl Simulation {
    /// What the plan's script says to a new run; `false` where there is none.
    pub(super) fn follows_script(&mut self, run: RunId, brief: Option<&Brief>) -> bool {
        let Some(case) = &self.ends.script.case else { return false };
        let Some(brief) = brief else { return true };
        let first = if brief.key.id.n == 1 { case.first(brief.issue.0) } else { First::Ok };
        let work = match first {
            First::Ok | First::AnswerLost => Some(Work::Changed(Vec::new())),
            First::Fails => Some(Work::Failed("not yet".to_owned())),
            First::Stalls => None,
        };
        self.ends.open.extend(work.map(|work| (run, work)));
        self.later(5, Happening::Claim(run));
        self.expect_end();
        true
    }

    /// Enters the next end, if a run can end and none is entered yet.
    fn expect_end(&mut self) {
        if !self.ends.open.is_empty() && !self.ends.due {
            self.ends.due = true;
            self.later(BETWEEN_ENDS_SECONDS, Happening::End);
        }
    }

    /// One of the runs under way ends: which one is chosen.
    pub(super) fn end_one(&mut self) {
        self.ends.due = false;
        let alive = &self.alive;
        self.ends.open.retain(|run, _| alive.contains(run));
        let among = self.ends.open.len();
        let chosen = self.ends.script.choices.get(self.ends.made.len()).copied().unwrap_or_default();
        let Some(run) = self.ends.open.keys().nth(chosen).copied() else { return };
        let state = self.state();
        self.ends.made.push(End { chosen, among, state });
        if let Some(work) = self.ends.open.remove(&run) {
            self.finish(run, work);
        }
        self.expect_end();
    }

    /// A digest of how every task stands.
    fn state(&self) -> u64 {
        let inner = self.desk.locked();
        let mut digest = Sha256::new();
        for task in inner.oracle.tasks.values() {
            let live = task.live().map(|attempt| (attempt.id.n, attempt.stand));
            let locked = task.locked_since.is_some();
            let counted = (task.counters.failures, task.attempts.len());
            digest.update(format!("{} {:?} {live:?} {locked} {counted:?};", task.id, (task.stage, task.verdict)));
        }
        digest.finalize().iter().take(8).fold(0, |all, byte| all << 8 | u64::from(*byte))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulate::planted::Planted;

    fn case(depends: &[u8], files: &[u8], firsts: &[First]) -> Case {
        Case { depends: depends.to_vec(), files: files.to_vec(), firsts: firsts.to_vec() }
    }

    #[test]
    fn every_order_of_ends_is_told_once() {
        use First::{AnswerLost, Fails, Ok, Stalls};
        for (plan, orders) in [
            (case(&[0, 0, 0], &[1, 2, 4], &[Ok, Ok, AnswerLost]), 6),
            (case(&[0, 0], &[1, 2], &[Fails, Fails]), 6),
            // A file between them: one after the other.
            (case(&[0, 0, 0], &[1, 1, 1], &[Ok, Ok, Ok]), 1),
            // The second begins once the first has ended; the third ends before, between or after them.
            (case(&[0, 1, 0], &[1, 1, 2], &[Ok, Ok, Ok]), 3),
            // What stalls is ended by the orchestrator alone, and begins again.
            (case(&[0], &[1], &[Stalls]), 1),
        ] {
            let explored = explore_case(&plan, true);
            assert_eq!((explored.stories, explored.wrong), (orders, Vec::new()), "{plan:?}");
        }
    }

    #[test]
    fn a_defect_is_seen() {
        let plan = case(&[0, 1], &[1, 2], &[First::Ok, First::Ok]);
        let script = Script { case: Some(plan.clone()), choices: Vec::new() };
        let planted = Some(Planted::DependenciesIgnored);
        let told = tell(plan.scenario(), &Telling { script, planted, ..Telling::default() });
        assert_ne!(told.violations, Vec::new());
    }
}
