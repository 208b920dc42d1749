//! task-orchestrator: plans labelled issues, dispatches one run per task, heals what stalls, merges what is green.
//!
//! Imports go downwards only (a test in `tests/tidy` enforces it): `engine` is pure and imports nothing of ours;
//! `infer` only `engine`; `git`, `github` and `store` import `engine`; `survey` reads through `git` for `infer`;
//! `perform` and `turn` those; the fronts import `turn`; `worker` never does; `simulate` tells stories over `turn` and
//! `forge`, and nothing but `cli` imports it.

pub mod cli;
pub mod demo;
pub mod engine;
pub mod forge;
pub mod git;
pub mod github;
pub mod infer;
pub mod issues_file;
pub mod local;
pub mod perform;
pub mod server;
pub mod simulate;
pub mod store;
pub mod survey;
pub mod turn;
pub mod worker;
