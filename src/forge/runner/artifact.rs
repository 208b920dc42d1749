//! Artifacts: files copied from one job's folder into the state and from there into another job's.
//!
//! What is copied was made by processes that are not trusted: symbolic links and special files are left out, nothing
//! outside the job's folder is reached, and count and size are bounded.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

/// Most files of an artifact.
pub(super) const FILES_MAX: usize = 10_000;
/// Most bytes of an artifact.
pub(super) const BYTES_MAX: u64 = 512 * 1024 * 1024;
/// Deepest folder of an artifact.
const DEPTH_MAX: usize = 64;

/// What was copied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Copied {
    pub(super) files: usize,
    pub(super) bytes: u64,
    /// Symbolic links and special files left out.
    pub(super) left_out: usize,
}

/// Where an artifact of a run lies; nothing where the name cannot be used.
pub(super) fn place(state: &Path, run: u64, name: &str) -> Option<PathBuf> {
    let plain = |c: char| !c.is_control() && !"\"/\\:<>|*?".contains(c);
    let usable = !name.is_empty() && name.len() <= 200 && !name.starts_with('.') && name.chars().all(plain);
    usable.then(|| state.join("artifacts").join(run.to_string()).join(name))
}

/// Copies a file, or what is in a folder, into `to`, replacing what is there. `from` must lie in `within` by its real
/// path. Nothing at `from`: nothing is copied and `to` is not made.
///
/// # Errors
/// What cannot be copied, and why.
pub(super) fn store(within: &Path, from: &Path, to: &Path, hidden: bool) -> Result<Copied, String> {
    let Ok(facts) = from.symlink_metadata() else { return Ok(Copied::default()) };
    let real = from.canonicalize().map_err(|error| format!("{} cannot be read: {error}", from.display()))?;
    let allowed = within.canonicalize().is_ok_and(|within| real.starts_with(within));
    if facts.is_symlink() || !allowed {
        return Err(format!("{} leads out of the job's folder", from.display()));
    }
    let mut copy = Copy { hidden, copied: Copied::default() };
    let failed = |error: io::Error| format!("{} cannot be stored: {error}", from.display());
    if to.exists() {
        std::fs::remove_dir_all(to).map_err(failed)?;
    }
    let unfinished = to.with_file_name(format!(".{}", to.file_name().unwrap_or_default().display()));
    if unfinished.exists() {
        std::fs::remove_dir_all(&unfinished).map_err(failed)?;
    }
    std::fs::create_dir_all(&unfinished).map_err(failed)?;
    if facts.is_dir() {
        copy.folder(&real, &unfinished, 0).map_err(failed)?;
    } else {
        copy.entry(&real, &unfinished.join(real.file_name().unwrap_or_default()), 0).map_err(failed)?;
    }
    if copy.copied.files == 0 {
        std::fs::remove_dir_all(&unfinished).map_err(failed)?;
    } else {
        std::fs::rename(&unfinished, to).map_err(failed)?;
    }
    Ok(copy.copied)
}

/// Copies an artifact's files into a folder, which is made.
///
/// # Errors
/// There is no such artifact, or it cannot be copied.
pub(super) fn bring(artifact: &Path, to: &Path) -> Result<Copied, String> {
    if !artifact.is_dir() {
        let name = artifact.file_name().unwrap_or_default().display();
        return Err(format!("Unable to download artifact(s): Artifact not found for name: {name}"));
    }
    let mut copy = Copy { hidden: true, copied: Copied::default() };
    let copied = std::fs::create_dir_all(to).and_then(|()| copy.folder(artifact, to, 0));
    copied.map(|()| copy.copied).map_err(|error| format!("{} cannot be written: {error}", to.display()))
}

struct Copy {
    hidden: bool,
    copied: Copied,
}

