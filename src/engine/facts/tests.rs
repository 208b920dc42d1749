//! Issue texts as people write them, and what is read from each.

use proptest::prelude::*;

use crate::engine::brief::AgentKind;
use crate::engine::facts::{Facts, OnFail, Priority, area, read};
use crate::engine::footprint::Area;
use crate::engine::id::IssueNumber;
use crate::engine::problem::ProblemCode;
use crate::engine::time::Span;

fn body(text: &str) -> Facts {
    read("", text, &[])
}

fn files(facts: &Facts) -> Vec<String> {
    facts.files.iter().map(Area::display).collect()
}

fn codes(facts: &Facts) -> Vec<ProblemCode> {
    facts.problems.iter().map(|problem| problem.code).collect()
}

#[test]
fn files_are_read_in_every_form() {
    for (text, expected) in [
        ("Files: src/a.rs, docs/", vec!["src/a.rs", "docs/"]),
        ("**Files:** src/a.rs", vec!["src/a.rs"]),
        ("**Files**: src/a.rs", vec!["src/a.rs"]),
        ("files: `src/a.rs` and `__init__.py`", vec!["src/a.rs", "__init__.py"]),
        ("Touches: ./src\\a.rs b.rs", vec!["src/a.rs", "b.rs"]),
        ("Files: Makefile", vec!["Makefile"]),
        (
            "Files:\n- src/a.rs: the parser\n- [ ] `b.rs` (new)\n- c.rs — split\n\nDone.",
            vec!["src/a.rs", "b.rs", "c.rs"],
        ),
        ("Files: a.rs,\n  b.rs\n", vec!["a.rs", "b.rs"]),
        ("- Files:\n  - a.rs\n- Depends on: #2", vec!["a.rs"]),
        ("## Files\n\nsrc/a.rs\nsrc/**/*.rs\n\n## Other\n\nb.rs", vec!["src/a.rs", "src/**/*.rs"]),
        ("### Files\n\n_No response_\n\n### Priority\n\nHigh", vec![]),
        ("## Files\n```\nsrc/a b.rs\nc.rs\n```", vec!["src/a b.rs", "c.rs"]),
        ("Files: a.rs\nPhase: 2\n---\nmore", vec!["a.rs"]),
        ("Files: src/** and .", vec!["src/", "/"]),
        ("Files: [a.rs](https://example.com/a.rs)", vec!["a.rs"]),
        ("Files: src/f1.rs, `src/f2.rs`", vec!["src/f1.rs", "src/f2.rs"]),
        ("Files: `src/f1.rs`, src/f2.rs, Makefile", vec!["src/f1.rs", "src/f2.rs", "Makefile"]),
        ("Files: **`a.rs`** (new, small), b.rs and `c d.rs`: the parser", vec!["a.rs", "b.rs", "c d.rs"]),
        ("Files: [`a.rs`](https://example.com/a.rs); `b.rs` - moves to `c.rs`.", vec!["a.rs", "b.rs", "c.rs"]),
        ("Files: `a,b.rs`, (`c.rs`) and app/(group)/page.tsx", vec!["a,b.rs", "c.rs", "app/(group)/page.tsx"]),
        ("> Files: a.rs\n\n<!-- Files: b.rs -->\n\n```\nFiles: c.rs\n```\n\n    Files: d.rs", vec![]),
        ("Files: a.rs <!-- or b.rs -->", vec!["a.rs"]),
    ] {
        let facts = body(text);
        assert_eq!(files(&facts), expected, "{text}");
        assert_eq!(facts.problems, [], "{text}");
    }
}

#[test]
fn what_is_no_path_beside_paths_is_told() {
    for (text, expected, told) in [
        ("Files: `a.rs`, the whole parser, b.rs", vec!["a.rs", "b.rs"], "`Files: the whole parser`"),
        ("Files: `a.rs` Makefile", vec!["a.rs"], "`Files: a.rs Makefile`"),
        ("Files: somewhere in `a.rs`", vec!["a.rs"], "`Files: somewhere in a.rs`"),
        ("Files: a.rs, (see below) somewhere", vec!["a.rs"], "somewhere"),
    ] {
        let facts = body(text);
        assert_eq!(files(&facts), expected, "{text}");
        assert_eq!(codes(&facts), [ProblemCode::Unreadable], "{text}: {:?}", facts.problems);
        assert!(facts.problems[0].message.contains(told), "{text}: {:?}", facts.problems);
    }
}

