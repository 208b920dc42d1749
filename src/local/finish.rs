//! What `local` does to the checkout: new branches, and one branch moved forward after each merge. Nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use crate::engine::id::{IssueNumber, Sha, pull_branch};
use crate::engine::plan::Plan;
use crate::git::Error;
use crate::git::checkout::{self, Bring, Brought, bring};
use crate::git::command::Program;
use crate::local::base::Base;

/// Most branches named in one line.
const LISTED_MAX: usize = 10;

/// Brings branches of the forge over to the checkout as they come to be.
#[derive(Debug)]
pub(super) struct Branches {
    checkout: PathBuf,
    forge: PathBuf,
    merge_into: Option<String>,
    /// The base as this start found it.
    base: Sha,
    /// Whether that base held merged work already that the checkout has not.
    has_news: bool,
    brought: BTreeMap<String, Sha>,
    said: BTreeMap<String, Brought>,
    failed: Option<String>,
}

impl Branches {
    /// From the forge's bare repository to a checkout; `merge_into` follows the base once something is merged.
    ///
    /// # Errors
    /// Git cannot be run.
    pub(super) async fn new(
        checkout: &Path,
        forge: &Path,
        merge_into: Option<String>,
        base: &Base,
    ) -> Result<Self, Error> {
        Ok(Self {
            checkout: checkout.to_owned(),
            forge: forge.to_owned(),
            merge_into,
            base: base.head.clone(),
            has_news: base.has_news().await?,
            brought: BTreeMap::new(),
            said: BTreeMap::new(),
            failed: None,
        })
    }

    /// Branches of the checkout that have the names of these issues' and are none of this state's: words about all of
    /// them, once; nothing where there are none.
    ///
    /// # Errors
    /// Git refuses.
    pub(super) async fn strangers(
        &mut self,
        issues: impl Iterator<Item = IssueNumber>,
    ) -> Result<Option<String>, Error> {
        let names: BTreeMap<String, IssueNumber> = issues.map(|issue| (pull_branch(issue), issue)).collect();
        let program = Program::default();
        let arguments = ["for-each-ref", "--format=%(objectname) %(refname:lstrip=2)", "refs/heads/orchestrate/"];
        let listed = program.command(&self.checkout, arguments).run().await?.text();
        let found: Vec<(Sha, String)> = listed
            .lines()
            .filter_map(|line| line.split_once(' '))
            .filter(|(_, name)| names.contains_key(*name))
            .map(|(head, name)| (Sha::new(head), name.to_owned()))
            .collect();
        if found.is_empty() {
            return Ok(None);
        }
        let unknown = self.unknown(found.iter().map(|(head, _)| head)).await?;
        let mut strange: Vec<(IssueNumber, Sha)> = Vec::new();
        for (head, name) in found.iter().filter(|(head, _)| unknown.contains(head.as_str())) {
            self.said.insert(name.clone(), Brought::Diverged);
            strange.extend(names.get(name).map(|issue| (*issue, head.clone())));
        }
        strange.sort_unstable();
        let Some((first, _)) = strange.first() else { return Ok(None) };
        let mut shown = String::new();
        for (issue, head) in strange.iter().take(LISTED_MAX) {
            let _ = write!(shown, "{}#{issue} (at {})", if shown.is_empty() { "" } else { ", " }, head.short());
        }
        if strange.len() > LISTED_MAX {
            let _ = write!(shown, " and {} more", strange.len() - LISTED_MAX);
        }
        Ok(Some(format!(
            "Note: orchestrate/issue-N is there already and is not of this state for {shown}; such branches are left \
             alone. To have the new work there, delete or rename them first: git -C {} branch -D {}",
            quoted(&self.checkout),
            pull_branch(*first)
        )))
    }

    /// Which of these commits no branch of the forge's holds. Its objects do not tell: a clone takes over more than it
    /// reaches.
    async fn unknown(&self, heads: impl Iterator<Item = &Sha> + Clone) -> Result<BTreeSet<String>, Error> {
        let program = Program::default();
        let ask = |arguments: &[&str], input: String| program.command(&self.forge, arguments).input(input).run();
        let asked: String = heads.clone().map(|head| format!("{head}\n")).collect();
        let listed = ask(&["cat-file", "--batch-check"], asked).await?.text();
        let missing: BTreeSet<&str> = listed.lines().filter_map(|line| line.strip_suffix(" missing")).collect();
        let present = heads.filter(|head| !missing.contains(head.as_str())).map(|head| format!("{head}\n"));
        let tips = ask(&["for-each-ref", "--format=^%(objectname)"], String::new()).await?.text();
        let beyond = ask(&["rev-list", "--stdin"], present.chain([tips + "\n"]).collect()).await?.text();
        Ok(beyond.lines().chain(missing).map(str::to_owned).collect())
    }

