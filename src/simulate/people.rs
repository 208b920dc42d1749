//! People: what they do on a whim, and the maintainer who looks after what waits for a person.

use std::time::Duration;

use crate::engine::brief::text_digest;
use crate::engine::checklist;
use crate::engine::config::ApprovalPolicy;
use crate::engine::id::{IssueNumber, Login, PullNumber, pull_branch};
use crate::engine::snapshot::{Actor, Issue, OpenState};
use crate::engine::time::Timestamp;
use crate::forge::memory::MemoryForge;
use crate::forge::memory::edit::Edit;
use crate::forge::world::request::{PersonAct, Request};
use crate::forge::world::text::boxes;
use crate::simulate::drive::Simulation;
use crate::simulate::oracle::Truth;

/// Somebody's whim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whim {
    /// Merges a pull request.
    Merge,
    /// Closes one.
    ClosePull,
    /// Opens one again.
    ReopenPull,
    /// Pushes to its branch.
    Push,
    /// Takes the label off, and puts it on again later.
    Unlabel,
    /// Puts the label on.
    Relabel,
    /// Closes an issue.
    CloseIssue,
    /// Opens it again.
    ReopenIssue,
    /// Rewrites an issue.
    Edit,
    /// Deletes one.
    Delete,
    /// Deletes the branch of a pull request.
    DeleteBranch,
    /// Deletes the tracking issue.
    DeleteTracking,
    /// Ticks a box.
    Tick,
    /// Somebody without write commands.
    Stranger,
    /// Pauses.
    Pause,
    /// Commands about a task.
    Command,
    /// Cancels one.
    Cancel,
    /// Pushes to the base.
    PushBase,
    /// Rewrites a comment into a command.
    EditComment,
}

/// What people do behind our back.
pub(super) const WHIMS: &[Whim] = &[
    Whim::Merge,
    Whim::ClosePull,
    Whim::ReopenPull,
    Whim::Push,
    Whim::Unlabel,
    Whim::Relabel,
    Whim::CloseIssue,
    Whim::ReopenIssue,
    Whim::Edit,
    Whim::Delete,
    Whim::DeleteBranch,
    Whim::DeleteTracking,
    Whim::Tick,
    Whim::Stranger,
    Whim::Pause,
    Whim::Command,
    Whim::EditComment,
];

/// A person with write.
pub(super) const WRITER: &str = "ann";
/// A person with triage: may label, not command.
pub(super) const TRIAGE: &str = "tri";
/// A person without any right.
pub(super) const STRANGER: &str = "eve";
const LABEL: &str = "orchestrate";
/// The grain of GitHub's times.
const A_SECOND: Duration = Duration::from_secs(1);

impl Simulation {
    /// Somebody does something, about any task there is.
    pub(super) fn whim(&mut self, whim: Whim) {
        let known: Vec<u64> = self.scenario.issues.iter().map(|issue| issue.number).collect();
        if known.is_empty() {
            return;
        }
        let number = *self.chance.pick(&known);
        let issue = IssueNumber(number);
        self.note(|| format!("{whim:?} about #{number}"));
        match whim {
            Whim::Merge | Whim::ClosePull | Whim::ReopenPull => self.whim_about_pull(whim, issue),
            Whim::Push => self.push(issue),
            Whim::DeleteBranch => {
                if self.pull_of(issue).is_some() {
                    self.desk.locked().oracle.truth.task(issue).held_since = None;
                    let gone = self.forge.delete_branch(WRITER, &pull_branch(issue));
                    self.done(gone.is_ok());
                }
            }
            Whim::Unlabel => {
                self.give_up(issue);
                self.act(WRITER, PersonAct::Unlabel { number: issue, label: LABEL.to_owned() });
            }
            Whim::Relabel => self.label(issue),
            Whim::CloseIssue => {
                self.give_up(issue);
                self.desk.locked().oracle.truth.task(issue).ever_closed = true;
                self.act(WRITER, PersonAct::Close { number: issue });
            }
            Whim::ReopenIssue => {
                if self.act(WRITER, PersonAct::Reopen { number: issue }) {
                    self.label(issue);
                }
            }
            Whim::Edit => self.edit(issue),
            Whim::Delete => {
                self.give_up(issue);
                self.act(WRITER, PersonAct::Delete { number: issue });
            }
            Whim::DeleteTracking => {
                if let Some(tracking) = self.tracking() {
                    self.act(WRITER, PersonAct::Delete { number: tracking });
                }
            }
            Whim::Tick => self.tick_any(),
            Whim::Stranger => {
                let who = *self.chance.pick(&[TRIAGE, STRANGER]);
                let words = *self.chance.pick(&["approve", "cancel", "retry", "merge"]);
                self.say(who, issue, &format!("/orchestrate {words} #{number}"));
            }
            Whim::Pause => self.say(WRITER, issue, "/orchestrate pause lunch"),
            Whim::Command => {
                let words = *self.chance.pick(&["retry", "merge", "approve", "explain", "cancel"]);
                self.command(issue, words);
            }
            Whim::Cancel => self.command(issue, "cancel"),
            Whim::PushBase => {
                let path = *self.chance.pick(&["src/a.rs", "src/b.rs", "f.txt", "other.txt"]);
                let pushed = self.forge.push(WRITER, "main", &[Edit::append(path, "a person's line\n")]);
                self.done(pushed.is_ok());
            }
            Whim::EditComment => self.edit_comment(),
        }
    }

