//! Pull requests and their branches.

use crate::engine::footprint::OverlapPolicy;
use crate::engine::id::{IssueNumber, PULL_BRANCH_PREFIX, Sha, TaskId};
use crate::engine::policy::Scope;
use crate::engine::task::{Stage, Task};
use crate::forge::memory::merge::OnConflict;
use crate::github::{Request, Response};
use crate::simulate::oracle::dispatch::{is_unsettled, locking};
use crate::simulate::oracle::truth::TaskTruth;
use crate::simulate::oracle::{Closing, Oracle, Seen, text};

/// The issue whose branch this is.
fn issue_of(branch: &str) -> Option<IssueNumber> {
    branch.strip_prefix(PULL_BRANCH_PREFIX)?.parse().ok().map(IssueNumber)
}

/// S4: one open pull request for each task.
pub(super) fn one_open(oracle: &mut Oracle, response: &Response, seen: Seen<'_>) {
    let Response::PullRequest(pull) = response else { return };
    let open = seen.world.open_heads().filter(|(_, other)| other.head_branch == pull.head_branch).count();
    oracle.must("S4", open <= 1, || format!("{open} pull requests are open for `{}`", pull.head_branch));
}

/// S4: none is opened for work that is merged already.
pub(super) fn opens(oracle: &mut Oracle, request: &Request, seen: Seen<'_>) {
    let Request::CreatePullRequest { head, .. } = request else { return };
    let Some(issue) = issue_of(head) else {
        return oracle.must("S4", false, || format!("a pull request was opened from `{head}`"));
    };
    let sha = seen.repository.branch(head).cloned();
    let merged = seen
        .world
        .pulls()
        .any(|(_, pull)| pull.head_branch == *head && pull.merged.is_some() && Some(&pull.head_sha) == sha.as_ref());
    oracle.must("S4", !merged || seen.world.is_open(issue), || format!("#{issue} is merged already"));
    earlier_goes_first(oracle, issue, seen);
    shown_goes_first(oracle, issue, sha.as_ref(), seen);
}

/// S29: no pull request is opened beside one that is open and known to the rows, where their work does not merge in a
/// file that both touched: that one goes first. What a person pushed is of files that nobody told.
fn shown_goes_first(oracle: &mut Oracle, issue: IssueNumber, sha: Option<&Sha>, seen: Seen<'_>) {
    let Some((sha, task)) = sha.zip(oracle.tasks.get(&TaskId(issue)).cloned()) else { return };
    let met = oracle.tasks.values().filter(|other| other.issue() != issue).find_map(|other| {
        let pull = other.pull.as_ref().filter(|pull| pull.open && other.stage == Stage::PrOpen)?;
        let stands = seen.world.pull(pull.number).is_some_and(|now| now.merged.is_none() && now.head_sha == pull.head);
        let theirs = oracle.truth.people_heads.contains(&pull.head);
        let path = conflicts(seen, sha, &pull.head).into_iter().find(|path| {
            let touched = |task: &Task| task.work.iter().any(|work| work.files.contains(path));
            touched(&task) && touched(other)
        })?;
        (stands && !theirs).then(|| (other.issue(), path))
    });
    oracle.must("S29", met.is_none(), || {
        let (other, path) = met.unwrap_or_default();
        format!("the pull request of #{issue} was opened beside that of #{other}, with which it conflicts in `{path}`")
    });
}

/// The files in which two commits do not merge.
fn conflicts(seen: Seen<'_>, ours: &Sha, theirs: &Sha) -> Vec<String> {
    seen.repository.merged_tree(ours, theirs, OnConflict::Refuse).err().unwrap_or_default()
}

/// Whether finished work of one task conflicts with another's in a file.
pub(in crate::simulate) fn conflict_in(one: &Task, other: &Task, seen: Seen<'_>, path: &str) -> bool {
    let heads = |task: &Task| -> Vec<Sha> {
        let pull = task.pull.iter().filter(|pull| pull.open).map(|pull| pull.head.clone());
        pull.chain(task.work.iter().map(|work| work.commit.clone())).collect()
    };
    let theirs = heads(other);
    heads(one).iter().any(|ours| theirs.iter().any(|theirs| conflicts(seen, ours, theirs).iter().any(|at| at == path)))
}

/// S1: of two tasks that turn out to touch one file, the one dispatched first goes on, the other waits at its pull
/// request.
fn earlier_goes_first(oracle: &mut Oracle, issue: IssueNumber, seen: Seen<'_>) {
    let overlap = oracle.settings.overlap;
    if !matches!(overlap, OverlapPolicy::Strict | OverlapPolicy::Balanced) {
        return;
    }
    let last = oracle.truth.attempts_of(issue).rev().find_map(|(_, attempt)| match &attempt.closed {
        Some(Closing::Result { commit: Some(_), files, .. }) => Some(files.clone()),
        Some(Closing::Result { .. } | Closing::Fenced) | None => None,
    });
    let files: Vec<String> = last.unwrap_or_default().iter().map(|file| file.to_ascii_lowercase()).collect();
    let files = locking(oracle, &files);
    let ours = oracle.truth.tasks.get(&issue).and_then(TaskTruth::holds_since);
    let met = oracle.truth.tasks.iter().filter(|(other, _)| **other != issue).find_map(|(other, task)| {
        let before = task.holds_since().zip(ours).is_some_and(|(theirs, ours)| theirs < ours);
        let waits_for_us = task.said.depends_on.contains(&issue.0);
        let path = text::meeting(&files, &task.said.files)?;
        (before && !waits_for_us && is_unsettled(oracle, *other, seen)).then(|| (*other, path.clone()))
    });
    oracle.must("S1", met.is_none(), || {
        let (other, path) = met.unwrap_or_default();
        format!("the pull request of #{issue} was opened on `{path}`, which #{other} holds longer")
    });
}

