//! `local`: labelled issues of a checkout to merged pull requests on this machine, with no account, through the same
//! server, the same HTTP and the same webhooks as on GitHub. The checkout gets new branches and nothing else.

mod agent;
mod alone;
mod base;
mod connect;
mod finish;
mod interrupts;
pub mod issues;
mod jobs;
mod last_words;
mod options;
mod progress;
mod question;
mod session;
pub mod site;
mod state;
mod take_over;

pub use alone::{ForgeArgs, run as run_forge};
pub use options::{LocalArgs, Mistake};
pub use progress::Progress;
pub use session::{Ended, Outcome, Session, run};
