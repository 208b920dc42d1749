//! Who may work a repository, asked of every store.

use std::time::Duration;

use futures_util::future::join_all;

use crate::engine::id::Owner;
use crate::store::tests::{START, Spoilable, delivery, guids, header, numbers, widgets};
use crate::store::{Error, Lease};

/// Less than any lease lasts.
const SOON: Duration = Duration::from_secs(1);

async fn take(store: &impl Spoilable, owner: &str) -> Result<Lease, Error> {
    store.acquire(&widgets(), &Owner::new(owner), START).await
}

pub(super) async fn a_lease_has_one_owner_at_a_time(store: impl Spoilable) {
    let first = take(&store, "a").await.expect("nobody has it");
    assert!(first.until > START + SOON, "{first:?}");
    let shouted = crate::engine::id::RepositoryName::new("ACME/Widgets");
    for repository in [widgets(), shouted] {
        let refused = store.acquire(&repository, &Owner::new("b"), START).await;
        assert!(matches!(refused, Err(Error::Leased { until }) if until > START), "{refused:?}");
    }
    let other = crate::engine::id::RepositoryName::new("acme/gadgets");
    assert_eq!(store.acquire(&other, &Owner::new("b"), START).await.expect("another repository").epoch, 1);
    let renewed = store.renew(&widgets(), first, START + SOON).await.expect("it is held");
    assert!(renewed.epoch == first.epoch && renewed.until > first.until, "{renewed:?}");
    store.stands(&widgets(), renewed).await.expect("it is held");
    store.release(&widgets(), renewed).await.expect("given back");
    let second = take(&store, "b").await.expect("it was given back");
    assert_eq!((first.epoch, second.epoch), (1, 2));
    assert!(matches!(take(&store, "a").await, Err(Error::Leased { .. })));
}

pub(super) async fn an_owner_takes_its_own_lease_anew(store: impl Spoilable) {
    let first = take(&store, "a").await.expect("nobody has it");
    let second = take(&store, "a").await.expect("its own");
    assert_eq!(second.epoch, first.epoch + 1);
    assert!(matches!(store.stands(&widgets(), first).await, Err(Error::Fenced)), "what it left under way is refused");
    store.stands(&widgets(), second).await.expect("it is held");
}

pub(super) async fn nothing_is_done_under_an_older_epoch(store: impl Spoilable) {
    store.keep(&[delivery("a", Some("acme/widgets"), 1)]).await.expect("kept");
    let old = take(&store, "a").await.expect("nobody has it");
    assert_eq!(store.save(&widgets(), old, 0, &[header(|_| {})]).await.expect("it is held"), 1);
    store.expire().await;
    let new = take(&store, "b").await.expect("it has run out");
    assert_eq!(new.epoch, old.epoch + 1);
    let fenced = |result: Result<(), Error>| matches!(result, Err(Error::Fenced));
    assert!(fenced(store.stands(&widgets(), old).await));
    assert!(fenced(store.renew(&widgets(), old, START).await.map(drop)));
    assert!(fenced(store.claim(&widgets(), old, 10).await.map(drop)));
    assert!(fenced(store.save(&widgets(), old, 1, &[numbers(1, 9)]).await.map(drop)));
    store.release(&widgets(), old).await.expect("nothing of theirs to give back");
    store.stands(&widgets(), new).await.expect("it is held all the same");
    let (plan, version) = store.load(&widgets()).await.expect("readable").expect("a plan");
    assert!(version == 1 && plan.numbers.is_empty(), "{:?}", plan.numbers);
    assert_eq!(store.save(&widgets(), new, 1, &[numbers(1, 2)]).await.expect("it is held"), 2);
    let never = Lease { epoch: new.epoch + 1, ..new };
    assert!(fenced(store.save(&widgets(), never, 2, &[numbers(1, 9)]).await.map(drop)), "nor under one never given");
}

pub(super) async fn of_many_takers_one_has_it(store: impl Spoilable) {
    for round in 1..=5 {
        let owners: Vec<String> = (0..8).map(|number| format!("{round}.{number}")).collect();
        let taken = join_all(owners.iter().map(|owner| take(&store, owner))).await;
        let epochs: Vec<_> = taken.iter().flatten().map(|lease| lease.epoch).collect();
        assert_eq!(epochs, [round], "{taken:?}");
        assert!(taken.iter().flat_map(|taken| taken.as_ref().err()).all(|error| matches!(error, Error::Leased { .. })));
        store.expire().await;
    }
}

pub(super) async fn what_was_claimed_and_not_worked_is_claimed_by_the_next_holder(store: impl Spoilable) {
    for (guid, repository, at) in
        [("b", "acme/widgets", 2), ("a", "ACME/widgets", 1), ("c", "acme/widgets", 3), ("x", "acme/gadgets", 1)]
    {
        store.keep(&[delivery(guid, Some(repository), at)]).await.expect("kept");
    }
    let lease = take(&store, "a").await.expect("nobody has it");
    assert_eq!(guids(&store.claim(&widgets(), lease, 2).await.expect("held")), ["a", "b"]);
    store.worked(&["a".to_owned()]).await.expect("marked");
    store.expire().await;
    let next = take(&store, "b").await.expect("it has run out");
    let claimed = store.claim(&widgets(), next, 10).await.expect("held");
    assert_eq!(guids(&claimed), ["b", "c"]);
    assert_eq!(claimed[0], delivery("b", Some("acme/widgets"), 2), "whole");
    store.worked(&["b".to_owned(), "c".to_owned()]).await.expect("marked");
    assert_eq!(store.claim(&widgets(), next, 10).await.expect("held"), []);
}

#[test]
fn a_lease_is_renewed_when_a_third_of_it_has_passed() {
    let lease = Lease { epoch: 1, since: START, until: START + Duration::from_secs(30) };
    for (seconds, wait) in [(0, 10), (4, 6), (10, 0), (40, 0)] {
        assert_eq!(lease.renewal_wait(START + Duration::from_secs(seconds)), Duration::from_secs(wait));
    }
    assert_eq!(lease.renewal_wait(START - Duration::from_millis(1)), Duration::ZERO, "the clock was set back");
}
