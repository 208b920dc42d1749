//! Taking over what changed in the issues file since the last start, as the owner's acts on the forge.
//!
//! What a person did in the pages stands: only what differs between the file's last text and its present one is taken
//! over, and an issue that is missing from the file is left alone.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::Context as _;
use serde::de::DeserializeOwned;

use crate::engine::id::{IssueNumber, Login};
use crate::engine::snapshot::{Actor, OpenState};
use crate::forge::http::Forge;
use crate::forge::world::World;
use crate::forge::world::request::{PersonAct, Request, SeedAct, SeedIssue};
use crate::local::issues::{GivenIssues, listed};
use crate::local::state::write_whole;

/// The file in the state folder that keeps what the issues file said at the last start.
const TAKEN_FILE: &str = "issues.json";

/// The file in the state folder with the numbers whose label is being put on anew: a start that finds it was cut short
/// there, maybe between taking the label off and putting it on.
const RELABELLING_FILE: &str = "relabelling.json";

/// The label to put on anew after an edit, where labelling is what approves.
pub(super) type Relabel<'a> = Option<&'a str>;

/// What is to be done on the forge.
#[derive(Default)]
struct Change {
    /// Opened under their own numbers, labelled.
    seeds: Vec<SeedIssue>,
    /// After that.
    acts: Vec<PersonAct>,
    new: usize,
    edited: usize,
    /// Issues whose label is put on anew.
    relabelled: BTreeSet<IssueNumber>,
    /// Numbers that the forge has given to something of its own.
    taken: Vec<u64>,
}

/// Applies the changes and keeps what the file says now. Gives the words about them; none where nothing changed.
pub(super) async fn take_over(
    forge: &Forge,
    given: &GivenIssues,
    state: &Path,
    owner: &Login,
    relabel: Relabel<'_>,
) -> anyhow::Result<Vec<String>> {
    let file = state.join(TAKEN_FILE);
    let last = last_text(&file)?;
    let relabelling = state.join(RELABELLING_FILE);
    let cut_short: BTreeSet<IssueNumber> = kept(&relabelling)?.unwrap_or_default();
    let told = Told { last: last.as_ref(), cut_short: &cut_short, relabel };
    let change = forge.handle().look(|world| change(world, given, &told, owner));
    if !change.relabelled.is_empty() {
        write_whole(&relabelling, &serde_json::to_vec(&change.relabelled)?)?;
    }
    if !change.seeds.is_empty() {
        forge.apply(Request::Seed(SeedAct::Issues(change.seeds))).await?;
    }
    let actor = Actor { login: owner.clone(), bot: false };
    for act in change.acts {
        forge.apply(Request::Person { actor: actor.clone(), act, git: None }).await?;
    }
    // A later file may leave issues out: what was last said of them is still known when they come back.
    let mut known = last.unwrap_or_default();
    known.extend(given.open.iter().map(|issue| (issue.number, issue.clone())));
    let text = serde_json::to_vec(&known.into_values().collect::<Vec<_>>())?;
    write_whole(&file, &text).with_context(|| file.display().to_string())?;
    if !change.relabelled.is_empty() {
        std::fs::remove_file(&relabelling).with_context(|| relabelling.display().to_string())?;
    }
    let mut words = Vec::new();
    if change.new + change.edited > 0 {
        let new = if change.new == 1 { "1 new issue".to_owned() } else { format!("{} new issues", change.new) };
        words.push(format!("Taken over from the issues file: {new}, {} edited.", change.edited));
    }
    if !change.taken.is_empty() {
        words.push(format!(
            "Note: not taken over from the issues file: {}; here the tracking issue or a pull request has that number. \
             Give another --state DIR to begin with all of them.",
            listed(&change.taken)
        ));
    }
    Ok(words)
}

/// What the file said of each issue at the last start; nothing at the first one.
fn last_text(file: &Path) -> anyhow::Result<Option<BTreeMap<IssueNumber, SeedIssue>>> {
    let issues: Option<Vec<SeedIssue>> = kept(file)?;
    Ok(issues.map(|issues| issues.into_iter().map(|issue| (issue.number, issue)).collect()))
}

/// What an earlier start wrote into a file of the state folder.
fn kept<T: DeserializeOwned>(file: &Path) -> anyhow::Result<Option<T>> {
    match std::fs::read(file) {
        Ok(text) => serde_json::from_slice(&text).map(Some).with_context(|| file.display().to_string()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| file.display().to_string()),
    }
}

/// What earlier starts left, and what labelling means.
struct Told<'a> {
    /// What the file said at the last start.
    last: Option<&'a BTreeMap<IssueNumber, SeedIssue>>,
    /// Issues whose relabelling may be half done.
    cut_short: &'a BTreeSet<IssueNumber>,
    relabel: Relabel<'a>,
}

