//! All plans of a few tasks, each once: who depends on whom, who declares which files, and how each first attempt goes.
//! Two that only differ by the numbers of tasks or the names of files are one.

use std::time::Duration;

use crate::engine::config::{ApprovalPolicy, Settings};
use crate::engine::time::Span;
use crate::simulate::fault::Mix;
use crate::simulate::scenario::{Checks, IssuePlan, START, Scenario, Shape};

/// How a task's first attempt goes; those after it go well.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum First {
    /// Its work is done.
    Ok,
    /// Its agent gives up.
    Fails,
    /// It never says anything more.
    Stalls,
    /// The answer to its dispatch is lost, and it goes well.
    AnswerLost,
}

impl First {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Ok, Self::Fails, Self::Stalls, Self::AnswerLost];
}

/// Files that tasks may declare.
const FILES: [&str; 3] = ["src/a.rs", "src/b.rs", "src/c.rs"];

/// One plan. Tasks and files are numbered from 0.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Case {
    /// For each task the set of those it depends on, as bits.
    pub(super) depends: Vec<u8>,
    /// For each task the set of files it declares; none: they are not known.
    pub(super) files: Vec<u8>,
    /// For each task how its first attempt goes.
    pub(super) firsts: Vec<First>,
}

/// Every case of so many tasks and files, one of each class. Tasks depend on smaller numbers only: each plan without a
/// circle can be numbered so.
pub(super) fn classes(tasks: usize, files: u32, firsts: &[First]) -> Vec<Case> {
    let orders = permutations(tasks);
    let names = permutations(files as usize);
    let mut kept = Vec::new();
    for depends in rows(tasks, |task| (0..1 << task).collect()) {
        for files in rows(tasks, |_| (0..1 << files).collect()) {
            for firsts in rows(tasks, |_| firsts.to_vec()) {
                let case = Case { depends: depends.clone(), files: files.clone(), firsts };
                if case.stands_for_its_class(&orders, &names) {
                    kept.push(case);
                }
            }
        }
    }
    kept
}

/// Every row of one value for each place.
fn rows<T: Clone>(places: usize, values: impl Fn(usize) -> Vec<T>) -> Vec<Vec<T>> {
    let mut all = vec![Vec::new()];
    for place in 0..places {
        let with = |row: &Vec<T>| {
            let row = row.clone();
            values(place).into_iter().map(move |value| row.iter().cloned().chain([value]).collect::<Vec<T>>())
        };
        all = all.iter().flat_map(with).collect();
    }
    all
}

/// Every order of the numbers below a bound.
fn permutations(count: usize) -> Vec<Vec<usize>> {
    let mut all = rows(count, |_| (0..count).collect());
    all.retain(|order| (0..count).all(|number| order.contains(&number)));
    all
}

/// The bits of a set under other numbers.
fn renamed(set: u8, names: &[usize]) -> u8 {
    names.iter().enumerate().filter(|(bit, _)| set & (1 << bit) != 0).map(|(_, to)| 1 << to).sum()
}

impl Case {
    /// Whether no other numbering, of those in which tasks depend on smaller numbers, comes before this one.
    fn stands_for_its_class(&self, orders: &[Vec<usize>], names: &[Vec<usize>]) -> bool {
        orders.iter().filter_map(|order| self.depends_in(order).map(|depends| (order, depends))).all(
            |(order, depends)| {
                if depends != self.depends {
                    return self.depends < depends;
                }
                names.iter().all(|names| {
                    let mut other =
                        Self { depends: depends.clone(), files: self.files.clone(), firsts: self.firsts.clone() };
                    for (task, to) in order.iter().enumerate() {
                        other.files[*to] = renamed(self.files[task], names);
                        other.firsts[*to] = self.firsts[task];
                    }
                    *self <= other
                })
            },
        )
    }

    /// Who depends on whom in another order; nothing where somebody would depend on a larger number.
    fn depends_in(&self, order: &[usize]) -> Option<Vec<u8>> {
        let mut depends = vec![0; order.len()];
        for (task, to) in order.iter().enumerate() {
            depends[*to] = renamed(self.depends[task], order);
        }
        depends.iter().enumerate().all(|(task, set)| *set < 1 << task).then_some(depends)
    }

    /// The story of this plan: nothing is left to chance, nobody acts, and a slot is free for everybody.
    pub(super) fn scenario(&self) -> Scenario {
        let settings = Settings {
            approval: ApprovalPolicy::Label,
            auto_merge: true,
            max_parallel: u32::try_from(self.depends.len()).unwrap_or(4),
            timeout: Span::minutes(20),
            ghost_after: Span::minutes(15),
            heartbeat: Span::minutes(5),
            checks_grace: Span::seconds(0),
            settle: Span::seconds(0),
            ..Settings::server()
        };
        Scenario {
            seed: 3,
            shape: Shape::Server,
            settings,
            issues: (0..self.depends.len()).map(|task| self.issue(task)).collect(),
            checks: Checks::None,
            mix: Mix::default(),
            faults_until: START,
            through_text: false,
            scripted: true,
        }
    }

