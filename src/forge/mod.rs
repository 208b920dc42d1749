//! The forge: an embedded server that behaves like GitHub for one repository.
//!
//! [`world`] holds the whole state as pure data and decides every answer; what stands around it only carries requests
//! in and answers, webhooks and processes out.

pub mod http;
pub mod memory;
pub mod pages;
pub mod repository;
pub mod runner;
pub mod store;
pub mod webhooks;
pub mod world;
