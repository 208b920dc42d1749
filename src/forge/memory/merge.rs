//! Three-way merges of files by line and of trees by file, as git makes them where nothing is renamed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Path → content.
pub type Tree = BTreeMap<String, Arc<[u8]>>;

/// Most pairs of lines compared for one file; beyond it a file changed on both sides is one conflict.
const LINE_PAIRS_MAX: usize = 16_000_000;

/// What to do where both sides changed the same lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnConflict {
    /// The file does not merge.
    Refuse,
    /// Ours, then theirs: how the scripted worker of a rebase run settles it.
    Both,
}

/// Merges two trees that come from a common one.
///
/// # Errors
/// The paths that do not merge, sorted; never empty.
pub fn merge_trees(base: &Tree, ours: &Tree, theirs: &Tree, on_conflict: OnConflict) -> Result<Tree, Vec<String>> {
    let paths: BTreeSet<&String> = ours.keys().chain(theirs.keys()).collect();
    let mut merged = Tree::new();
    let mut conflicts = Vec::new();
    for path in paths {
        match merge_file(base.get(path), ours.get(path), theirs.get(path), on_conflict) {
            Ok(Some(content)) => drop(merged.insert(path.clone(), content)),
            Ok(None) => {}
            Err(()) => conflicts.push(path.clone()),
        }
    }
    if conflicts.is_empty() { Ok(merged) } else { Err(conflicts) }
}

fn merge_file(
    base: Option<&Arc<[u8]>>,
    ours: Option<&Arc<[u8]>>,
    theirs: Option<&Arc<[u8]>>,
    on_conflict: OnConflict,
) -> Result<Option<Arc<[u8]>>, ()> {
    if ours == theirs || theirs == base {
        return Ok(ours.cloned());
    }
    if ours == base {
        return Ok(theirs.cloned());
    }
    match (ours, theirs) {
        (Some(ours), Some(theirs)) => {
            let base = base.map_or(&[][..], |content| content);
            merge_lines(base, ours, theirs, on_conflict).map(|content| Some(content.into())).ok_or(())
        }
        // One side deleted what the other changed.
        (kept, None) | (None, kept) => match on_conflict {
            OnConflict::Refuse => Err(()),
            OnConflict::Both => Ok(kept.cloned()),
        },
    }
}

/// Merges one file by line; nothing where it does not merge.
pub fn merge_lines(base: &[u8], ours: &[u8], theirs: &[u8], on_conflict: OnConflict) -> Option<Vec<u8>> {
    let (base, ours, theirs) = (lines(base), lines(ours), lines(theirs));
    let (in_ours, in_theirs) = (matches(&base, &ours), matches(&base, &theirs));
    let mut merged = Vec::new();
    let (mut at, mut ours_at, mut theirs_at) = (0, 0, 0);
    while at <= base.len() {
        // The next line that both sides kept, or the end.
        let shared = (at..base.len()).find_map(|k| Some((k, in_ours[k]?, in_theirs[k]?)));
        let (k, ours_end, theirs_end) = shared.unwrap_or((base.len(), ours.len(), theirs.len()));
        let (old, mine, other) = (&base[at..k], &ours[ours_at..ours_end], &theirs[theirs_at..theirs_end]);
        if mine == other || other == old {
            merged.extend(mine.concat());
        } else if mine == old {
            merged.extend(other.concat());
        } else {
            match on_conflict {
                OnConflict::Refuse => return None,
                OnConflict::Both => merged.extend([mine.concat(), other.concat()].concat()),
            }
        }
        merged.extend(base.get(k).copied().unwrap_or_default());
        (at, ours_at, theirs_at) = (k + 1, ours_end + 1, theirs_end + 1);
    }
    Some(merged)
}

/// Lines added and removed between two texts.
pub fn changed_lines(old: &[u8], new: &[u8]) -> (u64, u64) {
    let (old, new) = (lines(old), lines(new));
    let kept = matches(&old, &new).iter().flatten().count();
    ((new.len() - kept) as u64, (old.len() - kept) as u64)
}

/// The lines taken out (`-`) and put in (`+`) between two texts.
pub fn line_diff(old: &[u8], new: &[u8]) -> String {
    let (old, new) = (lines(old), lines(new));
    let kept = matches(&old, &new);
    let line = |sign: char, line: &[u8]| format!("{sign}{}\n", String::from_utf8_lossy(line).trim_end_matches('\n'));
    let (mut diff, mut next) = (String::new(), 0);
    for (at, text) in old.iter().enumerate() {
        match kept[at] {
            None => diff.push_str(&line('-', text)),
            Some(to) => {
                new[next..to].iter().for_each(|text| diff.push_str(&line('+', text)));
                next = to + 1;
            }
        }
    }
    new[next..].iter().for_each(|text| diff.push_str(&line('+', text)));
    diff
}

fn lines(text: &[u8]) -> Vec<&[u8]> {
    text.split_inclusive(|byte| *byte == b'\n').collect()
}