    fn issue(&self, task: usize) -> IssuePlan {
        let bit = |set: u8, bit: usize| set & (1 << bit) != 0;
        let files = FILES.iter().enumerate().filter(|(file, _)| bit(self.files[task], *file));
        let files: Vec<String> = files.map(|(_, path)| (*path).to_owned()).collect();
        let depends: Vec<String> =
            (0..task).filter(|other| bit(self.depends[task], *other)).map(|other| format!("#{}", other + 1)).collect();
        let mut lines = Vec::new();
        if !files.is_empty() {
            lines.push(format!("Files: {}", files.join(", ")));
        }
        if !depends.is_empty() {
            lines.push(format!("Depends on: {}", depends.join(", ")));
        }
        let number = task as u64 + 1;
        let (title, body) = (format!("Task {number}"), lines.join("\n\n"));
        IssuePlan { number, title, body, files, joins: Duration::ZERO }
    }

    /// How the first attempt of an issue's task goes.
    pub(super) fn first(&self, issue: u64) -> First {
        let task = issue.checked_sub(1).and_then(|task| usize::try_from(task).ok());
        task.and_then(|task| self.firsts.get(task)).copied().unwrap_or(First::Ok)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Burnside's count: of all numbered plans, however numbered, those that a renaming leaves alone, on average over
    /// all renamings.
    fn counted(tasks: usize, files: u32, firsts: usize) -> usize {
        let graphs: Vec<Vec<u8>> = rows(tasks, |_| (0..1 << tasks).collect());
        let graphs: Vec<Vec<u8>> = graphs.into_iter().filter(|graph| is_without_circle(graph)).collect();
        let sets: Vec<Vec<u8>> = rows(tasks, |_| (0..1 << files).collect());
        let ends: Vec<Vec<usize>> = rows(tasks, |_| (0..firsts).collect());
        let (orders, names) = (permutations(tasks), permutations(files as usize));
        let mut fixed = 0;
        for order in &orders {
            let same = |graph: &&Vec<u8>| (0..tasks).all(|task| graph[order[task]] == renamed(graph[task], order));
            let alike = |row: &&Vec<usize>| (0..tasks).all(|task| row[order[task]] == row[task]);
            let (graphs, ends) = (graphs.iter().filter(same).count(), ends.iter().filter(alike).count());
            for names in &names {
                let kept = |row: &&Vec<u8>| (0..tasks).all(|task| row[order[task]] == renamed(row[task], names));
                fixed += graphs * ends * sets.iter().filter(kept).count();
            }
        }
        assert_eq!(fixed % (orders.len() * names.len()), 0);
        fixed / (orders.len() * names.len())
    }

    /// Whether taking out those who depend on nobody that is left takes out everybody.
    fn is_without_circle(graph: &[u8]) -> bool {
        let mut left: u8 = (1 << graph.len()) - 1;
        loop {
            let free = (0..graph.len()).filter(|task| left & (1 << task) != 0 && graph[*task] & left == 0);
            let free: u8 = free.map(|task| 1 << task).sum();
            if free == 0 {
                return left == 0;
            }
            left &= !free;
        }
    }

    #[test]
    fn each_plan_is_there_once_and_none_is_missing() {
        // 3 and 25, 4 and 543: plans without a circle (OEIS A003087, A003024).
        assert_eq!(rows(3, |_| (0..8).collect()).iter().filter(|graph| is_without_circle(graph)).count(), 25);
        assert_eq!((classes(3, 0, &[First::Ok]).len(), classes(4, 0, &[First::Ok]).len()), (6, 31));
        for (tasks, files, firsts) in [(2, 1, 1), (2, 2, 4), (3, 1, 2), (3, 2, 1), (3, 2, 4), (4, 1, 2)] {
            let found = classes(tasks, files, &First::ALL[..firsts]);
            assert_eq!(found.len(), counted(tasks, files, firsts), "{tasks} tasks, {files} files");
        }
    }

    #[test]
    fn a_case_is_told_as_issues() {
        let case = Case { depends: vec![0, 0, 3], files: vec![0, 1, 3], firsts: First::ALL[..3].to_vec() };
        let bodies: Vec<String> = case.scenario().issues.into_iter().map(|issue| issue.body).collect();
        assert_eq!(bodies, ["", "Files: src/a.rs", "Files: src/a.rs, src/b.rs\n\nDepends on: #1, #2"]);
        assert_eq!([1, 2, 3].map(|issue| case.first(issue)), [First::Ok, First::Fails, First::Stalls]);
    }
}
