//! Imports go downwards only, and each outside library has its place.

use crate::report::Report;
use crate::source::{Source, line_of, paths, words};

/// Root module → the root modules it may import. `main`, `cli` and `lib` may import everything.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("engine", &[]),
    ("infer", &["engine"]),
    ("issues_file", &["engine"]),
    ("git", &["engine"]),
    ("survey", &["engine", "infer", "git"]),
    ("github", &["engine"]),
    ("store", &["engine", "github"]),
    ("perform", &["engine", "infer", "git", "survey", "github", "store"]),
    ("turn", &["engine", "infer", "git", "github", "store", "perform"]),
    ("worker", &["engine", "git", "github"]),
    ("forge", &["engine", "git", "github", "issues_file"]),
    ("starter", &["engine"]),
    ("server", &["engine", "infer", "git", "github", "store", "perform", "turn", "starter"]),
    ("actions", &["engine", "infer", "git", "github", "store", "perform", "turn"]),
    ("simulate", &["engine", "infer", "git", "github", "store", "perform", "turn", "forge"]),
    ("doctor", &["engine", "github"]),
    ("local", &["engine", "infer", "git", "github", "store", "perform", "turn", "server", "forge", "issues_file"]),
    ("demo", &["engine", "infer", "git", "github", "store", "perform", "turn", "server", "forge", "local"]),
];
const TOP: &[&str] = &["main", "cli", "lib"];

/// Where only the trait and its types may be used: (module, path it must not name).
const TRAIT_ONLY: &[(&str, &str)] = &[
    ("store", "crate::github::client"),
    ("store", "crate::github::auth"),
    ("perform", "crate::github::client"),
    ("forge", "crate::github::client"),
    ("forge", "crate::github::auth"),
];

/// Path → the root modules that may name it.
const PLACES: &[(&str, &[&str])] = &[
    ("octocrab", &["github"]),
    ("sqlx", &["store", "forge"]),
    ("axum", &["server", "forge"]),
    ("petgraph", &["engine"]),
    ("std::process", &["git", "worker", "forge"]),
    ("tokio::process", &["git", "worker", "forge"]),
];
/// What the top may name of processes: how the program ends.
const ENDING: &[&str] = &["std::process::ExitCode", "std::process::exit"];

/// Paths the pure modules never name.
const IMPURE: &[&str] = &[
    "std::env",
    "std::fs",
    "std::io",
    "std::net",
    "std::process",
    "std::thread",
    "std::time::Instant",
    "std::time::SystemTime",
    "tokio",
    "tracing",
    "rand",
    "getrandom",
    "futures_util",
    "jiff::Timestamp::now",
    "jiff::Zoned::now",
    "Timestamp::now",
    "Zoned::now",
    "SystemTime::now",
    "Instant::now",
];
/// Words the pure modules never use.
const IMPURE_WORDS: &[&str] =
    &["HashMap", "HashSet", "SystemTime", "Instant", "async", "await", "unsafe", "thread_local"];
/// Paths the loop never names: it neither waits nor starts anything, nor reads a clock.
const WAITING: &[&str] = &[
    "tokio::time",
    "tokio::spawn",
    "tokio::task",
    "tokio::select",
    "std::thread",
    "std::time::Instant",
    "std::time::SystemTime",
    "SystemTime::now",
    "Instant::now",
    "Timestamp::now",
];

/// Whether `path` is `prefix` or lies below it.
fn below(path: &str, prefix: &str) -> bool {
    path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// Checks one file of `src`. What is compiled for tests only may use anything.
pub(crate) fn check(source: &Source, report: &mut Report) {
    let Some(module) = source.module() else { return };
    for found in paths(&source.shipped) {
        let place = (source.path.as_str(), found.line);
        own_modules(source, module, &found.path, place, report);
        libraries(module, &found.path, place, report);
        purity(module, &found.path, place, report);
    }
    if ["engine", "infer"].contains(&module) {
        for word in IMPURE_WORDS {
            for at in words(&source.shipped, word) {
                let line = line_of(&source.shipped, at);
                let remedy = "take the value as an argument, use ordered collections, return effects as data";
                report.add(&source.path, line, format!("`{word}` in the pure module `{module}`"), remedy);
            }
        }
    }
}

fn own_modules(source: &Source, module: &str, path: &str, place: (&str, usize), report: &mut Report) {
    if path.contains("super::super") {
        report.add(place.0, place.1, "`super::super`".to_owned(), "write the path from `crate::`");
    }
    if path.starts_with("super::") && source.is_root_module() {
        report.add(place.0, place.1, format!("`{path}` reaches the root"), "write the path from `crate::`");
    }
    let Some(rest) = path.strip_prefix("crate::") else { return };
    let target = rest.split("::").next().unwrap_or(rest);
    if target == module || TOP.contains(&module) || target.chars().next().is_some_and(char::is_uppercase) {
        return;
    }
    match MAY_IMPORT.iter().find(|(name, _)| *name == module) {
        None => {
            let remedy = "give the new root module a row in MAY_IMPORT in tests/tidy/layers.rs";
            report.add(place.0, place.1, format!("`{module}` has no place in the layers"), remedy);
        }
        Some((_, allowed)) if !allowed.contains(&target) => {
            let may = if allowed.is_empty() { "nothing of ours".to_owned() } else { allowed.join(", ") };
            let remedy = format!("`{module}` may import {may}: move what is shared down, or pass it in");
            report.add(place.0, place.1, format!("`{module}` imports `{path}`"), &remedy);
        }
        Some(_) => {}
    }
    if TRAIT_ONLY.iter().any(|(name, forbidden)| *name == module && below(path, forbidden)) {
        report.add(place.0, place.1, format!("`{module}` names `{path}`"), "use the trait in `crate::github` instead");
    }
}

fn libraries(module: &str, path: &str, place: (&str, usize), report: &mut Report) {
    for (library, allowed) in PLACES.iter().filter(|(library, _)| below(path, library)) {
        let is_ending = TOP.contains(&module) && ENDING.iter().any(|ending| below(path, ending));
        if !allowed.contains(&module) && !is_ending {
            let remedy = format!("`{library}` belongs only in {}", allowed.join(", "));
            report.add(place.0, place.1, format!("`{path}` in `{module}`"), &remedy);
        }
    }
}

fn purity(module: &str, path: &str, place: (&str, usize), report: &mut Report) {
    let (forbidden, remedy) = match module {
        "engine" | "infer" => (IMPURE, "take the value as an argument or return it as data: this module is pure"),
        "turn" | "perform" => {
            (WAITING, "time is an argument and waiting is data (`not_before`): leave it to the fronts")
        }
        _ => return,
    };
    if forbidden.iter().any(|prefix| below(path, prefix)) {
        report.add(place.0, place.1, format!("`{path}` in `{module}`"), remedy);
    }
}
