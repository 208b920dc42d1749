//! The reasons for the order, edge by edge.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use crate::engine::footprint::{Area, Claim, Footprint, OverlapPolicy, RankedFile, Strength};
use crate::engine::graph::{Edge, EdgeKind, Layout, Node, inner};
use crate::engine::id::TaskId;
use crate::engine::overlap::risk::{self, Risk};
use crate::engine::overlap::{AreaMap, Shape, Side, effective, meeting};

/// Of a task's meetings by risk alone, those with so many tasks before it are told: in a repository where everything
/// lies in a few files, everybody meets everybody.
const RISKS_SHOWN_MAX: usize = 3;

/// All edges: dependencies, overlaps of neighbours, phases.
pub(super) fn all(
    nodes: &BTreeMap<TaskId, Node>,
    layout: &Layout,
    phase_of: &BTreeMap<TaskId, u32>,
    policy: OverlapPolicy,
) -> Vec<Edge> {
    let mut edges = Vec::new();
    for node in nodes.values() {
        for dependency in inner(nodes, node).map(|other| other.id).collect::<BTreeSet<_>>() {
            edges.push(Edge {
                from: dependency.to_string(),
                to: node.id.to_string(),
                kind: EdgeKind::DependsOn,
                strength: None,
                evidence: format!("#{} depends on #{}", node.id.0, dependency.0),
            });
        }
    }
    let ordered: Vec<&Node> = layout.order.iter().filter_map(|task| nodes.get(task)).collect();
    // Between phases the gate orders; an overlap adds nothing.
    for members in ordered.chunk_by(|one, other| phase_of.get(&one.id) == phase_of.get(&other.id)) {
        let risky = riskiest(members, policy);
        let mut neighbours = Neighbours { policy, ..Neighbours::default() };
        for (node, risky) in members.iter().zip(risky) {
            edges.extend(neighbours.add(nodes, node, risky));
        }
    }
    edges.extend(layout.phases.windows(2).filter_map(|pair| match pair {
        [before, after] => Some(Edge {
            from: before.name.clone(),
            to: after.name.clone(),
            kind: EdgeKind::Phase,
            strength: None,
            evidence: format!("{} opens when {} has passed its gate", after.name, before.name),
        }),
        _ => None,
    }));
    edges
}

/// For each of some tasks in order those before it that their rankings bring it together with, the riskiest at most.
fn riskiest(members: &[&Node], policy: OverlapPolicy) -> Vec<Vec<TaskId>> {
    let mut found: Vec<Vec<(Reverse<Risk>, TaskId)>> = vec![Vec::new(); members.len()];
    if risk::guess_strength(policy).is_some() {
        let rankings: Vec<&[RankedFile]> = members.iter().map(|node| node.footprint.guesses()).collect();
        for pair in risk::pairs(&rankings, Risk::thousandths(risk::POSSIBLE)) {
            found[pair.second].push((Reverse(pair.risk), members[pair.first].id));
        }
    }
    let most = |mut before: Vec<(Reverse<Risk>, TaskId)>| {
        before.sort_unstable();
        before.into_iter().take(RISKS_SHOWN_MAX).map(|(_, task)| task).collect()
    };
    found.into_iter().map(most).collect()
}

/// The last task, in the expected order, on each area. Where an area swallows narrower ones its task stands for all of
/// them.
#[derive(Default)]
struct Neighbours {
    policy: OverlapPolicy,
    last: AreaMap<Option<Last>>,
    /// The last task whose ranking names a file, until somebody is known to touch it.
    guessed: AreaMap<Option<Last>>,
}

#[derive(Clone)]
struct Last {
    task: TaskId,
    area: Area,
    /// Whether it is more than a mention.
    known: bool,
}

impl Neighbours {
    /// Adds the next task in order and gives its edges from those just before it and from `risky` ones, the strongest
    /// of each pair.
    fn add(&mut self, nodes: &BTreeMap<TaskId, Node>, node: &Node, risky: Vec<TaskId>) -> Vec<Edge> {
        let mut before: BTreeSet<TaskId> = risky.into_iter().collect();
        let policy = self.policy;
        if risk::guess_strength(policy).is_some() {
            self.judge(node, &mut before);
        }
        for claim in node.footprint.claims.iter().filter(|claim| steers(claim, policy)) {
            let shape = Shape::of(&claim.area);
            let mut swallowed = Vec::new();
            let _ = self.last.visit(&shape, &mut |last, side| {
                if let Some(last) = last.as_ref().filter(|last| last.task != node.id) {
                    before.insert(last.task);
                    if side == Side::Theirs && covers(&claim.area, &last.area) {
                        swallowed.push(last.area.clone());
                    }
                }
                ControlFlow::Continue(())
            });
            for area in swallowed {
                self.last.remove(&Shape::of(&area));
            }
            *self.last.entry(&shape) = Some(Last { task: node.id, area: claim.area.clone(), known: claim.is_known() });
        }
        before.into_iter().filter_map(|task| nodes.get(&task)).filter_map(|other| self.edge(other, node)).collect()
    }

    /// Finds those before a task that are known to touch files it is guessed to touch, or the other way round. Has to
    /// come before the task's own claims are put in.
    fn judge(&mut self, node: &Node, before: &mut BTreeSet<TaskId>) {
        let policy = self.policy;
        let known = |claim: &&Claim| claim.is_known() && steers(claim, policy);
        for claim in node.footprint.claims.iter().filter(known) {
            let mut swallowed = Vec::new();
            let _ = self.guessed.visit(&Shape::of(&claim.area), &mut |last, side| {
                if let Some(last) = last {
                    before.insert(last.task);
                    if side == Side::Both || side == Side::Theirs && covers(&claim.area, &last.area) {
                        swallowed.push(last.area.clone());
                    }
                }
                ControlFlow::Continue(())
            });
            swallowed.iter().for_each(|area| self.guessed.remove(&Shape::of(area)));
        }
        for file in risk::judged(node.footprint.guesses()) {
            let area = Area::File(file.path.clone());
            let shape = Shape::of(&area);
            let _ = self.last.visit(&shape, &mut |last, _| {
                before.extend(last.as_ref().filter(|last| last.known).map(|last| last.task));
                ControlFlow::Continue(())
            });
            *self.guessed.entry(&shape) = Some(Last { task: node.id, area, known: false });
        }
    }

    fn edge(&self, before: &Node, after: &Node) -> Option<Edge> {
        let steering = |footprint: &Footprint| {
            let claims = footprint.claims.iter().filter(|claim| steers(claim, self.policy));
            Footprint::from_claims(claims.cloned()).with_ranked(footprint.guesses().iter().cloned())
        };
        let found = meeting(&steering(&before.footprint), &steering(&after.footprint), self.policy)?;
        Some(Edge {
            from: before.id.to_string(),
            to: after.id.to_string(),
            kind: EdgeKind::Overlap,
            strength: Some(found.strength),
            evidence: found.evidence,
        })
    }
}

/// Whether a claim has a say in the order.
fn steers(claim: &Claim, policy: OverlapPolicy) -> bool {
    effective(claim, policy).is_some_and(|strength| strength > Strength::Weak)
}

/// Whether everything in the narrower of two meeting areas lies in the wider one for certain.
fn covers(wider: &Area, narrower: &Area) -> bool {
    match (wider, narrower) {
        (Area::Directory(_), Area::File(_) | Area::Directory(_) | Area::Glob(_)) | (Area::Glob(_), Area::File(_)) => {
            true
        }
        (Area::Glob(_), Area::Directory(_) | Area::Glob(_)) | (Area::File(_), _) => false,
    }
}
