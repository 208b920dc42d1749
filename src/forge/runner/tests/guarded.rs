use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};

use crate::forge::runner::guard::BEGIN;
use crate::forge::runner::processes::{self, MARK};
use crate::forge::runner::sweep::{self, Record};
use crate::forge::runner::tests::stage::{Lines, Stage, guard_command};

/// A guard whose shell leaves a process in a session of its own that tells its id.
fn start(lines: &Lines) -> Child {
    let guard = guard_command();
    Command::new(&guard[0])
        .args(&guard[1..])
        .args(["sh", "-c", "setsid sh -c 'echo $$ > \"$P\"; exec sleep 1000' & exec sleep 1000"])
        .env("P", &lines.path)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .process_group(0)
        .spawn()
        .expect("started")
}

#[tokio::test]
async fn nothing_begins_before_the_runner_says_so() {
    let stage = Stage::task("");
    let mut child = start(&stage.pipe());
    drop(child.stdin.take());
    assert_eq!(child.wait().expect("ended").code(), Some(125));
}

#[tokio::test]
async fn a_closed_pipe_ends_the_whole_tree() {
    let stage = Stage::task("");
    let mut lines = stage.pipe();
    let mut child = start(&lines);
    let mut line = child.stdin.take().expect("a pipe");
    line.write_all(&[BEGIN]).expect("written");
    let pid = lines.next_pid().await;
    let alive = processes::process(pid).expect("alive");
    drop(line);
    assert_eq!(child.wait().expect("ended").code(), Some(128 + 9));
    assert!(processes::process(pid).is_none_or(|process| process.start != alive.start));
}

fn sleeper(mark: Option<&std::path::Path>) -> Child {
    let mut command = Command::new("sleep");
    if let Some(folder) = mark {
        command.env(MARK, folder);
    }
    command.arg("1000").process_group(0).spawn().expect("started")
}

fn pid(child: &Child) -> i32 {
    i32::try_from(child.id()).expect("a process id")
}

#[test]
fn a_sweep_ends_the_same_process_only() {
    let state = tempfile::tempdir().expect("a folder");
    let jobs = sweep::jobs_folder(state.path());
    std::fs::create_dir_all(jobs.join("1/workspace")).expect("made");
    let (mut same, mut later, mut marked, mut other) =
        (sleeper(None), sleeper(None), sleeper(Some(&jobs.join("3"))), sleeper(Some(&jobs.join("30"))));
    let record = Record::of(pid(&same));
    record.write(&jobs.join("1.json")).expect("written");
    let stale = Record { start: Record::of(pid(&later)).start - 1, pid: pid(&later) };
    stale.write(&jobs.join("2.json")).expect("written");
    Record { pid: i32::MAX, start: 1 }.write(&jobs.join("3.json")).expect("written");
    std::fs::write(jobs.join("4.json"), "no record").expect("written");
    sweep::sweep(state.path()).expect("swept");
    for child in [&mut same, &mut marked] {
        assert!(child.wait().expect("ended").code().is_none(), "killed by a signal");
    }
    for child in [&mut later, &mut other] {
        assert!(child.try_wait().expect("asked").is_none(), "not ours");
        child.kill().expect("killed");
        child.wait().expect("ended");
    }
    assert_eq!(std::fs::read_dir(&jobs).expect("there").count(), 0);
    sweep::sweep(&state.path().join("nothing")).expect("nothing to do");
}

#[test]
fn read_only_folders_are_removed_and_links_are_not_followed() {
    use std::os::unix::fs::PermissionsExt as _;
    let state = tempfile::tempdir().expect("a folder");
    let jobs = sweep::jobs_folder(state.path());
    let cache = jobs.join("1/home/cache");
    std::fs::create_dir_all(&cache).expect("made");
    std::fs::write(cache.join("module"), "x").expect("written");
    std::fs::write(state.path().join("kept"), "x").expect("written");
    std::os::unix::fs::symlink(state.path(), jobs.join("1/link")).expect("linked");
    std::os::unix::fs::symlink(state.path(), jobs.join("link")).expect("linked");
    std::fs::set_permissions(&cache, std::fs::Permissions::from_mode(0o000)).expect("set");
    sweep::sweep(state.path()).expect("swept");
    assert!(state.path().join("kept").exists());
    assert_eq!(std::fs::read_dir(&jobs).expect("there").count(), 0);
}
