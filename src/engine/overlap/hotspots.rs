//! Hotspots: files that everybody touches, so that whoever waited for them would wait for everybody. A claim on one is
//! soft wherever it comes from; what conflicts there is resolved by a rebase run.

use crate::engine::config::Settings;
use crate::engine::footprint::{Area, Claim, Footprint, Strength};
use crate::engine::overlap::shape::{Shape, Side};

/// The patterns that stand for hotspots where the configuration names none: change logs, lock files, manifests, schemas
/// and generated indexes. As in ignore files, one without a slash means the name at any depth.
pub const DEFAULTS: &[&str] = &[
    "CHANGELOG",
    "CHANGELOG.*",
    "CHANGES.md",
    "*.lock",
    "*-lock.*",
    "go.sum",
    "go.mod",
    "Cargo.toml",
    "package.json",
    "pyproject.toml",
    "schema.rb",
    "*.generated.*",
];

/// What is said of a claim that would lock elsewhere.
const NOTE: &str = "a hotspot: everybody touches it, so it locks nothing";

/// Which files are hotspots.
#[derive(Clone, Debug)]
pub struct Hotspots {
    patterns: Vec<Shape>,
}

impl Hotspots {
    /// Those of the configuration, and `learned` ones: paths of files that a good part of all changes touch.
    pub fn new(settings: &Settings, learned: &[String]) -> Self {
        let patterns = settings.hotspots.iter().map(|pattern| Shape::of(&Area::Glob(pattern.clone())));
        let learned = learned.iter().map(|path| Shape::of(&Area::File(path.clone())));
        Self { patterns: patterns.chain(learned).collect() }
    }

    /// Whether an area is one, or names exactly some.
    pub fn contains(&self, area: &Area) -> bool {
        let shape = Shape::of(area);
        let is_one = |pattern: &Shape| match (&shape, pattern) {
            (Shape::Directory(_), _) | (_, Shape::Directory(_)) => false,
            // A file whose name turns out to be a folder's is not what lies in it.
            (Shape::File(_), Shape::File(_)) | (Shape::Glob(_), _) => shape.meets(pattern) == Some(Side::Both),
            (Shape::File(file), Shape::Glob(pattern)) => pattern.matches(file),
        };
        self.patterns.iter().any(is_one)
    }

    /// The same footprint with claims on hotspots soft at most.
    #[must_use]
    pub fn soften(&self, footprint: Footprint) -> Footprint {
        let softened = |claim: Claim| {
            if claim.strength < Strength::Hard || !self.contains(&claim.area) {
                return claim;
            }
            Claim { strength: Strength::Soft, evidence: format!("{}; {NOTE}", claim.evidence), ..claim }
        };
        Footprint::from_claims(footprint.claims.into_iter().map(softened)).with_ranked(footprint.ranked)
    }

    /// Those of some files that are hotspots.
    pub fn among(&self, files: &[String]) -> Vec<String> {
        files.iter().filter(|path| self.contains(&Area::File((*path).clone()))).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::footprint::{OverlapPolicy, Source};
    use crate::engine::overlap::meeting;

    #[test]
    fn the_usual_ones_are_known_at_any_depth() {
        let hotspots = Hotspots::new(&Settings::server(), &["src/lib.rs".to_owned()]);
        for (area, expected) in [
            (Area::File("CHANGELOG.md".to_owned()), true),
            (Area::File("crates/a/cargo.lock".to_owned()), true),
            (Area::File("web/package-lock.json".to_owned()), true),
            (Area::File("SRC/lib.rs".to_owned()), true),
            (Area::Glob("*.lock".to_owned()), true),
            (Area::File("src/lib".to_owned()), false),
            (Area::File("src/lib.rs/x".to_owned()), false),
            (Area::File("src/lock.rs".to_owned()), false),
            (Area::Directory("src".to_owned()), false),
            (Area::Glob("src/*.rs".to_owned()), false),
        ] {
            assert_eq!(hotspots.contains(&area), expected, "{area:?}");
        }
        assert!(
            !Hotspots::new(&Settings { hotspots: Vec::new(), ..Settings::server() }, &[])
                .contains(&Area::File("Cargo.lock".to_owned()))
        );
    }

    #[test]
    fn a_claim_on_one_never_locks_unless_the_policy_is_strict() {
        let claim = |path: &str| Claim {
            area: Area::File(path.to_owned()),
            strength: Strength::Hard,
            source: Source::Declared,
            evidence: "declared under Files:".to_owned(),
        };
        let hotspots = Hotspots::new(&Settings::server(), &[]);
        let soft = hotspots.soften(Footprint::from_claims([claim("CHANGELOG.md")]));
        for (policy, expected) in [
            (OverlapPolicy::Strict, Some(Strength::Hard)),
            (OverlapPolicy::Balanced, Some(Strength::Soft)),
            (OverlapPolicy::Declared, Some(Strength::Soft)),
            (OverlapPolicy::Off, None),
        ] {
            assert_eq!(meeting(&soft, &soft, policy).map(|met| met.strength), expected, "{policy}");
        }
        assert!(soft.claims[0].evidence.contains("a hotspot"));
        assert_eq!(hotspots.soften(soft.clone()), soft);
        let other = Footprint::from_claims([claim("src/a.rs")]);
        assert_eq!(hotspots.soften(other.clone()), other);
    }
}
