//! What finished tasks teach about guesses: how often those that were likely to meet did, in this repository.
//!
//! Promises: a finished task is held against the others once, when its real files are first known; nothing is drawn
//! from fewer than [`TASKS_MIN`] of them, and after that only every so many; what is drawn changes how much a ranking
//! counts, never what a person or a planner run said, and a risk comes to a quarter of what it was at least, and to
//! four times at most.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::engine::draft::Draft;
use crate::engine::footprint::{Footprint, RankedFile, SHARE_MAX};
use crate::engine::id::TaskId;
use crate::engine::overlap::risk::{JUDGED_FILES_MAX, LIKELY, POSSIBLE, Risk};
use crate::engine::task::Task;

/// Finished tasks it takes to draw something from them, and to draw something new.
pub const TASKS_MIN: u32 = 20;
/// Meetings that the repositories of the measurement count for, beside those seen here: with them few surprises change
/// little.
const KNOWN_MEETINGS: u64 = 5;
/// What a risk may come to count, in thousandths of what it was: at least a quarter, at most four times.
const COUNTED: (u64, u64) = (250, 4_000);

/// How often two issues met in a file, by the risk of their rankings; both in thousandths. Measured over 5,515 pairs of
/// ten repositories (`docs/overlap.md`); in between it is taken as a straight line.
const MEETINGS: [(u64, u64); 8] =
    [(0, 30), (150, 200), (250, 310), (500, 420), (700, 480), (900, 570), (1_100, 640), (1_600, 750)];

/// What finished tasks have taught, from plan to plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Learned {
    /// Finished tasks whose ranking was held against the files they touched.
    pub tasks: u32,
    /// Those of them that touched one of the first five files.
    pub hits: u32,
    /// How many there were when something was last drawn from them.
    pub drawn_at: u32,
    /// Meetings that were to be expected since then, of pairs whose risk is shown at all, in thousandths.
    pub expected: u64,
    /// How many of these pairs have met since then.
    pub met: u64,
    /// What a share of a ranking counts, in thousandths of what the ranking says.
    pub shares: u32,
}

impl Default for Learned {
    fn default() -> Self {
        Self { tasks: 0, hits: 0, drawn_at: 0, expected: 0, met: 0, shares: SHARE_MAX }
    }
}

impl Learned {
    /// Whether nothing has been learned.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// A footprint whose ranking counts as much as was learned.
    #[must_use]
    pub fn count(&self, footprint: Footprint) -> Footprint {
        if self.shares == SHARE_MAX || footprint.ranked.is_empty() {
            return footprint;
        }
        let counted = |file: RankedFile| RankedFile { share: scaled(file.share, self.shares), ..file };
        let ranked: Vec<RankedFile> = footprint.ranked.iter().cloned().map(counted).collect();
        footprint.with_ranked(ranked)
    }

    /// One pair of finished tasks.
    fn see(&mut self, risk: Risk, met: bool) {
        let risk = u64::from(risk.0 / SHARE_MAX);
        if risk >= u64::from(POSSIBLE) {
            self.expected += meeting_at(risk);
            self.met += u64::from(met);
        }
    }

    /// Draws something, when there is enough. Whether shares count differently now.
    fn draw(&mut self) -> bool {
        if self.tasks < self.drawn_at + TASKS_MIN {
            return false;
        }
        let before = self.shares;
        // How often a pair now meets that was to meet as often as one of the threshold.
        let (expected, met) = (self.expected + KNOWN_MEETINGS * 1_000, (self.met + KNOWN_MEETINGS) * 1_000);
        let wanted = meeting_at(u64::from(LIKELY)) * expected / met;
        let counts = u64::from(LIKELY) * 1_000 / risk_of(wanted).max(1);
        let squared = u64::from(self.shares).pow(2) * counts / 1_000;
        let (least, most) = COUNTED;
        let squared = squared.clamp(least * 1_000, most * 1_000);
        self.shares = u32::try_from(squared.isqrt()).unwrap_or(SHARE_MAX);
        (self.drawn_at, self.expected, self.met) = (self.tasks, 0, 0);
        self.shares != before
    }
}

/// A task's real files are known for the first time. What ranks files for tasks that have not begun is looked up again
/// where it counts differently from now on.
pub(in crate::engine) fn learn(draft: &mut Draft<'_>, id: TaskId) {
    let Some(task) = draft.task(id).filter(|task| is_told(task)) else { return };
    let shares: BTreeMap<String, u32> =
        task.footprint.ranked.iter().map(|file| (file.path.to_lowercase(), file.share)).collect();
    let touched: BTreeSet<String> = work_files(task).collect();
    let first = task.footprint.ranked.iter().take(JUDGED_FILES_MAX);
    let hit = first.map(|file| file.path.to_lowercase()).any(|path| touched.contains(&path));
    let mut learned = draft.header().learned.clone();
    learned.tasks += 1;
    learned.hits += u32::from(hit);
    for other in draft.tasks().filter(|other| other.id != id && is_told(other)) {
        let both = other.footprint.ranked.iter();
        let both = both.filter_map(|file| Some(shares.get(&file.path.to_lowercase())? * file.share));
        let met = work_files(other).any(|path| touched.contains(&path));
        learned.see(Risk(both.sum()), met);
    }
    let changed = learned.draw();
    draft.header_mut().learned = learned;
    if changed {
        look_again(draft);
    }
}

/// Whether a task's ranking can be held against what it touched.
fn is_told(task: &Task) -> bool {
    !task.footprint.guesses().is_empty() && work_files(task).next().is_some()
}

/// The files that a task's work has changed, without regard to case. What everybody touches tells nothing.
fn work_files(task: &Task) -> impl Iterator<Item = String> {
    let work = task.work.iter();
    work.flat_map(|work| work.files.iter().filter(|path| !work.hotspots.contains(path))).map(|path| path.to_lowercase())
}

