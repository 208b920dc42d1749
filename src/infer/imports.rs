//! What a file imports, as written, by a scan of its lines; which files that means is found by the ends of paths.

use crate::infer::language::Language;

/// Most imports kept of one file.
const IMPORTS_MAX: usize = 200;

/// What a file imports: path-like names with `/` between their parts, without endings, sorted, each once.
pub fn of(text: &[u8], language: Language) -> Vec<String> {
    let mut found = Vec::new();
    let mut block = false;
    for line in text.split(|byte| *byte == b'\n') {
        let Ok(line) = std::str::from_utf8(line) else { continue };
        let line = line.trim();
        match language {
            Language::Rust => rust(line, &mut found),
            Language::Python => python(line, &mut found),
            Language::Go => go(line, &mut block, &mut found),
            Language::Script => script(line, &mut found),
            Language::Java => java(line, &mut found),
            Language::C => c(line, &mut found),
            Language::Ruby => quoted_after(line, &["require_relative ", "require "], &mut found),
            Language::Php => named_after(line, "use ", '\\', &mut found),
            Language::Sharp => named_after(line, "using ", '.', &mut found),
            Language::Other => break,
        }
        if found.len() >= IMPORTS_MAX {
            break;
        }
    }
    found.sort_unstable();
    found.dedup();
    found
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !(c.is_alphanumeric() || c == '_')).filter(|word| !word.is_empty())
}

fn rust(line: &str, found: &mut Vec<String>) {
    let line = line.strip_prefix("pub ").or_else(|| line.strip_prefix("pub(crate) ")).unwrap_or(line);
    if let Some(rest) = line.strip_prefix("mod ") {
        found.extend(rest.strip_suffix(';').map(str::to_owned));
    }
    let Some(rest) = line.strip_prefix("use ") else { return };
    let head = rest.split(['{', ';', '*']).next().unwrap_or(rest);
    let parts: Vec<&str> = words(head).filter(|word| !matches!(*word, "crate" | "super" | "self" | "std")).collect();
    let keep = parts.len().min(4);
    if keep > 0 {
        found.push(parts[..keep].join("/"));
    }
}

fn python(line: &str, found: &mut Vec<String>) {
    if let Some(rest) = line.strip_prefix("from ") {
        let Some((module, names)) = rest.split_once(" import ") else { return };
        let module = module.trim_start_matches('.').replace('.', "/");
        found.push(module.clone());
        let separator = if module.is_empty() { "" } else { "/" };
        found.extend(words(names).take(8).map(|name| format!("{module}{separator}{name}")));
    } else if let Some(rest) = line.strip_prefix("import ") {
        let modules = rest.split(',').filter_map(|module| module.split_whitespace().next());
        found.extend(modules.map(|module| module.replace('.', "/")));
    }
    found.retain(|name| !name.is_empty());
}

fn go(line: &str, block: &mut bool, found: &mut Vec<String>) {
    if line.starts_with("import (") {
        *block = true;
    } else if *block && line.starts_with(')') {
        *block = false;
    } else if *block || line.starts_with("import ") {
        found.extend(quoted(line).map(|path| format!("{path}/")));
    }
}

fn script(line: &str, found: &mut Vec<String>) {
    let says = line.starts_with("import ")
        || line.starts_with("export ")
        || line.starts_with("} from ")
        || line.contains("require(")
        || line.contains("import(");
    let after = line.find(" from ").or_else(|| line.find("require(")).or_else(|| line.find("import"));
    if let (true, Some(after)) = (says, after) {
        found.extend(quoted(&line[after..]).filter(|path| path.starts_with('.')).map(relative));
    }
}

fn java(line: &str, found: &mut Vec<String>) {
    if let Some(rest) = line.strip_prefix("import ") {
        let name = rest.trim_start_matches("static ").trim_end_matches(';').trim_end_matches(".*");
        found.push(name.replace('.', "/"));
    }
}

fn c(line: &str, found: &mut Vec<String>) {
    if let Some(rest) = line.strip_prefix('#').map(str::trim_start).and_then(|rest| rest.strip_prefix("include")) {
        let path = rest.trim().trim_matches(['<', '>', '"']);
        found.extend(path.contains('.').then(|| path.rsplit_once('.').map_or(path, |(stem, _)| stem).to_owned()));
    }
}

fn quoted_after(line: &str, starts: &[&str], found: &mut Vec<String>) {
    if let Some(rest) = starts.iter().find_map(|start| line.strip_prefix(start)) {
        found.extend(quoted(rest).map(relative));
    }
}

fn named_after(line: &str, start: &str, separator: char, found: &mut Vec<String>) {
    if let Some(rest) = line.strip_prefix(start) {
        found.push(rest.trim_end_matches(';').replace(separator, "/"));
    }
}

fn quoted(text: &str) -> Option<&str> {
    let start = text.find(['"', '\''])?;
    let quote = text[start..].chars().next()?;
    let rest = &text[start + 1..];
    rest.find(quote).map(|end| &rest[..end])
}

/// A relative path without its dots and ending.
fn relative(path: &str) -> String {
    let path = path.trim_start_matches(['.', '/']);
    path.strip_suffix(".js").or_else(|| path.strip_suffix(".ts")).unwrap_or(path).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_language_shows_its_imports() {
        for (language, text, expected) in [
            (Language::Rust, "use crate::parse::{A, B};\npub mod util;\nlet x = 1;", "parse util"),
            (Language::Python, "from .core import expr\nimport a.b as c, d", "a/b core core/expr d"),
            (Language::Go, "import (\n\t\"fmt\"\n\tx \"a.b/c/d\"\n)\n\"no\"", "a.b/c/d/ fmt/"),
            (
                Language::Script,
                "import { A } from './a/b';\nimport fs from 'fs';\nconst x = require('../c.js')",
                "a/b c",
            ),
            (Language::Java, "import com.a.B;\nimport static c.D.*;", "c/D com/a/B"),
            (Language::C, "#include <nlohmann/json.hpp>\n#  include \"x.h\"", "nlohmann/json x"),
            (Language::Ruby, "require_relative '../a/b'", "a/b"),
            (Language::Php, "use A\\B;", "A/B"),
            (Language::Sharp, "using A.B;", "A/B"),
        ] {
            assert_eq!(of(text.as_bytes(), language).join(" "), expected, "{language:?}");
        }
    }
}
