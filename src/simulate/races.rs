//! What others do to the world in the very moment we act on it.

use crate::engine::id::IssueNumber;
use crate::forge::memory::edit::Edit;
use crate::forge::world::text::boxes;
use crate::github::Response;
use crate::simulate::desk::{Desk, Inner};
use crate::simulate::fault::FaultKind;
use crate::simulate::people;

impl Desk {
    /// A person pushes onto a branch just before we act on it.
    pub(super) fn race_push(&self, inner: &mut Inner, branch: &str) {
        let known = self.forge.branch(branch).is_some();
        if known && inner.meets(FaultKind::PushRace) {
            let pushed = self.forge.push(people::WRITER, branch, &[Edit::append("g.txt", "just in time\n")]);
            inner.oracle.truth.people_heads.extend(pushed.ok());
            inner.note(|| format!("  @{} pushes to {branch} just before", people::WRITER));
        }
    }

    /// A person ticks a box after the body was read and before it is written.
    pub(super) fn race(&self, inner: &mut Inner, number: IssueNumber) {
        if !inner.meets(FaultKind::TickRace) {
            return;
        }
        let issue = self.forge.look(|world, _| world.issue(number).map(|entry| entry.issue.clone()));
        let Some(issue) = issue else { return };
        let count = boxes(&issue.body).len() as u64;
        if count > 0 {
            let index = usize::try_from(inner.random.below(count)).unwrap_or_default();
            if let Some(body) = people::tick(&self.forge, &issue, index, people::WRITER) {
                people::note_ticks(&mut inner.oracle.truth, &self.forge, &body);
                inner.note(|| format!("  @{} ticks box {index} of #{number} meanwhile", people::WRITER));
            }
        }
    }

    /// GitHub doubles a run that was just made.
    pub(super) fn double(&self, inner: &mut Inner, response: &Response) {
        if let Response::Dispatched(Some(run)) = response
            && inner.meets(FaultKind::RunDoubled)
        {
            // A run of a workflow that is gone meanwhile cannot be doubled.
            let doubled = self.forge.double(*run);
            inner.note(|| format!("  run {run} is doubled: {doubled:?}"));
        }
    }
}
