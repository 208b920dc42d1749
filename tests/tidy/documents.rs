//! README.md and ARCHITECTURE.md held against the code.

use std::collections::{BTreeMap, BTreeSet};

use task_orchestrator::engine::config::KEYS;

use crate::report::Report;
use crate::source::{is_word, line_of};
use crate::tree;

/// Longest ARCHITECTURE.md, in lines.
const ARCHITECTURE_LINES_MAX: usize = 200;

/// The rows of the Markdown table below a heading: the first cell's code span → (second cell, line).
pub(crate) fn table(markdown: &str, heading: &str) -> BTreeMap<String, (String, usize)> {
    let mut rows = BTreeMap::new();
    let mut inside = false;
    for (number, line) in markdown.lines().enumerate() {
        if line.starts_with('#') {
            inside = line.trim_start_matches('#').trim() == heading;
        }
        let mut cells = line.trim().trim_matches('|').split(" | ").map(str::trim);
        let first = cells.next().unwrap_or_default();
        if inside
            && line.trim().starts_with('|')
            && let Some(name) = first.strip_prefix('`').and_then(|rest| rest.split('`').next())
        {
            let second = cells.next().unwrap_or_default().trim_matches('`').to_owned();
            rows.insert(name.to_owned(), (second, number + 1));
        }
    }
    rows
}

/// The string literals of each row of a constant table: `const NAME: … = &[ ("a", "b"), Row { name: "a", … } ];`.
pub(crate) fn constant(code: &str, name: &str) -> Option<Vec<Vec<String>>> {
    let start = code.find(&format!("const {name}:"))?;
    let open = start + code[start..].find('=')?;
    let end = open + code[open..].find("];")?;
    let mut rows = Vec::new();
    let mut rest = &code[open..end];
    while let Some(at) = rest.find(['(', '{']) {
        let close = if rest[at..].starts_with('(') { ')' } else { '}' };
        let (row, next) = row_strings(&rest[at + 1..], close);
        rows.push(row);
        rest = &rest[at + 1 + next..];
    }
    Some(rows)
}

/// The string literals up to the closing character outside of literals, and where that character is.
fn row_strings(text: &str, close: char) -> (Vec<String>, usize) {
    let mut strings = Vec::new();
    let mut literal: Option<String> = None;
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match &mut literal {
            Some(inside) if escaped || (c != '"' && c != '\\') => {
                inside.push(c);
                escaped = false;
            }
            Some(_) if c == '\\' => escaped = true,
            Some(_) => strings.extend(literal.take()),
            None if c == '"' => literal = Some(String::new()),
            None if c == close => return (strings, at),
            None => {}
        }
    }
    (strings, text.len())
}

/// All code of a module that may be one file or a folder: `src/engine/config` → `config.rs`, `config/*.rs`.
fn module_code(stem: &str) -> String {
    let belongs = |path: &&String| **path == format!("{stem}.rs") || path.starts_with(&format!("{stem}/"));
    tree::files().iter().filter(belongs).filter_map(|path| tree::read(path)).collect()
}

/// Checks the table of settings against the keys of the configuration and their defaults.
pub(crate) fn settings(report: &mut Report) {
    let readme = tree::read("README.md").unwrap_or_default();
    let told = table(&readme, "Configuration");
    let empty = |default: &str| default.starts_with("unset") || matches!(default, "[]" | "\"\"");
    let shown = |default: &str| if empty(default) { "none".to_owned() } else { default.to_owned() };
    let expected: BTreeMap<&str, String> = KEYS.iter().map(|key| (key.name, shown(key.default))).collect();
    for (key, default) in &expected {
        match told.get(*key) {
            None => report.add("README.md", 1, format!("the setting `{key}` is missing"), "add its row"),
            Some((text, line)) if text != default => {
                let what = format!("`{key}` is said to be `{text}` by default, it is `{default}`");
                report.add("README.md", *line, what, "correct the row");
            }
            Some(_) => {}
        }
    }
    for (key, (_, line)) in told.iter().filter(|(key, _)| !expected.contains_key(key.as_str())) {
        report.add("README.md", *line, format!("there is no setting `{key}`"), "drop the row");
    }
}

