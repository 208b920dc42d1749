//! How good predictions are, on issues whose fixes are known: file by file, pair by pair, and in the time a schedule
//! takes. Pure: the same input gives the same digits.

pub mod files;
pub mod pairs;
pub mod random;
pub mod schedule;

use crate::infer::rank::Ranked;

/// One issue whose fix is known.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Case {
    /// Its name in the data set.
    pub id: String,
    /// Its repository, `owner/name`.
    pub repository: String,
    /// What kind of text it is.
    pub source: String,
    /// When its base was, in seconds; cases of one repository are neighbours in this order.
    pub time: i64,
    /// The existing source files that its fix changed.
    pub truth: Vec<String>,
    /// What was predicted.
    pub ranked: Vec<Ranked>,
}

impl Case {
    /// Whether two fixes changed a file in common.
    pub fn meets(&self, other: &Self) -> bool {
        self.truth.iter().any(|path| other.truth.contains(path))
    }
}

/// The cases of each repository in the order of time, repositories by name.
pub fn by_repository(cases: &[Case]) -> Vec<Vec<&Case>> {
    let mut order: Vec<&Case> = cases.iter().collect();
    order.sort_by(|a, b| (&a.repository, a.time, &a.id).cmp(&(&b.repository, b.time, &b.id)));
    order.chunk_by(|a, b| a.repository == b.repository).map(<[&Case]>::to_vec).collect()
}