#[test]
fn every_key_is_read() {
    let facts = body(
        "Depends-on: #12, #15\nBlocked by: 16\nPhase: 2\nPriority: High\nAgent: shell\nTimeout: 45m\nRetries: 2\n\
         On fail: continue\nValidate: `cargo test`\n\n### Acceptance\n- [ ] it works\n- Note: Priority: low stays\n\n\
         ## Validate\n\n```sh\ncargo clippy -- -D warnings\n```\n",
    );
    assert_eq!(facts.problems, []);
    assert_eq!(facts.depends_on, [12, 15, 16].map(IssueNumber));
    assert_eq!((facts.phase, facts.priority, facts.agent), (Some(2), Some(Priority::High), Some(AgentKind::Shell)));
    assert_eq!((facts.timeout, facts.retries), (Some(Span::minutes(45)), Some(2)));
    assert_eq!(facts.on_fail, Some(OnFail::Continue));
    assert_eq!(facts.validate, ["cargo test", "cargo clippy -- -D warnings"]);
    assert_eq!(facts.acceptance, ["it works", "Note: Priority: low stays"]);
}

#[test]
fn dependencies_are_read_as_people_write_them() {
    for (text, expected) in [
        ("Depends on #7", vec![7]),
        ("Depends on: #7 (the parser), and #9.", vec![7, 9]),
        ("Depends on: 3 and 4", vec![3, 4]),
        ("### Depends on\n\n- #3\n- #4\n", vec![3, 4]),
        ("Blocked by: none", vec![]),
    ] {
        let facts = body(text);
        assert_eq!(facts.depends_on.iter().map(|number| number.0).collect::<Vec<_>>(), expected, "{text}");
        assert_eq!(facts.problems, [], "{text}");
    }
}

#[test]
fn labels_speak_where_the_body_does_not() {
    let labels = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    for (name, priority) in [
        ("priority: critical", Priority::Critical),
        ("Priority/High", Priority::High),
        ("P0", Priority::Critical),
        ("p1", Priority::High),
        ("P2", Priority::Medium),
        ("P3", Priority::Low),
    ] {
        assert_eq!(read("", "", &labels(&[name])).priority, Some(priority), "{name}");
    }
    assert_eq!(read("", "", &labels(&["agent: codex"])).agent, Some(AgentKind::Codex));
    let facts = read("", "Priority: high", &labels(&["P0", "bug", "area: ui"]));
    assert_eq!((facts.priority, codes(&facts)), (Some(Priority::High), vec![ProblemCode::Contradiction]));
    let facts = read("", "", &labels(&["agent: claude"]));
    assert_eq!(codes(&facts), [ProblemCode::Unreadable]);
    assert!(facts.problems[0].message.contains("`codex` and `shell`"), "{:?}", facts.problems);
}

#[test]
fn what_cannot_be_read_is_a_problem_with_place_and_remedy() {
    for (text, code, part) in [
        ("Timeout: 5 parsecs", ProblemCode::Unreadable, "line 1 of the body"),
        ("Timeout: 0s", ProblemCode::Unreadable, "above zero"),
        ("Phase: 0", ProblemCode::Unreadable, "from 1"),
        ("Phase: soon", ProblemCode::Unreadable, "`Phase: soon`"),
        ("Retries: 99", ProblemCode::Unreadable, "0 to 9"),
        ("On fail: panic", ProblemCode::Unreadable, "`stop` or `continue`"),
        ("Depends on: other/repo#3", ProblemCode::Unreadable, "this repository"),
        ("Depends on: the parser", ProblemCode::Unreadable, "#12"),
        ("Files: I think somewhere below", ProblemCode::Unreadable, "backticks"),
        ("Files: ../secrets", ProblemCode::BadPath, "leaves the repository"),
        ("Files: /etc/passwd", ProblemCode::BadPath, "not relative"),
        ("Files: C:\\windows", ProblemCode::BadPath, "not relative"),
        ("Phase: 1\nPhase: 2", ProblemCode::Contradiction, "the first counts"),
    ] {
        let facts = body(text);
        assert_eq!(codes(&facts), [code], "{text}: {:?}", facts.problems);
        assert!(facts.problems[0].message.contains(part), "{text}: {:?}", facts.problems);
        assert_eq!((files(&facts), facts.depends_on.len()), (vec![], 0), "{text}");
    }
    assert_eq!(body("Phase: 2\n\n## Phase\n2").problems, []);
}

