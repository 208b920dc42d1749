//! Whether commands fetch what the project needs: the agent has no network of its own.

use crate::doctor::checks::{Check, listed, unread};
use crate::doctor::finding::Finding;
use crate::doctor::readings::Readings;

/// Files in the first folder that name dependencies, and what fetches them.
const MANIFESTS: [(&str, &str); 11] = [
    ("Cargo.toml", "cargo fetch"),
    ("package.json", "npm ci"),
    ("go.mod", "go mod download"),
    ("requirements.txt", "pip install -r requirements.txt"),
    ("pyproject.toml", "pip install -e ."),
    ("Gemfile", "bundle install"),
    ("composer.json", "composer install"),
    ("pom.xml", "mvn dependency:go-offline"),
    ("build.gradle", "gradle dependencies"),
    ("build.gradle.kts", "gradle dependencies"),
    ("mix.exs", "mix deps.get"),
];

pub(super) const CHECK: Check = Check { id: "setup", title: "Set-up commands", judge };

fn judge(readings: &Readings) -> Finding {
    let names = match &readings.first_folder {
        Ok(names) => names,
        Err(why) => return unread(why),
    };
    let found: Vec<(&str, &str)> =
        MANIFESTS.into_iter().filter(|(file, _)| names.iter().any(|name| name == file)).collect();
    if found.is_empty() {
        return Finding::ok("no manifest of dependencies in the first folder");
    }
    if !readings.settings.setup.is_empty() {
        return Finding::ok(format!("{} given", readings.settings.setup.len()));
    }
    let files: Vec<String> = found.iter().map(|(file, _)| (*file).to_owned()).collect();
    let commands: Vec<&str> = found.iter().map(|(_, command)| *command).collect();
    let what = format!("{} there, and no `setup`: the agent has no network to fetch dependencies", listed(&files));
    let remedy = format!("write `setup: [{}]` or the like into `.github/orchestrator.yml`", commands.join(", "));
    let page = readings.page(&format!("/blob/{}/.github/orchestrator.yml", readings.base()));
    Finding::warning(what, remedy).at(page)
}
