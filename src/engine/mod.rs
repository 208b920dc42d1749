//! The pure core: no I/O, clock, randomness, environment, async or logging; ordered collections only; the same input
//! gives the same bytes. [`step`](step::step) turns a plan and events into changes and effects and never mutates the
//! plan.

pub mod brief;
pub mod command;
pub mod config;
pub mod facts;
pub mod footprint;
pub mod graph;
pub mod id;
pub mod manifest;
pub mod markdown;
pub mod nearest;
pub mod overlap;
pub mod plan_document;
pub mod policy;
pub mod problem;
pub mod record;
pub mod report;
pub mod schedule;
pub mod snapshot;
pub mod time;