impl Copy {
    fn folder(&mut self, from: &Path, to: &Path, depth: usize) -> io::Result<()> {
        if depth > DEPTH_MAX {
            return Err(io::Error::other(format!("folders are nested deeper than {DEPTH_MAX}")));
        }
        let mut names = std::fs::read_dir(from)?.map(|entry| Ok(entry?.file_name())).collect::<io::Result<Vec<_>>>()?;
        names.sort();
        for name in names {
            let is_hidden = name.as_encoded_bytes().starts_with(b".");
            if self.hidden || !is_hidden {
                self.entry(&from.join(&name), &to.join(&name), depth)?;
            }
        }
        Ok(())
    }

    fn entry(&mut self, from: &Path, to: &Path, depth: usize) -> io::Result<()> {
        let kind = from.symlink_metadata()?.file_type();
        if kind.is_dir() {
            std::fs::create_dir_all(to)?;
            self.folder(from, to, depth + 1)
        } else if kind.is_file() {
            self.file(from, to)
        } else {
            self.copied.left_out += 1;
            Ok(())
        }
    }

    fn file(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        self.copied.files += 1;
        if self.copied.files > FILES_MAX {
            return Err(io::Error::other(format!("there are more than {FILES_MAX} files")));
        }
        let left = BYTES_MAX - self.copied.bytes;
        let mut source = open(OpenOptions::new().read(true), from)?.take(left + 1);
        let mut target = open(OpenOptions::new().write(true).create(true).truncate(true), to)?;
        self.copied.bytes += io::copy(&mut source, &mut target)?;
        if self.copied.bytes > BYTES_MAX {
            return Err(io::Error::other(format!("the files are larger than {BYTES_MAX} bytes together")));
        }
        Ok(())
    }
}

/// Opens a file, never through a symbolic link at its end.
fn open(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    let flags = i32::try_from((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits()).unwrap_or_default();
    options.custom_flags(flags).open(path)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn text(path: PathBuf) -> String {
        std::fs::read_to_string(path).expect("there")
    }

    #[test]
    fn files_travel_and_links_stay_behind() {
        let state = tempfile::tempdir().expect("a folder");
        let (state, job) = (state.path(), state.path().join("jobs/1"));
        let work = job.join("work");
        std::fs::create_dir_all(work.join("deep")).expect("made");
        for (name, content) in [("report.json", "{}"), ("deep/a", "a"), (".hidden", "h")] {
            std::fs::write(work.join(name), content).expect("written");
        }
        std::fs::write(state.join("secret"), "s").expect("written");
        symlink(state.join("secret"), work.join("link")).expect("linked");
        symlink(state, work.join("deep/all")).expect("linked");
        let stored = place(state, 7, "work").expect("usable");
        let copied = store(&job, &work, &stored, false).expect("stored");
        assert_eq!(copied, Copied { files: 2, bytes: 3, left_out: 2 });
        let other = state.join("jobs/2/in");
        assert_eq!(bring(&stored, &other).expect("brought").files, 2);
        assert_eq!(text(other.join("deep/a")), "a");
        assert!(!other.join("link").exists() && !other.join(".hidden").exists());
        assert_eq!(store(&job, &work.join("report.json"), &stored, true).expect("replaced").files, 1);
        assert_eq!((text(stored.join("report.json")), stored.join("deep").exists()), ("{}".to_owned(), false));
    }

    #[test]
    fn nothing_outside_the_job_is_reached() {
        let state = tempfile::tempdir().expect("a folder");
        let (state, job) = (state.path(), state.path().join("jobs/1"));
        std::fs::create_dir_all(&job).expect("made");
        std::fs::write(state.join("secret"), "s").expect("written");
        symlink(state, job.join("out")).expect("linked");
        let stored = state.join("artifacts/7/work");
        for from in [state.join("secret"), job.join("out"), job.join("out/secret"), job.join("../../secret")] {
            let problem = store(&job, &from, &stored, true).expect_err("outside");
            assert!(problem.contains("leads out of"), "{problem}");
        }
        assert_eq!(store(&job, &job.join("missing"), &stored, true), Ok(Copied::default()));
        assert!(!stored.exists());
        assert!(bring(&stored, &job).expect_err("missing").contains("not found for name: work"));
        for name in ["", "..", ".x", "a/b", "a\\b", "a\nb"] {
            assert_eq!(place(state, 7, name), None, "{name}");
        }
    }
}
