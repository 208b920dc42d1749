//! The naive layout: reachability by matrix, phases and paths by recursion, the expected order by looking at all tasks
//! in each round, edges by looking at all pairs and everything between them.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use crate::engine::facts::Priority;
use crate::engine::footprint::{Area, Claim, Footprint, OverlapPolicy, Source, Strength};
use crate::engine::graph::{Edge, EdgeKind, Layout, Node, Outside};
use crate::engine::id::{IssueNumber, TaskId};
use crate::engine::problem::ProblemCode;
use crate::engine::tests::areas::{guesses, judged, meet, path, risk, worth};

/// The plan, and whom each task reaches along its dependencies.
pub(super) struct Naive<'a> {
    nodes: &'a BTreeMap<TaskId, Node>,
    outside: &'a BTreeMap<IssueNumber, Outside>,
    policy: OverlapPolicy,
    reach: BTreeSet<(TaskId, TaskId)>,
    pub(super) phase: BTreeMap<TaskId, u32>,
}

impl<'a> Naive<'a> {
    pub(super) fn new(
        nodes: &'a BTreeMap<TaskId, Node>,
        outside: &'a BTreeMap<IssueNumber, Outside>,
        policy: OverlapPolicy,
    ) -> Self {
        let mut naive = Self { nodes, outside, policy, reach: BTreeSet::new(), phase: BTreeMap::new() };
        let ids: Vec<TaskId> = nodes.keys().copied().collect();
        for id in &ids {
            let before: Vec<TaskId> = naive.before(*id).collect();
            naive.reach.extend(before.into_iter().map(|before| (*id, before)));
        }
        for via in &ids {
            for from in &ids {
                for to in &ids {
                    if naive.reach.contains(&(*from, *via)) && naive.reach.contains(&(*via, *to)) {
                        naive.reach.insert((*from, *to));
                    }
                }
            }
        }
        naive.phases();
        naive
    }

    /// The tasks that one depends on, itself left out.
    fn before(&self, id: TaskId) -> impl Iterator<Item = TaskId> {
        let depends = self.nodes[&id].depends_on.iter().map(|issue| TaskId(*issue));
        depends.filter(move |other| *other != id).filter(|other| self.nodes.contains_key(other))
    }

    /// Those that stand in one circle with a task, itself included where there is one.
    fn circle(&self, id: TaskId) -> BTreeSet<TaskId> {
        let both = |other: &TaskId| self.reach.contains(&(id, *other)) && self.reach.contains(&(*other, id));
        self.nodes.keys().copied().filter(both).collect()
    }

    fn in_circle(&self, id: TaskId) -> bool {
        self.reach.contains(&(id, id))
    }

    /// A stated phase counts, else the priority's and that of everything before it. Within a circle the smaller number
    /// is looked at first, after all that the circle depends on.
    fn phases(&mut self) {
        while self.phase.len() < self.nodes.len() {
            let open: Vec<TaskId> = self.nodes.keys().copied().filter(|id| !self.phase.contains_key(id)).collect();
            let ready = |id: &TaskId| {
                let mut group = self.circle(*id);
                group.insert(*id);
                let outer = |other: TaskId| group.contains(&other) || self.phase.contains_key(&other);
                group.iter().all(|member| self.before(*member).all(outer))
            };
            let next = open.into_iter().find(ready).expect("something has all before it");
            let node = &self.nodes[&next];
            let own = match node.priority {
                Priority::Critical => 1,
                Priority::High => 2,
                Priority::Medium | Priority::Low => 3,
            };
            let latest = self.before(next).filter_map(|other| self.phase.get(&other).copied()).max();
            self.phase.insert(next, node.phase.unwrap_or(own.max(latest.unwrap_or_default())));
        }
    }