#[test]
fn mentions_are_words_that_look_like_paths() {
    let facts = read(
        "Crash in `src/main.rs`",
        "See src/lib.rs:12:3, (docs/guide.md) and/or Cargo.toml. Version 1.2.3, e.g. https://a.b/c.rs and \
         github.com/x/y.rs.\n## In tests/it.rs\n> quoted/q.rs\n\n```\nat src/deep/x.py#L4\n```\n\nFiles: \
         declared.rs\n\nMakefile, ../up.rs, I/O",
        &[],
    );
    assert_eq!(
        facts.mentions,
        ["src/main.rs", "src/lib.rs", "docs/guide.md", "Cargo.toml", "tests/it.rs", "src/deep/x.py", "Makefile"]
    );
    let log = format!("```\n{}```\n", "at src/log.rs\n".repeat(41));
    assert_eq!(body(&log).mentions, Vec::<String>::new());
}

#[test]
fn areas_are_made_normal() {
    for (text, expected) in [
        ("./a//b/./c.rs", Area::File("a/b/c.rs".to_owned())),
        ("src/", Area::Directory("src".to_owned())),
        ("src/**/*", Area::Directory("src".to_owned())),
        ("*/src/", Area::Glob("*/src/**".to_owned())),
        (".github/", Area::Directory(".github".to_owned())),
        ("/", Area::Directory(String::new())),
    ] {
        assert_eq!(area(text), Ok(expected), "{text}");
    }
    for wrong in ["", "a\u{7}b", "~/x", "a/../b", ".git/config", "a/.GIT/x", "https://x/y", &"x".repeat(513)] {
        assert!(area(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn floods_are_cut_and_said() {
    let list = |count: usize| (0..count).map(|i| format!("- f{i}.rs\n")).collect::<String>();
    let facts = body(&format!("Files:\n{}", list(4_000)));
    assert_eq!((facts.files.len(), codes(&facts)), (200, vec![ProblemCode::Unreadable]));
    let numbers = (1..=5_000).map(|i| format!("#{i} ")).collect::<String>();
    assert_eq!(body(&format!("Depends on: {numbers}")).depends_on.len(), 100);
    assert_eq!(body(&format!("## Acceptance\n{}", list(500))).acceptance.len(), 50);
    let paths = (0..500).map(|i| format!("m/{i}x.rs ")).collect::<String>();
    assert_eq!(body(&paths).mentions.len(), 200);
    assert_eq!(body(&"Timeout: x\n".repeat(5_000)).problems.len(), 20);
}

#[test]
fn hostile_markdown_of_sixty_thousand_characters_is_read() {
    for unit in [
        ">",
        "- ",
        "`",
        "[",
        "<!--",
        "**",
        "# Files\n",
        "Files: ",
        "[](",
        "<a ",
        "* Files:\n",
        "\u{0}",
        "&",
        "|a",
        "~~~\n",
    ] {
        let facts = body(&unit.repeat(60_000 / unit.len()));
        assert!(facts.files.len() <= 200, "{unit}");
    }
}

proptest! {
    #[test]
    fn any_text_is_read_without_panic(
        title in any::<String>(),
        text in "(\\PC|[\n#*`>:,-]|Files:|Depends on|Phase: |é){0,80}",
    ) {
        let facts = read(&title, &text, std::slice::from_ref(&title));
        prop_assert!(facts.problems.len() <= 20);
    }
}
