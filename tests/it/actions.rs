//! Plans worked by workflow runs alone, with no server: on virtual time, where the minutes that GitHub would bill are
//! counted, and over real HTTP, where the forge's runner works the very workflow files that people get.

mod action;
mod billed;
mod init;
mod over_http;
mod told;
