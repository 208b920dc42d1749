//! Who holds which files, asked by file: the answer costs what it finds, never a walk over all tasks.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use crate::engine::footprint::{Area, Footprint, OverlapPolicy, RankedFile, Source, Strength};
use crate::engine::id::TaskId;
use crate::engine::overlap::hit::{Hit, Why};
use crate::engine::overlap::risk::{self, Risk, Shared};
use crate::engine::overlap::{AreaMap, Meeting, Shape, Side, effective, unknown_strength};

/// The footprints of many tasks, inverted. What a claim is worth is fixed by the table's policy.
#[derive(Clone, Debug)]
pub struct LockTable {
    policy: OverlapPolicy,
    areas: AreaMap<BTreeMap<TaskId, Vec<Held>>>,
    /// Files that rankings name.
    guesses: AreaMap<BTreeMap<TaskId, Guess>>,
    tasks: BTreeMap<TaskId, Shapes>,
    unknown: BTreeSet<TaskId>,
}

/// Where a task stands in a table.
#[derive(Clone, Debug, Default)]
struct Shapes {
    claims: Vec<Shape>,
    guesses: Vec<Shape>,
}

/// One claim of a holder.
#[derive(Clone, Debug)]
pub(super) struct Held {
    pub(super) strength: Strength,
    pub(super) source: Source,
    pub(super) text: String,
}

/// One file of a holder's ranking.
#[derive(Clone, Debug)]
struct Guess {
    path: String,
    share: u32,
    /// Whether it counts against what others are known to touch.
    judged: bool,
}

