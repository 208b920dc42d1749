//! Did-you-mean: the known word nearest to a mistyped one.

/// Longer words are nobody's typing mistake and are not compared.
const WORD_LENGTH_MAX: usize = 40;

/// The known word with the fewest insertions, deletions, replacements and swaps of neighbours between it and `word`;
/// nothing where even that is more than a third of the word's length (at least one change is always forgiven).
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word: Vec<char> = word.to_lowercase().chars().collect();
    if word.len() > WORD_LENGTH_MAX {
        return None;
    }
    let forgiven = (word.len() / 3).max(1);
    known
        .into_iter()
        .map(|candidate| (distance(&word, &candidate.to_lowercase().chars().collect::<Vec<_>>()), candidate))
        .filter(|(changes, _)| *changes <= forgiven)
        .min_by_key(|(changes, _)| *changes)
        .map(|(_, candidate)| candidate)
}

/// The known words nearest to a mistyped one, at most `most`, nearest first, however far they are.
pub fn nearest_first<'a>(word: &str, known: impl IntoIterator<Item = &'a str>, most: usize) -> Vec<&'a str> {
    let word: Vec<char> = word.to_lowercase().chars().take(WORD_LENGTH_MAX).collect();
    let mut found: Vec<(usize, &str)> = known
        .into_iter()
        .map(|candidate| (distance(&word, &candidate.to_lowercase().chars().collect::<Vec<_>>()), candidate))
        .collect();
    found.sort_by_key(|(changes, _)| *changes);
    found.into_iter().take(most).map(|(_, candidate)| candidate).collect()
}

/// Changes from one word to the other (optimal string alignment), row by row.
fn distance(from: &[char], to: &[char]) -> usize {
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, b) in to.iter().enumerate() {
            let mut least = (last[j] + usize::from(a != b)).min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *a == to[j - 1] && from[i - 1] == *b {
                least = least.min(before_last[j - 1] + 1);
            }
            row.push(least);
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_mistakes_are_forgiven_and_other_words_are_not() {
        let known = ["approve", "retry", "cancel", "max_parallel"];
        for (word, found) in [
            ("aprove", Some("approve")),
            ("rerty", Some("retry")),
            ("CANCEL", Some("cancel")),
            ("max_paralel", Some("max_parallel")),
            ("destroy", None),
            ("", None),
            ("x", None),
        ] {
            assert_eq!(nearest(word, known), found, "{word}");
        }
        assert_eq!(nearest(&"a".repeat(100_000), known), None);
        assert_eq!(nearest_first("retray", known, 2), ["retry", "approve"]);
    }
}
