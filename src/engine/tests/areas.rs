//! The naive answer to "do these two touch a common file?": every claim of one against every claim of the other, and a
//! matcher of its own for patterns.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use crate::engine::footprint::{Area, Claim, Footprint, OverlapPolicy, RankedFile, Source, Strength};
use crate::engine::overlap::{Meeting, UNKNOWN_FILES};

/// A meeting of two footprints; where several claims meet equally strong over the same path, any of them may be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::engine) struct Met {
    pub(in crate::engine) strength: Strength,
    pub(in crate::engine) path: String,
    pub(in crate::engine) evidence: BTreeSet<String>,
}

impl Met {
    /// Whether production's meeting is this one.
    pub(in crate::engine) fn is(&self, found: &Meeting) -> bool {
        (self.strength, &self.path) == (found.strength, &found.path) && self.evidence.contains(&found.evidence)
    }
}

/// What a claim is worth.
pub(super) fn worth(claim: &Claim, policy: OverlapPolicy) -> Option<Strength> {
    let looked_at = match policy {
        OverlapPolicy::Strict | OverlapPolicy::Balanced => true,
        OverlapPolicy::Declared => matches!(claim.source, Source::Declared | Source::Real),
        OverlapPolicy::Off => false,
    };
    let raised = policy == OverlapPolicy::Strict && claim.strength == Strength::Soft;
    looked_at.then_some(if raised { Strength::Hard } else { claim.strength })
}

/// The ranking of a footprint, where nothing surer than a mention is known and the policy looks at guesses.
pub(super) fn guesses(footprint: &Footprint, policy: OverlapPolicy) -> &[RankedFile] {
    let looked_at = matches!(policy, OverlapPolicy::Strict | OverlapPolicy::Balanced);
    let sure = footprint.claims.iter().any(|claim| claim.source != Source::Inferred);
    if looked_at && !sure { &footprint.ranked } else { &[] }
}

/// The files of it that count against what others are known to touch.
pub(super) fn judged(footprint: &Footprint, policy: OverlapPolicy) -> Vec<Area> {
    let files = guesses(footprint, policy).iter().take(5).filter(|file| file.share >= 200);
    files.map(|file| Area::File(file.path.clone())).collect()
}

/// The sum of the products of the shares of common files, in millionths, and those files, the riskiest first.
pub(super) fn risk(a: &Footprint, b: &Footprint, policy: OverlapPolicy) -> (u64, Vec<String>) {
    let mut shared = Vec::new();
    for mine in guesses(a, policy) {
        for theirs in guesses(b, policy) {
            if mine.path.to_lowercase() == theirs.path.to_lowercase() {
                let product = u64::from(mine.share) * u64::from(theirs.share);
                shared.push((Reverse(product), mine.path.clone().min(theirs.path.clone())));
            }
        }
    }
    shared.sort();
    (shared.iter().map(|(product, _)| product.0).sum(), shared.into_iter().map(|(_, path)| path).collect())
}

fn two_digits(thousandths: u64) -> String {
    format!("{:.2}", (thousandths + 5).div_euclid(10) as f64 / 100.0)
}

/// Every way in which two footprints meet because of a ranking.
fn guessed(a: &Footprint, b: &Footprint, policy: OverlapPolicy) -> Vec<(Strength, String, String)> {
    let likely = if policy == OverlapPolicy::Strict { Strength::Hard } else { Strength::Soft };
    let mut found = Vec::new();
    for (sure, unsure) in [(a, b), (b, a)] {
        for claim in sure.claims.iter().filter(|claim| claim.source != Source::Inferred) {
            let Some(own) = worth(claim, policy) else { continue };
            for file in guesses(unsure, policy).iter().take(5).filter(|file| file.share >= 200) {
                let Some(path) = path(&claim.area, &Area::File(file.path.clone())) else { continue };
                let (verb, area) = (verb(claim.source), claim.area.display());
                let share = two_digits(file.share.into());
                let words = format!("one {verb} `{area}`, the other likely touches `{}` ({share})", file.path);
                found.push((own.min(likely), path, words));
            }
        }
    }
    let (risk, files) = risk(a, b, policy);
    let (strength, word) = match risk {
        600_000.. => (likely, "likely"),
        200_000.. => (Strength::Weak, "may"),
        _ => return found,
    };
    let named: Vec<String> = files.iter().take(3).map(|path| format!("`{path}`")).collect();
    let named = match named.as_slice() {
        [first, second, third] => format!("{first}, {second} and {third}"),
        few => few.join(" and "),
    };
    found.push((strength, files[0].clone(), format!("both {word} touch {named} ({})", two_digits(risk / 1_000))));
    found
}

