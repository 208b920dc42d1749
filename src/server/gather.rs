//! Group commit: deliveries that wait together are kept in one transaction.
//!
//! Promises: a delivery is answered only after the transaction that keeps it; none waits for company, since a
//! transaction takes whatever came while the one before it was written.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use crate::server::connector::Connector;
use crate::server::loops::Loops;
use crate::store::{Delivery, Error, Store};

/// Most deliveries of one transaction.
const TOGETHER_MAX: usize = 256;
/// Most deliveries that wait; more requests than that wait for room.
const WAITING_MAX: usize = 1_024;

/// Where deliveries are handed in; clones share it.
#[derive(Clone)]
pub(super) struct Gather {
    waiting: mpsc::Sender<Waiting>,
}

struct Waiting {
    delivery: Delivery,
    answer: oneshot::Sender<Result<bool, Arc<Error>>>,
}

/// Why a delivery was not kept.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotKept {
    /// The store failed, for all that waited together.
    #[error(transparent)]
    Store(#[from] Arc<Error>),
    /// The server stops and takes nothing any more.
    #[error("the server is stopping")]
    Stopping,
}

impl Gather {
    /// Begins to keep what is handed in, as one of the loops' tasks, until every handle is gone or the server is cut
    /// off.
    pub(super) fn start<C: Connector>(loops: &Arc<Loops<C>>) -> Self {
        let (waiting, arriving) = mpsc::channel(WAITING_MAX);
        loops.tasks().spawn(keep_all(arriving, Arc::clone(loops)));
        Self { waiting }
    }

    /// Keeps a delivery; whether its GUID is new.
    pub(super) async fn keep(&self, delivery: Delivery) -> Result<bool, NotKept> {
        let (answer, kept) = oneshot::channel();
        self.waiting.send(Waiting { delivery, answer }).await.map_err(|_| NotKept::Stopping)?;
        Ok(kept.await.map_err(|_| NotKept::Stopping)??)
    }
}

async fn keep_all<C: Connector>(mut arriving: mpsc::Receiver<Waiting>, loops: Arc<Loops<C>>) {
    let mut together = Vec::new();
    loop {
        let count = tokio::select! {
            count = arriving.recv_many(&mut together, TOGETHER_MAX) => count,
            () = loops.abandoned() => return,
        };
        if count == 0 {
            return;
        }
        let (deliveries, answers): (Vec<_>, Vec<_>) =
            together.drain(..).map(|waiting| (waiting.delivery, waiting.answer)).unzip();
        // Who asked may be gone: the delivery is kept all the same, and its redelivery is known.
        match loops.store().keep(&deliveries).await {
            Ok(news) => answers.into_iter().zip(news).for_each(|(answer, is_new)| drop(answer.send(Ok(is_new)))),
            Err(error) => {
                let error = Arc::new(error);
                answers.into_iter().for_each(|answer| drop(answer.send(Err(Arc::clone(&error)))));
            }
        }
    }
}
