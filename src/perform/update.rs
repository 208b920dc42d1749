//! Brings a pull request's branch up to date with its base, and tells whose commits it shows then: GitHub merges into
//! whatever stands there, and a person may have pushed just before.

use crate::engine::effect::Receipt;
use crate::engine::id::{IssueNumber, Sha, pull_branch};
use crate::engine::plan::Plan;
use crate::git::{self, Git};
use crate::github::{Error, GitHub, Request, Response};
use crate::perform::look;

/// Most merges of the base between our commit and the head that are looked through. Each is one whose answer was lost;
/// a head further away is taken for a person's, who is then asked.
const MERGES_MAX: usize = 16;

/// Merges the base into the branch of a task's pull request. Gives where the branch stands now if that is our own work
/// with the base merged into it, also when the answer to an earlier try was lost; no commit where the base was in our
/// work already, or where a person's commits stand there; nothing, and no merge, where a person's were seen there
/// before.
pub(super) async fn update<W: GitHub + Git>(
    world: &W,
    plan: &Plan,
    issue: IssueNumber,
    base: &str,
) -> Result<Receipt, Error> {
    let branch = pull_branch(issue);
    let ours = plan.task_of(issue).and_then(|task| task.branch.as_ref());
    if stands_on_a_persons(world, plan, issue).await? {
        return Ok(Receipt::Nothing);
    }
    let request = Request::MergeBranch { into: branch.clone(), from: base.to_owned() };
    let (head, onto) = if let Response::BranchMerged { commit, onto } = world.send(request).await? {
        (Some(commit), onto)
    } else {
        (look::branch(world, &branch).await?, None)
    };
    let (Some(head), Some(ours)) = (head.filter(|head| Some(head) != ours), ours) else {
        return Ok(Receipt::Merged { commit: None });
    };
    let is_ours = onto.as_ref() == Some(ours) || merges_of(world, &head, ours).await.map_err(unread)?;
    Ok(Receipt::Merged { commit: is_ours.then_some(head) })
}

/// Whether the head was last seen on a person's commits, and nobody has asked for the merge of those. An update whose
/// answer was lost may come again long after it was wanted, and the branch is theirs by then.
async fn stands_on_a_persons(git: &impl Git, plan: &Plan, issue: IssueNumber) -> Result<bool, Error> {
    let Some(task) = plan.task_of(issue) else { return Ok(false) };
    let (Some(ours), Some(pull)) = (&task.branch, &task.pull) else { return Ok(false) };
    if pull.merge_asked || pull.head == *ours {
        return Ok(false);
    }
    Ok(!merges_of(git, &pull.head, ours).await.map_err(unread)?)
}

/// Whether nothing but merges lies between our commit and the head, ours being what received each time.
async fn merges_of(git: &impl Git, head: &Sha, ours: &Sha) -> Result<bool, git::Error> {
    let mut at = head.clone();
    for _ in 0..MERGES_MAX {
        let parents = git.parents(&at).await?;
        let [received, _] = parents.as_slice() else { return Ok(false) };
        if received == ours {
            return Ok(true);
        }
        at = received.clone();
    }
    Ok(false)
}

/// What could not be read is asked for again: merging a second time changes nothing.
fn unread(error: git::Error) -> Error {
    Error::Unreachable { message: error.to_string() }
}
