//! Surveys of small real repositories, whole and damaged.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use super::*;
use crate::git::Files;
use crate::infer::Ranking;
use crate::infer::document::CONTENT_BYTES_MAX;
use crate::infer::query::Query;

const IDENTITY: [&str; 6] = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "init.defaultBranch=main"];

/// Runs git in a folder and gives what it printed.
async fn git<I: AsRef<OsStr>>(folder: &Path, arguments: &[I]) -> String {
    let identity = IDENTITY.iter().map(OsStr::new);
    let all: Vec<&OsStr> = identity.chain(arguments.iter().map(AsRef::as_ref)).collect();
    let program = Program::default().file_protocol(true);
    program.command(folder, all).run().await.expect("git did it").text()
}

async fn commit(folder: &Path, files: &[(&str, &[u8])], message: &str) -> String {
    for (path, bytes) in files {
        let path = folder.join(OsStr::from_bytes(path.as_bytes()));
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        std::fs::write(path, bytes).expect("written");
    }
    git(folder, &["add", "-A"]).await;
    git(folder, &["commit", "--quiet", "--allow-empty", "-m", message]).await;
    git(folder, &["rev-parse", "HEAD"]).await
}

async fn repository() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    git(folder.path(), &["init", "--quiet", "."]).await;
    folder
}

fn surveyor(folder: &Path) -> Surveyor {
    Surveyor::new(Program::default(), folder, Library::default())
}

fn candidates(snapshot: &Snapshot) -> Vec<&str> {
    snapshot.corpus.files.iter().filter(|file| file.candidate).map(|file| file.path.as_str()).collect()
}

#[tokio::test]
async fn a_new_commit_costs_only_its_changed_files() {
    let folder = repository().await;
    let retry: &[u8] = b"pub fn retry_delay() {}\n";
    let first = commit(folder.path(), &[("src/retry.rs", retry), ("src/db.rs", b"fn connect() {}\n")], "Begin").await;
    let second = commit(folder.path(), &[("src/db.rs", b"fn connect_again() {}\n")], "Longer retry delays").await;
    let mut surveyor = surveyor(folder.path());
    let snapshot = surveyor.at(&first).await.expect("surveyed");
    assert_eq!((snapshot.files_read, snapshot.history.len(), snapshot.notes.len()), (2, 1, 0));
    let snapshot = surveyor.at(&second).await.expect("surveyed");
    assert_eq!((snapshot.files_read, snapshot.history.len()), (1, 2));
    let found = surveyor.ranker(&snapshot, Weights::default()).rank(&Query::new("`retry_delay` is wrong", ""), 5);
    assert_eq!(found.first().map(|ranked| ranked.path.as_str()), Some("src/retry.rs"));
    // What a cache kept gives the same digits and reads nothing.
    let path = folder.path().join("cache");
    cache::save(&path, surveyor.library()).expect("saved");
    let mut warm = Surveyor::new(Program::default(), folder.path(), cache::load(&path).expect("loaded"));
    let again = warm.at(&second).await.expect("surveyed");
    assert_eq!(again.files_read, 0);
    let ranked = warm.ranker(&again, Weights::default()).rank(&Query::new("`retry_delay` is wrong", ""), 5);
    assert_eq!(ranked, found);
}

