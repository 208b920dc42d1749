//! How well pairs of issues that meet are told from those that do not: each issue with the next few of its repository.

use crate::infer::measure::files::f1;
use crate::infer::measure::{Case, by_repository};
use crate::infer::risk;

/// How many following issues of its repository each is paired with.
pub const WINDOW: usize = 12;

/// Figures over pairs, in 0..=1.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PairFigures {
    /// How many pairs.
    pub pairs: usize,
    /// The part of them that really meet.
    pub rate: f64,
    /// The part of them that are said to meet.
    pub called: f64,
    /// The part of those that do.
    pub precision: f64,
    /// The part of those that meet that are said to.
    pub recall: f64,
    /// The harmonic mean of both.
    pub f1: f64,
    /// Average precision over all thresholds.
    pub average_precision: f64,
}

/// The figures over the pairs of some cases whose first member `keep` likes, at a threshold.
pub fn figures(cases: &[Case], threshold: f64, keep: impl Fn(&Case) -> bool) -> PairFigures {
    let mut scored: Vec<(f64, bool)> = Vec::new();
    for repository in by_repository(cases) {
        for (at, first) in repository.iter().enumerate().filter(|(_, case)| keep(case)) {
            for second in repository[at + 1..].iter().take(WINDOW) {
                scored.push((risk::of(&first.ranked, &second.ranked), first.meets(second)));
            }
        }
    }
    let (pairs, meeting) = (scored.len(), scored.iter().filter(|(_, meets)| *meets).count());
    let called = scored.iter().filter(|(risk, _)| *risk >= threshold).count();
    let right = scored.iter().filter(|(risk, meets)| *risk >= threshold && *meets).count();
    let part = |some: usize, all: usize| some as f64 / all.max(1) as f64;
    let (precision, recall) = (part(right, called), part(right, meeting));
    PairFigures {
        pairs,
        rate: part(meeting, pairs),
        called: part(called, pairs),
        precision,
        recall,
        f1: f1(precision, recall),
        average_precision: average_precision(scored),
    }
}

/// The mean of the precision at each meeting pair, the riskiest pairs first; those of one risk count as one step.
fn average_precision(mut scored: Vec<(f64, bool)>) -> f64 {
    scored.sort_by(|a, b| b.0.total_cmp(&a.0));
    let meeting = scored.iter().filter(|(_, meets)| *meets).count();
    let (mut seen, mut right, mut sum) = (0_usize, 0_usize, 0.0);
    for step in scored.chunk_by(|a, b| a.0.total_cmp(&b.0).is_eq()) {
        let found = step.iter().filter(|(_, meets)| *meets).count();
        seen += step.len();
        right += found;
        sum += found as f64 * right as f64 / seen as f64;
    }
    sum / meeting.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infer::rank::Ranked;

    #[test]
    fn pairs_stay_within_a_repository_and_a_window() {
        let case = |repository: &str, time: i64, file: &str| Case {
            repository: repository.to_owned(),
            time,
            truth: vec![file.to_owned()],
            ranked: vec![Ranked { path: file.to_owned(), score: 1.0, share: 1.0 }],
            ..Case::default()
        };
        let mut cases: Vec<Case> = (0..14).map(|time| case("a", time, if time % 2 == 0 { "x" } else { "y" })).collect();
        cases.push(case("b", 0, "x"));
        let found = figures(&cases, 0.5, |_| true);
        assert_eq!(found.pairs, 12 + 12 + (0..12).sum::<usize>());
        assert_eq!((found.precision, found.recall, found.f1, found.average_precision), (1.0, 1.0, 1.0, 1.0));
        assert_eq!(figures(&cases, 0.5, |case| case.repository == "b").pairs, 0);
        assert!(
            (average_precision(vec![(1.0, true), (0.5, false), (0.5, true)]) - (1.0 + 2.0 / 3.0) / 2.0).abs() < 1e-12
        );
    }
}
