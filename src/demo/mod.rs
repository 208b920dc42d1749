//! The demo: the whole life of a plan on a bundled sample project, with no account, no key and no network.

pub mod sample;