/// From a known commit to one behind a merge, and to another line: the chain is that of a fresh look.
#[tokio::test]
async fn a_log_that_goes_on_is_the_whole_log() {
    let folder = repository().await;
    let path = folder.path();
    let first = commit(path, &[("a.rs", b"fn a() {}\n")], "Begin").await;
    git(path, &["checkout", "--quiet", "-b", "side"]).await;
    let side = commit(path, &[("side.rs", b"fn side() {}\n")], "Beside").await;
    git(path, &["checkout", "--quiet", "main"]).await;
    let second = commit(path, &[("b.rs", b"fn b() {}\n")], "Go on").await;
    git(path, &["merge", "--quiet", "--no-ff", "-m", "Merge the side", "side"]).await;
    let last = commit(path, &[("c.rs", b"fn c() {}\n")], "And on").await;
    let mut going = surveyor(path);
    for (at, length) in [(&first, 1), (&second, 2), (&last, 4), (&side, 2), (&last, 4), (&first, 1)] {
        let snapshot = going.at(at).await.expect("surveyed");
        let mut fresh = surveyor(path);
        let whole = fresh.at(at).await.expect("surveyed");
        let from = going.chain.iter().position(|known| known.hash == *at).expect("it is in the chain");
        assert_eq!((snapshot.history.len(), &going.chain[from..]), (length, &fresh.chain[..]));
        assert_eq!(format!("{:?}", snapshot.history), format!("{:?}", whole.history));
    }
}

#[tokio::test]
async fn what_people_did_not_write_is_known_by_path_only() {
    let folder = repository().await;
    let huge = vec![b'\n'; CONTENT_BYTES_MAX + 1];
    let head = commit(
        folder.path(),
        &[
            ("src/a.rs", b"fn a() {}"),
            ("src/made.rs", b"fn made() {}"),
            ("src/marked.rs", b"// @generated\nfn marked() {}"),
            ("src/huge.rs", &huge),
            ("src/data.bin", b"\0\0\0"),
            ("image.png", b"\x89PNG"),
            ("vendor/z.c", b"int z;"),
            (".gitattributes", b"src/made.rs linguist-generated\n"),
        ],
        "Begin",
    )
    .await;
    std::os::unix::fs::symlink("src/a.rs", folder.path().join("link.rs")).expect("a link");
    let linked = commit(folder.path(), &[], "Link").await;
    assert_ne!(head, linked);
    let snapshot = surveyor(folder.path()).at(&linked).await.expect("surveyed");
    assert_eq!(candidates(&snapshot), [".gitattributes", "src/a.rs", "src/huge.rs", "src/marked.rs"]);
    let read: Vec<_> = snapshot.corpus.files.iter().filter(|file| file.length > 0).collect();
    assert_eq!(read.iter().map(|file| file.path.as_str()).collect::<Vec<_>>(), [".gitattributes", "src/a.rs"]);
    assert!(snapshot.notes.iter().any(|note| note.contains("too large")), "{:?}", snapshot.notes);
}

#[tokio::test]
async fn empty_and_binary_repositories_and_unborn_branches_are_no_errors() {
    let folder = repository().await;
    assert_eq!(tree::resolve(&Program::default(), folder.path(), "HEAD").await, Ok(None));
    let empty = commit(folder.path(), &[], "Nothing").await;
    let mut surveyor = surveyor(folder.path());
    let snapshot = surveyor.at(&empty).await.expect("surveyed");
    assert!(snapshot.notes.iter().any(|note| note.contains("holds no files")), "{:?}", snapshot.notes);
    assert!(surveyor.ranker(&snapshot, Weights::default()).rank(&Query::new("x", ""), 5).is_empty());
    let binary = commit(folder.path(), &[("a", b"\0\x01"), ("b", b"\0\x02")], "Bytes").await;
    let snapshot = surveyor.at(&binary).await.expect("surveyed");
    assert!(candidates(&snapshot).is_empty());
    let long = "retry ".repeat(10_000);
    for (title, body) in [("", ""), ("title", long.as_str()), ("\u{fffd}\0", "`````")] {
        assert!(surveyor.ranker(&snapshot, Weights::default()).explain(&Query::new(title, body), 5).is_empty());
    }
}

