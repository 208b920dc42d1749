//! Commands: `/orchestrate …` lines of a comment. Code, quotes and HTML are not read, so quoting somebody commands
//! nothing.

use std::fmt::Write;

use serde::{Deserialize, Serialize};

use crate::engine::id::IssueNumber;
use crate::engine::markdown::{Document, Kind};
use crate::engine::nearest::nearest;
use crate::engine::snapshot::Permission;

/// What every command line begins with.
pub const COMMAND_WORD: &str = "/orchestrate";
/// Most commands read of one comment.
const COMMANDS_MAX: usize = 10;
/// Longest reason kept, in characters.
const REASON_LENGTH_MAX: usize = 200;
/// Longest quotation of a line in an answer, in characters.
const QUOTE_LENGTH_MAX: usize = 80;

/// A command that was understood.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Command {
    /// The list of commands.
    Help,
    /// Plan again and show it.
    Plan,
    /// Approve one issue, or all that wait for approval.
    Approve(Option<IssueNumber>),
    /// The state of things in a comment.
    Status,
    /// Start nothing new, for a reason.
    Pause(Option<String>),
    /// Go on.
    Resume,
    /// Allow one more attempt.
    Retry(IssueNumber),
    /// Give one issue up, or end the whole plan.
    Cancel(Option<IssueNumber>),
    /// Merge an issue's pull request.
    Merge(IssueNumber),
}

/// A line that begins like a command and is none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mistake {
    /// The line, cut.
    pub line: String,
    /// What is wrong and what to write instead.
    pub message: String,
}

/// A row of the list of commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommandHelp {
    /// The word after `/orchestrate`.
    pub name: &'static str,
    /// What comes after it; brackets mean that it may be left out.
    pub arguments: &'static str,
    /// The least permission it takes.
    pub least: Permission,
    /// What it does.
    pub doc: &'static str,
}

/// Every command, in the order of the list.
pub const COMMANDS: &[CommandHelp] = &[
    row("help", "", "Shows this list."),
    row("plan", "", "Reads the issues again and shows the plan."),
    row("approve", "[#N]", "Approves issue N as it stands now, or every issue that waits for approval."),
    row("status", "", "Answers with what runs, what waits and for whom."),
    row("pause", "[reason]", "Starts nothing new; what runs goes on."),
    row("resume", "", "Starts again after a pause."),
    row("retry", "#N", "Allows issue N one more attempt, and takes it back after an escalation."),
    row("cancel", "[#N]", "Gives issue N up, so that it holds nobody up any more; without a number, ends the plan."),
    row("merge", "#N", "Merges the pull request of issue N."),
];

const fn row(name: &'static str, arguments: &'static str, doc: &'static str) -> CommandHelp {
    CommandHelp { name, arguments, least: Permission::Write, doc }
}

/// The commands of a comment, line by line, and the lines that look like one and are none; at most ten together.
pub fn parse(comment: &str) -> Vec<Result<Command, Mistake>> {
    let document = Document::read(comment);
    let lines = document.lines().filter(|line| !line.in_span).filter(|line| match line.kind {
        Kind::Prose | Kind::Item => true,
        Kind::Heading | Kind::Fenced { .. } | Kind::Indented | Kind::Mark => false,
    });
    let commands = lines.filter_map(|line| arguments(line.text).map(|arguments| command(line.text.trim(), arguments)));
    commands.take(COMMANDS_MAX).collect()
}

/// The list of commands as a Markdown table.
pub fn help() -> String {
    let mut text = "| Command | What it does | Who may |\n|---|---|---|\n".to_owned();
    for row in COMMANDS {
        let _ = writeln!(text, "| `{}` | {} | {} |", row.usage(), row.doc, row.least);
    }
    text
}

impl CommandHelp {
    /// The whole line, as people write it.
    pub fn usage(&self) -> String {
        [COMMAND_WORD, self.name, self.arguments].join(" ").trim_end().to_owned()
    }
}

/// What follows `/orchestrate` on a line that begins with it.
fn arguments(line: &str) -> Option<&str> {
    let line = line.trim();
    let word = line.get(..COMMAND_WORD.len()).filter(|word| word.eq_ignore_ascii_case(COMMAND_WORD))?;
    let rest = line.get(word.len()..)?;
    (rest.is_empty() || rest.starts_with(char::is_whitespace)).then_some(rest.trim())
}

fn command(line: &str, arguments: &str) -> Result<Command, Mistake> {
    let (word, rest) = arguments.split_once(char::is_whitespace).unwrap_or((arguments, ""));
    let rest = rest.trim();
    let mistake = |message: String| Mistake { line: cut(line), message };
    let usage = |message: &str| {
        let usage = COMMANDS.iter().find(|row| row.name.eq_ignore_ascii_case(word)).map(CommandHelp::usage);
        Err(mistake(format!("{message}; write `{}`", usage.unwrap_or_default())))
    };
    let nothing_after =
        |command: Command| if rest.is_empty() { Ok(command) } else { usage("nothing comes after this command") };
    match word.to_ascii_lowercase().as_str() {
        "" | "help" => nothing_after(Command::Help).or(Ok(Command::Help)),
        "plan" => nothing_after(Command::Plan),
        "status" => nothing_after(Command::Status),
        "resume" => nothing_after(Command::Resume),
        "pause" => Ok(Command::Pause(reason(rest))),
        "approve" if rest.is_empty() => Ok(Command::Approve(None)),
        "cancel" if rest.is_empty() => Ok(Command::Cancel(None)),
        "approve" => {
            number(rest).map_or_else(|| usage("that is no issue number"), |issue| Ok(Command::Approve(Some(issue))))
        }
        "cancel" => {
            number(rest).map_or_else(|| usage("that is no issue number"), |issue| Ok(Command::Cancel(Some(issue))))
        }
        "retry" => number(rest).map_or_else(|| usage("it takes an issue number"), |issue| Ok(Command::Retry(issue))),
        "merge" => number(rest).map_or_else(|| usage("it takes an issue number"), |issue| Ok(Command::Merge(issue))),
        unknown => Err(mistake(match nearest(unknown, COMMANDS.iter().map(|row| row.name)) {
            Some(name) => format!("there is no command `{}`; did you mean `{COMMAND_WORD} {name}`?", cut(unknown)),
            None => {
                let names: Vec<&str> = COMMANDS.iter().map(|row| row.name).collect();
                format!("there is no command `{}`; the commands are {}", cut(unknown), names.join(", "))
            }
        })),
    }
}

