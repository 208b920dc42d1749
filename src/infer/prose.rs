//! What in an issue's text its author says, and what only its form says: headings, boxes to tick, comments of the
//! template, versions and links are left out, and so are words that every issue holds.

/// Beginnings of headings whose sections tell of the reporter's machine or good conduct, folded.
const FORMAL_SECTIONS: [&str; 11] = [
    "please complete",
    "checklist",
    "environment",
    "system info",
    "your environment",
    "operating system",
    "versions",
    "pre-flight",
    "code of conduct",
    "before submitting",
    "prerequisites",
];

/// Words of English, and of issues, that say nothing about where a change belongs. Sorted.
const EMPTY_WORDS: [&str; 156] = [
    "able",
    "about",
    "above",
    "actual",
    "actually",
    "add",
    "added",
    "adding",
    "additional",
    "after",
    "again",
    "all",
    "already",
    "also",
    "although",
    "always",
    "am",
    "an",
    "and",
    "another",
    "any",
    "anyone",
    "anything",
    "are",
    "as",
    "at",
    "because",
    "been",
    "before",
    "behavior",
    "behaviour",
    "being",
    "below",
    "besides",
    "better",
    "between",
    "both",
    "bug",
    "but",
    "by",
    "can",
    "cannot",
    "cause",
    "caused",
    "causes",
    "consider",
    "could",
    "current",
    "currently",
    "describe",
    "described",
    "description",
    "did",
    "different",
    "do",
    "does",
    "doesn",
    "doing",
    "don",
    "done",
    "due",
    "during",
    "either",
    "else",
    "ensure",
    "etc",
    "even",
    "every",
    "example",
    "examples",
    "expect",
    "expected",
    "fix",
    "fixed",
    "fixes",
    "following",
    "for",
    "found",
    "from",
    "further",
    "get",
    "gets",
    "getting",
    "good",
    "had",
    "has",
    "have",
    "having",
    "here",
    "how",
    "however",
    "if",
    "in",
    "instead",
    "into",
    "is",
    "isn",
    "issue",
    "issues",
    "it",
    "its",
    "just",
    "know",
    "like",
    "look",
    "looks",
    "made",
    "make",
    "makes",
    "making",
    "many",
    "may",
    "maybe",
    "me",
    "might",
    "more",
    "most",
    "much",
    "must",
    "my",
    "need",
    "needed",
    "needs",
    "no",
    "not",
    "now",
    "of",
    "on",
    "one",
    "only",
    "or",
    "other",
    "otherwise",
    "our",
    "out",
    "please",
    "possible",
    "problem",
    "reproduce",
    "same",
    "see",
    "seem",
    "seems",
    "should",
    "since",
    "so",
    "some",
    "something",
    "steps",
    "still",
    "such",
    "than",
    "thank",
    "thanks",
    "that",
    "the",
];
/// The rest of them, sorted.
const MORE_EMPTY_WORDS: [&str; 63] = [
    "their",
    "them",
    "then",
    "there",
    "these",
    "they",
    "thing",
    "things",
    "think",
    "this",
    "those",
    "though",
    "through",
    "thus",
    "to",
    "too",
    "tried",
    "try",
    "trying",
    "under",
    "unexpected",
    "until",
    "up",
    "use",
    "used",
    "useful",
    "uses",
    "using",
    "very",
    "via",
    "want",
    "wanted",
    "wants",
    "was",
    "way",
    "ways",
    "we",
    "well",
    "went",
    "were",
    "what",
    "when",
    "whenever",
    "where",
    "whether",
    "which",
    "while",
    "who",
    "why",
    "will",
    "wish",
    "with",
    "within",
    "without",
    "work",
    "working",
    "works",
    "would",
    "wrong",
    "yes",
    "yet",
    "you",
    "your",
];

/// Whether a word is one that every issue holds.
pub fn is_empty_word(word: &[u8]) -> bool {
    let mut folded = [0_u8; 12];
    let Some(folded) = folded.get_mut(..word.len()) else { return false };
    folded.copy_from_slice(word);
    folded.make_ascii_lowercase();
    let Ok(folded) = std::str::from_utf8(folded) else { return false };
    EMPTY_WORDS.binary_search(&folded).is_ok() || MORE_EMPTY_WORDS.binary_search(&folded).is_ok()
}

