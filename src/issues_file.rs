//! Reading what `gh issue list --json number,title,body,labels` prints.
//!
//! Labels may be objects or plain texts, a body may be null, other fields are skipped. What cannot be used is an error
//! that names the place; nothing is guessed and nothing is left out silently.

use std::collections::BTreeSet;
use std::fmt;

use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::engine::facts;
use crate::engine::id::IssueNumber;
use crate::engine::manifest::placed;

/// Most issues of one file.
pub const ISSUES_MAX: usize = 10_000;
/// Longest title of an issue, in characters, as GitHub takes it.
const TITLE_CHARACTERS_MAX: usize = 256;
/// Longest body of an issue, in characters, as GitHub takes it.
const BODY_CHARACTERS_MAX: usize = 65_536;
/// Longest file, in bytes.
pub const BYTES_MAX: u64 = 256 * 1024 * 1024;
/// Most numbers listed in a note.
const LISTED_MAX: usize = 10;

/// An issue as printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrintedIssue {
    /// Its number, from 1.
    pub number: IssueNumber,
    /// Its title.
    pub title: String,
    /// Its body; empty where it says null.
    pub body: String,
    /// Its labels' names.
    pub labels: Vec<String>,
    /// Whether it says that it is closed. Only printed where `state` was asked for; open otherwise.
    pub closed: bool,
}

impl PrintedIssue {
    /// Whether it has a label; GitHub's label names ignore case.
    pub fn has_label(&self, label: &str) -> bool {
        self.labels.iter().any(|name| name.eq_ignore_ascii_case(label))
    }
}

/// A file as read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IssuesFile {
    /// The issues in the file's order, each number once.
    pub issues: Vec<PrintedIssue>,
    /// Entries that are pull requests and were left out.
    pub pull_requests: Vec<u64>,
}

/// Numbers that open issues of a file depend on and that are not in it. `gh issue list` prints open issues only.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unlisted {
    /// Lower than the highest number in the file: an issue that was there before, taken as closed.
    pub closed: BTreeSet<IssueNumber>,
    /// Higher than every number in the file: nobody knows them.
    pub unknown: BTreeSet<IssueNumber>,
}

impl Unlisted {
    /// Words for people, one sentence for each kind there is.
    pub fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if let Some((numbers, verb)) = listed(&self.closed) {
            notes.push(format!("{numbers} {verb} not in the issues file: taken as closed"));
        }
        if let Some((numbers, verb)) = listed(&self.unknown) {
            notes.push(format!("{numbers} {verb} not in the issues file (did gh cut the list? use --limit)"));
        }
        notes
    }
}

fn listed(numbers: &BTreeSet<IssueNumber>) -> Option<(String, &'static str)> {
    let shown: Vec<String> = numbers.iter().take(LISTED_MAX).map(|number| format!("#{number}")).collect();
    let more = numbers.len().saturating_sub(LISTED_MAX);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    (!shown.is_empty()).then(|| (shown.join(", ") + &more, if numbers.len() == 1 { "is" } else { "are" }))
}

impl IssuesFile {
    /// Every number that an open issue of the file depends on by its text.
    pub fn dependencies(&self) -> BTreeSet<IssueNumber> {
        let open = self.issues.iter().filter(|issue| !issue.closed);
        open.flat_map(|issue| facts::read(&issue.title, &issue.body, &issue.labels).depends_on).collect()
    }

    /// The numbers depended on that are not in the file.
    pub fn unlisted(&self) -> Unlisted {
        let mut present: BTreeSet<IssueNumber> = self.issues.iter().map(|issue| issue.number).collect();
        present.extend(self.pull_requests.iter().map(|number| IssueNumber(*number)));
        let highest = present.last().copied();
        let absent = self.dependencies().into_iter().filter(|number| number.0 > 0 && !present.contains(number));
        let (closed, unknown) = absent.partition(|number| Some(*number) < highest);
        Unlisted { closed, unknown }
    }
}

