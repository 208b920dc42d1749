//! What comes from outside, at random: the properties that `cargo fuzz` looks for, told with pieces of what matters.

use proptest::prelude::*;

use crate::properties;

/// Bytes put together from pieces, with arbitrary ones between them.
fn bytes(pieces: &'static [&'static str]) -> impl Strategy<Value = Vec<u8>> {
    let any = proptest::collection::vec(any::<u8>(), 0..6);
    let text = "\\PC{0,8}".prop_map(String::into_bytes);
    let known = proptest::sample::select(pieces).prop_map(|piece| piece.as_bytes().to_vec());
    let piece = prop_oneof![8 => known, 1 => text, 1 => any];
    proptest::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

const MARKDOWN: &[&str] = &[
    "\n", "\n", "\r\n", "\r", "  ", "    ", "\t", "- ", "* ", "1. ", "> ", "# ", "## ", "```", "~~~", "`", "``", "\\",
    "<!--", "-->", "<b>", "</pre>", "<pre>", "|", "---", "[x](y)", "\u{feff}", "\u{2028}", "\u{b}", "\u{c}", "\u{85}",
    "\u{0}", "é",
];
const COMMANDS: &[&str] = &[
    "/orchestrate ",
    "/Orchestrate\t",
    "/orchestrate",
    "approve",
    "cancel ",
    "retry ",
    "merge ",
    "pause ",
    "aprove",
    "#12",
    "12",
    "#0",
    "#99999999999999999999",
    "because of it",
    "help",
    "\n",
    "\r\n",
    "\r",
    "    ",
    "> ",
    "```",
    "~~~",
    "`",
    "<!--",
    "-->",
    "- ",
    "<pre>",
    "</pre>",
    "&#47;",
    "\\",
    "\u{b}",
    "\u{c}",
    "\u{85}",
    "\u{2028}",
    "\u{0}",
    "\u{feff}",
    "*",
    "_",
];
const FACTS: &[&str] = &[
    "Files: ",
    "Files:\n",
    "### Files\n\n",
    "Depends on: ",
    "Phase: ",
    "Priority: ",
    "Retries: ",
    "Timeout: ",
    "Validate: ",
    "On fail: ",
    "Acceptance:\n",
    "- ",
    "* ",
    "`",
    "```\n",
    ", ",
    "\n",
    "\n\n",
    "\r\n",
    "src/a.rs",
    "src/",
    "**/*.rs",
    "/",
    "./a",
    "../up",
    "C:\\x",
    "~/x",
    "http://x/y",
    "a//b",
    "{a,b}",
    "[x]",
    "**",
    "#3",
    "#0",
    "99999999999",
    "2",
    "45m",
    "high",
    "stop",
    "cargo test",
    "\u{0}",
    "\u{feff}",
    "\u{202e}",
    "> ",
    "<!--",
    "-->",
    "    ",
    "| a | b |",
];
const PAYLOADS: &[&str] = &[
    "push\n",
    "issues\n",
    "issue_comment\n",
    "check_run\n",
    "workflow_run\n",
    "installation\n",
    "\n",
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"",
    "null",
    "1",
    "-1",
    "1e99",
    "99999999999999999999",
    "true",
    "\"action\":",
    "\"issue\":{",
    "\"number\":7",
    "\"repository\":{\"full_name\":\"acme/widgets\"}",
    "\"full_name\":\"a/b/c\"",
    "\"full_name\":\"../..\"",
    "\"id\":",
    "\"comment\":{\"id\":4}",
    "\"ref\":\"refs/heads/main\"",
    "\"sender\":{\"login\":\"x\"}",
    "\\u0000",
    "\\ud800",
    "payload=",
];
const HEADERS: &[&str] = &[
    "sha256=",
    "sha1=",
    "SHA256=",
    "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
    "0",
    "00000000",
    "é",
    " ",
    "\n",
    "Hello, World!",
];
const PATCHES: &[&str] = &[
    "\n",
    "\n\n",
    "100644 ",
    "100755 ",
    "120000 ",
    "160000 ",
    "40000 ",
    "0 ",
    "src/a.rs",
    "secret/x",
    "SECRET/x",
    ".github/x",
    ".GitHub/workflows/x.yml",
    ".git",
    "git~1",
    ".gıt",
    "/",
    "//",
    "../",
    "a",
    "\\",
    ":",
    ".",
    " ",
    "\u{200b}",
    "\u{feff}",
    "\u{202e}",
    "ſ",
    "K",
    "agents.md",
    "AGENTS.MD",
    ".codex/",
    "ghp_abcdefghijklmnopqrstuvwxyz0123456789",
    "\t",
    "-----BEGIN RSA PRIVATE KEY-----",
    "-----END RSA PRIVATE KEY-----",
];
const LOGS: &[&str] = &[
    "§",
    "§",
    "¶",
    "correct-horse-",
    "battery-",
    "staple-42",
    "\u{1b}[1m",
    "\u{1b}",
    "\u{0}",
    "\r",
    "\u{7f}",
    "\u{9b}",
    "\n",
    "\t",
    "ghp_",
    "abcdefghijklmnopqrstuvwxyz",
    "0123456789",
    "sk-",
    "AKIA",
    "-----BEGIN ",
    "PRIVATE KEY-----",
    "-----END ",
    "eyJ",
    "eyJhbGciOiJIUzI1NiJ9",
    ".",
    "*",
    "***",
    " ",
    "é",
];
const TITLES: &[&str] = &[
    "\n",
    "\n\n",
    "Mend it",
    "<!-- orchestrate:end -->",
    "<!-- orchestrate:begin -->",
    "<!-- orchestrate: approve #1 -->",
    "- [ ] ",
    "- [x] ",
    "-->",
    "<!--",
    "`",
    "\\",
    "|",
    "@all",
    "#9",
    "\r",
    "\u{2028}",
    "\u{0}",
    "\u{202e}",
    "**",
    "[a](b)",
    "```",
    "</details>",
    "&lt;",
    "long ",
    "é",
];

proptest! {
    #[test]
    fn commands_hold(data in prop_oneof![bytes(COMMANDS), bytes(MARKDOWN)]) {
        properties::command(&data);
    }

    #[test]
    fn facts_hold(data in bytes(FACTS)) {
        properties::facts(&data);
    }

    #[test]
    fn payloads_hold(data in bytes(PAYLOADS)) {
        properties::payload(&data);
    }

    #[test]
    fn signatures_hold(data in bytes(HEADERS)) {
        properties::signature(&data);
    }

    #[test]
    fn patches_hold(data in bytes(PATCHES)) {
        properties::patch(&data);
    }

    #[test]
    fn cleaned_logs_hold(data in bytes(LOGS)) {
        properties::redaction(&data);
    }

    #[test]
    fn tracking_issues_hold(data in bytes(TITLES)) {
        properties::tracking(&data);
    }
}
