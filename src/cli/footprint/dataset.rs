//! Issues whose fixes are known, one JSON object a line, and the repositories they belong to.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::cli::failure::Failure;

/// One line.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(super) struct Instance {
    /// Its name.
    pub(super) id: String,
    /// `owner/name`.
    pub(super) repo: String,
    /// What kind of text it is.
    pub(super) source: String,
    /// The commit the fix started from.
    pub(super) base_commit: String,
    /// When that was, in seconds.
    pub(super) base_time: i64,
    /// Title and text.
    pub(super) text: String,
    /// The existing source files that the fix changed.
    pub(super) truth_files: Vec<String>,
    /// Which part of the set it belongs to.
    #[serde(default)]
    pub(super) split: String,
}

/// Reads the lines of a file, those of one split where one is given.
pub(super) fn read(path: &Path, split: Option<&str>) -> Result<Vec<Instance>, Failure> {
    let shown = path.display();
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::usage(format!("--dataset {shown} cannot be read: {error}")))?;
    let mut instances = Vec::new();
    for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let instance: Instance = serde_json::from_str(line)
            .map_err(|error| Failure::usage(format!("--dataset {shown}, line {}: {error}", number + 1)))?;
        if !is_hash(&instance.base_commit) {
            let words = format!("--dataset {shown}, line {}: `base_commit` must be a whole commit hash", number + 1);
            return Err(Failure::usage(words));
        }
        if split.is_none_or(|split| split == instance.split) {
            instances.push(instance);
        }
    }
    if instances.is_empty() {
        let of = split.map(|split| format!(" of the split `{split}`")).unwrap_or_default();
        return Err(Failure::usage(format!("--dataset {shown} holds no instance{of}")));
    }
    Ok(instances)
}

fn is_hash(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Where a repository's git directory is.
pub(super) fn directory(mirrors: &Path, repository: &str) -> PathBuf {
    mirrors.join(repository.replace('/', "+")).join("repo")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistakes_name_their_line() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("set.jsonl");
        let line = |commit: &str| {
            let rest = r#""base_time":1,"text":"t","truth_files":["a.rs"],"split":"dev","lang":"Rust"}"#;
            format!(r#"{{"id":"a","repo":"o/n","source":"issue","base_commit":"{commit}",{rest}"#)
        };
        let good = line(&"0".repeat(40));
        std::fs::write(&path, format!("{good}\n\n{good}\n")).expect("written");
        assert_eq!(read(&path, None).expect("read").len(), 2);
        assert!(read(&path, Some("test")).expect_err("empty").message.contains("split `test`"));
        for (text, told) in [
            (format!("{good}\n{{}}"), "line 2: missing field"),
            (line("HEAD"), "line 1: `base_commit`"),
            (String::new(), "holds no instance"),
        ] {
            std::fs::write(&path, text).expect("written");
            let message = read(&path, None).expect_err("a mistake").message;
            assert!(message.contains(told), "{message}");
        }
        assert!(read(&folder.path().join("absent"), None).is_err());
        assert_eq!(directory(Path::new("m"), "o/n"), Path::new("m/o+n/repo"));
    }
}
