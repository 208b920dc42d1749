//! How likely two tasks meet in a file that neither of them names: from the shares that a ranking gives files.
//!
//! The *risk* of two rankings is the sum, over the files in both, of the product of their shares. From [`LIKELY`] it is
//! a soft meeting, from [`POSSIBLE`] one that is only shown. A ranked file of a task is *judged* against what another
//! is known to touch: among the first five and with a share of at least [`POSSIBLE`] it is a soft meeting. What these
//! figures are worth is measured in `docs/overlap.md`.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::engine::footprint::{OverlapPolicy, RANKED_FILES_MAX, RankedFile, SHARE_MAX, Strength};

/// From this risk, in thousandths, two tasks *likely* meet.
pub const LIKELY: u32 = 600;
/// From this risk, in thousandths, two tasks *possibly* meet.
pub const POSSIBLE: u32 = 200;
/// Files of a ranking that are judged against what another task is known to touch.
pub const JUDGED_FILES_MAX: usize = 5;
/// Most tasks that one file brings together pair by pair. A file that more than this many name is where everybody
/// meets: of its tasks those with the greatest shares are paired.
pub const MEETING_MAX: usize = 400;
/// Files named for one pair.
const TOLD_MAX: usize = 3;

/// A risk, exact: a sum of products of two shares, each in thousandths, so in millionths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Risk(pub u32);

impl Risk {
    /// The risk of so many thousandths.
    pub fn thousandths(thousandths: u32) -> Self {
        Self(thousandths * SHARE_MAX)
    }

    /// What it is worth, where the policy looks at guesses at all.
    pub fn strength(self, policy: OverlapPolicy) -> Option<Strength> {
        let likely = guess_strength(policy)?;
        if self >= Self::thousandths(LIKELY) {
            return Some(likely);
        }
        (self >= Self::thousandths(POSSIBLE)).then_some(Strength::Weak)
    }
}

/// A file that two tasks may both touch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shared {
    /// Its path; where both spell it differently, the smaller text.
    pub path: String,
    /// What it adds to the risk.
    pub risk: Risk,
}

/// Two tasks that may meet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    /// The first, by its place in the input.
    pub first: usize,
    /// The second, after the first.
    pub second: usize,
    /// The sum over the files they share. 1 and more: the file that ranks first for both.
    pub risk: Risk,
    /// Those files, the riskiest first, at most three.
    pub shared: Vec<Shared>,
}

/// What a likely meeting is worth under a policy; nothing where guesses are not looked at.
pub fn guess_strength(policy: OverlapPolicy) -> Option<Strength> {
    match policy {
        OverlapPolicy::Strict => Some(Strength::Hard),
        OverlapPolicy::Balanced => Some(Strength::Soft),
        OverlapPolicy::Declared | OverlapPolicy::Off => None,
    }
}

/// The files of a ranking that are judged against what another task is known to touch.
pub fn judged(ranking: &[RankedFile]) -> impl Iterator<Item = &RankedFile> {
    ranking.iter().take(JUDGED_FILES_MAX).filter(|file| file.share >= POSSIBLE)
}

/// The risk of two rankings alone.
pub fn of(first: &[RankedFile], second: &[RankedFile]) -> Risk {
    let shares: BTreeMap<String, u32> =
        second.iter().take(RANKED_FILES_MAX).map(|file| (file.path.to_lowercase(), file.share)).collect();
    let shared = first.iter().take(RANKED_FILES_MAX).filter_map(|file| {
        let other = shares.get(&file.path.to_lowercase())?;
        Some(file.share * other)
    });
    Risk(shared.sum())
}

/// All pairs whose risk is at least `least`, in the order of the tasks. An inverted index leads from each file to the
/// tasks that may touch it, so that only pairs that share a file are ever looked at.
pub fn pairs(rankings: &[&[RankedFile]], least: Risk) -> Vec<Pair> {
    let mut meeting: BTreeMap<String, Vec<(usize, &RankedFile)>> = BTreeMap::new();
    for (task, files) in rankings.iter().enumerate() {
        for file in files.iter().take(RANKED_FILES_MAX) {
            meeting.entry(file.path.to_lowercase()).or_default().push((task, file));
        }
    }
    let mut met: Vec<(usize, usize, Risk, &str)> = Vec::new();
    for (_, mut tasks) in meeting {
        if tasks.len() > MEETING_MAX {
            tasks.sort_by(|a, b| b.1.share.cmp(&a.1.share).then(a.0.cmp(&b.0)));
            tasks.truncate(MEETING_MAX);
            tasks.sort_unstable_by_key(|(task, _)| *task);
        }
        for (at, (first, file)) in tasks.iter().enumerate() {
            // What adds less than a thousandth part of the threshold could only matter in the thousands.
            let counts = |other: &RankedFile| u64::from(file.share * other.share) * 1_000 > u64::from(least.0);
            let rest = tasks[at + 1..].iter().filter(|(_, other)| counts(other));
            met.extend(rest.map(|(second, other)| {
                (*first, *second, Risk(file.share * other.share), file.path.as_str().min(&other.path))
            }));
        }
    }
    met.sort_unstable_by(|a, b| (a.0, a.1).cmp(&(b.0, b.1)).then(b.2.cmp(&a.2)).then(a.3.cmp(b.3)));
    let mut found = Vec::new();
    for shared in met.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)) {
        let risk = Risk(shared.iter().map(|(_, _, risk, _)| risk.0).sum());
        if risk >= least {
            let told = shared.iter().take(TOLD_MAX);
            let told = told.map(|(_, _, risk, path)| Shared { path: (*path).to_owned(), risk: *risk }).collect();
            found.push(Pair { first: shared[0].0, second: shared[0].1, risk, shared: told });
        }
    }
    found
}

