//! The runner.

pub mod expression;
