//! The flags the program has, held against the section `Flags` of README.md.

use std::collections::{BTreeMap, BTreeSet};

use crate::manifests;
use crate::program::{Helps, help};
use crate::report::Report;
use crate::tree;

/// What README.md tells of each command's flags: its code spans with their lines, by the command's words; those of the
/// whole program under no words. A row whose first cell names a command tells of that one, a row below a heading
/// `Flags of …` of the heading's.
pub(crate) fn told(readme: &str) -> BTreeMap<String, Vec<(String, usize)>> {
    let mut told: BTreeMap<String, Vec<(String, usize)>> = BTreeMap::new();
    let mut inside = false;
    let mut of = String::new();
    for (number, line) in readme.lines().enumerate() {
        let spans: Vec<&str> = line.split('`').skip(1).step_by(2).collect();
        if line.starts_with('#') {
            inside = line == "## Flags" || inside && line.starts_with("### ");
            of = spans.first().copied().unwrap_or_default().to_owned();
            continue;
        }
        let named = line.starts_with("| `").then(|| spans.first()).flatten().filter(|name| !name.starts_with('-'));
        let of = named.map_or(of.as_str(), |name| name);
        if inside {
            let found = spans.iter().skip(usize::from(named.is_some()));
            told.entry(of.to_owned()).or_default().extend(found.map(|span| ((*span).to_owned(), number + 1)));
        }
    }
    told
}

/// The long flags in a help text, but for `--help` and `--version`, which every program has.
pub(crate) fn flags(help: &str) -> BTreeSet<String> {
    let options = help.split("\nExample").next().unwrap_or_default();
    let long = |line: &str| {
        let word = line.split_whitespace().find(|word| !word.ends_with(','))?;
        let flag = line.starts_with("  ") && line.trim_start().starts_with('-') && word.starts_with("--");
        (flag && word != "--help" && word != "--version").then(|| word.to_owned())
    };
    options.lines().filter_map(long).collect()
}

/// The commands in a help text.
pub(crate) fn commands(help: &str) -> Vec<String> {
    let Some((_, list)) = help.split_once("Commands:\n") else { return Vec::new() };
    let lines = list.lines().take_while(|line| !line.is_empty());
    let names = lines.filter(|line| !line.starts_with("   ")).filter_map(|line| line.split_whitespace().next());
    names.filter(|name| *name != "help").map(str::to_owned).collect()
}

/// Holds what is told against one command: every flag is named, or its `--help` pointed to, and none is made up.
/// `general` are the whole program's flags.
pub(crate) fn compare(
    words: &[String],
    has: &BTreeSet<String>,
    general: &BTreeSet<String>,
    told: &BTreeMap<String, Vec<(String, usize)>>,
    report: &mut Report,
) {
    let command = words.join(" ");
    let first = words.first().cloned().unwrap_or_default();
    let spans: Vec<&(String, usize)> = [&command, &first]
        .into_iter()
        .collect::<BTreeSet<_>>()
        .into_iter()
        .filter_map(|of| told.get(of))
        .flatten()
        .collect();
    let pointed = |(span, _): &&&(String, usize)| {
        let call = span.strip_prefix("task-orchestrator ").and_then(|rest| rest.strip_suffix(" --help"));
        call.is_some_and(|call| call.split(' ').next() == Some(&first))
    };
    let flag = |span: &str| span.split([' ', '=']).next().unwrap_or_default().to_owned();
    let named: BTreeSet<String> = spans.iter().map(|(span, _)| flag(span)).collect();
    let own = has.iter().filter(|flag| command.is_empty() || !general.contains(*flag));
    if !spans.iter().any(|span| pointed(&span)) {
        for lacking in own.filter(|flag| !named.contains(*flag)) {
            let what = format!("`{command}` has the flag `{lacking}`, which is not named");
            report.add("README.md", 1, what, "name it below `Flags`, or point to the command's --help");
        }
    }
    for (span, line) in spans.iter().filter(|(span, _)| span.starts_with("--")) {
        if !has.contains(&flag(span)) && flag(span) != "--help" {
            report.add("README.md", *line, format!("`{command}` has no flag `{span}`"), "drop it");
        }
    }
}

/// Checks every command that the program tells of.
pub(crate) fn check(report: &mut Report) {
    let readme = tree::read("README.md").unwrap_or_default();
    let told = told(&readme);
    let mut helps = Helps::new();
    let general = flags(&help(&[], &mut helps).expect("the program has a help"));
    assert!(!general.is_empty(), "no flag was found in the program's help: the check would prove nothing");
    let mut commands_to_see: Vec<Vec<String>> = vec![Vec::new()];
    while let Some(words) = commands_to_see.pop() {
        let text = help(&words, &mut helps).expect("a command that help names");
        let below = commands(&text);
        if below.is_empty() || words.is_empty() {
            compare(&words, &flags(&text), &general, &told, report);
        }
        commands_to_see.extend(below.into_iter().map(|name| [&words[..], &[name]].concat()));
    }
}

/// Inputs of the action that are no flags: what is run and by which program, and secrets, which travel by variables.
const NO_FLAGS: [&str; 6] = ["command", "github-token", "app-id", "private-key", "binary", "codex-version"];

/// Checks that the action's inputs are the flags of what it runs, each passed on under its own name.
pub(crate) fn action(report: &mut Report) {
    let text = tree::read("action.yml").unwrap_or_default();
    let mut helps = Helps::new();
    let general = flags(&help(&[], &mut helps).expect("the program has a help"));
    let mut has = BTreeSet::new();
    for words in [&["handle"][..], &["wake"], &["worker", "claim"], &["worker", "fetch"], &["worker", "agent"]]
        .into_iter()
        .chain([&["worker", "publish"][..]])
    {
        let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        has.extend(flags(&help(&words, &mut helps).expect("the action runs it")));
    }
    let has: BTreeSet<&str> = has.difference(&general).map(|flag| flag.trim_start_matches('-')).collect();
    action_inputs(&text, &has, report);
}

/// As [`action`], for a given text and the flags there are.
pub(crate) fn action_inputs(text: &str, has: &BTreeSet<&str>, report: &mut Report) {
    let declared = manifests::section(text, "inputs");
    for flag in has.iter().filter(|flag| !NO_FLAGS.contains(flag)) {
        let variable = flag.to_ascii_uppercase().replace('-', "_");
        let passed = format!("FLAG_{variable}: \"${{{{ inputs.{flag} }}}}\"");
        if !declared.contains_key(*flag) || !text.contains(&passed) {
            report.add("action.yml", 1, format!("the flag `--{flag}` is no input"), "declare it, and pass it on");
        }
    }
    for (name, (_, line)) in &declared {
        if !has.contains(name.as_str()) && !NO_FLAGS.contains(&name.as_str()) {
            report.add("action.yml", *line, format!("there is no flag `--{name}`"), "drop the input");
        }
    }
}
