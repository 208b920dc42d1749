//! `doctor`: looks at a set-up, says what is wrong and how to mend it, and changes nothing.
//!
//! What is looked at is read first ([`read`](read())), each thing once, by whichever token may: the App's, a job's, or
//! a person's. Then every check judges what was read, and nothing else. What could not be read is *unknown* and never
//! good.

mod checks;
mod finding;
mod read;
mod readings;
mod report;
mod workflow_file;

#[cfg(test)]
mod tests;

pub use checks::{CHECKS, Check};
pub use finding::{Finding, State};
pub use read::{Access, read};
pub use readings::{AppReadings, Native, Reading, Readings, TokenKind, Unread};
pub use report::{Line, Report};

/// Looks and judges.
pub async fn examine(access: &Access) -> Report {
    Report::of(&read(access).await)
}
