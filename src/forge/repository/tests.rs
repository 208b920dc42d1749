use std::path::Path;
use std::process::Command;

use crate::engine::id::Sha;
use crate::forge::repository::{MergeOutcome, Moved, Repository, TreeContent, TreeEntry};

/// A repository of a user, with one commit on `trunk`.
pub(crate) fn user_repository(folder: &Path) {
    std::fs::create_dir_all(folder).expect("temporary folder");
    std::fs::write(folder.join("a.txt"), "one\ntwo\nthree\n").expect("write");
    for arguments in [
        &["init", "--quiet", "--initial-branch=trunk"][..],
        &["add", "."],
        &["-c", "user.name=u", "-c", "user.email=u@example.com", "commit", "--quiet", "-m", "first"],
    ] {
        let status = Command::new("git").arg("-C").arg(folder).args(arguments).status().expect("git");
        assert!(status.success(), "{arguments:?}");
    }
}

async fn cloned(folder: &Path) -> Repository {
    user_repository(&folder.join("source"));
    let (repository, branch) =
        Repository::clone_from(&folder.join("source"), &folder.join("bare.git")).await.expect("clones");
    assert_eq!(branch, "trunk");
    assert_eq!(repository.default_branch().await.expect("HEAD"), "trunk");
    repository
}

fn file(path: &str, content: &str) -> TreeEntry {
    TreeEntry {
        path: path.to_owned(),
        mode: "100644".to_owned(),
        content: TreeContent::Bytes(content.as_bytes().to_vec()),
    }
}

async fn commit_on(repository: &Repository, parent: &Sha, entries: &[TreeEntry]) -> Sha {
    let tree = repository.write_tree(Some(parent), entries).await.expect("tree");
    repository.write_commit("work", &tree, std::slice::from_ref(parent)).await.expect("commit")
}

#[tokio::test]
async fn branches_move_only_from_where_they_are_expected() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let repository = cloned(folder.path()).await;
    let first = repository.branch("trunk").await.expect("git").expect("exists");
    let second = commit_on(&repository, &first, &[file("b/c.txt", "new")]).await;

    assert_eq!(repository.move_branch("topic/1", None, Some(&second)).await, Ok(Moved::Done));
    assert_eq!(
        repository.move_branch("topic/1", None, Some(&first)).await,
        Ok(Moved::Elsewhere { found: Some(second.clone()) })
    );
    assert_eq!(repository.move_branch("topic/1", Some(&second), Some(&first)).await, Ok(Moved::Done));
    assert_eq!(repository.move_branch("topic/1", Some(&first), None).await, Ok(Moved::Done));
    assert_eq!(repository.branch("topic/1").await, Ok(None));
    for (wrong, sha) in [("a..b", first.clone()), ("ok", Sha::new("1".repeat(40))), ("ok", Sha::new("--help"))] {
        let moved = repository.move_branch(wrong, None, Some(&sha)).await.expect("git ran");
        assert!(matches!(moved, Moved::Refused { .. }), "{wrong} {sha}: {moved:?}");
    }
}

#[tokio::test]
async fn locks_of_killed_processes_do_not_outlive_a_start() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let repository = cloned(folder.path()).await;
    let first = repository.branch("trunk").await.expect("git").expect("exists");
    std::fs::create_dir_all(repository.git_dir().join("refs/heads/topic")).expect("folder");
    for lock in ["refs/heads/topic/1.lock", "packed-refs.lock"] {
        std::fs::write(repository.git_dir().join(lock), "").expect("writes");
    }
    let refused = repository.move_branch("topic/1", None, Some(&first)).await;
    assert!(matches!(refused, Ok(Moved::Refused { .. })), "{refused:?}");
    let repository = Repository::open(repository.git_dir()).expect("opens");
    assert_eq!(repository.move_branch("topic/1", None, Some(&first)).await, Ok(Moved::Done));
    assert_eq!(repository.move_branch("topic/1", Some(&first), None).await, Ok(Moved::Done));
}

#[tokio::test]
async fn trees_commits_and_files_round_trip() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let repository = cloned(folder.path()).await;
    let first = repository.branch("trunk").await.expect("git").expect("exists");
    let gone = TreeEntry { path: "a.txt".to_owned(), mode: "100644".to_owned(), content: TreeContent::Gone };
    let second = commit_on(&repository, &first, &[file("b/c.txt", "new\n"), gone]).await;
    assert_eq!(repository.file(second.as_str(), "b/c.txt").await, Ok(Some(b"new\n".to_vec())));
    assert_eq!(repository.file(second.as_str(), "a.txt").await, Ok(None));
    assert_eq!(repository.file("trunk", "b").await, Ok(None));
    let facts = repository.commit(&second).await.expect("git").expect("exists");
    assert_eq!((facts.parents.as_slice(), facts.message.as_str()), (std::slice::from_ref(&first), "work"));
    assert_eq!(repository.commits_between(&first, &second).await, Ok(1));
    let target = folder.path().join("out");
    std::fs::create_dir(&target).expect("folder");
    repository.export(&second, &target).await.expect("exports");
    assert_eq!(std::fs::read_to_string(target.join("b/c.txt")).expect("exported"), "new\n");
    assert!(!target.join("a.txt").exists());
    let escaping = repository.write_tree(Some(&first), &[file("../x", "out")]).await;
    assert!(escaping.is_err(), "{escaping:?}");
}

