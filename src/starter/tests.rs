use std::collections::BTreeMap;

use serde_json::Value;

use crate::engine::config::{CONFIGURATION_PATH, KEYS, Settings, parse};
use crate::engine::facts;
use crate::forge::runner::workflow::Workflow;
use crate::starter::onboarding::{BRANCH, Onboarding, Reason, body, new_file_link};
use crate::starter::{Committer, ISSUE_FORM_PATH, TASK_WORKFLOW_PATH, configuration, files};

fn text_of(path: &str) -> String {
    files().into_iter().find(|file| file.path == path).expect("there").text.into_owned()
}

fn onboarding(reason: Reason) -> Onboarding<'static> {
    Onboarding { page: "https://github.com/octo/widgets", branch: "trunk", label: "orchestrate", reason }
}

#[test]
fn the_configuration_changes_nothing_and_names_every_key_with_its_default() {
    let defaults = Settings::server();
    let text = configuration();
    assert_eq!(parse(&text, &defaults), Ok(defaults.clone()), "all of it is comment");
    for key in KEYS {
        let line = text.lines().find(|line| line.starts_with(&format!("# {}:", key.name)));
        let line = line.unwrap_or_else(|| panic!("`{}` is missing", key.name)).trim_start_matches("# ");
        assert_eq!(parse(line, &defaults), Ok(defaults.clone()), "{line}");
        assert!(text.contains(&format!("# {}\n# {}:", key.doc, key.name)), "what `{}` does", key.name);
    }
    assert!(text.lines().all(|line| line.is_empty() || line.starts_with("# ")), "{text}");
}

/// GitHub renders each field as a heading with what was filled in, and `_No response_` where nothing was.
#[test]
fn what_the_form_asks_for_is_what_an_issue_can_say() {
    let form: Value = serde_saphyr::from_str(&text_of(ISSUE_FORM_PATH)).expect("YAML");
    assert!(form["name"].is_string() && form["description"].is_string());
    assert!(form["labels"].is_null(), "whoever opens an issue must not hand it over by that");
    let fields: Vec<&Value> =
        form["body"].as_array().expect("a list").iter().filter(|it| it["type"] != "markdown").collect();
    let ids: Vec<_> = fields.iter().map(|field| field["id"].as_str().expect("an id")).collect();
    let mut once = ids.clone();
    once.sort_unstable();
    once.dedup();
    assert_eq!(once.len(), ids.len());
    let filled = BTreeMap::from([
        ("Description", "Print the total."),
        ("Acceptance", "- it prints the total"),
        ("Files", "src/list.rs\nsrc/sum.rs"),
        ("Depends on", "#12, #14"),
        ("Priority", "high"),
        ("Phase", "2"),
        ("Validate", "cargo test"),
    ]);
    let render = |fill: bool| -> String {
        let section = |field: &&Value| {
            let label = field["attributes"]["label"].as_str().expect("a label");
            let value = if fill { filled[label] } else { "_No response_" };
            format!("### {label}\n\n{value}\n\n")
        };
        fields.iter().map(section).collect()
    };
    let said = facts::read("A task", &render(true), &[]);
    assert!(said.problems.is_empty(), "{:?}", said.problems);
    assert_eq!((said.files.len(), said.depends_on.len(), said.phase), (2, 2, Some(2)));
    assert_eq!((said.acceptance.len(), said.validate.len()), (1, 1));
    assert_eq!(said.priority.map(|priority| priority.to_string()).as_deref(), Some("high"));
    let silent = facts::read("A task", &render(false), &[]);
    assert!(silent.problems.is_empty() && silent.files.is_empty(), "{:?}", silent.problems);
    let options =
        fields.iter().find(|field| field["id"] == "priority").expect("a field")["attributes"]["options"].clone();
    for option in options.as_array().expect("a list") {
        let body = format!("### Priority\n\n{}", option.as_str().expect("a text"));
        assert!(facts::read("A task", &body, &[]).priority.is_some(), "{option}");
    }
}

#[test]
fn only_workflows_are_left_to_people_and_each_is_one() {
    for file in files() {
        let is_workflow = file.path.starts_with(".github/workflows/");
        assert_eq!(file.committer == Committer::Person, is_workflow, "{}", file.path);
        if is_workflow {
            Workflow::parse(&file.text).expect("a workflow");
        }
    }
    let paths: Vec<_> = files().iter().map(|file| file.path).collect();
    assert_eq!(paths, [ISSUE_FORM_PATH, CONFIGURATION_PATH, TASK_WORKFLOW_PATH]);
    assert_eq!(TASK_WORKFLOW_PATH, format!(".github/workflows/{}", Settings::server().workflow));
}

/// What GitHub makes of the value of a query.
fn decoded(value: &str) -> String {
    percent_encoding::percent_decode_str(&value.replace('+', " ")).decode_utf8().expect("text").into_owned()
}

#[test]
fn a_link_fills_in_exactly_the_file() {
    for file in files() {
        let link = new_file_link("https://github.com/octo/widgets", "a branch/é", &file);
        let (place, query) = link.split_once('?').expect("a query");
        assert_eq!(decoded(place), "https://github.com/octo/widgets/new/a branch/é");
        let values: Vec<_> = query.split('&').map(|pair| pair.split_once('=').expect("a pair")).collect();
        assert_eq!((values[0].0, decoded(values[0].1)), ("filename", file.path.to_owned()));
        if file.committer == Committer::Person {
            assert_eq!((values[1].0, decoded(values[1].1)), ("value", file.text.clone().into_owned()));
        }
        assert!(link.len() <= 7_500 && !link.contains([' ', '(', ')', '<', '>', '"', '\n']), "{link}");
        let long = crate::starter::StarterFile { text: "é".repeat(4_000).into(), ..file.clone() };
        let link = new_file_link("https://github.com/octo/widgets", "trunk", &long);
        assert!(link.ends_with(&format!("filename={}", file.path)), "too much is not filled in: {link}");
    }
}

#[test]
fn the_pull_request_explains_itself() {
    let mut short = files();
    for file in short.iter_mut().filter(|file| file.committer == Committer::Person) {
        file.text = "name: task\non: # a word & a \"quotation\"\n  workflow_dispatch:\n".into();
    }
    insta::assert_snapshot!(body(&onboarding(Reason::Chosen), &short));
    let text = body(&onboarding(Reason::Chosen), &files());
    assert!(text.len() < 60_000, "GitHub takes at most 65,536 characters");
    let labelled = body(&onboarding(Reason::Labelled), &files());
    assert!(labelled.starts_with("This is opened because an issue here has the label `orchestrate`."), "{labelled}");
    assert!(!BRANCH.starts_with(crate::engine::id::PULL_BRANCH_PREFIX), "no task's branch");
}
