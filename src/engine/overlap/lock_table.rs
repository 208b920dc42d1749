//! Who holds which files, asked by file: the answer costs what it finds, never a walk over all tasks.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use crate::engine::footprint::{Footprint, OverlapPolicy, Source, Strength};
use crate::engine::id::TaskId;
use crate::engine::overlap::{
    AreaMap, Meeting, Shape, Side, UNKNOWN_FILES, effective, evidence, narrower, unknown_strength,
};

/// The footprints of many tasks, inverted. What a claim is worth is fixed by the table's policy.
#[derive(Clone, Debug)]
pub struct LockTable {
    policy: OverlapPolicy,
    areas: AreaMap<BTreeMap<TaskId, Vec<Held>>>,
    tasks: BTreeMap<TaskId, Vec<Shape>>,
    unknown: BTreeSet<TaskId>,
}

/// One claim of a holder.
#[derive(Clone, Debug)]
struct Held {
    strength: Strength,
    source: Source,
    text: String,
}

/// One claim of the asker that meets one of a holder.
struct Hit<'a> {
    holder: TaskId,
    strength: Strength,
    mine: (String, Source),
    theirs: Option<&'a Held>,
    side: Side,
}

impl Hit<'_> {
    fn path(&self) -> &str {
        self.theirs.map_or(UNKNOWN_FILES, |held| narrower(self.side, &self.mine.0, &held.text))
    }

    fn meeting(&self) -> Meeting {
        let path = self.path().to_owned();
        let evidence = match self.theirs {
            Some(held) => evidence((&self.mine.0, self.mine.1), (&held.text, held.source), &path),
            None => "it is not known which files one of them touches".to_owned(),
        };
        Meeting { path, strength: self.strength, evidence }
    }
}

impl LockTable {
    /// An empty table under a policy.
    pub fn new(policy: OverlapPolicy) -> Self {
        Self { policy, areas: AreaMap::default(), tasks: BTreeMap::new(), unknown: BTreeSet::new() }
    }

    /// Puts a task's footprint in, in place of an earlier one of the same task.
    pub fn insert(&mut self, task: TaskId, footprint: &Footprint) {
        self.remove(task);
        let mut shapes = Vec::with_capacity(footprint.claims.len());
        for claim in &footprint.claims {
            if let Some(strength) = effective(claim, self.policy) {
                let shape = Shape::of(&claim.area);
                let held = Held { strength, source: claim.source, text: claim.area.display() };
                self.areas.entry(&shape).entry(task).or_default().push(held);
                shapes.push(shape);
            }
        }
        self.tasks.insert(task, shapes);
        if footprint.is_unknown() {
            self.unknown.insert(task);
        }
    }

    /// Takes a task out; one that is not in changes nothing.
    pub fn remove(&mut self, task: TaskId) {
        for shape in self.tasks.remove(&task).unwrap_or_default() {
            let Some(holders) = self.areas.get_mut(&shape) else { continue };
            holders.remove(&task);
            if holders.is_empty() {
                self.areas.remove(&shape);
            }
        }
        self.unknown.remove(&task);
    }

    /// Whether a task is in.
    pub fn contains(&self, task: TaskId) -> bool {
        self.tasks.contains_key(&task)
    }

    /// Which tasks a footprint meets, each with the strongest meeting; of equal ones that over the smallest path, and
    /// of those the one with the smallest evidence, so that the answer does not depend on who asks. The asker's own
    /// entry never counts.
    pub fn meets(&self, asker: TaskId, footprint: &Footprint) -> BTreeMap<TaskId, Meeting> {
        let mut best: BTreeMap<TaskId, Hit<'_>> = BTreeMap::new();
        let _ = self.visit(asker, footprint, &mut |hit| {
            let better = best.get(&hit.holder).is_none_or(|known| {
                let order = known.strength.cmp(&hit.strength).then_with(|| hit.path().cmp(known.path()));
                order.then_with(|| hit.meeting().evidence.cmp(&known.meeting().evidence)).is_lt()
            });
            if better {
                best.insert(hit.holder, hit);
            }
            ControlFlow::Continue(())
        });
        best.into_iter().map(|(task, hit)| (task, hit.meeting())).collect()
    }

    /// The first task found that a footprint meets hard; stops there. The asker's own entry never counts.
    pub fn first_hard(&self, asker: TaskId, footprint: &Footprint) -> Option<(TaskId, Meeting)> {
        self.first(asker, footprint, Strength::Hard)
    }

    /// The first task found that a footprint meets soft or hard; stops there. The asker's own entry never counts.
    pub fn first_soft_or_hard(&self, asker: TaskId, footprint: &Footprint) -> Option<(TaskId, Meeting)> {
        self.first(asker, footprint, Strength::Soft)
    }

    fn first(&self, asker: TaskId, footprint: &Footprint, least: Strength) -> Option<(TaskId, Meeting)> {
        let mut first = None;
        let _ = self.visit(asker, footprint, &mut |hit| {
            if hit.strength < least {
                return ControlFlow::Continue(());
            }
            first = Some((hit.holder, hit.meeting()));
            ControlFlow::Break(())
        });
        first
    }

    fn visit<'a>(
        &'a self,
        asker: TaskId,
        footprint: &Footprint,
        found: &mut dyn FnMut(Hit<'a>) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        if let Some(strength) = unknown_strength(self.policy) {
            self.visit_unknown(asker, footprint, strength, found)?;
        }
        for claim in &footprint.claims {
            let Some(own) = effective(claim, self.policy) else { continue };
            let mine = claim.area.display();
            self.areas.visit(&Shape::of(&claim.area), &mut |holders, side| {
                for (&holder, claims) in holders.iter().filter(|(holder, _)| **holder != asker) {
                    for held in claims {
                        let strength = own.min(held.strength);
                        let mine = (mine.clone(), claim.source);
                        found(Hit { holder, strength, mine, theirs: Some(held), side })?;
                    }
                }
                ControlFlow::Continue(())
            })?;
        }
        ControlFlow::Continue(())
    }

    fn visit_unknown<'a>(
        &'a self,
        asker: TaskId,
        footprint: &Footprint,
        strength: Strength,
        found: &mut dyn FnMut(Hit<'a>) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let hit = |&holder: &TaskId| Hit {
            holder,
            strength,
            mine: (UNKNOWN_FILES.to_owned(), Source::Inferred),
            theirs: None,
            side: Side::Both,
        };
        let others = |task: &&TaskId| **task != asker;
        if footprint.is_unknown() {
            self.tasks.keys().filter(others).try_for_each(|task| found(hit(task)))
        } else {
            self.unknown.iter().filter(others).try_for_each(|task| found(hit(task)))
        }
    }
}
