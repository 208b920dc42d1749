use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::BoxFuture;

use super::*;
use crate::engine::id::{IssueNumber, Login, PullNumber};
use crate::engine::snapshot::{Actor, OpenState};
use crate::forge::memory::MemoryForge;
use crate::forge::memory::edit::Edit;
use crate::forge::memory::fault::{Fault, Target};
use crate::forge::world::request::{PersonAct, Request as Act};

const START: Timestamp = Timestamp(1_000_000);

/// Lets so many writes out, and no more.
struct Writes(AtomicUsize);

impl Check for Writes {
    fn passes(&self) -> BoxFuture<'_, bool> {
        let passes = self.0.try_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok();
        Box::pin(std::future::ready(passes))
    }
}

fn offer(is_chosen: bool) -> Offer {
    Offer { page: "https://github.com/acme/widgets".to_owned(), is_chosen }
}

async fn look_with(forge: &MemoryForge, is_chosen: bool, has_tasks: bool, writes: usize) -> Result<End, Error> {
    let (check, offer) = (Writes(AtomicUsize::new(writes)), offer(is_chosen));
    Look { github: forge, check: &check, offer: &offer, has_tasks, label: "orchestrate" }.take().await
}

async fn look(forge: &MemoryForge) -> Result<End, Error> {
    look_with(forge, true, false, usize::MAX).await
}

fn pulls(forge: &MemoryForge) -> Vec<(PullNumber, OpenState)> {
    let world = forge.world();
    world.pulls().map(|(number, _)| (number, world.is_open(IssueNumber(number.0)))).map(state).collect()
}

fn state((number, is_open): (PullNumber, bool)) -> (PullNumber, OpenState) {
    (number, if is_open { OpenState::Open } else { OpenState::Closed })
}

fn act(forge: &MemoryForge, act: PersonAct) {
    let actor = Actor { login: Login::new("owner"), bot: false };
    forge.apply(Act::Person { actor, act, git: None }).expect("the owner may");
}

fn writes(forge: &MemoryForge) -> usize {
    forge.log().len()
}

#[tokio::test]
async fn one_pull_request_offers_the_files_and_nothing_else_changes() {
    let forge = MemoryForge::new(&[("a.txt", "a\n")], START);
    let main = forge.branch("main");
    assert_eq!(look(&forge).await, Ok(End::Over));
    assert_eq!(forge.branch("main"), main, "the default branch is as it was");
    let offered = starter::files();
    for file in &offered {
        let is_offered = file.committer == Committer::Anybody;
        assert_eq!(forge.file(BRANCH, file.path).as_deref(), is_offered.then_some(&*file.text), "{}", file.path);
    }
    assert_eq!(forge.file(BRANCH, "a.txt").as_deref(), Some("a\n"));
    let world = forge.world();
    let (number, pull) = world.pulls().next().expect("a pull request");
    assert_eq!((pull.head_branch.as_str(), pull.base_branch.as_str()), (BRANCH, "main"));
    let text = &world.issue(IssueNumber(number.0)).expect("its issue").issue.body;
    assert!(text.contains("this repository was chosen") && text.contains("acme/widgets/new/main?filename="), "{text}");
    let before = writes(&forge);
    assert_eq!(look(&forge).await, Ok(End::Over));
    assert_eq!(writes(&forge), before, "a second look writes nothing");
}

#[tokio::test]
async fn closed_or_merged_it_is_never_opened_again() {
    for close in [true, false] {
        let forge = MemoryForge::new(&[("a.txt", "a\n")], START);
        assert_eq!(look(&forge).await, Ok(End::Over));
        let (number, _) = pulls(&forge)[0];
        let end = if close { PersonAct::Close { number: IssueNumber(number.0) } } else { PersonAct::Merge { number } };
        act(&forge, end);
        let before = writes(&forge);
        assert_eq!(look(&forge).await, Ok(End::Over));
        assert_eq!((pulls(&forge), writes(&forge)), (vec![(number, OpenState::Closed)], before));
    }
}

#[tokio::test]
async fn nothing_is_offered_before_somebody_asks_or_where_people_have_begun() {
    let forge = MemoryForge::new(&[("a.txt", "a\n")], START);
    assert_eq!(look_with(&forge, false, false, usize::MAX).await, Ok(End::Later));
    assert_eq!(writes(&forge), 0);
    assert_eq!(look_with(&forge, false, true, usize::MAX).await, Ok(End::Over));
    assert_eq!(pulls(&forge).len(), 1);
    for file in starter::files() {
        let forge = MemoryForge::new(&[(file.path, "theirs\n")], START);
        assert_eq!(look(&forge).await, Ok(End::Over));
        assert_eq!(writes(&forge), 0, "{}", file.path);
    }
}

/// Whatever is lost on the way, the next look finds what was done and does the rest.
#[tokio::test]
async fn lost_answers_and_refused_writes_leave_one_branch_and_one_pull_request() {
    let is_commit = |request: &Request| matches!(request, Request::CreateCommit { .. });
    let is_branch = |request: &Request| matches!(request, Request::CreateBranch { .. });
    let is_pull = |request: &Request| matches!(request, Request::CreatePullRequest { .. });
    let cut = || Fault::Instead(Error::Unreachable { message: "cut".to_owned() });
    for target in [is_commit as fn(&Request) -> bool, is_branch, is_pull] {
        for fault in [Fault::AnswerLost, cut()] {
            let forge = MemoryForge::new(&[("a.txt", "a\n")], START);
            forge.plan_fault(Target::Call(target), fault.clone());
            assert!(look(&forge).await.is_err(), "{fault:?}");
            assert_eq!(look(&forge).await, Ok(End::Over), "{fault:?}");
            assert_eq!(pulls(&forge).len(), 1, "{fault:?}");
        }
    }
}

#[tokio::test]
async fn without_the_lease_nothing_is_written() {
    for allowed in 0..3 {
        let forge = MemoryForge::new(&[("a.txt", "a\n")], START);
        assert!(look_with(&forge, true, false, allowed).await.is_err());
        assert_eq!(pulls(&forge), []);
        assert_eq!(forge.branch(BRANCH).is_some(), allowed == 2);
    }
}

#[tokio::test]
async fn somebody_elses_branch_of_that_name_is_left_alone() {
    let forge = MemoryForge::new(&[("a.txt", "a\n")], START);
    forge.push("owner", BRANCH, &[Edit::write("b.txt", "b\n")]).expect("pushes");
    let (before, tip) = (writes(&forge), forge.branch(BRANCH));
    assert_eq!(look(&forge).await, Ok(End::Over));
    assert_eq!((writes(&forge), forge.branch(BRANCH), pulls(&forge)), (before, tip, vec![]));
}

#[test]
fn looks_are_an_hour_apart_save_when_the_first_issue_is_labelled() {
    let mut looked = Looked::default();
    assert!(looked.is_due(false, START));
    looked.note(Some(End::Later), false, START);
    assert!(!looked.is_due(false, START + Duration::from_secs(3_599)));
    assert!(looked.is_due(false, START + INTERVAL));
    assert!(looked.is_due(true, START), "an issue was labelled");
    looked.note(None, true, START);
    assert!(!looked.is_due(true, START + Duration::from_secs(1)), "it failed, and is tried later");
    assert!(looked.is_due(true, START + INTERVAL));
    looked.note(Some(End::Over), true, START);
    assert!(!looked.is_due(true, START + INTERVAL * 9));
}
