//! The reasons for the order, edge by edge.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use crate::engine::footprint::{Area, Claim, Footprint, OverlapPolicy, Strength};
use crate::engine::graph::{Edge, EdgeKind, Layout, Node, inner};
use crate::engine::id::TaskId;
use crate::engine::overlap::{AreaMap, Shape, Side, effective, meeting};

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
    let mut neighbours = Neighbours { policy, ..Neighbours::default() };
    let mut phase = None;
    for node in layout.order.iter().filter_map(|task| nodes.get(task)) {
        // Between phases the gate orders; an overlap adds nothing.
        if phase != phase_of.get(&node.id) {
            phase = phase_of.get(&node.id);
            neighbours.last = AreaMap::default();
        }
        edges.extend(neighbours.add(nodes, node));
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

/// The last task, in the expected order, on each area. Where an area swallows narrower ones its task stands for all of
/// them.
#[derive(Default)]
struct Neighbours {
    policy: OverlapPolicy,
    last: AreaMap<Option<Last>>,
}

#[derive(Clone)]
struct Last {
    task: TaskId,
    area: Area,
}

impl Neighbours {
    /// Adds the next task in order and gives its edges from those just before it, the strongest of each pair.
    fn add(&mut self, nodes: &BTreeMap<TaskId, Node>, node: &Node) -> Vec<Edge> {
        let mut before: BTreeSet<TaskId> = BTreeSet::new();
        let policy = self.policy;
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
            *self.last.entry(&shape) = Some(Last { task: node.id, area: claim.area.clone() });
        }
        before.into_iter().filter_map(|task| nodes.get(&task)).filter_map(|other| self.edge(other, node)).collect()
    }

    fn edge(&self, before: &Node, after: &Node) -> Option<Edge> {
        let steering = |footprint: &Footprint| {
            Footprint::from_claims(footprint.claims.iter().filter(|claim| steers(claim, self.policy)).cloned())
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