    /// Brings over what is new in a plan, all of it at once. Gives what people should hear, each thing once.
    pub(super) async fn follow(&mut self, plan: &Plan) -> Vec<String> {
        let wanted = self.wanted(plan);
        if wanted.is_empty() {
            return Vec::new();
        }
        match bring(&Program::default(), &self.checkout, &self.forge, &wanted).await {
            Ok(brought) => {
                let mut told = Vec::new();
                for (bring, brought) in wanted.into_iter().zip(brought) {
                    told.extend(self.note(bring, brought).await);
                }
                told
            }
            Err(error) => {
                let words = error.to_string();
                if self.failed.as_ref() != Some(&words) {
                    tracing::warn!(%error, "branches were not brought to the checkout; it is tried again");
                    self.failed = Some(words);
                }
                Vec::new()
            }
        }
    }

    /// The same for the last time: a branch that was in the way may be out of it.
    pub(super) async fn follow_once_more(&mut self, plan: &Plan) -> Vec<String> {
        if let Some(branch) = self.merge_into.clone().filter(|_| self.lags(plan)) {
            self.brought.remove(&branch);
        }
        self.follow(plan).await
    }

    /// Heads of pull requests, and the base where a branch follows it, that were not brought yet.
    fn wanted(&self, plan: &Plan) -> Vec<Bring> {
        let pulls = plan.tasks.values().filter_map(|task| {
            let head = task.pull.as_ref().map(|pull| pull.head.clone())?;
            Some(Bring { to: pull_branch(task.issue()), head })
        });
        let base = self.merge_into.as_ref().zip(self.merged(plan));
        let base = base.map(|(to, head)| Bring { to: to.clone(), head: head.clone() });
        pulls.chain(base).filter(|bring| self.brought.get(&bring.to) != Some(&bring.head)).collect()
    }

    /// The base's commit, where it holds merged work that the checkout did not have at the start.
    fn merged<'p>(&self, plan: &'p Plan) -> Option<&'p Sha> {
        let head = &plan.header.base.as_ref()?.head;
        (self.has_news || *head != self.base).then_some(head)
    }

    /// Notes what became of a branch; the words people should hear about it.
    async fn note(&mut self, bring: Bring, brought: Brought) -> Option<String> {
        let Bring { to, head } = bring;
        let news = self.said.insert(to.clone(), brought) != Some(brought);
        self.brought.insert(to.clone(), head);
        match brought {
            _ if !news => None,
            Brought::Moved | Brought::Current => None,
            Brought::Diverged => {
                let found = checkout::branch(&Program::default(), &self.checkout, &to).await.ok().flatten();
                let at = found.map(|found| format!(", at {},", found.short())).unwrap_or_default();
                Some(format!(
                    "branch {to} of the checkout{at} has commits that are not of this state and was left alone"
                ))
            }
            Brought::CheckedOut => Some(format!("branch {to} is checked out and was left alone")),
        }
    }

    /// Whether a branch was to follow the base and does not hold all that is merged.
    pub(super) fn lags(&self, plan: &Plan) -> bool {
        let Some((branch, head)) = self.merge_into.as_ref().zip(self.merged(plan)) else { return false };
        let is_there = matches!(self.said.get(branch), Some(Brought::Moved | Brought::Current));
        !is_there || self.brought.get(branch) != Some(head)
    }

    /// How to take the merged work over, where there is some and no branch follows it.
    pub(super) fn how_to_merge(&self, plan: &Plan) -> Option<String> {
        self.merged(plan)?;
        let base = &plan.header.base.as_ref()?.branch;
        let checkout = quoted(&self.checkout);
        let pull = format!("git -C {checkout} pull --no-rebase {} {base}", quoted(&self.forge));
        match &self.merge_into {
            None => Some(format!("To take the merged work over: {pull}")),
            Some(branch) if self.lags(plan) => Some(format!(
                "Branch {branch} does not hold what was merged. To take the merged work over: git -C {checkout} switch \
                 {branch} && {pull}"
            )),
            Some(_) => None,
        }
    }
}

/// A path as a shell takes it.
pub(super) fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_alphanumeric() || "/._-+=:@".contains(c);
    if !text.is_empty() && text.chars().all(plain) { text } else { format!("'{}'", text.replace('\'', "'\\''")) }
}
