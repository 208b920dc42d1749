//! The checks themselves, on planted violations: each must be found, and its innocent neighbour must not.

use crate::report::Report;
use crate::source::{Source, mask, paths};
use crate::{documents, flags, layers, manifests, program, sizes, words};

/// What one check finds in one file.
fn found(check: impl Fn(&Source, &mut Report), path: &str, text: &str) -> Vec<String> {
    let mut report = Report::default();
    check(&Source::new(path, text), &mut report);
    report.findings().to_vec()
}

#[test]
fn comments_and_literals_are_blanked_and_nothing_else() {
    let cases = [
        ("a // x {\nb", "a b"),
        ("a /* /* { */ } */ b", "a b"),
        (r#"f("\"{", 'x', b'{', '\'', "}")"#, "f( , , b , , )"),
        (r###"r#"{"{"# + r"\" + br"{""###, " + + "),
        ("fn f<'a>(x: &'a str) -> char { '}' }", "fn f<'a>(x: &'a str) -> char { }"),
        ("r#type + for_r", "r#type + for_r"),
        ("'\\u{7b}' + \"é{\nü\"", " + "),
    ];
    for (text, expected) in cases {
        let masked = mask(text);
        let places = |text: &str| text.lines().map(|line| line.chars().count()).collect::<Vec<_>>();
        assert_eq!(places(&masked), places(text), "lines and columns stay: {text}");
        let words: Vec<&str> = masked.split_whitespace().collect();
        assert_eq!(words, expected.split_whitespace().collect::<Vec<_>>(), "{text}");
    }
}

#[test]
fn imports_are_expanded() {
    let code =
        "use crate::{engine::{id::Sha, time}, git as g};\npub use ::std::fmt;\nfn f() { tokio::spawn(x); a::b!() }\n";
    let found: Vec<String> = paths(code).into_iter().map(|found| format!("{} {}", found.line, found.path)).collect();
    for expected in
        ["1 crate::engine::id::Sha", "1 crate::engine::time", "1 crate::git", "2 std::fmt", "3 tokio::spawn", "3 a::b"]
    {
        assert!(found.iter().any(|path| path == expected), "{expected} is not in {found:?}");
    }
}

#[test]
fn broken_layers_are_found() {
    let broken = [
        ("src/engine/step.rs", "use crate::github::Request;"),
        ("src/engine/step.rs", "use std::{fmt, collections::HashMap};"),
        ("src/engine/step.rs", "fn f() { let now = std::time::SystemTime::now(); }"),
        ("src/engine/step.rs", "pub async fn step() {}"),
        ("src/engine/step.rs", "fn f() { tracing::info!(\"x\"); }"),
        ("src/infer/mod.rs", "fn f() { std::env::var(\"X\"); }"),
        ("src/engine/plan/edge.rs", "use super::super::id;"),
        ("src/turn.rs", "use super::server::Server;"),
        ("src/turn.rs", "fn f() { tokio::time::sleep(x); }"),
        ("src/store/mod.rs", "use crate::github::client::Client;"),
        ("src/worker/claim.rs", "use crate::{engine::id, turn::Turn};"),
        ("src/server/mod.rs", "fn f() { std::process::Command::new(\"git\"); }"),
        ("src/server/mod.rs", "use octocrab::Octocrab;"),
        ("src/github/mod.rs", "use axum::Router;"),
        ("src/cli.rs", "use tokio::process::Command;"),
        ("src/novel/mod.rs", "use crate::engine::id;"),
    ];
    for (path, text) in broken {
        assert!(!found(layers::check, path, text).is_empty(), "not found in {path}: {text}");
    }
}

#[test]
fn sound_layers_pass() {
    let sound = [
        ("src/engine/step.rs", "use crate::engine::id::Sha; // HashMap\nconst A: &str = \"tokio::spawn\";"),
        ("src/engine/step.rs", "use std::time::Duration;\n#[cfg(test)]\nmod tests { use std::collections::HashMap; }"),
        ("src/engine/plan/tests.rs", "use std::collections::HashMap;"),
        ("src/github/client.rs", "use octocrab::Octocrab;\n#[cfg(test)]\nmod tests { use axum::Router; }"),
        ("src/main.rs", "use std::process::ExitCode;\nuse crate::server::serve;"),
        ("src/worker/mod.rs", "use crate::git::Git;\nuse tokio::process::Command;"),
        ("tests/it/main.rs", "use std::process::Command;"),
    ];
    for (path, text) in sound {
        assert_eq!(found(layers::check, path, text), Vec::<String>::new(), "{path}: {text}");
    }
}

#[test]
fn long_functions_files_and_lines_are_found() {
    let function = |lines: usize| format!("fn f(x: [u8; 3]) -> u8 {{\n{}}}\n", "    // }\n".repeat(lines - 2));
    assert!(found(sizes::functions, "src/a.rs", &function(70)).is_empty());
    assert_eq!(found(sizes::functions, "src/a.rs", &function(71)).len(), 1);
    assert!(
        found(sizes::functions, "src/a.rs", &format!("#[cfg(test)]\nmod tests {{\n{}}}\n", function(90))).is_empty()
    );
    assert!(found(sizes::file, "src/a.rs", &"a\n".repeat(400)).is_empty());
    assert_eq!(found(sizes::file, "src/a.rs", &"a\n".repeat(401)).len(), 1);
    assert!(found(sizes::file, "src/a.rs", &"é".repeat(120)).is_empty());
    assert_eq!(found(sizes::file, "src/a.rs", &"é".repeat(121)).len(), 1);
}

#[test]
fn empty_names_and_unfinished_work_are_found() {
    let mark = concat!("// FIX", "ME later");
    let left_out = concat!("//! A.\nfn f() { to", "do!() }");
    let switched_off = concat!("//! A.\n#[ign", "ore]\n#[test] fn f() {}");
    let quoted = concat!("//! A.\nstruct Managers;\n// \"to", "do!\" is a word\n");
    let broken = [
        ("src/util.rs", "//! A."),
        ("src/git_helpers.rs", "//! A."),
        ("src/a.rs", "fn f() {}"),
        ("src/a.rs", "//! A.\nstruct TaskManager;"),
        ("src/a.rs", left_out),
        ("src/a.rs", switched_off),
        ("src/a.rs", &format!("//! A.\n{mark}")),
    ];
    for (path, text) in broken {
        assert!(!found(words::code, path, text).is_empty(), "not found in {path}: {text}");
    }
    assert!(found(words::code, "src/a.rs", quoted).is_empty());
}

#[test]
fn words_of_one_machine_are_found() {
    let find = |path: &str, text: &str| {
        let mut report = Report::default();
        words::text(path, text, &mut report);
        report.findings().len()
    };
    assert_eq!(find("README.md", concat!("see `/ho", "me/anna/x`")), 1);
    assert_eq!(find("README.md", concat!("see https://example.com/ho", "me/x and /ho", "me/runner/x")), 0);
    assert_eq!(find("src/a.rs", concat!("//! As design ", "§5 says")), 1);
    assert_eq!(find("Cargo.lock", "source = \"sparse+https://mirror.example/index/\""), 1);
    assert_eq!(find("Cargo.lock", "source = \"registry+https://github.com/rust-lang/crates.io-index\""), 0);
}

#[test]
fn calls_are_read_from_documents() {
    let text = "```sh\n$ cargo run --release -- demo --port 1\ntask-orchestrator plan --repo . \\\n  --format=json\n\
                ```\n```\ntask-orchestrator other\n```\n";
    let calls: Vec<_> = program::shell_lines(text).iter().filter_map(|(_, line)| program::call(line)).collect();
    assert_eq!(calls.len(), 2, "{calls:?}");
    assert_eq!((calls[0].words.join(" "), calls[0].flags.join(" ")), ("demo".to_owned(), "--port".to_owned()));
    assert_eq!((calls[1].words.join(" "), calls[1].flags.join(" ")), ("plan".to_owned(), "--repo --format".to_owned()));
    assert_eq!(program::call("task-orchestrator-other x"), None);
    assert_eq!(
        program::call("run: task-orchestrator worker claim --key \"$KEY\"").map(|call| call.words.len()),
        Some(2)
    );
}

#[test]
fn manifests_are_held_against_the_code() {
    let find = |check: &dyn Fn(&mut Report)| {
        let mut report = Report::default();
        check(&mut report);
        report.findings().len()
    };
    let action = "inputs:\n  command:\n    default: x\n  lost:\n    default: y\n\
                  runs:\n  a: ${{ inputs.command }} ${{ inputs.more }}\n";
    assert_eq!(find(&|report| manifests::action_text(action, report)), 2);
    let loose = "permissions: {}\njobs:\n  a:\n    steps:\n      - uses: actions/checkout@v4\n      - uses: ./\n";
    assert_eq!(find(&|report| manifests::workflow_text(".github/workflows/a.yml", loose, report)), 1);
    assert_eq!(find(&|report| manifests::workflow_text(".github/workflows/a.yml", "jobs:\n", report)), 1);
    let code = "pub const API_PERMISSIONS: [(&str, &str); 2] = [(\"contents\", \"write\"), (\"checks\", \"read\")];";
    let table = manifests::permission_table(code).expect("the table is there");
    assert_eq!(table.get("checks").map(String::as_str), Some("read"));
    assert_eq!(table.len(), 2);
}

#[test]
fn flags_are_held_against_the_readme() {
    let help = "Usage: x\n\nCommands:\n  one  It\n         goes on\n  help  Print\n\nOptions:\n      --port <P>\n   \
                \x20      Port, not --this\n\n  -j, --json\n  -h, --help\n          Print\n\nExamples:\n  x --port 1\n";
    let has = flags::flags(help);
    assert_eq!(has.iter().map(String::as_str).collect::<Vec<_>>(), ["--json", "--port"]);
    assert_eq!(flags::commands(help), ["one"]);
    let find = |section: &str| {
        let told = flags::told(&format!("`--port`\n## Flags\n{section}\n## Other\n`--json`\n"));
        let mut report = Report::default();
        flags::compare(&["one".to_owned()], &has, &["--json".to_owned()].into(), &told, &mut report);
        report.findings().len()
    };
    assert_eq!(find("Nothing"), 1, "a flag of its own is missing, the general one is told elsewhere");
    assert_eq!(find("| `two` | `--port P` |"), 1, "that is another command's");
    assert_eq!(find("| `one` | `--port P` |"), 0);
    assert_eq!(find("### Flags of `one`\n| `--port P` | where |"), 0);
    assert_eq!(find("| `one` | see `task-orchestrator one --help` |"), 0);
    assert_eq!(find("| `one` | see `task-orchestrator two --help` |"), 1);
    assert_eq!(find("| `one` | `--port P`, `--lost` |"), 1, "one that does not exist");
}

#[test]
fn tables_are_read_from_documents_and_code() {
    let readme = "## Configuration\n\n| key | default | what |\n|---|---|---|\n| `label` | `x` | text |\n\n\
                  ## Other\n| `no` | `x` |\n";
    let rows = documents::table(readme, "Configuration");
    assert_eq!(rows.into_iter().collect::<Vec<_>>(), [("label".to_owned(), ("x".to_owned(), 5))]);
    let code = "pub const KEYS: &[(&str, &str)] = &[\n (\"a\", \"1 (one)\", \"say \\\"x\\\"\"),\n (\"b\", \"c\"),\n];";
    let rows = documents::constant(code, "KEYS").expect("the table is there");
    assert_eq!(rows, [vec!["a", "1 (one)", "say \"x\""], vec!["b", "c"]]);
    let rows = documents::constant("const COMMANDS: &[Row] = &[Row { name: \"help\", who: Who::All }];", "COMMANDS");
    assert_eq!(rows, Some(vec![vec!["help".to_owned()]]));
    let row = documents::move_names("(Stage::PrOpen, Trigger::Merge, Stage::Merged),");
    assert_eq!(row, ["pr_open", "merge", "merged"]);
}

#[test]
fn inputs_of_the_action_that_are_no_flags_are_found() {
    let found = |text: &str, has: &[&str]| {
        let mut report = Report::default();
        flags::action_inputs(text, &has.iter().copied().collect(), &mut report);
        report.findings().len()
    };
    let whole = "inputs:\n  command:\n    default: x\n  ca-bundle:\n    default: x\nruns:\n\
                 \x20 FLAG_CA_BUNDLE: \"${{ inputs.ca-bundle }}\"\n";
    assert_eq!(found(whole, &["ca-bundle"]), 0);
    assert_eq!(found(whole, &["ca-bundle", "stay"]), 1, "a flag that is no input");
    assert_eq!(found(whole, &[]), 1, "an input that is no flag");
    assert_eq!(found(&whole.replace("FLAG_CA", "FLAG_C"), &["ca-bundle"]), 1, "an input that is not passed on");
}
