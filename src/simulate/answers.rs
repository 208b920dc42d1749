//! What agents answer in planner runs: good answers, and every nonsense that there is a rule against. Which are good
//! the judge is told by who made them, not by the rules that they are held against.

use std::collections::BTreeSet;

use crate::engine::brief::Brief;
use crate::engine::report::ANSWER_BYTES_MAX;
use crate::forge::memory::edit::Edit;
use crate::forge::memory::worker::Work;
use crate::simulate::drive::Simulation;
use crate::simulate::random::Random;
use crate::simulate::scenario::FILES;

/// Of so many answers of planner runs, in thousandths, that is nonsense.
const NONSENSE: u16 = 300;

/// A good answer, as the judge knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Good {
    /// The digest of the text it is about.
    pub(super) digest: String,
    /// The plan it was given in: the same issue begins anew in the next.
    pub(super) plan: u32,
    /// The files that it names.
    pub(super) files: BTreeSet<String>,
}

impl Simulation {
    /// What the agent of a planner run comes to, where one that works would have come to `work`.
    pub(super) fn planned(&mut self, brief: &Brief, work: Work) -> Work {
        match work {
            Work::Changed(_) if self.chance.chance(40) => {
                // An agent that changes files all the same.
                Work::Changed(vec![Edit::append("f.txt", "by a planner run\n")])
            }
            Work::Changed(_) if self.chance.chance(NONSENSE) => Work::Planned(nonsense(&mut self.chance, brief)),
            Work::Changed(_) => self.good_answer(brief),
            other => other,
        }
    }

    /// An answer that stands: a few files of the tree that the run reads, now and then a new one and an order.
    fn good_answer(&mut self, brief: &Brief) -> Work {
        let there = self.forge.look(|_, repository| {
            let tree = repository.get(&brief.base).map(|commit| commit.tree.clone()).unwrap_or_default();
            FILES.iter().filter(|file| tree.contains_key(**file)).map(|file| (*file).to_owned()).collect::<Vec<_>>()
        });
        let mut files: Vec<String> = Vec::new();
        for _ in 0..self.chance.between(1, 2) {
            files.extend((!there.is_empty()).then(|| self.chance.pick(&there).clone()));
        }
        let new_files = if files.is_empty() || self.chance.chance(200) { vec!["made/new.rs"] } else { vec![] };
        let others: Vec<u64> = brief.listed.iter().map(|other| other.issue.0).collect();
        let after = !others.is_empty() && self.chance.chance(300);
        let depends_on: Vec<u64> = if after { vec![*self.chance.pick(&others)] } else { vec![] };
        let mut named: BTreeSet<String> = files.iter().cloned().collect();
        named.extend(new_files.iter().map(|file| (*file).to_owned()));
        self.note_good(brief, named);
        Work::Planned(answer(&files, &new_files, &depends_on))
    }

    /// The same answer whenever it is asked for: by the task's number.
    pub(super) fn scripted_answer(&mut self, brief: &Brief) -> Work {
        let issue = usize::try_from(brief.issue.0).unwrap_or_default();
        let file = FILES.get(issue % FILES.len()).copied().unwrap_or("f.txt").to_owned();
        self.note_good(brief, BTreeSet::from([file.clone()]));
        Work::Planned(answer(&[file], &[], &[]))
    }

    fn note_good(&self, brief: &Brief, files: BTreeSet<String>) {
        let truth = &mut self.desk.locked().oracle.truth;
        let good = Good { digest: brief.text.digest.clone(), plan: truth.plan, files };
        truth.answers.insert(brief.key.id, good);
    }
}

fn answer(files: &[String], new_files: &[&str], depends_on: &[u64]) -> String {
    serde_json::json!({
        "files": files, "new_files": new_files, "depends_on": depends_on,
        "estimate_minutes": 15, "confidence": 0.7,
    })
    .to_string()
}

/// Nothing of this may be believed.
fn nonsense(random: &mut Random, brief: &Brief) -> String {
    let file = ["f.txt".to_owned()];
    match random.below(9) {
        0 => "src/a.rs and perhaps src/b.rs".to_owned(),
        1 => answer(&["no/such/file.rs".to_owned()], &[], &[]),
        2 => answer(&[], &[], &[]),
        3 => answer(&(0..40).map(|n| format!("f{n}.txt")).collect::<Vec<_>>(), &[], &[]),
        4 => answer(&file, &[], &[9_999]),
        5 => answer(&file, &[], &[brief.issue.0]),
        6 => answer(&["../../etc/passwd".to_owned()], &[], &[]),
        7 => format!("{}{}", answer(&file, &[], &[]), " ".repeat(ANSWER_BYTES_MAX)),
        _ => answer(&["src/a.rs".to_owned(), "Src/A.Rs".to_owned()], &[], &[]),
    }
}
