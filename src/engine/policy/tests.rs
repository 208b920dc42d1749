//! Nasty paths, modes and contents, one per line.

use super::*;

fn policy() -> PatchPolicy {
    PatchPolicy { protected: vec!["Secrets/**".to_owned(), "*.lock".to_owned()], files_max: 3, bytes_max: 1000 }
}

fn entry(path: &str, new_mode: u32) -> Entry {
    Entry { path: path.to_owned(), old_mode: MODE_FILE, new_mode, status: 'M' }
}

fn refused(path: &str) -> Vec<String> {
    judge(&policy(), &[entry(path, MODE_FILE)], 10, &[])
}

const NASTY: [&str; 63] = [
    "",
    "/etc/passwd",
    "C:/x",
    "../x",
    "a/../b",
    "a/./b",
    "a//b",
    "a/",
    "...",
    "a/. ",
    "a\\b",
    "..\\x",
    ".git",
    ".git/hooks/pre-commit",
    ".GIT/config",
    ".gIt/config",
    "sub/.git/config",
    "sub/.Git",
    ".git./config",
    ".git /config",
    ".git. . /config",
    ".git::$INDEX_ALLOCATION/config",
    ".git:x",
    "git~1/config",
    "GIT~1",
    "GITMOD~1",
    "git~10/x",
    ".g\u{200c}it/config",
    ".gi\u{feff}t/config",
    "\u{200d}.git",
    ".git\u{206f}/x",
    ".g\u{0131}t/config",
    "a\nb",
    "a\u{0}b",
    "a\u{7f}",
    "a\u{1b}[31m",
    "a\u{202e}txt.exe",
    "bad\u{fffd}",
    ".github/workflows/ci.yml",
    ".GitHub/workflows/ci.yml",
    ".github./workflows/ci.yml",
    ".git\u{200b}hub/workflows/x.yml",
    ".gitmodules",
    "sub/.gitmodules",
    ".gitattributes",
    "CODEOWNERS",
    "docs/CodeOwners",
    "AGENTS.md",
    "agents.md",
    "sub/AGENTS.md",
    "AGENT\u{017f}.md",
    "AGENTS.override.md",
    "CLAUDE.md",
    ".claude/settings.json",
    "sub/.claude/settings.json",
    ".codex/config.toml",
    ".codex",
    ".agents/x",
    ".mcp.json",
    ".husky/pre-commit",
    "secrets/a/b",
    "SECRETS/a",
    "Cargo.lock",
];

#[test]
fn nasty_paths_are_refused() {
    let (long, deep) = ("x".repeat(256), "y/".repeat(600));
    for path in NASTY.into_iter().chain([long.as_str(), deep.as_str()]) {
        assert_eq!(refused(path).len(), 1, "{path:?} must be refused once");
    }
}

#[test]
fn plain_paths_pass() {
    for path in [
        "src/main.rs",
        ".gitignore",
        "a/.gitkeep",
        "git/mod.rs",
        "github/x.rs",
        "src/github/mod.rs",
        "docs/.githooks.md",
        "über/naïve file.txt",
        "legit~1/x",
        "a.b.c/..d",
        "sub/Cargo.lock",
        "codeowners.txt",
    ] {
        assert_eq!(refused(path), Vec::<String>::new(), "{path:?} must pass");
    }
}

#[test]
fn modes_are_judged() {
    let refuses = |old_mode, new_mode| {
        let change = Entry { path: "a".to_owned(), old_mode, new_mode, status: 'T' };
        !judge(&policy(), &[change], 10, &[]).is_empty()
    };
    for (old, new, refused) in [
        (MODE_FILE, MODE_PROGRAM, false),
        (MODE_NONE, MODE_PROGRAM, false),
        (MODE_FILE, MODE_NONE, false),
        (MODE_LINK, MODE_NONE, false),
        (MODE_LINK, MODE_FILE, false),
        (MODE_NONE, MODE_LINK, true),
        (MODE_FILE, MODE_LINK, true),
        (MODE_LINK, MODE_LINK, true),
        (MODE_NONE, MODE_SUBMODULE, true),
        (MODE_SUBMODULE, MODE_NONE, true),
        (MODE_SUBMODULE, MODE_SUBMODULE, true),
        (MODE_NONE, 0o40_000, true),
        (MODE_FILE, 0o100_777, true),
    ] {
        assert_eq!(refuses(old, new), refused, "{old:o} to {new:o}");
    }
}

#[test]
fn size_and_secrets_are_judged_and_no_secret_is_repeated() {
    let many: Vec<Entry> = (0..4).map(|n| entry(&format!("f{n}"), MODE_FILE)).collect();
    assert!(judge(&policy(), &many, 10, &[])[0].contains("touches 4 files"));
    assert!(judge(&policy(), &many[..1], 1001, &[])[0].contains("1001 bytes"));
    let key = "ghp_a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8";
    let added = Added { path: "a.env".to_owned(), text: format!("X=1\nTOKEN={key}\nOTHER={key}") };
    let refusals = judge(&policy(), &many[..1], 10, &[added]);
    assert_eq!(refusals, ["`a.env` gains what looks like a GitHub token"]);
}

#[test]
fn a_glob_that_cannot_be_read_refuses_everything() {
    let broken = PatchPolicy { protected: vec!["a[".to_owned()], ..policy() };
    assert!(judge(&broken, &[entry("x", MODE_FILE)], 1, &[])[0].contains("`a[`"));
}

#[test]
fn endless_refusals_are_counted() {
    let wide = PatchPolicy { files_max: 1000, ..policy() };
    let many: Vec<Entry> = (0..200).map(|n| entry(&format!(".github/{n}"), MODE_FILE)).collect();
    let refusals = judge(&wide, &many, 10, &[]);
    assert_eq!(refusals.len(), REFUSALS_MAX);
    assert_eq!(refusals.last().map(String::as_str), Some("and 151 more refusals"));
}