/// Puts the files that two tasks share in order, the riskiest first and of equal ones the smaller path, and adds them
/// up. Only those that are told stay.
pub(super) fn added_up(shared: &mut Vec<Shared>) -> Risk {
    shared.sort_unstable_by(|a, b| b.risk.cmp(&a.risk).then_with(|| a.path.cmp(&b.path)));
    let risk = Risk(shared.iter().map(|file| file.risk.0).sum());
    shared.truncate(TOLD_MAX);
    risk
}

/// One sentence on files that two tasks may both touch: "both likely touch `src/a.rs` (0.71)".
pub(super) fn words(shared: &[Shared], risk: Risk) -> String {
    let verb = if risk >= Risk::thousandths(LIKELY) { "likely" } else { "may" };
    let mut named = String::new();
    for (at, file) in shared.iter().enumerate() {
        let before = match at {
            0 => "",
            _ if at + 1 == shared.len() => " and ",
            _ => ", ",
        };
        // Writing to a text cannot fail.
        let _ = write!(named, "{before}`{}`", file.path);
    }
    format!("both {verb} touch {named} ({})", decimal(risk.0 / SHARE_MAX))
}

/// Thousandths as people read them: two digits after the point, rounded.
pub fn decimal(thousandths: u32) -> String {
    let hundredths = (thousandths + 5) / 10;
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranking(files: &[(&str, u32)]) -> Vec<RankedFile> {
        let file = |(path, share): &(&str, u32)| RankedFile {
            path: (*path).to_owned(),
            share: *share,
            evidence: String::new(),
        };
        files.iter().map(file).collect()
    }

    #[test]
    fn pairs_are_those_that_share_files_and_agree_with_each_pair_alone() {
        let rankings = [
            ranking(&[("a", 1_000), ("b", 700)]),
            ranking(&[("c", 1_000)]),
            ranking(&[("B", 1_000), ("a", 700)]),
            ranking(&[("a", 1_000)]),
        ];
        let rankings: Vec<&[RankedFile]> = rankings.iter().map(Vec::as_slice).collect();
        let found = pairs(&rankings, Risk(0));
        let shown: Vec<_> = found.iter().map(|pair| (pair.first, pair.second, pair.shared[0].path.as_str())).collect();
        assert_eq!(shown, [(0, 2, "B"), (0, 3, "a"), (2, 3, "a")]);
        for pair in &found {
            assert_eq!(pair.risk, of(rankings[pair.first], rankings[pair.second]), "{pair:?}");
        }
        assert_eq!(pairs(&rankings, Risk::thousandths(1_000)).len(), 2);
        assert_eq!(words(&found[0].shared, found[0].risk), "both likely touch `B` and `a` (1.40)");
        assert!(pairs(&[], Risk(0)).is_empty());
    }

    #[test]
    fn a_file_everybody_names_stays_affordable() {
        let one = ranking(&[("CHANGELOG", 1_000)]);
        let rankings = vec![one.as_slice(); MEETING_MAX + 50];
        let found = pairs(&rankings, Risk::thousandths(LIKELY));
        assert_eq!(found.len(), MEETING_MAX * (MEETING_MAX - 1) / 2);
    }

    #[test]
    fn thresholds_are_exact() {
        for (millionths, strength) in [
            (199_999, None),
            (200_000, Some(Strength::Weak)),
            (599_999, Some(Strength::Weak)),
            (600_000, Some(Strength::Soft)),
            (10_000_000, Some(Strength::Soft)),
        ] {
            assert_eq!(Risk(millionths).strength(OverlapPolicy::Balanced), strength, "{millionths}");
            assert_eq!(Risk(millionths).strength(OverlapPolicy::Declared), None);
        }
        assert_eq!(Risk(600_000).strength(OverlapPolicy::Strict), Some(Strength::Hard));
        assert_eq!([decimal(4), decimal(5), decimal(714), decimal(1_406)], ["0.00", "0.01", "0.71", "1.41"]);
        let files = ranking(&[("a", 1_000), ("b", 199), ("c", 200), ("d", 200), ("e", 200), ("f", 200)]);
        assert_eq!(judged(&files).map(|file| file.path.as_str()).collect::<String>(), "acde");
    }
}