/// Branches created through the API.
pub(super) fn moves(oracle: &mut Oracle, request: &Request, seen: Seen<'_>) {
    match request {
        Request::CreateBranch { branch, sha } | Request::AdvanceBranch { branch, sha } => {
            if let Some(issue) = issue_of(branch) {
                shows_only_its_work(oracle, issue, sha);
            }
        }
        // What a run did is shown as it is: nothing is put on top of it.
        Request::CommitOnBranch { branch, .. } => {
            oracle.must("S3", issue_of(branch).is_none(), || format!("a commit of the App's own went onto `{branch}`"));
        }
        // Bringing the base in replaces nothing; who was not shown the person's commit could not know of it, and who
        // asked for the merge wants it, whoever pushes meanwhile.
        Request::MergeBranch { into, .. } => {
            let head = seen.repository.branch(into);
            let task = issue_of(into).and_then(|issue| oracle.truth.tasks.get(&issue));
            let asked = task.is_some_and(|task| task.merge_asked);
            if !asked && head.is_some_and(|head| oracle.shown.contains(head)) {
                not_over_a_person(oracle, into, seen);
            }
        }
        _ => {}
    }
}

/// Branches moved by git.
pub(super) fn moves_branch(oracle: &mut Oracle, branch: &str, expected: Option<&Sha>, to: &Sha, seen: Seen<'_>) {
    let Some(issue) = issue_of(branch) else {
        return oracle.must("S15", false, || format!("`{branch}` is not ours to move"));
    };
    if seen.repository.branch(branch) == expected {
        let stands_on = |head: &Sha| seen.repository.contains(to, head);
        let kept = seen.repository.branch(branch).is_some_and(stands_on);
        // Work that stands on a person's commit replaces nothing of it. Whether it may be there is told by the word
        // that handed the branch back: said before the push and heard after it, it counts all the same.
        let retried = oracle.truth.tasks.get(&issue).is_some_and(|task| task.retries > 0);
        if !(kept && retried) {
            not_over_a_person(oracle, branch, seen);
        }
        shows_only_its_work(oracle, issue, to);
    }
}

/// S18: what a person pushed is never replaced, unless they handed it back.
fn not_over_a_person(oracle: &mut Oracle, branch: &str, seen: Seen<'_>) {
    let Some(head) = seen.repository.branch(branch) else { return };
    let theirs = oracle.truth.people_heads.contains(head);
    oracle.must("S18", !theirs, || format!("`{branch}` was moved over a person's commit"));
}

/// S3 and S6: the branch shows the work of the task's newest attempt, and nothing outside what was declared, unless a
/// person allowed it.
fn shows_only_its_work(oracle: &mut Oracle, issue: IssueNumber, to: &Sha) {
    let newest = oracle.truth.attempts_of(issue).rev().find_map(|(id, attempt)| match &attempt.closed {
        Some(Closing::Result { commit: Some(commit), files, refused: false, .. }) => {
            Some((*id, commit.clone(), files.clone()))
        }
        Some(Closing::Result { .. } | Closing::Fenced) | None => None,
    });
    let is_newest = newest.as_ref().is_some_and(|(_, commit, _)| commit == to);
    oracle.must("S6", is_newest, || format!("the branch of #{issue} shows another work than its newest: {to}"));
    let Some((id, _, files)) = newest else { return };
    let scope = oracle.settings.scope;
    let Some(task) = oracle.truth.tasks.get(&issue) else { return };
    if scope == Some(Scope::Report) || task.said.files.is_empty() || task.widened {
        return;
    }
    let outside = files.iter().find(|file| !text::covers(&task.said.files, file)).cloned();
    oracle.must("S3", outside.is_none(), || {
        format!("{id} touches `{}`, which it did not declare and nobody allowed", outside.unwrap_or_default())
    });
}

/// S18 and S19: merged is only what is green, and what a person wants merged or the configuration says.
pub(super) fn merges(oracle: &mut Oracle, request: &Request, seen: Seen<'_>) {
    let Request::MergePullRequest { number, head } = request else { return };
    let Some(pull) = seen.world.pull(*number).filter(|pull| pull.head_sha == *head) else { return };
    let Some(issue) = issue_of(&pull.head_branch) else {
        return oracle.must("S18", false, || format!("#{number} is not ours to merge"));
    };
    let asked = oracle.truth.tasks.get(&issue).is_some_and(|task| task.merge_asked);
    let auto = oracle.settings.auto_merge;
    oracle.must("S18", auto || asked, || format!("#{number} was merged and nobody asked for it"));
    let theirs = oracle.truth.people_heads.contains(head);
    oracle.must("S18", !theirs || asked, || format!("#{number} was merged with a person's own commit"));
    let given_up = oracle.tasks.get(&TaskId(issue)).is_some_and(|task| task.left || task.cancel_asked);
    oracle.must("S18", !given_up || asked, || format!("#{number} was merged though #{issue} is given up"));
    // Where the base stood when this was decided; where it stands now nobody has been told.
    let base = oracle.header.as_ref().and_then(|header| header.base.as_ref()).map(|base| base.head.clone());
    let conflict = base.and_then(|base| conflicts(seen, &base, head).into_iter().next());
    oracle.must("S29", conflict.is_none(), || {
        format!("#{number} was to be merged though it conflicts with the base in `{}`", conflict.unwrap_or_default())
    });
    let red = oracle.told.get(head).cloned().flatten();
    oracle.must("S18", red.is_none(), || {
        format!("#{number} was merged though `{}` did not pass when it was last read", red.unwrap_or_default())
    });
}