/// Every way in which two footprints meet.
fn all(a: &Footprint, b: &Footprint, policy: OverlapPolicy) -> Vec<(Strength, String, String)> {
    let unknown = match policy {
        OverlapPolicy::Strict => Some(Strength::Hard),
        OverlapPolicy::Balanced => Some(Strength::Soft),
        OverlapPolicy::Declared | OverlapPolicy::Off => None,
    };
    let mut found = guessed(a, b, policy);
    let is_unknown = |one: &Footprint| one.claims.is_empty() && one.ranked.is_empty();
    if let Some(strength) = unknown.filter(|_| is_unknown(a) || is_unknown(b)) {
        let evidence = "it is not known which files one of them touches";
        found.push((strength, UNKNOWN_FILES.to_owned(), evidence.to_owned()));
    }
    for mine in &a.claims {
        for theirs in &b.claims {
            let (Some(one), Some(other)) = (worth(mine, policy), worth(theirs, policy)) else { continue };
            if let Some(path) = path(&mine.area, &theirs.area) {
                let evidence = evidence(mine, theirs, &path);
                found.push((one.min(other), path, evidence));
            }
        }
    }
    found
}

/// The strongest meeting, of equals that with the smallest path.
pub(in crate::engine) fn meet(a: &Footprint, b: &Footprint, policy: OverlapPolicy) -> Option<Met> {
    let all = all(a, b, policy);
    let best = |(strength, path, _): &(Strength, String, String)| (Reverse(*strength), path.clone());
    let (Reverse(strength), path) = all.iter().map(best).min()?;
    let same = all.into_iter().filter(|(s, p, _)| *s == strength && *p == path);
    Some(Met { strength, path: path.clone(), evidence: same.map(|(_, _, evidence)| evidence).collect() })
}

/// Whether a meeting of at least so much is told truly: it is one of those there are.
pub(super) fn is_one(found: &Meeting, a: &Footprint, b: &Footprint, policy: OverlapPolicy) -> bool {
    let told = (found.strength, found.path.clone(), found.evidence.clone());
    all(a, b, policy).contains(&told)
}

fn verb(source: Source) -> &'static str {
    match source {
        Source::Inferred => "mentions",
        Source::Declared => "declares",
        Source::Confirmed => "is planned to touch",
        Source::Real => "has changed",
    }
}

fn evidence(a: &Claim, b: &Claim, path: &str) -> String {
    let (one, other) = (a.area.display(), b.area.display());
    if a.source == b.source && one.to_lowercase() == other.to_lowercase() {
        let verb = match a.source {
            Source::Inferred => "mention",
            Source::Declared => "declare",
            Source::Confirmed => "are planned to touch",
            Source::Real => "have changed",
        };
        return format!("both {verb} `{path}`");
    }
    let mut sides = [(Reverse(a.source), one), (Reverse(b.source), other)];
    sides.sort();
    let [(Reverse(first), first_path), (Reverse(second), second_path)] = sides;
    format!("one {} `{first_path}`, the other {} `{second_path}`", verb(first), verb(second))
}

/// The narrower of two areas that meet, as written; of two that are the same but for case, the smaller text.
pub(super) fn path(a: &Area, b: &Area) -> Option<String> {
    let (one, other) = (a.display(), b.display());
    let narrower = match (a, b) {
        (Area::File(x), Area::File(y)) => below(&parts(x), &parts(y)),
        (Area::File(x) | Area::Directory(x), Area::Directory(y)) | (Area::Directory(x), Area::File(y)) => {
            let (x, y) = (parts(x), parts(y));
            // A file whose name is a directory's on the way is the wider one; the directory itself is not that file.
            match (a, b) {
                _ if x == y && !matches!((a, b), (Area::Directory(_), Area::Directory(_))) => {
                    Some(if matches!(a, Area::File(_)) { Narrower::Second } else { Narrower::First })
                }
                _ => below(&x, &y),
            }
        }
        (Area::Glob(glob), Area::File(file)) => file_meets(glob, file).then_some(Narrower::Second),
        (Area::File(file), Area::Glob(glob)) => file_meets(glob, file).then_some(Narrower::First),
        (Area::Glob(glob), Area::Directory(folder)) => folder_meets(glob, folder),
        (Area::Directory(folder), Area::Glob(glob)) => folder_meets(glob, folder).map(Narrower::other),
        (Area::Glob(x), Area::Glob(y)) => globs_meet(&x.to_lowercase(), &y.to_lowercase()),
    };
    narrower.map(|side| match side {
        Narrower::First => one,
        Narrower::Second => other,
        Narrower::Same => one.min(other),
    })
}

/// Which of two areas is the narrower one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Narrower {
    First,
    Second,
    Same,
}

impl Narrower {
    fn other(self) -> Self {
        match self {
            Self::First => Self::Second,
            Self::Second => Self::First,
            Self::Same => Self::Same,
        }
    }
}

