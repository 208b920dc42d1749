//! The runner.

pub mod expression;
pub mod workflow;