/// Checks the table of commands against `COMMANDS`, where it exists.
pub(crate) fn commands(report: &mut Report) {
    let code = module_code("src/engine/command");
    let readme = tree::read("README.md").unwrap_or_default();
    let first_word =
        |text: &str| text.trim_start_matches("/orchestrate ").chars().take_while(|c| is_word(*c)).collect();
    let told = table(&readme, "Commands");
    let told: BTreeMap<String, usize> = told.into_iter().map(|(name, (_, line))| (first_word(&name), line)).collect();
    assert!(!told.is_empty(), "README.md has no table below the heading `Commands`");
    let Some(rows) = constant(&code, "COMMANDS") else { return };
    let expected: Vec<String> = rows.iter().filter_map(|row| row.first()).map(|name| first_word(name)).collect();
    for name in expected.iter().filter(|name| !told.contains_key(*name)) {
        report.add("README.md", 1, format!("the command `{name}` is missing"), "add its row");
    }
    for (name, line) in told.iter().filter(|(name, _)| !expected.contains(name)) {
        report.add("README.md", *line, format!("there is no command `{name}`"), "drop the row");
    }
}

/// Checks ARCHITECTURE.md: its length, and that each file it names below a known folder exists.
pub(crate) fn architecture(report: &mut Report) {
    let text = tree::read("ARCHITECTURE.md").unwrap_or_default();
    assert!(!text.is_empty(), "ARCHITECTURE.md is missing");
    let lines = text.lines().count();
    if lines > ARCHITECTURE_LINES_MAX {
        let what = format!("{lines} lines, at most {ARCHITECTURE_LINES_MAX} are allowed");
        report.add("ARCHITECTURE.md", lines, what, "say less");
    }
    moves(&text, report);
    named_files("ARCHITECTURE.md", &text, report);
    named_files("README.md", &tree::read("README.md").unwrap_or_default(), report);
}

fn named_files(document: &str, text: &str, report: &mut Report) {
    let mut at = 0;
    for (index, piece) in text.split('`').enumerate() {
        let known = ["src/", "tests/", "benches/", "script/", "docs/", ".github/workflows/", ".ci/"];
        let is_path = index % 2 == 1 && known.iter().any(|folder| piece.starts_with(folder)) && !piece.contains(' ');
        if is_path && !piece.contains(['*', '<', '{']) && !tree::root().join(piece).exists() {
            report.add(document, line_of(text, at), format!("`{piece}` does not exist"), "name the file as it is");
        }
        at += piece.len() + 1;
    }
}

/// Checks the table of legal moves, once the code has one: each row `stage | trigger → stage, …`.
fn moves(text: &str, report: &mut Report) {
    let Some(code) = tree::read("src/engine/task.rs") else { return };
    let Some(start) = code.find("const MOVES") else { return };
    let end = code[start..].find("];").map_or(code.len(), |offset| start + offset);
    let rows = code[start..end].lines().filter(|line| line.trim().starts_with('('));
    let legal: BTreeSet<String> = rows.map(|line| move_names(line).join(" ")).collect();
    let mut told = BTreeSet::new();
    for (from, (moves, _)) in table(text, "A task's moves") {
        let pairs = moves.split(',').filter_map(|pair| pair.split_once('→'));
        told.extend(pairs.map(|(trigger, to)| format!("{from} {} {}", trigger.trim(), to.trim())));
    }
    for lacking in legal.difference(&told) {
        report.add("ARCHITECTURE.md", 1, format!("the legal move `{lacking}` is missing"), "add it to the table");
    }
    for extra in told.difference(&legal) {
        report.add("ARCHITECTURE.md", 1, format!("`{extra}` is no legal move"), "drop it from the table");
    }
}

/// The last parts of the paths in `(Stage::PrOpen, Trigger::Merge, Stage::Merged)`, in snake case.
pub(crate) fn move_names(row: &str) -> Vec<String> {
    let names = row.split("::").skip(1).map(|rest| rest.chars().take_while(|c| is_word(*c)).collect::<String>());
    names.map(|name| snake_case(&name)).collect()
}

fn snake_case(name: &str) -> String {
    let mut text = String::new();
    for c in name.chars() {
        if c.is_uppercase() && !text.is_empty() {
            text.push('_');
        }
        text.extend(c.to_lowercase());
    }
    text
}
