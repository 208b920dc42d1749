//! How likely two issues meet in a file. An inverted index leads from each file to the issues that may touch it, so
//! that only pairs that share a file are ever looked at.

use std::collections::BTreeMap;

use crate::infer::rank::Ranked;

/// Files of each footprint that count.
pub const FILES_MAX: usize = 10;
/// Most issues that one file brings together pair by pair. A file that more than this many name is where everybody
/// meets: of its issues those with the greatest shares are paired.
const MEETING_MAX: usize = 400;
/// Files named for one pair.
const TOLD_MAX: usize = 3;

/// Files of a waiting issue's footprint that are judged against the real files of a running one.
const JUDGED_FILES: usize = 5;

/// From here two issues *likely* meet; see `docs/overlap.md` for what that is worth.
pub const LIKELY: f64 = 0.6;
/// From here two issues *possibly* meet.
pub const POSSIBLE: f64 = 0.2;

/// A file that two issues may both touch.
#[derive(Clone, Debug, PartialEq)]
pub struct Shared {
    /// Its path.
    pub path: String,
    /// What it adds to the risk: the product of both shares.
    pub risk: f64,
}

/// Two issues that may meet.
#[derive(Clone, Debug, PartialEq)]
pub struct Pair {
    /// The first, by its place in the input.
    pub first: usize,
    /// The second, after the first.
    pub second: usize,
    /// The sum over the files they share. 1 and more: the file that ranks first for both.
    pub risk: f64,
    /// Those files, the riskiest first, at most three.
    pub shared: Vec<Shared>,
}

/// The risk of two footprints alone.
pub fn of(first: &[Ranked], second: &[Ranked]) -> f64 {
    let shares: BTreeMap<&str, f64> =
        second.iter().take(FILES_MAX).map(|file| (file.path.as_str(), file.share)).collect();
    let shared = first.iter().take(FILES_MAX).filter_map(|file| Some(file.share * shares.get(file.path.as_str())?));
    shared.sum()
}

/// The risk of a footprint against files that are really changed: the greatest share of its first five in them.
pub fn judged(footprint: &[Ranked], real: &[String]) -> f64 {
    let files = footprint.iter().take(JUDGED_FILES);
    files.filter(|file| real.contains(&file.path)).map(|file| file.share).fold(0.0, f64::max)
}

/// All pairs whose risk is at least `least`, in the order of the issues.
pub fn pairs(footprints: &[Vec<Ranked>], least: f64) -> Vec<Pair> {
    let mut meeting: BTreeMap<&str, Vec<(usize, f64)>> = BTreeMap::new();
    for (issue, files) in footprints.iter().enumerate() {
        for file in files.iter().take(FILES_MAX) {
            meeting.entry(&file.path).or_default().push((issue, file.share));
        }
    }
    let mut met: Vec<(usize, usize, f64, &str)> = Vec::new();
    for (path, mut issues) in meeting {
        if issues.len() > MEETING_MAX {
            issues.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
            issues.truncate(MEETING_MAX);
            issues.sort_unstable_by_key(|(issue, _)| *issue);
        }
        for (at, (first, share)) in issues.iter().enumerate() {
            // What adds less than a thousandth part of the threshold could only matter in the thousands.
            let rest = issues[at + 1..].iter().filter(|(_, other)| share * other > least / 1000.0);
            met.extend(rest.map(|(second, other)| (*first, *second, share * other, path)));
        }
    }
    met.sort_unstable_by(|a, b| (a.0, a.1).cmp(&(b.0, b.1)).then(b.2.total_cmp(&a.2)).then(a.3.cmp(b.3)));
    let mut found = Vec::new();
    for shared in met.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)) {
        let risk: f64 = shared.iter().map(|(_, _, risk, _)| risk).sum();
        if risk >= least {
            let told = shared.iter().take(TOLD_MAX);
            let told = told.map(|(_, _, risk, path)| Shared { path: (*path).to_owned(), risk: *risk }).collect();
            found.push(Pair { first: shared[0].0, second: shared[0].1, risk, shared: told });
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infer::rank::share;

    fn footprint(paths: &[&str]) -> Vec<Ranked> {
        let files = paths.iter().enumerate();
        files.map(|(at, path)| Ranked { path: (*path).to_owned(), score: 1.0, share: share(1.0, at + 1) }).collect()
    }

    #[test]
    fn pairs_are_those_that_share_files_and_agree_with_each_pair_alone() {
        let footprints = [footprint(&["a", "b"]), footprint(&["c"]), footprint(&["b", "a"]), footprint(&["a"])];
        let found = pairs(&footprints, 0.0);
        let shown: Vec<_> = found.iter().map(|pair| (pair.first, pair.second, pair.shared[0].path.as_str())).collect();
        assert_eq!(shown, [(0, 2, "a"), (0, 3, "a"), (2, 3, "a")]);
        for pair in &found {
            assert!((pair.risk - of(&footprints[pair.first], &footprints[pair.second])).abs() < 1e-12, "{pair:?}");
        }
        assert_eq!(pairs(&footprints, 1.0).len(), 2, "two that share their first file, and two that share both");
        assert!(pairs(&[], 0.0).is_empty());
        let real = |path: &str| vec!["x".to_owned(), path.to_owned()];
        assert_eq!(judged(&footprints[0], &real("a")), 1.0);
        assert_eq!(judged(&footprints[0], &real("b")), share(1.0, 2));
        assert_eq!(judged(&footprints[0], &real("c")), 0.0);
    }

    #[test]
    fn a_file_everybody_names_stays_affordable() {
        let footprints = vec![footprint(&["CHANGELOG"]); MEETING_MAX + 50];
        assert_eq!(pairs(&footprints, LIKELY).len(), MEETING_MAX * (MEETING_MAX - 1) / 2);
    }
}