    /// What stands in the way of whom.
    pub(super) fn problems(&self) -> BTreeSet<(TaskId, ProblemCode)> {
        let mut found = BTreeSet::new();
        let numbers: BTreeSet<u32> = self.phase.values().copied().collect();
        for (id, node) in self.nodes {
            let missing = |issue: &&IssueNumber| {
                !self.nodes.contains_key(&TaskId(**issue))
                    && matches!(self.outside.get(issue), None | Some(Outside::Missing))
            };
            let early = |other: TaskId| {
                // In a circle, who is looked at later has no phase yet.
                let known = !self.circle(*id).contains(&other) || other < *id;
                known && node.phase.is_some_and(|stated| stated < self.phase[&other])
            };
            let declared = node.footprint.claims.iter().filter(|claim| claim.source == Source::Declared).count();
            let checks = [
                (ProblemCode::SelfDependency, node.depends_on.contains(&id.0)),
                (ProblemCode::MissingDependency, node.depends_on.iter().any(|issue| missing(&issue))),
                (ProblemCode::Cycle, self.in_circle(*id)),
                (ProblemCode::PhaseOrder, self.before(*id).any(early)),
                (ProblemCode::TooManyPhases, numbers.iter().filter(|number| **number < self.phase[id]).count() >= 10),
                (ProblemCode::TooLarge, declared > 30),
            ];
            found.extend(checks.into_iter().filter(|(_, stands)| *stands).map(|(code, _)| (*id, code)));
        }
        found
    }

    /// Unsettled tasks in whose way something stands, and all unsettled ones that wait for such a one.
    pub(super) fn held_up(&self) -> BTreeSet<TaskId> {
        let unsettled = |id: &TaskId| !self.nodes[id].settled;
        let mut held: BTreeSet<TaskId> = self.problems().into_iter().map(|(id, _)| id).filter(unsettled).collect();
        loop {
            let waits = |id: &TaskId| self.before(*id).any(|other| held.contains(&other));
            let more: BTreeSet<TaskId> = self.nodes.keys().copied().filter(unsettled).filter(waits).collect();
            if more.is_subset(&held) {
                return held;
            }
            held.extend(more);
        }
    }

    /// The longest path through unsettled dependents; nothing where it leads into a circle.
    pub(super) fn remaining(&self, id: TaskId) -> Option<u32> {
        if self.in_circle(id) {
            return None;
        }
        let after = self.nodes.keys().copied().filter(|other| self.before(*other).any(|before| before == id));
        let after = after.filter(|other| !self.nodes[other].settled);
        let lengths: Option<Vec<u32>> = after.map(|other| self.remaining(other)).collect();
        Some(1 + lengths?.into_iter().max().unwrap_or_default())
    }

    fn locked(&self, id: TaskId) -> BTreeSet<String> {
        let claims = self.nodes[&id].footprint.claims.iter();
        let hard = claims.filter(|claim| worth(claim, self.policy) == Some(Strength::Hard));
        hard.map(|claim| claim.area.display().to_lowercase()).collect()
    }

    /// How many unsettled tasks of its phase lock what it locks, path by path.
    pub(super) fn contention(&self, id: TaskId) -> u32 {
        let mine = self.locked(id);
        let same = |other: &TaskId| !self.nodes[other].settled && self.phase[other] == self.phase[&id];
        let shared = self.nodes.keys().filter(|other| same(other)).map(|other| self.locked(*other));
        u32::try_from(shared.map(|theirs| theirs.intersection(&mine).count()).sum::<usize>()).expect("few")
    }

    /// In each round those end that started in the one before; then each task, best first, starts that meets nobody
    /// hard who started in this round.
    pub(super) fn order(&self, layout: &Layout) -> Vec<TaskId> {
        let mut order: Vec<TaskId> = Vec::new();
        for phase in self.phase.values().copied().collect::<BTreeSet<u32>>() {
            let member =
                |id: &TaskId| self.phase[id] == phase && !self.nodes[id].settled && !layout.held_up.contains(id);
            let mut waiting: Vec<TaskId> = self.nodes.keys().copied().filter(member).collect();
            let place = |id: &TaskId| {
                let (path, shared) = (layout.remaining[id], layout.contention[id]);
                (Reverse(path + shared), Reverse(path), self.nodes[id].priority, *id)
            };
            waiting.sort_by_key(place);
            while !waiting.is_empty() {
                let mut running: Vec<TaskId> = Vec::new();
                for id in &waiting {
                    let free = self.before(*id).all(|other| !waiting.contains(&other));
                    let mut others = running.iter().map(|other| &self.nodes[other].footprint);
                    let hard = |other: &Footprint| {
                        let met = meet(&self.nodes[id].footprint, other, self.policy);
                        met.is_some_and(|met| met.strength == Strength::Hard)
                    };
                    if free && !others.any(hard) {
                        running.push(*id);
                    }
                }
                assert!(!running.is_empty(), "nothing of {waiting:?} can ever start");
                waiting.retain(|id| !running.contains(id));
                order.extend(running);
            }
        }
        order
    }

