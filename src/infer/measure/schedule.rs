//! What predictions are worth to a schedule: batches of consecutive issues of one repository, played through under each
//! policy with drawn run lengths. Two issues that really share a file and run at the same time may break: whoever
//! finishes second then runs once more, whole.

use crate::infer::measure::random::Draws;
use crate::infer::measure::{Case, by_repository};
use crate::infer::risk;

/// Issues of one batch.
pub const BATCH: usize = 8;
/// Drawn sets of run lengths for each batch.
pub const DRAWS: u64 = 12;
/// Spread of the logarithm of run lengths.
pub const SIGMA: f64 = 0.5;
/// How likely a shared file really breaks the second finisher: measured on real changes that share a source file.
pub const BREAK: f64 = 0.28;

/// Who may run beside whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::VariantArray, strum::IntoStaticStr)]
#[strum(serialize_all = "kebab-case")]
pub enum Policy {
    /// Everything at once, in the order of the issues.
    AllParallel,
    /// One after the other.
    Sequential,
    /// True files lock.
    Oracle,
    /// Possible meetings lock, by both predictions and by what is really changed.
    Strict,
    /// Possible meetings are held apart until the running task's real files are known; then only what these show.
    Balanced,
    /// Possible meetings are kept apart while there is other work; no slot stays empty for a guess.
    OrderOnly,
    /// Only explicit dependencies count, of which there are none here.
    Off,
}

/// How a schedule is played.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Setting {
    /// Runs at a time.
    pub workers: usize,
    /// After which part of a run its real files are known; 1: only at its end.
    pub known: f64,
}

/// Means over batches and draws.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ScheduleFigures {
    /// How many batches.
    pub batches: usize,
    /// How much sooner a batch is done than one after the other.
    pub speed_up: f64,
    /// Runs per batch that had to be done again.
    pub reruns: f64,
}

/// Plays all batches whose first issue `keep` likes.
pub fn figures(cases: &[Case], policy: Policy, setting: Setting, keep: impl Fn(&Case) -> bool) -> ScheduleFigures {
    let (mut figures, mut plays) = (ScheduleFigures::default(), 0.0);
    let (mut alone, mut together) = (0.0, 0.0);
    let mut number = 0;
    for repository in by_repository(cases) {
        for batch in repository.chunks_exact(BATCH) {
            number += 1;
            if !keep(batch[0]) {
                continue;
            }
            figures.batches += 1;
            let known = Meetings::of(batch);
            for draw in 0..DRAWS {
                let (length, reruns) = Play::new(&known, policy, setting, [number, draw]).run();
                alone += lengths([number, draw]).iter().sum::<f64>();
                together += length;
                figures.reruns += f64::from(reruns);
                plays += 1.0;
            }
        }
    }
    figures.reruns /= f64::max(plays, 1.0);
    figures.speed_up = if together > 0.0 { alone / together } else { 0.0 };
    figures
}

/// The lengths of a batch's runs in one draw, the same for every policy.
fn lengths(seed: [u64; 2]) -> [f64; BATCH] {
    let mut draws = Draws::new(&seed);
    std::array::from_fn(|_| (SIGMA * draws.normal()).exp())
}

/// What is true of a batch's pairs, and what is believed.
struct Meetings {
    /// Both fixes change a file in common.
    really: [[bool; BATCH]; BATCH],
    /// Risk by both predictions.
    risk: [[f64; BATCH]; BATCH],
    /// Risk of the first's prediction against the second's real files.
    judged: [[f64; BATCH]; BATCH],
}

impl Meetings {
    fn of(batch: &[&Case]) -> Self {
        let table = |f: &dyn Fn(&Case, &Case) -> f64| {
            std::array::from_fn(|a| std::array::from_fn(|b| if a == b { 0.0 } else { f(batch[a], batch[b]) }))
        };
        let judged = |waiting: &Case, running: &Case| risk::judged(&waiting.ranked, &running.truth);
        Self {
            really: std::array::from_fn(|a| std::array::from_fn(|b| a != b && batch[a].meets(batch[b]))),
            risk: table(&|a, b| risk::of(&a.ranked, &b.ranked)),
            judged: table(&judged),
        }
    }
}

#[derive(Clone, Copy)]
struct Run {
    task: usize,
    start: f64,
    end: f64,
}

/// One batch under one policy in one draw.
struct Play<'a> {
    meetings: &'a Meetings,
    policy: Policy,
    setting: Setting,
    lengths: [f64; BATCH],
    seed: [u64; 2],
    waiting: Vec<usize>,
    running: Vec<Run>,
    /// Finished tasks and when.
    finished: Vec<(usize, f64)>,
    reruns: u32,
    now: f64,
}

impl<'a> Play<'a> {
    fn new(meetings: &'a Meetings, policy: Policy, setting: Setting, seed: [u64; 2]) -> Self {
        Self {
            meetings,
            policy,
            setting,
            lengths: lengths(seed),
            seed,
            waiting: (0..BATCH).collect(),
            running: Vec::new(),
            finished: Vec::new(),
            reruns: 0,
            now: 0.0,
        }
    }

