//! Overlap: pairings of areas, policies, and the table against the plain pairwise answer.

use proptest::prelude::*;

use crate::engine::footprint::{Area, Claim, Footprint, OverlapPolicy, Source, Strength};
use crate::engine::id::{IssueNumber, TaskId};
use crate::engine::overlap::{LockTable, UNKNOWN_FILES, meet, meeting};

/// Short spelling of areas: `d/` directory, special characters glob, else file.
fn area(text: &str) -> Area {
    match text.strip_suffix('/') {
        Some(directory) => Area::Directory(directory.to_owned()),
        None if text.contains(['*', '?', '[', '{']) => Area::Glob(text.to_owned()),
        None => Area::File(text.to_owned()),
    }
}

fn claim(text: &str, source: Source) -> Claim {
    let strength = if source == Source::Inferred { Strength::Soft } else { Strength::Hard };
    Claim { area: area(text), strength, source, evidence: String::new() }
}

fn declared(texts: &[&str]) -> Footprint {
    Footprint::from_claims(texts.iter().map(|text| claim(text, Source::Declared)))
}

fn mentioned(texts: &[&str]) -> Footprint {
    Footprint::from_claims(texts.iter().map(|text| claim(text, Source::Inferred)))
}

fn task(number: u64) -> TaskId {
    TaskId(IssueNumber(number))
}

#[test]
fn areas_meet_over_the_narrower_path() {
    for (a, b, path) in [
        ("src/a.rs", "src/a.rs", Some("src/a.rs")),
        ("src/A.rs", "src/a.rs", Some("src/A.rs")),
        ("src/a.rs", "src/b.rs", None),
        ("src/a.rs", "src/", Some("src/a.rs")),
        ("src/a.rs", "sr/", None),
        ("src", "src/a.rs", Some("src/a.rs")),
        ("src", "src/", Some("src/")),
        ("srcs/a.rs", "src", None),
        ("src/", "src/engine/", Some("src/engine/")),
        ("src/engine/", "src/engines/", None),
        ("/", "anything/at/all.txt", Some("anything/at/all.txt")),
        ("src/*.rs", "src/a.rs", Some("src/a.rs")),
        ("src/*.rs", "src/deep/a.rs", None),
        ("src/**/*.rs", "src/deep/a.rs", Some("src/deep/a.rs")),
        ("*.md", "docs/a.md", Some("docs/a.md")),
        ("SRC/*.RS", "src/a.rs", Some("src/a.rs")),
        ("src/{a,b}.rs", "src/b.rs", Some("src/b.rs")),
        ("src/{a,b}.rs", "src/c.rs", None),
        ("src/*.rs", "src/", Some("src/*.rs")),
        ("src/*.rs", "src/engine/", None),
        ("src/**", "src/engine/", Some("src/engine/")),
        ("src/*.rs", "src/*.md", None),
        ("src/a*.rs", "src/*b.rs", Some("src/*b.rs")),
        ("src/a*.rs", "src/b*.rs", None),
        ("src/*.rs", "src/*/*.rs", None),
        ("**/x.rs", "src/*.rs", Some("src/*.rs")),
        ("pages/[id].tsx", "pages/[id].tsx", Some("pages/[id].tsx")),
        ("src/[oops", "src/[oops", Some("src/[oops")),
    ] {
        assert_eq!(meet(&area(a), &area(b)).as_deref(), path, "{a} {b}");
        assert_eq!(meet(&area(b), &area(a)).as_deref(), path, "{b} {a}");
    }
}

#[test]
fn a_name_with_brackets_is_also_the_file_of_that_name() {
    let file = Area::File("pages/[id].tsx".to_owned());
    assert_eq!(meet(&file, &area("pages/[id].tsx")), Some("pages/[id].tsx".to_owned()));
}

#[test]
fn the_policy_says_what_a_meeting_is_worth() {
    use OverlapPolicy::{Balanced, Declared, Off, Strict};
    let (hard, soft, unknown) = (declared(&["a.rs"]), mentioned(&["a.rs"]), Footprint::default());
    for (a, b, policy, strength) in [
        (&hard, &hard, Strict, Some(Strength::Hard)),
        (&hard, &hard, Balanced, Some(Strength::Hard)),
        (&hard, &hard, Declared, Some(Strength::Hard)),
        (&hard, &hard, Off, None),
        (&hard, &soft, Strict, Some(Strength::Hard)),
        (&hard, &soft, Balanced, Some(Strength::Soft)),
        (&hard, &soft, Declared, None),
        (&hard, &unknown, Strict, Some(Strength::Hard)),
        (&hard, &unknown, Balanced, Some(Strength::Soft)),
        (&unknown, &unknown, Balanced, Some(Strength::Soft)),
        (&hard, &unknown, Declared, None),
        (&hard, &unknown, Off, None),
    ] {
        assert_eq!(meeting(a, b, policy).map(|found| found.strength), strength, "{policy}");
        assert_eq!(meeting(a, b, policy), meeting(b, a, policy), "{policy}");
    }
}