/// A text's title and body, for texts that come in one piece: the first line that says something, without the marks of
/// a heading or the word "Title".
pub fn split(text: &str) -> (String, String) {
    let mut lines = text.lines();
    for line in lines.by_ref() {
        let title = line.trim().trim_matches(|c| matches!(c, '#' | '*' | '"')).trim();
        let after = title.get(..5).filter(|start| start.eq_ignore_ascii_case("title")).map(|_| &title[5..]);
        let after = after.filter(|rest| !rest.starts_with(|c: char| c.is_alphanumeric()));
        let title = after.map_or(title, |rest| rest.trim_matches([':', '*', ' ', '"']));
        if !title.is_empty() {
            return (title.to_owned(), lines.collect::<Vec<_>>().join("\n"));
        }
    }
    (String::new(), String::new())
}

/// The body without what only its form says.
pub fn said(body: &str) -> String {
    let body = without_comments(body);
    let (mut said, mut fenced, mut formal) = (String::with_capacity(body.len()), false, false);
    for line in body.lines() {
        let trimmed = line.trim();
        if trimmed.starts_with("```") || trimmed.starts_with("~~~") {
            fenced = !fenced;
        } else if !fenced {
            if let Some(heading) = heading(trimmed) {
                formal = is_formal(&heading);
                continue;
            }
            if is_box(trimmed) {
                continue;
            }
        }
        if !formal {
            said.push_str(&without_links(line));
            said.push('\n');
        }
    }
    said
}

fn without_comments(body: &str) -> String {
    let (mut kept, mut rest) = (String::with_capacity(body.len()), body);
    while let Some(start) = rest.find("<!--") {
        kept.push_str(&rest[..start]);
        rest = rest[start..].find("-->").map_or("", |end| &rest[start + end + 3..]);
    }
    kept.push_str(rest);
    kept
}

/// A heading's text, folded: marked by `#`, or a short line in bold.
fn heading(line: &str) -> Option<String> {
    let marked = line.starts_with('#') && line.trim_start_matches('#').starts_with(' ');
    let bold = line.starts_with("**") && line.trim_end_matches(':').ends_with("**") && line.len() < 60;
    (marked || bold).then(|| line.trim_matches(|c| matches!(c, '#' | '*' | ' ' | ':')).to_lowercase())
}

fn is_formal(heading: &str) -> bool {
    FORMAL_SECTIONS.iter().any(|start| heading.starts_with(start)) || heading.split(' ').any(|word| word == "version")
}

fn is_box(line: &str) -> bool {
    ["- [x]", "- [X]", "- [ ]", "* [x]", "* [X]", "* [ ]"].iter().any(|start| line.starts_with(start))
}

/// A line without web addresses; of one that shows a file of a repository the path stays.
fn without_links(line: &str) -> String {
    let (mut kept, mut rest) = (String::with_capacity(line.len()), line);
    while let Some(start) = rest.find("http://").or_else(|| rest.find("https://")) {
        kept.push_str(&rest[..start]);
        let link = &rest[start..];
        let end =
            link.find(|c: char| c.is_whitespace() || matches!(c, ')' | '>' | ']' | '"' | '`')).unwrap_or(link.len());
        let file = link[..end].split_once("/blob/").and_then(|(_, rest)| rest.split_once('/'));
        if let Some((_, path)) = file {
            kept.push_str(path.split(['#', '?']).next().unwrap_or(path));
        }
        rest = &link[end..];
    }
    kept.push_str(rest);
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_sorted_so_that_they_are_found() {
        for words in [&EMPTY_WORDS[..], &MORE_EMPTY_WORDS[..]] {
            assert!(words.windows(2).all(|pair| pair[0] < pair[1]), "{words:?}");
            assert!(words.iter().all(|word| is_empty_word(word.to_uppercase().as_bytes())));
        }
        assert!(!is_empty_word(b"parser") && !is_empty_word(b"a-very-long-word-indeed"));
    }

    #[test]
    fn the_form_is_left_out() {
        let body = "<!-- be nice -->\n### Please complete the following tasks\n- [x] searched\ntext\n### Bug\n\
                    It breaks, see https://github.com/a/b/blob/main/src/x.rs#L3 and https://a.b/c.\n\
                    **Rust version**\n1.2\n## Code\n```\n# kept\n```\n";
        assert_eq!(said(body), "\nIt breaks, see src/x.rs and \n```\n# kept\n```\n");
    }

    #[test]
    fn the_first_line_that_says_something_is_the_title() {
        assert_eq!(split("# Title\n\nMake it so\n\nbody"), ("Make it so".to_owned(), "\nbody".to_owned()));
        assert_eq!(split("## Title: \"Make it so\"\nbody").0, "Make it so");
        assert_eq!(split("Titles of größe are cut").0, "Titles of größe are cut");
        assert_eq!(split(""), (String::new(), String::new()));
    }
}
