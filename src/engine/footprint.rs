//! A task's footprint: the files it is declared, predicted or seen to touch, each with its strength and the evidence
//! for it.
//!
//! Paths are repository-relative with `/`, compared after case folding (two names that differ only by case are one file
//! on some of the machines that check the work out).

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// What a claim covers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "kind", content = "path")]
pub enum Area {
    /// One file.
    File(String),
    /// Everything below a directory; no trailing slash. The empty text is the whole repository.
    Directory(String),
    /// Everything a glob matches (`*`, `?`, `**`, `[...]`, `{a,b}`).
    Glob(String),
}

impl Area {
    /// The path as a person wrote it, a directory with its slash.
    pub fn display(&self) -> String {
        match self {
            Self::File(path) | Self::Glob(path) => path.clone(),
            Self::Directory(path) => format!("{path}/"),
        }
    }
}

/// How much a claim is worth (see the design of overlaps): hard excludes, soft keeps apart while there is other work,
/// weak is only shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, strum::Display)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum Strength {
    /// Shown only.
    Weak,
    /// Inferred, or merely mentioned.
    Soft,
    /// Declared in the issue, confirmed by a planner run, or real (from a diff).
    Hard,
}

/// Where a claim comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, strum::Display)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum Source {
    /// A path in the text that exists in the repository, or a ranking.
    Inferred,
    /// Under `Files:` in the issue.
    Declared,
    /// A planner run of an agent that read the repository.
    Confirmed,
    /// The diff of an attempt's work.
    Real,
}

/// One entry of a footprint.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Claim {
    /// What it covers.
    pub area: Area,
    /// What it is worth.
    pub strength: Strength,
    /// Where it comes from.
    pub source: Source,
    /// Why, for people ("declared under Files:", "mentioned in the body").
    pub evidence: String,
}

impl Claim {
    /// Whether it is surer than a mention: declared, confirmed or real.
    pub fn is_known(&self) -> bool {
        self.source > Source::Inferred
    }
}

/// A file that a text is likely about, by a ranking of all files of the repository.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RankedFile {
    /// Its path.
    pub path: String,
    /// How much of the work is expected to lie in it, in thousandths, at most [`SHARE_MAX`].
    pub share: u32,
    /// Why, for people ("BM25: `retry_delay` in its contents").
    pub evidence: String,
}

/// The share of a file in which all of the work is expected to lie.
pub const SHARE_MAX: u32 = 1_000;
/// Most files of a ranking that people are shown.
const LIKELY_MAX: usize = 3;
/// Most files of a ranking that count. What stands further down is hardly ever touched.
pub const RANKED_FILES_MAX: usize = 10;

/// All claims of a task, sorted; no area stands twice with the same source. And where nothing surer than a mention is
/// known, the files that its text is likely about.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Footprint {
    /// The claims.
    pub claims: Vec<Claim>,
    /// The ranking, best first, at most [`RANKED_FILES_MAX`] files; no path twice, whatever its case.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ranked: Vec<RankedFile>,
}

impl Footprint {
    /// Collects claims: sorted, duplicates of one area and source dropped.
    pub fn from_claims(claims: impl IntoIterator<Item = Claim>) -> Self {
        let mut kept: Vec<Claim> = claims.into_iter().collect();
        // The first of an area and a source is the one that stays: both ways of sorting keep the order of equals.
        kept.sort_by(|one, other| (&one.area, one.source).cmp(&(&other.area, other.source)));
        kept.dedup_by(|later, first| (&later.area, later.source) == (&first.area, first.source));
        kept.sort();
        Self { claims: kept, ranked: Vec::new() }
    }

    /// The same with a ranking: the greatest shares first, of equal ones the smaller path; what has no share, and what
    /// comes after the first [`RANKED_FILES_MAX`], is left out.
    #[must_use]
    pub fn with_ranked(mut self, files: impl IntoIterator<Item = RankedFile>) -> Self {
        let mut kept: Vec<RankedFile> = files.into_iter().filter(|file| file.share > 0).collect();
        kept.iter_mut().for_each(|file| file.share = file.share.min(SHARE_MAX));
        kept.sort_by(|one, other| other.share.cmp(&one.share).then_with(|| one.path.cmp(&other.path)));
        let mut seen = BTreeSet::new();
        kept.retain(|file| seen.insert(file.path.to_lowercase()));
        kept.truncate(RANKED_FILES_MAX);
        self.ranked = kept;
        self
    }

    /// Whether nothing at all is known. An unknown footprint is soft with every task, never disjoint.
    pub fn is_unknown(&self) -> bool {
        self.claims.is_empty() && self.guesses().is_empty()
    }

    /// Whether anything surer than a mention is known.
    pub fn is_known(&self) -> bool {
        self.claims.iter().any(Claim::is_known)
    }

    /// The ranking as far as it counts: what is declared, confirmed or real takes the place of guesses.
    pub fn guesses(&self) -> &[RankedFile] {
        if self.is_known() { &[] } else { &self.ranked }
    }

    /// The areas as people write them, each once, in order.
    pub fn paths(&self) -> Vec<String> {
        self.claims.iter().map(|claim| claim.area.display()).collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// What people are told was predicted: the areas, or where there are none the likeliest files.
    pub fn predicted(&self) -> Vec<String> {
        if !self.claims.is_empty() {
            return self.paths();
        }
        self.likely().map(|file| file.path.clone()).collect()
    }

    /// The likeliest files of the ranking, as many as people are shown.
    pub fn likely(&self) -> impl Iterator<Item = &RankedFile> {
        self.guesses().iter().take(LIKELY_MAX)
    }

    /// The areas the issue declares, or where it declares none all that are known: what its work may touch.
    pub fn given(&self) -> Vec<String> {
        let counts = |claim: &&Claim| !self.declares() || claim.source == Source::Declared;
        self.claims
            .iter()
            .filter(counts)
            .map(|claim| claim.area.display())
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect()
    }

    /// Whether the issue itself declared files.
    pub fn declares(&self) -> bool {
        self.claims.iter().any(|claim| claim.source == Source::Declared)
    }
}

/// How overlaps steer the schedule (`overlap:` in the configuration).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, strum::Display, strum::EnumString)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum OverlapPolicy {
    /// Soft counts as hard; an unknown footprint runs alone.
    Strict,
    /// Hard excludes, soft keeps apart while there is other ready work.
    #[default]
    Balanced,
    /// Only declared files lock.
    Declared,
    /// Only explicit dependencies order.
    Off,
}
