//! Whole steps of the worker on a real repository, a folder of this machine.

mod agent;
mod claim;
mod planner;
mod publish;
mod stage;
mod watchdog;

pub(in crate::worker) use stage::brief;
