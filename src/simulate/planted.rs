//! Planted bugs: one defect each, worked into what passes between the loop and its edges.

use crate::engine::event::Event;
use crate::engine::id::Owner;
use crate::engine::plan::Plan;
use crate::engine::step::{Step, step};
use crate::engine::time::Timestamp;
use crate::forge::memory::MemoryForge;
use crate::github::{Error, Request, Response};

/// A defect of ours, as it might be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, strum::Display, strum::EnumString, strum::EnumIter)]
#[strum(serialize_all = "snake_case")]
pub enum Planted {
    /// Fences are not written, though the engine hears that they are.
    FenceNotWritten,
}

impl Planted {
    /// An answer made up in place of a call, or a request changed.
    pub(super) fn answers(self, _request: &mut Request, _forge: &MemoryForge) -> Option<Result<Response, Error>> {
        None
    }

    /// An answer changed.
    pub(super) fn alters(self, answer: Response) -> Response {
        answer
    }
}

/// The engine's decision, with a defect where one is planted.
pub(super) fn decide(_planted: Option<Planted>, plan: &Plan, events: &[Event], now: Timestamp, owner: &Owner) -> Step {
    step(plan, events, now, owner)
}
