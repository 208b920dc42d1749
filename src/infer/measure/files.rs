//! How well files are ranked.

use crate::infer::measure::Case;

/// Means over cases, in 0..=1.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct FileFigures {
    /// How many cases.
    pub cases: usize,
    /// A true file is first.
    pub hit_1: f64,
    /// A true file is among the first three.
    pub hit_3: f64,
    /// A true file is among the first five.
    pub hit_5: f64,
    /// All true files are among the first five.
    pub all_5: f64,
    /// One over the rank of the first true file; 0 where none is ranked.
    pub mrr: f64,
    /// How many of the first three are true.
    pub precision_3: f64,
    /// How many of the true ones are among the first three.
    pub recall_3: f64,
    /// The harmonic mean of both, by case.
    pub f1_3: f64,
}

/// The figures over some cases.
pub fn figures<'a>(cases: impl IntoIterator<Item = &'a Case>) -> FileFigures {
    let mut sum = FileFigures::default();
    for case in cases {
        let rank = |truth: &String| case.ranked.iter().position(|ranked| ranked.path == *truth);
        let ranks: Vec<usize> = case.truth.iter().filter_map(rank).collect();
        let first = ranks.iter().min().copied().unwrap_or(usize::MAX);
        let within = |most: usize| ranks.iter().filter(|rank| **rank < most).count();
        let all = !case.truth.is_empty() && within(5) == case.truth.len();
        sum.cases += 1;
        sum.hit_1 += f64::from(u8::from(first < 1));
        sum.hit_3 += f64::from(u8::from(first < 3));
        sum.hit_5 += f64::from(u8::from(first < 5));
        sum.all_5 += f64::from(u8::from(all));
        sum.mrr += if first == usize::MAX { 0.0 } else { 1.0 / (first as f64 + 1.0) };
        let (precision, recall) = (within(3) as f64 / 3.0, within(3) as f64 / case.truth.len().max(1) as f64);
        sum.precision_3 += precision;
        sum.recall_3 += recall;
        sum.f1_3 += f1(precision, recall);
    }
    let count = sum.cases.max(1) as f64;
    FileFigures {
        cases: sum.cases,
        hit_1: sum.hit_1 / count,
        hit_3: sum.hit_3 / count,
        hit_5: sum.hit_5 / count,
        all_5: sum.all_5 / count,
        mrr: sum.mrr / count,
        precision_3: sum.precision_3 / count,
        recall_3: sum.recall_3 / count,
        f1_3: sum.f1_3 / count,
    }
}

/// The harmonic mean of precision and recall.
pub fn f1(precision: f64, recall: f64) -> f64 {
    if precision + recall > 0.0 { 2.0 * precision * recall / (precision + recall) } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infer::rank::Ranked;

    #[test]
    fn figures_are_means_over_cases() {
        let ranked = |paths: &[&str]| -> Vec<Ranked> {
            paths.iter().map(|path| Ranked { path: (*path).to_owned(), score: 1.0, share: 1.0 }).collect()
        };
        let case = |truth: &[&str], paths: &[&str]| Case {
            truth: truth.iter().map(|path| (*path).to_owned()).collect(),
            ranked: ranked(paths),
            ..Case::default()
        };
        let cases = [case(&["a", "b"], &["a", "x", "y", "b"]), case(&["c"], &["x", "c"]), case(&["d"], &["x"])];
        let found = figures(&cases);
        assert_eq!((found.cases, found.hit_1, found.hit_3, found.hit_5), (3, 1.0 / 3.0, 2.0 / 3.0, 2.0 / 3.0));
        assert_eq!((found.all_5, found.mrr), (2.0 / 3.0, 0.5));
        assert!((found.precision_3 - 2.0 / 9.0).abs() < 1e-12);
        assert!((found.recall_3 - 0.5).abs() < 1e-12);
        assert!((found.f1_3 - (0.4 + 0.5) / 3.0).abs() < 1e-12);
        assert_eq!(figures(&[]).mrr, 0.0);
    }
}