    /// What of a footprint has a say in the order.
    fn steering(&self, id: TaskId) -> Footprint {
        let claims = self.nodes[&id].footprint.claims.iter();
        let steers = |claim: &&Claim| worth(claim, self.policy).is_some_and(|strength| strength > Strength::Weak);
        let ranked = guesses(&self.nodes[&id].footprint, self.policy).to_vec();
        Footprint::from_claims(claims.filter(steers).cloned()).with_ranked(ranked)
    }

    /// Of each two tasks of a phase, whether what one is known to touch comes upon a file that the other is guessed to
    /// touch, and nobody between them took over what the earlier one has.
    fn judges(&self, order: &[TaskId], at: usize, later: usize) -> bool {
        let [theirs, mine] = [order[at], order[later]].map(|id| self.steering(id));
        let sure = |footprint: &Footprint| -> Vec<Area> {
            let claims = footprint.claims.iter().filter(|claim| claim.source != Source::Inferred);
            claims.map(|claim| claim.area.clone()).collect()
        };
        let guessed = |id: TaskId| judged(&self.nodes[&id].footprint, self.policy);
        let between = &order[at + 1..later];
        let claimed = |area: &Area| {
            let claims = between.iter().flat_map(|id| self.steering(*id).claims);
            claims.into_iter().any(|over| takes_over(&over.area, area))
        };
        let replaced = |file: &Area| {
            between.iter().any(|id| {
                let known = sure(&self.steering(*id));
                known.iter().chain(&guessed(*id)).any(|over| takes_over(over, file))
            })
        };
        let meets = |areas: &[Area], files: &[Area]| {
            areas.iter().any(|area| files.iter().any(|file| path(area, file).is_some()))
        };
        let known: Vec<Area> = sure(&theirs).into_iter().filter(|area| !claimed(area)).collect();
        let open: Vec<Area> = guessed(order[at]).into_iter().filter(|file| !replaced(file)).collect();
        meets(&known, &guessed(order[later])) || meets(&sure(&mine), &open)
    }

    /// The three earlier tasks of its phase that a task's ranking most likely brings it together with.
    fn riskiest(&self, order: &[TaskId], later: usize) -> BTreeSet<TaskId> {
        let footprint = |at: usize| &self.nodes[&order[at]].footprint;
        let earlier = (0..later).filter(|at| self.phase[&order[*at]] == self.phase[&order[later]]);
        let risks = earlier.map(|at| (Reverse(risk(footprint(at), footprint(later), self.policy).0), order[at]));
        let mut risks: Vec<(Reverse<u64>, TaskId)> = risks.filter(|(risk, _)| risk.0 >= 200_000).collect();
        risks.sort_unstable();
        risks.into_iter().take(3).map(|(_, id)| id).collect()
    }