#[test]
fn evidence_names_both_sides() {
    let found = meeting(&declared(&["src/a.rs"]), &declared(&["src/a.rs"]), OverlapPolicy::Balanced);
    assert_eq!(found.expect("they meet").evidence, "both declare `src/a.rs`");
    let found = meeting(&mentioned(&["src/a.rs"]), &declared(&["src/"]), OverlapPolicy::Balanced).expect("they meet");
    assert_eq!((found.path.as_str(), found.strength), ("src/a.rs", Strength::Soft));
    assert_eq!(found.evidence, "one declares `src/`, the other mentions `src/a.rs`");
    let found = meeting(&Footprint::default(), &declared(&["src/"]), OverlapPolicy::Strict).expect("they meet");
    assert_eq!(found.path, UNKNOWN_FILES);
}

#[test]
fn a_table_forgets_what_is_removed_and_never_meets_the_asker() {
    let mut table = LockTable::new(OverlapPolicy::Balanced);
    table.insert(task(1), &declared(&["src/a.rs", "docs/"]));
    table.insert(task(2), &declared(&["src/**/*.rs"]));
    let asked = declared(&["src/a.rs"]);
    assert_eq!(table.meets(task(9), &asked).keys().copied().collect::<Vec<_>>(), [task(1), task(2)]);
    assert_eq!(table.meets(task(1), &asked).keys().copied().collect::<Vec<_>>(), [task(2)]);
    table.remove(task(2));
    assert_eq!(table.first_hard(task(1), &asked), None);
    table.insert(task(1), &declared(&["src/b.rs"]));
    assert_eq!(table.first_hard(task(9), &asked), None);
    assert!(table.contains(task(1)));
}

fn any_area() -> impl Strategy<Value = Area> {
    let parts = proptest::sample::select(vec![
        "a", "B", "b", "c.rs", "*", "**", "*.rs", "[x]", "{a,c.rs}", "a?", "a*", "?.rs", "**y.rs",
    ]);
    (proptest::collection::vec(parts, 1..4), any::<bool>()).prop_map(|(parts, slash)| {
        let joined = parts.join("/");
        if slash && !joined.contains(['*', '?', '[', '{']) { area(&format!("{joined}/")) } else { area(&joined) }
    })
}

proptest! {
    #[test]
    fn meeting_is_symmetric_and_an_area_meets_itself(a in any_area(), b in any_area()) {
        prop_assert_eq!(meet(&a, &b), meet(&b, &a));
        prop_assert!(meet(&a, &a).is_some());
    }

    #[test]
    fn a_table_finds_exactly_what_pairwise_comparison_finds(
        held in proptest::collection::vec(any_area(), 0..12), asked in any_area()
    ) {
        let footprint = |area: &Area| Footprint::from_claims([Claim {
            area: area.clone(), strength: Strength::Hard, source: Source::Declared, evidence: String::new(),
        }]);
        let mut table = LockTable::new(OverlapPolicy::Balanced);
        for (number, area) in (1..).zip(&held) {
            table.insert(task(number), &footprint(area));
        }
        let found: Vec<TaskId> = table.meets(task(0), &footprint(&asked)).into_keys().collect();
        let expected: Vec<TaskId> =
            (1..).zip(&held).filter(|(_, area)| meet(area, &asked).is_some()).map(|(number, _)| task(number)).collect();
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn two_areas_that_cover_one_file_meet(a in any_area(), b in any_area(), file in "([ab]/){0,3}(z|ay)\\.rs") {
        // Names that might turn out to be a directory's are left out here, as patterns are not compared with them so.
        let file = Area::File(file);
        let wide = |area: &Area| !matches!(area, Area::File(_));
        if wide(&a) && wide(&b) && meet(&a, &file).is_some() && meet(&b, &file).is_some() {
            prop_assert!(meet(&a, &b).is_some(), "{:?} {:?} {:?}", a, b, file);
        }
    }
}