/// For each old line the new line it became, by a longest common subsequence; both positions only grow.
fn matches(old: &[&[u8]], new: &[&[u8]]) -> Vec<Option<usize>> {
    let mut found = vec![None; old.len()];
    let head = old.iter().zip(new).take_while(|(a, b)| a == b).count();
    let rest = old.len().min(new.len()) - head;
    let tail = old.iter().rev().zip(new.iter().rev()).take(rest).take_while(|(a, b)| a == b).count();
    (0..head).for_each(|i| found[i] = Some(i));
    (0..tail).for_each(|i| found[old.len() - 1 - i] = Some(new.len() - 1 - i));
    let (middle_old, middle_new) = (&old[head..old.len() - tail], &new[head..new.len() - tail]);
    let width = middle_new.len() + 1;
    if middle_old.len().saturating_mul(width) > LINE_PAIRS_MAX {
        return found;
    }
    let mut longest = vec![0_u32; (middle_old.len() + 1) * width];
    for i in (0..middle_old.len()).rev() {
        for j in (0..middle_new.len()).rev() {
            longest[i * width + j] = if middle_old[i] == middle_new[j] {
                longest[(i + 1) * width + j + 1] + 1
            } else {
                longest[(i + 1) * width + j].max(longest[i * width + j + 1])
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    while i < middle_old.len() && j < middle_new.len() {
        if middle_old[i] == middle_new[j] {
            found[head + i] = Some(head + j);
            (i, j) = (i + 1, j + 1);
        } else if longest[(i + 1) * width + j] >= longest[i * width + j + 1] {
            i += 1;
        } else {
            j += 1;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_merge_as_git_merges_them() {
        let table: [(&str, &str, &str, Option<&str>); 11] = [
            ("a\nb\nc\n", "a\nb\nc\n", "a\nB\nc\n", Some("a\nB\nc\n")),
            ("a\nb\nc\n", "A\nb\nc\n", "a\nb\nC\n", Some("A\nb\nC\n")),
            ("a\nb\nc\n", "a\nX\nc\n", "a\nY\nc\n", None),
            ("a\nb\nc\n", "a\nX\nc\n", "a\nX\nc\n", Some("a\nX\nc\n")),
            ("a\nb\n", "a\nb\nmine\n", "a\nb\ntheirs\n", None),
            ("a\nb\nc\nd\n", "a\nc\nd\n", "a\nb\nc\nd\ne\n", Some("a\nc\nd\ne\n")),
            ("a\nb\n", "", "a\nb\n", Some("")),
            ("a\nb\n", "", "a\nB\n", None),
            ("", "x\n", "x\n", Some("x\n")),
            ("", "x\n", "y\n", None),
            ("a\nb\nc\nd\ne\n", "0\na\nb\nc\nd\ne\n", "a\nb\nc\nd\ne", Some("0\na\nb\nc\nd\ne")),
        ];
        for (base, ours, theirs, expected) in table {
            for (one, other) in [(ours, theirs), (theirs, ours)] {
                let merged = merge_lines(base.as_bytes(), one.as_bytes(), other.as_bytes(), OnConflict::Refuse);
                assert_eq!(merged.as_deref(), expected.map(str::as_bytes), "{base:?} {one:?} {other:?}");
            }
        }
        let both = merge_lines(b"a\nb\nc\n", b"a\nX\nc\n", b"a\nY\nc\n", OnConflict::Both);
        assert_eq!(both.as_deref(), Some(&b"a\nX\nY\nc\n"[..]));
    }

    #[test]
    fn trees_merge_file_by_file_and_name_what_does_not() {
        let tree = |files: &[(&str, &str)]| -> Tree {
            files.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().into())).collect()
        };
        let base = tree(&[("a", "1\n"), ("b", "1\n"), ("c", "1\n")]);
        let ours = tree(&[("a", "2\n"), ("b", "1\n"), ("new", "x\n")]);
        let theirs = tree(&[("a", "1\n"), ("c", "1\n"), ("new", "x\n")]);
        let merged = tree(&[("a", "2\n"), ("new", "x\n")]);
        assert_eq!(merge_trees(&base, &ours, &theirs, OnConflict::Refuse), Ok(merged));
        let changed = tree(&[("a", "3\n"), ("b", "1\n"), ("c", "9\n"), ("new", "y\n")]);
        let conflicts = vec!["a".to_owned(), "c".to_owned(), "new".to_owned()];
        assert_eq!(merge_trees(&base, &ours, &changed, OnConflict::Refuse), Err(conflicts));
        assert!(merge_trees(&base, &ours, &changed, OnConflict::Both).is_ok());
    }

    #[test]
    fn changed_lines_are_counted() {
        assert_eq!(changed_lines(b"a\nb\nc\n", b"a\nX\nc\nd\n"), (2, 1));
        assert_eq!(changed_lines(b"", b"a\n"), (1, 0));
        assert_eq!(changed_lines(b"a\n", b"a\n"), (0, 0));
        assert_eq!(line_diff(b"a\nb\nc\n", b"a\nX\nc\nd\n"), "-b\n+X\n+d\n");
        assert_eq!(line_diff(b"", b"a"), "+a\n");
    }
}