#[tokio::test]
async fn odd_names_are_shown_as_far_as_they_can_be() {
    let folder = repository().await;
    let odd = OsStr::from_bytes(b"src/\xff\nb.rs");
    std::fs::create_dir_all(folder.path().join("src")).expect("a folder");
    std::fs::write(folder.path().join(odd), b"fn odd_name() {}").expect("written");
    let head = commit(folder.path(), &[("src/\"q\t.rs", b"fn quoted() {}")], "Odd").await;
    let mut surveyor = surveyor(folder.path());
    let snapshot = surveyor.at(&head).await.expect("surveyed");
    assert_eq!(candidates(&snapshot), ["src/\"q\t.rs", "src/\u{fffd}\nb.rs"]);
    assert!(snapshot.notes.iter().any(|note| note.contains("not UTF-8")), "{:?}", snapshot.notes);
    let found = surveyor.ranker(&snapshot, Weights::default()).rank(&Query::new("`odd_name`", ""), 1);
    assert_eq!(found[0].path, "src/\u{fffd}\nb.rs");
    assert_eq!(snapshot.history.changes_of(0), 1);
}

#[tokio::test]
async fn shallow_and_blobless_clones_say_less_and_tell_so() {
    let folder = repository().await;
    commit(folder.path(), &[("src/a.rs", b"fn a() {}")], "One").await;
    let head = commit(folder.path(), &[("src/b.rs", b"fn b() {}")], "Two").await;
    git(folder.path(), &["config", "uploadpack.allowFilter", "true"]).await;
    let url = format!("file://{}", folder.path().display());
    let clones = tempfile::tempdir().expect("a folder");
    git(clones.path(), &["clone", "--quiet", "--bare", "--depth=1", &url, "shallow"]).await;
    let snapshot = surveyor(&clones.path().join("shallow")).at(&head).await.expect("surveyed");
    assert_eq!(snapshot.history.len(), 1);
    assert!(snapshot.notes.iter().any(|note| note.contains("shallow")), "{:?}", snapshot.notes);
    git(clones.path(), &["clone", "--quiet", "--bare", "--filter=blob:none", &url, "blobless"]).await;
    let mut surveyor = surveyor(&clones.path().join("blobless"));
    let snapshot = surveyor.at(&head).await.expect("surveyed");
    assert_eq!((snapshot.history.len(), surveyor.library().len()), (2, 0));
    assert!(snapshot.notes.iter().any(|note| note.contains("not in this clone")), "{:?}", snapshot.notes);
    let found = surveyor.ranker(&snapshot, Weights::default()).rank(&Query::new("the module b", ""), 1);
    assert_eq!(found.len(), 1, "paths and history still speak");
}

#[tokio::test]
async fn a_commit_that_is_not_there_is_an_error_that_says_so() {
    let folder = repository().await;
    commit(folder.path(), &[("a.rs", b"")], "One").await;
    let error = surveyor(folder.path()).at(&"1".repeat(40)).await.expect_err("no such commit");
    assert!(error.to_string().contains("ls-tree"), "{error}");
}

fn texts(texts: &[(&str, &str)]) -> Vec<Text> {
    texts.iter().map(|(title, body)| Text { title: (*title).to_owned(), body: (*body).to_owned() }).collect()
}

fn directory(folder: &Path) -> Files {
    let cache = Some(folder.join("footprint-index"));
    Files::Directory { program: Program::default(), directory: folder.to_owned(), cache }
}

const RETRY: (&str, &[u8]) = ("src/retry.rs", b"pub fn retry_delay() {}\n");
const CONNECT: (&str, &[u8]) = ("src/db.rs", b"fn connect_again() {}\n");