/// Why a file cannot be used: what is wrong and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IssuesError {
    /// Not JSON, or not of the form; the message ends with line and column.
    #[error("{0}; {EXPECTED}")]
    Form(String),
    /// A number that no issue has.
    #[error("entry {entry} has the number 0; issues are numbered from 1")]
    Zero {
        /// Which entry, from 1.
        entry: usize,
    },
    /// Two entries of one number.
    #[error("#{number} stands there twice, as entries {first} and {second}; leave one of them")]
    Twice {
        /// The number.
        number: u64,
        /// Which entry, from 1.
        first: usize,
        /// Which entry, from 1.
        second: usize,
    },
    /// A title or body longer than an issue's may be.
    #[error("the {part} of #{number} has {length} characters; an issue takes at most {most}, so shorten it")]
    TooLong {
        /// The number.
        number: u64,
        /// `title` or `body`.
        part: &'static str,
        /// Its length, in characters.
        length: usize,
        /// The limit, in characters.
        most: usize,
    },
    /// More than [`ISSUES_MAX`].
    #[error(
        "it has {0} issues; at most {ISSUES_MAX} are planned at once, so give a label or a limit to `gh issue list`"
    )]
    TooMany(usize),
}

const EXPECTED: &str = "it must hold what `gh issue list --json number,title,body,labels` prints: a JSON list of \
                        objects with `number`, `title`, `body` and `labels`";

/// An entry as it may stand there.
#[derive(Deserialize)]
struct Entry {
    number: u64,
    title: String,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    labels: Option<Vec<Label>>,
    #[serde(default)]
    state: Option<String>,
    #[serde(default, rename = "isPullRequest")]
    is_pull_request: Option<bool>,
    #[serde(default, rename = "pullRequest", alias = "pull_request")]
    pull_request: Option<IgnoredAny>,
}

impl Entry {
    fn is_pull_request(&self) -> bool {
        self.is_pull_request == Some(true) || self.pull_request.is_some()
    }
}

/// A label: a text, or an object with `name`.
struct Label(String);

impl<'de> Deserialize<'de> for Label {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(LabelVisitor)
    }
}

struct LabelVisitor;

