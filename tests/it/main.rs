//! Stories over the whole engine, the loop and the embedded GitHub, and over the program as people run it.

#![expect(clippy::print_stdout, reason = "tests tell what they saw")]

mod bad_input;
mod demo;
mod http;
mod killed;
mod lifecycle;
mod local;
mod people;
mod support;