#[tokio::test]
async fn texts_are_ranked_with_reasons_and_what_was_read_is_kept() {
    let folder = repository().await;
    let first = commit(folder.path(), &[RETRY, CONNECT], "Begin").await;
    let asked = texts(&[
        ("The delay grows", "See `retry_delay`. Add src/backoff.rs for it."),
        ("`connect_again` hangs", ""),
        ("", ""),
    ]);
    let (known, found) = Known::default().rank(directory(folder.path()), &first, asked.clone()).await;
    let found = found.expect("ranked");
    let firsts: Vec<_> = found.rankings.iter().map(|one| one.files.first().map(|file| file.path.as_str())).collect();
    assert_eq!(firsts[..2], [Some("src/retry.rs"), Some("src/db.rs")]);
    assert_eq!(found.rankings[0].new_files, ["src/backoff.rs"]);
    let top = &found.rankings[0].files[0];
    assert_eq!((top.share, top.evidence.contains("`retry_delay`")), (1_000, true), "{top:?}");
    assert!(found.rankings.iter().flat_map(|one| &one.files).all(|file| file.evidence.chars().count() <= 160));
    assert_eq!(found.hotspots, None, "one change tells nothing");
    // The same commit again reads nothing, and a process that begins anew finds the cache: the same answer.
    std::fs::remove_dir_all(folder.path().join(".git/objects")).expect("gone");
    let (_, again) = known.rank(directory(folder.path()), &first, asked).await;
    assert_eq!(again, Ok(found));
    let (_, lost) = Known::default().rank(directory(folder.path()), &first, texts(&[("x", "y")])).await;
    assert!(lost.is_err(), "{lost:?}");
    assert!(cache::load(&folder.path().join("footprint-index")).is_some_and(|library| library.len() == 2));
}

#[tokio::test]
async fn files_at_hand_are_ranked_like_those_of_a_directory() {
    let folder = repository().await;
    let commit = commit(folder.path(), &[RETRY, CONNECT], "Begin").await;
    let asked = texts(&[("`retry_delay` is wrong", "")]);
    let (_, read) = Known::default().rank(directory(folder.path()), &commit, asked.clone()).await;
    let files = [RETRY, CONNECT].map(|(path, bytes)| (path.to_owned(), std::sync::Arc::from(bytes)));
    let (_, held) = Known::default().rank(Files::Held(files.into()), &commit, asked).await;
    let order = |rankings: Rankings| -> Vec<String> {
        rankings.rankings[0].files.iter().map(|file| file.path.clone()).collect()
    };
    assert_eq!(order(read.expect("ranked")), order(held.expect("ranked")));
    let (_, none) = Known::default().rank(Files::Held([].into()), &commit, texts(&[("retry", "retry")])).await;
    assert_eq!(none.expect("ranked").rankings, [Ranking::default()]);
}

#[tokio::test]
async fn odd_repositories_and_endless_texts_give_poorer_rankings_and_a_note() {
    let folder = repository().await;
    commit(folder.path(), &[RETRY], "Begin").await;
    let second = commit(folder.path(), &[("img.png", b"\0\0\0"), ("blob.rs", b"\0\0\0")], "Pictures").await;
    let clone = tempfile::tempdir().expect("a folder");
    let url = format!("file://{}", folder.path().display());
    git(clone.path(), &["clone", "--quiet", "--depth", "1", &url, "c"]).await;
    let long = "retry_delay ".repeat(5_000);
    let asked = texts(&[("", &long), ("png", "img.png"), ("\u{0}\u{fffd}", "```")]);
    let (_, found) = Known::default().rank(directory(&clone.path().join("c")), &second, asked).await;
    let found = found.expect("ranked");
    assert!(found.notes.iter().any(|note| note.contains("shallow")), "{:?}", found.notes);
    assert_eq!(found.rankings[0].files[0].path, "src/retry.rs");
    assert!(found.rankings[1].files.iter().all(|file| file.path != "img.png"), "{:?}", found.rankings[1]);
}

#[tokio::test]
async fn what_a_good_part_of_many_changes_touches_is_a_hotspot() {
    let folder = repository().await;
    let mut last = String::new();
    for change in 0..100 {
        let text = format!("{change}\n");
        let often = if change % 3 == 0 { "src/all.rs" } else { "src/one.rs" };
        let rare = format!("src/{change}.rs");
        last = commit(folder.path(), &[(often, text.as_bytes()), (&rare, b"x")], "Change").await;
    }
    let (_, found) = Known::default().rank(directory(folder.path()), &last, texts(&[("x", "")])).await;
    assert_eq!(found.expect("ranked").hotspots, Some(vec!["src/all.rs".to_owned(), "src/one.rs".to_owned()]));
}