fn change(world: &World, given: &GivenIssues, told: &Told<'_>, owner: &Login) -> Change {
    let mut change = Change::default();
    for issue in &given.open {
        let Some(entry) = world.issue(issue.number) else {
            change.new += 1;
            change.seeds.push(issue.clone());
            continue;
        };
        if entry.issue.is_pull_request || !entry.issue.author.login.same(owner) {
            change.taken.push(issue.number.0);
        } else if !entry.deleted {
            change.follow(&entry.issue, issue, told);
        }
    }
    for issue in &given.closed {
        let number = issue.number;
        let stands = world.issue(number).map(|entry| &entry.issue);
        if stands.is_none() {
            change.seeds.push(issue.clone());
        }
        let unfinished = |open: &crate::engine::snapshot::Issue| {
            open.state == OpenState::Open && open.labels.is_empty() && open.title == issue.title
        };
        if stands.is_none_or(unfinished) {
            change.acts.push(PersonAct::Close { number });
        }
    }
    change
}

impl Change {
    /// What makes an issue of the forge follow the file.
    fn follow(&mut self, stands: &crate::engine::snapshot::Issue, issue: &SeedIssue, told: &Told<'_>) {
        // What the file said at the last start, if there was one and the issue was in it.
        let before = told.last.map(|last| last.get(&issue.number));
        let number = issue.number;
        let is_back = matches!(before, Some(None));
        let said = |before: &SeedIssue| before.title == issue.title && before.body == issue.body;
        let same = stands.title == issue.title && stands.body == issue.body;
        let edited = !same && !before.flatten().is_some_and(said);
        if edited {
            let (title, body) = (Some(issue.title.clone()), Some(issue.body.clone()));
            self.acts.push(PersonAct::Edit { number, title, body });
        }
        if is_back && stands.state == OpenState::Closed {
            self.acts.push(PersonAct::Reopen { number });
        }
        let holds = |labels: &[String], label: &str| labels.iter().any(|held| held.eq_ignore_ascii_case(label));
        let is_new = |label: &&String| {
            !holds(&stands.labels, label) && !before.flatten().is_some_and(|before| holds(&before.labels, label))
        };
        let labels: Vec<String> = issue.labels.iter().filter(is_new).cloned().collect();
        let relabelled = !labels.is_empty();
        self.acts.extend(labels.into_iter().map(|label| PersonAct::Label { number, label }));
        let half_done = told.cut_short.contains(&number);
        let anew = |label: &&str| half_done || (edited && holds(&stands.labels, label));
        if let Some(label) = told.relabel.filter(anew) {
            let label = label.to_owned();
            if holds(&stands.labels, &label) {
                self.acts.push(PersonAct::Unlabel { number, label: label.clone() });
            }
            self.acts.push(PersonAct::Label { number, label });
            self.relabelled.insert(number);
        }
        if is_back {
            self.new += 1;
        } else if edited || relabelled || half_done {
            self.edited += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::id::RepositoryName;
    use crate::engine::time::Timestamp;
    use crate::forge::world::setup::Setup;

    const START: Timestamp = Timestamp(1_750_000_000_000);
    const NUMBER: IssueNumber = IssueNumber(1);

    fn issue(title: &str) -> SeedIssue {
        let (body, labels) = ("Files: a.txt".to_owned(), vec!["orchestrate".to_owned()]);
        SeedIssue { number: NUMBER, title: title.to_owned(), body, labels }
    }

    fn labels(world: &World) -> Vec<String> {
        world.issue(NUMBER).map(|entry| entry.issue.labels.clone()).unwrap_or_default()
    }

    /// Whatever was done of the acts before a kill, the next start ends with the new text and the label put on after.
    #[test]
    fn an_edited_issue_is_labelled_anew_though_a_kill_cuts_the_acts_anywhere() {
        let owner = Login::new("owner");
        for done in 0..=3 {
            let mut world = World::new(Setup::new(RepositoryName::new("acme/widgets"), "main", owner.clone()));
            let seed = Request::Seed(SeedAct::Issues(vec![issue("Before")]));
            world.apply(seed, START).response.expect("seeded");
            let last = BTreeMap::from([(NUMBER, issue("Before"))]);
            let given = GivenIssues { open: vec![issue("After")], closed: Vec::new() };
            let told = Told { last: Some(&last), cut_short: &BTreeSet::new(), relabel: Some("orchestrate") };
            let first = change(&world, &given, &told, &owner);
            assert_eq!((first.acts.len(), &first.relabelled), (3, &BTreeSet::from([NUMBER])));
            let act = |world: &mut World, act: PersonAct| {
                let actor = Actor { login: owner.clone(), bot: false };
                world.apply(Request::Person { actor, act, git: None }, START).response.expect("done");
            };
            first.acts.into_iter().take(done).for_each(|next| act(&mut world, next));
            let told = Told { cut_short: &first.relabelled, ..told };
            let second = change(&world, &given, &told, &owner);
            assert!(matches!(second.acts.last(), Some(PersonAct::Label { .. })), "{done}: {:?}", second.acts);
            second.acts.into_iter().for_each(|next| act(&mut world, next));
            assert_eq!(labels(&world), ["orchestrate"], "{done}");
            assert_eq!(world.issue(NUMBER).map(|entry| entry.issue.title.as_str()), Some("After"), "{done}");
        }
    }
}
