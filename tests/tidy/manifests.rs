//! The action, the App's manifest and the workflows, read as text and held against the code.

use std::collections::{BTreeMap, BTreeSet};

use crate::report::Report;
use crate::source::{is_word, line_of};
use crate::tree;

/// The keys directly below the top-level key `section` of a YAML text, with their values and lines.
pub(crate) fn section(yaml: &str, section: &str) -> BTreeMap<String, (String, usize)> {
    let mut keys = BTreeMap::new();
    let mut indent = None;
    let lines = yaml.lines().enumerate().skip_while(|(_, line)| !line.starts_with(&format!("{section}:"))).skip(1);
    for (number, line) in lines {
        let text = line.trim();
        let depth = line.len() - line.trim_start().len();
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        if depth == 0 {
            break;
        }
        if depth == *indent.get_or_insert(depth)
            && let Some((key, value)) = text.split_once(':')
        {
            let value = value.split(" #").next().unwrap_or(value).trim();
            keys.insert(key.trim_matches('"').to_owned(), (value.to_owned(), number + 1));
        }
    }
    keys
}

/// Checks that `action.yml` uses each input it declares and declares each it uses.
pub(crate) fn action(report: &mut Report) {
    if let Some(text) = tree::read("action.yml") {
        action_text(&text, report);
    }
}

/// As [`action`], for a given text.
pub(crate) fn action_text(text: &str, report: &mut Report) {
    let declared = section(text, "inputs");
    let mut used = BTreeSet::new();
    for (at, _) in text.match_indices("inputs.") {
        let name: String = text[at + "inputs.".len()..].chars().take_while(|c| is_word(*c) || *c == '-').collect();
        if !declared.contains_key(&name) {
            let line = line_of(text, at);
            report.add("action.yml", line, format!("the input `{name}` is used, not declared"), "declare it");
        }
        used.insert(name);
    }
    for (name, (_, line)) in declared {
        if !used.contains(&name) {
            report.add(
                "action.yml",
                line,
                format!("the input `{name}` is declared, not used"),
                "pass it on or drop it",
            );
        }
    }
}

/// The pairs of the constant `API_PERMISSIONS` in a Rust text: `("contents", "write")`.
pub(crate) fn permission_table(code: &str) -> Option<BTreeMap<String, String>> {
    let start = code.find("const API_PERMISSIONS")?;
    let end = start + code[start..].find(';')?;
    let end = if code[start..end].contains('"') { end } else { end + 1 + code[end + 1..].find(';')? };
    let strings: Vec<&str> = code[start..end].split('"').skip(1).step_by(2).collect();
    Some(strings.chunks_exact(2).map(|pair| (pair[0].to_owned(), pair[1].to_owned())).collect())
}

/// Checks `app-manifest.yml` against the client's table, once the client has one.
pub(crate) fn permissions(report: &mut Report) {
    let auth: Vec<_> = tree::files().iter().filter(|path| path.starts_with("src/github/auth")).collect();
    let table = auth.iter().filter_map(|path| permission_table(&tree::read(path)?)).next();
    let manifest = tree::read("app-manifest.yml").unwrap_or_default();
    let asked = section(&manifest, "default_permissions");
    if asked.contains_key("workflows") {
        report.add("app-manifest.yml", 1, "asks for `workflows`".to_owned(), "the App never changes workflows");
    }
    let Some(table) = table else {
        if !auth.is_empty() {
            let remedy = "keep the permissions in `pub const API_PERMISSIONS: [(&str, &str); N]`";
            report.add(auth[0], 1, "no permission table".to_owned(), remedy);
        }
        return;
    };
    for (name, level) in &table {
        match asked.get(name) {
            Some((value, _)) if value == level => {}
            Some((value, line)) => {
                let what = format!("`{name}: {value}`, the client uses `{level}`");
                report.add("app-manifest.yml", *line, what, "ask for exactly what is used");
            }
            None => {
                let what = format!("`{name}: {level}` is used, not asked for");
                report.add("app-manifest.yml", 1, what, "ask for exactly what is used");
            }
        }
    }
    for (name, (_, line)) in asked.iter().filter(|(name, _)| !table.contains_key(*name)) {
        report.add("app-manifest.yml", *line, format!("`{name}` is asked for, not used"), "drop it");
    }
}

/// Checks every workflow: actions pinned to a commit, nothing granted at the top.
pub(crate) fn workflows(report: &mut Report) {
    for path in tree::files().iter().filter(|path| path.starts_with(".github/workflows/") || *path == "action.yml") {
        let text = tree::read(path).unwrap_or_default();
        workflow_text(path, &text, report);
    }
}

/// As [`workflows`], for one text.
pub(crate) fn workflow_text(path: &str, text: &str, report: &mut Report) {
    for (number, line) in text.lines().enumerate() {
        let Some(action) = line.trim().trim_start_matches("- ").strip_prefix("uses:") else { continue };
        let action = action.split(" #").next().unwrap_or(action).trim();
        let pin = action.split_once('@').map(|(_, pin)| pin).unwrap_or_default();
        let pinned = pin.len() == 40 && pin.chars().all(|c| c.is_ascii_hexdigit());
        if !pinned && !action.starts_with("./") {
            report.add(path, number + 1, format!("`{action}` is not pinned"), "pin it to a full commit SHA");
        }
    }
    if path.starts_with(".github/workflows/") && !text.lines().any(|line| line.trim_end() == "permissions: {}") {
        report.add(
            path,
            1,
            "no `permissions: {}` at the top".to_owned(),
            "grant nothing there, and what is needed per job",
        );
    }
}
