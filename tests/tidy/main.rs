//! The house rules, as tests: layers, sizes, names, words, and documents that say what the code does.

#![expect(clippy::expect_used, reason = "a test that cannot go on ends")]

mod documents;
mod flags;
mod layers;
mod manifests;
mod planted;
mod program;
mod report;
mod sizes;
mod source;
mod tree;
mod words;

use report::Report;

#[test]
fn imports_go_downwards_and_libraries_stay_in_their_place() {
    let mut report = Report::default();
    for source in tree::sources("src/") {
        layers::check(&source, &mut report);
    }
    report.conclude("Layers are broken (ARCHITECTURE.md, code map).");
}

#[test]
fn functions_are_short() {
    let mut report = Report::default();
    for source in tree::sources("src/") {
        sizes::functions(&source, &mut report);
    }
    report.conclude("Functions are too long.");
}

#[test]
fn files_are_short_and_narrow() {
    let mut report = Report::default();
    for source in tree::sources("") {
        sizes::file(&source, &mut report);
    }
    report.conclude("Files are too long or too wide.");
}

#[test]
fn names_say_something_and_nothing_is_left_unfinished() {
    let mut report = Report::default();
    for source in tree::sources("") {
        words::code(&source, &mut report);
    }
    report.conclude("Names or marks break the house rules.");
}

#[test]
fn no_file_speaks_of_the_machine_it_was_written_on() {
    let mut report = Report::default();
    for (path, text) in tree::texts() {
        words::text(&path, &text, &mut report);
    }
    report.conclude("Tracked files hold words they must not.");
}

#[test]
fn commands_in_documents_and_workflows_exist() {
    let mut report = Report::default();
    program::check(&mut report);
    report.conclude("Documents or workflows name commands or flags the program does not have.");
}

#[test]
fn the_action_declares_the_inputs_it_uses() {
    let mut report = Report::default();
    manifests::action(&mut report);
    report.conclude("action.yml is out of step with itself.");
}

#[test]
fn the_action_takes_the_flags_of_what_it_runs() {
    let mut report = Report::default();
    flags::action(&mut report);
    report.conclude("The inputs in action.yml and the program's flags differ.");
}

#[test]
fn the_app_asks_for_exactly_the_permissions_the_client_uses() {
    let mut report = Report::default();
    manifests::permissions(&mut report);
    report.conclude("app-manifest.yml and the client's permission table differ.");
}

#[test]
fn workflows_are_pinned_and_start_without_rights() {
    let mut report = Report::default();
    manifests::workflows(&mut report);
    report.conclude("Workflows break the house rules.");
}

#[test]
fn the_readme_lists_the_settings_the_program_has() {
    let mut report = Report::default();
    documents::settings(&mut report);
    report.conclude("The configuration table in README.md and the settings in the code differ.");
}

#[test]
fn the_readme_lists_the_commands_people_can_give() {
    let mut report = Report::default();
    documents::commands(&mut report);
    report.conclude("The command table in README.md and the commands in the code differ.");
}

#[test]
fn the_readme_names_the_flags_the_program_has() {
    let mut report = Report::default();
    flags::check(&mut report);
    report.conclude("The flags in README.md and the program's differ.");
}

#[test]
fn the_architecture_is_short_and_names_files_that_exist() {
    let mut report = Report::default();
    documents::architecture(&mut report);
    report.conclude("ARCHITECTURE.md is out of step with the code.");
}
