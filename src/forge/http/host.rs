//! The forge as the local runner's host.

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
        Self::apply(self, request).await.map(|_| ())
    }

    fn look<T>(&self, look: impl FnOnce(&World) -> T) -> T {
        Self::look(self, look)
    }

    fn changes(&self) -> watch::Receiver<u64> {
        Self::changes(self)
    }

    fn job_token(&self, permissions: &Permissions) -> impl Future<Output = Result<SecretString, Error>> + Send {
        let token = self.mint_job_token(permissions.clone());
        std::future::ready(token.map_err(|message| Error::Unreachable { message }))
    }

    fn end_job_token(&self, token: &SecretString) -> impl Future<Output = ()> + Send {
        self.revoke(token);
        std::future::ready(())
    }

    async fn merged_tree(&self, base: &str, head: &Sha, folder: &Path) -> Result<MergedTree, String> {
        self.fill_merged(base, head, folder).await.map_err(|error| error.to_string())
    }
}
