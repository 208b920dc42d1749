//! The files in which a step leaves outputs and variables: lines `name=value`, or `name<<END`, lines, `END`
//! (docs.github.com, "Workflow commands for GitHub Actions").
//!
//! What is in them was written by a process that is not trusted: only a plain file is read, and of it no more than the
//! limit.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use rustix::fs::OFlags;

/// Largest file, in bytes.
pub(super) const FILE_BYTES_MAX: u64 = 1024 * 1024;
/// Most entries of a file.
pub(super) const ENTRIES_MAX: usize = 500;

/// Reads a file of outputs or variables; one that is not there is empty.
///
/// # Errors
/// What is wrong with it.
pub(super) fn read(path: &Path) -> Result<BTreeMap<String, String>, String> {
    let flags = i32::try_from((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits()).unwrap_or_default();
    let file = match std::fs::OpenOptions::new().read(true).custom_flags(flags).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        Err(error) => return Err(format!("it cannot be read: {error}")),
    };
    if !file.metadata().is_ok_and(|facts| facts.is_file()) {
        return Err("it is no plain file".to_owned());
    }
    let mut bytes = Vec::new();
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(|error| format!("it cannot be read: {error}"))?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(format!("it is larger than {FILE_BYTES_MAX} bytes"));
    }
    parse(&String::from_utf8(bytes).map_err(|_| "it is no UTF-8".to_owned())?)
}

/// Reads such a file's text. A name that comes twice keeps its last value.
fn parse(text: &str) -> Result<BTreeMap<String, String>, String> {
    let mut entries = BTreeMap::new();
    let mut lines = text.lines().map(|line| line.strip_suffix('\r').unwrap_or(line)).enumerate();
    while let Some((at, line)) = lines.next() {
        if line.is_empty() {
            continue;
        }
        let equals = line.find('=').unwrap_or(usize::MAX);
        let marker = line.find("<<").unwrap_or(usize::MAX);
        let (name, value) = if equals < marker {
            (&line[..equals], line[equals + 1..].to_owned())
        } else if marker < equals {
            let end = &line[marker + 2..];
            let mut value = Vec::new();
            loop {
                match lines.next() {
                    Some((_, line)) if line == end => break,
                    Some((_, line)) => value.push(line),
                    None => return Err(format!("line {}: the value has no end `{}`", at + 1, end.escape_debug())),
                }
            }
            (&line[..marker], value.join("\n"))
        } else {
            return Err(format!("line {} is neither `name=value` nor `name<<END`", at + 1));
        };
        if name.is_empty() || name.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err(format!("line {}: `{}` is no name", at + 1, name.escape_debug()));
        }
        entries.insert(name.to_owned(), value);
        if entries.len() > ENTRIES_MAX {
            return Err(format!("it has more than {ENTRIES_MAX} entries"));
        }
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_are_read() {
        for (text, entries) in [
            ("", &[][..]),
            ("won=true\n", &[("won", "true")]),
            ("a=b=c<<d\r\nempty=\n\na=2", &[("a", "2"), ("empty", "")]),
            ("x<<END\none=1\n\ntwo<<y\nEND\nz=1", &[("x", "one=1\n\ntwo<<y"), ("z", "1")]),
            ("x<<E=F\n1\nE=F", &[("x", "1")]),
        ] {
            let read = parse(text).expect(text);
            let read: Vec<(&str, &str)> = read.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            assert_eq!(read, entries, "{text}");
        }
    }

    #[test]
    fn what_does_not_read_is_named() {
        let many: String = (0..=ENTRIES_MAX).map(|number| format!("n{number}=1\n")).collect();
        for (text, named) in [
            ("a=1\nnonsense", "line 2 is neither"),
            ("=x", "line 1: `` is no name"),
            ("a b=1", "`a b` is no name"),
            ("x<<END\none", "line 1: the value has no end `END`"),
            (many.as_str(), "more than"),
        ] {
            let problem = parse(text).expect_err(text);
            assert!(problem.contains(named), "{problem}");
        }
    }

    #[test]
    fn only_a_plain_file_of_bounded_size_is_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let place = |name: &str| folder.path().join(name);
        assert_eq!(read(&place("missing")), Ok(BTreeMap::new()));
        std::fs::write(place("secret"), "a=1").expect("written");
        std::os::unix::fs::symlink(place("secret"), place("link")).expect("linked");
        assert!(read(&place("link")).is_err());
        std::fs::create_dir(place("folder")).expect("made");
        assert!(read(&place("folder")).expect_err("folder").contains("no plain file"));
        rustix::fs::mkfifoat(rustix::fs::CWD, place("pipe"), rustix::fs::Mode::RWXU).expect("made");
        assert!(read(&place("pipe")).expect_err("pipe").contains("no plain file"));
        let large = format!("a={}", "x".repeat(1024 * 1024));
        std::fs::write(place("large"), large).expect("written");
        assert!(read(&place("large")).expect_err("large").contains("larger"));
        assert!(read(&place("secret")).is_ok());
    }
}
