//! The HTTP forge as the runner's host: what the runner reports is kept like everything else, and its tokens are the forge's own.

use std::path::Path;

use secrecy::SecretString;
use tokio::sync::watch;

use crate::engine::id::Sha;
use crate::forge::http::Handle;
use crate::forge::runner::{Host, MergedTree};
use crate::forge::world::World;
use crate::forge::world::access::Permissions;
use crate::forge::world::request::Request;
use crate::github::Error;

impl Host for Handle {
    async fn apply(&self, request: Request) -> Result<(), Error> {
        Handle::apply(self, request).await.map(|_| ())
    }

    fn look<T>(&self, look: impl FnOnce(&World) -> T) -> T {
        Handle::look(self, look)
    }

    fn changes(&self) -> watch::Receiver<u64> {
        Handle::changes(self)
    }

    async fn job_token(&self, permissions: &Permissions) -> Result<SecretString, Error> {
        self.mint_job_token(permissions.clone()).map_err(|message| Error::Unexpected { message })
    }

    async fn end_job_token(&self, token: &SecretString) {
        self.revoke(token);
    }

    async fn merged_tree(&self, base: &str, head: &Sha, folder: &Path) -> Result<MergedTree, String> {
        let tip = Handle::look(self, |world| world.branches().get(base).cloned());
        let tip = tip.ok_or_else(|| format!("the branch {base} does not exist"))?;
        match self.fill_merged(&tip, head, folder).await {
            Ok(Ok(())) => Ok(MergedTree::Filled),
            Ok(Err(_)) => Ok(MergedTree::Conflict),
            Err(error) => Err(error.to_string()),
        }
    }
}