/// What a walk over meetings is told of each.
type Found<'a, 'f> = dyn FnMut(Hit<'a>) -> ControlFlow<()> + 'f;

impl LockTable {
    /// An empty table under a policy.
    pub fn new(policy: OverlapPolicy) -> Self {
        Self {
            policy,
            areas: AreaMap::default(),
            guesses: AreaMap::default(),
            tasks: BTreeMap::new(),
            unknown: BTreeSet::new(),
        }
    }

    /// Puts a task's footprint in, in place of an earlier one of the same task.
    pub fn insert(&mut self, task: TaskId, footprint: &Footprint) {
        self.put(task, footprint, footprint.guesses());
    }

    /// The same for a footprint that is held: its ranking counts beside what else is known.
    pub fn hold(&mut self, task: TaskId, footprint: &Footprint) {
        self.put(task, footprint, &footprint.ranked);
    }

    fn put(&mut self, task: TaskId, footprint: &Footprint, guesses: &[RankedFile]) {
        self.remove(task);
        let mut shapes = Shapes::default();
        for claim in &footprint.claims {
            if let Some(strength) = effective(claim, self.policy) {
                let shape = Shape::of(&claim.area);
                let held = Held { strength, source: claim.source, text: claim.area.display() };
                self.areas.entry(&shape).entry(task).or_default().push(held);
                shapes.claims.push(shape);
            }
        }
        let guesses = if self.looks_at_guesses() { guesses } else { &[] };
        let judged = risk::judged(guesses).count();
        for (at, file) in guesses.iter().enumerate() {
            let shape = shape(file);
            let guess = Guess { path: file.path.clone(), share: file.share, judged: at < judged };
            self.guesses.entry(&shape).insert(task, guess);
            shapes.guesses.push(shape);
        }
        self.tasks.insert(task, shapes);
        if footprint.is_unknown() {
            self.unknown.insert(task);
        }
    }

    /// Takes a task out; one that is not in changes nothing.
    pub fn remove(&mut self, task: TaskId) {
        let Shapes { claims, guesses } = self.tasks.remove(&task).unwrap_or_default();
        for shape in claims {
            take_out(&mut self.areas, &shape, task);
        }
        for shape in guesses {
            take_out(&mut self.guesses, &shape, task);
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
        let _ = self.visit(asker, footprint, Strength::Weak, &mut |hit| {
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
        let _ = self.visit(asker, footprint, least, &mut |hit| {
            if hit.strength < least {
                return ControlFlow::Continue(());
            }
            first = Some((hit.holder, hit.meeting()));
            ControlFlow::Break(())
        });
        first
    }

    fn looks_at_guesses(&self) -> bool {
        risk::guess_strength(self.policy).is_some()
    }

    /// Hands out every meeting of at least so much, and maybe weaker ones of areas.
    fn visit<'a>(
        &'a self,
        asker: TaskId,
        footprint: &Footprint,
        least: Strength,
        found: &mut Found<'a, '_>,
    ) -> ControlFlow<()> {
        if let Some(strength) = unknown_strength(self.policy).filter(|strength| *strength >= least) {
            self.visit_unknown(asker, footprint, strength, found)?;
        }
        let likely = risk::guess_strength(self.policy).filter(|likely| *likely >= least);
        for claim in &footprint.claims {
            let Some(own) = effective(claim, self.policy) else { continue };
            let (mine, shape) = (claim.area.display(), Shape::of(&claim.area));
            self.areas.visit(&shape, &mut |holders, side| {
                for (&holder, claims) in holders.iter().filter(|(holder, _)| **holder != asker) {
                    for theirs in claims {
                        let mine = (mine.clone(), claim.source);
                        let strength = own.min(theirs.strength);
                        found(Hit { holder, strength, why: Why::Areas { mine, theirs, side } })?;
                    }
                }
                ControlFlow::Continue(())
            })?;
            if let Some(likely) = likely.filter(|_| claim.is_known()) {
                self.judge_theirs(asker, (&shape, &mine, claim.source, own.min(likely)), found)?;
            }
        }
        let Some(likely) = likely else { return ControlFlow::Continue(()) };
        let guesses = footprint.guesses();
        for file in risk::judged(guesses) {
            self.judge_mine(asker, file, likely, found)?;
        }
        self.visit_risks(asker, guesses, found)
    }

    /// The rankings of others against a claim of the asker's that is more than a mention.
    fn judge_theirs<'a>(
        &'a self,
        asker: TaskId,
        (shape, text, source, strength): (&Shape, &str, Source, Strength),
        found: &mut Found<'a, '_>,
    ) -> ControlFlow<()> {
        self.guesses.visit(shape, &mut |holders, side| {
            let others = holders.iter().filter(|(holder, guess)| **holder != asker && guess.judged);
            others.into_iter().try_for_each(|(&holder, guess)| {
                let (known, guess) = ((text.to_owned(), source), (guess.path.clone(), guess.share));
                found(Hit { holder, strength, why: Why::Judged { known, guess, side } })
            })
        })
    }

    /// A file of the asker's ranking against what others are known to touch.
    fn judge_mine<'a>(
        &'a self,
        asker: TaskId,
        file: &RankedFile,
        likely: Strength,
        found: &mut Found<'a, '_>,
    ) -> ControlFlow<()> {
        self.areas.visit(&shape(file), &mut |holders, side| {
            for (&holder, claims) in holders.iter().filter(|(holder, _)| **holder != asker) {
                for held in claims.iter().filter(|held| held.source > Source::Inferred) {
                    let (known, guess) = ((held.text.clone(), held.source), (file.path.clone(), file.share));
                    let why = Why::Judged { known, guess, side: side.other() };
                    found(Hit { holder, strength: likely.min(held.strength), why })?;
                }
            }
            ControlFlow::Continue(())
        })
    }

    /// The asker's ranking against those of others.
    fn visit_risks<'a>(&'a self, asker: TaskId, guesses: &[RankedFile], found: &mut Found<'a, '_>) -> ControlFlow<()> {
        let mut met: BTreeMap<TaskId, Vec<Shared>> = BTreeMap::new();
        for file in guesses {
            let _ = self.guesses.visit(&shape(file), &mut |holders, side| {
                let same = holders.iter().filter(|(holder, _)| side == Side::Both && **holder != asker);
                for (&holder, guess) in same {
                    let path = file.path.as_str().min(&guess.path).to_owned();
                    met.entry(holder).or_default().push(Shared { path, risk: Risk(file.share * guess.share) });
                }
                ControlFlow::Continue(())
            });
        }
        for (holder, mut shared) in met {
            let risk = risk::added_up(&mut shared);
            if let Some(strength) = risk.strength(self.policy) {
                found(Hit { holder, strength, why: Why::Risk { shared, risk } })?;
            }
        }
        ControlFlow::Continue(())
    }

    fn visit_unknown<'a>(
        &'a self,
        asker: TaskId,
        footprint: &Footprint,
        strength: Strength,
        found: &mut Found<'a, '_>,
    ) -> ControlFlow<()> {
        let hit = |&holder: &TaskId| Hit { holder, strength, why: Why::Unknown };
        let others = |task: &&TaskId| **task != asker;
        if footprint.is_unknown() {
            self.tasks.keys().filter(others).try_for_each(|task| found(hit(task)))
        } else {
            self.unknown.iter().filter(others).try_for_each(|task| found(hit(task)))
        }
    }
}

fn shape(file: &RankedFile) -> Shape {
    Shape::of(&Area::File(file.path.clone()))
}

fn take_out<V>(map: &mut AreaMap<BTreeMap<TaskId, V>>, shape: &Shape, task: TaskId) {
    let Some(holders) = map.get_mut(shape) else { return };
    holders.remove(&task);
    if holders.is_empty() {
        map.remove(shape);
    }
}
