//! What texts were found to touch, and which files everybody touches.

use crate::engine::draft::Draft;
use crate::engine::event::FootprintSeen;
use crate::engine::id::TaskId;
use crate::engine::overlap::hotspots::Hotspots;
use crate::engine::planner;
use crate::engine::task::Task;

/// The hotspots of a plan.
pub(super) fn hotspots(draft: &Draft<'_>) -> Hotspots {
    Hotspots::new(&draft.header().settings, &draft.header().hotspots)
}

/// Records footprints. One of a text that was replaced while it was looked up says nothing of the new text.
pub(super) fn record(draft: &mut Draft<'_>, found: &[FootprintSeen]) {
    let hotspots = hotspots(draft);
    for FootprintSeen { issue, digest, footprint } in found {
        let id = TaskId(*issue);
        let Some(task) = draft.task(id).filter(|task| task.digest == *digest) else { continue };
        let footprint = draft.header().learned.count(footprint.clone());
        let footprint = hotspots.soften(planner::footprint(task, footprint));
        if task.inferred && task.footprint == footprint {
            continue;
        }
        if let Some(task) = draft.task_mut(id) {
            task.footprint = footprint;
            task.inferred = true;
        }
        draft.replan();
    }
}

/// Records which files a good part of all changes touch. Tasks that were looked at before are looked at again.
pub(super) fn learn(draft: &mut Draft<'_>, learned: &[String]) {
    if draft.header().hotspots != learned {
        draft.header_mut().hotspots = learned.to_vec();
        soften(draft);
    }
}

/// Brings the footprints of all tasks up to date with the hotspots there are. What locked once and is no hotspot any
/// more locks again when its text is read again.
pub(super) fn soften(draft: &mut Draft<'_>) {
    let hotspots = hotspots(draft);
    let softer = |task: &Task| Some(hotspots.soften(task.footprint.clone())).filter(|soft| *soft != task.footprint);
    let changed: Vec<_> = draft.tasks().filter_map(|task| Some((task.id, softer(task)?))).collect();
    for (id, footprint) in changed {
        if let Some(task) = draft.task_mut(id) {
            task.footprint = footprint;
        }
        draft.replan();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::footprint::{Area, Claim, Footprint, RankedFile, Source, Strength};
    use crate::engine::id::IssueNumber;
    use crate::engine::tasks::tests::{NOW, changed, plan_of};

    fn declared(paths: &[&str]) -> Footprint {
        Footprint::from_claims(paths.iter().map(|path| Claim {
            area: Area::File((*path).to_owned()),
            strength: Strength::Hard,
            source: Source::Declared,
            evidence: "declared under Files:".to_owned(),
        }))
    }

    fn hard(draft: &Draft<'_>) -> Vec<String> {
        let claims = draft.task(TaskId(IssueNumber(1))).into_iter().flat_map(|task| &task.footprint.claims);
        claims.filter(|claim| claim.strength == Strength::Hard).map(|claim| claim.area.display()).collect()
    }

    #[test]
    fn what_everybody_touches_locks_no_more_once_it_is_learned() {
        let task = Task::waiting(IssueNumber(1), "title", "body", &[], NOW);
        let digest = task.digest.clone();
        let plan = plan_of(vec![task], 0);
        let mut draft = changed(&plan, Vec::new(), Vec::new());
        let footprint = declared(&["src/a.rs", "src/main.rs", "Cargo.lock"]);
        let seen = |footprint: &Footprint, digest: &str| {
            [FootprintSeen { issue: IssueNumber(1), digest: digest.to_owned(), footprint: footprint.clone() }]
        };
        record(&mut draft, &seen(&declared(&["old.rs"]), "of another text"));
        assert!(hard(&draft).is_empty());
        record(&mut draft, &seen(&footprint, &digest));
        assert_eq!(hard(&draft), ["src/a.rs", "src/main.rs"], "a lock file is one from the beginning");
        learn(&mut draft, &["src/main.rs".to_owned()]);
        assert_eq!((hard(&draft), draft.header().hotspots.len()), (vec!["src/a.rs".to_owned()], 1));
        let ranked = RankedFile { path: "src/main.rs".to_owned(), share: 700, evidence: String::new() };
        record(&mut draft, &seen(&Footprint::default().with_ranked([ranked.clone()]), &digest));
        let task = draft.task(TaskId(IssueNumber(1))).expect("it is there");
        assert_eq!(task.footprint.guesses(), [ranked], "a guess stays what it is");
    }
}
