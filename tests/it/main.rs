//! Stories over the whole engine, the loop and the embedded GitHub.

mod lifecycle;
mod people;
mod plan;
mod program;
mod serve;
mod story;
mod support;
