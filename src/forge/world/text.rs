//! Small readings of text as GitHub does them: closing keywords, task-list boxes, a run's name.

use std::collections::{BTreeMap, BTreeSet};

use crate::engine::id::IssueNumber;

const CLOSING_WORDS: [&str; 9] =
    ["close", "closes", "closed", "fix", "fixes", "fixed", "resolve", "resolves", "resolved"];

/// Issues that a pull request's text says it closes: a closing word, an optional colon, and `#N`.
pub fn closed_issues(text: &str) -> BTreeSet<IssueNumber> {
    let words: Vec<&str> = text.split_whitespace().collect();
    words
        .windows(2)
        .filter_map(|pair| {
            let word = pair[0].trim_start_matches(['(', '*', '_', '-', '>']).trim_end_matches(':').to_ascii_lowercase();
            let digits = pair[1].strip_prefix('#')?;
            let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
            let apart = digits[end..].chars().next().is_none_or(|c| !c.is_alphanumeric() && c != '_');
            (CLOSING_WORDS.contains(&word.as_str()) && apart).then(|| digits[..end].parse().ok().map(IssueNumber))?
        })
        .collect()
}

/// Byte positions of the character between the brackets of each task-list item, in order. Fenced code is no list.
pub fn boxes(body: &str) -> Vec<usize> {
    let mut found = Vec::new();
    let mut fence: Option<&str> = None;
    let mut at = 0;
    for line in body.split_inclusive('\n') {
        let text = line.trim_start();
        let indent = line.len() - text.len();
        let marker = ["```", "~~~"].into_iter().find(|marker| text.starts_with(marker));
        match (fence, marker) {
            (None, Some(marker)) => fence = Some(marker),
            (Some(open), Some(marker)) if open == marker => fence = None,
            (None, None) => found.extend(box_at(text).map(|offset| at + indent + offset)),
            (Some(_), _) => {}
        }
        at += line.len();
    }
    found
}

fn box_at(item: &str) -> Option<usize> {
    let bullet = item.strip_prefix(['-', '*', '+']).or_else(|| {
        let digits = item.find(|c: char| !c.is_ascii_digit()).filter(|end| (1..=9).contains(end))?;
        item[digits..].strip_prefix(['.', ')'])
    })?;
    let rest = bullet.trim_start_matches([' ', '\t']);
    let known = ["[ ] ", "[x] ", "[X] "].iter().any(|form| rest.starts_with(form));
    (known && rest.len() < bullet.len()).then(|| item.len() - rest.len() + 1)
}

/// A body with one box ticked or unticked; nothing where there is no such box.
pub fn tick(body: &str, index: usize, checked: bool) -> Option<String> {
    let at = *boxes(body).get(index)?;
    let mut text = body.to_owned();
    text.replace_range(at..=at, if checked { "x" } else { " " });
    Some(text)
}

/// A run's name with `${{ inputs.x }}` filled in; any other expression is empty.
pub fn run_title(template: &str, inputs: &BTreeMap<String, String>) -> String {
    let mut title = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("${{") {
        title.push_str(before);
        let Some((expression, after)) = after.split_once("}}") else {
            rest = "";
            break;
        };
        let value = expression.trim().strip_prefix("inputs.").and_then(|name| inputs.get(name));
        title.push_str(value.map_or("", String::as_str));
        rest = after;
    }
    title.push_str(rest);
    title
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closing_words_close_and_others_do_not() {
        for (text, closed) in [
            ("Closes #3", vec![3]),
            ("fix: #3 title\n\nResolves: #4, fixes #5.", vec![3, 4, 5]),
            ("closes #6 #7", vec![6]),
            ("discloses #8", vec![]),
            ("Closes #9a and closes 10", vec![]),
            ("(FIXED #11)", vec![11]),
        ] {
            let found: Vec<u64> = closed_issues(text).into_iter().map(|number| number.0).collect();
            assert_eq!(found, closed, "{text}");
        }
    }

    #[test]
    fn boxes_are_counted_outside_code_and_ticked_in_place() {
        let body = "- [ ] a\n```\n- [ ] code\n```\n  1. [x] b\n-[ ] no\n* [X] ü c\n";
        assert_eq!(boxes(body).len(), 3);
        assert_eq!(tick(body, 0, true).as_deref(), Some(body.replacen("[ ] a", "[x] a", 1).as_str()));
        assert_eq!(tick(body, 2, false).as_deref(), Some(body.replace("[X]", "[ ]").as_str()));
        assert_eq!(tick(body, 3, true), None);
    }

    #[test]
    fn a_runs_name_takes_its_inputs() {
        let inputs = BTreeMap::from([("key".to_owned(), "t1.1.ab".to_owned())]);
        assert_eq!(run_title("orchestrate ${{ inputs.key }}!", &inputs), "orchestrate t1.1.ab!");
        assert_eq!(run_title("${{inputs.key}}-${{ github.actor }}-${{ open", &inputs), "t1.1.ab--");
    }
}