    /// Of each two tasks of a phase, whether the later one comes upon a claim of the earlier that nobody between them
    /// took over: by naming the same area, or one in which it lies for certain.
    pub(super) fn overlaps(&self, order: &[TaskId], later: usize) -> BTreeSet<TaskId> {
        let after = order[later];
        let mine = self.steering(after);
        let earlier = (0..later).filter(|at| self.phase[&order[*at]] == self.phase[&after]);
        let comes_upon = |at: &usize| {
            let theirs = self.steering(order[*at]);
            let between: Vec<Footprint> = order[*at + 1..later].iter().map(|id| self.steering(*id)).collect();
            let last = |claim: &&Claim| {
                !between.iter().flat_map(|footprint| &footprint.claims).any(|over| takes_over(&over.area, &claim.area))
            };
            let open: Vec<&Claim> = theirs.claims.iter().filter(last).collect();
            open.iter().any(|claim| mine.claims.iter().any(|own| path(&own.area, &claim.area).is_some()))
        };
        let comes_upon = |at: &usize| comes_upon(at) || self.judges(order, *at, later);
        let mut found: BTreeSet<TaskId> = earlier.filter(comes_upon).map(|at| order[at]).collect();
        found.extend(self.riskiest(order, later));
        found
    }

    /// Why two neighbours are in this order.
    pub(super) fn explains(&self, edge: &Edge, before: TaskId, after: TaskId) -> bool {
        let met = meet(&self.steering(before), &self.steering(after), self.policy);
        met.is_some_and(|met| edge.strength == Some(met.strength) && met.evidence.contains(&edge.evidence))
    }

    /// Whether two tasks keep each other from running at once over a file. Names that might turn out to be a folder's
    /// are left out: no pattern meets what lies below them, so none that took a file over hands them on. So are
    /// rankings: of what they make meet only the riskiest is told.
    pub(super) fn exclude(&self, a: TaskId, b: TaskId) -> bool {
        let plain = |id: TaskId| {
            let claims = self.nodes[&id].footprint.claims.iter();
            claims.filter(|claim| !matches!(&claim.area, Area::File(path) if !path.contains('.'))).cloned()
        };
        let [a, b] = [a, b].map(|id| Footprint::from_claims(plain(id)));
        let known = !a.is_unknown() && !b.is_unknown();
        known && meet(&a, &b, self.policy).is_some_and(|met| met.strength == Strength::Hard)
    }

    /// Whether each step of a named circle is a dependency, and no way back to its beginning is shorter.
    pub(super) fn is_shortest_circle(&self, message: &str) -> bool {
        let named = message.split_once(": ").map_or("", |(_, rest)| rest);
        let named = named.split_once(';').map_or("", |(circle, _)| circle);
        let ids: Vec<TaskId> = named
            .split(" → ")
            .filter_map(|name| name.strip_prefix('#')?.parse().ok())
            .map(IssueNumber)
            .map(TaskId)
            .collect();
        let steps = ids.windows(2).all(|pair| self.before(pair[0]).any(|other| other == pair[1]));
        let Some((first, last)) = ids.first().zip(ids.last()) else { return false };
        let mut reached = BTreeSet::from([*first]);
        let mut shortest = 0;
        loop {
            shortest += 1;
            reached = reached.iter().flat_map(|id| self.before(*id)).collect();
            if reached.contains(first) || shortest > self.nodes.len() {
                break;
            }
        }
        let smallest = self.circle(*first).first() == Some(first);
        steps && first == last && smallest && ids.len() == shortest + 1
    }

    /// Edges of one kind as pairs of names.
    pub(super) fn named(layout: &Layout, kind: EdgeKind) -> BTreeSet<(&str, &str)> {
        let edges = layout.edges.iter().filter(|edge| edge.kind == kind);
        edges.map(|edge| (edge.from.as_str(), edge.to.as_str())).collect()
    }

    /// The dependencies between tasks of the plan.
    pub(super) fn depends(&self) -> BTreeSet<(TaskId, TaskId)> {
        self.nodes.keys().flat_map(|id| self.before(*id).map(|before| (before, *id))).collect()
    }
}

/// Whether who names `over` stands from then on for who named `area`.
fn takes_over(over: &Area, area: &Area) -> bool {
    let (wide, narrow) = (over.display().to_lowercase(), area.display().to_lowercase());
    if wide == narrow {
        return true;
    }
    let for_certain = matches!(
        (over, area),
        (Area::Directory(_), Area::File(_) | Area::Directory(_) | Area::Glob(_)) | (Area::Glob(_), Area::File(_))
    );
    for_certain && path(over, area).is_some_and(|path| path == area.display())
}
