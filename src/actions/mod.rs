//! A plan worked by workflow runs, with no server: the same turn, taken once per run over a store on the state branch.
//!
//! Promises: which event woke a run only says where to look first, and everything is looked at, so that a wake-up that
//! was dropped, merged with another or doubled never matters; a run ends when nothing is due soon, and what is due
//! later is seen by the next; the heartbeat runs exactly while there is a plan.

pub mod event;
pub mod heartbeat;
pub mod session;
pub mod summary;
pub mod workflows;

pub use crate::engine::config::{COMMENTS_WORKFLOW, HEARTBEAT_WORKFLOW, WORKFLOW};

/// Under which name all runs of one repository work: GitHub lets one of them run at a time, and should it ever not, the
/// later one takes over and the earlier one is refused.
pub const OWNER: &str = "actions";
