//! The forge: an embedded server that behaves like GitHub for one repository.
//!
//! [`world`] holds the whole state as pure data and decides every answer; what stands around it only carries requests in and
//! answers, webhooks and processes out.

pub mod memory;
pub mod world;
