//! What `local` does to the checkout: new branches, and one branch moved forward after each merge. Nothing else.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::engine::id::{Sha, pull_branch};
use crate::engine::plan::Plan;
use crate::git::checkout::{Bring, Brought, bring};
use crate::git::command::Program;

/// Brings branches of the forge over to the checkout as they come to be.
#[derive(Debug)]
pub(super) struct Branches {
    checkout: PathBuf,
    forge: PathBuf,
    merge_into: Option<String>,
    brought: BTreeMap<String, Sha>,
    said: BTreeMap<String, Brought>,
    failed: Option<String>,
}

impl Branches {
    /// From the forge's bare repository to a checkout; `merge_into` follows the base.
    pub(super) fn new(checkout: &Path, forge: &Path, merge_into: Option<String>) -> Self {
        Self {
            checkout: checkout.to_owned(),
            forge: forge.to_owned(),
            merge_into,
            brought: BTreeMap::new(),
            said: BTreeMap::new(),
            failed: None,
        }
    }

    /// Brings over what is new in a plan, all of it at once. Gives what people should hear, each thing once.
    pub(super) async fn follow(&mut self, plan: &Plan) -> Vec<String> {
        let wanted = self.wanted(plan);
        if wanted.is_empty() {
            return Vec::new();
        }
        match bring(&Program::default(), &self.checkout, &self.forge, &wanted).await {
            Ok(brought) => {
                let told = wanted.into_iter().zip(brought);
                told.filter_map(|(bring, brought)| self.note(bring, brought)).collect()
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

    /// Heads of pull requests, and the base where a branch follows it, that were not brought yet.
    fn wanted(&self, plan: &Plan) -> Vec<Bring> {
        let pulls = plan.tasks.values().filter_map(|task| {
            let head = task.pull.as_ref().map(|pull| pull.head.clone())?;
            Some(Bring { to: pull_branch(task.issue()), head })
        });
        let base = self.merge_into.as_ref().zip(plan.header.base.as_ref());
        let base = base.map(|(to, base)| Bring { to: to.clone(), head: base.head.clone() });
        pulls.chain(base).filter(|bring| self.brought.get(&bring.to) != Some(&bring.head)).collect()
    }

    /// Notes what became of a branch; the words people should hear about it.
    fn note(&mut self, bring: Bring, brought: Brought) -> Option<String> {
        let Bring { to, head } = bring;
        let news = self.said.insert(to.clone(), brought) != Some(brought);
        let words = match brought {
            Brought::Moved | Brought::Current => None,
            Brought::Diverged => Some(format!("branch {to} of the checkout has commits of its own and was left alone")),
            Brought::CheckedOut => Some(format!("branch {to} is checked out and was left alone")),
        };
        self.brought.insert(to, head);
        words.filter(|_| news)
    }

    /// How to take the merged work over, where no branch follows it.
    pub(super) fn how_to_merge(&self, base: &str) -> Option<String> {
        self.merge_into.is_none().then(|| {
            format!(
                "To take the merged work over: git -C {} pull {} {base}",
                quoted(&self.checkout),
                quoted(&self.forge)
            )
        })
    }
}

/// A path as a shell takes it.
pub(super) fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_alphanumeric() || "/._-+=:@".contains(c);
    if !text.is_empty() && text.chars().all(plain) { text } else { format!("'{}'", text.replace('\'', "'\\''")) }
}