#[tokio::test]
async fn merges_are_real_and_conflicts_name_their_files() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let repository = cloned(folder.path()).await;
    let base = repository.branch("trunk").await.expect("git").expect("exists");
    let ours = commit_on(&repository, &base, &[file("a.txt", "ONE\ntwo\nthree\n")]).await;
    let clash = commit_on(&repository, &base, &[file("a.txt", "eins\ntwo\nthree\n")]).await;
    let apart = commit_on(&repository, &base, &[file("z.txt", "z\n")]).await;

    let merged = repository.merge(&ours, &apart, "merge").await.expect("git");
    let MergeOutcome::Merged(commit) = merged else { panic!("{merged:?}") };
    assert_eq!(repository.file(commit.as_str(), "z.txt").await, Ok(Some(b"z\n".to_vec())));
    assert_eq!(repository.merge(&commit, &apart, "again").await, Ok(MergeOutcome::NothingToDo));
    let conflict = MergeOutcome::Conflict { paths: vec!["a.txt".to_owned()] };
    assert_eq!(repository.merge(&ours, &clash, "no").await, Ok(conflict));
    assert_eq!(repository.mergeable(&ours, &clash).await, Ok(false));
    assert_eq!(repository.mergeable(&ours, &apart).await, Ok(true));
    let diff = repository.diff(&base, &apart).await.expect("diff");
    assert!(diff.contains("+z"), "{diff}");
    assert_eq!(repository.changed_lines(&base, &apart).await, Ok(vec![(1, 0, "z.txt".to_owned())]));
}

#[tokio::test]
async fn sources_that_cannot_be_used_are_named_with_a_remedy() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let target = folder.path().join("bare.git");
    let empty = folder.path().join("empty");
    std::fs::create_dir(&empty).expect("folder");
    let unborn = folder.path().join("unborn");
    let status = Command::new("git").args(["init", "--quiet"]).arg(&unborn).status().expect("git");
    assert!(status.success());
    let detached = folder.path().join("detached");
    user_repository(&detached);
    let status =
        Command::new("git").arg("-C").arg(&detached).args(["checkout", "--quiet", "--detach"]).status().expect("git");
    assert!(status.success());
    for (source, words) in [
        (folder.path().join("nowhere"), "is no folder"),
        (empty, "is no git repository"),
        (unborn, "no commit yet"),
        (detached, "git switch"),
    ] {
        let error = Repository::clone_from(&source, &target).await.expect_err("refused");
        assert!(error.to_string().contains(words), "{error}");
        assert!(!target.exists());
    }
}

#[tokio::test]
async fn objects_are_read_by_one_process_that_is_started_again_where_it_died() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let repository = cloned(folder.path()).await;
    let first = repository.branch("trunk").await.expect("git").expect("exists");
    let odd = "\n\0no line end, two\n\nlines";
    let second = commit_on(&repository, &first, &[file("odd name\u{e9}", odd), file("empty", "")]).await;
    let text = async |path: &'static str| repository.file(second.as_str(), path).await.expect("git ran");
    assert_eq!(text("odd name\u{e9}").await.as_deref(), Some(odd.as_bytes()));
    assert_eq!(text("empty").await.as_deref(), Some(&b""[..]));
    for missing in ["nothing", "two\nlines", "two\nmore\nlines", "zero\0byte", ""] {
        assert_ne!(text(missing).await.as_deref(), Some(odd.as_bytes()), "{missing:?}");
        assert_eq!(text("a.txt").await.as_deref(), Some(&b"one\ntwo\nthree\n"[..]), "after {missing:?}");
    }
    repository.reader.end_for_test().await;
    assert_eq!(text("empty").await.as_deref(), Some(&b""[..]));

    let facts = repository.commit(&second).await.expect("git ran").expect("a commit");
    assert_eq!(facts.parents, [first]);
    assert_eq!((facts.message.as_str(), facts.author_name.as_str()), ("work", "task-orchestrator[bot]"));
    assert_eq!(repository.tree(&second).await, Ok(Some(facts.tree.clone())));
    assert_eq!(repository.commit(&facts.tree).await, Ok(None), "a tree is no commit");
    assert!(facts.committed_at.0 > 0);
}
