//! Which faults met tasks in which stage: a meeting that never came about is a gap in the simulation.

use std::collections::BTreeMap;

use strum::IntoEnumIterator as _;

use crate::engine::task::Stage;
use crate::simulate::fault::FaultKind;
use crate::simulate::oracle::Oracle;

/// How often each fault happened while some task was in each stage.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage(BTreeMap<(FaultKind, Stage), u64>);

impl Coverage {
    /// A fault happens now.
    pub(super) fn met(&mut self, kind: FaultKind, oracle: &Oracle) {
        for task in oracle.tasks.values() {
            *self.0.entry((kind, task.stage)).or_default() += 1;
        }
    }

    /// Takes another story's meetings in.
    pub(super) fn add(&mut self, other: &Self) {
        for (cell, times) in &other.0 {
            *self.0.entry(*cell).or_default() += times;
        }
    }

    /// How often a fault happened in each stage, by name.
    pub fn table(&self) -> BTreeMap<String, BTreeMap<String, u64>> {
        let row = |kind: FaultKind| Stage::iter().map(move |stage| (stage.to_string(), self.times(kind, stage)));
        FaultKind::iter().map(|kind| (kind.to_string(), row(kind).collect())).collect()
    }

    /// Meetings that never came about, for these faults.
    pub fn gaps(&self, kinds: &[FaultKind]) -> Vec<String> {
        let cells = kinds.iter().flat_map(|kind| Stage::iter().map(move |stage| (*kind, stage)));
        cells.filter(|(kind, stage)| self.times(*kind, *stage) == 0).map(|(k, s)| format!("{k} × {s}")).collect()
    }

    fn times(&self, kind: FaultKind, stage: Stage) -> u64 {
        self.0.get(&(kind, stage)).copied().unwrap_or_default()
    }
}
