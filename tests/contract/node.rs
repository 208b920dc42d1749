//! The Node programs beside these files, which know GitHub's descriptions.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The folder of the programs and of their packages.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/contract")
}

/// Whether Node and the packages are there and wanted. Where they are not there, somebody must have excused that.
pub(crate) fn is_there() -> bool {
    if std::env::var("ORCHESTRATOR_NO_NODE").is_ok_and(|value| value == "1") {
        return false;
    }
    let runs = Command::new("node").arg("--version").output().is_ok_and(|output| output.status.success());
    let is_there = runs && folder().join("node_modules").is_dir();
    assert!(is_there, "run `npm ci` in tests/contract, or set ORCHESTRATOR_NO_NODE=1 to skip this");
    is_there
}

/// Runs a program; what it prints, and whether it ended well.
pub(crate) fn run(program: &str, arguments: &[&Path]) -> (String, bool) {
    let output = Command::new("node").arg(folder().join(program)).args(arguments).output().expect("node runs");
    let text = [output.stdout, output.stderr].concat();
    (String::from_utf8_lossy(&text).into_owned(), output.status.success())
}

/// Where a file for these programs, or of theirs, is kept: replaced each time.
pub(crate) fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(name)
}
