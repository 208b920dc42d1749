//! The client against small servers on loopback that answer as GitHub does.

mod encrypted;
mod reads;
pub(crate) mod server;
mod together;
mod writes;

use std::sync::Arc;

use crate::engine::id::RepositoryName;
use crate::engine::time::Timestamp;
use crate::github::client::{Client, Clock, Credentials, Transport};

use server::Server;

/// The clock of these tests stands still.
pub(crate) const NOW: Timestamp = Timestamp(1_800_000_000_000);

/// A clock that stands still.
pub(crate) fn clock() -> Clock {
    Arc::new(|| NOW)
}

fn client(server: &Server) -> Client {
    client_at(&server.url)
}

fn client_at(url: &str) -> Client {
    let transport = Transport::new(url, clock()).expect("a loopback address");
    let credentials = Credentials::Fixed("token-of-the-test".into());
    Client::new(Arc::new(transport), RepositoryName::new("o/r"), credentials).expect("a repository")
}

#[tokio::test]
async fn addresses_that_would_leak_a_token_are_refused() {
    for wrong in [
        "",
        "api.github.com",
        "http://api.github.com",
        "https://me:secret@host/api/v3",
        "ftp://127.0.0.1",
        "https://h/?x=1",
    ] {
        let error = Transport::new(wrong, clock()).expect_err(wrong).to_string();
        assert!(error.contains("address"), "{wrong}: {error}");
        assert!(!wrong.contains("secret") || !error.contains("secret"), "{error}");
    }
    for right in ["http://127.0.0.1:9/", "http://localhost:9", "http://[::1]:9/api/v3"] {
        assert!(Transport::new(right, clock()).is_ok(), "{right}");
    }
}