    fn whim_about_pull(&mut self, whim: Whim, issue: IssueNumber) {
        let Some(number) = self.pull_of(issue) else { return };
        match whim {
            Whim::Merge => drop(self.act(WRITER, PersonAct::Merge { number })),
            Whim::ReopenPull => drop(self.act(WRITER, PersonAct::Reopen { number: IssueNumber(number.0) })),
            _ => self.close_pull(issue, number),
        }
    }

    pub(super) fn close_pull(&mut self, issue: IssueNumber, number: PullNumber) {
        if self.act(WRITER, PersonAct::Close { number: IssueNumber(number.0) }) {
            self.desk.locked().oracle.truth.task(issue).held_since = None;
        }
    }

    fn push(&mut self, issue: IssueNumber) {
        if self.pull_of(issue).is_some() {
            let pushed = self.forge.push(WRITER, &pull_branch(issue), &[Edit::append("src/a.rs", "mine\n")]);
            if let Ok(sha) = pushed {
                let inner = &mut *self.desk.locked();
                inner.oracle.truth.people_heads.insert(sha);
                inner.oracle.truth.task(issue).touched += 1;
            }
        }
    }

    /// A command by somebody with write.
    pub(super) fn command(&mut self, issue: IssueNumber, words: &str) {
        let approved = (words == "approve").then(|| self.digest(issue)).flatten();
        let head = self.forge.look(|_, repository| repository.branch(&pull_branch(issue)).cloned());
        {
            let truth = &mut self.desk.locked().oracle.truth;
            if words == "approve" {
                truth.approve(issue, approved, self.forge.now());
            }
            let task = truth.task(issue);
            match words {
                "approve" => task.widened = true,
                "retry" => {
                    task.retries += 1;
                    task.touched += 1;
                    task.given_up = false;
                }
                "cancel" => (task.given_up, task.ever_given_up) = (true, true),
                "merge" => task.merge_asked = true,
                _ => {}
            }
            if words == "retry" || words == "merge" {
                truth.people_heads.retain(|theirs| Some(theirs) != head.as_ref());
            }
        }
        let place = self.tracking().filter(|_| self.chance.chance(500)).unwrap_or(issue);
        self.say(WRITER, place, &format!("/orchestrate {words} #{issue}"));
    }

    pub(super) fn say(&mut self, who: &str, place: IssueNumber, words: &str) {
        self.note(|| format!("@{who} on #{place}: {words}"));
        let act = PersonAct::Comment { number: place, body: words.to_owned() };
        self.act(who, act);
    }

    fn give_up(&mut self, issue: IssueNumber) {
        let mut inner = self.desk.locked();
        let task = inner.oracle.truth.task(issue);
        (task.given_up, task.ever_given_up, task.touched) = (true, true, task.touched + 1);
    }

    pub(super) fn label(&mut self, issue: IssueNumber) {
        let digest = self.digest(issue);
        let label = LABEL.to_owned();
        let by_label = self.scenario.settings.approval == ApprovalPolicy::Label;
        if self.act(WRITER, PersonAct::Label { number: issue, label }) {
            let truth = &mut self.desk.locked().oracle.truth;
            truth.task(issue).given_up = false;
            if by_label {
                truth.approve(issue, digest, self.forge.now());
                // Put on again, it says of work that is there already what the command says.
                let begun = truth.attempts_of(issue).next().is_some();
                truth.task(issue).widened |= begun;
            }
        }
    }

    fn edit(&mut self, issue: IssueNumber) {
        let Some(body) = self.forge.look(|world, _| Some(world.issue(issue)?.issue.body.clone())) else { return };
        let file = *self.chance.pick(&["src/a.rs", "src/b.rs", "lib/e.rs", "f.txt"]);
        let body = match self.chance.below(3) {
            0 => format!("{body}\n\nand more"),
            1 => format!("Files: {file}\n\n{}", body.replace("Files: ", "Once: ")),
            _ => body.replace("Depends on", "Once on"),
        };
        let before = self.digest(issue);
        if self.act(WRITER, PersonAct::Edit { number: issue, title: None, body: Some(body) }) {
            let until = self.forge.now();
            let after = self.digest(issue).filter(|_| self.labelled_at(issue, until));
            let inner = &mut *self.desk.locked();
            let task = inner.oracle.truth.task(issue);
            task.texts.extend(before.map(|digest| (digest, until)));
            task.approved.extend(after);
        }
    }

