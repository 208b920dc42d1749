//! Where a server listens.

use super::{Workshop, clock, secrets};
use crate::server::{Options, Server, StartError};

#[tokio::test]
async fn a_port_in_use_is_told() {
    let workshop = Workshop::new();
    let first = workshop.start().await;
    let options = Options { address: first.address(), secrets: secrets(), clock: clock(), is_followed: true };
    let refused = Server::start(options, workshop.clone(), workshop.store.clone()).await;
    let error = refused.err().expect("the port is taken");
    assert!(matches!(&error, StartError::Address { address, .. } if *address == first.address()), "{error}");
    assert!(first.shutdown().await);
}
