//! The issues that `local` is given: read from a file or from standard input.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::path::Path;

use crate::engine::id::IssueNumber;
use crate::forge::world::request::SeedIssue;
use crate::issues_file::{self, BYTES_MAX, PrintedIssue};
use crate::local::options::Mistake;

/// Most numbers listed in a note.
const LISTED_MAX: usize = 10;
/// The title of an issue that stands for one that is not in the file.
const ELSEWHERE: &str = "Not in the issues file: taken as closed";

/// What `local` is given to work on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GivenIssues {
    /// The open issues.
    pub open: Vec<SeedIssue>,
    /// Closed ones that open ones depend on, printed as closed or not in the file at all.
    pub closed: Vec<SeedIssue>,
}

/// Reads the open issues, each with the label: where none carries it, all are meant. Gives notes for the person, too.
///
/// # Errors
/// [`Mistake`] where the file cannot be read, is not of the form, or has no open issue.
pub(super) fn given(path: &Path, label: &str) -> Result<(GivenIssues, Vec<String>), Mistake> {
    let place = |error: &dyn std::fmt::Display| Mistake::new(format!("--issues {}: {error}", path.display()));
    let text = text(path).map_err(|error| place(&error))?;
    let file = issues_file::read(&text).map_err(|error| place(&error))?;
    let mut notes = Vec::new();
    if !file.pull_requests.is_empty() {
        notes.push(format!("Note: left out, since they are pull requests: {}", listed(&file.pull_requests)));
    }
    let unlisted = file.unlisted();
    notes.extend(unlisted.notes().into_iter().map(|note| format!("Note: {note}")));
    let depended: BTreeSet<IssueNumber> = file.dependencies();
    let any_labelled = file.issues.iter().any(|issue| issue.has_label(label));
    let seed = |issue: PrintedIssue| {
        let mut labels = issue.labels;
        if !any_labelled {
            labels.push(label.to_owned());
        }
        SeedIssue { number: issue.number, title: issue.title, body: issue.body, labels }
    };
    let (closed, open): (Vec<_>, Vec<_>) = file.issues.into_iter().partition(|issue| issue.closed);
    if open.is_empty() {
        return Err(place(&"there is no open issue in it"));
    }
    let stand_in = |number: IssueNumber, title: String| SeedIssue { number, title, ..nothing() };
    let closed = closed.into_iter().filter(|issue| depended.contains(&issue.number));
    let mut closed: BTreeMap<IssueNumber, SeedIssue> =
        closed.map(|issue| (issue.number, stand_in(issue.number, issue.title))).collect();
    closed.extend(unlisted.closed.iter().map(|number| (*number, stand_in(*number, ELSEWHERE.to_owned()))));
    Ok((GivenIssues { open: open.into_iter().map(seed).collect(), closed: closed.into_values().collect() }, notes))
}

fn nothing() -> SeedIssue {
    SeedIssue { number: IssueNumber(0), title: String::new(), body: String::new(), labels: Vec::new() }
}

/// The file's text, standard input's for `-`; at most [`BYTES_MAX`] bytes.
fn text(path: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    let read = if path == Path::new("-") {
        std::io::stdin().take(BYTES_MAX + 1).read_to_string(&mut text)?
    } else {
        std::fs::File::open(path)?.take(BYTES_MAX + 1).read_to_string(&mut text)?
    };
    if u64::try_from(read).unwrap_or(u64::MAX) > BYTES_MAX {
        return Err(std::io::Error::other(format!("it is longer than {BYTES_MAX} bytes")));
    }
    Ok(text)
}

/// Numbers as people write them, the first few.
pub(super) fn listed(numbers: &[u64]) -> String {
    let shown: Vec<String> = numbers.iter().take(LISTED_MAX).map(|number| format!("#{number}")).collect();
    let more = if numbers.len() > LISTED_MAX { ", ..." } else { "" };
    format!("{}{more}", shown.join(", "))
}
