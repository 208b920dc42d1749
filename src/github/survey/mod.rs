//! What a set-up is made of, read and never changed: the App's registration, the repository's rules, what
//! administrators have set. No plan needs any of it; whoever looks for what is wrong does.
//!
//! Each reading is one call, or the pages of one list. What a token may not see is an error like any other, so that
//! nobody takes it for absent.

mod app;
mod repository;
mod rules;
mod settings;

pub use app::{Delivered, Hook, Installed, Registration};
pub use repository::{Home, Quota, WorkflowState};
pub use rules::{BranchRule, Protected, Protection, RuleKind};
pub use settings::{AllowedActions, SelectedActions, TokenRights};

use std::sync::Arc;

use crate::engine::time::Timestamp;
use crate::github::Error;
use crate::github::client::{Answer, Call, Client, Transport};

/// Items of a page, where GitHub gives so many.
const PAGE: usize = 100;
/// Most pages of one list that are read.
const PAGES_MAX: usize = 10;

/// Looks at one repository with one token.
#[derive(Clone, Debug)]
pub struct Survey {
    client: Arc<Client>,
}

impl Survey {
    /// With a client's token; sends nothing.
    pub fn new(client: Arc<Client>) -> Self {
        Self { client }
    }

    /// The client.
    pub fn client(&self) -> &Arc<Client> {
        &self.client
    }

    /// A list's pages below the repository, of so many items each, `take` giving each one's items.
    async fn pages<T>(
        &self,
        path: &str,
        what: &str,
        size: usize,
        take: impl Fn(&Answer) -> Result<Vec<T>, Error>,
    ) -> Result<Vec<T>, Error> {
        let mut items = Vec::new();
        for page in 1..=PAGES_MAX {
            let answer = self.client.look(&format!("{path}?per_page={size}&page={page}"), what).await?;
            let found = take(&answer)?;
            let is_last = found.len() < size;
            items.extend(found);
            if is_last {
                break;
            }
        }
        Ok(items)
    }
}

impl Transport {
    /// How far GitHub's clock is ahead of this machine's, in seconds, by the last answer; nothing before the first.
    pub fn clock_ahead_seconds(&self) -> Option<i64> {
        self.ahead_seconds()
    }

    /// This machine's time.
    pub fn time(&self) -> Timestamp {
        self.now()
    }

    /// Knocks at an address without any token and gives the status of whatever answers, redirects not followed.
    ///
    /// # Errors
    /// [`Error::Unreachable`] where nobody answers, [`Error::Unexpected`] where it is no address.
    pub async fn knock(&self, address: &str) -> Result<u16, Error> {
        let call = Call::get(String::new(), "the webhook's address");
        Ok(self.fetch_elsewhere(&call, address).await?.status.as_u16())
    }
}
