//! All text that people and agents see, made in one place. Text of others (titles, reports) is made harmless first: it can name
//! nobody, close no issue, forge no marker and open no tag.

mod completion;
mod notice;
mod prompt;
mod pull;
mod status;
pub mod text;
mod tracking;

pub use completion::completion;
pub use notice::notice;
pub use prompt::prompt_layers;
pub use pull::{pull_body, pull_title};
pub use status::{status, wait_words};
pub use tracking::{BODY_CHARACTERS_MAX, tracking, tracking_title};

use crate::engine::command;

/// The marker of a tracking issue: which plan of the repository it shows. Nothing in the text is believed; it only helps to find
/// the issue again, together with its label and author.
pub fn tracking_marker(plan: u32) -> String {
    format!("<!-- orchestrate:tracking plan={plan} -->")
}

/// The label of tracking issues.
pub const TRACKING_LABEL: &str = "orchestrate:tracking";

/// The marker of a comment of ours: the key of the effect that made it.
pub fn comment_marker(key: &str) -> String {
    format!("<!-- orchestrate:comment {key} -->")
}

/// The answer to `/orchestrate help`.
pub fn help() -> String {
    let mut lines = vec!["| command | what it does |".to_owned(), "| --- | --- |".to_owned()];
    for row in command::COMMANDS {
        let arguments = if row.arguments.is_empty() { String::new() } else { format!(" {}", row.arguments) };
        lines.push(format!("| `/orchestrate {}{arguments}` | {} |", row.name, row.does).replace("[#N]", "\\[#N\\]"));
    }
    lines.push(String::new());
    lines.push("One command a line, by people with write access.".to_owned());
    lines.join("\n")
}

/// The answer to a command that was not carried out.
pub fn refusal(command: &str, reason: &str) -> String {
    format!("`/orchestrate {}` was not carried out: {}.", text::code(command), text::line(reason.trim_end_matches('.')))
}
