//! What `local` does to the checkout: new branches, and one branch moved forward after each merge. Nothing else.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::engine::id::{Sha, pull_branch};
use crate::engine::plan::Plan;
use crate::git::checkout::{Brought, bring};
use crate::git::command::Program;

/// Brings branches of the forge over to the checkout as they come to be.
#[derive(Debug)]
pub(super) struct Branches {
    checkout: PathBuf,
    forge: PathBuf,
    merge_into: Option<String>,
    brought: BTreeMap<String, Sha>,
    said: BTreeMap<String, Brought>,
    failed: BTreeMap<String, String>,
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
            failed: BTreeMap::new(),
        }
    }

    /// Brings over what is new in a plan. Gives what people should hear, each thing once.
    pub(super) async fn follow(&mut self, plan: &Plan) -> Vec<String> {
        let mut words = Vec::new();
        for task in plan.tasks.values() {
            let Some(head) = task.pull.as_ref().map(|pull| pull.head.clone()) else { continue };
            let branch = pull_branch(task.issue());
            if self.brought.get(&branch) != Some(&head) && self.bring(&branch, &branch, &mut words).await {
                self.brought.insert(branch, head);
            }
        }
        let base = plan.header.base.as_ref().map(|base| (base.branch.clone(), base.head.clone()));
        if let (Some(target), Some((base, head))) = (self.merge_into.clone(), base)
            && self.brought.get(&target) != Some(&head)
            && self.bring(&base, &target, &mut words).await
        {
            self.brought.insert(target, head);
        }
        words
    }

    /// Brings one branch over; `false`: it did not work and is tried again with the next turn.
    async fn bring(&mut self, from: &str, to: &str, words: &mut Vec<String>) -> bool {
        match bring(&Program::default(), &self.checkout, &self.forge, from, to).await {
            Ok(brought) => {
                let news = self.said.insert(to.to_owned(), brought) != Some(brought);
                match brought {
                    Brought::Moved | Brought::Current => {}
                    Brought::Diverged if news => {
                        words.push(format!("branch {to} of the checkout has commits of its own and was left alone"));
                    }
                    Brought::CheckedOut if news => {
                        words.push(format!("branch {to} is checked out and was left alone"));
                    }
                    Brought::Diverged | Brought::CheckedOut => {}
                }
                true
            }
            Err(error) => {
                let words = error.to_string();
                if self.failed.get(to) != Some(&words) {
                    tracing::warn!(branch = to, %error, "a branch did not reach the checkout; it is tried again");
                    self.failed.insert(to.to_owned(), words);
                }
                false
            }
        }
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