/// `#12` or `12`, and nothing else.
fn number(text: &str) -> Option<IssueNumber> {
    let digits = text.strip_prefix('#').unwrap_or(text);
    let plain = !digits.is_empty() && digits.chars().all(|c| c.is_ascii_digit());
    digits.parse().ok().filter(|number| plain && *number > 0).map(IssueNumber)
}

fn reason(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.chars().take(REASON_LENGTH_MAX).collect())
}

/// A text short enough for an answer, without what could end its code span.
fn cut(text: &str) -> String {
    text.chars().filter(|c| *c != '`' && !c.is_control()).take(QUOTE_LENGTH_MAX).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn one(text: &str) -> Result<Command, Mistake> {
        let mut found = parse(text);
        assert_eq!(found.len(), 1, "{text}");
        found.remove(0)
    }

    #[test]
    fn every_command_is_read() {
        let issue = IssueNumber(12);
        for (text, command) in [
            ("/orchestrate", Command::Help),
            ("/orchestrate help me", Command::Help),
            ("/Orchestrate PLAN", Command::Plan),
            ("/orchestrate approve", Command::Approve(None)),
            ("  /orchestrate   approve   #12  ", Command::Approve(Some(issue))),
            ("/orchestrate status\r\n", Command::Status),
            ("/orchestrate pause", Command::Pause(None)),
            ("/orchestrate pause until Monday", Command::Pause(Some("until Monday".to_owned()))),
            ("/orchestrate resume", Command::Resume),
            ("/orchestrate retry 12", Command::Retry(issue)),
            ("/orchestrate cancel", Command::Cancel(None)),
            ("/orchestrate cancel #12", Command::Cancel(Some(issue))),
            ("/orchestrate merge #12", Command::Merge(issue)),
        ] {
            assert_eq!(one(text), Ok(command), "{text}");
        }
    }

    #[test]
    fn mistakes_say_what_to_write() {
        for (text, part) in [
            ("/orchestrate aprove #1", "did you mean `/orchestrate approve`?"),
            ("/orchestrate dance", "the commands are help, plan"),
            ("/orchestrate decide #3 yes", "the commands are"),
            ("/orchestrate retry", "write `/orchestrate retry #N`"),
            ("/orchestrate retry all", "write `/orchestrate retry #N`"),
            ("/orchestrate cancel everything", "write `/orchestrate cancel [#N]`"),
            ("/orchestrate approve #1 #2", "write `/orchestrate approve [#N]`"),
            ("/orchestrate resume now", "write `/orchestrate resume`"),
            ("/orchestrate merge #0", "write `/orchestrate merge #N`"),
            ("/orchestrate merge #+1", "write `/orchestrate merge #N`"),
        ] {
            let mistake = one(text).expect_err(text);
            assert!(mistake.message.contains(part), "{text}: {}", mistake.message);
        }
    }

    #[test]
    fn quotes_code_html_and_talk_command_nothing() {
        for text in [
            "> /orchestrate cancel",
            "```\n/orchestrate cancel\n```",
            "    /orchestrate cancel",
            "`/orchestrate cancel`",
            "<!--\n/orchestrate cancel\n-->",
            "<pre>\n/orchestrate cancel\n</pre>",
            "please /orchestrate cancel",
            "/orchestrated cancel",
            "> quoted\n/orchestrate cancel",
            "`code\n/orchestrate cancel\nends`",
        ] {
            assert_eq!(parse(text), [], "{text}");
        }
        let text = "Thanks!\n\n/orchestrate approve #1\n/orchestrate merge #2\n\n> /orchestrate cancel\n";
        let found = [Ok(Command::Approve(Some(IssueNumber(1)))), Ok(Command::Merge(IssueNumber(2)))];
        assert_eq!(parse(text), found);
        assert_eq!(parse(&"/orchestrate status\n".repeat(1_000)).len(), COMMANDS_MAX);
    }

    #[test]
    fn the_list_names_every_command_and_each_usage_is_understood() {
        for row in COMMANDS {
            assert!(help().contains(&row.usage()));
            let filled = row.usage().replace(['[', ']'], "").replace("#N", "#3");
            assert!(one(&filled).is_ok(), "{filled}");
        }
    }

    proptest! {
        #[test]
        fn any_comment_is_read_without_panic(text in "(/orchestrate|[ \n>`#<!é-]|\\PC){0,60}") {
            prop_assert!(parse(&text).len() <= COMMANDS_MAX);
        }
    }
}
