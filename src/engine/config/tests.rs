//! The configuration: every key, every default, every mistake with its place.

use std::collections::BTreeSet;

use crate::engine::config::{ApprovalPolicy, Gate, KEYS, PlannerPolicy, Settings, parse};
use crate::engine::footprint::OverlapPolicy;
use crate::engine::policy::Scope;
use crate::engine::time::Span;

#[test]
fn an_empty_file_changes_nothing() {
    for text in ["", "\n# nothing\n---\n", "---\n", "max_parallel:\n"] {
        assert_eq!(parse(text, &Settings::server()), Ok(Settings::server()), "{text}");
    }
}

#[test]
fn keys_are_read_over_the_defaults() {
    let text = "# ours\nmax_parallel: 8\nsettle: none\nbackoff: 3s\noverlap: strict\napproval: label\ngate: green\n\
                scope: report\nplanner: agent\nauto_merge: true\nvalidate: cargo test\nsetup:\n  - a\n  - b\n\
                agent_command: ./agent.sh\nlabel: \"run it\"\n";
    let settings = parse(text, &Settings::local()).expect("well formed");
    assert_eq!((settings.max_parallel, settings.backoff, settings.settle), (8, Span::seconds(3), Span::seconds(0)));
    assert_eq!((settings.overlap, settings.approval), (OverlapPolicy::Strict, ApprovalPolicy::Label));
    assert_eq!((settings.planner, Settings::server().planner), (PlannerPolicy::Agent, PlannerPolicy::Off));
    assert_eq!((settings.gate, settings.scope, settings.auto_merge), (Gate::Green, Some(Scope::Report), true));
    assert_eq!(
        (settings.validate, settings.setup),
        (vec!["cargo test".to_owned()], vec!["a".to_owned(), "b".to_owned()])
    );
    assert_eq!((settings.agent_command.as_deref(), settings.label.as_str()), (Some("./agent.sh"), "run it"));
    assert_eq!(settings.heartbeat, Settings::local().heartbeat);
}

#[test]
fn mistakes_have_a_place_and_a_remedy() {
    for (text, line, part) in [
        ("label: x\nmax_paralel: 4\n", 2, "did you mean `max_parallel`?"),
        ("colour: red\n", 1, "unknown key `colour`; the nearest keys are timeout, scope, model "),
        ("label: x\ncolour: [\n", 2, ""),
        ("max_parallel: 0\n", 1, "from 1 to 256"),
        ("\n\nmax_parallel: 1000\n", 3, "from 1 to 256"),
        ("max_parallel: many\n", 1, ""),
        ("timeout: 5\n", 1, "unit"),
        ("timeout: 5 parsecs\n", 1, "unit"),
        ("overlap: loose\n", 1, "balanced"),
        ("planner: on\n", 1, "agent"),
        ("overlap: declared\nplanner: agent\n", 2, "write `overlap: balanced` or `overlap: strict`, or `planner: off`"),
        ("attempts: 2\nattempts: 3\n", 2, "`attempts` is written twice; keep one"),
        ("backoff: 1h\n", 1, "from 0ms to 10m"),
        ("workflow: ../x.yml\n", 1, "file name"),
        ("protected: ['[']\n", 1, "no glob"),
        ("label: x\nhotspots: '{a'\n", 2, "no glob; write patterns like `CHANGELOG*`"),
        ("- a\n", 1, ""),
        ("a: [\n", 1, "unclosed bracket"),
    ] {
        let problem = parse(text, &Settings::server()).expect_err(text);
        assert!(line == 0 || problem.line == line, "{text}: {problem:?}");
        assert!(line == 0 || problem.snippet.contains('^'), "{text}: {problem:?}");
        assert!(problem.message.contains(part), "{text}: {problem}");
    }
}

#[test]
fn an_oversized_or_multiplying_file_is_refused() {
    assert!(parse(&"#\n".repeat(100_000), &Settings::server()).is_err());
    let bomb = "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b]\n";
    assert!(parse(bomb, &Settings::server()).is_err());
}

#[test]
fn every_setting_has_a_key_and_its_true_default() {
    let values = serde_json::to_value(Settings::server()).expect("plain data");
    let fields: BTreeSet<&str> = values.as_object().expect("a map").keys().map(String::as_str).collect();
    // The way of running decides it, never a file.
    let decided = ["forgive_cancelled_runs", "actions"];
    let written: BTreeSet<&str> = fields.into_iter().filter(|field| !decided.contains(field)).collect();
    assert_eq!(KEYS.iter().map(|key| key.name).collect::<BTreeSet<_>>(), written);
    for key in KEYS {
        let value = &values[key.name];
        if value.is_null() {
            assert!(key.default.starts_with("unset"), "{}", key.name);
            continue;
        }
        let text = format!("{}: {}\n", key.name, key.default);
        let read = parse(&text, &Settings::local()).unwrap_or_else(|problem| panic!("{problem}"));
        let read = serde_json::to_value(read).expect("plain data");
        assert_eq!(&read[key.name], value, "{}", key.name);
        assert!(key.doc.ends_with('.'), "{}", key.name);
    }
}
