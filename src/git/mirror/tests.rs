//! The mirror against a bare repository in a folder.

use super::*;

/// A remote with `main` at a first commit, and commits made by plumbing.
struct Remote {
    folder: tempfile::TempDir,
    program: Program,
}

impl Remote {
    async fn new() -> Self {
        let remote =
            Self { folder: tempfile::tempdir().expect("a folder"), program: Program::default().file_protocol(true) };
        std::fs::create_dir(remote.path()).expect("a folder");
        remote.git(["init", "--bare", "--quiet", "."], "").await;
        remote
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("remote.git")
    }

    async fn git<const N: usize>(&self, arguments: [&str; N], input: &str) -> String {
        let run = self.program.command(&self.path(), arguments).input(input);
        let named = ["GIT_AUTHOR_NAME", "GIT_AUTHOR_EMAIL", "GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL"];
        named.into_iter().fold(run, |run, name| run.variable(name, "somebody")).run().await.expect("git").text()
    }

    async fn commit(&self, files: &[(&str, &str)], parent: Option<&Sha>) -> Sha {
        let mut entries = String::new();
        for (name, content) in files {
            let blob = self.git(["hash-object", "-w", "--stdin"], content).await;
            entries.push_str(&format!("100644 blob {blob}\t{name}\n"));
        }
        let tree = self.git(["mktree"], &entries).await;
        Sha::new(match parent {
            Some(parent) => self.git(["commit-tree", &tree, "-p", parent.as_str(), "-m", "x"], "").await,
            None => self.git(["commit-tree", &tree, "-m", "x"], "").await,
        })
    }

    async fn mirror(&self) -> Mirror<Anonymous> {
        let url = self.path().to_string_lossy().into_owned();
        let folder = self.folder.path().join("mirror.git");
        Mirror::open(&folder, &url, Anonymous, self.program.clone()).await.expect("a mirror")
    }
}

#[tokio::test]
async fn a_branch_moves_only_from_where_it_was_expected() {
    let remote = Remote::new().await;
    let first = remote.commit(&[("a", "1")], None).await;
    let other = remote.commit(&[("a", "2")], None).await;
    let mirror = remote.mirror().await;
    mirror.move_branch("b", None, &first).await.expect("created");
    let taken = mirror.move_branch("b", None, &other).await;
    assert_eq!(taken, Err(Error::Moved { found: Some(first.clone()) }));
    mirror.move_branch("b", Some(&first), &other).await.expect("moved, though no fast-forward");
    let stale = mirror.move_branch("b", Some(&first), &first).await;
    assert_eq!(stale, Err(Error::Moved { found: Some(other.clone()) }));
    mirror.move_branch("b", Some(&other), &other).await.expect("is there already");
    let gone = mirror.move_branch("c", Some(&other), &other).await;
    assert_eq!(gone, Err(Error::Moved { found: None }));
}

#[tokio::test]
async fn whether_a_push_may_go_is_asked_once_its_commit_is_here() {
    let remote = Remote::new().await;
    let commit = remote.commit(&[("a", "1")], None).await;
    let mirror = remote.mirror().await;
    let mut had = None;
    let no = async {
        had = Some(mirror.has(&commit).await);
        false
    };
    let called_off = mirror.move_branch_if("b", None, &commit, no).await;
    assert!(matches!(called_off, Err(Error::Failed { .. })), "{called_off:?}");
    assert_eq!((had, mirror.remote_branch("b").await), (Some(Ok(true)), Ok(None)));
    mirror.move_branch_if("b", None, &commit, std::future::ready(true)).await.expect("created");
    assert_eq!(mirror.remote_branch("b").await, Ok(Some(commit)));
}

#[tokio::test]
async fn parents_paths_and_conflicts_are_told() {
    let remote = Remote::new().await;
    let base = remote.commit(&[("a", "1\n"), ("b", "1\n")], None).await;
    let ours = remote.commit(&[("a", "2\n"), ("b", "1\n")], Some(&base)).await;
    let theirs = remote.commit(&[("a", "3\n"), ("b", "1\n"), ("naïve file", "x")], Some(&base)).await;
    let apart = remote.commit(&[("a", "1\n"), ("b", "2\n")], Some(&base)).await;
    let mirror = remote.mirror().await;
    assert_eq!(mirror.parents(&base).await.expect("parents"), Vec::<Sha>::new());
    assert_eq!(mirror.parents(&theirs).await.expect("parents"), [base]);
    assert_eq!(mirror.paths(&theirs).await.expect("paths"), ["a", "b", "naïve file"]);
    assert_eq!(mirror.merge_conflicts(&ours, &theirs).await.expect("merged"), ["a"]);
    assert_eq!(mirror.merge_conflicts(&ours, &apart).await.expect("merged"), Vec::<String>::new());
}

#[tokio::test]
async fn what_each_side_changed_in_files_is_told_and_cut() {
    let remote = Remote::new().await;
    let base = remote.commit(&[("a", "1\n"), ("b", "1\n"), (":(top)b*", "1\n")], None).await;
    let ours = remote.commit(&[("a", "2\n"), ("b", "2\n"), (":(top)b*", "2\n")], Some(&base)).await;
    let theirs = remote.commit(&[("a", "3\n"), ("b", "1\n"), (":(top)b*", "1\n")], Some(&base)).await;
    let alone = remote.commit(&[("a", "4\n")], None).await;
    let mirror = remote.mirror().await;
    let changes = async |other: &Sha, commit: &Sha, path: &str, bytes: usize| {
        mirror.changes(other, commit, &[path.to_owned()], bytes).await.expect("a diff")
    };
    let told = changes(&theirs, &ours, "a", 1_000).await;
    assert!(told.contains("--- a/a\n+++ b/a\n") && told.ends_with("-1\n+2\n") && !told.contains("b/b"), "{told}");
    assert!(changes(&ours, &theirs, "a", 1_000).await.ends_with("-1\n+3\n"));
    let strange = changes(&theirs, &ours, ":(top)b*", 1_000).await;
    assert!(strange.contains("b/:(top)b*") && !strange.contains("b/b\n"), "a path is no pattern: {strange}");
    assert_eq!(changes(&theirs, &ours, "a", 5).await, "diff ");
    assert_eq!(changes(&alone, &ours, "a", 1_000).await, "", "they never were one");
    let conflicts = mirror.merge_conflicts(&alone, &ours).await.expect("merged");
    assert_eq!(conflicts, ["a"], "histories without a common commit conflict in what both hold");
}

#[tokio::test]
async fn what_is_not_there_is_missing() {
    let remote = Remote::new().await;
    let mirror = remote.mirror().await;
    for commit in ["1".repeat(40), "--upload-pack=x".to_owned(), "HEAD".to_owned()] {
        let answer = mirror.paths(&Sha::new(&commit)).await;
        assert!(matches!(answer, Err(Error::Missing { .. })), "{commit}: {answer:?}");
    }
}
