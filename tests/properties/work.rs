//! What agents leave: patches that are judged, logs that are cleaned.

use task_orchestrator::engine::policy::{Added, Entry, PatchPolicy, REFUSALS_MAX, judge};
use task_orchestrator::engine::secret;
use task_orchestrator::worker::redact::Redactor;
use task_orchestrator::worker::variables::Variables;

use super::halves;

/// A secret that this process knows, and one that only its form gives away.
const KNOWN: &str = "correct-horse-battery-staple-42";
const TOKEN: &str = "ghp_abcdefghijklmnopqrstuvwxyz0123456789";

/// Changed paths, one a line after its mode, and after a blank line what they add.
pub(crate) fn patch(data: &[u8]) {
    let (paths, added) = halves(data);
    let entries: Vec<Entry> = paths.lines().map(entry).collect();
    let added: Vec<Added> =
        entries.iter().take(3).map(|entry| Added { path: entry.path.clone(), text: added.clone() }).collect();
    let policy = PatchPolicy { protected: vec!["secret/**".to_owned()], files_max: 100, bytes_max: 10_000 };
    let bytes = data.len() as u64;
    let refusals = judge(&policy, &entries, bytes, &added);
    assert!(refusals.len() <= REFUSALS_MAX);
    assert_eq!(refusals, judge(&policy, &entries, bytes, &added));
    for refusal in &refusals {
        assert!(secret::find(refusal).is_empty() && refusal.chars().count() <= 500, "{refusal:?}");
        assert!(!refusal.chars().any(char::is_control), "{refusal:?}");
    }
    let alone = |entry: &Entry| judge(&policy, std::slice::from_ref(entry), 1, &[]);
    let each = entries.iter().any(|entry| !alone(entry).is_empty());
    let leaks = added.iter().any(|part| !secret::find(&part.text).is_empty());
    let too_much = entries.len() > 100 || bytes > 10_000;
    assert_eq!(!refusals.is_empty(), each || leaks || too_much, "a patch is as good as the worst in it: {refusals:?}");
    for entry in entries.iter().filter(|entry| alone(entry).is_empty()) {
        let lower = entry.path.to_lowercase();
        let parts: Vec<&str> = lower.split('/').collect();
        let bad = ["", ".", "..", ".git", ".codex", ".claude"];
        assert!(!parts.iter().any(|part| bad.contains(part)), "{} passes", entry.path);
        // A folder of such a name is read by nobody.
        let bad = [".gitmodules", ".gitattributes", "agents.md"];
        assert!(!parts.last().is_some_and(|part| bad.contains(part)), "{} passes", entry.path);
        assert!(parts[0] != ".github" && parts[0] != "secret" || parts == ["secret"], "{} passes", entry.path);
        assert!([0, 0o100_644, 0o100_755].contains(&entry.new_mode) && entry.old_mode != 0o160_000);
        let shouted = Entry { path: entry.path.to_ascii_uppercase(), ..entry.clone() };
        assert!(alone(&shouted).is_empty(), "case says nothing: {}", entry.path);
    }
}

fn entry(line: &str) -> Entry {
    let (mode, path) = line.split_once(' ').unwrap_or(("", line));
    let new_mode = u32::from_str_radix(mode, 8).unwrap_or(0o100_644);
    let path = if mode.is_empty() || u32::from_str_radix(mode, 8).is_err() { line } else { path };
    Entry { path: path.to_owned(), old_mode: 0, new_mode, status: 'A' }
}

/// A log. `§` stands for a secret this process knows, `¶` for one in a known form.
pub(crate) fn redaction(data: &[u8]) {
    let text = String::from_utf8_lossy(data).replace('§', KNOWN).replace('¶', &format!(" {TOKEN} "));
    let environment = Variables::from([("MODEL_KEY", KNOWN.into()), ("PATH", "/usr/bin:/bin".into())]);
    let redactor = Redactor::new(&environment, None);
    let clean = redactor.clean(&text);
    assert!(!redactor.holds(clean.as_bytes()), "{text:?} gave {clean:?}");
    for at in 0..=KNOWN.len() - 12 {
        assert!(!clean.contains(&KNOWN[at..at + 12]), "{text:?} gave {clean:?}");
    }
    assert!(!clean.contains(TOKEN) && secret::find(&clean).is_empty(), "{text:?} gave {clean:?}");
    assert!(!clean.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\t')), "{clean:?}");
    assert_eq!(redactor.clean(&clean), clean, "what is clean stays as it is");
    let lines = |text: &str| text.matches('\n').count();
    assert!(lines(&clean) <= lines(&text));
}