fn parts(path: &str) -> Vec<String> {
    path.to_lowercase().split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

fn below(x: &[String], y: &[String]) -> Option<Narrower> {
    let shared = x.iter().zip(y).take_while(|(one, other)| one == other).count();
    match (shared == x.len(), shared == y.len()) {
        (true, true) => Some(Narrower::Same),
        (true, false) => Some(Narrower::Second),
        (false, true) => Some(Narrower::First),
        (false, false) => None,
    }
}

fn is_special(c: char) -> bool {
    matches!(c, '*' | '?' | '[' | '{')
}

/// A pattern without a slash is meant at any depth.
fn anchored(glob: &str) -> String {
    if glob.contains('/') { glob.to_lowercase() } else { format!("**/{}", glob.to_lowercase()) }
}

/// What every match begins with, ends with, and how many parts it has where that is fixed.
fn literal(glob: &str) -> (String, String, Option<usize>) {
    let whole = anchored(glob);
    let begins = whole.chars().take_while(|c| !is_special(*c)).collect();
    let tail: Vec<char> = whole.chars().rev().take_while(|c| !matches!(c, '*' | '?' | ']' | '}')).collect();
    let mut ends: String = tail.iter().rev().collect();
    if whole.ends_with(&format!("**{ends}")) && ends.starts_with('/') {
        ends.remove(0);
    }
    let fixed = !whole.contains("**") && !whole.contains('{');
    (begins, ends, fixed.then(|| whole.split('/').count()))
}

fn file_meets(glob: &str, file: &str) -> bool {
    let file = file.to_lowercase();
    let goes_on_below = literal(glob).0.starts_with(&format!("{file}/"));
    glob.to_lowercase() == file || goes_on_below || matches(&anchored(glob), &file)
}

fn folder_meets(glob: &str, folder: &str) -> Option<Narrower> {
    let (begins, _, depth) = literal(glob);
    let folder = if folder.is_empty() { String::new() } else { format!("{}/", folder.to_lowercase()) };
    if begins.starts_with(&folder) {
        return Some(Narrower::First);
    }
    let deep_enough = depth.is_none_or(|depth| depth > parts(&folder).len());
    (folder.starts_with(&begins) && deep_enough).then_some(Narrower::Second)
}

/// Two patterns meet unless their literal beginnings, endings or depths tell them apart.
fn globs_meet(x: &str, y: &str) -> Option<Narrower> {
    let ((begin_x, end_x, depth_x), (begin_y, end_y, depth_y)) = (literal(x), literal(y));
    let begins = begin_x.starts_with(&begin_y) || begin_y.starts_with(&begin_x);
    let ends = end_x.ends_with(&end_y) || end_y.ends_with(&end_x);
    let depths = depth_x.is_none() || depth_y.is_none() || depth_x == depth_y;
    (begins && ends && depths).then(|| match (x.len(), y).cmp(&(y.len(), x)) {
        _ if x == y => Narrower::Same,
        std::cmp::Ordering::Greater => Narrower::First,
        std::cmp::Ordering::Less | std::cmp::Ordering::Equal => Narrower::Second,
    })
}

/// Whether a file's path matches a pattern of `*`, `?`, `**` as a whole part, `[…]` of single letters and one `{a,b}`.
pub(super) fn matches(glob: &str, file: &str) -> bool {
    if let Some((before, rest)) = glob.split_once('{')
        && let Some((choices, after)) = rest.split_once('}')
    {
        return choices.split(',').any(|choice| matches(&format!("{before}{choice}{after}"), file));
    }
    let (glob, file): (Vec<&str>, Vec<&str>) = (glob.split('/').collect(), file.split('/').collect());
    parts_match(&glob, &file)
}

fn parts_match(glob: &[&str], file: &[&str]) -> bool {
    match glob {
        [] => file.is_empty(),
        ["**"] => !file.is_empty(),
        ["**", rest @ ..] => (0..=file.len()).any(|skipped| parts_match(rest, &file[skipped..])),
        [part, rest @ ..] => file.split_first().is_some_and(|(name, below)| {
            let (part, name): (Vec<char>, Vec<char>) = (part.chars().collect(), name.chars().collect());
            part_matches(&part, &name) && parts_match(rest, below)
        }),
    }
}

fn part_matches(part: &[char], name: &[char]) -> bool {
    match part {
        [] => name.is_empty(),
        ['*', rest @ ..] => (0..=name.len()).any(|skipped| part_matches(rest, &name[skipped..])),
        ['?', rest @ ..] => !name.is_empty() && part_matches(rest, &name[1..]),
        ['[', letter, ']', rest @ ..] => name.first() == Some(letter) && part_matches(rest, &name[1..]),
        [letter, rest @ ..] => name.first() == Some(letter) && part_matches(rest, &name[1..]),
    }
}
