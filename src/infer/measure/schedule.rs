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
/// Predicted files of a waiting issue that are held against the real files of a running one.
const JUDGED_FILES: usize = 5;

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
    /// Likely meetings lock.
    Strict,
    /// Likely meetings are kept apart while there is other work; no slot stays empty for a guess.
    Balanced,
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
        let judged = |waiting: &Case, running: &Case| {
            let files = waiting.ranked.iter().take(JUDGED_FILES);
            files.filter(|file| running.truth.contains(&file.path)).map(|file| file.share).fold(0.0, f64::max)
        };
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
        let worst = |task: usize| self.running.iter().map(|run| self.danger(task, run)).fold(0.0, f64::max);
        match self.policy {
            Policy::AllParallel | Policy::Sequential | Policy::Off => self.waiting.first().copied(),
            Policy::Oracle | Policy::Strict => self.waiting.iter().copied().find(|task| worst(*task) < 1.0),
            Policy::Balanced => {
                let calm = self.waiting.iter().copied().find(|task| worst(*task) < 1.0);
                calm.or_else(|| self.least(&worst))
            }
        }
    }

    /// Of several that might all meet what runs, the one that least likely does.
    fn least(&self, worst: &dyn Fn(usize) -> f64) -> Option<usize> {
        self.waiting.iter().copied().min_by(|a, b| worst(*a).total_cmp(&worst(*b)).then(a.cmp(b)))
    }

    /// How strongly a task should not run beside another: 1 and more is a meeting by the policy's measure.
    fn danger(&self, task: usize, run: &Run) -> f64 {
        if self.policy == Policy::Oracle {
            return f64::from(u8::from(self.meetings.really[task][run.task]));
        }
        if self.now >= run.start + self.setting.known * (run.end - run.start) {
            return self.meetings.judged[task][run.task] / risk::LIKELY;
        }
        self.meetings.risk[task][run.task] / risk::LIKELY
    }
}
