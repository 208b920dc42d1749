//! The tracked files of the repository, read once.

use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

use crate::source::Source;

/// The package's folder.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A file's text, or nothing where it does not exist.
pub(crate) fn read(path: &str) -> Option<String> {
    std::fs::read_to_string(root().join(path)).ok()
}

/// Paths of all files that are tracked or would be, sorted; without git, of all files outside `target`.
pub(crate) fn files() -> &'static [String] {
    static FILES: OnceLock<Vec<String>> = OnceLock::new();
    FILES.get_or_init(|| {
        let mut files = tracked().unwrap_or_else(walked);
        files.retain(|path| root().join(path).is_file());
        files.sort();
        files.dedup();
        assert!(files.iter().any(|path| path == "Cargo.toml"), "no Cargo.toml below {}", root().display());
        files
    })
}

fn tracked() -> Option<Vec<String>> {
    let output = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root())
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let paths: Vec<String> = text.split('\0').filter(|path| !path.is_empty()).map(str::to_owned).collect();
    (output.status.success() && !paths.is_empty()).then_some(paths)
}

fn walked() -> Vec<String> {
    let mut files = Vec::new();
    let mut folders = vec![root().to_path_buf()];
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(&folder).into_iter().flatten().flatten();
        for path in entries.map(|entry| entry.path()) {
            if path.is_dir() && !["target", ".git", "node_modules"].iter().any(|name| path.ends_with(name)) {
                folders.push(path);
            } else if path.is_file() {
                files.push(below_root(&path));
            }
        }
    }
    files
}

fn below_root(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).to_string_lossy().replace('\\', "/")
}

/// The Rust files whose path starts with `prefix`.
pub(crate) fn sources(prefix: &str) -> Vec<Source> {
    let rust = files().iter().filter(|path| path.ends_with(".rs") && path.starts_with(prefix));
    let sources: Vec<Source> = rust.filter_map(|path| Some(Source::new(path, &read(path)?))).collect();
    assert!(!sources.is_empty(), "no Rust file below `{prefix}`: the check would prove nothing");
    sources
}

/// Every text file with its path; binary files are left out.
pub(crate) fn texts() -> impl Iterator<Item = (String, String)> {
    files().iter().filter_map(|path| Some((path.clone(), read(path)?)))
}
