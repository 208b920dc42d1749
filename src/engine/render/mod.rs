//! All text that people and agents see, made in one place. Text of others (titles, reports) is made harmless first:
//! it can name nobody, close no issue, forge no marker and open no tag.

mod completion;
mod conflict;
mod drawing;
mod fold;
mod notice;
mod planner;
mod prompt;
mod pull;
mod runs;
mod status;
pub mod text;
mod tracking;

pub use completion::completion;
pub use conflict::conflict_files;
pub(in crate::engine) use fold::fold;
pub use notice::notice;
pub use prompt::prompt_layers;
pub use pull::{pull_body, pull_title};
pub use status::{plain_wait_words, status, wait_words};
pub use tracking::{BODY_CHARACTERS_MAX, BODY_CHARACTERS_MIN, DIGEST_DIGITS, tracking, tracking_title};

/// The marker of a tracking issue: which plan of the repository it shows. Nothing in the text is believed; it only
/// helps to find the issue again, together with its label and author.
pub fn tracking_marker(plan: u32) -> String {
    format!("<!-- orchestrate:tracking plan={plan} -->")
}

/// Which plan's tracking issue a body is.
pub fn marked_plan(body: &str) -> Option<u32> {
    let (_, rest) = body.split_once("<!-- orchestrate:tracking plan=")?;
    rest.split_once(" -->")?.0.parse().ok()
}

/// The label of tracking issues.
pub const TRACKING_LABEL: &str = "orchestrate:tracking";

/// The marker of a comment of ours: the key of the effect that made it.
pub fn comment_marker(key: &str) -> String {
    format!("<!-- orchestrate:comment {key} -->")
}

/// The answer to a label put on by somebody who may not approve.
pub fn label_refused(issue: crate::engine::id::IssueNumber) -> String {
    format!(
        "The label is noted, but whoever put it on may not approve: somebody with write access has to say \
         `/orchestrate approve #{issue}` first."
    )
}

/// The key in a comment's marker.
pub fn marked_key(body: &str) -> Option<&str> {
    let (_, rest) = body.rsplit_once("<!-- orchestrate:comment ")?;
    rest.split_once(" -->").map(|(key, _)| key)
}

/// The answer to a command that was not carried out.
pub fn refusal(reason: &str) -> String {
    let reason = text::with_code(reason.trim_end_matches('.'));
    let end = if reason.ends_with(['?', '!']) { "" } else { "." };
    format!("Not done: {reason}{end}")
}
