//! Temporary.
use crate::engine::id::IssueNumber;
/// x
pub enum Command { /// x
Help, /// x
Approve(Option<IssueNumber>), /// x
Status, /// x
Pause(Option<String>), /// x
Resume, /// x
Retry(IssueNumber), /// x
Cancel(Option<IssueNumber>), /// x
Merge(IssueNumber) }
/// x
pub struct Mistake { /// x
pub message: String }
/// x
pub struct Row { /// x
pub name: &'static str, /// x
pub arguments: &'static str, /// x
pub does: &'static str }
/// x
pub const COMMANDS: &[Row] = &[];
/// x
pub fn lines(_body: &str) -> Vec<String> { Vec::new() }
/// x
pub fn parse_line(_text: &str) -> Result<Command, Mistake> { Ok(Command::Help) }
