//! The pure core: no I/O, clock, randomness, environment, async or logging; ordered collections only; the same input
//! gives the same bytes. [`step`](step::step) turns a plan and events into changes and effects and never mutates the
//! plan.

pub mod act;
pub mod attempt;
pub mod brief;
pub mod checklist;
pub mod command;
pub mod config;
pub mod cursor;
pub mod draft;
pub mod dry_run;
pub mod effect;
pub mod event;
pub mod facts;
mod fold;
pub mod footprint;
mod gate;
pub mod graph;
pub mod hold;
pub mod id;
pub mod kept;
pub mod learning;
pub mod manifest;
pub mod markdown;
pub mod nearest;
mod observe;
pub mod overlap;
pub mod plan;
pub mod plan_document;
pub mod planner;
pub mod policy;
pub mod problem;
pub mod pull;
mod rebuild;
mod reconcile;
pub mod record;
pub mod render;
pub mod report;
pub mod rest;
pub mod retry;
pub mod schedule;
pub mod secret;
pub mod snapshot;
pub mod step;
pub mod summary;
pub mod task;
pub mod tasks;
pub mod time;
pub mod upgrade;
pub mod waits;

#[cfg(test)]
mod tests;
