//! Commands shown in documents and workflows, held against the program's own help.

use std::collections::BTreeMap;
use std::process::Command;

use crate::report::Report;
use crate::tree;

const PROGRAM: &str = "task-orchestrator";
const CARGO_RUN: &str = "cargo run --release --";

/// One call of the program as written somewhere.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Call {
    /// Words before the first flag.
    pub(crate) words: Vec<String>,
    /// Long flags, without values.
    pub(crate) flags: Vec<String>,
}

/// Reads a shell line; nothing where it does not call the program.
pub(crate) fn call(line: &str) -> Option<Call> {
    let line = line.trim().trim_start_matches("$ ").trim_start_matches("run:").trim();
    let line = line.strip_prefix("- run:").unwrap_or(line).trim();
    let rest = line.strip_prefix(CARGO_RUN).or_else(|| line.strip_prefix(PROGRAM))?;
    if !rest.is_empty() && !rest.starts_with(' ') {
        return None;
    }
    let end = |token: &str| matches!(token, "|" | "||" | "&&" | ";" | ">" | "<") || token.starts_with('#');
    let tokens: Vec<&str> = rest.split_whitespace().take_while(|token| !end(token)).collect();
    let is_word = |token: &&&str| token.chars().all(|c| c.is_ascii_lowercase() || c == '-') && !token.starts_with('-');
    let words = tokens.iter().take_while(is_word).map(|token| (*token).to_owned()).collect();
    let flags = tokens.iter().filter(|token| token.starts_with("--"));
    let flags = flags.map(|flag| flag.split('=').next().unwrap_or(flag).trim_end_matches(']').to_owned()).collect();
    Some(Call { words, flags })
}

/// The shell lines of a Markdown text with their line numbers; continued lines are joined.
pub(crate) fn shell_lines(markdown: &str) -> Vec<(usize, String)> {
    let mut lines = Vec::new();
    let mut inside = false;
    for (number, line) in markdown.lines().enumerate() {
        if let Some(language) = line.trim().strip_prefix("```") {
            inside = !inside && matches!(language, "sh" | "console" | "bash" | "shell");
        } else if inside {
            lines.push((number + 1, line.to_owned()));
        }
    }
    joined(lines)
}

fn joined(lines: Vec<(usize, String)>) -> Vec<(usize, String)> {
    let mut whole: Vec<(usize, String)> = Vec::new();
    let mut continues = false;
    for (number, line) in lines {
        let text = line.trim_end().trim_end_matches('\\').to_owned();
        match whole.last_mut() {
            Some((_, before)) if continues => before.push_str(&format!(" {}", text.trim())),
            _ => whole.push((number, text)),
        }
        continues = line.trim_end().ends_with('\\');
    }
    whole
}

/// Checks documents and workflows. The program must have a command line by the time `src/cli.rs` exists.
pub(crate) fn check(report: &mut Report) {
    if tree::read("src/cli.rs").is_none() {
        return;
    }
    let mut helps = Helps::new();
    for path in tree::files() {
        let Some(text) = tree::read(path) else { continue };
        let lines = if path.ends_with(".md") && !path.starts_with("src/") && !path.starts_with("tests/") {
            shell_lines(&text)
        } else if path == "action.yml" || path.starts_with(".github/workflows/") {
            joined(text.lines().enumerate().map(|(number, line)| (number + 1, line.to_owned())).collect())
        } else {
            continue;
        };
        for (line, call) in lines.iter().filter_map(|(line, text)| Some((*line, call(text)?))) {
            if let Err(problem) = exists(&call, &mut helps) {
                report.add(path, line, problem, "correct the text, or give the program what it promises");
            }
        }
    }
}

fn exists(call: &Call, helps: &mut Helps) -> Result<(), String> {
    let mut known: Vec<String> = Vec::new();
    let mut text = help(&known, helps).ok_or_else(|| format!("`{PROGRAM} --help` fails"))?;
    for word in &call.words {
        if !text.contains("Commands:") || word == "help" {
            break;
        }
        known.push(word.clone());
        text = help(&known, helps).ok_or_else(|| format!("`{PROGRAM} {}` does not exist", known.join(" ")))?;
    }
    for flag in &call.flags {
        let has = |token: &str| token.trim_matches(|c: char| !c.is_ascii_lowercase() && c != '-') == flag;
        if !text.split(|c: char| c.is_whitespace() || c == '=' || c == ',').any(has) {
            return Err(format!("`{PROGRAM} {}` has no flag `{flag}`", known.join(" ")));
        }
    }
    Ok(())
}

/// What `--help` printed for commands, by their words.
pub(crate) type Helps = BTreeMap<Vec<String>, Option<String>>;

/// What `--help` prints for a command; nothing where the command does not exist.
pub(crate) fn help(words: &[String], helps: &mut Helps) -> Option<String> {
    let entry = helps.entry(words.to_vec()).or_insert_with(|| {
        let output = Command::new(env!("CARGO_BIN_EXE_task-orchestrator")).args(words).arg("--help").output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    });
    entry.clone()
}