    /// Whether somebody with write put the label on at this very moment, where that approves. What the same person made
    /// of the text in the moment of their label they approved with it: nobody can tell which of the two came first.
    fn labelled_at(&self, issue: IssueNumber, moment: Timestamp) -> bool {
        self.scenario.settings.approval == ApprovalPolicy::Label
            && self.forge.look(|world, _| {
                let last = world.issue(issue).and_then(|entry| entry.label_events.last());
                last.is_some_and(|last| last.added && last.at == moment && last.actor.login.as_str() == WRITER)
            })
    }

    /// Ticks any box of the tracking issue.
    fn tick_any(&mut self) {
        let Some(tracking) = self.tracking() else { return };
        let who = *self.chance.pick(&[WRITER, WRITER, TRIAGE]);
        let Some(issue) = self.forge.look(|world, _| Some(world.issue(tracking)?.issue.clone())) else { return };
        let count = boxes(&issue.body).len() as u64;
        if count > 0 {
            let index = usize::try_from(self.chance.below(count)).unwrap_or_default();
            let ticked = tick(&self.forge, &issue, index, who);
            if let Some(after) = ticked.filter(|_| who == WRITER) {
                note_ticks(&mut self.desk.locked().oracle.truth, &self.forge, &after);
            }
        }
    }

    /// A comment of a person's is rewritten into a command: it must not count.
    fn edit_comment(&mut self) {
        let now = self.forge.now();
        let comment = self.forge.look(|world, _| {
            let theirs = world.comments().rev().find(|entry| entry.comment.author.login.as_str() == WRITER)?;
            // Nobody rewrites within a second what they wrote in it, and GitHub's times could not tell.
            (now.since(theirs.comment.created_at) >= A_SECOND).then_some(theirs.comment.id)
        });
        if let Some(comment) = comment {
            self.act(WRITER, PersonAct::EditComment { comment, body: "/orchestrate cancel".to_owned() });
        }
    }

    /// Somebody acts; whether GitHub let them.
    pub(super) fn act(&mut self, who: &str, act: PersonAct) -> bool {
        let done = self.forge.person(who, act);
        done.is_ok()
    }

    fn digest(&self, issue: IssueNumber) -> Option<String> {
        digest(&self.forge, issue)
    }

    pub(super) fn pull_of(&self, issue: IssueNumber) -> Option<PullNumber> {
        let branch = pull_branch(issue);
        self.forge
            .look(|world, _| world.pulls().rev().find(|(_, pull)| pull.head_branch == branch).map(|(number, _)| number))
    }

    /// The tracking issue that people see.
    pub(super) fn tracking(&self) -> Option<IssueNumber> {
        self.forge.look(|world, _| {
            let ours = |labels: &[String]| labels.iter().any(|label| label == "orchestrate:tracking");
            let mut open = world.issues().filter(|e| e.issue.state == OpenState::Open && ours(&e.issue.labels));
            open.next().map(|entry| entry.issue.number)
        })
    }
}

/// Ticks a box of an issue as a person and gives the body after it.
pub(super) fn tick(forge: &MemoryForge, issue: &Issue, index: usize, who: &str) -> Option<String> {
    let act = PersonAct::Tick { number: issue.number, index, checked: true };
    let actor = Actor { login: Login::new(who), bot: false };
    forge.apply(Request::Person { actor, act, git: None }).ok()?;
    forge.look(|world, _| Some(world.issue(issue.number)?.issue.body.clone()))
}

/// The digest of an issue's text as it stands.
pub(super) fn digest(forge: &MemoryForge, issue: IssueNumber) -> Option<String> {
    forge.look(|world, _| {
        let entry = world.issue(issue).filter(|entry| !entry.deleted)?;
        Some(text_digest(&entry.issue.title, &entry.issue.body))
    })
}

/// What the ticks of a body say, once somebody with write has made them. A box approves the text whose digest stands
/// in it, if that is the text as it is.
pub(super) fn note_ticks(truth: &mut Truth, forge: &MemoryForge, body: &str) {
    for tick in checklist::ticks(body) {
        let (word, issue) = tick.command.split_once(" #").unwrap_or((&tick.command, ""));
        let issue = issue.parse().ok().map(IssueNumber);
        let issues: Vec<IssueNumber> = issue.map_or_else(|| truth.tasks.keys().copied().collect(), |issue| vec![issue]);
        for number in issues {
            let shown =
                |now: &String| issue.is_none() || tick.digest.as_ref().is_none_or(|shown| now.starts_with(shown));
            let digest = digest(forge, number).filter(shown);
            // Who asks for another attempt, or for the merge, hands a head of their own back.
            let head = forge.branch(&pull_branch(number)).filter(|_| matches!(word, "retry" | "merge"));
            truth.people_heads.retain(|theirs| Some(theirs) != head.as_ref());
            if word == "approve" {
                truth.approve(number, digest, forge.now());
            }
            let task = truth.task(number);
            match word {
                "approve" => task.widened = true,
                "retry" => (task.retries, task.touched, task.given_up) = (task.retries + 1, task.touched + 1, false),
                "cancel" => (task.given_up, task.ever_given_up) = (true, true),
                "merge" => task.merge_asked = true,
                _ => {}
            }
        }
    }
}