impl<'de> Visitor<'de> for LabelVisitor {
    type Value = Label;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a label: a text, or an object with `name`")
    }

    fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<Label, E> {
        Ok(Label(name.to_owned()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Label, A::Error> {
        let mut name = None;
        while let Some(key) = map.next_key::<String>()? {
            if key == "name" {
                name = Some(map.next_value()?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        name.map(Label).ok_or_else(|| serde::de::Error::missing_field("name"))
    }
}

/// Reads a file's text; a byte order mark at its beginning is skipped.
pub fn read(text: &str) -> Result<IssuesFile, IssuesError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.trim().is_empty() {
        return Err(IssuesError::Form("the file is empty at line 1 column 1 (no issues at all are `[]`)".to_owned()));
    }
    let entries: Vec<Entry> = serde_json::from_str(text).map_err(|error| IssuesError::Form(placed(&error)))?;
    if entries.len() > ISSUES_MAX {
        return Err(IssuesError::TooMany(entries.len()));
    }
    let mut file = IssuesFile::default();
    let mut seen = BTreeSet::new();
    let numbers: Vec<u64> = entries.iter().map(|entry| entry.number).collect();
    for (at, entry) in entries.into_iter().enumerate() {
        if entry.number == 0 {
            return Err(IssuesError::Zero { entry: at + 1 });
        }
        if !seen.insert(entry.number) {
            let first = numbers.iter().position(|number| *number == entry.number).unwrap_or_default() + 1;
            return Err(IssuesError::Twice { number: entry.number, first, second: at + 1 });
        }
        if entry.is_pull_request() {
            file.pull_requests.push(entry.number);
            continue;
        }
        let body = entry.body.unwrap_or_default();
        within(entry.number, "title", &entry.title, TITLE_CHARACTERS_MAX)?;
        within(entry.number, "body", &body, BODY_CHARACTERS_MAX)?;
        file.issues.push(PrintedIssue {
            number: IssueNumber(entry.number),
            title: entry.title,
            body,
            labels: entry.labels.unwrap_or_default().into_iter().map(|label| label.0).collect(),
            closed: entry.state.is_some_and(|state| state.eq_ignore_ascii_case("closed")),
        });
    }
    Ok(file)
}

fn within(number: u64, part: &'static str, text: &str, most: usize) -> Result<(), IssuesError> {
    let length = text.chars().count();
    if length > most { Err(IssuesError::TooLong { number, part, length, most }) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_gh_prints_is_read() {
        let text = r#"[
            {"number": 3, "title": "One", "body": "text", "labels": [{"id": "x", "name": "bug", "color": "f00"}, "P1"]},
            {"number": 4, "title": "Two", "body": null, "labels": null, "milestone": {"title": "v1"}},
            {"number": 5, "title": "Three", "state": "CLOSED", "pull_request": null},
            {"number": 6, "title": "A pull request", "body": "", "labels": [], "isPullRequest": true},
            {"number": 7, "title": "Another", "pull_request": {"url": "x"}}
        ]"#;
        let file = read(text).expect("well formed");
        let plain = |number, title: &str| PrintedIssue {
            number: IssueNumber(number),
            title: title.to_owned(),
            body: String::new(),
            labels: Vec::new(),
            closed: false,
        };
        let labels = vec!["bug".to_owned(), "P1".to_owned()];
        let first = PrintedIssue { body: "text".to_owned(), labels, ..plain(3, "One") };
        assert_eq!(file.issues, [first, plain(4, "Two"), PrintedIssue { closed: true, ..plain(5, "Three") }]);
        assert_eq!(file.pull_requests, [6, 7]);
        assert!(file.issues[0].has_label("BUG") && !file.issues[0].has_label("P2"));
        assert_eq!(read("\u{feff}[]"), Ok(IssuesFile::default()));
    }

    #[test]
    fn what_cannot_be_used_is_named_with_its_place() {
        for (text, told) in [
            ("", "empty at line 1 column 1"),
            ("[{\"number\": 1,\n  \"title\": }]", "line 2 column 12"),
            ("[{\"title\": \"x\"}]", "missing field `number` at line 1 column 15"),
            ("[{\"number\": 1}]", "missing field `title`"),
            ("[{\"number\": -1, \"title\": \"x\"}]", "line 1 column 14"),
            ("[{\"number\": 1, \"title\": 7}]", "expected a string at line 1 column 25"),
            ("[{\"number\": 1, \"title\": \"x\", \"labels\": [7]}]", "a text, or an object with `name`"),
            ("[{\"number\": 1, \"title\": \"x\", \"labels\": [{}]}]", "missing field `name`"),
            ("{\"issues\": []}", "expected a sequence"),
            ("[{\"number\": 0, \"title\": \"x\"}]", "entry 1 has the number 0"),
            (
                r#"[{"number": 2, "title": "x"}, {"number": 1, "title": "x"}, {"number": 2, "title": "x"}]"#,
                "#2 stands there twice, as entries 1 and 3",
            ),
        ] {
            let error = read(text).expect_err(text).to_string();
            assert!(error.contains(told), "{text}: {error}");
        }
        let long = |title: usize, body: usize| {
            read(&format!(r#"[{{"number": 7, "title": "{}", "body": "{}"}}]"#, "é".repeat(title), "é".repeat(body)))
        };
        assert!(long(TITLE_CHARACTERS_MAX, BODY_CHARACTERS_MAX).is_ok());
        for (title, body, told) in [
            (257, 0, "the title of #7 has 257 characters; an issue takes at most 256"),
            (1, 105_000, "the body of #7 has 105000 characters; an issue takes at most 65536"),
        ] {
            let error = long(title, body).expect_err(told).to_string();
            assert!(error.contains(told), "{error}");
        }
        let many = |count: usize| {
            let entries: Vec<String> = (1..=count).map(|n| format!("{{\"number\":{n},\"title\":\"x\"}}")).collect();
            read(&format!("[{}]", entries.join(",")))
        };
        assert_eq!(many(ISSUES_MAX).expect("as many as may be").issues.len(), ISSUES_MAX);
        assert_eq!(many(ISSUES_MAX + 1), Err(IssuesError::TooMany(ISSUES_MAX + 1)));
    }

    #[test]
    fn a_dependency_that_is_not_listed_is_closed_or_unknown() {
        let text = r#"[{"number": 3, "title": "x", "body": "Depends on: #2, #5, #4, #9"},
            {"number": 4, "title": "x", "body": "Depends on: #1", "state": "CLOSED"},
            {"number": 7, "title": "x", "isPullRequest": true}]"#;
        let unlisted = read(text).expect("well formed").unlisted();
        assert_eq!(unlisted.closed, [2, 5].map(IssueNumber).into());
        assert_eq!(unlisted.unknown, [9].map(IssueNumber).into());
        let told = unlisted.notes();
        assert_eq!(told[0], "#2, #5 are not in the issues file: taken as closed");
        assert_eq!(told[1], "#9 is not in the issues file (did gh cut the list? use --limit)");
        assert_eq!(Unlisted::default().notes(), Vec::<String>::new());
    }
}
