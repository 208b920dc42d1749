//! Whether a write may still be sent is asked last: after its token was made and the gate has let it through.

use std::sync::Mutex;

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, ready};
use tokio::sync::Semaphore;

use super::*;
use crate::engine::id::CommentId;
use crate::github::Check;
use crate::github::pace::Limits;

const WRITE: Request = Request::DeleteComment { comment: CommentId(7) };

/// Notes what the server had been asked each time it was asked itself.
struct Witness<'s> {
    server: &'s Server,
    seen: Mutex<Vec<Vec<String>>>,
    passes: bool,
}

impl Check for Witness<'_> {
    fn passes(&self) -> BoxFuture<'_, bool> {
        self.seen.lock().expect("no panic").push(self.server.lines());
        Box::pin(ready(self.passes))
    }
}

/// Passes once it is let.
struct Held(Semaphore);

impl Check for Held {
    fn passes(&self) -> BoxFuture<'_, bool> {
        Box::pin(async { self.0.acquire().await.is_ok() })
    }
}

fn tally(lines: &[String]) -> (usize, usize) {
    let count = |ending: &str| lines.iter().filter(|line| line.ends_with(ending)).count();
    (count("access_tokens"), count("/comments/7"))
}

#[tokio::test]
async fn a_write_is_checked_after_its_token_was_made() {
    let (tokens, server, installations) = start().await;
    let client = installations.client(&repository()).await.expect("a client");
    tokens.first_good.store(2, Ordering::SeqCst);
    let yes = Witness { server: &server, seen: Mutex::default(), passes: true };
    client.send_if(WRITE, &yes).await.expect("the second token is good");
    let seen = yes.seen.into_inner().expect("no panic");
    assert_eq!(seen.iter().map(|lines| tally(lines)).collect::<Vec<_>>(), [(1, 0), (2, 1)]);
    assert_eq!(tally(&server.lines()), (2, 2));

    let no = Witness { server: &server, seen: Mutex::default(), passes: false };
    let answer = client.send_if(WRITE, &no).await;
    assert!(matches!(answer, Err(Error::Unreachable { .. })), "{answer:?}");
    assert_eq!(tally(&server.lines()), (2, 2), "nothing was sent");
    client.send_if(Request::Repository, &no).await.expect("a read is not checked");
    assert_eq!(no.seen.lock().expect("no panic").len(), 1);
}

#[tokio::test]
async fn a_write_is_checked_after_the_gate_has_let_it_through() {
    let (_, server, installations) = start().await;
    let installations = Installations::within(installations.app().clone(), Limits { at_once: 1, ..Limits::GITHUB });
    let client = installations.client(&repository()).await.expect("a client");
    client.token().await.expect("a token");
    let held = Held(Semaphore::new(0));
    let after = Witness { server: &server, seen: Mutex::default(), passes: true };
    let mut first = Box::pin(client.send_if(WRITE, &held));
    let mut second = Box::pin(client.send_if(WRITE, &after));
    assert!(first.as_mut().now_or_never().is_none(), "its check does not end");
    assert!(second.as_mut().now_or_never().is_none(), "the gate lets one through at a time");
    assert!(after.seen.lock().expect("no panic").is_empty(), "it is not checked before its turn");
    held.0.add_permits(1);
    let (one, other) = tokio::join!(first, second);
    assert!(one.is_ok() && other.is_ok(), "{one:?} {other:?}");
    let seen = after.seen.lock().expect("no panic").iter().map(|lines| tally(lines).1).collect::<Vec<_>>();
    assert_eq!(seen, [1], "the first had left by then");
}
