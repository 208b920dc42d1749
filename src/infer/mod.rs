//! Issue text → footprint, pure over an index value.
//!
//! [`rank`] says which files an issue will likely touch, [`evidence`] why, [`risk`] which issues may meet in them. What
//! they look at is a [`corpus`] and a [`history`], values that somebody else reads. [`footprint()`] is what a plan
//! takes from an issue's text:
//!
//! Declared files are hard. A path merely mentioned is soft, and only counts if the repository has it: of the paths
//! people mention in issues most are not the ones that get changed, so a mention never locks. Neither does a ranking,
//! which stands in where nothing is declared.

pub mod attributes;
pub mod bm25;
pub mod corpus;
pub mod definitions;
pub mod document;
pub mod evidence;
pub mod graph;
pub mod history;
pub mod imports;
mod index;
pub mod language;
pub mod library;
pub mod measure;
pub mod new_files;
pub mod prose;
pub mod query;
pub mod rank;
pub mod risk;
pub mod signals;
pub mod token;

use std::collections::BTreeSet;

use crate::engine::facts::Facts;
use crate::engine::footprint::{Area, Claim, Footprint, OverlapPolicy, RankedFile, Source, Strength};
use crate::engine::id::{IssueNumber, TaskId};
use crate::engine::overlap::LockTable;

pub use index::Index;

/// What a text is likely about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ranking {
    /// Files, the likeliest first.
    pub files: Vec<RankedFile>,
    /// Files that it asks for and that do not exist yet.
    pub new_files: Vec<String>,
}

/// Whether a text is to be ranked: what declares its files is believed.
pub fn wants_ranking(facts: &Facts) -> bool {
    facts.files.is_empty()
}

/// The footprint of an issue: what it declares (whether it exists yet or not), and what it mentions and the index
/// knows. Without an index a mention counts if it names a directory as well. A mention that a declared area covers adds
/// nothing. Where nothing is declared, a ranking adds its files, and those that the text asks for.
pub fn footprint(facts: &Facts, index: Option<&Index>, ranking: Option<&Ranking>) -> Footprint {
    let declared = Footprint::from_claims(facts.files.iter().map(|area| Claim {
        area: area.clone(),
        strength: Strength::Hard,
        source: Source::Declared,
        evidence: "declared under Files:".to_owned(),
    }));
    let mentioned: Vec<Claim> = facts.mentions.iter().filter_map(|mention| mentioned(mention, index)).collect();
    let covered = covered(&declared, &mentioned);
    let uncovered = mentioned.into_iter().filter(|claim| !covered.contains(&claim.area));
    let ranking = ranking.filter(|_| wants_ranking(facts));
    let new_files = ranking.into_iter().flat_map(|ranking| &ranking.new_files).map(|path| Claim {
        area: Area::File(path.clone()),
        strength: Strength::Soft,
        source: Source::Inferred,
        evidence: "the text asks for this new file".to_owned(),
    });
    let ranked = ranking.into_iter().flat_map(|ranking| ranking.files.iter().cloned());
    Footprint::from_claims(declared.claims.into_iter().chain(uncovered).chain(new_files)).with_ranked(ranked)
}

/// The mentioned areas that a declared one covers.
fn covered(declared: &Footprint, mentioned: &[Claim]) -> BTreeSet<Area> {
    let [issue, mention] = [TaskId(IssueNumber(0)), TaskId(IssueNumber(1))];
    let mut table = LockTable::new(OverlapPolicy::Balanced);
    table.insert(issue, declared);
    // An unknown footprint meets everything; nothing declared covers nothing.
    let known = mentioned.iter().filter(|_| !declared.is_unknown());
    let meets =
        |claim: &&Claim| table.first_soft_or_hard(mention, &Footprint::from_claims([(*claim).clone()])).is_some();
    known.filter(meets).map(|claim| claim.area.clone()).collect()
}

fn mentioned(mention: &str, index: Option<&Index>) -> Option<Claim> {
    let (path, evidence) = match index {
        Some(index) => (index.find(mention)?, "mentioned in the issue and present in the repository"),
        None => (mention.contains('/').then_some(mention)?, "mentioned in the issue"),
    };
    Some(Claim {
        area: Area::File(path.to_owned()),
        strength: Strength::Soft,
        source: Source::Inferred,
        evidence: evidence.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::facts::read;

    fn claims(body: &str, index: Option<&Index>) -> Vec<(String, Strength)> {
        let footprint = footprint(&read("", body, &[]), index, None);
        footprint.claims.iter().map(|claim| (claim.area.display(), claim.strength)).collect()
    }

    #[test]
    fn declared_is_hard_and_mentioned_is_soft_where_it_exists() {
        let paths = ["src/main.rs", "src/net/mod.rs", "src/db/mod.rs", "src/db/pool.rs", "README.md"];
        let index = Index::new(paths.map(str::to_owned));
        let hard = |path: &str| (path.to_owned(), Strength::Hard);
        let soft = |path: &str| (path.to_owned(), Strength::Soft);
        for (body, expected) in [
            ("Files: new.rs", vec![hard("new.rs")]),
            ("see src/main.rs", vec![soft("src/main.rs")]),
            ("see SRC/Main.rs", vec![soft("src/main.rs")]),
            ("see db/mod.rs", vec![soft("src/db/mod.rs")]),
            ("see pool.rs", vec![soft("src/db/pool.rs")]),
            ("see mod.rs and src/gone.rs", vec![]),
            ("Files: src/db/\n\nsee src/db/pool.rs and readme.md", vec![soft("README.md"), hard("src/db/")]),
        ] {
            assert_eq!(claims(body, Some(&index)), expected, "{body}");
        }
        assert_eq!(claims("see src/gone.rs and pool.rs", None), [soft("src/gone.rs")]);
    }

    #[test]
    fn a_ranking_counts_only_where_nothing_is_declared() {
        let file = |path: &str, share| RankedFile { path: path.to_owned(), share, evidence: "why".to_owned() };
        let new_files = vec!["src/new.rs".to_owned()];
        let ranking = Ranking { files: vec![file("src/b.rs", 300), file("src/a.rs", 1_000)], new_files };
        let of = |body: &str| footprint(&read("", body, &[]), None, Some(&ranking));
        let found = of("Something is slow");
        assert_eq!(found.guesses(), [file("src/a.rs", 1_000), file("src/b.rs", 300)]);
        let new = &found.claims[0];
        assert_eq!((new.area.display(), new.strength), ("src/new.rs".to_owned(), Strength::Soft));
        assert!(new.evidence.contains("asks for this new file"));
        assert_eq!(of("Files: src/c.rs"), footprint(&read("", "Files: src/c.rs", &[]), None, None));
    }
}
