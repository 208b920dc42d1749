//! What a killed git leaves behind: lock files that would refuse every later move of a ref, and unfinished objects.

use std::path::Path;

/// Removes them. What cannot be removed shows later, when git refuses by its name.
pub(super) fn remove(git_dir: &Path) {
    remove_locks(git_dir, false);
    remove_locks(&git_dir.join("refs"), true);
    // Nothing in these is named by any ref.
    let _ = std::fs::remove_dir_all(git_dir.join("scratch"));
    for entry in entries(&git_dir.join("objects")) {
        if entry.file_name().to_string_lossy().starts_with("tmp_objdir-") {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

fn entries(folder: &Path) -> impl Iterator<Item = std::fs::DirEntry> {
    std::fs::read_dir(folder).into_iter().flatten().flatten()
}

/// No ref's name may end in `.lock`, so every such file is a lock.
fn remove_locks(folder: &Path, deep: bool) {
    for entry in entries(folder) {
        let Ok(kind) = entry.file_type() else { continue };
        if kind.is_dir() && deep {
            remove_locks(&entry.path(), true);
        } else if kind.is_file() && entry.path().extension().is_some_and(|ending| ending == "lock") {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}
