//! Overlap: two footprints that meet, with the path that says so.
//!
//! Paths are compared after case folding. A file, a directory and a glob are compared in every pairing; where two globs
//! cannot be told apart by their literal beginnings, endings and depth they count as meeting, so a wrong answer only
//! ever costs time.

mod area_map;
mod hit;
pub mod hotspots;
mod lock_table;
pub mod risk;
mod shape;

#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use std::collections::BTreeSet;

use crate::engine::footprint::{Area, Claim, Footprint, OverlapPolicy, Source, Strength};
use crate::engine::id::{IssueNumber, TaskId};

pub(in crate::engine) use area_map::AreaMap;
pub use lock_table::LockTable;
pub(in crate::engine) use shape::{Shape, Side};

/// What stands for the path where it is not known which files a task touches.
pub const UNKNOWN_FILES: &str = "(unknown files)";

/// Two footprints meet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Meeting {
    /// The narrower of the two areas that meet, as its author wrote it; [`UNKNOWN_FILES`] where a footprint is unknown.
    pub path: String,
    /// Of the pair, under the policy: the weaker of both claims.
    pub strength: Strength,
    /// Why, for people: "both declare `src/a.rs`".
    pub evidence: String,
}

/// The path over which two areas meet, if they can touch a common file. Symmetric.
pub fn meet(a: &Area, b: &Area) -> Option<String> {
    let side = Shape::of(a).meets(&Shape::of(b))?;
    Some(narrower(side, &a.display(), &b.display()).to_owned())
}

/// How an area is spelled wherever the same one is counted: without regard to case, as overlaps are.
pub(in crate::engine) fn spelled(area: &Area) -> String {
    area.display().to_lowercase()
}

/// What a footprint locks under a policy, as [`spelled`].
pub(in crate::engine) fn hard_paths(footprint: &Footprint, policy: OverlapPolicy) -> BTreeSet<String> {
    let hard = footprint.claims.iter().filter(|claim| effective(claim, policy) == Some(Strength::Hard));
    hard.map(|claim| spelled(&claim.area)).collect()
}

/// What a claim is worth under a policy; nothing where the policy does not look at it.
pub fn effective(claim: &Claim, policy: OverlapPolicy) -> Option<Strength> {
    match policy {
        OverlapPolicy::Strict if claim.strength == Strength::Soft => Some(Strength::Hard),
        OverlapPolicy::Strict | OverlapPolicy::Balanced => Some(claim.strength),
        OverlapPolicy::Declared => match claim.source {
            Source::Declared | Source::Real => Some(claim.strength),
            Source::Inferred | Source::Confirmed => None,
        },
        OverlapPolicy::Off => None,
    }
}

/// What a wholly unknown footprint is worth against any other task under a policy.
pub fn unknown_strength(policy: OverlapPolicy) -> Option<Strength> {
    match policy {
        OverlapPolicy::Strict => Some(Strength::Hard),
        OverlapPolicy::Balanced => Some(Strength::Soft),
        OverlapPolicy::Declared | OverlapPolicy::Off => None,
    }
}

/// The strongest meeting of two footprints under a policy. Symmetric.
pub fn meeting(a: &Footprint, b: &Footprint, policy: OverlapPolicy) -> Option<Meeting> {
    let [asker, holder] = [TaskId(IssueNumber(0)), TaskId(IssueNumber(1))];
    let mut table = LockTable::new(policy);
    table.insert(holder, b);
    table.meets(asker, a).remove(&holder)
}

/// The narrower area's text; of two equal ones the smaller text, so that the answer does not depend on who asks.
fn narrower<'a>(side: Side, mine: &'a str, theirs: &'a str) -> &'a str {
    match side {
        Side::Mine => mine,
        Side::Theirs => theirs,
        Side::Both => mine.min(theirs),
    }
}

/// One sentence on how two claims come to meet.
fn evidence(mine: (&str, Source), theirs: (&str, Source), path: &str) -> String {
    let same_area = mine.0.to_lowercase() == theirs.0.to_lowercase();
    if mine.1 == theirs.1 && same_area {
        return format!("both {} `{path}`", plural(mine.1));
    }
    let (first, second) = if (theirs.1, mine.0) > (mine.1, theirs.0) { (theirs, mine) } else { (mine, theirs) };
    format!("one {} `{}`, the other {} `{}`", singular(first.1), first.0, singular(second.1), second.0)
}

fn plural(source: Source) -> &'static str {
    match source {
        Source::Inferred => "mention",
        Source::Declared => "declare",
        Source::Confirmed => "are planned to touch",
        Source::Real => "have changed",
    }
}

fn singular(source: Source) -> &'static str {
    match source {
        Source::Inferred => "mentions",
        Source::Declared => "declares",
        Source::Confirmed => "is planned to touch",
        Source::Real => "has changed",
    }
}