    /// Plays to the end; gives when it came and how many runs were done again.
    fn run(mut self) -> (f64, u32) {
        loop {
            while let Some(task) = self.choose() {
                self.waiting.retain(|other| *other != task);
                self.start(task);
            }
            let Some(next) = self.next() else { return (self.now, self.reruns) };
            self.now = next;
            while let Some(at) = self.running.iter().position(|run| run.end <= self.now) {
                let run = self.running.remove(at);
                self.finish(run);
            }
        }
    }

    fn start(&mut self, task: usize) {
        self.running.push(Run { task, start: self.now, end: self.now + self.lengths[task] });
    }

    /// A run that ends either stands, or broke on what was finished while it ran and begins again in its slot.
    fn finish(&mut self, run: Run) {
        let met = |(other, at): &&(usize, f64)| *at > run.start && self.meetings.really[run.task][*other];
        let breaks = |other: usize| {
            let (a, b) = (run.task.min(other) as u64, run.task.max(other) as u64);
            Draws::new(&[self.seed[0], self.seed[1], a, b, 1]).unit() < BREAK
        };
        if self.finished.iter().filter(met).any(|(other, _)| breaks(*other)) {
            self.reruns += 1;
            self.start(run.task);
        } else {
            self.finished.push((run.task, run.end));
        }
    }

    /// When something is next known: a run ends, or its real files show.
    fn next(&self) -> Option<f64> {
        let shown = |run: &Run| run.start + self.setting.known * (run.end - run.start);
        let times = self.running.iter().flat_map(|run| [shown(run), run.end]);
        times.filter(|time| *time > self.now).min_by(f64::total_cmp)
    }

    /// The waiting task that may start now.
    fn choose(&self) -> Option<usize> {
        let workers = if self.policy == Policy::Sequential { 1 } else { self.setting.workers };
        if self.running.len() >= workers {
            return None;
        }
        let danger = |task: usize| self.running.iter().map(|run| self.danger(task, run)).fold(0.0, f64::max);
        let mut waiting = self.waiting.iter().copied();
        match self.policy {
            Policy::AllParallel | Policy::Sequential | Policy::Off => waiting.next(),
            Policy::Oracle | Policy::Strict | Policy::Balanced => waiting.find(|task| danger(*task) < risk::POSSIBLE),
            Policy::OrderOnly => {
                let calm = waiting.clone().find(|task| danger(*task) < risk::POSSIBLE);
                calm.or_else(|| waiting.min_by(|a, b| danger(*a).total_cmp(&danger(*b)).then(a.cmp(b))))
            }
        }
    }

    /// How likely a task meets one that runs, as far as the policy may know.
    fn danger(&self, task: usize, run: &Run) -> f64 {
        let known = self.now >= run.start + self.setting.known * (run.end - run.start);
        let (predicted, judged) = (self.meetings.risk[task][run.task], self.meetings.judged[task][run.task]);
        if self.policy == Policy::Oracle {
            return f64::from(u8::from(self.meetings.really[task][run.task]));
        }
        match (known, self.policy == Policy::Strict) {
            (true, true) => predicted.max(judged),
            (true, false) => judged,
            (false, _) => predicted,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infer::rank::Ranked;

    /// A batch whose issues all change `file(issue)`, predicted as `guess(issue)`.
    fn cases(file: impl Fn(usize) -> String, guess: impl Fn(usize) -> String) -> Vec<Case> {
        let case = |at: usize| Case {
            repository: "o/n".to_owned(),
            time: at as i64,
            truth: vec![file(at)],
            ranked: vec![Ranked { path: guess(at), score: 1.0, share: 1.0 }],
            ..Case::default()
        };
        (0..BATCH).map(case).collect()
    }

    #[test]
    fn who_shares_nothing_runs_at_once_and_who_shares_all_runs_in_turn() {
        let apart = cases(|at| at.to_string(), |at| at.to_string());
        let setting = Setting { workers: 4, known: 0.25 };
        for policy in [Policy::AllParallel, Policy::Oracle, Policy::Strict, Policy::Balanced, Policy::OrderOnly] {
            let found = figures(&apart, policy, setting, |_| true);
            assert!(found.speed_up > 2.5 && found.reruns == 0.0, "{policy:?} {found:?}");
        }
        let together = cases(|_| "a".to_owned(), |_| "a".to_owned());
        for policy in [Policy::Sequential, Policy::Oracle, Policy::Strict, Policy::Balanced] {
            let found = figures(&together, policy, setting, |_| true);
            assert!((found.speed_up - 1.0).abs() < 1e-9 && found.reruns == 0.0, "{policy:?} {found:?}");
        }
        let parallel = figures(&together, Policy::OrderOnly, setting, |_| true);
        assert!(parallel.reruns > 1.0, "no slot stays empty, so all meet: {parallel:?}");
        assert_eq!(parallel, figures(&together, Policy::OrderOnly, setting, |_| true));
        assert_eq!(figures(&together[1..], Policy::Off, setting, |_| true).batches, 0);
    }

    #[test]
    fn real_files_free_who_was_wrongly_suspected() {
        let suspected = cases(|at| at.to_string(), |_| "a".to_owned());
        let figure = |policy, known| figures(&suspected, policy, Setting { workers: 4, known }, |_| true).speed_up;
        assert!((figure(Policy::Balanced, 1.0) - 1.0).abs() < 1e-9);
        assert!(figure(Policy::Balanced, 0.25) > 2.0);
        assert!((figure(Policy::Strict, 0.25) - 1.0).abs() < 1e-9);
    }
}
