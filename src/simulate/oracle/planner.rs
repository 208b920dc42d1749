//! What must hold of planner runs.

use crate::engine::brief::Brief;
use crate::engine::footprint::{Area, Source};
use crate::engine::id::{AttemptId, IssueNumber};
use crate::engine::task::Task;
use crate::simulate::oracle::{Closing, Oracle};

/// S30: a text is planned only as long as nothing is known of it, and before its task holds files. (That the text is
/// approved, a slot is free and the run is the attempt's only one is looked at for every dispatch.)
pub(super) fn dispatched(oracle: &mut Oracle, id: AttemptId, digest: &str) {
    let earlier = oracle.truth.planned(id.issue, digest).first().map(|(by, _)| *by);
    oracle.must("S30", earlier.is_none(), || format!("{id} plans a text that {earlier:?} has planned"));
    let holds = oracle.tasks.get(&crate::engine::id::TaskId(id.issue)).is_some_and(|row| row.locked_since.is_some());
    oracle.must("S30", !holds, || format!("{id} plans a task that holds its files"));
    oracle.truth.attempts.entry(id).or_default().plans = Some(digest.to_owned());
}

/// The files that a good answer names for a text, folded.
pub(super) fn confirmed(oracle: &Oracle, issue: IssueNumber, digest: &str) -> Vec<String> {
    let answers = oracle.truth.planned(issue, digest);
    let mut files: Vec<String> =
        answers.into_iter().flat_map(|(_, files)| files).map(|file| file.to_ascii_lowercase()).collect();
    files.sort();
    files.dedup();
    files
}

/// S30: a text that was planned well, and that declares nothing itself, is worked with what its run named.
pub(super) fn believed(oracle: &mut Oracle, brief: &Brief, declared: &[String]) {
    let answers = oracle.truth.planned(brief.issue, &brief.text.digest);
    let Some((by, files)) = answers.last().map(|(by, files)| (*by, (*files).clone())) else { return };
    let told = declared.is_empty() && brief.mode == crate::engine::brief::Mode::Task;
    let same = !told || files.iter().all(|file| brief.files.contains(file));
    oracle.must("S30", same, || format!("{} is told {:?}; {by} named {files:?}", brief.key, brief.files));
}

/// S30: no planner run pushes work; and what counts as confirmed was named by an answer that stands.
pub(super) fn claims_are_true(oracle: &mut Oracle, task: &Task) {
    let pushed = oracle.truth.attempts_of(task.issue()).find(|(_, attempt)| {
        let work = matches!(&attempt.closed, Some(Closing::Result { commit: Some(_), .. }));
        attempt.plans.is_some() && work
    });
    let pushed = pushed.map(|(id, _)| *id);
    oracle.must("S30", pushed.is_none(), || format!("{pushed:?} is a planner run and pushed work"));
    // After an edit the files of the text before stand until the new one's are looked up.
    if !task.inferred {
        return;
    }
    let answers = oracle.truth.planned(task.issue(), &task.digest);
    let named = |area: &Area| match area {
        Area::File(path) => answers.iter().any(|(_, files)| files.contains(path)),
        Area::Directory(_) | Area::Glob(_) => false,
    };
    let confirmed = task.footprint.claims.iter().filter(|claim| claim.source == Source::Confirmed);
    let untrue = confirmed.filter(|claim| !named(&claim.area)).map(|claim| claim.area.display()).next();
    oracle.must("S30", untrue.is_none(), || format!("{} counts {untrue:?} as confirmed, and no run named it", task.id));
}