/// Has the files of every task that may still have to wait for a guess looked up once more.
fn look_again(draft: &mut Draft<'_>) {
    let guessed = |task: &Task| !task.has_begun() && task.verdict.is_none() && !task.footprint.guesses().is_empty();
    for id in draft.ids(guessed) {
        if let Some(task) = draft.task_mut(id) {
            task.inferred = false;
        }
    }
}

fn scaled(share: u32, by: u32) -> u32 {
    let scaled = u64::from(share) * u64::from(by) / u64::from(SHARE_MAX);
    u32::try_from(scaled).unwrap_or(SHARE_MAX).clamp(1, SHARE_MAX)
}

/// How often pairs of a risk meet, both in thousandths.
fn meeting_at(risk: u64) -> u64 {
    between(risk, MEETINGS)
}

/// The risk of pairs that meet so often; the greatest that was measured where none meets as often.
fn risk_of(meetings: u64) -> u64 {
    between(meetings, MEETINGS.map(|(risk, meets)| (meets, risk)))
}

/// The value of a line through points of which both numbers grow.
fn between<const N: usize>(at: u64, points: [(u64, u64); N]) -> u64 {
    let above = points.iter().position(|(x, _)| *x >= at).unwrap_or(N - 1).max(1);
    let ((x0, y0), (x1, y1)) = (points[above - 1], points[above]);
    y0 + (at.clamp(x0, x1) - x0) * (y1 - y0) / (x1 - x0).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::id::{IssueNumber, Sha};
    use crate::engine::task::Work;
    use crate::engine::tasks::tests::{NOW, changed, plan_of};

    /// A finished task: what its ranking named, and what it touched.
    fn finished(issue: u64, guessed: &str, touched: &str) -> Task {
        let mut task = Task::waiting(IssueNumber(issue), "title", "body", &[], NOW);
        let file = |path: &str| RankedFile { path: path.to_owned(), share: SHARE_MAX, evidence: String::new() };
        task.footprint = Footprint::default().with_ranked(guessed.split_whitespace().map(file));
        let (files, commit) = (vec![touched.to_owned()], Sha::new("a".repeat(40)));
        task.work = Some(Work { n: 1, commit, files, hotspots: Vec::new(), at: NOW });
        task
    }

    /// What is learned when so many tasks that were all to meet have touched these files, one after the other.
    fn after(touched: impl Fn(u64) -> String) -> (Learned, bool) {
        let tasks: Vec<Task> = (1..=u64::from(TASKS_MIN)).map(|n| finished(n, "src/A.rs", &touched(n))).collect();
        let mut waiting = finished(99, "src/a.rs", "none");
        (waiting.work, waiting.inferred) = (None, true);
        let mut learned = Learned::default();
        let mut again = false;
        for n in 1..=tasks.len() {
            let mut plan = plan_of(tasks[..n].iter().cloned().chain([waiting.clone()]).collect(), 0);
            plan.header.learned = learned;
            let mut draft = changed(&plan, Vec::new(), Vec::new());
            learn(&mut draft, tasks[n - 1].id);
            learned = draft.header().learned.clone();
            again = draft.task(waiting.id).is_some_and(|task| !task.inferred);
            assert_eq!(again, learned.drawn_at > 0, "after {n}");
        }
        (learned, again)
    }

    #[test]
    fn guesses_that_never_come_true_count_less_and_those_that_always_do_count_more() {
        let (never, again) = after(|n| format!("src/{n}.rs"));
        assert_eq!((never.tasks, never.hits, never.drawn_at, never.met), (20, 0, 20, 0));
        assert!(again && (500..700).contains(&never.shares), "{never:?}");
        let (always, again) = after(|_| "src/a.rs".to_owned());
        assert_eq!((always.tasks, always.hits, always.expected), (20, 20, 0));
        assert!(again && (1_100..=2_000).contains(&always.shares), "{always:?}");
        let mut few = Learned { tasks: TASKS_MIN - 1, met: 500, ..Learned::default() };
        assert!(!few.draw() && few.shares == SHARE_MAX);
    }

    #[test]
    fn meetings_as_often_as_measured_change_nothing() {
        let expected = 200 * meeting_at(1_000);
        let met = expected / 1_000;
        let mut learned = Learned { tasks: TASKS_MIN, expected, met, ..Learned::default() };
        learned.draw();
        assert!(learned.shares.abs_diff(SHARE_MAX) <= 2, "{learned:?}");
        for _ in 0..20 {
            (learned.tasks, learned.expected, learned.met) = (learned.drawn_at + TASKS_MIN, 90_000, 0);
            learned.draw();
        }
        assert_eq!(learned.shares, 500, "it is never less than half a share, a quarter of a risk");
        (learned.tasks, learned.expected, learned.met) = (learned.drawn_at + TASKS_MIN, 0, 900);
        learned.draw();
        assert!((501..=2_000).contains(&learned.shares), "and finds back: {learned:?}");
    }

    #[test]
    fn only_the_ranking_counts_differently() {
        let task = finished(1, "a.rs", "b.rs");
        let half = Learned { shares: 500, ..Learned::default() };
        assert_eq!(half.count(task.footprint.clone()).ranked[0].share, 500);
        assert_eq!(Learned { shares: 2_000, ..half.clone() }.count(task.footprint.clone()), task.footprint);
        let none = Footprint::default();
        assert_eq!(half.count(none.clone()), none);
        assert_eq!((meeting_at(0), meeting_at(600), meeting_at(9_999)), (30, 450, 750));
        assert_eq!((risk_of(450), risk_of(10), risk_of(999)), (600, 0, 1_600));
    }
}
